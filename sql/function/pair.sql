-- SPDX-License-Identifier: GPL-3.0-or-later
-- Direct conversations as typing needs them. One row each, or none.

-- live: typing may pass between the two: no request waits, nobody blocks the other, and both could
-- write to the other.
-- heard: the one who is not hosted has written or acknowledged something, or there is a presence
-- subscription, so chat states may be sent (XEP-0085 section 5.1).
CREATE FUNCTION pair_of(c conversations)
RETURNS TABLE (id uuid, one uuid, one_number bigint, one_jid text, one_hosted boolean,
               other uuid, other_number bigint, other_jid text, other_hosted boolean,
               live boolean, heard boolean)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT c.id, a.id, a.number, a.jid, a.kind = 'hosted', b.id, b.number, b.jid, b.kind = 'hosted',
           NOT EXISTS (SELECT FROM members m WHERE m.conversation_id = c.id
                         AND m.request IN ('pending', 'declined'))
             AND NOT relation_blocks(a.id, b.jid) AND NOT relation_blocks(b.id, a.jid)
             AND (relation_started(c) OR (relation_first(a.id, b.jid) = 'open'
                                          AND relation_first(b.id, a.jid) = 'open')),
           c.remote_user IS NOT NULL AND (
             EXISTS (SELECT FROM members m WHERE m.conversation_id = c.id
                       AND m.user_id = c.remote_user AND greatest(m.delivered_seq, m.read_seq) > 0)
             OR EXISTS (SELECT FROM contacts k
                          WHERE k.user_id = CASE WHEN c.remote_user = a.id THEN b.id ELSE a.id END
                            AND k.peer = c.remote_jid AND (k.from_peer OR k.to_peer))
             OR EXISTS (SELECT FROM (SELECT m.sender_id FROM messages m WHERE m.conversation_id = c.id
                                       ORDER BY m.seq DESC LIMIT 200) newest
                          WHERE newest.sender_id = c.remote_user))
      FROM users a, users b WHERE a.id = c.member_ids[1] AND b.id = c.member_ids[2];
END $$;

CREATE FUNCTION pair_by_conversation(p_conversation uuid)
RETURNS TABLE (id uuid, one uuid, one_number bigint, one_jid text, one_hosted boolean,
               other uuid, other_number bigint, other_jid text, other_hosted boolean,
               live boolean, heard boolean)
LANGUAGE sql STABLE AS $$
  SELECT p.* FROM conversations c, pair_of(c) p WHERE c.id = p_conversation AND c.kind = 'direct'
$$;

-- Of p_user and the one whom p_reference means, see relation_refer().
CREATE FUNCTION pair_by_users(p_user uuid, p_reference jsonb)
RETURNS TABLE (id uuid, one uuid, one_number bigint, one_jid text, one_hosted boolean,
               other uuid, other_number bigint, other_jid text, other_hosted boolean,
               live boolean, heard boolean)
LANGUAGE sql STABLE AS $$
  SELECT p.* FROM (SELECT relation_refer(p_user, p_reference) AS id) peer
    JOIN conversations c ON c.kind = 'direct' AND c.member_ids = pair_key(peer.id, p_user), pair_of(c) p
$$;

-- Of somebody on XMPP and a hosted user: bare JIDs.
CREATE FUNCTION pair_by_jids(p_peer text, p_hosted text)
RETURNS TABLE (id uuid, one uuid, one_number bigint, one_jid text, one_hosted boolean,
               other uuid, other_number bigint, other_jid text, other_hosted boolean,
               live boolean, heard boolean)
LANGUAGE sql STABLE AS $$
  SELECT p.* FROM users peer
    JOIN users own ON own.jid = p_hosted AND own.kind = 'hosted'
    JOIN conversations c ON c.kind = 'direct' AND c.member_ids = pair_key(peer.id, own.id), pair_of(c) p
    WHERE peer.jid = p_peer
$$;
