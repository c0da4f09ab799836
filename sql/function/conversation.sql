-- SPDX-License-Identifier: GPL-3.0-or-later
-- Conversations. What reads takes the user who asks and yields nothing for a stranger.

-- Makes the direct conversation of two users if there is none. The caller holds the log.
CREATE FUNCTION conversation_pair(p_one uuid, p_other uuid, OUT ret_id uuid, OUT ret_created boolean)
LANGUAGE plpgsql AS $$
DECLARE
  a uuid := least(p_one, p_other);
  b uuid := greatest(p_one, p_other);
  remote users;
  head bigint;
  stamp timestamptz;
BEGIN
  ret_created := false;
  SELECT id INTO ret_id FROM conversations WHERE user_a = a AND user_b = b AND kind = 'direct';
  IF ret_id IS NOT NULL THEN
    RETURN;
  END IF;
  SELECT l.ret_before, l.ret_stamp INTO head, stamp FROM log_advance(1) l;
  SELECT * INTO remote FROM users WHERE id IN (a, b) AND kind <> 'hosted';
  INSERT INTO conversations (id, user_a, user_b, number_a, number_b, remote_user, remote_jid,
                             position, created_at, guarded)
    SELECT gen_random_uuid(), a, b, one.number, other.number, remote.id, remote.jid, head + 1, stamp, true
      FROM users one, users other WHERE one.id = a AND other.id = b
    RETURNING id INTO ret_id;
  INSERT INTO members (conversation_id, user_id, joined_at) VALUES (ret_id, a, stamp), (ret_id, b, stamp);
  ret_created := true;
END $$;

-- The Conversation object as p_user sees it.
CREATE FUNCTION conversation_json(c conversations, p_user uuid) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT json_build_object('id', c.id, 'type', c.kind, 'jid', peer.jid, 'name', peer.name,
    'description', NULL, 'icon_url', peer.avatar_url,
    'participants', json_build_array(
      json_build_object('user', user_json(a), 'role', ma.role, 'joined_at', api_time(ma.joined_at),
                        'last_read_seq', member_read_seq(ma, p_user)),
      json_build_object('user', user_json(b), 'role', mb.role, 'joined_at', api_time(mb.joined_at),
                        'last_read_seq', member_read_seq(mb, p_user))),
    'participant1', user_json(a), 'participant2', user_json(b),
    'last_message', CASE WHEN last.id IS NOT NULL THEN message_object(last, c) END,
    'last_message_at', api_time(last.created_at),
    'unread_count', unread_count(c.id, p_user,
                                 CASE WHEN a.id = p_user THEN ma.read_seq ELSE mb.read_seq END),
    'pinned', false, 'muted_until', NULL, 'archived', false,
    'request', CASE WHEN a.id = p_user THEN ma.request ELSE mb.request END,
    'blocked', c.guarded AND relation_blocks(p_user, peer.jid),
    'settings', json_build_object(), 'created_at', api_time(c.created_at),
    'updated_at', api_time(coalesce(last.created_at, c.created_at)))
  FROM users a
  JOIN users b ON b.id = c.user_b
  JOIN members ma ON ma.conversation_id = c.id AND ma.user_id = c.user_a
  JOIN members mb ON mb.conversation_id = c.id AND mb.user_id = c.user_b
  JOIN users peer ON peer.id = CASE WHEN c.user_a = p_user THEN c.user_b ELSE c.user_a END
  LEFT JOIN LATERAL (SELECT * FROM messages m WHERE m.conversation_id = c.id
                       ORDER BY m.seq DESC LIMIT 1) last ON true
  WHERE a.id = c.user_a);
END $$;

CREATE FUNCTION conversation_get(p_user uuid, p_conversation uuid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT conversation_json(c, p_user)::text FROM conversations c
    JOIN members m ON m.conversation_id = c.id AND m.user_id = p_user WHERE c.id = p_conversation
$$;

-- Create-or-get, in a batch. For row n, p_users[n] wants to talk to p_references[n] (a user's id, or
-- the app's own id), or to p_jids[n] (a bare JID that the caller has checked; on our own domain
-- only users that exist are found).
--   outcome: 0 made, 1 was there, 2 nobody to talk to, or nobody who wants to, 3 that is the user
--            himself
CREATE FUNCTION conversation_open(p_users uuid[], p_references text[], p_jids text[], p_domain text)
RETURNS TABLE (outcome int, json text)
LANGUAGE plpgsql AS $$
DECLARE
  peer uuid;
  asker text;
  pair uuid;
  made boolean;
BEGIN
  PERFORM FROM log_head FOR UPDATE;
  FOR n IN 1 .. cardinality(p_users) LOOP
    peer := NULL;
    IF p_references[n] IS NOT NULL THEN
      SELECT f.id INTO peer FROM user_find(p_references[n]) f;
    ELSE
      SELECT u.id INTO peer FROM users u WHERE u.jid = p_jids[n];
      IF peer IS NULL AND split_part(p_jids[n], '@', 2) <> p_domain THEN
        peer := user_remote(p_jids[n]);
      END IF;
    END IF;
    SELECT u.jid INTO asker FROM users u WHERE u.id = p_users[n];
    IF relation_refuses(peer, asker) AND peer IS DISTINCT FROM p_users[n] THEN
      peer := NULL;
    END IF;
    IF peer IS NULL OR peer = p_users[n] THEN
      RETURN QUERY SELECT CASE WHEN peer IS NULL THEN 2 ELSE 3 END, NULL::text;
      CONTINUE;
    END IF;
    SELECT ret_id, ret_created INTO pair, made FROM conversation_pair(p_users[n], peer);
    RETURN QUERY SELECT CASE WHEN made THEN 0 ELSE 1 END, conversation_get(p_users[n], pair);
  END LOOP;
END $$;

-- The user's conversations, most recent activity first: { items, has_more, next }. p_before and
-- p_after are positions from `next` of an earlier page.
CREATE FUNCTION conversation_list(p_user uuid, p_limit int, p_before bigint, p_after bigint)
RETURNS text
LANGUAGE sql STABLE AS $$
  WITH active AS (
    SELECT c, coalesce(last.position, c.position) AS active_at
      FROM members m
      JOIN conversations c ON c.id = m.conversation_id
      LEFT JOIN LATERAL (SELECT x.position FROM messages x WHERE x.conversation_id = c.id
                           ORDER BY x.seq DESC LIMIT 1) last ON true
      WHERE m.user_id = p_user
  ), page AS (
    SELECT c, active_at, row_number() OVER (
             ORDER BY CASE WHEN p_after IS NULL THEN -active_at ELSE active_at END) AS k
      FROM active
      WHERE (p_before IS NULL OR active_at < p_before) AND (p_after IS NULL OR active_at > p_after)
      ORDER BY k LIMIT p_limit + 1
  )
  SELECT json_build_object(
    'items', coalesce(json_agg(conversation_json(c, p_user) ORDER BY active_at DESC)
                        FILTER (WHERE k <= p_limit), '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit THEN max(active_at::text) FILTER (WHERE k = p_limit) END)::text
  FROM page
$$;
