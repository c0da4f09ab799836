-- SPDX-License-Identifier: GPL-3.0-or-later
-- Legal holds: while there is one on a user, nothing of what they said, sent or were told is removed for good. Whatever
-- removes something for good asks user_held() or conversation_held() in the statement that does it. See decision 0092.

-- Whether there is a hold on that user.
CREATE FUNCTION user_held(p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM holds h WHERE h.user_id = p_user);
END $$;

-- Whether there is a hold on anybody who is or was a member there.
CREATE FUNCTION conversation_held(p_conversation uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM holds h JOIN members m ON m.user_id = h.user_id AND m.conversation_id = p_conversation);
END $$;

CREATE FUNCTION message_held(m messages) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN holds_any() AND (user_held(m.sender_id) OR conversation_held(m.conversation_id));
END $$;

CREATE FUNCTION call_held(p_call uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM holds h JOIN call_participants p ON p.user_id = h.user_id AND p.call_id = p_call);
END $$;

-- Whether a hold keeps the bytes of the file: on whose it is, or on somebody to whom a message brings it, or has.
CREATE FUNCTION hold_has_file(f files) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN user_held(f.user_id)
    OR EXISTS (SELECT FROM attachments a WHERE a.file_id = f.id AND conversation_held(a.conversation_id))
    OR EXISTS (SELECT FROM hold_files x WHERE x.file_id = f.id AND conversation_held(x.conversation_id));
END $$;

-- Whether there is a hold on anybody: without one, nothing else has to be asked.
CREATE FUNCTION holds_any() RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM holds);
END $$;

CREATE FUNCTION hold_json(h holds) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('user_id', h.user_id, 'jid', h.jid, 'name', u.name, 'reason', h.reason,
                            'placed_by', h.placed_by, 'placed_at', api_time(h.placed_at), 'deleted_at', api_time(u.deleted_at))
    FROM users u WHERE u.id = h.user_id
$$;

-- The hold on the user whom p_user names (user_named()). No row: there is none.
CREATE FUNCTION hold_show(p_user text) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT hold_json(h)::text FROM holds h WHERE h.user_id = (user_named(p_user)).id
$$;

-- Holds by address: { items, has_more, next }. p_after is `next` of an earlier page.
CREATE FUNCTION hold_list(p_limit int, p_after text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH page AS (
    SELECT h, h.jid, row_number() OVER (ORDER BY h.jid) AS k FROM holds h
      WHERE h.jid > coalesce(p_after, '') ORDER BY h.jid LIMIT p_limit + 1
  )
  SELECT json_build_object(
    'items', coalesce(json_agg(hold_json(h) ORDER BY k) FILTER (WHERE k <= p_limit), '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit THEN max(jid) FILTER (WHERE k = p_limit) END)::text
  FROM page
$$;

-- Places a hold on a user, at home wherever: user (a reference), reason, actor; or gives it another reason.
CREATE FUNCTION change_hold(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  u users := user_named(p_arguments->>'user');
  h holds;
BEGIN
  PERFORM FROM users x WHERE x.id = u.id FOR KEY SHARE; -- or it goes meanwhile, if it is at home elsewhere
  IF NOT FOUND THEN
    outcome := 2;
    RETURN;
  END IF;
  SELECT * INTO h FROM holds x WHERE x.user_id = u.id;
  outcome := CASE WHEN h.reason = p_arguments->>'reason' THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    INSERT INTO holds AS x (user_id, jid, reason, placed_by, placed_at)
      VALUES (u.id, u.jid, p_arguments->>'reason', coalesce(p_arguments->>'actor', ''), clock_timestamp())
      ON CONFLICT (user_id) DO UPDATE SET reason = excluded.reason
      RETURNING * INTO h;
  END IF;
  result := hold_json(h);
END $$;

-- Ends the hold on a user: user (a reference). What has waited for that is done. The result is the hold that there was.
CREATE FUNCTION change_hold_release(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  h holds;
BEGIN
  SELECT * INTO h FROM holds x WHERE x.user_id = (user_named(p_arguments->>'user')).id FOR UPDATE;
  outcome := CASE WHEN h.user_id IS NULL THEN 2 ELSE 0 END;
  IF outcome = 0 THEN
    result := hold_json(h);
    DELETE FROM holds x WHERE x.user_id = h.user_id;
    PERFORM job_add('account.delete', u.id::text, u.leaves_at) FROM users u
      WHERE u.id = h.user_id AND u.leaves_at IS NOT NULL AND u.deleted_at IS NULL;
    PERFORM job_add('user.erase', e.user_id::text, clock_timestamp()) FROM erasures e WHERE e.user_id = h.user_id AND e.state = 'running';
  END IF;
END $$;
