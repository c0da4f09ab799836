-- SPDX-License-Identifier: GPL-3.0-or-later
-- Search in messages. function/text.sql says what a word is; a word of a query stands for all that begin
-- with it, and in a script without spaces for all that hold it.
--
-- Keys of a block: BUCKET.word for each word (text_grams()), BUCKET@number for each member,
-- BUCKET#hash for each conversation.

CREATE FUNCTION search_bucket(p_position bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT to_hex(p_position >> 16)
$$;

CREATE FUNCTION search_conversation(p_conversation uuid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT left(p_conversation::text, 8)
$$;

-- Whether a text has what each of p_terms (text_terms()) stands for.
CREATE FUNCTION search_matches(p_text text, p_terms text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  term text;
  spaced text;
BEGIN
  IF p_text IS NULL THEN -- a place, a poll, what was deleted
    RETURN false;
  END IF;
  -- Most messages of a block are not meant, and most are ASCII, for which this says so.
  IF octet_length(p_text) = char_length(p_text)
     AND strpos(lower(p_text COLLATE "C"), ltrim(p_terms[1])) = 0 THEN
    RETURN false;
  END IF;
  spaced := ' ' || text_words(p_text);
  FOREACH term IN ARRAY p_terms LOOP
    IF strpos(spaced, term) = 0 THEN
      RETURN false;
    END IF;
  END LOOP;
  RETURN true;
END $$;

-- Puts the messages of the next p_limit positions into blocks of 64 positions; with p_whole it
-- leaves the last ones until they fill a block. Yields how far the log is ahead afterwards, how many positions were
-- indexed, and where the log stood; all NULL: somebody else is at it.
CREATE FUNCTION search_index(p_limit int, p_whole boolean DEFAULT false, OUT behind bigint, OUT indexed bigint, OUT head bigint)
LANGUAGE plpgsql AS $$
DECLARE
  low bigint;
  high bigint;
BEGIN
  -- Lost blocks are made again: they and the state are lost together.
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT s.position INTO low FROM search_state s FOR UPDATE SKIP LOCKED;
  IF low IS NULL THEN
    RETURN;
  END IF;
  PERFORM search_again(low);
  SELECT h.position INTO head FROM log_head h;
  high := least(head, low + p_limit);
  IF p_whole THEN
    high := ((high + 1) >> 6 << 6) - 1;
  END IF;
  IF high > low THEN
    high := search_fill(low, high);
    UPDATE search_state SET position = high;
    PERFORM gin_clean_pending_list('search_words');
    PERFORM search_summarize();
  END IF;
  indexed := greatest(high - low, 0);
  behind := head - low - indexed;
END $$;

-- Makes anew, of what is indexed up to p_indexed, blocks in which a message has changed.
CREATE FUNCTION search_again(p_indexed bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  stale bigint;
BEGIN
  FOR stale IN
    WITH taken AS (
      DELETE FROM search_stale s WHERE s.block IN (SELECT x.block FROM search_stale x ORDER BY x.block LIMIT 64)
        RETURNING s.block)
    SELECT t.block << 6 FROM taken t WHERE t.block << 6 <= p_indexed
  LOOP
    PERFORM search_fill(stale - 1, least(stale | 63, p_indexed), stale | 63);
  END LOOP;
END $$;

-- Makes blocks of the messages above position p_low, up to p_high at most, in the place of those that
-- are there up to p_old. Yields how far it came.
CREATE FUNCTION search_fill(p_low bigint, p_high bigint, p_old bigint DEFAULT 0) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  -- A block lies in one bucket.
  high bigint := least(p_high, ((p_low + 1) >> 16 << 16) + 65535);
BEGIN
  -- Long messages go in smaller batches: what is too slow for one statement would never get done.
  high := least(high, (SELECT min(g.position) FROM (
    SELECT m.position, sum(octet_length(m.body)) OVER (ORDER BY m.position) AS size
      FROM messages m WHERE m.position > p_low AND m.position <= high) g WHERE g.size > 1000000));
  -- The rest of a block of which this is the beginning goes, too: none holds what another one does.
  DELETE FROM search_blocks b WHERE b.position > p_low AND b.position <= least(high | 63, p_old);
  INSERT INTO search_blocks (position, conversations, first_seqs, last_seqs, words)
    SELECT b.position, b.conversations, b.first_seqs, b.last_seqs,
           search_keys(search_bucket(high), b.text, b.numbers, b.hashes)
      FROM (SELECT max(g.position) AS position, array_agg(g.conversation_id) AS conversations,
                   array_agg(g.first_seq) AS first_seqs, array_agg(g.last_seq) AS last_seqs,
                   string_agg(g.text, ' ') AS text,
                   string_agg(array_to_string(c.member_numbers, ' '), ' ') AS numbers,
                   string_agg(search_conversation(c.id), ' ') AS hashes
              FROM (SELECT m.position >> 6 AS block, m.conversation_id,
                           max(m.position) AS position, min(m.seq) AS first_seq,
                           max(m.seq) AS last_seq, string_agg(m.body, ' ') AS text
                      FROM messages m WHERE m.position > p_low AND m.position <= high
                      GROUP BY 1, 2) g
              JOIN conversations c ON c.id = g.conversation_id
              GROUP BY g.block) b
      WHERE b.text <> '';
  RETURN high;
EXCEPTION WHEN program_limit_exceeded THEN -- too many different words for one block
  -- One message with more words than a block holds is left out: what comes after it matters more.
  RETURN CASE WHEN high - p_low > 1 THEN search_fill(p_low, p_low + (high - p_low) / 4 + 1, p_old)
              ELSE high END;
END $$;

-- The keys of a block of p_text.
CREATE FUNCTION search_keys(p_bucket text, p_text text, p_numbers text, p_hashes text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  -- A key is at most 2 KB.
  words text := regexp_replace(text_grams(text_words(p_text)), '(\S{64})\S+', '\1', 'g');
BEGIN
  -- What a tsvector holds is 1 MB; array_to_tsvector does not look. The same word counts once there.
  IF octet_length(words) > 200000 THEN
    words := (SELECT string_agg(DISTINCT word, ' ') FROM string_to_table(words, ' ') word);
  END IF;
  words := concat(p_bucket, '.', replace(words, ' ', concat(' ', p_bucket, '.')));
  IF octet_length(words) > 1000000 THEN
    RAISE program_limit_exceeded;
  END IF;
  RETURN array_to_tsvector(string_to_array(words, ' ')
    || string_to_array(concat(p_bucket, '@', replace(p_numbers, ' ', concat(' ', p_bucket, '@'))), ' ')
    || string_to_array(concat(p_bucket, '#', replace(p_hashes, ' ', concat(' ', p_bucket, '#'))), ' '));
END $$;

-- Makes anew what another folding than today's has left: the words of the next users, then the blocks
-- of the next p_limit positions. The old ones serve searches meanwhile, for texts judge what is found.
-- Yields how many positions of how many are left, at least 1 while there is something to do; no row:
-- somebody else is at it.
CREATE FUNCTION search_renew(p_limit int) RETURNS TABLE (left_ bigint, all_ bigint)
LANGUAGE plpgsql AS $$
DECLARE
  s search_state;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT * INTO s FROM search_state FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF s.folding <> text_folding() THEN
    s.folding := text_folding();
    s.user_done := '00000000-0000-0000-0000-000000000000';
    s.block_done := 0;
    s.block_end := s.position;
  ELSIF s.user_done IS NOT NULL THEN
    s.user_done := user_words_renew(s.user_done, p_limit / 16 + 1);
  ELSIF s.block_done < s.block_end THEN
    s.block_done := search_fill(s.block_done, least(((s.block_done + p_limit + 1) >> 6 << 6) - 1, s.block_end),
                                s.block_end);
    PERFORM gin_clean_pending_list('search_words');
  ELSE
    RETURN QUERY VALUES (0::bigint, s.block_end);
    RETURN;
  END IF;
  UPDATE search_state SET folding = s.folding, user_done = s.user_done, block_done = s.block_done,
    block_end = s.block_end;
  RETURN QUERY VALUES (greatest(s.block_end - s.block_done, (s.user_done IS NOT NULL)::int), s.block_end);
END $$;

-- Adds the new pages of messages to the index on position, which finds what to put into blocks. Not
-- while the table is vacuumed: to wait for that would make autovacuum give way.
CREATE FUNCTION search_summarize() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  LOCK TABLE messages IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;
  PERFORM brin_summarize_new_values('messages_position');
EXCEPTION WHEN lock_not_available THEN
  NULL;
END $$;

-- A beginning as a part of a tsquery: all words that begin with it.
CREATE FUNCTION search_term(p_word text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT '''' || replace(replace(p_word, '\', '\\'), '''', '''''') || ''':*'
$$;

-- Messages of p_user's conversations (of p_conversation only, unless NULL) that hold all words of
-- p_query, below position p_before (NULL: from the newest), newest first. The first row has no message, but
-- more and next. No row: no such conversation for this user. Looks at 256 buckets at most; when they did not fill the
-- page, has_more is true all the same, and next goes on where it stopped.
CREATE FUNCTION message_search(p_user uuid, p_conversation uuid, p_query text, p_limit int,
                               p_before bigint)
RETURNS TABLE (message message_view, more boolean, next text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  terms text[] := text_terms(p_query);
  beginnings text[] := text_beginnings(p_query);
  me bigint;
  indexed bigint;
  oldest bigint;
  below bigint := coalesce(p_before, 9223372036854775807);
  bucket bigint;
  looked int := 0;
  keys text;
  block record;
  found messages[] := '{}';
  more messages[];
BEGIN
  IF p_conversation IS NULL THEN
    oldest := 0; -- until it is worth a look at each conversation
  ELSE
    SELECT c.position INTO oldest FROM members o JOIN conversations c ON c.id = o.conversation_id
      WHERE o.user_id = p_user AND o.conversation_id = p_conversation AND o.state = 'joined';
  END IF;
  IF oldest IS NULL THEN
    RETURN;
  END IF;
  IF cardinality(terms) = 0 THEN
    RETURN QUERY SELECT NULL::message_view, false, NULL::text;
    RETURN;
  END IF;
  SELECT u.number INTO me FROM users u WHERE u.id = p_user;
  SELECT s.position, least(below, h.position + 1) INTO indexed, below FROM search_state s, log_head h;

  IF below > indexed + 1 THEN
    found := search_tail(p_user, p_conversation, terms, p_limit + 1, indexed, below);
    below := indexed + 1;
  END IF;
  bucket := (below - 1) >> 16;
  WHILE cardinality(found) <= p_limit AND bucket >= oldest >> 16 AND looked < 256 LOOP
    keys := (SELECT string_agg(search_term(search_bucket(bucket << 16) || '.' || b), ' & ')
               FROM unnest(beginnings) b) || ' & '
      || quote_literal(search_bucket(bucket << 16)
           || coalesce('#' || search_conversation(p_conversation), '@' || me));
    -- Blocks do not overlap: the page is complete as soon as it is full.
    FOR block IN
      WITH hit AS MATERIALIZED (
        SELECT b.position, b.conversations, b.first_seqs, b.last_seqs FROM search_blocks b
          WHERE b.words @@ keys::tsquery)
      SELECT h.* FROM hit h ORDER BY h.position DESC
    LOOP
      EXIT WHEN cardinality(found) > p_limit;
      more := ARRAY(
        SELECT t.m FROM unnest(block.conversations, block.first_seqs, block.last_seqs)
            AS said (conversation_id, first_seq, last_seq)
          JOIN member_row(said.conversation_id, p_user) o ON o.state = 'joined'
          CROSS JOIN LATERAL (
            SELECT x AS m FROM messages x
              WHERE x.conversation_id = o.conversation_id
                AND x.seq BETWEEN greatest(said.first_seq, o.cleared_seq + 1) AND said.last_seq
                AND x.position < below AND search_matches(x.body, terms)
                AND NOT (o.hides AND hidden_is(p_user, x.conversation_id, x.seq)) OFFSET 0) t
          WHERE o.request IS DISTINCT FROM 'declined'
            AND (p_conversation IS NULL OR said.conversation_id = p_conversation)
          ORDER BY (t.m).position DESC LIMIT p_limit + 1);
      found := found || more;
    END LOOP;
    bucket := bucket - 1;
    looked := looked + 1;
    IF looked = 4 AND p_conversation IS NULL THEN
      oldest := (SELECT min(c.position) FROM members o JOIN conversations c ON c.id = o.conversation_id
                   WHERE o.user_id = p_user AND o.state = 'joined');
    END IF;
  END LOOP;
  RETURN QUERY SELECT * FROM search_page(p_user, found, p_limit,
    CASE WHEN bucket >= oldest >> 16 AND cardinality(found) <= p_limit THEN (bucket + 1) << 16 END);
END $$;

-- What is not in blocks yet: of one conversation at most the newest 2000 messages, of all at most
-- what the newest 20000 positions hold. The index is further behind only under a heavy load; what lies
-- between is then found as soon as it is there.
CREATE FUNCTION search_tail(p_user uuid, p_conversation uuid, p_terms text[], p_limit int,
                            p_above bigint, p_below bigint) RETURNS messages[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  above bigint := CASE WHEN p_conversation IS NOT NULL THEN p_above
    ELSE greatest(p_above, (SELECT h.position FROM log_head h) - 20000) END;
BEGIN
  RETURN ARRAY(
    SELECT t.m FROM (
        SELECT x.* FROM members x WHERE x.user_id = p_user AND p_conversation IS NULL
        UNION ALL
        SELECT x.* FROM member_row(p_conversation, p_user) x) o
      CROSS JOIN LATERAL (
        SELECT m.position, m.seq FROM messages m
          WHERE m.conversation_id = o.conversation_id ORDER BY m.seq DESC LIMIT 1) last
      CROSS JOIN LATERAL (
        SELECT y AS m FROM messages y
          WHERE y.conversation_id = o.conversation_id
            -- No more of its messages came after that position than positions did.
            AND y.seq > greatest(o.cleared_seq, last.seq - least(2000, last.position - above))
            AND y.position > above AND y.position < p_below
            AND search_matches(y.body, p_terms) AND NOT (o.hides AND hidden_is(p_user, y.conversation_id, y.seq))
          ORDER BY y.seq DESC LIMIT p_limit) t
      WHERE o.state = 'joined' AND o.request IS DISTINCT FROM 'declined'
        AND last.position > above
      ORDER BY (t.m).position DESC LIMIT p_limit);
END $$;

-- The page: the newest p_limit of p_found, fewer when their texts are long, as in conversation_list().
-- p_stopped: the position at which the search stopped although there is more to look at; NULL: it did not.
CREATE FUNCTION search_page(p_user uuid, p_found messages[], p_limit int, p_stopped bigint)
RETURNS TABLE (message message_view, more boolean, next text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  fitting messages[];
  all_fit boolean;
BEGIN
  SELECT array_agg(f.m ORDER BY f.k) FILTER (WHERE f.fits), coalesce(bool_and(f.fits), true)
    INTO fitting, all_fit
    FROM (SELECT o.m, o.k, o.k <= p_limit AND (o.k = 1 OR o.total <= 4000000) AS fits
            FROM (SELECT x AS m, row_number() OVER w AS k, sum(octet_length(x.body)) OVER w AS total
                    FROM unnest(p_found) x
                    WINDOW w AS (ORDER BY x.position DESC ROWS UNBOUNDED PRECEDING)) o) f;
  RETURN QUERY
    SELECT NULL::message_view, p_stopped IS NOT NULL OR NOT all_fit,
           CASE WHEN all_fit THEN p_stopped ELSE (fitting[cardinality(fitting)]).position END::text;
  RETURN QUERY
    SELECT message_seen(p_user, f.m, c), NULL::boolean, NULL::text
      FROM (SELECT fitting[i] AS m, i FROM generate_subscripts(fitting, 1) i OFFSET 0) f
      JOIN conversations c ON c.id = (f.m).conversation_id ORDER BY f.i;
END $$;
