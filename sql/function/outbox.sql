-- SPDX-License-Identifier: GPL-3.0-or-later
-- Stanzas that must reach the XMPP server.

-- Queues a stanza of p_kind (a row of struct outgoing of a feature) from p_user to each address of p_to,
-- behind what has p_position already: the event that causes it, of this transaction.
CREATE FUNCTION outbox_add(p_position bigint, p_kind text, p_user uuid, p_to text[],
                           p_message uuid DEFAULT NULL, p_reference text DEFAULT NULL,
                           p_payload text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  first int := (SELECT coalesce(max(o.n) + 1, 0) FROM outbox o WHERE o.position = p_position);
BEGIN
  INSERT INTO outbox (position, n, kind, from_user, to_address, message_id, reference, payload)
    SELECT p_position, first + t.k::int - 1, p_kind, p_user, t.address, p_message, p_reference, p_payload
      FROM unnest(p_to) WITH ORDINALITY t (address, k);
END $$;

-- What an entry of kind content or edit says of its message m, see message_wire(); NULL: it is of another kind.
CREATE FUNCTION outbox_wire(p_kind text, p_reference text, m messages) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF m.id IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN (SELECT CASE WHEN p_kind = 'edit' THEN edit_wire(m, c, p_reference) ELSE message_wire(m, c) END::text
            FROM conversations c WHERE c.id = m.conversation_id);
END $$;

-- The next p_limit entries after (p_position, p_n), in sending order. created: a message's, microseconds
-- since 1970. Of p_kinds only (NULL: of any), and of none of p_foreign: each link has its own kinds.
-- payload: of copies of one message in a room that follow each other, the first alone has it.
CREATE FUNCTION outbox_page(p_position bigint, p_n int, p_limit int, p_kinds text[] DEFAULT NULL,
                            p_foreign text[] DEFAULT '{}')
RETURNS TABLE ("position" bigint, n int, kind text, from_jid text, to_address text, message_id uuid,
               reference text, payload text, created bigint)
LANGUAGE sql STABLE AS $$
  SELECT o.position, o.n, o.kind, coalesce(o.origin, u.jid), o.to_address, o.message_id, o.reference,
         CASE WHEN o.payload IS NOT NULL OR o.kind = 'message' THEN coalesce(o.payload, m.body)
              WHEN o.kind IN ('content', 'edit') THEN outbox_wire(o.kind, o.reference, m)
              WHEN o.kind IN ('room_message', 'room_history') AND o.first
                THEN (SELECT room_message_facts(m, c)::text FROM conversations c WHERE c.id = m.conversation_id) END,
         (extract(epoch FROM m.created_at) * 1000000)::bigint
    FROM (SELECT x.*, lag(x.message_id) OVER (ORDER BY x.position, x.n) IS DISTINCT FROM x.message_id AS first
            FROM (SELECT y.* FROM outbox y
                    WHERE (y.position, y.n) > (p_position, p_n)
                      AND (p_kinds IS NULL OR y.kind = ANY (p_kinds)) AND y.kind <> ALL (p_foreign)
                    ORDER BY y.position, y.n LIMIT p_limit) x) o
    LEFT JOIN users u ON u.id = o.from_user AND o.origin IS NULL
    LEFT JOIN messages m ON m.id = o.message_id
      AND o.kind IN ('message', 'content', 'edit', 'room_message', 'room_history')
    ORDER BY o.position, o.n
$$;

-- What was proven delivered up to (p_position, p_n), in the log of p_log: positions of another epoch mean
-- other rows. With several instances only the holder of the link's lease may say so; p_epoch is NULL
-- without. False: it is another log by now. Entries of other kinds than p_kinds were not sent: they wait
-- for a version of the program that knows them.
CREATE FUNCTION outbox_delivered(p_position bigint, p_n int, p_epoch bigint, p_log text, p_kinds text[])
RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  IF p_log IS DISTINCT FROM (SELECT epoch FROM log_head) THEN
    RETURN false;
  END IF;
  DELETE FROM outbox WHERE (position, n) <= (p_position, p_n) AND kind = ANY (p_kinds)
    AND (p_epoch IS NULL
         OR EXISTS (SELECT FROM leases WHERE name = 'link' AND epoch = p_epoch));
  RETURN true;
END $$;
