-- SPDX-License-Identifier: GPL-3.0-or-later
-- What was sent in a conversation, beside the texts: its files, and the links.

-- Files, or links, of the messages of a conversation that p_user sees, the newest first; p_kind: image, video, voice, file
-- or link; NULL: all files. The first row has more and next. p_before: next of an earlier page. No row: there is no such
-- conversation for p_user.
CREATE FUNCTION file_gallery(p_user uuid, p_conversation uuid, p_kind text, p_limit int, p_before text)
RETURNS TABLE (item gallery_view, more boolean, next text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  o members;
  from_seq bigint := coalesce(split_part(p_before, '.', 1)::bigint, 9223372036854775807);
  from_n int := coalesce(nullif(split_part(p_before, '.', 2), '')::int, 0);
  page gallery_item[];
BEGIN
  SELECT * INTO o FROM members x WHERE x.conversation_id = p_conversation AND x.user_id = p_user AND x.state = 'joined';
  IF o.user_id IS NULL THEN
    RETURN;
  END IF;
  page := CASE WHEN p_kind = 'link' THEN gallery_links(o, p_limit + 1, from_seq, from_n)
               ELSE gallery_files(o, p_kind, p_limit + 1, from_seq, from_n) END;
  RETURN QUERY SELECT NULL::gallery_view, cardinality(page) > p_limit,
                      CASE WHEN cardinality(page) > p_limit THEN page[p_limit].seq || '.' || page[p_limit].n END;
  RETURN QUERY SELECT ROW(p.message_id, p_conversation, p.seq,
                          (SELECT file_facts(f) FROM files f WHERE f.id = p.file_id), p.url)::gallery_view, NULL::boolean, NULL::text
    FROM unnest(page[:p_limit]) WITH ORDINALITY p (message_id, seq, n, file_id, url, k) ORDER BY p.k;
END $$;

-- At most p_limit files that o sees, before that place.
CREATE FUNCTION gallery_files(o members, p_kind text, p_limit int, p_seq bigint, p_n int) RETURNS gallery_item[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(SELECT ROW(a.message_id, a.seq, a.n, a.file_id, NULL)::gallery_item FROM attachments a
                 WHERE a.conversation_id = o.conversation_id AND (a.seq, a.n) < (p_seq, p_n) AND a.seq > o.cleared_seq
                   AND a.kind = coalesce(p_kind, a.kind) AND a.kind <> 'preview'
                   AND NOT (o.hides AND hidden_is(o.user_id, a.conversation_id, a.seq))
                 ORDER BY a.seq DESC, a.n DESC LIMIT p_limit);
END $$;

-- The same of links in texts. The index messages_links has the condition that a text has one.
CREATE FUNCTION gallery_links(o members, p_limit int, p_seq bigint, p_n int) RETURNS gallery_item[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(
    SELECT ROW(m.id, m.seq, l.n, NULL, l.url)::gallery_item
      FROM (SELECT x.id, x.seq, x.body FROM messages x
              WHERE x.conversation_id = o.conversation_id AND x.seq <= p_seq AND x.seq > o.cleared_seq
                AND strpos(x.body, '://') > 0 AND x.body ~* 'https?://[^\s<>"]'
                AND NOT (o.hides AND hidden_is(o.user_id, x.conversation_id, x.seq))
              ORDER BY x.seq DESC LIMIT p_limit + 1) m -- of the first one all may have been shown
      CROSS JOIN LATERAL text_links(m.body) l
      WHERE (m.seq, l.n) < (p_seq, p_n)
      ORDER BY m.seq DESC, l.n DESC LIMIT p_limit);
END $$;

-- The links in a text, in their order, each once; at most 20. What ends a sentence is no part of one, nor is the end of a
-- parenthesis that begins outside.
CREATE FUNCTION text_links(p_body text) RETURNS TABLE (n int, url text)
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT row_number() OVER (ORDER BY min(x.n))::int, x.url
      FROM (SELECT l.n, rtrim(l.found[1], CASE WHEN l.found[1] LIKE '%(%' THEN '.,:;!?''' ELSE ').,:;!?''' END) AS url
              FROM regexp_matches(p_body, 'https?://[^\s<>"]+', 'gi') WITH ORDINALITY l (found, n)) x
      GROUP BY x.url ORDER BY min(x.n) LIMIT 20;
END $$;
