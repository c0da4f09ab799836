-- SPDX-License-Identifier: GPL-3.0-or-later
-- What users show of themselves, and how they are found.

-- Whether p_viewer may see u's profile and find u.
CREATE FUNCTION user_visible(p_viewer uuid, u users) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT relation_profile(p_viewer, u)
$$;

-- The names of a user to look for parts in, a line each; of an address the local part only.
CREATE FUNCTION user_lines(u users) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT concat_ws(E'\n', text_line(u.name), text_line(split_part(u.username, '@', 1)),
                   text_line(split_part(u.jid, '@', 1)))
$$;

-- Brings user_words and users.folded up to date with a user. To be called whenever username or name have
-- changed.
CREATE FUNCTION user_words_update(u users) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  local text := split_part(u.jid, '@', 1);
  names text := concat(u.name, ' ', CASE WHEN u.kind = 'hosted' THEN concat(u.username, ' ', local) ELSE u.jid END);
  words text[] := ARRAY(SELECT DISTINCT left(g.word, 64)
                          FROM string_to_table(text_grams(text_words(names)), ' ') g (word) WHERE g.word <> '');
  lines text := user_lines(u);
BEGIN
  DELETE FROM user_words w WHERE w.user_id = u.id AND w.word <> ALL (words);
  INSERT INTO user_words (word, user_id) SELECT unnest(words), u.id ON CONFLICT DO NOTHING;
  UPDATE users x SET folded = lines WHERE x.id = u.id AND x.folded IS DISTINCT FROM lines;
END $$;

-- Does that for the next p_limit users after p_after. Yields the last of them; NULL: there are no more.
CREATE FUNCTION user_words_renew(p_after uuid, p_limit int) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  u users;
  done int := 0;
BEGIN
  FOR u IN SELECT x.* FROM users x WHERE x.id > p_after ORDER BY x.id LIMIT p_limit FOR NO KEY UPDATE LOOP
    PERFORM user_words_update(u);
    done := done + 1;
  END LOOP;
  RETURN CASE WHEN done = p_limit THEN u.id END;
END $$;

-- The profile of p_user, for p_viewer. No row: no such user, or none of the viewer's business.
CREATE FUNCTION user_get(p_viewer uuid, p_user uuid) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT user_json(u)::text FROM users u
    WHERE u.id = p_user AND (u.id = p_viewer OR user_visible(p_viewer, u))
$$;

-- ---- Pictures ------------------------------------------------------------------------------

-- Keeps a picture, bytes in base64, so that a change may name it.
CREATE FUNCTION picture_store(p_hash text, p_type text, p_image text, p_png text, p_width int,
                              p_height int) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO pictures (hash, type, image, png, width, height)
    VALUES (p_hash, p_type, decode(p_image, 'base64'), decode(p_png, 'base64'), p_width, p_height)
    ON CONFLICT DO NOTHING
$$;

-- Removes a picture that nobody has any more.
CREATE FUNCTION picture_release(p_hash text) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM pictures p WHERE p.hash = p_hash
    AND NOT EXISTS (SELECT FROM users u WHERE u.avatar_hash = p_hash)
$$;

CREATE FUNCTION picture_get(p_hash text) RETURNS TABLE (type text, image text)
LANGUAGE sql STABLE AS $$
  SELECT p.type, encode(p.image, 'base64') FROM pictures p WHERE p.hash = p_hash
$$;

-- The picture for XMPP, base64 in one line.
CREATE FUNCTION picture_png(p_hash text)
RETURNS TABLE (png text, bytes int, width int, height int)
LANGUAGE sql STABLE AS $$
  SELECT replace(encode(p.png, 'base64'), E'\n', ''), length(p.png), p.width, p.height
    FROM pictures p WHERE p.hash = p_hash
$$;

-- ---- Changes -------------------------------------------------------------------------------

-- Changes of the user's own profile: name, bio, avatar_hash, those that are there; null clears. The
-- result is the User object.
CREATE FUNCTION change_profile(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  old users;
  u users;
BEGIN
  SELECT * INTO old FROM users WHERE id = p_user AND kind = 'hosted' FOR UPDATE;
  IF old.id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  u := old;
  IF p_arguments ? 'name' THEN
    u.name := p_arguments->>'name';
    u.own_name := u.name IS NOT NULL;
  END IF;
  IF p_arguments ? 'bio' THEN
    u.bio := p_arguments->>'bio';
  END IF;
  IF p_arguments ? 'avatar_hash' THEN
    u.avatar_hash := p_arguments->>'avatar_hash';
    IF u.avatar_hash IS NOT NULL AND NOT EXISTS (SELECT FROM pictures WHERE hash = u.avatar_hash) THEN
      outcome := 3; -- somebody else has just dropped the same picture
      RETURN;
    END IF;
  END IF;
  outcome := CASE WHEN u IS DISTINCT FROM old THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    UPDATE users SET name = u.name, own_name = u.own_name, bio = u.bio,
        avatar_hash = u.avatar_hash, updated_at = now()
      WHERE id = p_user RETURNING * INTO u;
    PERFORM user_words_update(u);
    PERFORM picture_release(old.avatar_hash);
  END IF;
  IF user_json(u)::text <> user_json(old)::text THEN
    PERFORM event_add('user.updated', 'partners', NULL, p_user, user_json(u));
  END IF;
  result := user_json(u);
END $$;

-- What a remote user shows: jid, and those of announced_hash, avatar_hash, nick (from an event, the
-- one that is to be shown) and full_name (shown while there is no other) that are known; "" is none.
CREATE FUNCTION change_remote_profile(p_user uuid, p_arguments jsonb, OUT outcome int,
                                      OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  old users;
  u users;
BEGIN
  SELECT * INTO old FROM users WHERE jid = p_arguments->>'jid' AND kind = 'remote' FOR UPDATE;
  IF old.id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  u := old;
  u.announced_hash := coalesce(p_arguments->>'announced_hash', u.announced_hash);
  u.avatar_hash := CASE WHEN p_arguments ? 'avatar_hash'
    THEN (SELECT p.hash FROM pictures p WHERE p.hash = p_arguments->>'avatar_hash')
    ELSE u.avatar_hash END;
  u.name := coalesce(
    CASE WHEN p_arguments ? 'nick' THEN nullif(p_arguments->>'nick', '') ELSE u.name END,
    nullif(p_arguments->>'full_name', ''));
  outcome := CASE WHEN u IS DISTINCT FROM old THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    UPDATE users SET name = u.name, announced_hash = u.announced_hash,
        avatar_hash = u.avatar_hash, updated_at = now()
      WHERE id = old.id RETURNING * INTO u;
    PERFORM user_words_update(u);
    PERFORM picture_release(old.avatar_hash);
  END IF;
  IF user_json(u)::text <> user_json(old)::text THEN
    PERFORM event_add('user.updated', 'partners', NULL, u.id, user_json(u));
  END IF;
END $$;

-- Whether what p_peer (bare JID) announces to p_user is wanted: they talk to each other, or p_user
-- sees their presence. Whoever is blocked or was declined is asked for nothing: that would tell that
-- somebody is there. known: the announced hash that was looked at last; NULL: none yet.
CREATE FUNCTION remote_profile_wanted(p_user uuid, p_peer text, OUT wanted boolean, OUT known text)
LANGUAGE sql STABLE AS $$
  SELECT NOT relation_blocks(p_user, p_peer) AND (
           EXISTS (SELECT FROM contacts c
                     WHERE c.user_id = p_user AND c.peer = p_peer AND c.to_peer)
           OR EXISTS (SELECT FROM conversations c JOIN members m ON m.conversation_id = c.id
                        AND m.user_id = p_user AND m.request IS DISTINCT FROM 'declined'
                        WHERE c.kind = 'direct' AND c.user_a = least(u.id, p_user)
                          AND c.user_b = greatest(u.id, p_user))),
         u.announced_hash
    FROM users u WHERE u.jid = p_peer AND u.kind = 'remote'
$$;

-- ---- Search --------------------------------------------------------------------------------

-- Users for p_viewer whose names have a word beginning with each word of p_text, at most p_limit:
-- hosted ones who may be seen, and remote ones whom the viewer talks to. The longest word is looked
-- up, and at most 2000 of its rows, so that a common prefix costs no more than a rare one.
CREATE FUNCTION user_search(p_viewer uuid, p_text text, p_limit int) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  words text[];
BEGIN
  words := ARRAY(SELECT w FROM unnest(text_beginnings(p_text)) w ORDER BY length(w) DESC, w LIMIT 8);
  -- Two characters of a script without spaces are as rare as three letters.
  IF coalesce(length(words[1]), 0) < 3 AND coalesce(words[1] !~ (text_unspaced() || '{2}'), true) THEN
    RETURN '{"items":[]}';
  END IF;
  RETURN (
    SELECT json_build_object('items', coalesce(json_agg(user_json(l.u) ORDER BY l.word, (l.u).id),
                                               '[]'::json))::text
      FROM (SELECT f.word, f.u FROM (
        SELECT DISTINCT ON (u.id) w.word, u
          FROM (SELECT x.word, x.user_id FROM user_words x
                  WHERE x.word >= words[1] AND x.word < words[1] || chr(1114111)
                  ORDER BY x.word LIMIT 2000) w
          JOIN users u ON u.id = w.user_id
          WHERE u.id <> p_viewer AND user_visible(p_viewer, u)
            AND (u.kind = 'hosted' OR EXISTS (
              SELECT FROM conversations c WHERE c.kind = 'direct'
                AND c.user_a = least(u.id, p_viewer) AND c.user_b = greatest(u.id, p_viewer)))
            AND NOT EXISTS (
              SELECT FROM unnest(words[2:]) AS other
                WHERE NOT EXISTS (SELECT FROM user_words y
                                    WHERE y.user_id = u.id AND starts_with(y.word, other)))
          ORDER BY u.id, w.word) f
        ORDER BY f.word, (f.u).id LIMIT p_limit) l);
END $$;

-- The user at an address of our own domain, if the viewer may see them.
CREATE FUNCTION user_at(p_viewer uuid, p_jid text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('items', coalesce(json_agg(user_json(u)), '[]'::json))::text
    FROM users u WHERE u.jid = p_jid AND u.kind = 'hosted' AND u.id <> p_viewer
      AND user_visible(p_viewer, u)
$$;

-- A user at an address elsewhere, made if unknown.
CREATE FUNCTION user_candidate(p_viewer uuid, p_jid text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  found uuid := user_remote(p_jid);
BEGIN
  RETURN (SELECT json_build_object('items', coalesce(json_agg(user_json(u)), '[]'::json))::text
            FROM users u WHERE u.id = found AND user_visible(p_viewer, u));
END $$;
