-- SPDX-License-Identifier: GPL-3.0-or-later
-- What users show of themselves, and how they are found.

-- Pictures, made anew from what was uploaded or fetched. One id everywhere: the SHA-1 of png in hex
-- is the path of the picture for apps, its item of XEP-0084 and its hash in presence.
CREATE TABLE pictures (
  hash text COLLATE "C" PRIMARY KEY,
  type text NOT NULL,                  -- media type of image
  image bytea NOT NULL,                -- for apps
  png bytea NOT NULL,                  -- for XMPP
  width int NOT NULL,                  -- of png
  height int NOT NULL
);
ALTER TABLE pictures ALTER image SET STORAGE EXTERNAL, ALTER png SET STORAGE EXTERNAL;

ALTER TABLE users
  ADD avatar_hash text COLLATE "C",    -- of pictures; NULL: avatar_url, the picture of the token
  ADD own_name boolean NOT NULL DEFAULT false, -- the user has set it: the token's is not followed
  ADD announced_hash text;             -- remote: what they last announced and we have looked at
CREATE INDEX users_avatar ON users (avatar_hash) WHERE avatar_hash IS NOT NULL;

-- Words of user names and names, in lower case, for search by prefix.
CREATE TABLE user_words (
  word text COLLATE "C" NOT NULL,
  user_id uuid NOT NULL REFERENCES users,
  PRIMARY KEY (word, user_id)
);
CREATE INDEX user_words_user ON user_words (user_id);
INSERT INTO user_words (word, user_id)
  SELECT DISTINCT left(w.word, 64), u.id
    FROM users u CROSS JOIN LATERAL (
      SELECT * FROM regexp_split_to_table(
        lower(normalize(coalesce(u.name, '') || ' ' || CASE WHEN u.kind = 'hosted'
          THEN coalesce(u.username, '') || ' ' || split_part(u.jid, '@', 1)
          ELSE u.jid END, NFKC) COLLATE "und-x-icu"), '[[:space:][:punct:]]+') AS word) w
    WHERE w.word <> '';
