-- SPDX-License-Identifier: GPL-3.0-or-later
-- Conversations. What reads takes the user who asks and yields nothing for a stranger.

-- Makes the direct conversation of two users if there is none. It is in p_one's list at once, in
-- p_other's with its first message. The caller holds the log.
CREATE FUNCTION conversation_pair(p_one uuid, p_other uuid, OUT ret_id uuid, OUT ret_created boolean)
LANGUAGE plpgsql AS $$
DECLARE
  taken record;
  pair uuid[] := pair_key(p_one, p_other);
  remote users;
  head bigint;
  stamp timestamptz;
BEGIN
  ret_created := false;
  SELECT id INTO ret_id FROM conversations WHERE kind = 'direct' AND member_ids = pair;
  IF ret_id IS NOT NULL THEN
    RETURN;
  END IF;
  taken := log_advance(1);
  head := taken.ret_before;
  stamp := taken.ret_stamp;
  SELECT x.* INTO remote FROM users one, users other, bound_remote(one, other) x WHERE one.id = pair[1] AND other.id = pair[2];
  INSERT INTO conversations (id, member_ids, member_numbers, remote_user, remote_jid, position,
                             created_at, awaited, guarded, closed, reach)
    SELECT gen_random_uuid(), pair, ARRAY[one.number, other.number], remote.id, remote.jid, head + 1,
           stamp, remote.id IS DISTINCT FROM p_other OR remote.kind = 'bound', true,
           one.privacy_profile IS NOT NULL OR other.privacy_profile IS NOT NULL, bound_reach(one, other)
      FROM users one, users other WHERE one.id = pair[1] AND other.id = pair[2]
    RETURNING id INTO ret_id;
  INSERT INTO members (conversation_id, user_id, kind, jid, number, joined_at, hidden_seq)
    SELECT ret_id, u.id, u.kind, u.jid, u.number, stamp, CASE WHEN u.id = p_other THEN 0 END
      FROM users u WHERE u.id = ANY (pair);
  ret_created := true;
END $$;

-- Until when a conversation is muted; NULL: it is not.
CREATE FUNCTION muted_text(p_until timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN p_until = 'infinity' THEN 'forever' WHEN p_until > now() THEN api_time(p_until) END
$$;

-- What is known of a conversation of two, for its member mine. p_peer: the other one as the first sees him; p_sides:
-- both; p_last: the newest message, if it is seen; p_own: how many the first has written.
CREATE FUNCTION conversation_facts(c conversations, mine members, p_peer user_view, p_sides participant_view[],
                                   p_last message_view, p_own bigint, p_unread bigint, p_blocked boolean) RETURNS conversation_view
LANGUAGE sql STABLE AS $$
  SELECT ROW(c.id, c.kind, (p_peer).jid, (p_peer).name, NULL, (p_peer).avatar_url,
             p_sides, p_last, coalesce((p_last).created_at, c.created_at), p_unread, mine.pinned_at IS NOT NULL,
             muted_text(mine.muted_until), mine.archived_at IS NOT NULL, mine.request, p_blocked,
             c.created_at, coalesce(mine.unread_own = p_own, false), mine.draft, NULL, 2, mine.notify,
             coalesce(c.disappearing, 0), 0, NULL)::conversation_view
$$;

-- A direct conversation as p_user sees it; no row when p_user is not a member. p_self is what p_user shows.
-- Made to be inlined (hence the second column: what yields a composite value alone is not): every function in
-- it is, and each OFFSET 0 keeps the plan to one look-up by key after the
-- other, and makes columns of what functions take that use it more than once.
CREATE FUNCTION conversation_direct(p_user uuid, p_self user_view, p_conversation uuid)
RETURNS TABLE (id uuid, object conversation_view)
LANGUAGE sql STABLE AS $$
  SELECT c.id, conversation_facts(c, mine, peer.facts,
           ARRAY[ROW(p_self, mine.role, mine.joined_at, mine.read_seq, 'joined', NULL, NULL)::participant_view,
                 ROW(peer.facts, theirs.role, theirs.joined_at,
                     CASE WHEN theirs.quiet THEN told_read_seq(theirs.conversation_id, theirs.user_id)
                          ELSE theirs.read_seq END, 'joined', NULL, NULL)::participant_view],
           last.facts,
           coalesce(CASE WHEN last.sender_id = p_user THEN last.sender_seq ELSE last.seq - last.sender_seq END, 0),
           greatest(0, coalesce(CASE WHEN last.sender_id = p_user THEN last.seq - last.sender_seq
                                     ELSE last.sender_seq END, 0) - mine.others_seen),
           c.guarded AND relation_blocks(p_user, (peer.facts).jid))
  FROM conversations c
  JOIN LATERAL (SELECT m.* FROM members m
                  WHERE m.conversation_id = c.id AND m.user_id = p_user OFFSET 0) mine ON true
  JOIN LATERAL (SELECT m.* FROM members m
                  WHERE m.conversation_id = c.id AND m.user_id = pair_other(c.member_ids, p_user)
                  OFFSET 0) theirs ON true
  JOIN LATERAL (SELECT user_facts(u, k.closed) AS facts
                  FROM users u
                  -- Who blocks the other has guarded the conversation.
                  CROSS JOIN LATERAL (SELECT CASE WHEN c.guarded
                                                    OR privacy_value(u.privacy_profile, 'profile') <> 'everyone'
                                                  THEN user_is_closed(p_user, u) ELSE false END AS closed
                                        OFFSET 0) k
                  WHERE u.id = theirs.user_id OFFSET 0) peer ON true
  LEFT JOIN LATERAL (SELECT m.sender_id, m.seq, m.sender_seq, CASE
                         WHEN mine.hides AND hidden_is(p_user, c.id, m.seq)
                         THEN hidden_last(p_user, c, mine.cleared_seq)
                         WHEN m.seq > mine.cleared_seq THEN
                         -- Whatever mark reaches the newest message is the newest mark.
                         message_facts(m, p_user, CASE m.sender_id WHEN p_user THEN p_self WHEN theirs.user_id THEN peer.facts END,
                           CASE WHEN m.sender_id IS DISTINCT FROM p_user
                                THEN CASE WHEN mine.delivered_seq >= m.seq THEN mine.delivered_at END
                                WHEN theirs.quiet THEN message_mark(c, p_user, p_user, m.seq, 'delivered')
                                WHEN theirs.delivered_seq >= m.seq THEN theirs.delivered_at END,
                           CASE WHEN m.sender_id IS DISTINCT FROM p_user
                                THEN CASE WHEN mine.read_seq >= m.seq THEN mine.read_at END
                                WHEN theirs.quiet THEN message_mark(c, p_user, p_user, m.seq, 'read')
                                WHEN theirs.read_seq >= m.seq THEN theirs.read_at END) END AS facts
                       FROM messages m WHERE m.conversation_id = c.id
                         AND m.seq >= greatest(mine.delivered_seq, mine.read_seq)
                       ORDER BY m.seq DESC LIMIT 1) last ON true
  WHERE c.id = p_conversation AND c.kind IS NOT DISTINCT FROM 'direct'
$$;

-- What is known of a group, for its member mine. p_sides: who is shown. Who is only invited is told nothing of what
-- is said. p_last: the newest message, if all see it alike who have not got it yet.
CREATE FUNCTION conversation_group_facts(c conversations, mine members, p_sides participant_view[],
                                         p_last message_view DEFAULT NULL)
RETURNS conversation_view
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT ROW(c.id, c.kind, coalesce(group_jid(c.room), c.remote_jid), c.name, c.description, '/api/avatars/' || c.icon_hash, p_sides,
      CASE WHEN mine.hides AND hidden_is(mine.user_id, c.id, last.seq)
           THEN hidden_last(mine.user_id, c, mine.cleared_seq)
           WHEN last.seq > mine.cleared_seq AND (p_last).id = (last.row).id
             AND greatest(mine.delivered_seq, mine.read_seq) < last.seq THEN p_last
           WHEN last.seq > mine.cleared_seq THEN message_seen(mine.user_id, last.row, c) END, last.at,
      CASE WHEN mine.state = 'joined' THEN greatest(0, others_count(c.id, mine.user_id) - mine.others_seen) ELSE 0 END,
      mine.pinned_at IS NOT NULL, muted_text(mine.muted_until), mine.archived_at IS NOT NULL, mine.request, false,
      c.created_at, CASE WHEN mine.unread_own IS NULL THEN false ELSE mine.unread_own = own_count(c.id, mine.user_id) END,
      mine.draft, group_settings_shown(c), cardinality(c.member_ids), mine.notify,
      coalesce(c.disappearing, 0), CASE WHEN mine.state = 'joined' THEN mention_unread(mine) ELSE 0 END, guest_shown(c, mine))::conversation_view
    FROM (VALUES (1)) one
    LEFT JOIN LATERAL (SELECT m AS row, m.seq, m.created_at FROM messages m
                         WHERE m.conversation_id = c.id AND mine.state = 'joined' ORDER BY m.seq DESC LIMIT 1) newest ON true
    CROSS JOIN LATERAL (SELECT newest.row, newest.seq,
                               CASE WHEN newest.seq > mine.cleared_seq THEN newest.created_at
                                    WHEN mine.state = 'joined' THEN c.created_at ELSE mine.joined_at END AS at) last);
END $$;

-- Who is shown of a group: all members, in order; of a large one those who manage it, and p_viewer. For who is only
-- invited: that one and who asked. p_viewer NULL: as it is told to all at once, users as user_open() has them.
CREATE FUNCTION conversation_sides(p_viewer uuid, c conversations, mine members) RETURNS participant_view[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  ids uuid[] := CASE
    WHEN mine.state = 'invited' THEN ARRAY[mine.invited_by, p_viewer]
    WHEN cardinality(c.member_ids) <= group_small() THEN c.member_ids
    ELSE p_viewer || ARRAY(
      SELECT m.user_id FROM members m
        WHERE m.conversation_id = c.id AND m.state = 'joined' AND m.user_id IS DISTINCT FROM p_viewer
        ORDER BY group_rank(m.role) DESC, m.joined_at, m.number LIMIT 8) END;
BEGIN
  RETURN (
    SELECT array_agg(ROW(CASE WHEN p_viewer IS NULL THEN user_open(u) ELSE user_seen(p_viewer, u) END, o.role, o.joined_at,
                         CASE WHEN o.state <> 'joined' THEN 0
                              WHEN o.quiet AND o.user_id IS DISTINCT FROM p_viewer
                              THEN told_read_seq(o.conversation_id, o.user_id)
                              ELSE o.read_seq END, o.state, to_jsonb(group_rights(c, o)), NULL)::participant_view
                     ORDER BY array_position(c.member_ids, o.user_id), o.number)
      FROM members o JOIN users u ON u.id = o.user_id
      WHERE o.conversation_id = c.id AND o.user_id = ANY (ids));
END $$;

-- The same of one of many, NULL when p_user is neither a member nor asked to become one.
CREATE FUNCTION conversation_group(p_user uuid, p_conversation uuid) RETURNS conversation_view
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT conversation_group_facts(c, mine, conversation_sides(p_user, c, mine))
            FROM conversations c
            JOIN members mine ON mine.conversation_id = c.id AND mine.user_id = p_user
              AND mine.state IN ('joined', 'invited')
            WHERE c.id = p_conversation);
END $$;

-- The newest message, if nobody in particular says it, as all see it who have not got it yet; NULL: somebody does.
CREATE FUNCTION conversation_said(c conversations) RETURNS message_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  m messages;
BEGIN
  SELECT x.* INTO m FROM messages x WHERE x.conversation_id = c.id ORDER BY x.seq DESC LIMIT 1;
  RETURN CASE WHEN m.id IS NOT NULL AND m.sender_id IS NULL THEN message_facts(m, NULL, NULL, NULL, NULL) END;
END $$;

-- The conversation of an event as each of its members is told of it at that moment: who is in a group is looked up,
-- and written, once for all.
CREATE FUNCTION conversation_told(e events) RETURNS TABLE (shown text, users uuid[])
LANGUAGE plpgsql STABLE AS $$
DECLARE
  c conversations := (SELECT x FROM conversations x WHERE x.id = e.conversation_id);
  sides participant_view[] := CASE WHEN c.kind <> 'direct' THEN conversation_sides(NULL, c, NULL) END;
  people uuid[] := ARRAY(SELECT (s.member).id FROM unnest(sides) s);
  written text := to_json(sides)::text;
  said message_view := CASE WHEN c.kind <> 'direct' THEN conversation_said(c) END;
  place CONSTANT text := '"participants":null'; -- no text before it has that: quotes in texts have a backslash
BEGIN
  IF c.kind = 'direct' THEN
    RETURN QUERY SELECT to_json(conversation_get(id, c.id))::text, ARRAY[id] FROM unnest(event_audience(e)) id;
    RETURN;
  END IF;
  RETURN QUERY
    SELECT overlay(t.own PLACING '"participants":' || CASE
             WHEN t.user_id = ANY (people) THEN written
             ELSE left(written, -1) || ',' || to_json(ROW(user_facts(t.u, false), (t.m).role, (t.m).joined_at, (t.m).read_seq,
                    (t.m).state, to_jsonb(group_rights(c, t.m)), NULL)::participant_view)::text || ']' END
             FROM strpos(t.own, place) FOR length(place)), ARRAY[t.user_id]
      FROM (SELECT m, u, m.user_id, to_json(conversation_group_facts(c, m, NULL, said))::text AS own
              FROM members m JOIN users u ON u.id = m.user_id
              WHERE m.conversation_id = c.id AND m.state = 'joined' AND m.kind <> 'remote'
              ORDER BY array_position(c.member_ids, m.user_id) OFFSET 0) t;
END $$;

CREATE FUNCTION conversation_get(p_user uuid, p_conversation uuid) RETURNS conversation_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  self user_view := (SELECT user_facts(u, false) FROM users u WHERE u.id = p_user);
BEGIN
  RETURN coalesce((SELECT o.object FROM conversation_direct(p_user, self, p_conversation) o),
                  (SELECT conversation_group(p_user, c.id) FROM conversations c
                     WHERE c.id = p_conversation AND c.kind <> 'direct'));
END $$;

-- The user's conversations, pinned ones first, then by most recent activity; with p_after in the
-- opposite order. key is what p_before and p_after of the next page are; rest: there is more behind this one.
--   p_filter: 'all' (neither archived nor a request), 'unread' (those of them with unread
--   messages), 'archived', 'requests' (requests that wait for an answer)
-- p_text (NULL: any) is in the peer's name, username or the local part of the JID, as text_line() has
-- them; in the JID when it has an @, in the name as it is when it is without words. A page ends early when its texts are long. In SQL and STABLE: it becomes part of the
-- statement that calls it, which sends row by row and holds no page in memory.
--
-- self: p_user, in the first row. Composite values, and what comes again in each row, would cost a fourth of a page: a
-- group comes as conversation; of a direct conversation there are columns, from direct_id on what is known of it, as in
-- conversation_facts(); from peer_id on the other member, as user_view; what the two of them are there; and the
-- last message, if shown says that it is, as message_view without its sender, who is one of the two, and its conversation. instead: what is shown if it is hidden.
--
-- What rests is taken from the order that is kept. Each other conversation is looked into, so what that costs decides. A look begins at
-- the watermark, for an index scan reads all that fits on a page of the index before it yields the first row; and the
-- rows of the page are found again by their place, which is theirs as long as the snapshot.
-- to_rest, in the first row: ids for change_conversation_rest(), when many were looked into.
CREATE FUNCTION conversation_list(p_user uuid, p_limit int, p_before bigint, p_after bigint,
                                  p_filter text, p_text text)
RETURNS TABLE (key bigint, rest boolean, self user_view, to_rest jsonb, conversation conversation_view, direct_id uuid,
               begun timestamptz, unread bigint, pinned boolean, muted_until text, archived boolean, request text,
               blocked boolean, marked_unread boolean, draft jsonb, notify text, disappearing int,
               instead message_view, peer_id uuid, username text, name text, avatar_url text, bio text, jid text,
               peer_kind text, number bigint, own_role text, own_joined timestamptz, own_read bigint, peer_role text,
               peer_joined timestamptz, peer_read bigint, shown boolean, id uuid, client_id text, conversation_id uuid,
               seq bigint, sender user_view, sender_id uuid, body text, kind text, metadata jsonb, sent_at timestamptz,
               failed boolean, delivered_at timestamptz, read_at timestamptz, created_at timestamptz,
               reactions jsonb, content content_view)
LANGUAGE sql STABLE AS $$
  WITH wanted AS MATERIALIZED (
    SELECT text_line(p_text) AS line, text_fold(btrim(p_text)) AS folded,
           strpos(p_text, '@') > 0 AS address
  ), own AS MATERIALIZED (
    -- usual: who sees profiles whose owners have not said it; to ask the settings costs as much as a look-up.
    SELECT user_facts(u, false) AS facts, privacy_value(NULL, 'profile') AS usual FROM users u WHERE u.id = p_user
  ), looked AS MATERIALIZED (
    -- may_rest: its place may be kept. Pinned ones are few, and looked into.
    SELECT m.conversation_id, m.member_place, last.place, last.size, m.pinned_at IS NOT NULL AS pinned,
           coalesce(last.position, (SELECT c.position FROM conversations c WHERE c.id = m.conversation_id)) AS newest,
           m.pinned_at IS NULL AND (m.hidden_seq IS NULL OR coalesce(last.seq, 0) <= m.hidden_seq) AS may_rest,
           CASE WHEN (SELECT p_filter = 'requests') THEN coalesce(m.hidden_seq, 0) = 0 OR last.seq > m.hidden_seq
                ELSE m.hidden_seq IS NULL OR last.seq > m.hidden_seq END
             AND ((SELECT p_filter <> 'unread') OR m.others_seen < (
                    SELECT CASE WHEN x.many THEN others_counted(m.conversation_id, p_user, x.seq)
                                WHEN x.sender_id = p_user THEN x.seq - x.sender_seq
                                ELSE x.sender_seq END FROM messages x WHERE x.ctid = last.place)
                  OR CASE WHEN m.unread_own IS NULL THEN false
                          ELSE m.unread_own = own_count(m.conversation_id, p_user) END) AS listed
      FROM (-- In parentheses: the filter is looked at once, not for each row.
            SELECT x.*, x.ctid AS member_place FROM members x
              WHERE x.user_id = p_user AND (x.archived_at IS NOT NULL) = (SELECT p_filter = 'archived') AND x.rested IS NULL
                AND (SELECT p_filter <> 'requests') AND x.state = 'joined' AND (x.request IS NULL OR x.request = 'accepted')
            UNION ALL
            SELECT x.*, x.ctid FROM members x
              WHERE x.user_id = p_user AND (SELECT p_filter = 'requests') AND x.request = 'pending'
                AND x.state IN ('joined', 'invited')) m
      LEFT JOIN LATERAL (SELECT x.position, x.seq, octet_length(x.body) AS size, x.ctid AS place
                           FROM messages x WHERE x.conversation_id = m.conversation_id
                             AND x.seq >= greatest(m.delivered_seq, m.read_seq)
                           ORDER BY x.seq DESC LIMIT 1) last ON true
  ), kept AS (
    -- In the order of the index, either way; all that text is looked for in. One that is hidden rests as it was when it was hidden.
    (SELECT x.conversation_id, x.ctid AS member_place, x.rested, greatest(x.delivered_seq, x.read_seq) AS watermark
       FROM members x
       WHERE x.user_id = p_user AND (x.archived_at IS NOT NULL) = (SELECT p_filter = 'archived')
         AND x.rested > -1 -- as the index has it
         AND x.rested < coalesce(p_before, 9223372036854775807) AND p_after IS NULL AND (SELECT p_filter <> 'requests')
         AND x.state = 'joined' AND (x.request IS NULL OR x.request = 'accepted') AND x.hidden_seq IS NULL
         AND ((SELECT p_filter <> 'unread') OR x.others_seen < x.rested_others
              OR CASE WHEN x.unread_own IS NULL THEN false ELSE x.unread_own = own_count(x.conversation_id, p_user) END)
       ORDER BY x.rested DESC LIMIT CASE WHEN p_text IS NULL THEN p_limit + 1 END)
    UNION ALL
    (SELECT x.conversation_id, x.ctid, x.rested, greatest(x.delivered_seq, x.read_seq)
       FROM members x
       WHERE x.user_id = p_user AND (x.archived_at IS NOT NULL) = (SELECT p_filter = 'archived')
         AND x.rested > -1 AND x.rested > p_after AND x.rested < coalesce(p_before, 9223372036854775807) AND (SELECT p_filter <> 'requests')
         AND x.state = 'joined' AND (x.request IS NULL OR x.request = 'accepted') AND x.hidden_seq IS NULL
         AND ((SELECT p_filter <> 'unread') OR x.others_seen < x.rested_others
              OR CASE WHEN x.unread_own IS NULL THEN false ELSE x.unread_own = own_count(x.conversation_id, p_user) END)
       ORDER BY x.rested LIMIT CASE WHEN p_text IS NULL THEN p_limit + 1 END)
  ), mine AS (
    SELECT l.conversation_id, l.member_place, l.place, l.size, NULL::bigint AS watermark,
           l.newest + CASE WHEN l.pinned THEN 4611686018427387904 ELSE 0 END AS key
      FROM looked l WHERE l.listed
    UNION ALL
    SELECT k.conversation_id, k.member_place, NULL, NULL, k.watermark, k.rested FROM kept k
  ), nearest AS (
    SELECT o.*, row_number() OVER w AS k, sum(coalesce(o.size, 0)) OVER w AS total, lead(true, 1, false) OVER w AS rest
      FROM (SELECT n.conversation_id, n.member_place, n.key, n.distance, coalesce(n.place, last.place) AS place,
                   coalesce(n.size, last.size) AS size
              FROM (SELECT x.*, CASE WHEN p_after IS NULL THEN -x.key ELSE x.key END AS distance FROM mine x
                      WHERE (p_before IS NULL OR x.key < p_before) AND (p_after IS NULL OR x.key > p_after)
                        AND (p_text IS NULL OR EXISTS (
               SELECT FROM wanted, conversations c
                 LEFT JOIN users u ON c.kind = 'direct' AND u.id = pair_other(c.member_ids, p_user)
                 CROSS JOIN LATERAL (
                   SELECT u.kind = 'hosted' OR u.privacy_profile IS NULL
                          OR relation_profile(p_user, u) AS named) own
                 WHERE c.id = x.conversation_id
                   AND CASE WHEN c.kind <> 'direct' THEN strpos(text_fold(c.name), wanted.folded) > 0
                            WHEN wanted.line = ''
                              THEN strpos(text_fold(CASE WHEN own.named THEN u.name END), wanted.folded) > 0
                            ELSE strpos(CASE WHEN own.named THEN coalesce(u.folded, user_lines(u))
                                             ELSE text_line(split_part(u.jid, '@', 1)) END, wanted.line) > 0
                              OR wanted.address AND strpos(text_fold(u.jid), wanted.folded) > 0 END))
                      ORDER BY distance LIMIT p_limit + 1) n
              LEFT JOIN LATERAL (SELECT octet_length(x.body) AS size, x.ctid AS place FROM messages x
                                   WHERE x.conversation_id = n.conversation_id AND x.seq >= n.watermark
                                   ORDER BY x.seq DESC LIMIT 1) last ON true) o
      WINDOW w AS (ORDER BY o.distance ROWS UNBOUNDED PRECEDING)
  )
  SELECT p.key, p.rest, CASE WHEN p.k = 1 THEN (SELECT facts FROM own) END,
         -- The oldest, so that as many are looked into as a page has.
         CASE WHEN p.k = 1 AND (SELECT count(*) FROM looked l WHERE l.may_rest) > 100 AND p_filter <> 'requests'
              THEN (SELECT jsonb_agg(x.conversation_id) FROM (
                      SELECT l.conversation_id FROM looked l WHERE l.may_rest ORDER BY l.newest
                        LIMIT (SELECT least(200, count(*) - 50) FROM looked l WHERE l.may_rest)) x) END,
         CASE WHEN c.kind <> 'direct' THEN conversation_group(p_user, c.id) END,
         CASE WHEN c.kind = 'direct' THEN c.id END, c.created_at,
         greatest(0, coalesce(CASE WHEN last.sender_id = p_user THEN last.seq - last.sender_seq
                                   ELSE last.sender_seq END, 0) - mine.others_seen),
         mine.pinned_at IS NOT NULL, muted_text(mine.muted_until), mine.archived_at IS NOT NULL, mine.request,
         c.guarded AND relation_blocks(p_user, peer.jid),
         coalesce(mine.unread_own = coalesce(CASE WHEN last.sender_id = p_user THEN last.sender_seq
                                                  ELSE last.seq - last.sender_seq END, 0), false),
         mine.draft, mine.notify, c.disappearing, last.instead,
         -- As user_facts().
         peer.id, peer.username, CASE WHEN peer.closed AND peer.kind <> 'hosted' THEN peer.username ELSE peer.name END,
         CASE WHEN NOT peer.closed THEN peer.picture END, CASE WHEN NOT peer.closed THEN peer.bio END, peer.jid, peer.kind,
         peer.number,
         mine.role, mine.joined_at, mine.read_seq, theirs.role, theirs.joined_at,
         CASE WHEN theirs.quiet THEN told_read_seq(theirs.conversation_id, theirs.user_id) ELSE theirs.read_seq END,
         last.shown, last.id, last.client_id, NULL::uuid, last.seq, last.sender, last.sender_id, last.body,
         last.kind, last.metadata, last.sent_at, last.failed, last.delivered_at, last.read_at, last.created_at,
         last.reactions, last.content
    FROM (SELECT n.* FROM nearest n -- all that fit are before all that do not
            WHERE n.k <= p_limit AND (n.k = 1 OR n.total <= 4000000)
            ORDER BY n.distance OFFSET 0) p
    JOIN LATERAL (SELECT x.* FROM conversations x
                    WHERE x.id = p.conversation_id OFFSET 0) c ON true
    JOIN LATERAL (SELECT m.* FROM members m WHERE m.ctid = p.member_place OFFSET 0) mine ON true
    LEFT JOIN LATERAL (SELECT m.* FROM members m WHERE m.conversation_id = c.id
                         AND m.user_id = CASE WHEN c.kind = 'direct' THEN pair_other(c.member_ids, p_user) END OFFSET 0) theirs ON true
    LEFT JOIN LATERAL (SELECT u.id, user_username(u) AS username, user_name(u) AS name, user_picture(u) AS picture, u.bio,
                         u.jid, u.kind, u.number,
                         -- Who blocks the other has guarded the conversation.
                         CASE WHEN u.kind <> 'hosted' -- as relation_profile(), which costs as much as the rest
                              THEN u.privacy_profile IS NOT NULL
                                AND NOT EXISTS (SELECT FROM contacts k
                                                  WHERE k.user_id = p_user AND k.peer = u.jid
                                                    AND (k.to_peer OR k.from_peer OR k.pending_in))
                                AND NOT EXISTS (SELECT FROM shown_profiles s
                                                  WHERE s.peer_id = u.id AND s.user_id = p_user)
                              WHEN c.guarded OR coalesce(u.privacy_profile, (SELECT usual FROM own)) <> 'everyone'
                              THEN user_is_closed(p_user, u) ELSE false END AS closed
                         FROM users u WHERE u.id = theirs.user_id OFFSET 0) peer ON true
    LEFT JOIN LATERAL (SELECT m.sender_seq, NOT (mine.hides AND hidden_is(p_user, c.id, m.seq)) AS shown,
                         CASE WHEN mine.hides AND hidden_is(p_user, c.id, m.seq)
                              THEN hidden_last_in(p_user, c.id, mine.cleared_seq) END AS instead,
                         -- Whatever mark reaches the newest message is the newest mark.
                         (message_facts(m, p_user, NULL,
                           CASE WHEN m.sender_id IS DISTINCT FROM p_user
                                THEN CASE WHEN mine.delivered_seq >= m.seq THEN mine.delivered_at END
                                WHEN theirs.quiet THEN message_mark_in(c.id, p_user, p_user, m.seq, 'delivered')
                                WHEN theirs.delivered_seq >= m.seq THEN theirs.delivered_at END,
                           CASE WHEN m.sender_id IS DISTINCT FROM p_user
                                THEN CASE WHEN mine.read_seq >= m.seq THEN mine.read_at END
                                WHEN theirs.quiet THEN message_mark_in(c.id, p_user, p_user, m.seq, 'read')
                                WHEN theirs.read_seq >= m.seq THEN theirs.read_at END)).*
                         FROM messages m
                         WHERE m.ctid = CASE WHEN c.kind = 'direct' THEN p.place END AND m.seq > mine.cleared_seq OFFSET 0) last ON true
    ORDER BY p.distance
$$;

-- ---- Changes --------------------------------------------------------------------------------------

-- Tells p_user that the conversation is in the list now, or what it looks like now.
CREATE FUNCTION conversation_event(p_type text, p_conversation uuid, p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM event_add(p_type, 'user', p_conversation, p_user);
END $$;

-- Create-or-get: p_user wants to talk to participant (see relation_refer) or to jid (a bare JID that was
-- checked; on our own domain only users that exist are found; a domain counts when p_user has had to do
-- with it, or everything that lacks a domain would be one). field is how the request calls it. With
-- may_make false nothing is made (outcome 8); with
-- id_only the result is { id } alone, and the conversation is not brought back into the list.
CREATE FUNCTION change_conversation_open(p_user uuid, p_arguments jsonb, OUT outcome int,
                                         OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  wanted text := p_arguments->>'jid';
  asker text;
  named record;
  peer uuid;
  pair uuid;
  made boolean;
  listed boolean;
  object jsonb;
BEGIN
  IF wanted IS NULL THEN
    peer := user_keep(relation_refer(p_user, p_arguments->'participant'));
  ELSE
    SELECT * INTO named FROM relation_named(p_user, p_arguments, true);
    peer := (named.ret_user).id;
    IF wanted NOT LIKE '%@%' AND NOT relation_met(p_user, named.ret_user) THEN
      outcome := 6;
      result := jsonb_build_object('pointer', '/jid', 'detail', 'is not a bare JID (name@domain)');
      RETURN;
    END IF;
  END IF;
  asker := (SELECT u.jid FROM users u WHERE u.id = p_user);
  IF moderation_restricts(p_user) AND NOT EXISTS (
      SELECT FROM conversations c WHERE c.kind = 'direct' AND c.member_ids = pair_key(p_user, peer) AND relation_started(c)) THEN
    outcome := 5;
    result := moderation_restricted('refused')->'refusal';
  ELSIF relation_refuses(peer, asker) AND peer IS DISTINCT FROM p_user THEN
    outcome := 4; -- unknown, or does not want to
  ELSIF peer = p_user THEN
    outcome := 6;
    result := jsonb_build_object('pointer', '/' || (p_arguments->>'field'),
                                 'detail', 'is the user who asks');
  ELSIF p_arguments->>'may_make' = 'false' AND NOT EXISTS (
      SELECT FROM conversations c
        WHERE c.kind = 'direct' AND c.member_ids = pair_key(p_user, peer)) THEN
    outcome := 8;
  ELSE
    SELECT p.ret_id, p.ret_created INTO pair, made FROM conversation_pair(p_user, peer) p;
    UPDATE members m SET hidden_seq = NULL
      WHERE m.conversation_id = pair AND m.user_id = p_user AND m.hidden_seq IS NOT NULL
        AND NOT p_arguments ? 'id_only';
    listed := made OR FOUND;
    IF NOT p_arguments ? 'id_only' THEN
      object := to_jsonb(conversation_get(p_user, pair));
    END IF;
    IF listed THEN
      PERFORM event_add('conversation.new', 'user', pair, p_user);
    END IF;
    outcome := CASE WHEN made THEN 0 ELSE 1 END;
    result := CASE WHEN p_arguments ? 'id_only' THEN jsonb_build_object('id', pair)
                   ELSE object END;
  END IF;
END $$;

-- Messages came in conversation_ids while conversations.awaited was set: members who had them out of
-- their lists are told that they are there now. All in one plan: begun for each conversation, it
-- would cost several times what it does.
CREATE FUNCTION change_conversation_appear(p_user uuid, p_arguments jsonb, OUT outcome int,
                                           OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  taken record;
  wanted uuid[] := ARRAY(
    SELECT x::uuid FROM jsonb_array_elements_text(p_arguments->'conversation_ids') x);
  appeared uuid[];
  listeners uuid[];
  seqs bigint[];
  head bigint;
  stamp timestamptz;
BEGIN
  WITH shown AS (
    UPDATE members o SET hidden_seq = NULL
      FROM conversations c
        CROSS JOIN LATERAL (SELECT x.seq FROM messages x WHERE x.conversation_id = c.id
                              ORDER BY x.seq DESC LIMIT 1) last
      WHERE c.id = ANY (wanted) AND c.awaited
        AND o.conversation_id = c.id AND o.hidden_seq < last.seq
      RETURNING o.conversation_id, o.user_id, last.seq,
                (o.user_id IS DISTINCT FROM c.remote_user OR o.kind = 'bound')
                  AND (o.request IS NULL OR o.request = 'accepted') AS listens)
  SELECT CASE WHEN count(*) > 0 THEN 0 ELSE 1 END,
         array_agg(s.conversation_id) FILTER (WHERE s.listens),
         array_agg(s.user_id) FILTER (WHERE s.listens), array_agg(s.seq) FILTER (WHERE s.listens)
    INTO outcome, appeared, listeners, seqs FROM shown s;
  UPDATE conversations c SET awaited = false
    WHERE c.id = ANY (wanted) AND c.awaited AND NOT EXISTS (
      SELECT FROM members o WHERE o.conversation_id = c.id AND o.hidden_seq IS NOT NULL
        AND (o.user_id IS DISTINCT FROM c.remote_user OR o.kind = 'bound'));
  IF appeared IS NOT NULL THEN
    taken := log_advance(cardinality(appeared));
    head := taken.ret_before;
    stamp := taken.ret_stamp;
    INSERT INTO events (position, type, audience, conversation_id, user_id, payload, at)
      SELECT head + m.n, 'conversation.new', 'user', m.conversation_id, m.user_id,
             json_build_object('seq', m.seq), stamp
        FROM unnest(appeared, listeners, seqs) WITH ORDINALITY AS m (conversation_id, user_id, seq, n);
  END IF;
END $$;

-- Conversations in which p_user has looked, and which have been quiet for longest among many, rest from now on: their place in
-- the list is kept, see conversation_list(). It is nobody's news, and whichever of them it is done to, the list is the same.
-- The caller holds the log, so that nothing is being said.
CREATE FUNCTION change_conversation_rest(p_user uuid, p_arguments jsonb, OUT outcome int,
                                         OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  wanted uuid[] := ARRAY(
    SELECT x::uuid FROM jsonb_array_elements_text(p_arguments->'conversation_ids') x);
  kept record;
  resting uuid[] := '{}';
BEGIN
  -- Row by row: with statistics from before most of p_user's conversations were there, one UPDATE with this in FROM looks into
  -- all of them once for each of them.
  FOR kept IN
    SELECT o.conversation_id, last.seq, last.others,
           coalesce(last.position, (SELECT c.position FROM conversations c WHERE c.id = o.conversation_id)) AS position
      FROM unnest(wanted) w (id)
      JOIN LATERAL (SELECT x.* FROM members x WHERE x.conversation_id = w.id AND x.user_id = p_user OFFSET 0) o ON true
      -- As conversation_list() looks.
      LEFT JOIN LATERAL (
        SELECT x.position, x.seq, CASE WHEN x.many THEN others_counted(x.conversation_id, p_user, x.seq)
                                       WHEN x.sender_id = p_user THEN x.seq - x.sender_seq
                                       ELSE x.sender_seq END AS others
          FROM messages x WHERE x.conversation_id = o.conversation_id
            AND x.seq >= greatest(o.delivered_seq, o.read_seq)
          ORDER BY x.seq DESC LIMIT 1) last ON true
      WHERE o.rested IS NULL AND o.pinned_at IS NULL
        AND (o.hidden_seq IS NULL OR coalesce(last.seq, 0) <= o.hidden_seq) LOOP
    UPDATE members m SET rested = kept.position, rested_seq = kept.seq, rested_others = kept.others
      WHERE m.conversation_id = kept.conversation_id AND m.user_id = p_user;
    resting := resting || kept.conversation_id;
  END LOOP;
  UPDATE conversations c SET rested = true WHERE c.id = ANY (resting) AND NOT c.rested;
  outcome := CASE WHEN resting = '{}' THEN 1 ELSE 0 END;
  result := jsonb_build_object('conversation_ids', resting);
END $$;

-- Something is said in a conversation that rests. Yields p_awaited, for whoever asks for both.
CREATE FUNCTION conversation_wake(p_conversation uuid, p_awaited boolean DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE members m SET rested = NULL, rested_seq = NULL, rested_others = NULL
    WHERE m.conversation_id = p_conversation AND m.rested IS NOT NULL;
  UPDATE conversations c SET rested = false WHERE c.id = p_conversation AND c.rested;
  RETURN p_awaited;
END $$;

-- Takes the conversation and what was said until now away from p_user alone.
CREATE FUNCTION change_conversation_hide(p_user uuid, p_arguments jsonb, OUT outcome int,
                                         OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  mine members;
  newest bigint;
BEGIN
  SELECT * INTO mine FROM members m
    WHERE m.conversation_id = (p_arguments->>'conversation_id')::uuid AND m.user_id = p_user
      AND m.state = 'joined';
  IF mine.user_id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  newest := coalesce((SELECT m.seq FROM messages m WHERE m.conversation_id = mine.conversation_id
                        ORDER BY m.seq DESC LIMIT 1), 0);
  outcome := CASE WHEN mine.hidden_seq >= newest THEN 1 ELSE 0 END;
  result := jsonb_build_object('conversation_id', mine.conversation_id);
  IF outcome = 1 THEN
    RETURN;
  END IF;
  UPDATE members m SET cleared_seq = newest, hidden_seq = newest, pinned_at = NULL,
      archived_at = NULL, unread_own = NULL, draft = NULL,
      others_seen = greatest(m.others_seen, others_count(m.conversation_id, p_user))
    WHERE m.conversation_id = mine.conversation_id AND m.user_id = p_user;
  UPDATE conversations c SET awaited = true WHERE c.id = mine.conversation_id AND NOT c.awaited;
  PERFORM event_add('conversation.removed', 'user', mine.conversation_id, p_user, result::json);
END $$;

-- What the caller keeps of a conversation: pinned, archived, unread (marked as such), notify, muted_until (a time,
-- 'forever' or null); what is absent stays. And what all members share of a group, see group_change().
CREATE FUNCTION change_conversation_update(p_user uuid, p_arguments jsonb, OUT outcome int,
                                           OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  conversation uuid := (p_arguments->>'conversation_id')::uuid;
  old members;
  new members;
  muted text := p_arguments->>'muted_until';
  shared int := 1;
  timed int := 1;
BEGIN
  SELECT * INTO old FROM members m WHERE m.conversation_id = conversation AND m.user_id = p_user
    AND m.state = 'joined';
  IF old.user_id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  IF p_arguments ? 'disappearing_seconds' THEN
    SELECT x.outcome, x.result INTO timed, result
      FROM expiry_refusal(conversation, old, (p_arguments->>'disappearing_seconds')::int) x;
  END IF;
  IF timed > 1 THEN
    outcome := timed;
    RETURN;
  ELSIF p_arguments ?| '{name,description,settings}' AND NOT old.grouped THEN
    outcome := 6;
    result := '{"detail": "only a group has a name, a description and settings"}';
    RETURN;
  ELSIF p_arguments ?| '{name,description,settings}' THEN
    SELECT g.outcome, g.result INTO shared, result FROM group_change(p_user, p_arguments - 'icon_hash') g;
    IF shared > 1 THEN
      outcome := shared;
      RETURN;
    END IF;
  END IF;
  new := old;
  new.notify := coalesce(p_arguments->>'notify', old.notify);
  IF p_arguments ? 'pinned' THEN
    new.pinned_at := CASE WHEN (p_arguments->>'pinned')::boolean
                          THEN coalesce(old.pinned_at, now()) END;
  END IF;
  IF p_arguments ? 'archived' THEN
    new.archived_at := CASE WHEN (p_arguments->>'archived')::boolean
                            THEN coalesce(old.archived_at, now()) END;
  END IF;
  IF p_arguments ? 'unread' THEN
    new.unread_own := CASE WHEN (p_arguments->>'unread')::boolean THEN own_count(conversation, p_user) END;
  END IF;
  IF p_arguments ? 'muted_until' THEN
    new.muted_until := CASE muted WHEN 'forever' THEN 'infinity' ELSE muted::timestamptz END;
  END IF;
  IF p_arguments ? 'disappearing_seconds' THEN
    timed := expiry_set(conversation, old, (p_arguments->>'disappearing_seconds')::int, false);
    IF timed > 1 THEN
      outcome := timed;
      RETURN;
    END IF;
  END IF;
  outcome := CASE WHEN new IS DISTINCT FROM old OR timed = 0 THEN 0 ELSE 1 END;
  IF new IS DISTINCT FROM old THEN
    UPDATE members m SET pinned_at = new.pinned_at, archived_at = new.archived_at,
        -- What is pinned is looked into.
        rested = CASE WHEN new.pinned_at IS NULL THEN m.rested END,
        rested_seq = CASE WHEN new.pinned_at IS NULL THEN m.rested_seq END,
        rested_others = CASE WHEN new.pinned_at IS NULL THEN m.rested_others END,
        muted_until = new.muted_until, unread_own = new.unread_own, notify = new.notify
      WHERE m.conversation_id = conversation AND m.user_id = p_user;
    PERFORM conversation_event('conversation.updated', conversation, p_user);
  END IF;
  outcome := least(outcome, shared);
  result := to_jsonb(conversation_get(p_user, conversation));
END $$;
