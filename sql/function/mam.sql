-- SPDX-License-Identifier: GPL-3.0-or-later
-- What an XMPP server's MAM module does with its users' archives (decision 0072): it calls these functions as a role of
-- its own, which may do nothing else. Errors have a code: TR403 the archive is none of the role's, TR404 there
-- is no such place in it, TR413 the stanza is too large, TR400 something else is wrong with what it was given.

CREATE FUNCTION mam_version() RETURNS int
LANGUAGE sql IMMUTABLE AS $$
  SELECT 1
$$;

-- ---- Who may ----------------------------------------------------------------------------------------

-- A role may keep the archives of a host from now on. For the owner of the database.
CREATE FUNCTION mam_allow(p_role text, p_host text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO mam_roles (role, host) VALUES (p_role, lower(p_host)) ON CONFLICT DO NOTHING;
  PERFORM mam_grant();
END $$;

CREATE FUNCTION mam_forbid(p_role text, p_host text) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM mam_roles WHERE role = p_role AND host = lower(p_host)
$$;

-- What roles that keep archives may call, and nothing else.
CREATE FUNCTION mam_called() RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT '{mam_version,mam_try,mam_lock,mam_append,mam_append_many,mam_find,mam_count,mam_trim,mam_remove,mam_is_empty}'::text[]
$$;

-- Gives the role trestle_mam, or without one all that were allowed, what they may call. For the owner.
CREATE FUNCTION mam_grant() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  one record;
BEGIN
  FOR one IN
    SELECT f.oid::regprocedure AS called, r.rolname
      FROM pg_proc f CROSS JOIN pg_roles r
      WHERE f.proname = ANY (mam_called()) AND f.pronamespace = current_schema()::regnamespace
        AND (r.rolname = 'trestle_mam' OR r.rolname IN (SELECT m.role FROM mam_roles m))
  LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', one.called, one.rolname);
  END LOOP;
END $$;

-- What is wrong with the roles, for the doctor; NULL: nothing. p_hosts: whose accounts are used here.
CREATE FUNCTION mam_check(p_hosts text[]) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH held AS (SELECT r.oid, r.rolname, r.rolcanlogin FROM pg_roles r WHERE r.rolname IN (SELECT m.role FROM mam_roles m))
  SELECT string_agg(x.problem, '; ' ORDER BY x.problem) FROM (
    SELECT format('the role %s, which keeps the archives of %s, does not exist', m.role, m.host) AS problem
      FROM mam_roles m WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = m.role)
    UNION ALL
    SELECT format('the role %s may not call %s, SELECT mam_grant() lets it', r.rolname, string_agg(f.proname, ', ' ORDER BY f.proname))
      FROM held r JOIN pg_proc f ON f.proname = ANY (mam_called()) AND f.pronamespace = current_schema()::regnamespace
      WHERE NOT has_function_privilege(r.oid, f.oid, 'EXECUTE') GROUP BY r.rolname
    UNION ALL
    SELECT format('the role %s may not sign in: ALTER ROLE %I LOGIN PASSWORD ''…''', r.rolname, r.rolname)
      FROM held r WHERE NOT r.rolcanlogin
    UNION ALL
    SELECT format('the role %s may not connect to this database: GRANT CONNECT ON DATABASE %I TO %I', r.rolname, current_database(), r.rolname)
      FROM held r WHERE NOT has_database_privilege(r.oid, current_database(), 'CONNECT')
    UNION ALL
    SELECT format('the role %s may not use the schema: GRANT USAGE ON SCHEMA %I TO %I', r.rolname, current_schema(), r.rolname)
      FROM held r WHERE NOT has_schema_privilege(r.oid, current_schema()::regnamespace::oid, 'USAGE')
    UNION ALL
    SELECT format('the role %s may read tables here: take one that owns nothing and is no superuser', r.rolname)
      FROM held r WHERE has_table_privilege(r.oid, 'users'::regclass::oid, 'SELECT')
    UNION ALL
    SELECT format('transactions of the role %s only read: ALTER ROLE %I RESET default_transaction_read_only', r.rolname, r.rolname)
      FROM held r JOIN pg_db_role_setting s ON s.setrole = r.oid CROSS JOIN unnest(s.setconfig) c
      WHERE c = 'default_transaction_read_only=on'
    UNION ALL
    SELECT format('no role keeps the archives of %s, so apps do not see what its other clients say: SELECT mam_allow(''ROLE'', ''%s'')', h, h)
      FROM unnest(p_hosts) h WHERE NOT EXISTS (SELECT FROM mam_roles m WHERE m.host = h)) x
$$;

-- The host of an archive, if it is one that whoever is connected may keep.
CREATE FUNCTION mam_host(p_owner text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  domain CONSTANT text := split_part(p_owner, '@', 2);
BEGIN
  IF NOT EXISTS (SELECT FROM mam_roles r WHERE r.role = session_user AND r.host = domain) THEN
    RAISE EXCEPTION USING ERRCODE = 'TR403', MESSAGE = format('%s keeps no archive of %s: SELECT mam_allow(''%s'', ''%s'') lets it', session_user, domain, session_user, domain);
  END IF;
  RETURN domain;
END $$;

-- The archive of a user or room, NULL: there is none.
CREATE FUNCTION mam_owner(p_owner text) RETURNS mam_owners
LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM mam_host(p_owner);
  RETURN (SELECT o FROM mam_owners o WHERE o.jid = p_owner);
END $$;

-- What a server tries when it has connected: an error says why it cannot keep archives of p_host. Nothing stays of what is written.
CREATE FUNCTION mam_try(p_host text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  nobody CONSTANT text := format('%s@%s', gen_random_uuid(), lower(p_host));
BEGIN
  PERFORM mam_host(nobody);
  PERFORM mam_owner_lock(nobody);
  DELETE FROM mam_owners o WHERE o.jid = nobody;
END $$;

-- ---- Adding -----------------------------------------------------------------------------------------

-- The archive, made if it is new, and locked.
CREATE FUNCTION mam_owner_lock(p_owner text) RETURNS mam_owners
LANGUAGE plpgsql AS $$
DECLARE
  o mam_owners;
BEGIN
  SELECT x.* INTO o FROM mam_owners x WHERE x.jid = p_owner FOR UPDATE;
  IF o.id IS NULL THEN
    INSERT INTO mam_owners (jid, host, bound)
      VALUES (p_owner, split_part(p_owner, '@', 2), EXISTS (SELECT FROM users u WHERE u.jid = p_owner AND u.kind = 'bound'))
      ON CONFLICT (jid) DO NOTHING;
    SELECT x.* INTO o FROM mam_owners x WHERE x.jid = p_owner FOR UPDATE;
  END IF;
  RETURN o;
END $$;

-- What is wrong with a stanza and what is said of it: a code and a text, or NULL.
CREATE FUNCTION mam_wrong(p_owner text, p_direction text, p_peer text, p_sender text, p_stanza text, p_kind text,
                          OUT code text, OUT detail text)
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF octet_length(p_stanza) > 1048576 THEN
    code := 'TR413';
    detail := 'the stanza is larger than 1 MiB';
  ELSIF p_owner !~ '^[^@/]+@[^@/]+$' OR octet_length(p_owner) > 2047 OR p_owner IS NULL THEN
    code := 'TR400';
    detail := 'the owner is no bare JID';
  ELSIF coalesce(p_direction NOT IN ('in', 'out') OR p_kind NOT IN ('chat', 'groupchat') OR p_stanza = ''
                 OR octet_length(p_peer) NOT BETWEEN 1 AND 3071 OR octet_length(p_sender) NOT BETWEEN 1 AND 3071, true) THEN
    code := 'TR400';
    detail := 'direction, peer, sender, kind and stanza are needed';
  ELSIF p_direction = 'out' AND p_kind = 'chat' AND split_part(p_sender, '/', 1) <> p_owner THEN
    -- Under another's name, the uid would be that of another's message, and open it.
    code := 'TR400';
    detail := 'the sender of what goes out is the owner';
  END IF;
END $$;

-- Puts a stanza into an archive that is locked. p_uid: what readers were told that it is called. It is not taken
-- when another stanza is called so already, of which somebody wants to have the text. Yields the uid that stands.
CREATE FUNCTION mam_put(o mam_owners, p_uid uuid, p_outgoing boolean, p_peer text, p_sender text, p_origin text,
                        p_stanza text, p_stamp timestamptz, p_kind text, p_nick text) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  chosen uuid := p_uid;
  whose CONSTANT text := split_part(p_peer, '/', 1);
  target CONSTANT text := CASE WHEN p_outgoing AND p_kind = 'chat' THEN whose ELSE o.jid END;
  said CONSTANT timestamptz := least(p_stamp, clock_timestamp());
  reached CONSTANT timestamptz := greatest(said, o.seen);
BEGIN
  IF EXISTS (SELECT FROM mam_holders h WHERE h.owner_id = o.id AND h.uid = p_uid) THEN
    RETURN p_uid;
  END IF;
  INSERT INTO mam_stanzas (uid, stamp, kind, sender, recipient, origin, nick, stanza)
    VALUES (chosen, said, p_kind, p_sender, target, left(p_origin, 1024), left(p_nick, 1024), p_stanza)
    ON CONFLICT DO NOTHING;
  IF NOT FOUND AND NOT EXISTS (
      SELECT FROM mam_stanzas s WHERE s.uid = p_uid AND s.recipient = target AND s.kind = p_kind
        AND split_part(s.sender, '/', 1) = split_part(p_sender, '/', 1)) THEN
    chosen := entry_id(said);
    INSERT INTO mam_stanzas (uid, stamp, kind, sender, recipient, origin, nick, stanza)
      VALUES (chosen, said, p_kind, p_sender, target, left(p_origin, 1024), left(p_nick, 1024), p_stanza);
  END IF;
  INSERT INTO mam_holders (owner_id, place, uid, peer, outgoing, stamp, seen)
    VALUES (o.id, o.place + 1, chosen, whose, p_outgoing, said, reached);
  UPDATE mam_owners x SET place = o.place + 1, seen = reached, late = greatest(o.late, reached - said) WHERE x.id = o.id;
  IF o.bound THEN
    INSERT INTO bound_queue (owner_id) VALUES (o.id) ON CONFLICT DO NOTHING;
  END IF;
  RETURN chosen;
END $$;

-- Adds a stanza to an archive; yields the uid that stands. The same uid again is the same stanza, be it for the
-- archive of the other side. direction: in, out. peer: a bare JID. sender: a full one. origin: the origin-id, else
-- the id, of the stanza. kind: chat, groupchat: a message in a room, whose archive it is.
CREATE FUNCTION mam_append(p_owner text, p_uid uuid, p_direction text, p_peer text, p_sender text, p_origin text,
                           p_stanza text, p_stamp timestamptz, p_kind text DEFAULT 'chat', p_nick text DEFAULT NULL)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  wrong record := mam_wrong(p_owner, p_direction, p_peer, p_sender, p_stanza, p_kind);
BEGIN
  PERFORM mam_host(p_owner);
  IF wrong.code IS NOT NULL OR p_uid IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = coalesce(wrong.code, 'TR400'), MESSAGE = coalesce(wrong.detail, 'a uid is needed');
  END IF;
  RETURN mam_put(mam_owner_lock(p_owner), p_uid, p_direction = 'out', p_peer, p_sender, p_origin, p_stanza,
                 coalesce(p_stamp, clock_timestamp()), p_kind, p_nick);
END $$;

-- Locks archives, in one order, until the commit. Whoever adds to several in one transaction does this first: to hold a stanza and
-- wait for an archive could be for ever, since others hold an archive and wait for that stanza.
CREATE FUNCTION mam_lock(p_owners text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  owner text;
BEGIN
  FOR owner IN SELECT DISTINCT o FROM unnest(p_owners) o
                 JOIN mam_roles r ON r.role = session_user AND r.host = split_part(o, '@', 2) ORDER BY 1 LOOP
    PERFORM mam_owner_lock(owner);
  END LOOP;
END $$;

-- Adds many, an array of { owner, uid, direction, peer, sender, origin, stanza, stamp, kind, nick }, at most 10000, in
-- that order. Yields as many uids; NULL: that one cannot be taken, however often it is tried.
CREATE FUNCTION mam_append_many(p_entries jsonb) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  one jsonb;
BEGIN
  IF jsonb_typeof(p_entries) <> 'array' OR jsonb_array_length(p_entries) > 10000 THEN
    RAISE EXCEPTION USING ERRCODE = 'TR400', MESSAGE = 'an array of at most 10000 is needed';
  END IF;
  PERFORM mam_lock(ARRAY(SELECT e->>'owner' FROM jsonb_array_elements(p_entries) e));
  FOR one IN SELECT e FROM jsonb_array_elements(p_entries) e LOOP
    BEGIN
      RETURN NEXT mam_append(one->>'owner', (one->>'uid')::uuid, one->>'direction', one->>'peer', one->>'sender',
                             one->>'origin', one->>'stanza', (one->>'stamp')::timestamptz,
                             coalesce(one->>'kind', 'chat'), one->>'nick');
    EXCEPTION WHEN SQLSTATE 'TR400' OR SQLSTATE 'TR403' OR SQLSTATE 'TR413' OR data_exception THEN
      RETURN NEXT NULL;
    END;
  END LOOP;
END $$;

-- ---- Reading ----------------------------------------------------------------------------------------

-- The first place of an archive that was seen at p_time or later; behind the last: none was. Looks at some twenty.
CREATE FUNCTION mam_place_at(o mam_owners, p_time timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
  low bigint := o.first;
  high bigint := o.place + 1;
  middle bigint;
BEGIN
  WHILE low < high LOOP
    middle := (low + high) / 2;
    IF (SELECT h.seen FROM mam_holders h WHERE h.owner_id = o.id AND h.place >= middle ORDER BY h.place LIMIT 1) < p_time THEN
      low := middle + 1;
    ELSE
      high := middle;
    END IF;
  END LOOP;
  RETURN low;
END $$;

-- The place of a uid; an error if the archive has none.
CREATE FUNCTION mam_place_of(o mam_owners, p_uid uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
  found bigint := (SELECT h.place FROM mam_holders h WHERE h.owner_id = o.id AND h.uid = p_uid);
BEGIN
  IF found IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TR404', MESSAGE = 'the archive has nothing of that id';
  END IF;
  RETURN found;
END $$;

-- Between which places everything is that was said between two times; either may be NULL.
CREATE FUNCTION mam_window(o mam_owners, p_since timestamptz, p_until timestamptz, OUT low bigint, OUT high bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  low := CASE WHEN p_since IS NULL THEN o.first - 1 ELSE mam_place_at(o, p_since) - 1 END;
  -- What was said by then was seen by then, but for what came late.
  high := CASE WHEN p_until IS NULL THEN o.place + 1
               ELSE mam_place_at(o, p_until + o.late + interval '1 microsecond') END;
END $$;

-- A page of an archive, at most p_max, 1000 at the most: behind after and before before, said between since and until, both
-- included; peer, ids: only those. newest_first: from the end, and in that order. An id that is not in the
-- archive is an error, in p_ids it is none.
CREATE FUNCTION mam_find(p_owner text, p_peer text, p_since timestamptz, p_until timestamptz, p_after uuid,
                         p_before uuid, p_ids uuid[], p_max int, p_newest_first boolean)
RETURNS TABLE (uid uuid, pos bigint, stamp timestamptz, peer text, nick text, stanza text, kind text, sender text)
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
BEGIN
  RETURN QUERY SELECT * FROM mam_read(mam_owner(p_owner), p_peer, p_since, p_until, p_after, p_before, p_ids, p_max, p_newest_first);
END $$;

-- The same of the archive o, whoever asks.
CREATE FUNCTION mam_read(o mam_owners, p_peer text, p_since timestamptz, p_until timestamptz, p_after uuid,
                         p_before uuid, p_ids uuid[], p_max int, p_newest_first boolean)
RETURNS TABLE (uid uuid, pos bigint, stamp timestamptz, peer text, nick text, stanza text, kind text, sender text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  w record := mam_window(o, p_since, p_until);
  low bigint := w.low;
  high bigint := w.high;
  most CONSTANT int := greatest(least(coalesce(p_max, 1000), 1000), 0);
  whose CONSTANT text := split_part(p_peer, '/', 1);
  since CONSTANT timestamptz := coalesce(p_since, '-infinity');
  until CONSTANT timestamptz := coalesce(p_until, 'infinity');
BEGIN
  IF p_after IS NOT NULL THEN
    low := greatest(low, mam_place_of(o, p_after));
  END IF;
  IF p_before IS NOT NULL THEN
    high := least(high, mam_place_of(o, p_before));
  END IF;
  IF p_ids IS NOT NULL THEN
    RETURN QUERY
      SELECT h.uid, h.place, h.stamp, h.peer, s.nick, s.stanza, s.kind, s.sender
        FROM (SELECT DISTINCT i.id FROM unnest(p_ids[1:1000]) i (id)) i
        JOIN mam_holders h ON h.owner_id = o.id AND h.uid = i.id
        JOIN mam_stanzas s ON s.uid = h.uid
        WHERE NOT h.gone AND h.place > low AND h.place < high AND h.stamp >= since AND h.stamp <= until
          AND (whose IS NULL OR h.peer = whose)
        ORDER BY CASE WHEN p_newest_first THEN -h.place ELSE h.place END LIMIT most;
  ELSIF whose IS NULL AND coalesce(p_newest_first, false) THEN
    RETURN QUERY
      SELECT h.uid, h.place, h.stamp, h.peer, s.nick, s.stanza, s.kind, s.sender
        FROM (SELECT x.* FROM mam_holders x
                WHERE x.owner_id = o.id AND x.place > low AND x.place < high
                  AND NOT x.gone AND x.stamp >= since AND x.stamp <= until
                ORDER BY x.place DESC LIMIT most) h
        JOIN mam_stanzas s ON s.uid = h.uid ORDER BY h.place DESC;
  ELSIF whose IS NULL THEN
    RETURN QUERY
      SELECT h.uid, h.place, h.stamp, h.peer, s.nick, s.stanza, s.kind, s.sender
        FROM (SELECT x.* FROM mam_holders x
                WHERE x.owner_id = o.id AND x.place > low AND x.place < high
                  AND NOT x.gone AND x.stamp >= since AND x.stamp <= until
                ORDER BY x.place LIMIT most) h
        JOIN mam_stanzas s ON s.uid = h.uid ORDER BY h.place;
  ELSIF coalesce(p_newest_first, false) THEN
    RETURN QUERY
      SELECT h.uid, h.place, h.stamp, h.peer, s.nick, s.stanza, s.kind, s.sender
        FROM (SELECT x.* FROM mam_holders x
                WHERE x.owner_id = o.id AND x.peer = whose AND x.place > low AND x.place < high
                  AND NOT x.gone AND x.stamp >= since AND x.stamp <= until
                ORDER BY x.place DESC LIMIT most) h
        JOIN mam_stanzas s ON s.uid = h.uid ORDER BY h.place DESC;
  ELSE
    RETURN QUERY
      SELECT h.uid, h.place, h.stamp, h.peer, s.nick, s.stanza, s.kind, s.sender
        FROM (SELECT x.* FROM mam_holders x
                WHERE x.owner_id = o.id AND x.peer = whose AND x.place > low AND x.place < high
                  AND NOT x.gone AND x.stamp >= since AND x.stamp <= until
                ORDER BY x.place LIMIT most) h
        JOIN mam_stanzas s ON s.uid = h.uid ORDER BY h.place;
  END IF;
END $$;

-- The archive of an account, p_owner, whose server lets the bridge answer (XEP-0355). p_query: with (a bare JID), start and end
-- (microseconds since 1970), after, before and ids (lists of ids), backward. At most p_limit. The first row has the outcome, 0, or 2
-- when there is nothing of an id that is named, and whether there is more; the others, by their place, what is there.
CREATE FUNCTION mam_own_page(p_owner text, p_query jsonb, p_limit int)
RETURNS TABLE (outcome int, more boolean, id uuid, at bigint, stanza text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  o mam_owners := (SELECT x FROM mam_owners x WHERE x.jid = p_owner);
  most CONSTANT int := greatest(least(p_limit, 500), 0);
  backward CONSTANT boolean := coalesce((p_query->>'backward')::boolean, false);
  low uuid;
  high uuid;
  found jsonb[];
  count_ int;
BEGIN
  IF o.id IS NULL THEN
    RETURN QUERY SELECT CASE WHEN p_query ?| ARRAY['after', 'before', 'ids'] THEN 2 ELSE 0 END, false, NULL::uuid, NULL::bigint, NULL;
    RETURN;
  END IF;
  -- The nearest of those that are named.
  low := (SELECT a.id::uuid FROM jsonb_array_elements_text(p_query->'after') a (id) ORDER BY mam_place_of(o, a.id::uuid) DESC LIMIT 1);
  high := (SELECT b.id::uuid FROM jsonb_array_elements_text(p_query->'before') b (id) ORDER BY mam_place_of(o, b.id::uuid) LIMIT 1);
  found := ARRAY(SELECT jsonb_build_object('id', r.uid, 'pos', r.pos, 'at', time_to_microseconds(r.stamp), 'stanza', r.stanza)
    FROM mam_read(o, p_query->>'with',
                  CASE WHEN p_query ? 'start' THEN time_from_microseconds((p_query->>'start')::bigint) END,
                  CASE WHEN p_query ? 'end' THEN time_from_microseconds((p_query->>'end')::bigint) END, low, high,
                  CASE WHEN p_query ? 'ids' THEN ARRAY(SELECT i::uuid FROM jsonb_array_elements_text(p_query->'ids') i) END,
                  most + 1, backward) r);
  count_ := cardinality(found);
  RETURN QUERY SELECT 0, count_ > most, NULL::uuid, NULL::bigint, NULL;
  RETURN QUERY SELECT 0, NULL::boolean, (f->>'id')::uuid, (f->>'at')::bigint, f->>'stanza'
    FROM unnest(found[1:most]) f ORDER BY (f->>'pos')::bigint;
EXCEPTION WHEN SQLSTATE 'TR404' THEN
  RETURN QUERY SELECT 2, false, NULL::uuid, NULL::bigint, NULL;
END $$;

-- Where such an archive begins and ends; no row: it is empty.
CREATE FUNCTION mam_own_ends(p_owner text) RETURNS TABLE (id uuid, at bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  o mam_owners := (SELECT x FROM mam_owners x WHERE x.jid = p_owner);
BEGIN
  IF o.id IS NOT NULL THEN
    RETURN QUERY SELECT r.uid, time_to_microseconds(r.stamp)
      FROM (VALUES (false), (true)) AS e (newest) CROSS JOIN LATERAL mam_read(o, NULL, NULL, NULL, NULL, NULL, NULL, 1, e.newest) r
      ORDER BY e.newest;
  END IF;
END $$;

-- How many there are, counted as far as p_cap, 100000 at the most.
CREATE FUNCTION mam_count(p_owner text, p_peer text, p_since timestamptz, p_until timestamptz, p_cap int DEFAULT 10000)
RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE
  o mam_owners := mam_owner(p_owner);
  w record := mam_window(o, p_since, p_until);
  most CONSTANT int := greatest(least(coalesce(p_cap, 10000), 100000), 0);
  whose CONSTANT text := split_part(p_peer, '/', 1);
BEGIN
  IF whose IS NULL THEN
    RETURN (SELECT count(*) FROM (
      SELECT FROM mam_holders h WHERE h.owner_id = o.id AND h.place > w.low AND h.place < w.high AND NOT h.gone
          AND h.stamp >= coalesce(p_since, '-infinity') AND h.stamp <= coalesce(p_until, 'infinity') LIMIT most) x);
  END IF;
  RETURN (SELECT count(*) FROM (
    SELECT FROM mam_holders h WHERE h.owner_id = o.id AND h.peer = whose AND h.place > w.low AND h.place < w.high
        AND NOT h.gone AND h.stamp >= coalesce(p_since, '-infinity') AND h.stamp <= coalesce(p_until, 'infinity') LIMIT most) x);
END $$;

CREATE FUNCTION mam_is_empty(p_owner text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE
  o mam_owners := mam_owner(p_owner);
BEGIN
  RETURN NOT EXISTS (SELECT FROM mam_holders h WHERE h.owner_id = o.id AND NOT h.gone);
END $$;

-- ---- Removing ---------------------------------------------------------------------------------------

-- Of these stanzas those that nobody holds any more go. Only whoever sent one and whom it went to may hold it.
CREATE FUNCTION mam_drop(p_uids uuid[]) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM mam_stanzas s WHERE s.uid = ANY (p_uids) AND NOT EXISTS (
    SELECT FROM mam_owners o JOIN mam_holders h ON h.owner_id = o.id AND h.uid = s.uid
      WHERE o.jid IN (s.recipient, split_part(s.sender, '/', 1)) AND NOT h.gone)
$$;

-- Removes at most p_batch of the oldest of an archive that is locked: said before p_until, or beyond the newest p_keep.
CREATE FUNCTION mam_trim_one(o mam_owners, p_until timestamptz, p_keep bigint, p_batch int) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  old CONSTANT bigint := coalesce(o.place - p_keep, 0);
  last bigint;
  gone uuid[];
BEGIN
  -- The first that stays ends it: only the oldest go.
  SELECT max(x.place) INTO last
    FROM (SELECT h.place, bool_and(h.place <= old OR coalesce(h.stamp < p_until, false)) OVER (ORDER BY h.place) AS goes
            FROM (SELECT place, stamp FROM mam_holders WHERE owner_id = o.id ORDER BY place LIMIT p_batch) h) x
    WHERE x.goes;
  IF last IS NULL THEN
    RETURN 0;
  END IF;
  WITH removed AS (
    DELETE FROM mam_holders h WHERE h.owner_id = o.id AND h.place <= last RETURNING h.uid)
  SELECT array_agg(r.uid) INTO gone FROM removed r;
  UPDATE mam_owners x SET first = last + 1, folded = greatest(x.folded, last) WHERE x.id = o.id;
  PERFORM mam_drop(gone);
  RETURN cardinality(gone);
END $$;

-- Removes the oldest of an archive, or, if p_owner is NULL, of all that are the role's: said before p_until, or
-- beyond the newest p_keep; either may be NULL. At most p_batch, and nothing of whom there is a legal hold on; yields how many.
CREATE FUNCTION mam_trim(p_owner text, p_until timestamptz, p_keep bigint, p_batch int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  o mam_owners;
  left_over int := greatest(least(coalesce(p_batch, 1000), 10000), 0);
  removed bigint := 0;
  one bigint;
BEGIN
  IF p_owner IS NOT NULL THEN
    PERFORM mam_host(p_owner);
  END IF;
  FOR o IN
    SELECT x.* FROM mam_owners x
      WHERE CASE WHEN p_owner IS NULL THEN x.host IN (SELECT r.host FROM mam_roles r WHERE r.role = session_user)
                 ELSE x.jid = p_owner END
        AND (x.place - p_keep >= x.first
             OR EXISTS (SELECT FROM (SELECT h.stamp FROM mam_holders h WHERE h.owner_id = x.id ORDER BY h.place LIMIT 1) f
                          WHERE f.stamp < p_until))
        AND NOT EXISTS (SELECT FROM holds l WHERE l.jid = x.jid)
      ORDER BY x.jid FOR UPDATE
  LOOP
    EXIT WHEN left_over <= 0;
    one := mam_trim_one(o, p_until, p_keep, left_over);
    left_over := left_over - one;
    removed := removed + one;
  END LOOP;
  RETURN removed;
END $$;

-- What archives hold that was said more than p_seconds ago (0: nothing), but for those of whom there is a legal hold on; at most p_limit. Looks at 100 archives, behind that of the
-- payload. As in reap.sql.
CREATE FUNCTION reap_archives(p_payload jsonb, p_seconds bigint, p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  o mam_owners;
  done bigint := coalesce((p_payload->>'after')::bigint, 0);
  last bigint := 0;
BEGIN
  removed := 0;
  IF p_seconds > 0 THEN
    FOR o IN SELECT x.* FROM mam_owners x
        WHERE x.id > done AND NOT EXISTS (SELECT FROM holds h WHERE h.jid = x.jid) ORDER BY x.id LIMIT 100 FOR UPDATE SKIP LOCKED LOOP
      EXIT WHEN removed >= p_limit;
      removed := removed + mam_trim_one(o, clock_timestamp() - make_interval(secs => p_seconds), NULL, p_limit - removed::int);
      last := CASE WHEN removed < p_limit THEN o.id ELSE last END;
    END LOOP;
  END IF;
  more := removed >= p_limit OR last > done;
  payload := CASE WHEN more THEN jsonb_build_object('after', greatest(last, done)) ELSE '{}' END;
END $$;

-- Empties an archive (p_peer NULL: the account is gone), or of what was said with one peer; then a tombstone stays
-- for each, so that it still is a place. Yields how many.
CREATE FUNCTION mam_remove(p_owner text, p_peer text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  o mam_owners;
  whose CONSTANT text := split_part(p_peer, '/', 1);
  gone uuid[];
BEGIN
  PERFORM mam_host(p_owner);
  SELECT x.* INTO o FROM mam_owners x WHERE x.jid = p_owner FOR UPDATE;
  IF whose IS NULL THEN
    WITH removed AS (DELETE FROM mam_holders h WHERE h.owner_id = o.id RETURNING h.uid, h.gone)
    SELECT array_agg(r.uid) FILTER (WHERE NOT r.gone) INTO gone FROM removed r;
    UPDATE mam_owners x SET first = x.place + 1, folded = x.place WHERE x.id = o.id;
    DELETE FROM bound_queue q WHERE q.owner_id = o.id;
  ELSE
    WITH removed AS (
      UPDATE mam_holders h SET gone = true WHERE h.owner_id = o.id AND h.peer = whose AND NOT h.gone RETURNING h.uid)
    SELECT array_agg(r.uid) INTO gone FROM removed r;
  END IF;
  PERFORM mam_drop(gone);
  RETURN coalesce(cardinality(gone), 0);
END $$;

-- ---- What every set of functions begins with -----------------------------------------------------------

-- They run as the owner, whatever the caller has set; nobody may call them but whom mam_grant() names.
DO $$
DECLARE
  one record;
BEGIN
  FOR one IN SELECT p.oid::regprocedure AS called FROM pg_proc p
               WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'mam\_%' AND p.prosecdef LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', one.called, current_schema());
    EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', one.called);
  END LOOP;
  FOR one IN SELECT p.oid::regprocedure AS called FROM pg_proc p
               WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'mam\_%' LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', one.called);
  END LOOP;
  PERFORM mam_grant();
END $$;
