-- SPDX-License-Identifier: GPL-3.0-or-later
-- Mentions: details.mentions is [{ user_id, start, end }], code points of the text, half open; user_id is all for
-- everybody.

-- What a message may carry of them; see content_accept().
CREATE FUNCTION mention_accept(c conversations, o members, p_details jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  one jsonb;
  n int := 0;
BEGIN
  FOR one IN SELECT x FROM jsonb_array_elements(p_details->'mentions') x LOOP
    IF one->>'user_id' = 'all' AND (c.kind = 'direct' OR o.role NOT IN ('owner', 'admin')) THEN
      RETURN content_refused('/mentions/' || n, 'everybody is mentioned by owners and admins of groups only', 5);
    ELSIF one->>'user_id' <> 'all' AND NOT EXISTS (
        SELECT FROM members m WHERE m.conversation_id = c.id AND m.user_id = (one->>'user_id')::uuid
          AND m.state IN ('joined', 'invited')) THEN
      RETURN content_refused('/mentions/' || n, 'is no member of the conversation');
    END IF;
    n := n + 1;
  END LOOP;
  RETURN p_details;
END $$;

-- Who is mentioned, other than p_sender, of the members who are here.
CREATE FUNCTION mention_users(c conversations, p_sender uuid, p_mentions jsonb) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(
    SELECT m.user_id FROM members m
      WHERE m.conversation_id = c.id AND m.state = 'joined' AND m.kind = 'hosted' AND m.user_id <> p_sender
        AND (p_mentions @> '[{"user_id": "all"}]'
             OR p_mentions @> jsonb_build_array(jsonb_build_object('user_id', m.user_id))));
END $$;

-- A message with mentions is stored.
CREATE FUNCTION mention_note(c conversations, p_sender uuid, p_seq bigint, p_mentions jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF c.kind <> 'direct' THEN
    INSERT INTO mentioned (user_id, conversation_id, seq)
      SELECT u, c.id, p_seq FROM unnest(mention_users(c, p_sender, p_mentions)) u
      ON CONFLICT DO NOTHING;
  END IF;
END $$;

-- How many messages that the member has not read mention him or her, at most 100.
CREATE FUNCTION mention_unread(mine members) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT count(*) FROM (SELECT FROM mentioned x WHERE x.user_id = mine.user_id
            AND x.conversation_id = mine.conversation_id AND x.seq > greatest(mine.read_seq, mine.cleared_seq)
            LIMIT 100) few);
END $$;

-- ---- XMPP -----------------------------------------------------------------------------------------------

-- As the stanza of a message has them: [{ start, end, jid, or occupant (an id) and address (room/nick), or all }].
CREATE FUNCTION mention_wire(m messages, c conversations) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('start', x.one->'start', 'end', x.one->'end',
             'all', CASE WHEN x.one->>'user_id' = 'all' THEN true END,
             'jid', CASE WHEN c.kind = 'direct' OR NOT c.public THEN u.jid END,
             'occupant', k.occupant, 'address', coalesce(c.room, split_part(c.remote_jid, '@', 1)) || '/' || k.nick)) ORDER BY x.n)
      FROM jsonb_array_elements(m.details->'mentions') WITH ORDINALITY x (one, n)
      LEFT JOIN users u ON x.one->>'user_id' <> 'all' AND u.id = nullif(x.one->>'user_id', 'all')::uuid
      LEFT JOIN nicks k ON c.kind <> 'direct' AND k.conversation_id = c.id AND k.user_id = u.id);
END $$;

-- The members whose nick (of two: name) stands in p_text by itself, with where it does.
CREATE FUNCTION mention_nicks(c conversations, p_text text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  word CONSTANT text := '[[:alnum:]_]';
  said CONSTANT text := lower(p_text); -- once: the text may be long, and the members many
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('user_id', x.user_id, 'start', x.at - 1, 'end', x.at - 1 + length(x.nick))
                              ORDER BY x.at), '[]')
      FROM (SELECT k.user_id, k.nick, strpos(said, lower(k.nick)) AS at
              FROM nicks k WHERE k.conversation_id = c.id AND k.key IS NOT NULL AND length(k.nick) > 1) x
      WHERE x.at > 0 AND x.at - 1 + length(x.nick) <= length(p_text) AND substr(p_text, x.at - 1, CASE WHEN x.at > 1 THEN 1 ELSE 0 END) !~ word
        AND substr(p_text, x.at + length(x.nick), 1) !~ word);
END $$;

-- The mentions of a message that came by XMPP, whose body was p_mentions->'body' and whose text is p_text now:
-- { body, list: [{ start, end, and one of jid, occupant, nick, all }] }. Who is no member, and everybody unless
-- p_sender may say that, is left out; where somebody else wrote a nick, that counts where nothing was said. NULL: none.
CREATE FUNCTION mention_arrived(c conversations, p_sender uuid, p_mentions jsonb, p_text text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  body text := p_mentions->>'body';
  -- Where the text stands in the body, or the body in the text.
  shift int := CASE WHEN strpos(body, p_text) > 0 THEN 1 - strpos(body, p_text) ELSE greatest(strpos(p_text, body) - 1, 0) END;
  found_ jsonb;
  may_all boolean := c.kind <> 'direct' AND EXISTS (
    SELECT FROM members m WHERE m.conversation_id = c.id AND m.user_id = p_sender AND m.role IN ('owner', 'admin'));
BEGIN
  SELECT jsonb_agg(jsonb_build_object('user_id', CASE WHEN y.everybody THEN 'all' ELSE y.user_id::text END,
                                      'start', y.start_ + shift, 'end', least(y.end_ + shift, length(p_text))) ORDER BY y.n)
    INTO found_
    FROM (SELECT x.n, least((x.one->>'start')::bigint, 100000)::int AS start_, least((x.one->>'end')::bigint, 100000)::int AS end_,
                 x.one ? 'all' AS everybody, coalesce(
                   (SELECT m.user_id FROM members m WHERE m.conversation_id = c.id AND m.jid = x.one->>'jid'
                      AND m.state = 'joined'),
                   (SELECT k.user_id FROM nicks k WHERE k.conversation_id = c.id
                      AND (k.occupant = x.one->>'occupant' OR k.nick = x.one->>'nick') LIMIT 1)) AS user_id
            FROM jsonb_array_elements(p_mentions->'list') WITH ORDINALITY x (one, n)) y
    WHERE y.start_ + shift >= 0 AND y.start_ + shift < least(y.end_ + shift, length(p_text))
      AND CASE WHEN y.everybody THEN may_all ELSE y.user_id IS NOT NULL END;
  IF c.kind <> 'direct' THEN
    found_ := coalesce(found_, '[]') || coalesce((
      SELECT jsonb_agg(k) FROM jsonb_array_elements(mention_nicks(c, p_text)) k
        WHERE NOT coalesce(found_, '[]') @> jsonb_build_array(jsonb_build_object('user_id', k->'user_id'))), '[]');
  END IF;
  RETURN CASE WHEN jsonb_array_length(found_) > 0 THEN jsonb_path_query_array(found_, '$[0 to 49]') END;
END $$;
