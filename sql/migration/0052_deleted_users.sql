-- SPDX-License-Identifier: GPL-3.0-or-later
-- Users who were deleted: the row stays, because what they said to others refers to it.

ALTER TABLE users
  ADD deleted_at timestamptz,
  ADD gone_id uuid;                    -- digest of the app's own id that the user had
CREATE INDEX users_gone ON users (gone_id) WHERE gone_id IS NOT NULL;
