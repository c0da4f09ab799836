-- SPDX-License-Identifier: GPL-3.0-or-later
-- Presence subscriptions of hosted users: RFC 6121 section 3, seen from their server.
--
-- First, one function per kind of stanza that a peer sends. Each does the whole transition and may be
-- called again with the same result. ANSWER says what the peer is to be sent:
--   none          nothing
--   subscribed    `subscribed`, then the user's current presence
--   presence      the user's current presence
--   unavailable   `unavailable`
--   unsubscribed  `unsubscribed`
-- last_seen is when the user was last online, microseconds since 1970, NULL: never, or not told.

CREATE FUNCTION contact_last_seen(p_user uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT (extract(epoch FROM u.last_seen_at) * 1000000)::bigint FROM users u
            WHERE u.id = p_user AND privacy_value(u.privacy_last_seen, 'last_seen') <> 'nobody');
END $$;

-- Whether the user has already written to that peer: who talks to somebody may be seen by them.
-- Looks at the newest 1000 messages only, so that a flood from the peer cannot make it slow.
CREATE FUNCTION contact_consents(p_user uuid, p_peer text) RETURNS boolean
LANGUAGE plpgsql STABLE
-- The newest are read in the order of the index: a bitmap would read, and sort, all there are.
SET enable_bitmapscan = off AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM users peer
      CROSS JOIN pair_row(peer.id, p_user) c
      CROSS JOIN LATERAL (SELECT m.sender_id FROM messages m WHERE m.conversation_id = c.id
                            ORDER BY m.seq DESC LIMIT 1000) newest
      WHERE peer.jid = p_peer AND newest.sender_id = p_user);
END $$;

-- Whether a request of that peer to see the user's presence needs no decision: the user has asked it,
-- or written to it.
CREATE FUNCTION contact_lets_in(p_user uuid, p_peer text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM contacts c WHERE c.user_id = p_user AND c.peer = p_peer
                   AND (c.from_peer OR c.to_peer OR c.ask))
         OR contact_consents(p_user, p_peer);
END $$;

-- Whether the row says anything.
CREATE FUNCTION contact_says(c contacts) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT c.to_peer OR c.from_peer OR c.ask OR c.pending_in OR c.name IS NOT NULL OR c.groups <> '{}'
$$;

-- Removes the row when it says nothing any more.
CREATE FUNCTION contact_tidy(p_user uuid, p_peer text) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM contacts c WHERE c.user_id = p_user AND c.peer = p_peer AND NOT contact_says(c)
$$;

-- A request to see the user's presence. Requests that wait for the user's decision are kept, at most
-- 1000 per user; more are as if they had not come. A request that waits makes the conversation with the
-- peer, as a message request unless they talk already; while that waits, the user is not told again of
-- requests that were taken back and come anew. p_note is what the peer wrote with it, p_nick (XEP-0172)
-- what a peer on XMPP without a name is called.
CREATE FUNCTION contact_subscribe(p_user uuid, p_peer text, p_note text DEFAULT NULL,
                                  p_nick text DEFAULT NULL, OUT answer text, OUT last_seen bigint)
LANGUAGE plpgsql AS $$
DECLARE
  source uuid;
  pair uuid;
  waits boolean;
  state text;
BEGIN
  answer := 'none';
  last_seen := contact_last_seen(p_user);
  IF contact_lets_in(p_user, p_peer) THEN
    INSERT INTO contacts (user_id, peer, from_peer) VALUES (p_user, p_peer, true)
      ON CONFLICT (user_id, peer) DO UPDATE
        SET from_peer = true, pending_in = false, updated_at = now()
        WHERE NOT contacts.from_peer OR contacts.pending_in;
    IF FOUND THEN
      PERFORM contact_event(p_user, p_peer);
    END IF;
    answer := 'subscribed';
    RETURN;
  END IF;
  PERFORM FROM contacts WHERE user_id = p_user AND peer = p_peer AND pending_in;
  IF FOUND OR relation_first(p_user, p_peer) IN ('refused', 'declined')
     OR (SELECT count(*) FROM (SELECT FROM contacts WHERE user_id = p_user AND pending_in
                                 LIMIT 1000) waiting) >= 1000 THEN
    RETURN;
  END IF;
  INSERT INTO contacts (user_id, peer, pending_in, note) VALUES (p_user, p_peer, true, p_note)
    ON CONFLICT (user_id, peer) DO UPDATE
      SET pending_in = true, note = excluded.note, updated_at = now();
  source := user_remote(p_peer); -- an app user is there already
  IF p_nick IS NOT NULL THEN
    PERFORM change_remote_profile(p_user, jsonb_build_object('jid', p_peer, 'full_name', p_nick));
  END IF;
  SELECT ret_id INTO pair FROM conversation_pair(source, p_user);
  waits := EXISTS (SELECT FROM members m WHERE m.conversation_id = pair AND m.user_id = p_user
                     AND m.request = 'pending');
  UPDATE members m SET request = 'pending'
    FROM conversations c WHERE c.id = pair AND m.conversation_id = pair AND m.user_id = p_user
      AND m.request IS NULL AND NOT relation_started(c);
  SELECT m.request INTO state FROM members m WHERE m.conversation_id = pair AND m.user_id = p_user;
  IF state IS DISTINCT FROM 'declined' AND NOT waits THEN
    PERFORM relation_request_event(pair, p_user, true);
  END IF;
END $$;

-- The peer's server shows the user no longer what is for those who see the peer's presence.
CREATE FUNCTION contact_unseen(p_user uuid, p_peer text) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM shown_profiles s USING users u
    WHERE u.jid = p_peer AND s.peer_id = u.id AND s.user_id = p_user
$$;

-- The peer grants what the user asked for; without a request it means nothing.
CREATE FUNCTION contact_subscribed(p_user uuid, p_peer text, OUT answer text, OUT last_seen bigint)
LANGUAGE plpgsql AS $$
BEGIN
  answer := 'none';
  UPDATE contacts SET to_peer = true, ask = false, updated_at = now()
    WHERE user_id = p_user AND peer = p_peer AND ask;
  IF FOUND THEN
    PERFORM contact_event(p_user, p_peer);
  END IF;
END $$;

-- The peer does not want to see the user's presence any longer, or takes a request back.
CREATE FUNCTION contact_unsubscribe(p_user uuid, p_peer text, OUT answer text,
                                    OUT last_seen bigint)
LANGUAGE plpgsql AS $$
DECLARE
  was_from boolean;
BEGIN
  SELECT from_peer INTO was_from FROM contacts WHERE user_id = p_user AND peer = p_peer FOR UPDATE;
  answer := CASE WHEN was_from THEN 'unavailable' ELSE 'none' END;
  UPDATE contacts SET from_peer = false, pending_in = false, updated_at = now()
    WHERE user_id = p_user AND peer = p_peer AND (from_peer OR pending_in);
  IF FOUND THEN
    PERFORM contact_event(p_user, p_peer);
  END IF;
  PERFORM contact_tidy(p_user, p_peer);
END $$;

-- The peer refuses the user's request, or takes a grant back.
CREATE FUNCTION contact_unsubscribed(p_user uuid, p_peer text, OUT answer text,
                                     OUT last_seen bigint)
LANGUAGE plpgsql AS $$
BEGIN
  answer := 'none';
  UPDATE contacts SET to_peer = false, ask = false, updated_at = now()
    WHERE user_id = p_user AND peer = p_peer AND (to_peer OR ask);
  IF FOUND AND NOT relation_blocks(p_user, p_peer) THEN
    PERFORM contact_event(p_user, p_peer);
  END IF;
  PERFORM contact_tidy(p_user, p_peer);
  PERFORM contact_unseen(p_user, p_peer);
END $$;

-- A subscription stanza { type, peer, note?, nick? }. From somebody whom the user blocks it is nothing, nor is a request to
-- one who is suspended. The result
-- is { answer, last_seen }.
CREATE FUNCTION change_contact_stanza(p_user uuid, p_arguments jsonb, OUT outcome int,
                                      OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  from_peer text := p_arguments->>'peer';
  answer record;
BEGIN
  outcome := 0;
  IF relation_blocks(p_user, from_peer)
     OR p_arguments->>'type' = 'subscribe' AND (SELECT user_is_suspended(u) FROM users u WHERE u.id = p_user) THEN
    result := '{"answer": "none"}'::jsonb || change_follows(p_user);
    RETURN;
  END IF;
  CASE p_arguments->>'type'
    WHEN 'subscribe' THEN SELECT * INTO answer
      FROM contact_subscribe(p_user, from_peer, p_arguments->>'note', p_arguments->>'nick');
    WHEN 'subscribed' THEN SELECT * INTO answer FROM contact_subscribed(p_user, from_peer);
    WHEN 'unsubscribe' THEN SELECT * INTO answer FROM contact_unsubscribe(p_user, from_peer);
    ELSE SELECT * INTO answer FROM contact_unsubscribed(p_user, from_peer);
  END CASE;
  result := to_jsonb(answer) || change_follows(p_user);
END $$;

-- The peer asks for the user's current presence.
CREATE FUNCTION contact_probe(p_user uuid, p_peer text, OUT answer text, OUT last_seen bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  answer := CASE WHEN relation_blocks(p_user, p_peer) OR NOT EXISTS (
                   SELECT FROM contacts WHERE user_id = p_user AND peer = p_peer AND from_peer)
                 THEN 'unsubscribed' WHEN contact_hidden(p_user) OR (SELECT user_is_suspended(u) FROM users u WHERE u.id = p_user)
                 THEN 'unavailable' ELSE 'presence' END;
  last_seen := contact_last_seen(p_user);
END $$;

-- Whether the user shows presence to nobody.
CREATE FUNCTION contact_hidden(p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT privacy_value(u.privacy_presence, 'presence') = 'nobody' FROM users u WHERE u.id = p_user);
END $$;

-- For how long the user has been away (since the account was made, when never online).
CREATE FUNCTION contact_idle(p_user uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT greatest(0, extract(epoch FROM now() - coalesce(u.last_seen_at, u.created_at)))::bigint
            FROM users u WHERE u.id = p_user);
END $$;

-- Notes that the user is online, or has been offline for p_seconds, and yields the contacts to be
-- told, and may be: those after p_after, at most p_limit, in order. Only the first page (p_after NULL) notes.
CREATE FUNCTION contact_announce(p_user uuid, p_online boolean, p_seconds int, p_after text,
                                 p_limit int)
RETURNS TABLE (peer text)
LANGUAGE plpgsql
-- In the order of the index, so that a page is not made of all that there are.
SET enable_sort = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
BEGIN
  IF p_after IS NULL AND p_online THEN
    INSERT INTO shown_online (user_id) SELECT p_user
      WHERE EXISTS (SELECT FROM contacts c WHERE c.user_id = p_user AND c.from_peer)
      ON CONFLICT DO NOTHING;
  ELSIF p_after IS NULL THEN
    DELETE FROM shown_online WHERE user_id = p_user;
    UPDATE users u SET last_seen_at = greatest(u.last_seen_at,
                                               now() - make_interval(secs => p_seconds))
      WHERE u.id = p_user;
  END IF;
  RETURN QUERY
    SELECT c.peer FROM contacts c
      WHERE c.user_id = p_user AND c.from_peer AND (p_after IS NULL OR c.peer > p_after)
        AND NOT contact_hidden(p_user) AND NOT relation_blocks(p_user, c.peer)
      ORDER BY c.peer LIMIT p_limit;
END $$;

-- Users who were shown online by a daemon that is no more, in order of id, after p_after.
CREATE FUNCTION contact_shown_online(p_after uuid, p_limit int)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid, u.name, to_json(user_facts(u, false))::text, u.kind, u.number
    FROM shown_online s CROSS JOIN LATERAL (SELECT x.* FROM users x WHERE x.id = s.user_id OFFSET 0) u
    WHERE p_after IS NULL OR s.user_id > p_after ORDER BY s.user_id LIMIT p_limit
$$;

-- ---- What the user does ----------------------------------------------------------------------------

-- The Contact object: the User, and how they stand.
CREATE FUNCTION contact_json(p_user uuid, u users) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('user', user_json(p_user, u),
    'subscription', CASE WHEN c.to_peer AND c.from_peer THEN 'both' WHEN c.to_peer THEN 'to'
                         WHEN c.from_peer THEN 'from' ELSE 'none' END,
    'ask', coalesce(c.ask, false), 'pending', coalesce(c.pending_in, false),
    'note', CASE WHEN c.pending_in THEN c.note END, 'name', c.name, 'groups', to_jsonb(coalesce(c.groups, '{}')),
    'updated_at', api_time(c.updated_at))
    FROM (SELECT) one LEFT JOIN contacts c ON c.user_id = p_user AND c.peer = u.jid
$$;

-- Tells the user how a contact stands now: user.updated with a member contact. When somebody else has
-- done something, the caller has seen to it that the user does not block that one.
CREATE FUNCTION contact_event(p_user uuid, p_peer text) RETURNS void
LANGUAGE sql AS $$
  SELECT event_add('user.updated', 'user', NULL, p_user, json_build_object('user_id', u.id))
    FROM users u WHERE u.jid = p_peer
$$;

-- Queues a subscription stanza to a remote peer.
CREATE FUNCTION contact_send(p_user uuid, p_peer text, p_kind text) RETURNS void
LANGUAGE sql AS $$
  SELECT outbox_add(l.ret_before + 1, p_kind, p_user, ARRAY[p_peer], NULL, NULL,
                    CASE p_kind WHEN 'subscribe' THEN (SELECT u.name FROM users u WHERE u.id = p_user) END)
    FROM log_advance(1) l
$$;

-- App users see in their own rows what the other did. Who is blocked by the other must not see that:
-- their row becomes what it would be otherwise, the other's stays, until contact_catch_up().

-- The user lets the peer see presence.
CREATE FUNCTION contact_grant(p_user uuid, p_peer users) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  own text := (SELECT u.jid FROM users u WHERE u.id = p_user);
BEGIN
  INSERT INTO contacts (user_id, peer, from_peer) VALUES (p_user, p_peer.jid, true)
    ON CONFLICT (user_id, peer) DO UPDATE
      SET from_peer = true, pending_in = false, updated_at = now();
  IF p_peer.kind <> 'hosted' OR bound_is(p_user) THEN
    PERFORM contact_send(p_user, p_peer.jid, 'subscribed');
  ELSIF NOT relation_blocks(p_peer.id, own) THEN
    INSERT INTO contacts (user_id, peer, to_peer) VALUES (p_peer.id, own, true)
      ON CONFLICT (user_id, peer) DO UPDATE SET to_peer = true, ask = false, updated_at = now();
    PERFORM contact_event(p_peer.id, own);
  END IF;
END $$;

-- The user asks to see the peer's presence, unless that is so or was asked.
CREATE FUNCTION contact_ask(p_user uuid, p_peer users) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  own users;
  granted boolean;
BEGIN
  IF EXISTS (SELECT FROM contacts c WHERE c.user_id = p_user AND c.peer = p_peer.jid
               AND c.to_peer) THEN
    RETURN;
  END IF;
  INSERT INTO contacts (user_id, peer, ask) VALUES (p_user, p_peer.jid, true)
    ON CONFLICT (user_id, peer) DO UPDATE SET ask = true, updated_at = now();
  SELECT * INTO own FROM users u WHERE u.id = p_user;
  IF p_peer.kind <> 'hosted' OR bound_is(p_user) THEN
    PERFORM contact_send(p_user, p_peer.jid, 'subscribe');
  ELSIF relation_blocks(p_peer.id, own.jid) THEN
    granted := contact_lets_in(p_peer.id, own.jid);
  ELSE
    granted := (SELECT s.answer FROM contact_subscribe(p_peer.id, own.jid) s) = 'subscribed';
  END IF;
  IF granted THEN
    UPDATE contacts SET to_peer = true, ask = false, updated_at = now()
      WHERE user_id = p_user AND peer = p_peer.jid;
  END IF;
END $$;

-- What an app user who was blocked until now has been given and has allowed counts for the user too.
CREATE FUNCTION contact_catch_up(p_user uuid, p_peer users) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  theirs contacts;
BEGIN
  SELECT x.* INTO theirs FROM contacts x
    WHERE x.user_id = p_peer.id AND x.peer = (SELECT u.jid FROM users u WHERE u.id = p_user);
  UPDATE contacts c SET to_peer = theirs.from_peer, from_peer = theirs.to_peer,
      ask = c.ask AND NOT theirs.from_peer, updated_at = now()
    WHERE c.user_id = p_user AND c.peer = p_peer.jid AND theirs.user_id IS NOT NULL
      AND (c.to_peer, c.from_peer) IS DISTINCT FROM (theirs.from_peer, theirs.to_peer);
  IF FOUND THEN
    PERFORM contact_event(p_user, p_peer.jid);
  END IF;
END $$;

-- Adds { user_id } or { jid }; domain is our own. Grants what the other has asked for. Somebody who
-- is unknown, blocks the user or wants no strangers refuses. At most 10000 contacts per user. With
-- limited, the user may not ask strangers just now (outcome 7). The result is { contact, stranger: the
-- request went to one }.
CREATE FUNCTION change_contact_add(p_user uuid, p_arguments jsonb, OUT outcome int,
                                   OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  named record;
  own users;
  had contacts;
  stranger boolean;
BEGIN
  SELECT * INTO own FROM users u WHERE u.id = p_user;
  SELECT * INTO named FROM relation_named(p_user, p_arguments, true);
  IF p_arguments->>'jid' NOT LIKE '%@%' AND NOT relation_met(p_user, named.ret_user) THEN
    outcome := 6;
    result := jsonb_build_object('pointer', '/jid', 'detail', 'is not a bare JID (name@domain)');
    RETURN;
  ELSIF (named.ret_user).id = p_user THEN
    outcome := 6;
    result := jsonb_build_object('pointer', CASE WHEN p_arguments ? 'jid' THEN '/jid'
                                            ELSE '/user_id' END, 'detail', 'is the user who asks');
    RETURN;
  ELSIF relation_refuses((named.ret_user).id, own.jid) AND (
          (named.ret_user).kind IS DISTINCT FROM 'remote') THEN
    outcome := 4;
    RETURN;
  ELSIF relation_blocks(p_user, named.ret_jid) THEN
    outcome := 3;
    RETURN;
  END IF;
  SELECT * INTO had FROM contacts c WHERE c.user_id = p_user AND c.peer = named.ret_jid;
  IF had.user_id IS NULL
     AND (SELECT count(*) FROM (SELECT FROM contacts c WHERE c.user_id = p_user
                                  LIMIT 10000) all_) = 10000 THEN
    outcome := 3;
    RETURN;
  END IF;
  outcome := CASE WHEN (had.to_peer OR had.ask) AND NOT had.pending_in THEN 1 ELSE 0 END;
  stranger := outcome = 0 AND relation_unasked(own, named.ret_user);
  IF stranger AND (p_arguments->>'limited')::boolean THEN
    outcome := 7;
    RETURN;
  END IF;
  IF outcome = 0 THEN
    IF had.pending_in THEN
      PERFORM contact_grant(p_user, named.ret_user);
      PERFORM request_accept(p_user, (named.ret_user).id);
    END IF;
    PERFORM contact_ask(p_user, named.ret_user);
    PERFORM contact_event(p_user, named.ret_jid);
  END IF;
  result := jsonb_build_object('contact', contact_json(p_user, named.ret_user), 'stranger', stranger)
    || change_follows(p_user);
END $$;

-- Removes a contact: nobody sees the other any longer. The result is { contact }. A peer elsewhere who saw
-- the presence loses it.
CREATE FUNCTION change_contact_remove(p_user uuid, p_arguments jsonb, OUT outcome int,
                                      OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  named record;
  own text := (SELECT u.jid FROM users u WHERE u.id = p_user);
  had contacts;
BEGIN
  SELECT * INTO named FROM relation_named(p_user, p_arguments, false);
  DELETE FROM contacts c WHERE c.user_id = p_user AND c.peer = named.ret_jid RETURNING * INTO had;
  IF had.user_id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  outcome := 0;
  PERFORM contact_unseen(p_user, had.peer);
  IF (named.ret_user).kind = 'hosted' AND NOT bound_is(p_user) THEN
    UPDATE contacts c SET to_peer = false, from_peer = false, ask = false, pending_in = false,
        updated_at = now()
      WHERE c.user_id = (named.ret_user).id AND c.peer = own;
    IF FOUND AND NOT relation_blocks((named.ret_user).id, own) THEN
      PERFORM contact_event((named.ret_user).id, own);
    END IF;
    PERFORM contact_tidy((named.ret_user).id, own);
  ELSE
    IF had.to_peer OR had.ask THEN
      PERFORM contact_send(p_user, had.peer, 'unsubscribe');
    END IF;
    IF had.from_peer OR had.pending_in THEN
      PERFORM contact_send(p_user, had.peer, 'unsubscribed');
    END IF;
    had.pending_in := false; -- who has only asked is not in the list of an account's server
    IF contact_says(had) THEN
      PERFORM bound_contact(p_user, had.peer, 'roster.remove');
    END IF;
  END IF;
  PERFORM contact_event(p_user, had.peer);
  result := jsonb_build_object('contact', contact_json(p_user, named.ret_user))
    || change_follows(p_user, CASE WHEN had.from_peer AND (named.ret_user).kind <> 'hosted'
                                        AND NOT relation_blocks(p_user, had.peer)
                                   THEN jsonb_build_array(had.peer) END, false);
END $$;

-- What the user calls a contact, and the groups that one is in: { user_id, name?, groups? }; null takes the name away. One of whom
-- nothing is said any more is none. The list of an account of another server is that server's, which is told the whole item,
-- and has what cannot be shown as it is; of an item that is too large to keep both have to be given. The result is { contact }.
CREATE FUNCTION change_contact_update(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  named record;
  had contacts;
  new contacts;
  missing CONSTANT text := CASE WHEN NOT p_arguments ? 'name' THEN '/name' WHEN NOT p_arguments ? 'groups' THEN '/groups' END;
BEGIN
  SELECT * INTO named FROM relation_named(p_user, p_arguments, false);
  SELECT * INTO had FROM contacts c WHERE c.user_id = p_user AND c.peer = named.ret_jid FOR UPDATE;
  IF had.user_id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  IF jsonb_array_length(p_arguments->'groups') > (
       SELECT count(DISTINCT e) FROM jsonb_array_elements_text(p_arguments->'groups') e) THEN
    outcome := 6;
    result := jsonb_build_object('pointer', '/groups', 'detail', 'has one twice');
    RETURN;
  END IF;
  new := had;
  IF p_arguments ? 'name' THEN
    new.name := p_arguments->>'name';
    new.listed := new.listed - 'name';
  END IF;
  IF p_arguments ? 'groups' THEN
    new.groups := ARRAY(SELECT DISTINCT e COLLATE "C" FROM jsonb_array_elements_text(p_arguments->'groups') e ORDER BY 1);
    new.listed := new.listed - 'groups';
  END IF;
  outcome := CASE WHEN (new.name, new.groups) IS DISTINCT FROM (had.name, had.groups) THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    IF had.listed = '{}' AND missing IS NOT NULL THEN
      outcome := 6;
      result := jsonb_build_object('pointer', missing, 'detail', 'is needed, too: what the server has is not known here');
      RETURN;
    END IF;
    new.listed := nullif(new.listed, '{}');
    UPDATE contacts c SET name = new.name, groups = new.groups, listed = new.listed, updated_at = now()
      WHERE c.user_id = p_user AND c.peer = had.peer;
    PERFORM bound_contact(p_user, had.peer, 'roster.item', jsonb_strip_nulls(jsonb_build_object(
      'name', coalesce(new.listed->>'name', new.name), 'groups', coalesce(new.listed->'groups', to_jsonb(new.groups)))));
    PERFORM contact_tidy(p_user, had.peer);
    PERFORM contact_event(p_user, had.peer);
  END IF;
  result := jsonb_build_object('contact', contact_json(p_user, named.ret_user)) || change_follows(p_user);
END $$;

-- The user's contacts, by address: { items, has_more, next }. p_after is the address that `next` of an
-- earlier page holds, in base64url behind a "p": a value, not the name of anybody, so that asking with others'
-- addresses tells nothing about them.
CREATE FUNCTION contact_list(p_user uuid, p_limit int, p_after text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH page AS (
    SELECT contact_json(p_user, u) AS json, c.peer, row_number() OVER (ORDER BY c.peer) AS k
      FROM contacts c JOIN users u ON u.jid = c.peer
      WHERE c.user_id = p_user
        AND (p_after IS NULL OR c.peer > p_after)
      ORDER BY c.peer LIMIT p_limit + 1
  )
  SELECT json_build_object('items', coalesce(json_agg(json ORDER BY k) FILTER (WHERE k <= p_limit),
                                             '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit
      THEN 'p' || translate(encode(convert_to(max(peer) FILTER (WHERE k = p_limit), 'UTF8'), 'base64'),
                            E'+/=\n', '-_') END)::text
  FROM page
$$;
