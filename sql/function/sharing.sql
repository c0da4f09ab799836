-- SPDX-License-Identifier: GPL-3.0-or-later
-- What users let be done with their data. The deployment's defaults are settings of the daemon's connections,
-- trestle.sharing_*; without them nothing is let but what users ask for themselves (assist).

-- A user's own setting, or the default of that name: analytics, assist or personalisation.
CREATE FUNCTION sharing_value(p_own boolean, p_name text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce(p_own, nullif(current_setting('trestle.sharing_' || p_name, true), '')::boolean, p_name = 'assist');
END $$;

-- Whether p_user lets their data be used for that. Of people elsewhere the deployment's default is asked.
CREATE FUNCTION user_shares(p_user uuid, p_name text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT sharing_value(CASE p_name WHEN 'analytics' THEN u.share_analytics WHEN 'assist' THEN u.share_assist
                                           WHEN 'personalisation' THEN u.share_personalisation END, p_name)
            FROM users u WHERE u.id = p_user);
END $$;

-- Why nothing of p_author's may be handed to a service of assistance for p_user: own (p_user does not want that), author; NULL: it may.
CREATE FUNCTION assist_refusal(p_user uuid, p_author uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE WHEN NOT user_shares(p_user, 'assist') THEN 'own' WHEN NOT user_shares(p_author, 'assist') THEN 'author' END;
END $$;

CREATE FUNCTION sharing_json(u users) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('analytics', sharing_value(u.share_analytics, 'analytics'),
    'assist', sharing_value(u.share_assist, 'assist'), 'personalisation', sharing_value(u.share_personalisation, 'personalisation'))
$$;

CREATE FUNCTION sharing_get(p_user uuid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT sharing_json(u)::text FROM users u WHERE u.id = p_user
$$;

-- Changes the settings that p_arguments has; they were checked.
CREATE FUNCTION change_sharing(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  old users;
  u users;
BEGIN
  SELECT * INTO old FROM users x WHERE x.id = p_user FOR NO KEY UPDATE;
  u := old;
  u.share_analytics := coalesce((p_arguments->>'analytics')::boolean, old.share_analytics);
  u.share_assist := coalesce((p_arguments->>'assist')::boolean, old.share_assist);
  u.share_personalisation := coalesce((p_arguments->>'personalisation')::boolean, old.share_personalisation);
  outcome := CASE WHEN u IS DISTINCT FROM old THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    UPDATE users x SET share_analytics = u.share_analytics, share_assist = u.share_assist,
        share_personalisation = u.share_personalisation WHERE x.id = p_user;
    PERFORM event_add('settings.updated', 'user', NULL, p_user, '{"setting": "data_sharing"}');
    IF u.share_analytics IS DISTINCT FROM old.share_analytics AND NOT user_shares(p_user, 'analytics') THEN
      PERFORM job_add('analytics.forget', p_user::text, clock_timestamp()); -- figures that there are lose the name
    END IF;
  END IF;
  result := sharing_json(u);
END $$;
