-- SPDX-License-Identifier: GPL-3.0-or-later
-- A session is as old as the token that began it, and ends with it. A ticket that a server key made
-- ends with the key.

ALTER TABLE sessions
  ADD COLUMN issued_at timestamptz,    -- of the token; a sign-out ends what was issued before
  ADD COLUMN begun_by uuid;            -- digest of the token; NULL: begun before this was kept
UPDATE sessions SET issued_at = created_at;
ALTER TABLE sessions ALTER COLUMN issued_at SET NOT NULL;
