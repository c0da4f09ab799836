-- SPDX-License-Identifier: GPL-3.0-or-later
-- Blocks of neighbouring positions, whatever conversations they belong to: a word that several
-- messages of a block have is one entry of the index, not one for each. See decision 0024.
--
-- What the index held is not carried over: it is made from messages, and words are cut otherwise
-- now. The daemon makes it again from the first message on; until then, a search finds what is new.

TRUNCATE search_blocks;
UPDATE search_state SET position = 0;

ALTER TABLE search_blocks
  DROP conversation_id, DROP first_seq, DROP last_seq,
  -- What is in the block: of each conversation, the first and the last seq.
  ADD conversations uuid[] NOT NULL,
  ADD first_seqs bigint[] NOT NULL,
  ADD last_seqs bigint[] NOT NULL;

-- Entries are sorted before they go in, which makes them several times cheaper. search_index()
-- empties the list in the same transaction, so that a search does not have to read it.
ALTER INDEX search_words SET (fastupdate = on);
