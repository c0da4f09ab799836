-- SPDX-License-Identifier: GPL-3.0-or-later
-- Who may see whose presence. Presence itself is never in the database, but for when a user was last
-- there.

-- Whom the user talks to, and contacts, at most p_limit; p_only: that one, if it is one. Between two of
-- whom one blocks the other nothing is seen; the settings of both count.
--   sees       that one may see the user's presence, and has the conversation before them or is a
--              contact; sees_last: and when the user was last there
--   seen       likewise the user that one's, who is hosted; seen_last: and when; seen_at: when,
--              microseconds since 1970
--   from_peer  that one has a subscription to the user's presence
--   to_peer    the user has a subscription to that one's presence
-- The row of each of two hosted users says the same of both as the other's row does.
-- In SQL, so that it becomes part of the plan of those that follow.
CREATE FUNCTION presence_partner_rows(p_user uuid, p_only uuid, p_limit int)
RETURNS TABLE (id uuid, number bigint, jid text, hosted boolean, sees boolean, sees_last boolean,
               seen boolean, seen_last boolean, seen_at bigint, to_peer boolean,
               from_peer boolean, own_number bigint)
LANGUAGE sql STABLE AS $$
    WITH talked AS (
      SELECT o.user_id AS id,
             m.hidden_seq IS NULL OR EXISTS (SELECT FROM messages x WHERE x.conversation_id = c.id
                                               AND x.seq > m.hidden_seq) AS here,
             o.hidden_seq IS NULL OR EXISTS (SELECT FROM messages x WHERE x.conversation_id = c.id
                                               AND x.seq > o.hidden_seq) AS there
        FROM (SELECT x.conversation_id, x.request, x.hidden_seq FROM members x WHERE x.user_id = p_user AND p_only IS NULL
              UNION ALL
              SELECT x.conversation_id, x.request, x.hidden_seq
                FROM conversations y JOIN member_row(y.id, p_user) x ON true
                WHERE p_only IS NOT NULL AND y.kind = 'direct' AND y.member_ids = pair_key(p_user, p_only)) m
        -- OFFSET 0: as member_row() has it.
        JOIN LATERAL (SELECT x.id, x.kind, x.member_ids FROM conversations x WHERE x.id = m.conversation_id OFFSET 0) c ON c.kind = 'direct'
        JOIN LATERAL (SELECT x.user_id, x.request, x.hidden_seq FROM members x
                        WHERE x.conversation_id = c.id AND x.user_id = pair_other(c.member_ids, p_user) OFFSET 0) o
          ON coalesce(o.request, 'accepted') = 'accepted'
        WHERE coalesce(m.request, 'accepted') = 'accepted'
        LIMIT p_limit
    ), partners AS (
      SELECT t.id, t.here AND t.there AS here, t.here AND t.there AS there FROM talked t
      UNION ALL
      SELECT u.id, k.from_peer, k.to_peer FROM contacts k
        CROSS JOIN LATERAL (SELECT x.id FROM users x WHERE x.jid = k.peer OFFSET 0) u
        WHERE k.user_id = p_user AND (k.from_peer OR k.to_peer) AND (p_only IS NULL OR u.id = p_only)
    ), one AS (
      SELECT p.id, bool_or(p.here) AS here, bool_or(p.there) AS there FROM partners p GROUP BY p.id
        LIMIT p_limit
    )
    SELECT u.id, u.number, u.jid, u.kind = 'hosted', s.sees,
           s.sees AND privacy_allows(privacy_value(me.privacy_last_seen, 'last_seen'), s.contact),
           s.seen,
           s.seen AND privacy_allows(privacy_value(u.privacy_last_seen, 'last_seen'), s.added),
           (extract(epoch FROM u.last_seen_at) * 1000000)::bigint,
           coalesce(k.to_peer, false) AND NOT s.apart, coalesce(k.from_peer, false) AND NOT s.apart,
           me.number
      FROM one o
      JOIN users u ON u.id = o.id
      JOIN users me ON me.id = p_user AND me.kind <> 'remote'
      LEFT JOIN LATERAL (SELECT x.to_peer, x.from_peer FROM contacts x WHERE x.user_id = p_user AND x.peer = u.jid OFFSET 0) k ON true
      CROSS JOIN LATERAL (
        SELECT x.apart, x.contact, x.added,
               o.here AND NOT x.apart
                 AND privacy_allows(privacy_value(me.privacy_presence, 'presence'), x.contact) AS sees,
               o.there AND NOT x.apart AND u.kind = 'hosted'
                 AND privacy_allows(privacy_value(u.privacy_presence, 'presence'), x.added) AS seen
          FROM (SELECT relation_blocks(me.id, u.jid) OR relation_blocks(u.id, me.jid) AS apart,
                       relation_contact(me.id, u.jid) AS contact,
                       relation_contact(u.id, me.jid) AS added) x) s
$$;

CREATE FUNCTION presence_partners(p_user uuid, p_only uuid, p_limit int)
RETURNS TABLE (id uuid, number bigint, jid text, hosted boolean, sees boolean, sees_last boolean,
               seen boolean, seen_last boolean, seen_at bigint, to_peer boolean,
               from_peer boolean, own_number bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY SELECT r.* FROM presence_partner_rows(p_user, p_only, p_limit) r;
END $$;

-- The same of many users, at most p_limit each; n: the place of the user in the array, by which rows are in order.
CREATE FUNCTION presence_partners_many(p_users uuid[], p_limit int)
RETURNS TABLE (id uuid, number bigint, jid text, hosted boolean, sees boolean, sees_last boolean,
               seen boolean, seen_last boolean, seen_at bigint, to_peer boolean,
               from_peer boolean, own_number bigint, n int)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY SELECT r.*, a.n::int
    FROM unnest(p_users) WITH ORDINALITY a (id, n) CROSS JOIN LATERAL presence_partner_rows(a.id, NULL, p_limit) r
    ORDER BY a.n;
END $$;
