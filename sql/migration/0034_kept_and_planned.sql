-- SPDX-License-Identifier: GPL-3.0-or-later
-- What users keep of conversations and messages, and what is to be said later. See decision 0064.

ALTER TABLE members
  -- How many messages the member had written when it marked the conversation as unread: with one more it is
  -- marked no longer. NULL: it is not.
  ADD unread_own bigint,
  ADD draft jsonb,                     -- as the API shows it; NULL: none
  ADD draft_at timestamptz;            -- when it was written or removed: what is older comes too late

-- Messages that users have starred.
CREATE TABLE stars (
  user_id uuid NOT NULL,
  message_id uuid NOT NULL,
  position bigint NOT NULL,            -- of the log, when it was starred: their order
  at timestamptz NOT NULL,
  PRIMARY KEY (user_id, message_id)
);
CREATE UNIQUE INDEX stars_order ON stars (user_id, position);
CREATE INDEX stars_message ON stars (message_id);

-- Messages that are to be sent later.
CREATE TABLE scheduled (
  id uuid PRIMARY KEY,
  message_id uuid NOT NULL,            -- of the message that it becomes
  conversation_id uuid NOT NULL,
  user_id uuid NOT NULL,               -- who sends it
  client_id text,
  content text NOT NULL,
  local_time timestamp,                -- on the clocks of time_zone; NULL: due_at is what was said
  time_zone text,
  due_at timestamptz NOT NULL,
  status text NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'sent', 'cancelled', 'failed')),
  reason text,                         -- why it failed, an error code
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CHECK ((local_time IS NULL) = (time_zone IS NULL))
);
CREATE INDEX scheduled_due ON scheduled (due_at) WHERE status = 'pending';
CREATE UNIQUE INDEX scheduled_client ON scheduled (user_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX scheduled_waiting ON scheduled (user_id) WHERE status = 'pending';
CREATE INDEX scheduled_user ON scheduled (user_id, conversation_id, due_at, id);
CREATE INDEX scheduled_over ON scheduled (updated_at) WHERE status <> 'pending';
