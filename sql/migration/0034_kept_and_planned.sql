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

-- ---- What messages carry that comes to an end -------------------------------------------------------

ALTER TABLE conversations
  ADD disappearing int;                -- seconds after which its messages go; NULL: they stay

ALTER TABLE users
  ADD privacy_location text CHECK (privacy_location IN ('everyone', 'contacts', 'nobody'));

ALTER TABLE scheduled
  ADD details jsonb,                   -- what it carries, as message_store() takes it; NULL: nothing
  ALTER content DROP NOT NULL;

-- What is to happen to messages: see sql/function/deadline.sql.
CREATE TABLE deadlines (
  kind text NOT NULL,
  message_id uuid NOT NULL,
  due_at timestamptz NOT NULL,
  PRIMARY KEY (kind, message_id)
);
CREATE INDEX deadlines_due ON deadlines (due_at);

-- When all were told last that a message shows something else, of those of which they are told now and then.
CREATE TABLE retold (
  message_id uuid PRIMARY KEY,
  at timestamptz NOT NULL
);
CREATE INDEX retold_at ON retold (at);

-- What has been voted in a poll.
CREATE TABLE polls (
  message_id uuid PRIMARY KEY,
  summary jsonb,                       -- poll_summary() when all were told last; NULL: nobody has voted
  closed_at timestamptz
);
CREATE TABLE votes (
  message_id uuid NOT NULL,
  user_id uuid NOT NULL,
  options int[] NOT NULL,              -- numbers of options, from 1, rising; never empty
  at timestamptz NOT NULL,
  PRIMARY KEY (message_id, user_id)
);

-- Who was mentioned where, in conversations of many.
CREATE TABLE mentioned (
  user_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (user_id, conversation_id, seq)
);
