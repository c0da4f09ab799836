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

-- Names from before there was one rule for them (xep/name.h): line breaks, controls, what cannot be seen and
-- what turns the direction of the text around it.
UPDATE users u SET name = c.name, username = c.username
  FROM (SELECT x.id, nullif(btrim(regexp_replace(regexp_replace(x.name, '[\s\x01-\x1f\x7f-\x9f\u2028\u2029]+', ' ', 'g'),
                 '[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff]+', '', 'g')), '') AS name,
               nullif(btrim(regexp_replace(regexp_replace(x.username, '[\s\x01-\x1f\x7f-\x9f\u2028\u2029]+', ' ', 'g'),
                 '[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff]+', '', 'g')), '') AS username
          FROM users x
          WHERE concat(x.name, x.username) ~ '[\x01-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff]') c
  WHERE u.id = c.id;
