-- SPDX-License-Identifier: GPL-3.0-or-later
-- Drafts: one of each member in each conversation, shown to nobody else.

-- { conversation_id, draft } as things stand; NULL: p_user is no member.
CREATE FUNCTION draft_json(p_user uuid, p_conversation uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT jsonb_build_object('conversation_id', m.conversation_id, 'draft', m.draft) FROM members m
            WHERE m.conversation_id = p_conversation AND m.user_id = p_user AND m.state = 'joined');
END $$;

-- Makes p_draft (NULL: none) the draft, unless a newer one is known: the last writer wins by the time that it
-- says it wrote at, which is not later than now.
CREATE FUNCTION draft_put(p_user uuid, p_arguments jsonb, p_draft jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  mine members;
  now_ timestamptz := date_trunc('milliseconds', clock_timestamp());
  written timestamptz := least(coalesce((p_arguments->>'updated_at')::timestamptz, now_), now_);
BEGIN
  SELECT * INTO mine FROM members m WHERE m.conversation_id = (p_arguments->>'conversation_id')::uuid
    AND m.user_id = p_user AND m.state = 'joined';
  IF mine.user_id IS NULL THEN
    outcome := 2;
    RETURN;
  ELSIF p_draft->>'reply_to' IS NOT NULL AND NOT EXISTS (
      SELECT FROM messages m WHERE m.id = (p_draft->>'reply_to')::uuid
        AND m.conversation_id IS NOT DISTINCT FROM mine.conversation_id AND m.seq > mine.cleared_seq) THEN
    outcome := 6;
    result := '{"pointer": "/reply_to", "detail": "is no message of this conversation"}';
    RETURN;
  END IF;
  outcome := CASE WHEN written < mine.draft_at OR p_draft - 'updated_at' IS NOT DISTINCT FROM mine.draft - 'updated_at'
                  THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    UPDATE members m SET draft = p_draft || jsonb_build_object('updated_at', api_time(written)), draft_at = written
      WHERE m.conversation_id = mine.conversation_id AND m.user_id = p_user;
    PERFORM event_add('draft.updated', 'user', mine.conversation_id, p_user);
  END IF;
  result := draft_json(p_user, mine.conversation_id);
END $$;

-- Arguments: conversation_id, content, reply_to and updated_at if they are given. The result: draft_json().
CREATE FUNCTION change_draft_save(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE sql AS $$
  SELECT * FROM draft_put(p_user, p_arguments, jsonb_build_object('content', p_arguments->'content',
                                                                  'reply_to', p_arguments->'reply_to'))
$$;

CREATE FUNCTION change_draft_remove(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE sql AS $$
  SELECT * FROM draft_put(p_user, p_arguments, NULL)
$$;
