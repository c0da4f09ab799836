-- SPDX-License-Identifier: GPL-3.0-or-later
-- Whether the holder can do what the lease is for: other instances answer for that while they cannot
-- hear it otherwise.
ALTER TABLE leases ADD COLUMN useful boolean NOT NULL DEFAULT false;

-- What is to be done later, or now and then. One process at a time runs them, see sql/function/job.sql.
CREATE TABLE jobs (
  kind text NOT NULL,
  key text NOT NULL DEFAULT '',        -- which of the kind; '': there is only one
  due_at timestamptz NOT NULL,
  payload jsonb NOT NULL DEFAULT '{}',
  attempts int NOT NULL DEFAULT 0,     -- begun since the last success
  locked_until timestamptz,            -- somebody is at it; then it counts as abandoned
  ran_at timestamptz,                  -- when it was begun last
  failed text,                         -- the error code of the last run; NULL: it succeeded
  PRIMARY KEY (kind, key)
);
CREATE INDEX jobs_due ON jobs (due_at);

-- Events up to that position may have been removed: an older cursor is no use.
ALTER TABLE log_head ADD COLUMN events_from bigint NOT NULL DEFAULT 0;

-- Since when nothing refers to a remote user; NULL: something does, or it was not looked at yet.
ALTER TABLE users ADD COLUMN unused_since timestamptz;
-- To find out whether something does.
CREATE INDEX conversations_b ON conversations (user_b);
CREATE INDEX contacts_peer ON contacts (peer);
CREATE INDEX blocks_peer ON blocks (peer);
CREATE INDEX tickets_user ON tickets (user_id);

-- A picture is kept for a while before somebody has it.
ALTER TABLE pictures ADD COLUMN stored_at timestamptz NOT NULL DEFAULT now();
