-- SPDX-License-Identifier: GPL-3.0-or-later
-- Users who delete their own account. It goes after a while (trestle.account_grace, in days), in which they may come back;
-- then it goes as user_delete.sql has it, or, if there is a legal hold, when that has ended.

-- { user_id, jid, kind, created_at, delete_at, held: a legal hold puts that off }.
CREATE FUNCTION account_json(u users) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('user_id', u.id, 'jid', u.jid, 'kind', u.kind, 'created_at', api_time(u.created_at),
                            'delete_at', api_time(u.leaves_at), 'held', u.leaves_at IS NOT NULL AND user_held(u.id))
$$;

CREATE FUNCTION account_get(p_user uuid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT account_json(u)::text FROM users u WHERE u.id = p_user
$$;

CREATE FUNCTION account_grace() RETURNS interval
LANGUAGE sql STABLE AS $$
  SELECT make_interval(days => coalesce(nullif(current_setting('trestle.account_grace', true), '')::int, 30))
$$;

-- The account of p_user is to go: confirm, its address. It is signed out everywhere.
CREATE FUNCTION change_account_leave(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  u users;
BEGIN
  SELECT * INTO u FROM users x WHERE x.id = p_user AND x.kind = 'hosted' AND x.deleted_at IS NULL FOR NO KEY UPDATE;
  outcome := CASE WHEN u.id IS NULL THEN 2 WHEN lower(p_arguments->>'confirm') <> u.jid THEN 6
                  WHEN u.leaves_at IS NOT NULL THEN 1 ELSE 0 END;
  IF outcome = 6 THEN
    result := '{"pointer": "/confirm", "detail": "is not your address"}';
  ELSIF outcome <= 1 THEN
    IF outcome = 0 THEN
      UPDATE users x SET leaves_at = clock_timestamp() + account_grace() WHERE x.id = u.id RETURNING * INTO u;
      PERFORM job_add('account.delete', u.id::text, u.leaves_at);
      PERFORM event_add('account.updated', 'user', NULL, u.id);
    END IF;
    PERFORM session_close_all(u.id);
    result := account_json(u);
  END IF;
END $$;

-- p_user has come back.
CREATE FUNCTION change_account_restore(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  u users;
BEGIN
  UPDATE users x SET leaves_at = NULL WHERE x.id = p_user AND x.leaves_at IS NOT NULL AND x.deleted_at IS NULL RETURNING * INTO u;
  outcome := CASE WHEN FOUND THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    DELETE FROM jobs j WHERE j.kind = 'account.delete' AND j.key = u.id::text;
    PERFORM event_add('account.updated', 'user', NULL, u.id);
  ELSE
    SELECT * INTO u FROM users x WHERE x.id = p_user;
  END IF;
  result := account_json(u);
END $$;

-- The time of user_id has come: { deleted }. While there is a legal hold nothing is done; its end asks again.
CREATE FUNCTION change_account_end(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  u users;
BEGIN
  SELECT * INTO u FROM users x WHERE x.id = (p_arguments->>'user_id')::uuid AND x.leaves_at <= clock_timestamp()
    AND x.deleted_at IS NULL FOR NO KEY UPDATE;
  outcome := CASE WHEN u.id IS NULL OR user_held(u.id) THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    PERFORM user_delete(u.id);
  END IF;
  result := jsonb_build_object('deleted', outcome = 0);
END $$;
