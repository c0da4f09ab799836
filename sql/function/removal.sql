-- SPDX-License-Identifier: GPL-3.0-or-later
-- Deletion: for everybody (XEP-0424), by moderators (XEP-0425), for oneself. What was deleted for everybody leaves a
-- tombstone; what it said lies in removed_content for moderators, until that is purged. Functions that write are for
-- the holder of the log.

-- Takes away what the message says, wherever it is kept. p_by: who did it, NULL: nobody; p_reason: sender, moderator or
-- expired; p_words: why, in words; p_kept: moderators may still read it, as they may while there is a legal hold. Tells the members, p_quiet: p_by alone.
-- Yields the position of the event.
CREATE FUNCTION content_remove(m messages, c conversations, p_by uuid, p_reason text, p_words text, p_kept boolean,
                               p_quiet boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  last bigint;
  stamp timestamptz;
BEGIN
  last := event_add('message.deleted', CASE WHEN p_quiet THEN 'user' ELSE 'members' END, c.id, p_by,
                    json_build_object('conversation_id', c.id, 'message_id', m.id, 'seq', m.seq, 'by', p_by,
                                      'reason', p_reason));
  stamp := (SELECT h.stamp FROM log_head h);
  IF p_kept OR message_held(m) THEN
    INSERT INTO removed_content (message_id, conversation_id, sender_id, removed_by, reason, removed_at, content)
      SELECT m.id, c.id, m.sender_id, p_by, p_words, stamp, removed_words(m)
      ON CONFLICT (message_id) DO NOTHING;
  END IF;
  UPDATE messages x SET body = NULL, metadata = NULL, reply_to = NULL, reactions = NULL, stanza = NULL,
      forward_count = NULL, edited_at = NULL, expires_at = NULL, deleted_at = stamp, deleted_by = p_by,
      details = CASE WHEN m.details ? 'sent' THEN jsonb_build_object('sent', m.details->'sent')
                     ELSE jsonb_build_object('was', coalesce(m.details->>'was', md5(m.body))) END
    WHERE x.id = m.id;
  -- Ids stay: what names a version names a message that is gone.
  UPDATE message_versions v SET body = NULL, details = NULL WHERE v.message_id = m.id;
  UPDATE entries e SET payload = e.payload - '{body,content}'::text[], stanza = NULL WHERE e.target = m.id AND e.kind IN ('edit', 'part');
  -- Answers have it as a quote, as they came.
  UPDATE messages x SET stanza = NULL WHERE x.reply_to = m.id AND x.stanza IS NOT NULL;
  DELETE FROM reactions r WHERE r.message_id = m.id;
  DELETE FROM votes v WHERE v.message_id = m.id;
  DELETE FROM translations t WHERE t.message_id = m.id;
  DELETE FROM transcriptions t WHERE t.message_id = m.id;
  DELETE FROM polls p WHERE p.message_id = m.id;
  DELETE FROM stars s WHERE s.message_id = m.id;
  DELETE FROM mentioned x WHERE x.conversation_id = m.conversation_id AND x.seq = m.seq;
  DELETE FROM deadlines d WHERE d.message_id = m.id;
  UPDATE scheduled s SET content = NULL, details = NULL WHERE s.message_id = m.id;
  DELETE FROM entries e WHERE e.target = m.id AND e.kind = 'reaction';
  DELETE FROM outbox o WHERE o.position = m.position AND o.kind IN ('message', 'content', 'room_message');
  IF c.occupied THEN
    DELETE FROM outbox o WHERE o.message_id = m.id AND o.kind IN ('room_history', 'room_history_entry', 'room_entry');
  END IF;
  DELETE FROM outbox o WHERE o.message_id = m.id AND o.kind IN ('edit', 'part');
  PERFORM attachment_forget(ARRAY[m.id]);
  DELETE FROM outbox o WHERE o.message_id = m.id AND o.kind = 'reaction';
  PERFORM search_forget(m.position);
  RETURN last;
END $$;

-- Deletes for everybody, by who wrote it (p_moderates: by a moderator), and says so on XMPP. p_stanza: the id of the
-- stanza; p_came: as entry_add() has it.
CREATE FUNCTION removal_put(m messages, c conversations, p_user uuid, p_moderates boolean, p_words text, p_stanza text,
                            p_quiet boolean, p_came jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  last bigint;
  own nicks;
BEGIN
  SELECT * INTO own FROM nicks n WHERE p_moderates AND n.conversation_id = c.id AND n.user_id = p_user;
  last := content_remove(m, c, p_user, CASE WHEN p_moderates THEN 'moderator' ELSE 'sender' END, p_words, true, p_quiet);
  -- What moderators do is said by the room.
  PERFORM entry_add(last, c.id, CASE WHEN p_moderates THEN 'moderation' ELSE 'retraction' END,
                    CASE WHEN NOT p_moderates THEN p_user END, m.id, jsonb_strip_nulls(jsonb_build_object(
                      'reason', p_words, 'stanza', p_stanza, 'by', group_jid(c.room) || '/' || own.nick,
                      'occupant', own.occupant)), p_came);
  IF p_came IS NULL AND conversation_reach(c, p_user) IS NOT NULL AND message_wire_id(m, c) IS NOT NULL AND m.failed_condition IS NULL THEN
    PERFORM outbox_add(last, 'retraction', p_user, ARRAY[conversation_reach(c, p_user)], m.id, message_wire_id(m, c), p_stanza);
  END IF;
  IF m.details ? 'attachments' THEN
    PERFORM removal_parts(m, c, p_user, CASE WHEN p_moderates THEN 'moderation' ELSE 'retraction' END, jsonb_strip_nulls(
      jsonb_build_object('reason', p_words, 'by', group_jid(c.room) || '/' || own.nick, 'occupant', own.occupant)));
  END IF;
END $$;

-- The further stanzas of a message with files (entries of kind part) are taken back on XMPP as well, by entries of p_kind.
CREATE FUNCTION removal_parts(m messages, c conversations, p_user uuid, p_kind text, p_payload jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  part uuid;
  place bigint;
  made uuid;
BEGIN
  FOR part IN SELECT e.id FROM entries e WHERE e.target = m.id AND e.kind = 'part' ORDER BY e.position LOOP
    place := (log_advance(1)).ret_before + 1;
    made := entry_add(place, c.id, p_kind, CASE WHEN p_kind = 'retraction' THEN p_user END, part, p_payload);
    IF c.kind = 'direct' AND conversation_reach(c, p_user) IS NOT NULL THEN
      PERFORM outbox_add(place, 'retraction', p_user, ARRAY[conversation_reach(c, p_user)], m.id, part::text, made::text);
    END IF;
  END LOOP;
END $$;

-- Whether p_user may take away what others say in c.
CREATE FUNCTION removal_moderates(c conversations, p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN c.kind <> 'direct' AND NOT guest_is(c) AND coalesce((
    SELECT group_may(c, o, 'delete_messages') FROM members o WHERE o.conversation_id = c.id AND o.user_id = p_user), false);
END $$;

-- Why nobody can delete the message for everybody; NULL: somebody may.
CREATE FUNCTION removal_refusal(m messages) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN m.kind IN ('call', 'system') THEN content_refused('', 'it tells what happened', 3) END
$$;

-- Arguments: message_id, for (everyone, me), reason; window (seconds) and stanza (an id for it on the wire) are the
-- program's. The result: { message_id, deleted }.
CREATE FUNCTION change_message_delete(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  m messages := message_for(p_user, (p_arguments->>'message_id')::uuid);
  c conversations;
  own boolean;
  moderates boolean;
BEGIN
  IF m.id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  SELECT * INTO c FROM conversations x WHERE x.id = m.conversation_id;
  IF p_arguments->>'for' = 'me' THEN
    outcome := CASE WHEN hidden_put(m, p_user) THEN 0 ELSE 1 END;
    result := jsonb_build_object('message_id', m.id, 'deleted', 'me');
    RETURN;
  END IF;
  own := coalesce(m.sender_id = p_user AND m.created_at >= (SELECT h.stamp FROM log_head h)
                    - make_interval(secs => (p_arguments->>'window')::bigint), false);
  moderates := NOT own AND removal_moderates(c, p_user);
  IF NOT own AND NOT moderates THEN
    outcome := 5;
    result := content_refused('', CASE WHEN m.sender_id = p_user THEN 'it is too old' ELSE 'it is not yours' END, 5);
    RETURN;
  END IF;
  result := removal_refusal(m);
  IF result IS NOT NULL THEN
    outcome := (result->>'refused')::int;
    RETURN;
  END IF;
  outcome := CASE WHEN m.deleted_at IS NULL THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    PERFORM removal_put(m, c, p_user, moderates, p_arguments->>'reason', p_arguments->>'stanza',
                        c.guarded AND c.kind = 'direct' AND relation_held(c.id, p_user));
  END IF;
  result := jsonb_build_object('message_id', m.id, 'deleted', 'everyone');
END $$;

-- What came by XMPP: { from, to, room, id, origin (see message_named), stanza (its own id), window (seconds), came }.
-- 2: it concerns no message, or one that is too old.
CREATE FUNCTION change_retraction_arrived(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  place record := place_of(p_arguments);
  c conversations := place.c;
  m messages;
BEGIN
  outcome := 2;
  IF c.id IS NULL THEN
    RETURN;
  END IF;
  IF c.kind <> 'direct' THEN
    m := message_named(c, p_arguments->>'id', NULL);
  END IF;
  IF m.id IS NULL THEN
    m := message_said(c, place.source, p_arguments->>'id', (p_arguments->>'origin')::uuid);
  END IF;
  IF m.id IS NULL OR m.sender_id IS DISTINCT FROM place.source OR removal_refusal(m) IS NOT NULL
     OR m.created_at < (SELECT h.stamp FROM log_head h) - make_interval(secs => (p_arguments->>'window')::bigint) THEN
    RETURN;
  END IF;
  outcome := CASE WHEN m.deleted_at IS NULL THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    PERFORM removal_put(m, c, place.source, false, NULL, p_arguments->>'stanza',
                        c.guarded AND c.kind = 'direct' AND relation_held(c.id, place.source), p_arguments->'came');
  END IF;
END $$;

-- Somebody in a room asks it for that: { room, from, address, message (its id in the archive), reason, stanza (an id for
-- what is told) }. A refusal is as room_enter.sql has it.
CREATE FUNCTION change_room_moderate(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  f record;
  m messages;
BEGIN
  SELECT * INTO f FROM room_find(p_arguments);
  outcome := 2;
  IF (f.o).address IS NULL THEN
    RETURN;
  END IF;
  m := message_for((f.m).user_id, (message_named(f.c, p_arguments->>'message', NULL)).id);
  outcome := CASE
    WHEN NOT removal_moderates(f.c, (f.m).user_id) THEN 5
    WHEN m.id IS NULL THEN 2
    WHEN removal_refusal(m) IS NOT NULL THEN 3
    WHEN m.deleted_at IS NOT NULL THEN 1
    ELSE 0 END;
  result := coalesce(room_outcome(outcome, NULL), '{}');
  IF outcome = 0 THEN
    PERFORM removal_put(m, f.c, (f.m).user_id, true, p_arguments->>'reason', p_arguments->>'stanza', false);
  END IF;
END $$;

-- ---- For oneself ----------------------------------------------------------------------------------------

-- p_user sees the message no more. False: did not before.
CREATE FUNCTION hidden_put(m messages, p_user uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO hidden (user_id, message_id, conversation_id, seq) VALUES (p_user, m.id, m.conversation_id, m.seq)
    ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE members o SET hides = true WHERE o.conversation_id = m.conversation_id AND o.user_id = p_user AND NOT o.hides;
  PERFORM event_add('message.deleted', 'user', m.conversation_id, p_user,
                    json_build_object('conversation_id', m.conversation_id, 'message_id', m.id, 'seq', m.seq, 'by', p_user,
                                      'reason', 'me'));
  RETURN true;
END $$;

-- Whether p_user, who has hidden something there (members.hides), has hidden that.
CREATE FUNCTION hidden_is(p_user uuid, p_conversation uuid, p_seq bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM hidden h WHERE h.conversation_id = p_conversation AND h.user_id = p_user AND h.seq = p_seq);
END $$;

-- The newest message that p_user has not hidden, of the last 1000.
CREATE FUNCTION hidden_last(p_user uuid, c conversations, p_cleared bigint) RETURNS message_view
LANGUAGE plpgsql STABLE
SET enable_bitmapscan = off AS $$ -- as in contact_consents()
DECLARE
  m messages;
BEGIN
  SELECT x.* INTO m FROM (SELECT y.* FROM messages y WHERE y.conversation_id = c.id AND y.seq > p_cleared
                            ORDER BY y.seq DESC LIMIT 1000) x
    WHERE NOT hidden_is(p_user, c.id, x.seq) ORDER BY x.seq DESC LIMIT 1;
  RETURN CASE WHEN m.id IS NOT NULL THEN message_seen(p_user, m, c) END;
END $$;

-- The same where the conversation is not at hand.
CREATE FUNCTION hidden_last_in(p_user uuid, p_conversation uuid, p_cleared bigint) RETURNS message_view
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN hidden_last(p_user, (SELECT c FROM conversations c WHERE c.id = p_conversation), p_cleared);
END $$;

-- ---- For moderators -------------------------------------------------------------------------------------

-- What m says, as removed_content.content has it.
CREATE FUNCTION removed_words(m messages) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object(
    'body', m.body, 'kind', m.kind, 'details', m.details, 'metadata', m.metadata, 'versions', coalesce((
      SELECT jsonb_agg(jsonb_build_object('content', v.body, 'created_at', api_time(v.at)) ORDER BY v.version)
        FROM message_versions v WHERE v.message_id = m.id), '[]'));
END $$;

-- What a deleted message said, or one that nobody else sees any more and a legal hold keeps, for staff: the audit has who has read that. Arguments: message_id. p_user NULL: a
-- server key.
CREATE FUNCTION change_moderation_read(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  gone removed_content;
BEGIN
  SELECT * INTO gone FROM removed_content r WHERE r.message_id = (p_arguments->>'message_id')::uuid;
  IF gone.message_id IS NULL THEN
    gone := retention_kept((p_arguments->>'message_id')::uuid);
  END IF;
  IF gone.message_id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  outcome := 0;
  result := jsonb_build_object('message_id', gone.message_id, 'conversation_id', gone.conversation_id,
    'sender_id', gone.sender_id, 'removed_by', gone.removed_by, 'reason', gone.reason,
    'removed_at', api_time(gone.removed_at), 'content', gone.content->'body', 'message_type', gone.content->'kind',
    'versions', gone.content->'versions');
END $$;

-- Purges what was deleted more than p_seconds ago, at most p_limit of it; as reap.sql has it. Nothing else has its texts then.
CREATE FUNCTION reap_removed(p_seconds bigint, p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  any_held CONSTANT boolean := holds_any();
BEGIN
  PERFORM FROM log_head FOR UPDATE;
  DELETE FROM removed_content r WHERE r.message_id IN (
    SELECT x.message_id FROM removed_content x
      WHERE x.removed_at < clock_timestamp() - make_interval(secs => p_seconds)
        AND NOT (any_held AND (user_held(x.sender_id) OR conversation_held(x.conversation_id)))
      ORDER BY x.removed_at LIMIT p_limit);
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := removed >= p_limit;
END $$;
