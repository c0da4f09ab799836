-- SPDX-License-Identifier: GPL-3.0-or-later
-- Search in messages. Words are what PostgreSQL's `simple` configuration makes of a text without its
-- punctuation, and a word of a query stands for all that begin with it.
--
-- Keys of a block: BUCKET.word for each word, BUCKET@number for each hosted member, BUCKET#id for the
-- conversation.

CREATE FUNCTION search_bucket(p_position bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT to_hex(p_position >> 16)
$$;

-- A text's words. Punctuation is nothing but an end of words here: PostgreSQL's parser looks for paths,
-- hosts and the like in it, and takes a time that grows with the square of the length for some texts
-- ("a_a_a…"): one message of 64 KB would keep it busy for a minute.
CREATE FUNCTION search_vector(p_text text) RETURNS tsvector
LANGUAGE sql IMMUTABLE AS $$
  SELECT to_tsvector('simple', translate(p_text, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32)))
$$;

-- The words of a text, each at most 64 characters, sorted.
CREATE FUNCTION search_words_of(p_text text) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_agg(DISTINCT left(word, 64)), '{}')
    FROM unnest(tsvector_to_array(search_vector(p_text))) word
$$;

-- Puts the messages of the next p_limit positions into blocks. Yields how far the log is ahead
-- afterwards; NULL: somebody else is at it.
CREATE FUNCTION search_index(p_limit int) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  head bigint;
  low bigint;
  high bigint;
  bucket text;
BEGIN
  -- Lost blocks are made again: they and the state are lost together.
  PERFORM set_config('synchronous_commit', 'off', true);
  PERFORM brin_summarize_new_values('messages_position');
  SELECT s.position INTO low FROM search_state s FOR UPDATE SKIP LOCKED;
  IF low IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT h.position INTO head FROM log_head h;
  -- A block lies in one bucket.
  high := least(head, low + p_limit, ((low + 1) >> 16 << 16) + 65535);
  IF high <= low THEN
    RETURN 0;
  END IF;
  -- Long messages go in smaller batches: what is too slow for one statement would never get done.
  high := least(high, (SELECT min(g.position) FROM (
    SELECT m.position, sum(octet_length(m.body)) OVER (ORDER BY m.position) AS size
      FROM messages m WHERE m.position > low AND m.position <= high) g WHERE g.size > 1000000));
  bucket := search_bucket(high);
  BEGIN
    INSERT INTO search_blocks (position, conversation_id, first_seq, last_seq, words)
      SELECT g.position, g.conversation_id, g.first_seq, g.last_seq, array_to_tsvector(
               ARRAY(SELECT bucket || '.' || left(w, 64)
                       FROM unnest(tsvector_to_array(search_vector(g.text))) w)
               || ARRAY(SELECT bucket || '@' || u.number FROM members o
                          JOIN users u ON u.id = o.user_id AND u.kind = 'hosted'
                          WHERE o.conversation_id = g.conversation_id)
               || (bucket || '#' || g.conversation_id))
        FROM (SELECT max(m.position) AS position, m.conversation_id, min(m.seq) AS first_seq,
                     max(m.seq) AS last_seq, string_agg(m.body, ' ') AS text
                FROM messages m WHERE m.position > low AND m.position <= high
                GROUP BY m.conversation_id) g
        WHERE g.text <> '';
  EXCEPTION WHEN program_limit_exceeded THEN -- too many different words for one block
    IF high - low = 1 THEN
      RAISE;
    END IF;
    RETURN search_index(((high - low) / 4 + 1)::int);
  END;
  UPDATE search_state SET position = high;
  RETURN head - high;
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
  plain tsquery;
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
  plain := (SELECT string_agg(search_term(t), ' & ') FROM unnest(terms) t)::tsquery;
  SELECT u.number INTO me FROM users u WHERE u.id = p_user;
  SELECT s.position, least(below, h.position + 1) INTO indexed, below FROM search_state s, log_head h;

  IF below > indexed + 1 THEN
    found := search_tail(p_user, p_conversation, plain, terms[1], p_limit + 1, indexed, below);
    below := indexed + 1;
  END IF;
  bucket := (below - 1) >> 16;
  WHILE cardinality(found) <= p_limit AND bucket >= oldest >> 16 AND looked < 256 LOOP
    keys := (SELECT string_agg(search_term(search_bucket(bucket << 16) || '.' || t), ' & ')
               FROM unnest(terms) t) || ' & '
      || quote_literal(search_bucket(bucket << 16) || coalesce('#' || p_conversation, '@' || me));
    FOR block IN
      WITH hit AS MATERIALIZED (
        SELECT b.position, b.conversation_id, b.first_seq, b.last_seq FROM search_blocks b
          WHERE b.words @@ keys::tsquery)
      SELECT h.*, o.cleared_seq FROM hit h
        JOIN members o ON o.conversation_id = h.conversation_id AND o.user_id = p_user
        WHERE o.request IS DISTINCT FROM 'declined'
        ORDER BY h.position DESC
    LOOP
      -- Blocks of one batch overlap: the page is complete once no later block can add to it.
      EXIT WHEN cardinality(found) > p_limit AND block.position < (
        SELECT f.position FROM unnest(found) f ORDER BY f.position DESC OFFSET p_limit LIMIT 1);
      more := ARRAY(
        SELECT m FROM messages m
          WHERE m.conversation_id = block.conversation_id
            AND m.seq BETWEEN greatest(block.first_seq, block.cleared_seq + 1) AND block.last_seq
            AND m.position < below AND strpos(lower(m.body), terms[1]) > 0
            AND search_vector(m.body) @@ plain
          ORDER BY m.seq DESC LIMIT p_limit + 1);
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
CREATE FUNCTION search_tail(p_user uuid, p_conversation uuid, p_plain tsquery, p_word text,
                            p_limit int, p_above bigint, p_below bigint) RETURNS messages[]
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
            AND y.seq > greatest(o.cleared_seq, last.seq - 2000)
            AND y.position > above AND y.position < p_below
            AND strpos(lower(y.body), p_word) > 0 AND search_vector(y.body) @@ p_plain
          ORDER BY y.seq DESC LIMIT p_limit) t
      WHERE o.user_id = p_user AND o.request IS DISTINCT FROM 'declined'
        AND (p_conversation IS NULL OR o.conversation_id = p_conversation)
        AND last.position > above
      ORDER BY (t.m).position DESC LIMIT p_limit);
END $$;

-- The page: the newest p_limit of p_found. p_stopped: the position at which the search stopped
-- although there is more to look at; NULL: it did not.
CREATE FUNCTION search_page(p_user uuid, p_found messages[], p_limit int, p_stopped bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT json_build_object(
        'items', coalesce(json_agg(message_object(p_user, f.m, c) ORDER BY (f.m).position DESC)
                            FILTER (WHERE f.k <= p_limit), '[]'),
        'has_more', p_stopped IS NOT NULL OR count(*) > p_limit,
        'next', coalesce(min((f.m).position) FILTER (WHERE f.k = p_limit AND cardinality(p_found) > p_limit),
                         p_stopped)::text)::text
      FROM (SELECT x AS m, row_number() OVER (ORDER BY x.position DESC) AS k FROM unnest(p_found) x) f
      LEFT JOIN conversations c ON c.id = (f.m).conversation_id);
END $$;
