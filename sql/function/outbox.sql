-- SPDX-License-Identifier: GPL-3.0-or-later
-- Stanzas that must reach the XMPP server.

-- The next LIMIT entries after p_position, in sending order.
CREATE FUNCTION outbox_page(p_position bigint, p_limit int)
RETURNS TABLE ("position" bigint, kind text, from_jid text, to_address text, message_id uuid,
               reference text, body text)
LANGUAGE sql STABLE AS $$
  SELECT o.position, o.kind, u.jid, o.to_address, o.message_id, o.reference,
         CASE WHEN o.kind = 'message' THEN m.body END
    FROM outbox o
    JOIN users u ON u.id = o.from_user
    LEFT JOIN messages m ON m.id = o.message_id
    WHERE o.position > p_position ORDER BY o.position LIMIT p_limit
$$;
