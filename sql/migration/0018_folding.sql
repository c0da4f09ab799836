-- SPDX-License-Identifier: GPL-3.0-or-later
-- One folding for all that is searched (sql/function/text.sql, decision 0034).
--
-- What another folding has left, in blocks and words of users, serves on until the daemon has made it anew
-- behind the log: search_renew().

ALTER TABLE users ADD folded text;     -- names to look for parts in: lines of text_line()

ALTER TABLE search_state
  ADD folding int NOT NULL DEFAULT 0,  -- text_folding() of what is there or being made
  ADD user_done uuid,                  -- users up to there have words of it; NULL: all
  ADD block_done bigint NOT NULL DEFAULT 0, -- blocks up to there are of it, and those above block_end
  ADD block_end bigint NOT NULL DEFAULT 0;
