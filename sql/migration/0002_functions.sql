-- SPDX-License-Identifier: GPL-3.0-or-later
-- What the daemon calls. Functions that add to the log take the log's head first; see 0001.

-- RFC 3339 UTC with milliseconds.
CREATE FUNCTION api_time(t timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- The User object of the API.
CREATE FUNCTION user_json(u users) RETURNS json
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('id', u.id, 'username', u.username, 'name', u.name,
    'avatar_url', u.avatar_url, 'bio', u.bio, 'jid', u.jid, 'kind', u.kind)
$$;

-- Gives out COUNT positions and the time they get; the caller holds the log until it commits.
-- ret_before + 1 … ret_before + count are the caller's.
-- In PL/pgSQL, which keeps its plan; a function in SQL would be planned anew for every batch.
CREATE FUNCTION log_advance(count int, OUT ret_before bigint, OUT ret_stamp timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE log_head SET position = position + count,
      stamp = greatest(stamp, date_trunc('milliseconds', clock_timestamp()))
    RETURNING position - count, stamp INTO ret_before, ret_stamp;
END $$;

-- Where the log stands; schema is the newest migration.
CREATE FUNCTION log_state(OUT epoch text, OUT "position" bigint, OUT schema int)
LANGUAGE sql STABLE AS $$
  SELECT h.epoch, h.position, (SELECT max(version) FROM schema_migrations) FROM log_head h
$$;

-- ---------------------------------------------------------------------------------------------
-- Users

-- The hosted user with the app's id EXTERNAL_ID, made if there is none. WANTED_LOCALPART, checked
-- by the caller, is used for a new user's JID if it is free; else a surrogate is. Name, username
-- and picture follow the token when it has them. Returns the row that was found or made.
CREATE FUNCTION user_provision(p_external_id text, p_localpart text, p_domain text,
                               p_username text, p_name text, p_avatar_url text)
RETURNS TABLE (id uuid, jid text, name text, json text, created boolean)
LANGUAGE plpgsql AS $$
DECLARE
  u users;
  made boolean := false;
  wanted text := coalesce(p_localpart, 'u' || substr(md5(p_external_id), 1, 12));
BEGIN
  SELECT * INTO u FROM users WHERE users.external_id = p_external_id;
  FOR attempt IN 1 .. 5 LOOP
    EXIT WHEN u.id IS NOT NULL;
    INSERT INTO users (id, kind, external_id, jid, username, name, avatar_url)
      VALUES (gen_random_uuid(), 'hosted', p_external_id, wanted || '@' || p_domain,
              p_username, p_name, p_avatar_url)
      ON CONFLICT DO NOTHING RETURNING * INTO u;
    made := u.id IS NOT NULL;
    IF NOT made THEN -- somebody else has that JID, or a sign-in of the same user ran beside us
      SELECT * INTO u FROM users WHERE users.external_id = p_external_id;
      wanted := left(coalesce(p_localpart, 'u'), 48) || '-' || substr(md5(random()::text), 1, 8);
    END IF;
  END LOOP;
  IF (p_username IS NOT NULL AND p_username IS DISTINCT FROM u.username)
     OR (p_name IS NOT NULL AND p_name IS DISTINCT FROM u.name)
     OR (p_avatar_url IS NOT NULL AND p_avatar_url IS DISTINCT FROM u.avatar_url) THEN
    UPDATE users SET username = coalesce(p_username, users.username),
        name = coalesce(p_name, users.name),
        avatar_url = coalesce(p_avatar_url, users.avatar_url), updated_at = now()
      WHERE users.id = u.id RETURNING * INTO u;
  END IF;
  RETURN QUERY SELECT u.id, u.jid, u.name, user_json(u)::text, made;
END $$;

-- The user with this id (when it is one), or the hosted user with this id of the app's own.
CREATE FUNCTION user_find(p_reference text)
RETURNS TABLE (id uuid, jid text, name text, json text, kind text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  u users;
BEGIN
  IF p_reference ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN
    SELECT * INTO u FROM users WHERE users.id = p_reference::uuid;
  END IF;
  IF u.id IS NULL THEN
    SELECT * INTO u FROM users WHERE users.external_id = p_reference;
  END IF;
  IF u.id IS NOT NULL THEN
    RETURN QUERY SELECT u.id, u.jid, u.name, user_json(u)::text, u.kind;
  END IF;
END $$;

CREATE FUNCTION user_by_jid(p_jid text)
RETURNS TABLE (id uuid, jid text, name text, json text, kind text)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid, u.name, user_json(u)::text, u.kind FROM users u WHERE u.jid = p_jid
$$;

-- The user with bare JID p_jid, made as a remote one if unknown.
CREATE FUNCTION user_remote(p_jid text) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  found uuid;
BEGIN
  SELECT id INTO found FROM users WHERE jid = p_jid;
  IF found IS NULL THEN
    INSERT INTO users (id, kind, jid, username) VALUES (gen_random_uuid(), 'remote', p_jid, p_jid)
      ON CONFLICT (jid) DO NOTHING RETURNING id INTO found;
  END IF;
  IF found IS NULL THEN
    SELECT id INTO found FROM users WHERE jid = p_jid;
  END IF;
  RETURN found;
END $$;

-- A name can be used again once its key is revoked; until then it is a unique violation.
CREATE FUNCTION server_key_create(p_name text, p_digest bytea, p_scopes text[]) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM server_keys WHERE name = p_name AND revoked_at IS NOT NULL;
  INSERT INTO server_keys (name, digest, scopes) VALUES (p_name, p_digest, p_scopes)
$$;

-- The scopes of a key that is not revoked.
CREATE FUNCTION server_key_find(p_digest bytea) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT array_to_string(scopes, ' ') FROM server_keys
    WHERE digest = p_digest AND revoked_at IS NULL
$$;

CREATE FUNCTION server_key_revoke(p_name text) RETURNS boolean
LANGUAGE sql AS $$
  WITH revoked AS (
    UPDATE server_keys SET revoked_at = now()
      WHERE name = p_name AND revoked_at IS NULL RETURNING 1)
  SELECT EXISTS (SELECT FROM revoked)
$$;

-- ---------------------------------------------------------------------------------------------
-- Messages

-- Stores a batch; the one place that inserts messages. Arrays are parallel; optional ones may be
-- NULL as a whole. The sender must be a member of the conversation: nobody else learns whether it
-- exists. A repetition (same sender and dedupe) yields the first row.
--   outcome: 0 stored, 1 repeated, 2 no such conversation for this sender,
--            3 the same client_id was used for another message
-- Rows come back in the order of the input. outbox: a copy must go to the remote member.
-- position is always the message's own; outbox_position that of the stanza which waits in the outbox,
-- if one does: a repetition has its receipt sent anew, behind everything sent before.
-- The caller never puts two rows with the same (sender, dedupe) into one batch. With p_careful,
-- repetitions are looked for; without, one is a unique violation that fails the whole batch, and the
-- caller comes back with p_careful: repetitions are rare, and the look-up costs a fifth of the work.
CREATE FUNCTION message_store(
  p_ids uuid[], p_conversations uuid[], p_senders uuid[], p_bodies text[], p_client_ids text[],
  p_dedupes uuid[], p_careful boolean, p_addresses text[] DEFAULT NULL, p_foreign_ids text[] DEFAULT NULL,
  p_markables boolean[] DEFAULT NULL, p_stanzas text[] DEFAULT NULL,
  p_receipts boolean[] DEFAULT NULL)
RETURNS TABLE (outcome int, id uuid, seq bigint, "position" bigint, created_at timestamptz,
               conversation_id uuid, user_a uuid, user_b uuid, sender_id uuid,
               remote_jid text, outbox boolean, outbox_position bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  head bigint;
  stamp timestamptz;
BEGIN
  SELECT l.ret_before, l.ret_stamp INTO head, stamp FROM log_advance(cardinality(p_ids)) l;
  RETURN QUERY
  WITH resolved AS (
    -- Subscripts, not unnest: each array that unnest takes costs a tuplestore.
    SELECT i.n, p_ids[i.n] AS id, p_senders[i.n] AS sender_id, p_bodies[i.n] AS body,
           c.id AS conversation_id, c.user_a, c.user_b, c.base_seq, c.remote_user, c.remote_jid,
           old.id AS old_id, old.seq AS old_seq, old.position AS old_position,
           old.created_at AS old_created_at,
           old.conversation_id = c.id AND old.body IS NOT DISTINCT FROM p_bodies[i.n] AS old_same
      FROM generate_series(1, cardinality(p_ids)) AS i (n)
      LEFT JOIN conversations c
        ON c.id = p_conversations[i.n] AND (p_senders[i.n] = c.user_a OR p_senders[i.n] = c.user_b)
      LEFT JOIN LATERAL (
        SELECT m.id, m.seq, m.position, m.created_at, m.conversation_id, m.body FROM messages m
          WHERE p_careful AND m.sender_id = p_senders[i.n] AND m.dedupe = p_dedupes[i.n]
            AND m.dedupe IS NOT NULL) old ON true
  ), planned AS MATERIALIZED (
    SELECT r.*,
           CASE WHEN r.conversation_id IS NULL THEN 2
                WHEN r.old_id IS NULL THEN 0
                WHEN r.old_same THEN 1
                ELSE 3 END AS outcome,
           coalesce(last.seq, r.base_seq)
             + row_number() OVER (PARTITION BY r.conversation_id, r.old_id IS NULL ORDER BY r.n)
             AS new_seq,
           head + r.n AS new_position
      FROM resolved r
      LEFT JOIN LATERAL (SELECT m.seq FROM messages m WHERE m.conversation_id = r.conversation_id
                           ORDER BY m.seq DESC LIMIT 1) last ON true
  ), stored AS (
    INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body,
                          client_id, dedupe, sender_address, foreign_id, markable, stanza)
    SELECT p.id, p.conversation_id, p.new_seq, p.new_position, p.sender_id, stamp, p.body,
           p_client_ids[p.n], p_dedupes[p.n], p_addresses[p.n], p_foreign_ids[p.n],
           p_markables[p.n], p_stanzas[p.n]
      FROM planned p WHERE p.outcome = 0
  ), queued AS (
    INSERT INTO outbox (position, kind, from_user, to_address, message_id, reference)
    SELECT p.new_position, 'message', p.sender_id, p.remote_jid, p.id, NULL
      FROM planned p
      WHERE p.outcome = 0 AND p.remote_user IS NOT NULL AND p.remote_user <> p.sender_id
    UNION ALL
    SELECT p.new_position, 'received',
           CASE WHEN p.user_a = p.sender_id THEN p.user_b ELSE p.user_a END, p_addresses[p.n],
           coalesce(p.old_id, p.id), p_foreign_ids[p.n]
      FROM planned p WHERE p_receipts[p.n] AND p.outcome IN (0, 1)
  )
  SELECT p.outcome, coalesce(p.old_id, p.id), coalesce(p.old_seq, p.new_seq),
         coalesce(p.old_position, p.new_position),
         coalesce(p.old_created_at, stamp), p.conversation_id, p.user_a, p.user_b, p.sender_id,
         p.remote_jid,
         p.outcome = 0 AND p.remote_user IS NOT NULL AND p.remote_user <> p.sender_id,
         p.new_position
    FROM planned p ORDER BY p.n;
END $$;

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
  INSERT INTO conversations (id, user_a, user_b, remote_user, remote_jid, position, created_at)
    VALUES (gen_random_uuid(), a, b, remote.id, remote.jid, head + 1, stamp)
    RETURNING id INTO ret_id;
  INSERT INTO members (conversation_id, user_id, joined_at) VALUES (ret_id, a, stamp), (ret_id, b, stamp);
  ret_created := true;
END $$;

-- A batch that came by XMPP: from and to are bare JIDs. Unknown senders become remote users, new
-- pairs become conversations. A recipient who is not a hosted user yields outcome 2.
-- Further arrays and results as in message_store; sender is the sender's User object.
CREATE FUNCTION message_receive(
  p_ids uuid[], p_from text[], p_to text[], p_bodies text[], p_dedupes uuid[], p_addresses text[],
  p_foreign_ids text[], p_markables boolean[], p_stanzas text[], p_receipts boolean[])
RETURNS TABLE (outcome int, id uuid, seq bigint, "position" bigint, created_at timestamptz,
               conversation_id uuid, user_a uuid, user_b uuid, sender_id uuid,
               remote_jid text, outbox boolean, sender text, outbox_position bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  senders uuid[] := '{}';
  conversations uuid[] := '{}';
  target uuid;
  source uuid;
  pair uuid;
BEGIN
  PERFORM FROM log_head FOR UPDATE;
  FOR n IN 1 .. cardinality(p_ids) LOOP
    pair := NULL;
    source := NULL;
    SELECT u.id INTO target FROM users u WHERE u.jid = p_to[n] AND u.kind = 'hosted';
    IF target IS NOT NULL THEN
      source := user_remote(p_from[n]);
      SELECT ret_id INTO pair FROM conversation_pair(source, target);
    END IF;
    senders := senders || source;
    conversations := conversations || pair;
  END LOOP;
  RETURN QUERY
    SELECT s.outcome, s.id, s.seq, s.position, s.created_at, s.conversation_id, s.user_a, s.user_b,
           s.sender_id, s.remote_jid, s.outbox, user_json(u)::text, s.outbox_position
      FROM message_store(p_ids, conversations, senders, p_bodies, NULL, p_dedupes, true,
                         p_addresses, p_foreign_ids, p_markables, p_stanzas, p_receipts)
           WITH ORDINALITY AS s (outcome, id, seq, position, created_at, conversation_id, user_a,
                                 user_b, sender_id, remote_jid, outbox, outbox_position, n)
      LEFT JOIN users u ON u.id = s.sender_id
      ORDER BY s.n;
END $$;

-- Moves watermarks. Per row, the member is p_users[n], or the user with bare JID p_jids[n]; the
-- mark reaches to message p_messages[n], or to the newest one when that is NULL (then
-- p_conversations[n] says where). Watermarks never go back.
--   outcome: 0 moved, 1 was there already, 2 nothing this member may mark
-- A member's read mark goes to a remote peer as a displayed marker (outbox), naming the peer's
-- newest message that asked for one.
CREATE FUNCTION mark_store(p_users uuid[], p_jids text[], p_conversations uuid[],
                           p_messages uuid[], p_kinds text[])
RETURNS TABLE (outcome int, conversation_id uuid, user_id uuid, kind text, seq bigint,
               message_id uuid, "position" bigint, at timestamptz, user_a uuid, user_b uuid,
               unread bigint, marker_to text, marker_reference text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  head bigint;
  stamp timestamptz;
BEGIN
  SELECT l.ret_before, l.ret_stamp INTO head, stamp FROM log_advance(cardinality(p_kinds)) l;
  RETURN QUERY
  WITH named AS MATERIALIZED (
    SELECT i.n, p_kinds[i.n] AS kind, m.id AS message_id, m.seq,
           coalesce(p_users[i.n], (SELECT u.id FROM users u WHERE u.jid = p_jids[i.n])) AS user_id,
           coalesce(m.conversation_id, p_conversations[i.n]) AS conversation_id,
           p_messages[i.n] IS NOT NULL AND m.id IS NULL AS missing
      FROM generate_series(1, cardinality(p_kinds)) AS i (n)
      LEFT JOIN LATERAL (
        SELECT x.id, x.seq, x.conversation_id FROM messages x
          WHERE x.id = p_messages[i.n]
            AND (p_conversations[i.n] IS NULL OR x.conversation_id = p_conversations[i.n])
        UNION ALL
        (SELECT x.id, x.seq, x.conversation_id FROM messages x
          WHERE p_messages[i.n] IS NULL AND x.conversation_id = p_conversations[i.n]
          ORDER BY x.seq DESC LIMIT 1)) m ON true
  ), reached AS MATERIALIZED (
    -- Of several marks of one member in the batch, the furthest moves the watermark.
    SELECT a.n, a.kind, a.message_id, a.seq, a.user_id, o.conversation_id, c.user_a, c.user_b,
           c.remote_user, c.remote_jid, o.delivered_seq, o.read_seq,
           o.user_id IS NULL OR a.missing AS refused,
           -- Where the batch leaves the member, whichever row moves the watermark.
           greatest(o.read_seq, max(a.seq) FILTER (WHERE a.kind = 'read') OVER member) AS read_to,
           greatest(o.delivered_seq, max(a.seq) OVER member) AS delivered_to,
           coalesce(a.seq > CASE a.kind WHEN 'read' THEN o.read_seq ELSE o.delivered_seq END, false)
             AND row_number() OVER (PARTITION BY o.conversation_id, a.user_id, a.kind
                                    ORDER BY a.seq DESC, a.n) = 1 AS moved
      FROM named a
      LEFT JOIN members o ON o.conversation_id = a.conversation_id AND o.user_id = a.user_id
      LEFT JOIN conversations c ON c.id = o.conversation_id
      WINDOW member AS (PARTITION BY o.conversation_id, a.user_id)
  ), furthest AS MATERIALIZED (
    -- At most one row of each kind has moved. The positions of both watermarks are the same only
    -- when the read mark took the delivered one along.
    SELECT r.conversation_id, r.user_id, max(r.seq) AS delivered,
           max(r.seq) FILTER (WHERE r.kind = 'read') AS read,
           max(r.n) FILTER (WHERE r.kind = 'read') AS read_n,
           max(r.n) FILTER (WHERE r.kind = 'delivered') AS delivered_n,
           max(r.delivered_seq) AS old_delivered
      FROM reached r WHERE r.moved AND NOT r.refused GROUP BY r.conversation_id, r.user_id
  ), watermarks AS (
    UPDATE members o
       SET delivered_seq = greatest(o.delivered_seq, f.delivered),
           delivered_position = CASE WHEN f.delivered <= o.delivered_seq THEN o.delivered_position
                                     WHEN f.delivered = f.read THEN head + f.read_n
                                     ELSE head + f.delivered_n END,
           delivered_at = CASE WHEN f.delivered > o.delivered_seq THEN stamp
                               ELSE o.delivered_at END,
           read_seq = coalesce(f.read, o.read_seq),
           read_position = CASE WHEN f.read IS NULL THEN o.read_position
                                ELSE head + f.read_n END,
           read_at = CASE WHEN f.read IS NULL THEN o.read_at ELSE stamp END
      FROM furthest f WHERE o.conversation_id = f.conversation_id AND o.user_id = f.user_id
  ), history AS (
    INSERT INTO marks (conversation_id, user_id, kind, seq, at)
    SELECT f.conversation_id, f.user_id, 'delivered', f.delivered, stamp FROM furthest f
      WHERE f.delivered > f.old_delivered
    UNION ALL
    SELECT f.conversation_id, f.user_id, 'read', f.read, stamp FROM furthest f
      WHERE f.read IS NOT NULL
  ), marked AS MATERIALIZED (
    SELECT r.*, peer.foreign_id, peer.id AS peer_id
      FROM reached r
      LEFT JOIN LATERAL (
        SELECT x.id, x.foreign_id FROM messages x
          WHERE r.moved AND r.kind = 'read' AND r.remote_user <> r.user_id
            AND x.conversation_id = r.conversation_id AND x.seq <= r.seq AND x.seq > r.seq - 100
            AND x.sender_id = r.remote_user AND x.markable AND x.foreign_id IS NOT NULL
          ORDER BY x.seq DESC LIMIT 1) peer ON true
  ), queued AS (
    INSERT INTO outbox (position, kind, from_user, to_address, message_id, reference)
    SELECT head + k.n, 'displayed', k.user_id, k.remote_jid, k.peer_id, k.foreign_id
      FROM marked k WHERE k.peer_id IS NOT NULL
  )
  SELECT CASE WHEN k.refused THEN 2 WHEN k.moved THEN 0 ELSE 1 END, k.conversation_id, k.user_id,
         k.kind, CASE WHEN k.moved THEN k.seq WHEN k.kind = 'read' THEN k.read_to
                      ELSE k.delivered_to END,
         k.message_id, head + k.n, stamp, k.user_a, k.user_b,
         CASE WHEN k.kind = 'read' AND NOT k.refused
              THEN unread_count(k.conversation_id, k.user_id, k.read_to) END,
         CASE WHEN k.peer_id IS NOT NULL THEN k.remote_jid END, k.foreign_id
    FROM marked k ORDER BY k.n;
END $$;

-- Messages of others after READ_SEQ, among the newest 2000 and at most 1000: what a count costs must
-- not depend on how much a user who never reads has said himself.
CREATE FUNCTION unread_count(p_conversation uuid, p_user uuid, p_read_seq bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT least(count(*), 1000) FROM (
    SELECT m.sender_id FROM messages m
      WHERE m.conversation_id = p_conversation AND m.seq > p_read_seq
      ORDER BY m.seq DESC LIMIT 2000) newest
    WHERE newest.sender_id <> p_user
$$;

-- A bounce: the message p_ids[n] that a hosted user sent could not be delivered; p_from is the bare
-- JID the error came from and must be the conversation's remote member. Later receipts may still
-- arrive; the first condition stays.
--   outcome: 0 recorded, 1 was recorded, 2 no such message
CREATE FUNCTION message_fail(p_ids uuid[], p_from text[], p_conditions text[])
RETURNS TABLE (outcome int, id uuid, conversation_id uuid, sender_id uuid, client_id text,
               "position" bigint, at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  head bigint;
  stamp timestamptz;
  m messages;
BEGIN
  SELECT l.ret_before, l.ret_stamp INTO head, stamp FROM log_advance(cardinality(p_ids)) l;
  FOR n IN 1 .. cardinality(p_ids) LOOP
    SELECT x.* INTO m FROM messages x JOIN conversations c ON c.id = x.conversation_id
      WHERE x.id = p_ids[n] AND c.remote_jid = p_from[n] AND x.sender_id <> c.remote_user;
    IF m.id IS NOT NULL AND m.failed_condition IS NULL THEN
      UPDATE messages x SET failed_condition = p_conditions[n], failed_position = head + n
        WHERE x.id = m.id;
    END IF;
    RETURN QUERY SELECT
      CASE WHEN m.id IS NULL THEN 2 WHEN m.failed_condition IS NULL THEN 0 ELSE 1 END,
      p_ids[n], m.conversation_id, m.sender_id, m.client_id, head + n, stamp;
  END LOOP;
END $$;

-- ---------------------------------------------------------------------------------------------
-- Reading. Every function takes the user who asks and yields nothing for a stranger.

-- The Message object. p_delivered, p_read: when the recipient got to it; NULL: not yet.
CREATE FUNCTION message_json(m messages, p_sender json, p_delivered timestamptz, p_read timestamptz)
RETURNS json
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('id', m.id, 'client_id', m.client_id,
    'conversation_id', m.conversation_id, 'seq', m.seq, 'sender', p_sender,
    'sender_id', m.sender_id, 'content', m.body, 'message_type', m.kind, 'metadata', NULL,
    'reply_to', NULL, 'thread_id', NULL, 'forward_count', 0, 'reactions', '[]'::json,
    'mentions', '[]'::json, 'is_edited', false, 'edited_at', NULL, 'deleted_at', NULL,
    'expires_at', NULL,
    'status', CASE WHEN p_read IS NOT NULL THEN 'read' WHEN p_delivered IS NOT NULL THEN 'delivered'
                   WHEN m.failed_condition IS NOT NULL THEN 'failed' ELSE 'sent' END,
    'delivered_at', api_time(coalesce(p_delivered, p_read)), 'read_at', api_time(p_read),
    'created_at', api_time(m.created_at))
$$;

-- When the recipient of message p_seq by p_sender got to it; NULL: not yet. Direct conversations.
CREATE FUNCTION message_mark(c conversations, p_sender uuid, p_seq bigint, p_kind text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT k.at FROM marks k WHERE k.conversation_id = c.id
            AND k.user_id = CASE WHEN p_sender = c.user_a THEN c.user_b ELSE c.user_a END
            AND k.kind = p_kind AND k.seq >= p_seq ORDER BY k.seq LIMIT 1);
END $$;

-- The Message object of a row, with its sender and the recipient's marks looked up.
CREATE FUNCTION message_object(m messages, c conversations) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT message_json(m, user_json(u), message_mark(c, m.sender_id, m.seq, 'delivered'),
                              message_mark(c, m.sender_id, m.seq, 'read'))
            FROM users u WHERE u.id = m.sender_id);
END $$;

-- One page of a conversation, oldest first: { items, has_more, next }. At most one of p_before,
-- p_after, p_around is set (message ids). NULL: no such conversation for this user, or the message
-- is not in it. next is the message to continue from in the same direction.
CREATE FUNCTION message_page(p_user uuid, p_conversation uuid, p_limit int, p_before uuid,
                             p_after uuid, p_around uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  c conversations;
  anchor bigint;
  low bigint := 0;
  high bigint := 9223372036854775807;
  forward boolean := p_after IS NOT NULL;
  wanted int := p_limit + 1;
  result text;
BEGIN
  SELECT x.* INTO c FROM conversations x JOIN members m ON m.conversation_id = x.id
    WHERE x.id = p_conversation AND m.user_id = p_user;
  IF c.id IS NULL THEN
    RETURN NULL;
  END IF;
  IF coalesce(p_before, p_after, p_around) IS NOT NULL THEN
    SELECT m.seq INTO anchor FROM messages m
      WHERE m.id = coalesce(p_before, p_after, p_around) AND m.conversation_id = c.id;
    IF anchor IS NULL THEN
      RETURN NULL;
    END IF;
  END IF;
  IF p_before IS NOT NULL THEN
    high := anchor - 1;
  ELSIF p_after IS NOT NULL THEN
    low := anchor + 1;
  ELSIF p_around IS NOT NULL THEN
    -- Half a page on each side; a cursor continues with before or after.
    high := anchor + (p_limit - 1) / 2;
  END IF;
  IF forward THEN
    SELECT json_build_object('items', coalesce(json_agg(message_object(m, c) ORDER BY m.seq)
             FILTER (WHERE k <= p_limit), '[]'),
           'has_more', count(*) > p_limit,
           'next', CASE WHEN count(*) > p_limit THEN
             (array_agg(m.id ORDER BY m.seq))[p_limit] END)::text INTO result
      FROM (SELECT x, x.id, x.seq, row_number() OVER (ORDER BY x.seq) AS k FROM messages x
              WHERE x.conversation_id = c.id AND x.seq >= low ORDER BY x.seq LIMIT wanted) p
           CROSS JOIN LATERAL (SELECT (p.x).*) m;
  ELSE
    SELECT json_build_object('items', coalesce(json_agg(message_object(m, c) ORDER BY m.seq)
             FILTER (WHERE k <= p_limit), '[]'),
           'has_more', count(*) > p_limit,
           'next', CASE WHEN count(*) > p_limit THEN
             (array_agg(m.id ORDER BY m.seq DESC))[p_limit] END)::text INTO result
      FROM (SELECT x, row_number() OVER (ORDER BY x.seq DESC) AS k FROM messages x
              WHERE x.conversation_id = c.id AND x.seq <= high ORDER BY x.seq DESC LIMIT wanted) p
           CROSS JOIN LATERAL (SELECT (p.x).*) m;
  END IF;
  RETURN result;
END $$;

-- The Conversation object as p_user sees it.
CREATE FUNCTION conversation_json(c conversations, p_user uuid) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT json_build_object('id', c.id, 'type', c.kind, 'jid', peer.jid, 'name', peer.name,
    'description', NULL, 'icon_url', peer.avatar_url,
    'participants', json_build_array(
      json_build_object('user', user_json(a), 'role', ma.role, 'joined_at', api_time(ma.joined_at),
                        'last_read_seq', ma.read_seq),
      json_build_object('user', user_json(b), 'role', mb.role, 'joined_at', api_time(mb.joined_at),
                        'last_read_seq', mb.read_seq)),
    'participant1', user_json(a), 'participant2', user_json(b),
    'last_message', CASE WHEN last.id IS NOT NULL THEN message_object(last, c) END,
    'last_message_at', api_time(last.created_at),
    'unread_count', unread_count(c.id, p_user,
                                 CASE WHEN a.id = p_user THEN ma.read_seq ELSE mb.read_seq END),
    'pinned', false, 'muted_until', NULL, 'archived', false, 'request', NULL,
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
--   outcome: 0 made, 1 was there, 2 nobody to talk to, 3 that is the user himself
CREATE FUNCTION conversation_open(p_users uuid[], p_references text[], p_jids text[], p_domain text)
RETURNS TABLE (outcome int, json text)
LANGUAGE plpgsql AS $$
DECLARE
  peer uuid;
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

-- What p_user missed after p_position, oldest first, at most p_limit + 1 rows (the last one then
-- says: too much). The first row has type NULL and carries the head of the log in this snapshot.
-- Watermarks appear once, where they stand now.
CREATE FUNCTION event_resume(p_user uuid, p_position bigint, p_limit int)
RETURNS TABLE ("position" bigint, type text, at timestamptz, payload text,
               conversation_id uuid, message_id uuid, sender_id uuid)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  conversation record;
  m messages;
  total int := 0;
BEGIN
  RETURN QUERY SELECT h.position, NULL::text, h.stamp, NULL::text, NULL::uuid, NULL::uuid, NULL::uuid
    FROM log_head h;
  RETURN QUERY
    SELECT k.position, k.type, k.at,
           json_build_object('conversation_id', k.conversation_id, 'user_id', k.user_id,
             'message_id', x.id, 'seq', k.seq, 'at', api_time(k.at))::text,
           k.conversation_id, x.id, NULL::uuid
      FROM members mine
      JOIN LATERAL (
        SELECT o.conversation_id, o.user_id, 'message.delivered' AS type, o.delivered_seq AS seq,
               o.delivered_position AS position, o.delivered_at AS at
          FROM members o WHERE o.conversation_id = mine.conversation_id AND o.user_id <> p_user
            AND o.delivered_position > p_position AND o.delivered_position <> o.read_position
        UNION ALL
        SELECT o.conversation_id, o.user_id, 'message.read', o.read_seq, o.read_position, o.read_at
          FROM members o WHERE o.conversation_id = mine.conversation_id
            AND o.read_position > p_position) k ON true
      JOIN messages x ON x.conversation_id = k.conversation_id AND x.seq = k.seq
      WHERE mine.user_id = p_user
      LIMIT p_limit + 1;
  FOR conversation IN
    SELECT c FROM members mine JOIN conversations c ON c.id = mine.conversation_id
      JOIN LATERAL (SELECT x.position FROM messages x WHERE x.conversation_id = c.id
                      ORDER BY x.seq DESC LIMIT 1) last ON last.position > p_position
      WHERE mine.user_id = p_user
  LOOP
    -- Positions rise with seq: walk back until what the user has seen.
    FOR m IN SELECT x.* FROM messages x WHERE x.conversation_id = (conversation.c).id
               ORDER BY x.seq DESC LOOP
      EXIT WHEN m.position <= p_position;
      total := total + 1;
      RETURN QUERY SELECT m.position, 'message.new'::text, m.created_at,
                          message_object(m, conversation.c)::text,
                          m.conversation_id, m.id, m.sender_id;
      IF total > p_limit THEN
        RETURN;
      END IF;
    END LOOP;
  END LOOP;
  RETURN QUERY
    SELECT f.failed_position, 'message.failed'::text, h.stamp,
           json_build_object('conversation_id', f.conversation_id, 'message_id', f.id,
             'client_id', f.client_id, 'code', 'xmpp_unreachable',
             'xmpp_condition', f.failed_condition)::text,
           f.conversation_id, f.id, NULL::uuid
      FROM messages f, log_head h
      WHERE f.sender_id = p_user AND f.failed_position > p_position
      ORDER BY f.failed_position LIMIT p_limit + 1;
END $$;
CREATE INDEX messages_failed ON messages (sender_id, failed_position)
  WHERE failed_position IS NOT NULL;

-- ---------------------------------------------------------------------------------------------
-- Outbox

-- The next LIMIT entries after p_position, in sending order.
CREATE FUNCTION outbox_page(p_position bigint, p_limit int)
RETURNS TABLE ("position" bigint, kind text, from_jid text, to_address text, message_id uuid,
               reference text, body text)
LANGUAGE sql STABLE AS $$
  SELECT o.position, o.kind, u.jid, o.to_address, o.message_id, o.reference,
         CASE WHEN o.kind = 'message' THEN m.body END
    FROM outbox o
    JOIN users u ON u.id = o.from_user
    JOIN messages m ON m.id = o.message_id
    WHERE o.position > p_position ORDER BY o.position LIMIT p_limit
$$;
