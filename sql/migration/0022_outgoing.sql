-- SPDX-License-Identifier: GPL-3.0-or-later
-- Outgoing stanzas of any kind, and what an archive replays besides messages. See decisions 0040 and 0041.

-- ---- Outgoing ---------------------------------------------------------------------------------------

-- The program has a table of kinds; one that it does not know is left here for a version that does.
-- payload: what the stanza says; NULL: nothing, or the text of the message.
ALTER TABLE outbox
  ADD payload text,
  DROP CONSTRAINT outbox_kind_check,
  DROP CONSTRAINT outbox_message_check;
UPDATE outbox o SET payload = u.name FROM users u WHERE o.kind = 'subscribe' AND u.id = o.from_user;

-- ---- Entries ----------------------------------------------------------------------------------------

-- Beside messages, what has an id in the archive of a conversation and comes again to whoever reads it
-- (XEP-0313): edits, retractions, reactions, receipts, calls.
CREATE TABLE entries (
  position bigint PRIMARY KEY,         -- in the log, of the event that it came with; one order with messages
  id uuid NOT NULL UNIQUE,             -- stanza-id and archive id, as messages.id
  conversation_id uuid NOT NULL,
  seq bigint NOT NULL,                 -- newest message then: who may see that one may see this
  kind text NOT NULL,                  -- as the feature that it belongs to calls it
  sender_id uuid,                      -- NULL: the system
  target uuid,                         -- the message that it is about; NULL: none
  created_at timestamptz NOT NULL,
  payload jsonb,                       -- facts, from which the stanza is made
  sender_address text,                 -- full JID, foreign_id its id, stanza as received: for what came
  foreign_id text,                     -- by XMPP; as in messages
  stanza text
);
CREATE INDEX entries_conversation ON entries (conversation_id, position);
CREATE INDEX entries_target ON entries (target) WHERE target IS NOT NULL;
