-- SPDX-License-Identifier: GPL-3.0-or-later
-- Words of messages, gathered behind the log: storing a message costs nothing for them.
--
-- A block holds the words of neighbouring messages of one conversation. Its keys begin with the
-- bucket of its position (65536 positions each): a search goes from bucket to bucket, newest first,
-- and what it reads of each is bounded however long the log is. See sql/function/search.sql.

CREATE TABLE search_blocks (
  position bigint PRIMARY KEY,         -- of its newest message
  conversation_id uuid NOT NULL,
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL,
  words tsvector NOT NULL
);
-- Without a pending list: a search would read it once for each bucket.
CREATE INDEX search_words ON search_blocks USING gin (words) WITH (fastupdate = off);

-- Everything up to that position is in blocks.
CREATE TABLE search_state (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  position bigint NOT NULL DEFAULT 0
);
INSERT INTO search_state DEFAULT VALUES;

-- To walk the log. Positions rise with the place in the table, so that a few bytes for each range
-- of pages are enough.
CREATE INDEX messages_position ON messages USING brin (position)
  WITH (pages_per_range = 16, autosummarize = on);
