-- SPDX-License-Identifier: GPL-3.0-or-later
-- Stanzas that must reach the XMPP server.

-- The next LIMIT entries after p_position, in sending order. created: a message's, microseconds since
-- 1970.
CREATE FUNCTION outbox_page(p_position bigint, p_limit int)
RETURNS TABLE ("position" bigint, kind text, from_jid text, to_address text, message_id uuid,
               reference text, body text, created bigint)
LANGUAGE sql STABLE AS $$
  SELECT o.position, o.kind, u.jid, o.to_address, o.message_id, o.reference,
         CASE o.kind WHEN 'message' THEN m.body WHEN 'subscribe' THEN u.name END,
         CASE o.kind WHEN 'message' THEN (extract(epoch FROM m.created_at) * 1000000)::bigint END
    FROM outbox o
    JOIN users u ON u.id = o.from_user
    LEFT JOIN messages m ON m.id = o.message_id
    WHERE o.position > p_position ORDER BY o.position LIMIT p_limit
$$;

-- What was proven delivered up to p_position, in the log of p_log: positions of another epoch mean
-- other rows. With several instances only the holder of the link's lease may say so; p_epoch is NULL
-- without. False: it is another log by now.
CREATE FUNCTION outbox_delivered(p_position bigint, p_epoch bigint, p_log text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  IF p_log IS DISTINCT FROM (SELECT epoch FROM log_head) THEN
    RETURN false;
  END IF;
  DELETE FROM outbox WHERE position <= p_position
    AND (p_epoch IS NULL
         OR EXISTS (SELECT FROM leases WHERE name = 'link' AND epoch = p_epoch));
  RETURN true;
END $$;
