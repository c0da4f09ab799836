-- SPDX-License-Identifier: GPL-3.0-or-later
-- How long messages are kept. See decision 0095.

-- Conversations in which messages up to seq, which nobody sees any more (conversations.base_seq), are still to be removed.
CREATE TABLE purges (
  conversation_id uuid PRIMARY KEY REFERENCES conversations ON DELETE CASCADE,
  seq bigint NOT NULL,
  done bigint NOT NULL DEFAULT 0        -- up to there they are
);

-- Users whose own messages go sooner than those of others.
CREATE TABLE retention_users (
  user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  days int NOT NULL CHECK (days > 0)
);

-- Up to which seq of a conversation those of the user are gone.
CREATE TABLE retention_places (
  user_id uuid NOT NULL REFERENCES retention_users ON DELETE CASCADE,
  conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
  seq bigint NOT NULL,
  PRIMARY KEY (user_id, conversation_id)
);
CREATE INDEX retention_places_conversation ON retention_places (conversation_id);

-- The oldest files whose bytes are there.
CREATE INDEX files_age ON files (created_at) WHERE state IN ('processing', 'complete') AND url IS NULL;

-- By whom a message that goes was forwarded.
CREATE INDEX forwards_message ON forwards (message_id);
