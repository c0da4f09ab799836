-- SPDX-License-Identifier: GPL-3.0-or-later
-- Accounts that their users delete; copies of what there is of a user or in a conversation.

ALTER TABLE users ADD leaves_at timestamptz; -- when it is deleted, unless its user comes back before

-- state: waiting (for the consent of the others), running, ready, failed; refused (by one of the others, or nobody
-- answered), cancelled.
CREATE TABLE exports (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users, -- whose it is: of an account, whose data
  conversation_id uuid,                -- NULL: of an account
  asked_by text,                       -- staff, in words as in the audit; NULL: user_id
  state text NOT NULL CHECK (state IN ('waiting', 'running', 'ready', 'failed', 'refused', 'cancelled')),
  progress int NOT NULL DEFAULT 0,     -- per cent
  size bigint,                         -- bytes of what is in it
  path text COLLATE "C" UNIQUE,        -- of its link, which nobody can guess
  created_at timestamptz NOT NULL,
  ended_at timestamptz,
  expires_at timestamptz NOT NULL      -- waiting: it is refused then; else it is removed
);
CREATE INDEX exports_user ON exports (user_id, created_at, id);
CREATE INDEX exports_open ON exports (user_id) WHERE state IN ('waiting', 'running');
CREATE INDEX exports_expiry ON exports (expires_at);
CREATE INDEX exports_staff ON exports (created_at, id) WHERE asked_by IS NOT NULL;
CREATE INDEX exports_conversation ON exports (conversation_id) WHERE state = 'waiting';

-- Its files, in pieces: those of one file behind each other.
CREATE TABLE export_parts (
  export_id uuid NOT NULL REFERENCES exports ON DELETE CASCADE,
  n int NOT NULL,
  file text NOT NULL,
  content text NOT NULL,
  PRIMARY KEY (export_id, n)
);

-- Whose consent the export of a conversation needs.
CREATE TABLE export_consents (
  export_id uuid NOT NULL REFERENCES exports ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES users,
  state text NOT NULL CHECK (state IN ('asked', 'given', 'refused')),
  at timestamptz NOT NULL,
  PRIMARY KEY (export_id, user_id)
);
CREATE INDEX export_consents_user ON export_consents (user_id);
