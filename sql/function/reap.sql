-- SPDX-License-Identifier: GPL-3.0-or-later
-- What keeps tables from growing without an end. Each yields how many rows it removed, whether there may be
-- more to remove now, and what the next call is to be given (NULL: nothing).
--
-- Whoever adds to the log holds it while waiting for a row. So what removes rows that changes touch, too, takes the log first, as they
-- do, and is asked for few at a time: nobody waits for it with the log held, and no two wait for each other.

-- Events that happened more than p_seconds ago, at most p_limit, oldest first. A cursor from before
-- them gets `resync`.
CREATE FUNCTION reap_events(p_seconds bigint, p_limit int, OUT removed bigint, OUT more boolean,
                            OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  upto bigint;
BEGIN
  PERFORM FROM log_head FOR UPDATE;
  SELECT max(x.position) INTO upto
    FROM (SELECT e.position, bool_and(e.at < clock_timestamp() - make_interval(secs => p_seconds))
                   OVER (ORDER BY e.position) AS old
            FROM (SELECT position, at FROM events ORDER BY position LIMIT p_limit) e) x
    WHERE x.old;
  DELETE FROM events WHERE position <= upto;
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := removed >= p_limit;
  IF upto IS NOT NULL THEN
    UPDATE log_head SET events_from = upto WHERE events_from < upto;
  END IF;
END $$;

-- Whether anything refers to a remote user. Messages and marks do so by their conversation.
CREATE FUNCTION user_is_used(p_user uuid, p_jid text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM members m WHERE m.user_id = p_user)
    OR EXISTS (SELECT FROM contacts c WHERE c.peer = p_jid)
    OR EXISTS (SELECT FROM blocks b WHERE b.peer = p_jid AND b.created_at > '-infinity')
    OR EXISTS (SELECT FROM events e WHERE e.user_id = p_user AND e.audience <> 'members')
    OR user_held(p_user);
END $$;

-- Remote users to whom nothing has referred for p_seconds. Looks at p_limit users, of any kind, with
-- numbers after the payload's; at the end it begins again.
--
-- Who begins to refer to a user locks the row first (user_remote(), user_keep(), or the foreign key):
-- rows that somebody has locked are left alone, and whoever comes later waits, and makes the user anew.
CREATE FUNCTION reap_users(p_payload jsonb, p_seconds bigint, p_limit int, OUT removed bigint,
                           OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  page bigint[];
  old uuid[];
  gone users;
BEGIN
  page := ARRAY(SELECT u.number FROM users u WHERE u.number > coalesce((p_payload->>'after')::bigint, 0)
                  ORDER BY u.number LIMIT p_limit);
  removed := 0;
  more := cardinality(page) >= p_limit;
  payload := CASE WHEN more THEN jsonb_build_object('after', page[cardinality(page)]) ELSE '{}' END;
  UPDATE users u SET unused_since = CASE WHEN u.unused_since IS NULL THEN clock_timestamp() END
    WHERE u.number = ANY (page) AND u.kind = 'remote'
      AND user_is_used(u.id, u.jid) = (u.unused_since IS NOT NULL);
  old := ARRAY(SELECT u.id FROM users u WHERE u.number = ANY (page) AND u.kind = 'remote'
                 AND u.unused_since < clock_timestamp() - make_interval(secs => p_seconds)
                 FOR UPDATE SKIP LOCKED);
  -- Seen with the locks held.
  FOR gone IN SELECT u.* FROM users u WHERE u.id = ANY (old) AND NOT user_is_used(u.id, u.jid) LOOP
    BEGIN
      DELETE FROM user_words w WHERE w.user_id = gone.id;
      DELETE FROM users u WHERE u.id = gone.id;
      removed := removed + 1;
    EXCEPTION WHEN foreign_key_violation THEN -- a table that user_is_used() does not know
      NULL;
    END;
  END LOOP;
END $$;

-- Entries whose message, or what was said at their time, is gone, and reactions to such messages. Looks at p_limit of them, with positions
-- after the payload's; at the end it begins again.
CREATE FUNCTION reap_entries(p_payload jsonb, p_limit int, OUT removed bigint, OUT more boolean,
                             OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  page bigint[];
BEGIN
  PERFORM FROM log_head FOR UPDATE;
  page := ARRAY(SELECT e.position FROM entries e
                  WHERE e.position > coalesce((p_payload->>'after')::bigint, 0)
                  ORDER BY e.position LIMIT p_limit);
  DELETE FROM reactions r USING entries e
    WHERE e.position = ANY (page) AND e.kind = 'reaction' AND r.message_id = e.target
      AND NOT EXISTS (SELECT FROM messages m WHERE m.id = e.target);
  DELETE FROM entries e WHERE e.position = ANY (page)
    AND (EXISTS (SELECT FROM conversations c WHERE c.id = e.conversation_id AND c.base_seq > e.seq
                   AND NOT EXISTS (SELECT FROM purges p WHERE p.conversation_id = c.id)) -- or it may be kept
         -- OFFSET 0: each is looked up. PostgreSQL may else make a table of the ids of all messages.
         OR (e.target IS NOT NULL AND NOT EXISTS (SELECT FROM messages m WHERE m.id = e.target OFFSET 0)));
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := cardinality(page) >= p_limit;
  payload := CASE WHEN more THEN jsonb_build_object('after', page[cardinality(page)]) ELSE '{}' END;
END $$;

-- What was said in groups that ended more than p_seconds ago and that no legal hold keeps, at most p_limit messages of one of them; when there are none
-- left, all else that is known of it. Its name may be given again then.
CREATE FUNCTION reap_groups(p_seconds bigint, p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  any_held CONSTANT boolean := holds_any();
  ended uuid;
  said uuid[];
BEGIN
  PERFORM FROM log_head FOR UPDATE;
  ended := (SELECT c.id FROM conversations c
              WHERE c.destroyed_at < clock_timestamp() - make_interval(secs => p_seconds)
                AND NOT (any_held AND conversation_held(c.id))
              ORDER BY c.destroyed_at LIMIT 1);
  said := ARRAY(SELECT m.id FROM messages m WHERE m.conversation_id = ended ORDER BY m.seq LIMIT p_limit);
  removed := cardinality(said);
  more := ended IS NOT NULL;
  IF removed > 0 THEN
    PERFORM reap_said(said);
  ELSIF more THEN
    PERFORM reap_group(ended);
    removed := 1;
  END IF;
END $$;

-- Removes messages, and what was done to them; of p_emptied their rows stay, without what they said. For the holder of the log.
CREATE FUNCTION reap_said(p_messages uuid[], p_emptied uuid[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  gone CONSTANT uuid[] := p_messages || p_emptied;
  talks CONSTANT uuid[] := ARRAY(SELECT DISTINCT m.thread_id FROM messages m WHERE m.id = ANY (gone) AND m.thread_id IS NOT NULL);
BEGIN
  INSERT INTO search_stale (block) SELECT DISTINCT m.position >> 6 FROM messages m WHERE m.id = ANY (gone)
    ON CONFLICT DO NOTHING;
  DELETE FROM message_versions x WHERE x.message_id = ANY (gone);
  DELETE FROM removed_content x WHERE x.message_id = ANY (gone);
  DELETE FROM reactions x WHERE x.message_id = ANY (gone);
  DELETE FROM votes x WHERE x.message_id = ANY (gone);
  DELETE FROM translations x WHERE x.message_id = ANY (gone);
  DELETE FROM transcriptions x WHERE x.message_id = ANY (gone);
  DELETE FROM forwards x WHERE x.message_id = ANY (gone);
  DELETE FROM polls x WHERE x.message_id = ANY (gone);
  DELETE FROM stars x WHERE x.message_id = ANY (gone);
  DELETE FROM retold x WHERE x.message_id = ANY (gone);
  DELETE FROM deadlines x WHERE x.message_id = ANY (gone);
  DELETE FROM scheduled x WHERE x.message_id = ANY (gone);
  DELETE FROM entries x WHERE x.target = ANY (gone);
  DELETE FROM outbox x WHERE x.message_id = ANY (gone);
  PERFORM attachment_forget(gone);
  DELETE FROM guest_ids i WHERE i.target = ANY (gone);
  -- Answers have it as a quote, as they came.
  UPDATE messages x SET stanza = NULL WHERE x.reply_to = ANY (gone) AND x.stanza IS NOT NULL;
  UPDATE threads t SET message_count = greatest(t.message_count - n.count, 0)
    FROM (SELECT m.thread_id, count(*) AS count FROM messages m WHERE m.id = ANY (gone) AND m.thread_id IS NOT NULL GROUP BY 1) n
    WHERE t.id = n.thread_id;
  IF p_emptied <> '{}' THEN
    PERFORM retention_empty(p_emptied);
  END IF;
  DELETE FROM messages x WHERE x.id = ANY (p_messages);
  -- A thread stays while anything is said in it, also without what it began at.
  DELETE FROM threads t WHERE t.id = ANY (gone || talks) AND NOT EXISTS (SELECT FROM messages m WHERE m.thread_id = t.id);
END $$;

-- Removes a group in which nothing is said any more. For the holder of the log.
CREATE FUNCTION reap_group(p_conversation uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM entries x WHERE x.conversation_id = p_conversation;
  DELETE FROM threads x WHERE x.conversation_id = p_conversation;
  DELETE FROM marks x WHERE x.conversation_id = p_conversation;
  DELETE FROM hidden x WHERE x.conversation_id = p_conversation;
  DELETE FROM mentioned x USING members m
    WHERE m.conversation_id = p_conversation AND x.user_id = m.user_id AND x.conversation_id = p_conversation;
  DELETE FROM scheduled x USING members m
    WHERE m.conversation_id = p_conversation AND x.user_id = m.user_id AND x.conversation_id = p_conversation;
  DELETE FROM events x WHERE x.conversation_id = p_conversation AND x.audience = 'members';
  DELETE FROM occupants x WHERE x.conversation_id = p_conversation;
  DELETE FROM guest_out x WHERE x.conversation_id = p_conversation;
  DELETE FROM guest_ids x WHERE x.conversation_id = p_conversation;
  DELETE FROM guest_occupants x WHERE x.conversation_id = p_conversation;
  DELETE FROM guest_seats x WHERE x.conversation_id = p_conversation;
  DELETE FROM guest_rooms x WHERE x.conversation_id = p_conversation;
  DELETE FROM past_nicks x WHERE x.conversation_id = p_conversation;
  DELETE FROM nicks x WHERE x.conversation_id = p_conversation;
  DELETE FROM rooms x WHERE x.conversation_id = p_conversation;
  DELETE FROM members x WHERE x.conversation_id = p_conversation;
  DELETE FROM conversations x WHERE x.id = p_conversation;
END $$;

-- Pictures that nobody has (any more), a day after they were stored; at most p_limit.
CREATE FUNCTION reap_pictures(p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM pictures p WHERE p.hash IN (
    SELECT x.hash FROM pictures x WHERE x.stored_at < clock_timestamp() - interval '1 day'
        AND NOT EXISTS (SELECT FROM users u WHERE u.avatar_hash = x.hash)
        AND NOT EXISTS (SELECT FROM conversations c WHERE c.icon_hash = x.hash) AND NOT picture_is_shown(x.hash)
      LIMIT p_limit FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := removed >= p_limit;
END $$;

-- What has expired: sessions, tickets, tokens that were signed out; keys of requests after a day; and revocations after a day, which is for
-- processes that could not ask meanwhile. At most p_limit rows of each.
CREATE FUNCTION reap_sessions(p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  count bigint;
BEGIN
  DELETE FROM sessions WHERE digest IN (
    SELECT digest FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT p_limit);
  GET DIAGNOSTICS count = ROW_COUNT;
  removed := count;
  more := count >= p_limit;
  DELETE FROM tickets WHERE digest IN (
    SELECT digest FROM tickets WHERE expires_at < now() ORDER BY expires_at LIMIT p_limit);
  GET DIAGNOSTICS count = ROW_COUNT;
  removed := removed + count;
  more := more OR count >= p_limit;
  DELETE FROM revoked_tokens WHERE digest IN (
    SELECT digest FROM revoked_tokens WHERE expires_at < now() ORDER BY expires_at LIMIT p_limit);
  GET DIAGNOSTICS count = ROW_COUNT;
  removed := removed + count;
  more := more OR count >= p_limit;
  DELETE FROM revocations WHERE position IN (
    SELECT position FROM revocations WHERE at < now() - interval '1 day' ORDER BY at LIMIT p_limit);
  GET DIAGNOSTICS count = ROW_COUNT;
  removed := removed + count;
  more := more OR count >= p_limit;
  DELETE FROM idempotency WHERE (subject, key) IN (
    SELECT subject, key FROM idempotency WHERE at < now() - interval '1 day' ORDER BY at LIMIT p_limit);
  GET DIAGNOSTICS count = ROW_COUNT;
  removed := removed + count;
  more := more OR count >= p_limit;
END $$;

-- How many rows the tables have, as far as PostgreSQL knows without counting; and, as outbox_oldest, for how many seconds
-- the first stanza of the outbox has waited, by the time of the message or event that it came with.
CREATE FUNCTION table_sizes() RETURNS TABLE (name text, size bigint)
LANGUAGE sql STABLE AS $$
  SELECT relname::text, n_live_tup FROM pg_stat_user_tables WHERE schemaname = current_schema()
  UNION ALL
  SELECT 'outbox_oldest', greatest(extract(epoch FROM clock_timestamp() - f.at), 0)::bigint
    FROM (SELECT coalesce((SELECT m.created_at FROM messages m WHERE m.id = o.message_id),
                          (SELECT e.at FROM events e WHERE e.position = o.position), clock_timestamp()) AS at
            FROM (SELECT message_id, position FROM outbox ORDER BY position, n LIMIT 1) o
          UNION ALL SELECT clock_timestamp() LIMIT 1) f
$$;
