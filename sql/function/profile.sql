-- SPDX-License-Identifier: GPL-3.0-or-later
-- What users show of themselves, and how they are found.

-- Whether p_viewer may look u up: an app user whose profile is open to the viewer, or somebody on XMPP
-- of whom the viewer knows.
CREATE FUNCTION user_visible(p_viewer uuid, u users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE WHEN u.kind = 'hosted' THEN relation_profile(p_viewer, u)
              ELSE relation_knows(p_viewer, u) END;
END $$;

-- The names of a user to look for parts in, a line each; of an address the local part only.
CREATE FUNCTION user_lines(u users) RETURNS text
LANGUAGE sql STABLE AS $$
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
CREATE FUNCTION user_get(p_viewer uuid, p_user uuid) RETURNS SETOF user_view
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY SELECT (s.seen).*
    FROM (SELECT user_seen(p_viewer, u) AS seen FROM users u
            WHERE u.id = p_user AND (u.id = p_viewer OR user_visible(p_viewer, u)) OFFSET 0) s;
END $$;

-- ---- Pictures ------------------------------------------------------------------------------

-- Keeps a picture, bytes in base64, so that a change may name it.
CREATE FUNCTION picture_store(p_hash text, p_type text, p_image text, p_png text, p_width int,
                              p_height int) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO pictures (hash, type, image, png, width, height)
    VALUES (p_hash, p_type, decode(p_image, 'base64'), decode(p_png, 'base64'), p_width, p_height)
    ON CONFLICT (hash) DO UPDATE SET stored_at = now() -- it is wanted: see reap_pictures()
$$;

-- Whether the picture is a copy that somebody is shown: of a user's, or of what a page has.
CREATE FUNCTION picture_is_shown(p_hash text) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM users u WHERE u.avatar_copy = p_hash AND u.avatar_copy > '')
      OR EXISTS (SELECT FROM link_previews l WHERE l.image_hash = p_hash)
      OR EXISTS (SELECT FROM message_pictures m WHERE m.image_hash = p_hash)
$$;

-- Removes a picture that nobody has any more.
CREATE FUNCTION picture_release(p_hash text) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM pictures p WHERE p.hash = p_hash
    AND NOT EXISTS (SELECT FROM users u WHERE u.avatar_hash = p_hash)
    AND NOT EXISTS (SELECT FROM conversations c WHERE c.icon_hash = p_hash) AND NOT picture_is_shown(p_hash)
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
  SELECT * INTO old FROM users WHERE id = p_user AND kind IN ('hosted', 'bound') AND deleted_at IS NULL FOR UPDATE;
  IF old.id IS NULL THEN
    outcome := 2;
    RETURN;
  ELSIF old.kind = 'bound' AND p_arguments ? 'bio' THEN
    outcome := 6;
    result := '{"pointer": "/bio", "detail": "is for the account''s own clients to say"}';
    RETURN;
  END IF;
  u := old;
  IF p_arguments ? 'name' THEN
    u.name := p_arguments->>'name';
    u.own_name := u.name IS NOT NULL AND u.kind = 'hosted';
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
  IF outcome = 0 AND u.kind = 'bound' THEN
    u.privacy_profile := CASE WHEN u.name IS NOT NULL OR u.avatar_hash IS NOT NULL THEN 'contacts' END;
    IF u.avatar_hash IS DISTINCT FROM old.avatar_hash THEN -- what its server tells of it is no news then
      u.announced_hash := coalesce('pep:' || u.avatar_hash, '');
    END IF;
    PERFORM bound_profile_tell(u, old);
  END IF;
  IF outcome = 0 THEN
    UPDATE users SET name = u.name, own_name = u.own_name, bio = u.bio, announced_hash = u.announced_hash,
        privacy_profile = u.privacy_profile, avatar_hash = u.avatar_hash, updated_at = now()
      WHERE id = p_user RETURNING * INTO u;
    PERFORM user_words_update(u);
    PERFORM picture_release(old.avatar_hash);
  END IF;
  IF user_facts(u, false) IS DISTINCT FROM user_facts(old, false) THEN
    PERFORM event_add('user.updated', 'partners', NULL, p_user);
  END IF;
  result := to_jsonb(user_facts(u, false));
END $$;

-- What a user of another server shows p_user (NULL: nobody in particular): jid, and those of announced_hash,
-- avatar_hash, nick (from an event, the one that is to be shown) and full_name (shown while there is no
-- other) that are known; "" is none.
CREATE FUNCTION change_remote_profile(p_user uuid, p_arguments jsonb, OUT outcome int,
                                      OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  old users;
  u users;
BEGIN
  SELECT * INTO old FROM users WHERE jid = p_arguments->>'jid' AND kind <> 'hosted' FOR UPDATE;
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
  u.privacy_profile := CASE WHEN u.name IS NOT NULL OR u.avatar_hash IS NOT NULL THEN 'contacts' END;
  outcome := CASE WHEN u IS DISTINCT FROM old THEN 0 ELSE 1 END;
  INSERT INTO shown_profiles (peer_id, user_id) SELECT old.id, p_user WHERE p_user IS NOT NULL
    ON CONFLICT DO NOTHING;
  IF FOUND AND outcome = 1 AND u.privacy_profile IS NOT NULL THEN -- new to this one
    PERFORM contact_event(p_user, u.jid);
    outcome := 0;
  ELSIF outcome = 0 THEN
    UPDATE users SET name = u.name, announced_hash = u.announced_hash,
        avatar_hash = u.avatar_hash, privacy_profile = u.privacy_profile, updated_at = now()
      WHERE id = old.id RETURNING * INTO u;
    PERFORM user_words_update(u);
    PERFORM picture_release(old.avatar_hash);
  END IF;
  IF user_facts(u, false) IS DISTINCT FROM user_facts(old, false) THEN
    PERFORM event_add('user.updated', 'partners', NULL, u.id);
  END IF;
END $$;

-- Whether what p_peer (bare JID) announces to p_user is wanted: they talk to each other, or p_user
-- sees their presence. Whoever is blocked or was declined is asked for nothing: that would tell that
-- somebody is there. known: the announced hash that was looked at last; NULL: none yet. shown: what is
-- known is shown to p_user already. Asked for each announcement: in PL/pgSQL, which keeps its plan.
CREATE FUNCTION remote_profile_wanted(p_user uuid, p_peer text, OUT wanted boolean, OUT known text,
                                      OUT shown boolean)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT NOT relation_blocks(p_user, p_peer) AND (
           u.id = p_user -- an account of another server hears of its own
           OR EXISTS (SELECT FROM contacts c
                     WHERE c.user_id = p_user AND c.peer = p_peer AND c.to_peer)
           OR EXISTS (SELECT FROM conversations c
                        JOIN member_row(c.id, p_user) m ON m.request IS DISTINCT FROM 'declined'
                        WHERE c.kind = 'direct' AND c.member_ids = pair_key(u.id, p_user))),
         u.announced_hash, relation_profile(p_user, u)
    INTO wanted, known, shown
    FROM users u WHERE u.jid = p_peer AND u.kind <> 'hosted';
END $$;

-- ---- Search --------------------------------------------------------------------------------

-- Whether p_viewer may find u: an app user whose profile is open, or somebody on XMPP with whom the
-- viewer has had to do. Whose name is not for the viewer is found by the address alone: each of
-- p_beginnings (see text_beginnings) must begin a word of it.
CREATE FUNCTION user_is_found(p_viewer uuid, u users, p_beginnings text[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF u.id = p_viewer THEN
    RETURN false;
  ELSIF u.kind = 'hosted' THEN
    RETURN relation_profile(p_viewer, u);
  END IF;
  RETURN relation_met(p_viewer, u) AND (relation_profile(p_viewer, u) OR NOT EXISTS (
    SELECT FROM unnest(p_beginnings) AS wanted WHERE NOT EXISTS (
      SELECT FROM string_to_table(text_grams(text_words(u.jid)), ' ') own (word)
        WHERE starts_with(own.word, wanted))));
END $$;

-- Users for p_viewer, at most p_limit: first those who are called p_text, however short it is; then those
-- whose names have a word beginning with each word of it, if one of these has three letters or two
-- characters of a script without spaces, which are as rare. The longest word is looked up, and at most
-- 2000 of its rows, so that a common prefix costs no more than a rare one.
CREATE FUNCTION user_search(p_viewer uuid, p_text text, p_limit int) RETURNS user_list_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  line text := text_line(p_text);
  whole text[] := text_beginnings(p_text);
  words text[] := ARRAY(SELECT w FROM unnest(whole) w ORDER BY length(w) DESC, w LIMIT 8);
  telling boolean := length(words[1]) >= 3 OR words[1] ~ (text_unspaced() || '{2}');
BEGIN
  RETURN (
    SELECT ROW(array_agg(user_seen(p_viewer, l.u) ORDER BY l.called DESC, l.word, (l.u).id))::user_list_view
      FROM (SELECT f.called, f.word, f.u FROM (
        SELECT DISTINCT ON (u.id) w.called, w.word, u
          FROM ((SELECT true AS called, x.word, x.user_id FROM user_words x
                   WHERE x.word = words[1] AND NOT EXISTS (
                     SELECT FROM unnest(whole) AS other WHERE NOT EXISTS (
                       SELECT FROM user_words y WHERE y.user_id = x.user_id AND y.word = other))
                   LIMIT 2000)
                UNION ALL
                (SELECT false, x.word, x.user_id FROM user_words x
                   WHERE telling AND x.word >= words[1] AND x.word < words[1] || chr(1114111)
                   ORDER BY x.word LIMIT 2000)) w
          JOIN users u ON u.id = w.user_id
          WHERE CASE WHEN w.called
                  THEN line = ANY (string_to_array(coalesce(u.folded, user_lines(u)), E'\n'))
                ELSE NOT EXISTS (
                  SELECT FROM unnest(words[2:]) AS other
                    WHERE NOT EXISTS (SELECT FROM user_words y
                                        WHERE y.user_id = u.id AND starts_with(y.word, other))) END
            AND user_is_found(p_viewer, u, whole)
          ORDER BY u.id, w.called DESC, w.word) f
        ORDER BY f.called DESC, f.word, (f.u).id LIMIT p_limit) l);
END $$;

-- Users for p_viewer whose addresses begin with p_text, which has an @, at most p_limit; complete: one of
-- them has exactly that address.
CREATE FUNCTION user_addressed(p_viewer uuid, p_text text, p_limit int, OUT list user_list_view, OUT complete boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  found_ record;
BEGIN
  SELECT ROW(array_agg(user_seen(p_viewer, f.u) ORDER BY (f.u).jid))::user_list_view AS list,
         coalesce(bool_or((f.u).jid = p_text), false) AS complete
    INTO found_
    FROM (SELECT x.u FROM (SELECT u FROM users u
                             WHERE u.jid >= p_text AND u.jid < p_text || chr(1114111)
                             ORDER BY u.jid LIMIT 2000) x
            WHERE user_is_found(p_viewer, x.u, '{}') ORDER BY (x.u).jid LIMIT p_limit) f;
  list := found_.list;
  complete := found_.complete;
END $$;

-- The same for an address elsewhere, of which the domain answers: the user there is made if unknown, and
-- p_viewer may refer to it from now on.
CREATE FUNCTION user_candidate(p_viewer uuid, p_jid text) RETURNS user_list_view
LANGUAGE plpgsql AS $$
DECLARE
  made uuid := user_remote(p_jid);
BEGIN
  INSERT INTO found (user_id, peer_id, at) VALUES (p_viewer, made, clock_timestamp())
    ON CONFLICT (user_id, peer_id) DO UPDATE SET at = excluded.at;
  DELETE FROM found f WHERE f.user_id = p_viewer AND (f.at < now() - interval '1 day' OR f.at < (
    SELECT x.at FROM found x WHERE x.user_id = p_viewer ORDER BY x.at DESC OFFSET 999 LIMIT 1));
  RETURN (
    SELECT ROW(array_agg(user_seen(p_viewer, f.u) ORDER BY (f.u).jid))::user_list_view
      FROM (SELECT x.u FROM (SELECT u FROM users u
                               WHERE u.jid >= p_jid AND u.jid < p_jid || chr(1114111)
                               ORDER BY u.jid LIMIT 2000) x
              WHERE (x.u).id = made OR user_is_found(p_viewer, x.u, '{}')
              ORDER BY (x.u).jid LIMIT 20) f);
END $$;
