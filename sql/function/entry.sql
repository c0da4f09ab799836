-- SPDX-License-Identifier: GPL-3.0-or-later
-- What an archive replays besides messages (decision 0041).

-- An id that sorts by its time, p_at (UUIDv7, RFC 9562 section 5.7), as the program gives them to messages.
CREATE FUNCTION entry_id(p_at timestamptz) RETURNS uuid
LANGUAGE sql VOLATILE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM p_at) * 1000)::bigint), 12, '0') || '7'
          || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid
$$;

-- Adds an entry to the archive of a conversation; yields its id. For the holder of the log: p_position is
-- what event_add() or log_advance() gave to the event that tells it, in the same transaction. p_came: of
-- what came by XMPP, { address, id, stanza }. Those who are in the conversation's room are told.
CREATE FUNCTION entry_add(p_position bigint, p_conversation uuid, p_kind text, p_sender uuid,
                          p_target uuid DEFAULT NULL, p_payload jsonb DEFAULT NULL,
                          p_came jsonb DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  made uuid;
  stamp timestamptz := (SELECT h.stamp FROM log_head h);
  newest bigint := (SELECT m.seq FROM messages m WHERE m.conversation_id = p_conversation AND m.position < p_position
                      ORDER BY m.seq DESC LIMIT 1);
BEGIN
  made := entry_id(stamp);
  INSERT INTO entries (position, id, conversation_id, seq, kind, sender_id, target, created_at, payload,
                       sender_address, foreign_id, stanza)
    SELECT p_position, made, c.id, coalesce(newest, c.base_seq), p_kind, p_sender, p_target, stamp, p_payload,
           p_came->>'address', p_came->>'id', p_came->>'stanza'
      FROM conversations c WHERE c.id = p_conversation;
  PERFORM room_tell_entry(c, e) FROM conversations c JOIN entries e ON e.position = p_position
    WHERE c.id = p_conversation AND c.occupied AND coalesce(e.stanza, e.payload::text) IS NOT NULL; -- it says something
  RETURN made;
END $$;
