-- SPDX-License-Identifier: GPL-3.0-or-later
-- What messages carry besides their text, and what is done to them afterwards. See decision 0061.

-- details is NULL of a text to which nothing was ever done, and then all that follows it is NULL, too: reading
-- such a message looks at no other column.
ALTER TABLE messages
  ADD details jsonb,                   -- what it carries, as content_accept() and content_arrived() made it
  ADD reply_to uuid,                   -- the message that it answers, of the same conversation
  ADD thread_id uuid,                  -- threads.id
  ADD forward_count int,               -- how often it was forwarded; NULL: never
  ADD edited_at timestamptz,
  ADD deleted_at timestamptz,          -- a tombstone: body and details are gone
  ADD deleted_by uuid,                 -- NULL: it has expired
  ADD expires_at timestamptz;
CREATE INDEX messages_thread ON messages (thread_id, seq) WHERE thread_id IS NOT NULL;
CREATE INDEX messages_reply ON messages (reply_to) WHERE reply_to IS NOT NULL;

-- A thread begins at a message, whose id is its own.
CREATE TABLE threads (
  id uuid PRIMARY KEY,
  conversation_id uuid NOT NULL,
  position bigint NOT NULL,            -- of the newest message: the order of the list
  wire text,                           -- as clients on XMPP name it (RFC 6121 section 5.2.5); NULL: by its id
  topic text,
  is_resolved boolean NOT NULL DEFAULT false,
  message_count bigint NOT NULL,       -- without the one that it begins at
  last_at timestamptz NOT NULL,
  participants uuid[] NOT NULL         -- who has written in it, the first 100
);
CREATE INDEX threads_conversation ON threads (conversation_id, position);
CREATE UNIQUE INDEX threads_wire ON threads (conversation_id, wire) WHERE wire IS NOT NULL;

-- What a message said before it was edited, and every id by which a version was on the wire.
CREATE TABLE message_versions (
  message_id uuid NOT NULL,
  version int NOT NULL,                -- 0: as it was sent first
  wire text NOT NULL,                  -- the id of the stanza that brought it
  body text,
  details jsonb,
  at timestamptz NOT NULL,             -- when it was said
  PRIMARY KEY (message_id, version)
);

CREATE INDEX message_versions_wire ON message_versions (wire);

-- What was deleted for everyone, kept for moderators for a while.
CREATE TABLE removed_content (
  message_id uuid PRIMARY KEY,
  conversation_id uuid NOT NULL,
  sender_id uuid,
  removed_by uuid,                     -- NULL: nobody, it has expired
  reason text,
  removed_at timestamptz NOT NULL,
  content jsonb NOT NULL               -- { body, kind, details, metadata, versions: [{ body, at }] }
);
CREATE INDEX removed_content_age ON removed_content (removed_at);

-- Who has read of that what.
CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor uuid,                          -- NULL: a server key
  action text NOT NULL,
  object uuid
);

-- Messages that a member has deleted for himself.
CREATE TABLE hidden (
  user_id uuid NOT NULL,
  message_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (conversation_id, user_id, seq)
);
ALTER TABLE members ADD hides boolean NOT NULL DEFAULT false; -- has rows there

-- How often a user has forwarded a message.
CREATE TABLE forwards (
  user_id uuid NOT NULL,
  message_id uuid NOT NULL,
  count int NOT NULL,
  PRIMARY KEY (user_id, message_id)
);

-- Blocks of the search's index (position >> 6) that are to be made anew: a message in them has changed.
CREATE TABLE search_stale (
  block bigint PRIMARY KEY
);

-- A newer edit takes the place of one that waits.
CREATE INDEX outbox_edit ON outbox (message_id) WHERE kind = 'edit';
