-- SPDX-License-Identifier: GPL-3.0-or-later
-- Archives as XMPP reads them (XEP-0313): the messages and entries of one conversation, or of several, in the one
-- order of the log. See decision 0065.
--
-- An archive is a window into each of its conversations (archive_window). Positions rise with seq, and an entry has
-- the seq of the newest message then: so a place in the log is one in both indexes, of messages by seq and of entries
-- by position.

-- Whether messages of that kind are on the wire: of what the system says presences tell.
CREATE FUNCTION archive_shows(p_kind text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT p_kind NOT IN ('system', 'call')
$$;

-- ---- Places -----------------------------------------------------------------------------------------

-- The newest message of a conversation that stands in the log at p_position at the latest, or, if that is NULL, came
-- before p_time: its seq; 0: none. Looks at some twenty messages, however many there are.
CREATE FUNCTION archive_seq(p_conversation uuid, p_position bigint, p_time timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
  low bigint := 0;
  high bigint := coalesce((SELECT m.seq FROM messages m WHERE m.conversation_id = p_conversation
                             ORDER BY m.seq DESC LIMIT 1), 0);
  middle bigint;
  m record;
BEGIN
  WHILE low < high LOOP -- what is at low comes before, what is behind high does not
    middle := (low + high + 1) / 2;
    SELECT x.seq, x.position, x.created_at INTO m FROM messages x
      WHERE x.conversation_id = p_conversation AND x.seq >= middle ORDER BY x.seq LIMIT 1;
    IF m.position <= p_position OR (p_position IS NULL AND m.created_at < p_time) THEN
      low := m.seq;
    ELSE
      high := middle - 1;
    END IF;
  END LOOP;
  RETURN low;
END $$;

-- The position up to which all entries of a conversation came before p_time, of which p_seq is archive_seq().
CREATE FUNCTION archive_position(p_conversation uuid, p_seq bigint, p_time timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
  low bigint := coalesce((SELECT m.position FROM messages m
                            WHERE m.conversation_id = p_conversation AND m.seq = p_seq), 0);
  high bigint := coalesce((SELECT m.position FROM messages m
                             WHERE m.conversation_id = p_conversation AND m.seq > p_seq ORDER BY m.seq LIMIT 1),
                          (SELECT h.position + 1 FROM log_head h));
  e record;
BEGIN
  WHILE low + 1 < high LOOP -- what is at low comes before, what is at high does not
    SELECT x.position, x.created_at INTO e FROM entries x
      WHERE x.conversation_id = p_conversation AND x.position > low AND x.position <= (low + high) / 2
      ORDER BY x.position DESC LIMIT 1;
    IF e.created_at >= p_time THEN
      high := e.position;
    ELSE
      low := (low + high) / 2;
    END IF;
  END LOOP;
  RETURN low;
END $$;

-- NULL: there is no message or entry with that id.
CREATE FUNCTION archive_find(p_id uuid) RETURNS archive_place
LANGUAGE plpgsql STABLE AS $$
DECLARE
  found archive_place;
BEGIN
  SELECT m.conversation_id, m.position, m.seq, true, archive_shows(m.kind), NULL INTO found
    FROM messages m WHERE m.id = p_id;
  IF found.position IS NULL THEN
    SELECT e.conversation_id, e.position, e.seq, false, true, e.target INTO found FROM entries e WHERE e.id = p_id;
  END IF;
  RETURN found;
END $$;

-- ---- Windows ----------------------------------------------------------------------------------------

-- What a member sees who may see messages with p_low < seq <= p_high, and no entry behind p_end; NULL: no bound.
-- What was said of messages before the first that may be seen is not for the member, either.
CREATE FUNCTION archive_window(p_conversation uuid, p_low bigint, p_high bigint, p_end bigint) RETURNS archive_window
LANGUAGE plpgsql STABLE AS $$
DECLARE
  farthest CONSTANT bigint := 9223372036854775807;
  after bigint := 0;
  before bigint := coalesce(p_end, farthest);
BEGIN
  IF p_low IS NOT NULL THEN
    after := coalesce((SELECT m.position FROM messages m WHERE m.conversation_id = p_conversation AND m.seq > p_low
                         ORDER BY m.seq LIMIT 1), farthest);
  END IF;
  IF p_high IS NOT NULL THEN
    before := least(before, (SELECT m.position FROM messages m WHERE m.conversation_id = p_conversation
                               AND m.seq > p_high ORDER BY m.seq LIMIT 1));
  END IF;
  RETURN ROW(p_conversation, coalesce(p_low, 0), coalesce(p_high, farthest), after, before,
             coalesce((SELECT c.base_seq FROM conversations c WHERE c.id = p_conversation), 0))::archive_window;
END $$;

CREATE FUNCTION archive_has(w archive_window, p_place archive_place) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN w.conversation_id = p_place.conversation_id
    AND CASE WHEN p_place.is_message THEN p_place.seq > w.low AND p_place.seq <= w.high
             ELSE p_place.position > w.after AND p_place.position <= w.before AND archive_tells(w, p_place.about) END;
END $$;

-- Whether an entry of the window about that message, NULL: none, is told still: not when the message was kept for long enough.
CREATE FUNCTION archive_tells(w archive_window, p_about uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN w.base = 0 OR p_about IS NULL
    OR NOT EXISTS (SELECT FROM messages m WHERE m.id = p_about AND m.conversation_id IS NOT DISTINCT FROM w.conversation_id AND m.seq <= w.base);
END $$;

-- What of the window is behind that place, or before it.
CREATE FUNCTION archive_cut(w archive_window, p_place archive_place, p_behind boolean) RETURNS archive_window
LANGUAGE plpgsql STABLE AS $$
DECLARE
  own CONSTANT boolean := w.conversation_id = p_place.conversation_id;
BEGIN
  IF p_behind THEN
    w.low := greatest(w.low, CASE WHEN own THEN p_place.seq
                                  ELSE archive_seq(w.conversation_id, p_place.position) END);
    w.after := greatest(w.after, p_place.position);
  ELSE
    w.high := least(w.high, CASE WHEN own THEN p_place.seq - p_place.is_message::int
                                 ELSE archive_seq(w.conversation_id, p_place.position - 1) END);
    w.before := least(w.before, p_place.position - 1);
  END IF;
  RETURN w;
END $$;

-- What of the window came at p_time or later, or before it.
CREATE FUNCTION archive_cut_time(w archive_window, p_time timestamptz, p_behind boolean) RETURNS archive_window
LANGUAGE plpgsql STABLE AS $$
DECLARE
  seq bigint := archive_seq(w.conversation_id, NULL, p_time);
  place bigint := archive_position(w.conversation_id, seq, p_time);
BEGIN
  IF p_behind THEN
    w.low := greatest(w.low, seq);
    w.after := greatest(w.after, place);
  ELSE
    w.high := least(w.high, seq);
    w.before := least(w.before, place);
  END IF;
  RETURN w;
END $$;

-- The windows as far as p_query goes, which is that of archive_keys(). NULL: it names what is not in the archive.
CREATE FUNCTION archive_narrow(p_windows archive_window[], p_query jsonb) RETURNS archive_window[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  narrow archive_window[] := p_windows;
  bound record;
  place archive_place;
BEGIN
  FOR bound IN
    SELECT b.side = 'after' AS behind, x::uuid AS id
      FROM unnest('{after,before}'::text[]) b (side)
      CROSS JOIN LATERAL jsonb_array_elements_text(p_query->b.side) x
  LOOP
    place := archive_find(bound.id);
    IF NOT EXISTS (SELECT FROM unnest(p_windows) w WHERE archive_has(w, place)) THEN
      RETURN NULL;
    END IF;
    narrow := ARRAY(SELECT archive_cut(w, place, bound.behind) FROM unnest(narrow) w);
  END LOOP;
  IF p_query ? 'start' THEN
    narrow := ARRAY(SELECT archive_cut_time(w, to_timestamp((p_query->>'start')::numeric / 1000000), true)
                      FROM unnest(narrow) w);
  END IF;
  IF p_query ? 'end' THEN
    narrow := ARRAY(SELECT archive_cut_time(w, to_timestamp(((p_query->>'end')::numeric + 1) / 1000000), false)
                      FROM unnest(narrow) w);
  END IF;
  RETURN narrow;
END $$;

-- ---- Walking ----------------------------------------------------------------------------------------

-- The first p_limit messages of a window from its one end or the other; of p_sender only, unless NULL (of
-- conversations of many). Sorting is off because a plan for any p_limit would rather sort the whole conversation than
-- walk its index as far as needed.
CREATE FUNCTION archive_messages(w archive_window, p_sender uuid, p_limit int, p_backward boolean)
RETURNS TABLE (id uuid, "position" bigint, size int)
LANGUAGE plpgsql STABLE SET enable_sort = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
BEGIN
  IF p_sender IS NULL AND p_backward THEN
    RETURN QUERY SELECT m.id, m.position, octet_length(m.body) FROM messages m
      WHERE m.conversation_id = w.conversation_id AND m.seq > w.low AND m.seq <= w.high AND archive_shows(m.kind)
      ORDER BY m.seq DESC LIMIT p_limit;
  ELSIF p_sender IS NULL THEN
    RETURN QUERY SELECT m.id, m.position, octet_length(m.body) FROM messages m
      WHERE m.conversation_id = w.conversation_id AND m.seq > w.low AND m.seq <= w.high AND archive_shows(m.kind)
      ORDER BY m.seq LIMIT p_limit;
  ELSIF p_backward THEN
    RETURN QUERY SELECT m.id, m.position, octet_length(m.body) FROM messages m
      WHERE m.many AND m.conversation_id = w.conversation_id AND m.sender_id = p_sender
        AND m.seq > w.low AND m.seq <= w.high AND archive_shows(m.kind)
      ORDER BY m.seq DESC LIMIT p_limit;
  ELSE
    RETURN QUERY SELECT m.id, m.position, octet_length(m.body) FROM messages m
      WHERE m.many AND m.conversation_id = w.conversation_id AND m.sender_id = p_sender
        AND m.seq > w.low AND m.seq <= w.high AND archive_shows(m.kind)
      ORDER BY m.seq LIMIT p_limit;
  END IF;
END $$;

-- The same of entries.
CREATE FUNCTION archive_entries(w archive_window, p_sender uuid, p_limit int, p_backward boolean)
RETURNS TABLE (id uuid, "position" bigint, size int)
LANGUAGE plpgsql STABLE SET enable_sort = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
BEGIN
  IF p_sender IS NULL AND p_backward THEN
    RETURN QUERY SELECT e.id, e.position, pg_column_size(e.payload) FROM entries e
      WHERE e.conversation_id = w.conversation_id AND e.position > w.after AND e.position <= w.before
        AND (w.base = 0 OR archive_tells(w, e.target))
      ORDER BY e.position DESC LIMIT p_limit;
  ELSIF p_sender IS NULL THEN
    RETURN QUERY SELECT e.id, e.position, pg_column_size(e.payload) FROM entries e
      WHERE e.conversation_id = w.conversation_id AND e.position > w.after AND e.position <= w.before
        AND (w.base = 0 OR archive_tells(w, e.target))
      ORDER BY e.position LIMIT p_limit;
  ELSIF p_backward THEN
    RETURN QUERY SELECT e.id, e.position, pg_column_size(e.payload) FROM entries e
      WHERE e.conversation_id = w.conversation_id AND e.sender_id = p_sender
        AND e.position > w.after AND e.position <= w.before
        AND (w.base = 0 OR archive_tells(w, e.target))
      ORDER BY e.position DESC LIMIT p_limit;
  ELSE
    RETURN QUERY SELECT e.id, e.position, pg_column_size(e.payload) FROM entries e
      WHERE e.conversation_id = w.conversation_id AND e.sender_id = p_sender
        AND e.position > w.after AND e.position <= w.before
        AND (w.base = 0 OR archive_tells(w, e.target))
      ORDER BY e.position LIMIT p_limit;
  END IF;
END $$;

-- Of the blocks of search with positions of one bucket, in which p_beginnings (text_beginnings()) are: which messages of the
-- conversation they hold.
CREATE FUNCTION archive_blocks(p_conversation uuid, p_bucket bigint, p_beginnings text[])
RETURNS TABLE (low bigint, high bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  name CONSTANT text := search_bucket(p_bucket << 16);
  keys CONSTANT text := (SELECT string_agg(search_term(name || '.' || b), ' & ') FROM unnest(p_beginnings) b)
                        || ' & ' || quote_literal(name || '#' || search_conversation(p_conversation));
BEGIN
  RETURN QUERY
    WITH hit AS MATERIALIZED (
      SELECT b.conversations, b.first_seqs, b.last_seqs FROM search_blocks b WHERE b.words @@ keys::tsquery)
    SELECT said.first_seq, said.last_seq
      FROM hit h CROSS JOIN LATERAL unnest(h.conversations, h.first_seqs, h.last_seqs)
        AS said (conversation_id, first_seq, last_seq)
      WHERE said.conversation_id = p_conversation;
END $$;

-- Likewise messages that hold all words of p_text, as message_search() finds them. Of what is not in blocks yet the
-- newest 2000 are looked at.
CREATE FUNCTION archive_words(w archive_window, p_sender uuid, p_text text, p_limit int, p_backward boolean)
RETURNS TABLE (id uuid, "position" bigint, size int)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  terms CONSTANT text[] := text_terms(p_text);
  beginnings CONSTANT text[] := text_beginnings(p_text);
  newest CONSTANT bigint := least(w.high, archive_seq(w.conversation_id, 9223372036854775807));
  indexed CONSTANT bigint := least(newest, archive_seq(w.conversation_id, (SELECT s.position FROM search_state s)));
  first bigint := (SELECT m.position >> 16 FROM messages m WHERE m.conversation_id = w.conversation_id
                     AND m.seq > w.low AND m.seq <= indexed ORDER BY m.seq LIMIT 1);
  tail bigint := (SELECT (m.position >> 16) + 1 FROM messages m WHERE m.conversation_id = w.conversation_id
                    AND m.seq = indexed); -- stands for what is not in blocks
  bucket bigint;
  part record;
  missing int := CASE WHEN cardinality(terms) > 0 THEN p_limit ELSE 0 END;
  got int;
BEGIN
  tail := CASE WHEN first IS NULL THEN 0 ELSE tail END;
  first := coalesce(first, 0);
  bucket := CASE WHEN p_backward THEN tail ELSE first END;
  WHILE missing > 0 AND bucket >= first AND bucket <= tail LOOP
    FOR part IN
      SELECT greatest(b.low, w.low + 1) AS low, least(b.high, newest) AS high
        FROM (SELECT greatest(indexed, newest - 2000) + 1 AS low, newest AS high WHERE bucket = tail
              UNION ALL
              SELECT x.low, x.high FROM archive_blocks(w.conversation_id, bucket, beginnings) x WHERE bucket < tail) b
        ORDER BY CASE WHEN p_backward THEN -b.low ELSE b.low END
    LOOP
      EXIT WHEN missing = 0;
      RETURN QUERY
        SELECT m.id, m.position, octet_length(m.body) FROM messages m
          WHERE m.conversation_id = w.conversation_id AND m.seq >= part.low AND m.seq <= part.high
            AND archive_shows(m.kind) AND (p_sender IS NULL OR m.sender_id = p_sender) AND search_matches(m.body, terms)
          ORDER BY CASE WHEN p_backward THEN -m.seq ELSE m.seq END LIMIT missing;
      GET DIAGNOSTICS got = ROW_COUNT;
      missing := missing - got;
    END LOOP;
    bucket := bucket + CASE WHEN p_backward THEN -1 ELSE 1 END;
  END LOOP;
END $$;

-- What of the archive those ids are, that p_narrow has. NULL: one of them is not in the archive.
CREATE FUNCTION archive_named(p_windows archive_window[], p_narrow archive_window[], p_ids uuid[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  one uuid;
  place archive_place;
  named uuid[] := '{}';
BEGIN
  FOREACH one IN ARRAY p_ids LOOP
    place := archive_find(one);
    IF NOT place.shown OR NOT EXISTS (SELECT FROM unnest(p_windows) w WHERE archive_has(w, place)) THEN
      RETURN NULL;
    ELSIF EXISTS (SELECT FROM unnest(p_narrow) w WHERE archive_has(w, place)) THEN
      named := named || one;
    END IF;
  END LOOP;
  RETURN named;
END $$;

-- A page of an archive: what p_query asks for, in the order of the log, at most p_limit, and only the first when
-- more come to more than p_bytes. In p_query each member may be missing:
--   after, before: arrays of ids; what is behind all of the ones and before all of the others
--   start, end: microseconds since 1970, both included
--   sender: a user
--   ids: an array; nothing but those
--   fulltext: a text; messages that hold all its words
--   backward: the page is the last one, not the first
-- outcome, as in change.sql: 0; 2: an id is not in the archive. ids: oldest first; said: which of them are
-- messages. more: there is something beyond
-- the page, on the side to which it goes.
CREATE FUNCTION archive_keys(p_windows archive_window[], p_query jsonb, p_limit int, p_bytes bigint,
                             OUT outcome int, OUT ids uuid[], OUT said boolean[], OUT more boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  narrow archive_window[] := archive_narrow(p_windows, p_query);
  backward CONSTANT boolean := coalesce((p_query->>'backward')::boolean, false);
  sender CONSTANT uuid := p_query->>'sender';
  words CONSTANT text := p_query->>'fulltext';
  named uuid[];
BEGIN
  outcome := CASE WHEN narrow IS NULL THEN 2 ELSE 0 END;
  IF outcome = 0 AND p_query ? 'ids' THEN
    named := archive_named(p_windows, narrow,
                           ARRAY(SELECT DISTINCT x::uuid FROM jsonb_array_elements_text(p_query->'ids') x));
    outcome := CASE WHEN named IS NULL THEN 2 ELSE 0 END;
  END IF;
  IF outcome > 0 THEN
    RETURN;
  END IF;
  SELECT array_agg(o.id ORDER BY o.position) FILTER (WHERE o.fits),
         array_agg(o.said ORDER BY o.position) FILTER (WHERE o.fits), coalesce(bool_or(NOT o.fits), false)
    INTO ids, said, more
    FROM (SELECT k.id, k.said, k.position, row_number() OVER side <= p_limit
                   AND (row_number() OVER side = 1 OR coalesce(sum(k.size) OVER side, 0) <= p_bytes) AS fits
            FROM (SELECT f.* FROM unnest(narrow) w
                    CROSS JOIN LATERAL (
                      SELECT x.*, true AS said FROM archive_messages(w, sender, p_limit + 1, backward) x WHERE words IS NULL
                      UNION ALL
                      SELECT x.*, false FROM archive_entries(w, sender, p_limit + 1, backward) x WHERE words IS NULL
                      UNION ALL
                      SELECT x.*, true FROM archive_words(w, sender, words, p_limit + 1, backward) x
                        WHERE words IS NOT NULL) f
                    WHERE named IS NULL
                  UNION ALL
                  SELECT m.id, m.position, octet_length(m.body), true FROM messages m
                    WHERE m.id = ANY (named) AND (sender IS NULL OR m.sender_id = sender)
                      AND (words IS NULL OR search_matches(m.body, text_terms(words)))
                  UNION ALL
                  SELECT e.id, e.position, pg_column_size(e.payload), false FROM entries e
                    WHERE e.id = ANY (named) AND (sender IS NULL OR e.sender_id = sender) AND words IS NULL) k
            WINDOW side AS (ORDER BY CASE WHEN backward THEN -k.position ELSE k.position END
                            ROWS UNBOUNDED PRECEDING)) o;
  ids := coalesce(ids, '{}');
  said := coalesce(said, '{}');
END $$;

-- ---- Rooms ------------------------------------------------------------------------------------------

-- What p_asker (a bare JID) may read of the group p_room (conversations.room): windows. outcome, as in change.sql: 0; 2: for
-- that one there is no such room; 5: is banned from it. own: the membership.
CREATE FUNCTION archive_room(p_room text, p_asker text, OUT outcome int, OUT c conversations, OUT own members,
                             OUT windows archive_window[])
LANGUAGE plpgsql STABLE AS $$
DECLARE
  low bigint;
BEGIN
  SELECT * INTO c FROM conversations x WHERE x.room = p_room AND x.destroyed_at IS NULL;
  SELECT m.* INTO own FROM users u JOIN members m ON m.conversation_id = c.id AND m.user_id = u.id
    WHERE u.jid = p_asker;
  outcome := CASE WHEN c.id IS NULL THEN 2 WHEN own.state = 'banned' THEN 5
                  WHEN own.state IN ('joined', 'invited') OR c.public THEN 0 ELSE 2 END;
  IF outcome = 0 THEN
    -- Who comes in later does not see what was said before, if that is so then.
    low := CASE WHEN own.state = 'joined' THEN room_window(c, own)
                WHEN group_settings(c.settings)->>'history' = 'hidden' THEN archive_seq(c.id, 9223372036854775807)
                ELSE greatest(c.base_seq, own.cleared_seq) END;
    windows := ARRAY[archive_window(c.id, nullif(low, 0), NULL, NULL)];
  END IF;
END $$;

CREATE FUNCTION archive_access(p_room text, p_asker text, OUT outcome int)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  outcome := (SELECT r.outcome FROM archive_room(p_room, p_asker) r);
END $$;

-- Where the archive begins and ends. The first row has the outcome of archive_room(); then two, or none if nothing
-- is there. at: microseconds since 1970.
CREATE FUNCTION archive_metadata(p_room text, p_asker text) RETURNS TABLE (outcome int, id uuid, at bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  r record;
BEGIN
  SELECT * INTO r FROM archive_room(p_room, p_asker);
  RETURN QUERY SELECT r.outcome, NULL::uuid, NULL::bigint;
  IF r.outcome = 0 THEN
    RETURN QUERY
      SELECT NULL::int, k.ids[1], archive_stamp(k.ids[1])
        FROM unnest('{false,true}'::boolean[]) WITH ORDINALITY side (backward, n)
        CROSS JOIN LATERAL archive_keys(r.windows, jsonb_build_object('backward', side.backward), 1, 1) k
        WHERE k.ids <> '{}' ORDER BY side.n;
  END IF;
END $$;

-- When a message or entry was stored, microseconds since 1970.
CREATE FUNCTION archive_stamp(p_id uuid) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT (extract(epoch FROM coalesce((SELECT m.created_at FROM messages m WHERE m.id = p_id),
                                      (SELECT e.created_at FROM entries e WHERE e.id = p_id))) * 1000000)::bigint
$$;

-- What a room shows of somebody: what that one is called now, and whether otherwise before; the occupant id, NULL: nobody has been
-- in the room yet; and the address of who is one of ours, else the bare JID.
CREATE FUNCTION archive_person(c conversations, p_user uuid, OUT nick text, OUT renamed boolean, OUT occupant text,
                               OUT jid text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT coalesce(n.nick, nick_wanted(m, u)),
         EXISTS (SELECT FROM past_nicks p WHERE p.conversation_id = c.id AND p.user_id = u.id),
         coalesce(n.occupant, (SELECT room_occupant_id(r, u.jid) FROM rooms r WHERE r.conversation_id = c.id)),
         u.jid || CASE u.kind WHEN 'hosted' THEN '/rest' ELSE '' END
    INTO nick, renamed, occupant, jid
    FROM users u
    LEFT JOIN nicks n ON n.conversation_id = c.id AND n.user_id = u.id
    LEFT JOIN members m ON m.conversation_id = c.id AND m.user_id = u.id
    WHERE u.id = p_user;
END $$;

-- What with in a query of archive_page() comes to in one of archive_keys(); p_shows: whoever asks sees addresses.
CREATE FUNCTION archive_with(c conversations, p_shows boolean, p_with jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  nobody CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
  IF p_with IS NULL THEN
    RETURN '{}';
  END IF;
  RETURN jsonb_build_object('sender', coalesce(
    (SELECT n.user_id FROM nicks n WHERE n.conversation_id = c.id AND n.nick = p_with->>'nick'),
    (SELECT u.id FROM users u WHERE p_shows AND u.jid = p_with->>'jid'), nobody));
END $$;

-- What a message has that takes its text's place or goes with it: { deleted: { id, at, moderated, reason, by,
-- occupant } }, a tombstone, or { content: message_wire() }. by, and occupant: of who did it, if that was a moderator.
CREATE FUNCTION archive_message_details(m messages, c conversations) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  e entries;
BEGIN
  IF m.deleted_at IS NULL THEN
    IF m.edited_at IS NOT NULL THEN -- what it says now comes with the entry of the edit
      SELECT v.body, coalesce(v.details, '{}') INTO m.body, m.details FROM message_versions v
        WHERE v.message_id = m.id ORDER BY v.version LIMIT 1;
    END IF;
    RETURN jsonb_build_object('content', message_wire(m, c));
  END IF;
  SELECT x.* INTO e FROM entries x WHERE x.target = m.id AND x.kind IN ('retraction', 'moderation') LIMIT 1;
  RETURN jsonb_build_object('deleted', jsonb_strip_nulls(jsonb_build_object(
    'id', coalesce(e.foreign_id, e.id::text), 'at', (extract(epoch FROM m.deleted_at) * 1000000)::bigint,
    'moderated', nullif(e.kind = 'moderation', false), 'reason', e.payload->'reason', 'by', e.payload->'by',
    'occupant', e.payload->'occupant')));
END $$;

-- A page of a room's archive. The first row has the outcome, of archive_room() or archive_keys(), and more; then one for each
-- message and entry, oldest first: at in microseconds since 1970, kind 'message' or entries.kind, wire the id of the
-- stanza, nick as it was then, jid for those who see it, body, stanza as it came by XMPP, and details of
-- archive_message_details(), or of an entry { target, payload }. p_query as archive_keys() has it, and
--   with: { jid, nick }, of which one may be missing: a bare JID, a nick in the room
CREATE FUNCTION archive_page(p_room text, p_asker text, p_query jsonb, p_limit int, p_bytes bigint)
RETURNS TABLE (outcome int, more boolean, id uuid, at bigint, kind text, wire text, nick text, occupant text,
               jid text, body text, stanza text, details jsonb)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  r record;
  c conversations;
  shows boolean;
  verdict int;
  beyond boolean;
  found uuid[];
  said boolean[];
BEGIN
  SELECT * INTO r FROM archive_room(p_room, p_asker);
  c := r.c;
  verdict := r.outcome;
  IF verdict = 0 THEN
    shows := NOT c.public OR room_role(c, r.own) = 'moderator';
    SELECT k.outcome, k.more, k.ids, k.said INTO verdict, beyond, found, said
      FROM archive_keys(r.windows, p_query || archive_with(c, shows, p_query->'with'), p_limit, p_bytes) k;
  END IF;
  RETURN QUERY SELECT verdict, beyond, NULL::uuid, NULL::bigint, NULL::text, NULL::text, NULL::text, NULL::text,
                      NULL::text, NULL::text, NULL::text, NULL::jsonb;
  RETURN QUERY
    WITH shown AS MATERIALIZED (
      SELECT k.n, k.id, m.position, m.sender_id, m.created_at, 'message' AS kind, m.foreign_id, m.sender_address, m.body,
             m.stanza, CASE WHEN m.details IS NOT NULL AND m.stanza IS NULL THEN archive_message_details(m, c) END AS details
        FROM unnest(found, said) WITH ORDINALITY k (id, said, n) JOIN messages m ON m.id = k.id
        WHERE k.said
      UNION ALL
      SELECT k.n, k.id, e.position, e.sender_id, e.created_at, e.kind, e.foreign_id, e.sender_address, NULL,
             e.stanza, jsonb_build_object('target', e.target, 'payload', e.payload)
        FROM unnest(found, said) WITH ORDINALITY k (id, said, n) JOIN entries e ON e.id = k.id
        WHERE NOT k.said
    ), people AS MATERIALIZED (
      SELECT d.sender_id, p.*
        FROM (SELECT DISTINCT s.sender_id FROM shown s) d CROSS JOIN LATERAL archive_person(c, d.sender_id) p
    )
    SELECT NULL::int, NULL::boolean, s.id, (extract(epoch FROM s.created_at) * 1000000)::bigint, s.kind,
           coalesce(s.foreign_id, s.id::text),
           CASE WHEN p.renamed THEN nick_at(c.id, s.sender_id, s.position) ELSE p.nick END, p.occupant,
           CASE WHEN shows THEN coalesce(s.sender_address, p.jid) END, s.body, s.stanza, s.details
      FROM shown s LEFT JOIN people p ON p.sender_id = s.sender_id ORDER BY s.n;
END $$;
