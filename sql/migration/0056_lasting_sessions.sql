-- SPDX-License-Identifier: GPL-3.0-or-later
-- Sessions by cookie whose end is put off while they are used.

ALTER TABLE sessions ADD COLUMN ends_at timestamptz; -- in any case
UPDATE sessions SET ends_at = expires_at;
ALTER TABLE sessions ALTER COLUMN ends_at SET NOT NULL;
