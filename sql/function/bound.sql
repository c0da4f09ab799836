-- SPDX-License-Identifier: GPL-3.0-or-later
-- Accounts of other servers that are used here, too.

-- Where what p_user does in the direct conversation c goes by XMPP; NULL: nowhere.
CREATE FUNCTION conversation_reach(c conversations, p_user uuid) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN c.reach IS NOT NULL THEN c.reach[array_position(c.member_ids, p_user)]
              WHEN c.remote_user <> p_user THEN c.remote_jid END
$$;

-- conversations.reach of two users; NULL: none of them is bound.
CREATE FUNCTION bound_reach(p_first users, p_second users) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN 'bound' IN ((p_first).kind, (p_second).kind)
              THEN ARRAY[CASE WHEN (p_first).kind <> 'remote' THEN (p_second).jid END,
                         CASE WHEN (p_second).kind <> 'remote' THEN (p_first).jid END] END
$$;

-- The one of two users who is elsewhere, as conversations.remote_user has it: on XMPP, else the bound one. A row of
-- NULLs: both are used here in the same way.
CREATE FUNCTION bound_remote(p_first users, p_second users) RETURNS users
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN (p_first).kind = (p_second).kind THEN NULL::users
              WHEN (p_first).kind = 'remote' OR (p_second).kind = 'hosted' THEN p_first ELSE p_second END
$$;

-- The account with bare JID p_jid is used here from now on: finds or makes its user. NULL: it is one of ours.
CREATE FUNCTION bound_become(p_jid text) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  u users;
  found uuid;
BEGIN
  PERFORM FROM log_head FOR UPDATE;
  found := user_remote(p_jid);
  SELECT * INTO u FROM users x WHERE x.id = found FOR UPDATE;
  IF u.kind = 'hosted' THEN
    RETURN NULL;
  ELSIF u.kind = 'bound' THEN
    RETURN u.id;
  END IF;
  UPDATE users x SET kind = 'bound', username = split_part(p_jid, '@', 1), updated_at = now()
    WHERE x.id = u.id RETURNING * INTO u;
  PERFORM user_words_update(u);
  INSERT INTO bound_accounts (user_id, resource)
    VALUES (u.id, 'trestle-' || substr(md5(u.id::text), 1, 6)) ON CONFLICT DO NOTHING;
  UPDATE members m SET kind = 'bound' WHERE m.user_id = u.id AND NOT m.grouped;
  UPDATE members m SET kind = 'hosted' FROM conversations c
    WHERE m.user_id = u.id AND m.grouped AND c.id = m.conversation_id AND NOT guest_is(c);
  UPDATE conversations c SET reach = bound_reach(one, other), remote_user = (bound_remote(one, other)).id,
      remote_jid = (bound_remote(one, other)).jid
    FROM users one, users other
    WHERE c.id = ANY (ARRAY(SELECT m.conversation_id FROM members m WHERE m.user_id = u.id AND NOT m.grouped))
      AND c.kind IS NOT DISTINCT FROM 'direct' AND one.id = c.member_ids[1] AND other.id = c.member_ids[2];
  PERFORM fold_begin(p_jid);
  RETURN u.id;
END $$;

-- Lets the account in, whose password was checked. Columns as those of session_find. No row: it is one of ours.
CREATE FUNCTION bound_sign_in(p_jid text)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint, state int,
               "position" bigint, created_at bigint)
LANGUAGE plpgsql AS $$
DECLARE
  found uuid := bound_become(p_jid);
BEGIN
  RETURN QUERY SELECT u.id, u.jid, u.name, u.facts, u.kind, u.number, c.state, c.position, c.created_at
    FROM user_row(found) u CROSS JOIN LATERAL session_check(u.id, NULL, NULL) c;
END $$;

-- The user of the app's own id p_subject is the account p_jid from now on, which tokens of that id let in. 0: done,
-- 1: it was so, 2: the id or the account is somebody else's.
CREATE FUNCTION bound_link(p_subject text, p_jid text) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  account uuid;
  holder users;
BEGIN
  SELECT * INTO holder FROM users u WHERE u.external_id = p_subject;
  IF holder.jid = p_jid THEN
    RETURN 1;
  ELSIF holder.id IS NOT NULL OR EXISTS (SELECT FROM users u WHERE u.id = user_id_of(p_subject)) THEN
    RETURN 2;
  END IF;
  account := bound_become(p_jid);
  UPDATE users u SET external_id = p_subject
    WHERE u.id = account AND u.external_id IS NULL AND NOT EXISTS (SELECT FROM users x WHERE x.external_id = p_subject);
  RETURN CASE WHEN FOUND THEN 0
              WHEN EXISTS (SELECT FROM users u WHERE u.id = account AND u.external_id = p_subject) THEN 1  -- at the same time
              ELSE 2 END;
END $$;

-- Lets the account p_jid in by a token of the app's own id p_subject, whose claim names it. Columns as those of
-- session_find. No row: the id or the account is somebody else's, or its user was deleted since the token was issued.
CREATE FUNCTION bound_token_sign_in(p_subject text, p_jid text, p_credential uuid, p_issued bigint)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint, state int,
               "position" bigint, created_at bigint)
LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM users u WHERE u.external_id = p_subject)
     AND user_was_deleted(p_subject, time_from_microseconds(p_issued)) OR bound_link(p_subject, p_jid) = 2 THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT u.id, u.jid, u.name, u.facts, u.kind, u.number, c.state, c.position, c.created_at
    FROM users x CROSS JOIN LATERAL user_row(x.id) u CROSS JOIN LATERAL session_check(x.id, p_credential, p_issued) c
    WHERE x.external_id = p_subject;
END $$;

-- An account, for its session. waiting: there are stanzas for it. Columns up to number are those of session_find.
CREATE FUNCTION bound_account(p_jid text)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint, resource text, watched boolean,
               waiting boolean)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid, u.name, u.facts, u.kind, u.number, b.resource, b.watched,
         EXISTS (SELECT FROM bound_outbox o WHERE o.user_id = u.id)
    FROM user_by_jid(p_jid) u JOIN bound_accounts b ON b.user_id = u.id
    WHERE u.kind = 'bound'
$$;

-- Accounts that are to have a session, by id, after p_after.
CREATE FUNCTION bound_wanted(p_after uuid, p_limit int) RETURNS TABLE (id uuid, jid text)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid
    FROM (SELECT b.user_id FROM bound_accounts b WHERE b.watched AND (p_after IS NULL OR b.user_id > p_after)
          UNION
          SELECT o.user_id FROM bound_outbox o WHERE p_after IS NULL OR o.user_id > p_after
          ORDER BY 1 LIMIT p_limit) w
    JOIN users u ON u.id = w.user_id ORDER BY u.id
$$;

-- Whether the session of the account stays when no socket is open; false: there is no such account.
CREATE FUNCTION bound_watch(p_user uuid, p_watched boolean) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE bound_accounts b SET watched = p_watched WHERE b.user_id = p_user;
  RETURN FOUND;
END $$;

-- What the session of p_owner has heard, put into the account's archive as the server of the account does, at
-- p_stamp (microseconds since 1970): whoever is first. Yields the uid that stands.
CREATE FUNCTION bound_live(p_owner text, p_uid uuid, p_direction text, p_peer text, p_sender text, p_origin text,
                           p_stanza text, p_stamp bigint) RETURNS uuid
LANGUAGE plpgsql AS $$
BEGIN
  RETURN mam_put(mam_owner_lock(p_owner), p_uid, p_direction = 'out', p_peer, p_sender, p_origin, p_stanza,
                 time_from_microseconds(p_stamp), 'chat', NULL);
END $$;

-- ---- Stanzas that wait -------------------------------------------------------------------------------

-- False: so many, p_most, wait for the account already. One that waits may come again.
CREATE FUNCTION bound_park(p_jid text, p_stanza_id text, p_stanza text, p_most int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  account CONSTANT uuid := (SELECT u.id FROM users u WHERE u.jid = p_jid AND u.kind = 'bound');
BEGIN
  IF account IS NOT NULL AND NOT EXISTS (SELECT FROM bound_outbox o WHERE o.user_id = account AND o.stanza_id = p_stanza_id) THEN
    IF (SELECT count(*) FROM (SELECT FROM bound_outbox o WHERE o.user_id = account LIMIT p_most) x) >= p_most THEN
      RETURN false;
    END IF;
    INSERT INTO bound_outbox (user_id, stanza_id, stanza) VALUES (account, p_stanza_id, p_stanza) ON CONFLICT DO NOTHING;
  END IF;
  RETURN true;
END $$;

-- What has waited for longer than p_seconds, at most p_limit: yields what is still to be counted as bounced, and removes what is, or
-- is no message, or is a day older.
CREATE FUNCTION bound_expired(p_seconds bigint, p_limit int) RETURNS TABLE (id bigint, stanza text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  old CONSTANT timestamptz := clock_timestamp() - make_interval(secs => p_seconds);
BEGIN
  DELETE FROM bound_outbox o
    WHERE o.id IN (
      SELECT x.id FROM bound_outbox x
        LEFT JOIN messages m ON m.id = CASE WHEN x.stanza_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN x.stanza_id::uuid END
        WHERE x.created_at < old AND (m.id IS NULL OR m.failed_condition IS NOT NULL OR x.created_at < old - interval '1 day')
        ORDER BY x.created_at LIMIT p_limit);
  RETURN QUERY SELECT x.id, x.stanza FROM bound_outbox x WHERE x.created_at < old ORDER BY x.created_at LIMIT p_limit;
END $$;

CREATE FUNCTION bound_parked(p_jid text, p_after bigint, p_limit int) RETURNS TABLE (id bigint, stanza text)
LANGUAGE sql STABLE AS $$
  SELECT o.id, o.stanza FROM users u JOIN bound_outbox o ON o.user_id = u.id AND o.id > p_after
    WHERE u.jid = p_jid ORDER BY o.id LIMIT p_limit
$$;

CREATE FUNCTION bound_parked_sent(p_ids bigint[]) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM bound_outbox o WHERE o.id = ANY (p_ids)
$$;

-- ---- Contact list and block list of the account's server ---------------------------------------------

-- The lists are the server's. p_items: { jid, name?, groups, listed?, subscription, ask }, name, groups and listed as contacts has
-- them; p_whole: there are no others. Nobody hears of what is only in listed.
CREATE FUNCTION change_bound_roster(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  items CONSTANT jsonb := p_arguments->'items';
  item jsonb;
  old contacts;
  new contacts;
  other text;
  changed text[] := '{}';
BEGIN
  outcome := 1;
  FOR item IN SELECT e FROM jsonb_array_elements(items) e LOOP
    other := item->>'jid';
    SELECT * INTO old FROM contacts c WHERE c.user_id = p_user AND c.peer = other;
    new := old;
    new.to_peer := item->>'subscription' IN ('to', 'both');
    new.from_peer := item->>'subscription' IN ('from', 'both');
    new.ask := (item->>'ask')::boolean AND NOT new.to_peer;
    new.pending_in := coalesce(old.pending_in, false) AND NOT new.from_peer;
    new.name := item->>'name';
    new.groups := ARRAY(SELECT jsonb_array_elements_text(item->'groups'));
    new.listed := item->'listed';
    IF old.user_id IS NOT NULL AND new.listed IS DISTINCT FROM old.listed THEN
      UPDATE contacts c SET listed = new.listed WHERE c.user_id = p_user AND c.peer = other;
    END IF;
    CONTINUE WHEN old.user_id IS NOT NULL AND (new.to_peer, new.from_peer, new.ask, new.pending_in, new.name, new.groups)
      IS NOT DISTINCT FROM (old.to_peer, old.from_peer, old.ask, old.pending_in, old.name, old.groups);
    IF contact_says(new) THEN
      PERFORM user_remote(other);
      INSERT INTO contacts AS c (user_id, peer, to_peer, from_peer, ask, pending_in, name, groups, listed)
        VALUES (p_user, other, new.to_peer, new.from_peer, new.ask, new.pending_in, new.name, new.groups, new.listed)
        ON CONFLICT (user_id, peer) DO UPDATE SET to_peer = excluded.to_peer, from_peer = excluded.from_peer,
          ask = excluded.ask, pending_in = excluded.pending_in, name = excluded.name, groups = excluded.groups,
          listed = excluded.listed, updated_at = now();
    ELSE
      CONTINUE WHEN old.user_id IS NULL;
      DELETE FROM contacts c WHERE c.user_id = p_user AND c.peer = other;
    END IF;
    changed := changed || other;
  END LOOP;
  IF (p_arguments->>'whole')::boolean THEN
    FOR other IN DELETE FROM contacts c WHERE c.user_id = p_user AND NOT c.pending_in
                   AND NOT EXISTS (SELECT FROM jsonb_array_elements(items) e WHERE e->>'jid' = c.peer)
                   RETURNING c.peer LOOP
      changed := changed || other;
    END LOOP;
    FOR other IN UPDATE contacts c SET name = NULL, groups = '{}', listed = NULL, updated_at = now()
                   WHERE c.user_id = p_user AND (c.name IS NOT NULL OR c.groups <> '{}') -- who has asked, and is in no list
                   AND NOT EXISTS (SELECT FROM jsonb_array_elements(items) e WHERE e->>'jid' = c.peer)
                   RETURNING c.peer LOOP
      changed := changed || other;
    END LOOP;
  END IF;
  FOR other IN SELECT DISTINCT x COLLATE "C" FROM unnest(changed) x ORDER BY 1 LOOP
    PERFORM contact_event(p_user, other);
    outcome := 0;
  END LOOP;
  result := change_follows(p_user);
END $$;

-- Whether the server of p_user keeps the contact list.
CREATE FUNCTION bound_is(p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM users u WHERE u.id = p_user AND u.kind = 'bound');
END $$;

-- Tells the server of p_user, if it keeps the block list.
CREATE FUNCTION bound_block(p_user uuid, p_peer text, p_blocked boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF bound_is(p_user) THEN
    PERFORM outbox_add(l.ret_before + 1, CASE WHEN p_blocked THEN 'block' ELSE 'unblock' END, p_user, ARRAY[p_peer])
      FROM log_advance(1) l;
  END IF;
END $$;

-- Tells the server of p_user, if it keeps the contact list, how the item of p_peer is (p_kind roster.item: { name?, groups }), or
-- that there is none (roster.remove).
CREATE FUNCTION bound_contact(p_user uuid, p_peer text, p_kind text, p_item jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF bound_is(p_user) THEN
    PERFORM outbox_add(l.ret_before + 1, p_kind, p_user, ARRAY[p_peer], NULL, NULL, p_item::text)
      FROM log_advance(1) l;
  END IF;
END $$;

-- The block list: { change: list, added, removed or cleared; items: addresses }.
CREATE FUNCTION change_bound_blocks(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  kind CONSTANT text := p_arguments->>'change';
  named CONSTANT text[] := ARRAY(SELECT jsonb_array_elements_text(p_arguments->'items'));
  other text;
  gone text[] := '{}';
  added text[] := '{}';
BEGIN
  IF kind IN ('list', 'removed', 'cleared') THEN
    WITH deleted AS (
      DELETE FROM blocks b WHERE b.user_id = p_user
        AND CASE kind WHEN 'removed' THEN b.peer = ANY (named) WHEN 'list' THEN b.peer <> ALL (named) ELSE true END
        RETURNING b.peer)
    SELECT coalesce(array_agg(d.peer), '{}') INTO gone FROM deleted d;
  END IF;
  IF kind IN ('list', 'added') THEN
    FOREACH other IN ARRAY named LOOP
      INSERT INTO blocks (user_id, peer) VALUES (p_user, other) ON CONFLICT DO NOTHING;
      IF FOUND THEN
        added := added || other;
      END IF;
    END LOOP;
  END IF;
  FOREACH other IN ARRAY gone || added LOOP
    PERFORM relation_guard_all(p_user, other);
  END LOOP;
  outcome := CASE WHEN gone = '{}' AND added = '{}' THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    PERFORM relation_tell(p_user, CASE WHEN cardinality(gone || added) = 1 THEN (gone || added)[1] END);
  END IF;
  result := change_follows(p_user);
END $$;

-- ---- The profile -------------------------------------------------------------------------------------

-- The account u, which was p_old, shows itself otherwise: its server is told, which tells its contacts.
CREATE FUNCTION bound_profile_tell(u users, p_old users) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF u.name IS DISTINCT FROM p_old.name THEN
    PERFORM outbox_add((log_advance(1)).ret_before + 1, 'own.nick', u.id, ARRAY[u.jid], NULL, NULL,
                       jsonb_build_object('nick', coalesce(u.name, ''))::text);
  END IF;
  IF u.avatar_hash IS DISTINCT FROM p_old.avatar_hash THEN
    PERFORM outbox_add((log_advance(1)).ret_before + 1, k.kind, u.id, ARRAY[u.jid], NULL, NULL,
                       jsonb_strip_nulls(jsonb_build_object('hash', p.hash, 'bytes', octet_length(p.png), 'width', p.width,
                         'height', p.height, 'data', CASE WHEN k.kind = 'own.picture' THEN translate(encode(p.png, 'base64'), E'\n', '') END))::text)
      FROM (VALUES (1, 'own.picture'), (2, 'own.avatar')) AS k (n, kind)
      LEFT JOIN pictures p ON p.hash = u.avatar_hash
      WHERE p.hash IS NOT NULL OR k.kind = 'own.avatar'
      ORDER BY k.n;
  END IF;
END $$;
