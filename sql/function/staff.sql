-- SPDX-License-Identifier: GPL-3.0-or-later
-- Roles of staff.

-- Whether p_user has p_role, and is not suspended. Statements that do what a role is needed for ask this themselves; the
-- daemon asks it for operations that name a role.
CREATE FUNCTION staff_has(p_user uuid, p_role text) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM users u WHERE u.id = p_user AND u.staff && ARRAY[p_role, 'admin'])
     AND NOT EXISTS (SELECT FROM user_access a WHERE a.user_id = p_user AND access_is_suspended(a))
$$;

-- The User object as the user alone sees it.
CREATE FUNCTION user_self(p_user uuid) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT (user_json(p_user, u) || jsonb_build_object('staff', u.staff,
      'phone_verified_at', (SELECT api_time(v.verified_at) FROM verifications v WHERE v.user_id = u.id AND v.kind = 'phone'),
      'verification_required', spam_wants_phone(u, spam_rules())))::text
    FROM users u WHERE u.id = p_user
$$;

-- Gives the user user_id, hosted or bound, these roles, and no others. The user alone is told.
CREATE FUNCTION change_staff(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  wanted text[] := ARRAY(SELECT DISTINCT jsonb_array_elements_text(p_arguments->'roles') ORDER BY 1);
  old users;
BEGIN
  SELECT * INTO old FROM users
    WHERE id = (p_arguments->>'user_id')::uuid AND kind IN ('hosted', 'bound') AND deleted_at IS NULL FOR NO KEY UPDATE;
  IF old.id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  outcome := CASE WHEN old.staff <> wanted THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    UPDATE users SET staff = wanted, updated_at = now() WHERE id = old.id;
    PERFORM event_add('user.updated', 'user', NULL, old.id, '{"staff": true}');
  END IF;
  result := jsonb_build_object('user_id', old.id, 'staff', wanted);
END $$;
