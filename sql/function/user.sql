-- SPDX-License-Identifier: GPL-3.0-or-later
-- Users.

CREATE FUNCTION user_picture(u users) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce('/api/avatars/' || coalesce(u.avatar_hash, nullif(u.avatar_copy, '')), CASE WHEN u.avatar_copy IS NULL THEN u.avatar_url END)
$$;

-- What a user is called: clients take both for texts, so whoever has neither is called by the address.
CREATE FUNCTION user_username(u users) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce(u.username, split_part(u.jid, '@', 1))
$$;

CREATE FUNCTION user_name(u users) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce(u.name, u.username, split_part(u.jid, '@', 1))
$$;

-- What a user shows of themselves; p_closed: to somebody who does not see the profile.
CREATE FUNCTION user_facts(u users, p_closed boolean) RETURNS user_view
LANGUAGE sql STABLE AS $$
  SELECT ROW(u.id, user_username(u),
             CASE WHEN p_closed AND u.kind <> 'hosted' THEN user_username(u) ELSE user_name(u) END,
             CASE WHEN NOT p_closed THEN user_picture(u) END, CASE WHEN NOT p_closed THEN u.bio END,
             u.jid, u.kind, u.number)::user_view
$$;

-- What p_viewer sees of a user, in objects that come ready from SQL (contacts, blocks, calls): the facts, and
-- the email address that nobody has.
CREATE FUNCTION user_json(p_viewer uuid, u users) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN to_jsonb(user_seen(p_viewer, u)) || '{"email": ""}';
END $$;

-- p_text as the id of a user, if it is written as one.
CREATE FUNCTION user_id_of(p_text text) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_text ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN p_text::uuid END
$$;

-- The number of a new user: from 2^52 to 2^53 - 1, which JavaScript still counts exactly, and by chance,
-- so that it says nothing about the numbers of others. Earlier ones are below.
CREATE FUNCTION user_number() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  chosen bigint;
BEGIN
  LOOP
    chosen := 4503599627370496
      + ('x' || substr(replace(gen_random_uuid()::text, '-', ''), 20, 13))::bit(52)::bigint;
    EXIT WHEN NOT EXISTS (SELECT FROM users u WHERE u.number = chosen);
  END LOOP;
  RETURN chosen;
END $$;

-- The hosted user with the app's id EXTERNAL_ID, made if there is none. WANTED_LOCALPART, checked
-- by the caller, is used for a new user's JID if it is free; else a surrogate is. Username, picture
-- and, unless the user has set one, name follow the token when it has them. Returns the row that was found
-- or made; none if EXTERNAL_ID is the id of somebody else: a reference means one user. (An id that is
-- made later is random, nobody can have taken it in advance.)
CREATE FUNCTION user_provision(p_external_id text, p_localpart text, p_domain text,
                               p_username text, p_name text, p_avatar_url text)
RETURNS TABLE (id uuid, jid text, name text, facts text, created boolean, number bigint)
LANGUAGE plpgsql AS $$
DECLARE
  u users;
  made boolean := false;
  before text; -- where the picture was
  old_copy text;
  wanted text := coalesce(p_localpart, 'u' || substr(md5(p_external_id), 1, 12));
BEGIN
  SELECT * INTO u FROM users WHERE users.external_id = p_external_id;
  IF u.id IS NULL AND EXISTS (SELECT FROM users WHERE users.id = user_id_of(p_external_id)) THEN
    RETURN;
  END IF;
  FOR attempt IN 1 .. 5 LOOP
    EXIT WHEN u.id IS NOT NULL;
    INSERT INTO users (id, number, kind, external_id, jid, username, name, avatar_url)
      VALUES (gen_random_uuid(), user_number(), 'hosted', p_external_id, wanted || '@' || p_domain,
              p_username, p_name, p_avatar_url)
      ON CONFLICT DO NOTHING RETURNING * INTO u;
    made := u.id IS NOT NULL;
    IF NOT made THEN -- somebody else has that JID, or a sign-in of the same user ran beside us
      SELECT * INTO u FROM users WHERE users.external_id = p_external_id;
      wanted := left(coalesce(p_localpart, 'u'), 48) || '-' || substr(md5(random()::text), 1, 8);
    END IF;
  END LOOP;
  before := CASE WHEN NOT made THEN u.avatar_url END;
  old_copy := u.avatar_copy;
  IF (p_username IS NOT NULL AND p_username IS DISTINCT FROM u.username)
     OR (p_name IS NOT NULL AND p_name IS DISTINCT FROM u.name AND NOT u.own_name)
     OR (p_avatar_url IS NOT NULL AND p_avatar_url IS DISTINCT FROM u.avatar_url) THEN
    UPDATE users SET username = coalesce(p_username, users.username),
        name = CASE WHEN users.own_name THEN users.name ELSE coalesce(p_name, users.name) END,
        avatar_url = coalesce(p_avatar_url, users.avatar_url), updated_at = now()
      WHERE users.id = u.id RETURNING * INTO u;
    PERFORM user_words_update(u);
  ELSIF made THEN
    PERFORM user_words_update(u);
  END IF;
  IF u.avatar_url LIKE 'http%' AND current_setting('trestle.pictures', true) = 'fetch'
     AND (u.avatar_copy IS NULL OR (p_avatar_url IS NOT NULL AND p_avatar_url IS DISTINCT FROM before)) THEN
    UPDATE users SET avatar_copy = '' WHERE users.id = u.id RETURNING * INTO u; -- nobody is told where it lies
    PERFORM picture_release(old_copy), job_add('avatar.fetch', u.id::text, now());
  END IF;
  RETURN QUERY SELECT u.id, u.jid, u.name, to_json(user_facts(u, false))::text, made, u.number;
END $$;

CREATE FUNCTION user_row(p_id uuid)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid, u.name, to_json(user_facts(u, false))::text, u.kind, u.number FROM users u WHERE u.id = p_id
$$;

-- The user with this id, or the hosted user with this id of the app's own. Nobody if these are two:
-- user_provision() lets that happen no more, but older databases may have it.
CREATE FUNCTION user_find(p_reference text)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  by_id uuid := (SELECT u.id FROM users u WHERE u.id = user_id_of(p_reference));
  by_own_id uuid := (SELECT u.id FROM users u WHERE u.external_id = p_reference);
BEGIN
  IF by_id = by_own_id OR by_id IS NULL OR by_own_id IS NULL THEN
    RETURN QUERY SELECT * FROM user_row(coalesce(by_id, by_own_id));
  END IF;
END $$;

CREATE FUNCTION user_by_jid(p_jid text)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid, u.name, to_json(user_facts(u, false))::text, u.kind, u.number FROM users u WHERE u.jid = p_jid
$$;

-- Whoever is about to refer to a user by id or address: keeps the row until the transaction ends, see
-- reap_users(). NULL when there is no such user (any more).
CREATE FUNCTION user_keep(p_user uuid) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  u record;
BEGIN
  SELECT x.id, x.unused_since INTO u FROM users x WHERE x.id = p_user FOR KEY SHARE;
  IF u.unused_since IS NOT NULL THEN
    UPDATE users SET unused_since = NULL WHERE id = u.id;
  END IF;
  RETURN u.id;
END $$;

-- The user with bare JID p_jid, made as a remote one if unknown, and kept.
CREATE FUNCTION user_remote(p_jid text) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  found uuid;
  u users;
BEGIN
  found := user_keep((SELECT id FROM users WHERE jid = p_jid));
  IF found IS NULL THEN
    INSERT INTO users (id, number, kind, jid, username)
      VALUES (gen_random_uuid(), user_number(), 'remote', p_jid, p_jid)
      ON CONFLICT (jid) DO NOTHING RETURNING * INTO u;
    found := u.id;
    IF found IS NOT NULL THEN
      PERFORM user_words_update(u);
    END IF;
  END IF;
  IF found IS NULL THEN
    found := user_keep((SELECT id FROM users WHERE jid = p_jid));
  END IF;
  RETURN found;
END $$;
