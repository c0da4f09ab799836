-- SPDX-License-Identifier: GPL-3.0-or-later
-- Search in messages. A word is what stands between spaces, punctuation and symbols, in lower case; a word
-- of a query stands for all that begin with it.
--
-- Keys of a block: BUCKET.word for each word, BUCKET@number for each member, BUCKET#hash for each
-- conversation.

CREATE FUNCTION search_bucket(p_position bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT to_hex(p_position >> 16)
$$;

CREATE FUNCTION search_conversation(p_conversation uuid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT left(p_conversation::text, 8)
$$;

-- The words of a text, separated by spaces: one or several, and at the ends, too. Inlined where it is
-- used; half the price of to_tsvector, which parses what nobody asks for, in a time that for some texts
-- ("a_a_a…") grows with the square of their length.
CREATE FUNCTION search_text(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT regexp_replace(lower(p_text),
    '[\x01-\x1f!-/:-@\[-`{-\x7f\u00a0-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u2000-\u206f\u3000-\u303f]+',
    ' ', 'g')
$$;

-- The words of a query, each at most 64 characters, sorted.
CREATE FUNCTION search_words_of(p_text text) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_agg(DISTINCT left(word, 64)), '{}')
    FROM unnest(string_to_array(search_text(p_text), ' ')) word WHERE word <> ''
$$;

-- Whether a text has words that begin with each of p_words.
CREATE FUNCTION search_matches(p_text text, p_words text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  word text;
  spaced text;
BEGIN
  IF strpos(lower(p_text), p_words[1]) = 0 THEN
    RETURN false;
  END IF;
  spaced := ' ' || search_text(p_text);
  FOREACH word IN ARRAY p_words LOOP
    IF strpos(spaced, ' ' || word) = 0 THEN
      RETURN false;
    END IF;
  END LOOP;
  RETURN true;
END $$;

-- Puts the messages of the next p_limit positions into blocks of 64 positions; with p_whole it
-- leaves the last ones until they fill a block. Yields how far the log is ahead afterwards; NULL:
-- somebody else is at it.
CREATE FUNCTION search_index(p_limit int, p_whole boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  head bigint;
  low bigint;
  high bigint;
  bucket text;
BEGIN
  -- Lost blocks are made again: they and the state are lost together.
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT s.position INTO low FROM search_state s FOR UPDATE SKIP LOCKED;
  IF low IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT h.position INTO head FROM log_head h;
  -- A block lies in one bucket.
  high := least(head, low + p_limit, ((low + 1) >> 16 << 16) + 65535);
  IF p_whole THEN
    high := ((high + 1) >> 6 << 6) - 1;
  END IF;
  IF high <= low THEN
    RETURN head - low;
  END IF;
  -- Long messages go in smaller batches: what is too slow for one statement would never get done.
  high := least(high, (SELECT min(g.position) FROM (
    SELECT m.position, sum(octet_length(m.body)) OVER (ORDER BY m.position) AS size
      FROM messages m WHERE m.position > low AND m.position <= high) g WHERE g.size > 1000000));
  bucket := search_bucket(high);
  BEGIN
    INSERT INTO search_blocks (position, conversations, first_seqs, last_seqs, words)
      SELECT b.position, b.conversations, b.first_seqs, b.last_seqs,
             search_keys(bucket, b.text, b.numbers, b.hashes)
        FROM (SELECT max(g.position) AS position, array_agg(g.conversation_id) AS conversations,
                     array_agg(g.first_seq) AS first_seqs, array_agg(g.last_seq) AS last_seqs,
                     string_agg(g.text, ' ') AS text,
                     string_agg(concat(c.number_a, ' ', c.number_b), ' ') AS numbers,
                     string_agg(search_conversation(c.id), ' ') AS hashes
                FROM (SELECT m.position >> 6 AS block, m.conversation_id,
                             max(m.position) AS position, min(m.seq) AS first_seq,
                             max(m.seq) AS last_seq, string_agg(m.body, ' ') AS text
                        FROM messages m WHERE m.position > low AND m.position <= high
                        GROUP BY 1, 2) g
                JOIN conversations c ON c.id = g.conversation_id
                GROUP BY g.block) b
        WHERE b.text <> '';
  EXCEPTION WHEN program_limit_exceeded THEN -- too many different words for one block
    IF high - low > 1 THEN
      RETURN search_index(((high - low) / 4 + 1)::int);
    END IF;
    -- One message with more words than a block holds: what comes after it matters more.
  END;
  UPDATE search_state SET position = high;
  PERFORM gin_clean_pending_list('search_words');
  PERFORM search_summarize();
  RETURN head - high;
END $$;

-- The keys of a block of p_text.
CREATE FUNCTION search_keys(p_bucket text, p_text text, p_numbers text, p_hashes text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  -- A key is at most 2 KB.
  words text := regexp_replace(search_text(p_text), '(\S{64})\S+', '\1', 'g');
  keys text := concat(p_bucket, '.', replace(words, ' ', concat(' ', p_bucket, '.')));
BEGIN
  IF octet_length(keys) > 1000000 THEN -- what a tsvector holds; array_to_tsvector does not look
    RAISE program_limit_exceeded;
  END IF;
  RETURN array_to_tsvector(string_to_array(keys, ' ')
    || string_to_array(concat(p_bucket, '@', replace(p_numbers, ' ', concat(' ', p_bucket, '@'))), ' ')
    || string_to_array(concat(p_bucket, '#', replace(p_hashes, ' ', concat(' ', p_bucket, '#'))), ' '));
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

-- A word of a query as a part of a tsquery: all that begin with it.
CREATE FUNCTION search_term(p_word text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT '''' || replace(replace(p_word, '\', '\\'), '''', '''''') || ''':*'
$$;

-- Messages of p_user's conversations (of p_conversation only, unless NULL) that hold all words of
-- p_query, below position p_before (NULL: from the newest), newest first: { items, has_more, next }.
-- NULL: no such conversation for this user. Looks at 256 buckets at most; when they did not fill the
-- page, has_more is true all the same, and next goes on where it stopped.
CREATE FUNCTION message_search(p_user uuid, p_conversation uuid, p_query text, p_limit int,
                               p_before bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  terms text[] := search_words_of(p_query);
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
      WHERE o.user_id = p_user AND o.conversation_id = p_conversation;
  END IF;
  IF oldest IS NULL THEN
    RETURN NULL;
  END IF;
  IF cardinality(terms) = 0 THEN
    RETURN '{"items":[],"has_more":false,"next":null}';
  END IF;
  SELECT u.number INTO me FROM users u WHERE u.id = p_user;
  SELECT s.position, least(below, h.position + 1) INTO indexed, below FROM search_state s, log_head h;

  IF below > indexed + 1 THEN
    found := search_tail(p_user, p_conversation, terms, p_limit + 1, indexed, below);
    below := indexed + 1;
  END IF;
  bucket := (below - 1) >> 16;
  WHILE cardinality(found) <= p_limit AND bucket >= oldest >> 16 AND looked < 256 LOOP
    keys := (SELECT string_agg(search_term(search_bucket(bucket << 16) || '.' || t), ' & ')
               FROM unnest(terms) t) || ' & '
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
          JOIN members o ON o.conversation_id = said.conversation_id AND o.user_id = p_user
          CROSS JOIN LATERAL (
            SELECT x AS m FROM messages x
              WHERE x.conversation_id = o.conversation_id
                AND x.seq BETWEEN greatest(said.first_seq, o.cleared_seq + 1) AND said.last_seq
                AND x.position < below AND search_matches(x.body, terms) OFFSET 0) t
          WHERE o.request IS DISTINCT FROM 'declined'
            AND (p_conversation IS NULL OR said.conversation_id = p_conversation)
          ORDER BY (t.m).position DESC LIMIT p_limit + 1);
      found := found || more;
    END LOOP;
    bucket := bucket - 1;
    looked := looked + 1;
    IF looked = 4 AND p_conversation IS NULL THEN
      oldest := (SELECT min(c.position) FROM members o JOIN conversations c ON c.id = o.conversation_id
                   WHERE o.user_id = p_user);
    END IF;
  END LOOP;
  RETURN search_page(p_user, found, p_limit,
    CASE WHEN bucket >= oldest >> 16 AND cardinality(found) <= p_limit THEN (bucket + 1) << 16 END);
END $$;

-- What is not in blocks yet: of one conversation at most the newest 2000 messages, of all at most
-- what the newest 20000 positions hold. The index is further behind only under a heavy load; what lies
-- between is then found as soon as it is there.
CREATE FUNCTION search_tail(p_user uuid, p_conversation uuid, p_words text[], p_limit int,
                            p_above bigint, p_below bigint) RETURNS messages[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  above bigint := CASE WHEN p_conversation IS NOT NULL THEN p_above
    ELSE greatest(p_above, (SELECT h.position FROM log_head h) - 20000) END;
BEGIN
  RETURN ARRAY(
    SELECT t.m FROM members o
      CROSS JOIN LATERAL (
        SELECT m.position, m.seq FROM messages m
          WHERE m.conversation_id = o.conversation_id ORDER BY m.seq DESC LIMIT 1) last
      CROSS JOIN LATERAL (
        SELECT y AS m FROM messages y
          WHERE y.conversation_id = o.conversation_id
            -- No more of its messages came after that position than positions did.
            AND y.seq > greatest(o.cleared_seq, last.seq - least(2000, last.position - above))
            AND y.position > above AND y.position < p_below
            AND search_matches(y.body, p_words)
          ORDER BY y.seq DESC LIMIT p_limit) t
      WHERE o.user_id = p_user AND o.request IS DISTINCT FROM 'declined'
        AND (p_conversation IS NULL OR o.conversation_id = p_conversation)
        AND last.position > above
      ORDER BY (t.m).position DESC LIMIT p_limit);
END $$;

-- The page: the newest p_limit of p_found, fewer when their texts are long, as in conversation_list().
-- p_stopped: the position at which the search stopped although there is more to look at; NULL: it did not.
CREATE FUNCTION search_page(p_user uuid, p_found messages[], p_limit int, p_stopped bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT json_build_object(
        'items', coalesce(json_agg(message_object(p_user, f.m, c) ORDER BY (f.m).position DESC)
                            FILTER (WHERE f.fits), '[]'),
        'has_more', p_stopped IS NOT NULL OR NOT coalesce(bool_and(f.fits), true),
        'next', CASE WHEN coalesce(bool_and(f.fits), true) THEN p_stopped
                     ELSE min((f.m).position) FILTER (WHERE f.fits) END::text)::text
      FROM (SELECT o.m, o.k <= p_limit AND (o.k = 1 OR o.total <= 4000000) AS fits
              FROM (SELECT x AS m, row_number() OVER w AS k, sum(octet_length(x.body)) OVER w AS total
                      FROM unnest(p_found) x
                      WINDOW w AS (ORDER BY x.position DESC ROWS UNBOUNDED PRECEDING)) o) f
      LEFT JOIN conversations c ON c.id = (f.m).conversation_id);
END $$;
