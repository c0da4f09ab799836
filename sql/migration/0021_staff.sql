-- SPDX-License-Identifier: GPL-3.0-or-later
-- Who works for the deployment, and as what; admin stands for all roles.
ALTER TABLE users ADD staff text[] NOT NULL DEFAULT '{}'
  CHECK (staff <@ ARRAY['moderator', 'auditor', 'admin']);
