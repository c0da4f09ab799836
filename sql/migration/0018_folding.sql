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

-- One spelling of domains (jid_settle()): A-labels are written in their letters. What exists in both
-- spellings already stays two.
CREATE FUNCTION pg_temp.letters_of(p_label text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE -- RFC 3492, section 6.2
  code text := substr(p_label, 5);
  basic int := CASE WHEN strpos(code, '-') > 0
                    THEN length(code) - strpos(reverse(code), '-') ELSE 0 END;
  letters text := left(code, basic);
  at int := CASE WHEN basic > 0 OR left(code, 1) = '-' THEN basic + 2 ELSE 1 END;
  n bigint := 128;
  i bigint := 0;
  bias int := 72;
  before bigint;
  weight bigint;
  digit int;
  t int;
  k int;
  delta bigint;
BEGIN
  WHILE at <= length(code) LOOP
    before := i;
    weight := 1;
    k := 36;
    LOOP
      digit := strpos('abcdefghijklmnopqrstuvwxyz0123456789', substr(code, at, 1)) - 1;
      IF digit < 0 OR at > length(code) OR i > 2147483647 THEN
        RETURN p_label;
      END IF;
      at := at + 1;
      i := i + digit * weight;
      t := least(greatest(k - bias, 1), 26);
      EXIT WHEN digit < t;
      weight := weight * (36 - t);
      k := k + 36;
    END LOOP;
    delta := (i - before) / CASE WHEN before = 0 THEN 700 ELSE 2 END;
    delta := delta + delta / (length(letters) + 1);
    bias := 0;
    WHILE delta > 455 LOOP
      delta := delta / 35;
      bias := bias + 36;
    END LOOP;
    bias := bias + 36 * delta / (delta + 38);
    n := n + i / (length(letters) + 1);
    i := i % (length(letters) + 1);
    IF n > 1114111 OR n BETWEEN 55296 AND 57343 THEN
      RETURN p_label;
    END IF;
    letters := left(letters, i::int) || chr(n::int) || substr(letters, i::int + 1);
    i := i + 1;
  END LOOP;
  RETURN CASE WHEN letters <> '' AND letters IS NFKC NORMALIZED AND letters !~ '[\x01-,/:-`{-\xb6\u2000-\u206f]'
                AND lower(letters COLLATE "und-x-icu") = letters THEN letters ELSE p_label END;
END $$;

CREATE FUNCTION pg_temp.settled(p_jid text) RETURNS text LANGUAGE sql AS $$
  SELECT substr(p_jid, 1, strpos(p_jid, '@'))
    || string_agg(CASE WHEN label LIKE 'xn--%' THEN pg_temp.letters_of(label) ELSE label END, '.' ORDER BY n)
    FROM string_to_table(substr(p_jid, strpos(p_jid, '@') + 1), '.') WITH ORDINALITY AS l (label, n)
$$;

UPDATE users u SET jid = pg_temp.settled(u.jid),
    username = CASE WHEN u.username = u.jid THEN pg_temp.settled(u.jid) ELSE u.username END
  WHERE u.jid ~ '[@.]xn--|^xn--[^@]*$'
    AND NOT EXISTS (SELECT FROM users x WHERE x.jid = pg_temp.settled(u.jid));
UPDATE conversations c SET remote_jid = u.jid FROM users u
  WHERE u.id = c.remote_user AND c.remote_jid <> u.jid;
UPDATE contacts c SET peer = pg_temp.settled(c.peer) WHERE c.peer ~ '[@.]xn--|^xn--[^@]*$'
  AND NOT EXISTS (SELECT FROM contacts x WHERE x.user_id = c.user_id AND x.peer = pg_temp.settled(c.peer));
UPDATE blocks b SET peer = pg_temp.settled(b.peer) WHERE b.peer ~ '[@.]xn--|^xn--[^@]*$'
  AND NOT EXISTS (SELECT FROM blocks x WHERE x.user_id = b.user_id AND x.peer = pg_temp.settled(b.peer));
UPDATE outbox o SET to_address = u.jid
  FROM messages m JOIN conversations c ON c.id = m.conversation_id JOIN users u ON u.id = c.remote_user
  WHERE m.id = o.message_id AND o.to_address ~ '[@.]xn--' AND o.kind = 'message';
