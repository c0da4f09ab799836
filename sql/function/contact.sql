-- SPDX-License-Identifier: GPL-3.0-or-later
-- Presence subscriptions of hosted users: RFC 6121 section 3, seen from their server.
--
-- One function per kind of stanza that a peer sends. Each does the whole transition and may be
-- called again with the same result. ANSWER says what the peer is to be sent:
--   none          nothing
--   subscribed    `subscribed`, then the user's current presence
--   presence      the user's current presence
--   unavailable   `unavailable`
--   unsubscribed  `unsubscribed`
-- last_seen is when the user was last online, microseconds since 1970, NULL: never.

CREATE FUNCTION contact_last_seen(p_user uuid) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT (extract(epoch FROM last_seen_at) * 1000000)::bigint FROM users WHERE id = p_user
$$;

-- Whether the user has already written to that peer: who talks to somebody may be seen by them.
-- Looks at the newest 1000 messages only, so that a flood from the peer cannot make it slow.
CREATE FUNCTION contact_consents(p_user uuid, p_peer text) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM users peer
      JOIN conversations c ON c.user_a = least(peer.id, p_user)
        AND c.user_b = greatest(peer.id, p_user) AND c.kind = 'direct'
      CROSS JOIN LATERAL (SELECT m.sender_id FROM messages m WHERE m.conversation_id = c.id
                            ORDER BY m.seq DESC LIMIT 1000) newest
      WHERE peer.jid = p_peer AND newest.sender_id = p_user)
$$;

-- Removes the row when it says nothing any more.
CREATE FUNCTION contact_tidy(p_user uuid, p_peer text) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM contacts WHERE user_id = p_user AND peer = p_peer
    AND NOT (to_peer OR from_peer OR ask OR pending_in)
$$;

-- A request to see the user's presence. Requests that wait for the user's decision are kept, at
-- most 1000 per user; more are as if they had not come.
CREATE FUNCTION contact_subscribe(p_user uuid, p_peer text, OUT answer text, OUT last_seen bigint)
LANGUAGE plpgsql AS $$
BEGIN
  answer := 'none';
  last_seen := contact_last_seen(p_user);
  IF EXISTS (SELECT FROM contacts WHERE user_id = p_user AND peer = p_peer AND from_peer)
     OR contact_consents(p_user, p_peer) THEN
    INSERT INTO contacts (user_id, peer, from_peer) VALUES (p_user, p_peer, true)
      ON CONFLICT (user_id, peer) DO UPDATE
        SET from_peer = true, pending_in = false, updated_at = now()
        WHERE NOT contacts.from_peer OR contacts.pending_in;
    answer := 'subscribed';
  ELSIF (SELECT count(*) FROM (SELECT FROM contacts WHERE user_id = p_user AND pending_in
                                 LIMIT 1000) waiting) < 1000 THEN
    INSERT INTO contacts (user_id, peer, pending_in) VALUES (p_user, p_peer, true)
      ON CONFLICT (user_id, peer) DO UPDATE SET pending_in = true, updated_at = now()
        WHERE NOT contacts.pending_in;
  END IF;
END $$;

-- The peer grants what the user asked for; without a request it means nothing.
CREATE FUNCTION contact_subscribed(p_user uuid, p_peer text, OUT answer text, OUT last_seen bigint)
LANGUAGE plpgsql AS $$
BEGIN
  answer := 'none';
  UPDATE contacts SET to_peer = true, ask = false, updated_at = now()
    WHERE user_id = p_user AND peer = p_peer AND ask;
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
  PERFORM contact_tidy(p_user, p_peer);
END $$;

-- The peer asks for the user's current presence.
CREATE FUNCTION contact_probe(p_user uuid, p_peer text, OUT answer text, OUT last_seen bigint)
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN EXISTS (SELECT FROM contacts WHERE user_id = p_user AND peer = p_peer
                             AND from_peer)
              THEN 'presence' ELSE 'unsubscribed' END,
         contact_last_seen(p_user)
$$;

-- Whether the peer may see the user's presence, and for how long the user has been away (since the
-- account was made, when never online).
CREATE FUNCTION contact_access(p_user uuid, p_peer text, OUT allowed boolean,
                               OUT idle_seconds bigint)
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM contacts WHERE user_id = p_user AND peer = p_peer AND from_peer),
         greatest(0, extract(epoch FROM now() - coalesce(u.last_seen_at, u.created_at)))::bigint
    FROM users u WHERE u.id = p_user
$$;

-- Notes that the user is online, or has been offline for p_seconds, and yields the contacts to be
-- told: those after p_after, at most p_limit, in order. Only the first page (p_after NULL) notes.
CREATE FUNCTION contact_announce(p_user uuid, p_online boolean, p_seconds int, p_after text,
                                 p_limit int)
RETURNS TABLE (peer text)
LANGUAGE plpgsql AS $$
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
      ORDER BY c.peer LIMIT p_limit;
END $$;

-- Users who were shown online by a daemon that is no more, in order of id, after p_after.
CREATE FUNCTION contact_shown_online(p_after uuid, p_limit int)
RETURNS TABLE (id uuid, jid text, name text, json text, kind text, number bigint)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid, u.name, user_json(u)::text, u.kind, u.number
    FROM shown_online s JOIN users u ON u.id = s.user_id
    WHERE p_after IS NULL OR s.user_id > p_after ORDER BY s.user_id LIMIT p_limit
$$;
