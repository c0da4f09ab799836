-- SPDX-License-Identifier: GPL-3.0-or-later
-- Who may come in: sessions by cookie, tickets, sign-outs, suspensions. Times are microseconds since
-- 1970, as the daemon counts them.

CREATE FUNCTION time_from_microseconds(p_microseconds bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
  SELECT 'epoch'::timestamptz + least(p_microseconds, 253402300799000000) * interval '1 microsecond'
$$;

CREATE FUNCTION time_to_microseconds(t timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT (extract(epoch FROM t) * 1000000)::bigint
$$;

-- 0: whoever shows this credential of the user may come in; 1: signed out; 2: the user is suspended.
CREATE FUNCTION access_state(p_user uuid, p_credential uuid, p_issued timestamptz) RETURNS int
LANGUAGE plpgsql STABLE AS $$
DECLARE
  access user_access;
BEGIN
  SELECT * INTO access FROM user_access WHERE user_id = p_user;
  IF p_issued < access.signed_out_at
     OR EXISTS (SELECT FROM revoked_tokens WHERE digest = p_credential) THEN
    RETURN 1;
  END IF;
  RETURN CASE WHEN access.suspended_at IS NOT NULL THEN 2 ELSE 0 END;
END $$;

-- The same, with how far the answer takes revocations into account. STABLE, so that both are of one
-- snapshot.
CREATE FUNCTION session_check(p_user uuid, p_credential uuid, p_issued bigint)
RETURNS TABLE (state int, "position" bigint, created_at bigint)
LANGUAGE sql STABLE AS $$
  SELECT access_state(p_user, p_credential, time_from_microseconds(p_issued)), h.position,
         (SELECT time_to_microseconds(u.created_at) FROM users u WHERE u.id = p_user)
    FROM revocation_head h
$$;

-- ---------------------------------------------------------------------------------------------
-- Sessions by cookie

CREATE FUNCTION session_open(p_digest uuid, p_user uuid, p_lifetime int, OUT expires bigint)
LANGUAGE sql AS $$
  INSERT INTO sessions (digest, user_id, expires_at)
    VALUES (p_digest, p_user, clock_timestamp() + p_lifetime * interval '1 second')
    RETURNING time_to_microseconds(expires_at)
$$;

-- Whose session it is; no row when there is none (any more).
CREATE FUNCTION session_find(p_digest uuid)
RETURNS TABLE (id uuid, jid text, name text, json text, kind text, number bigint, state int,
               "position" bigint, created_at bigint, credential uuid, issued bigint, expires bigint)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid, u.name, u.json, u.kind, u.number, c.state, c.position,
         c.created_at, s.digest, time_to_microseconds(s.created_at),
         time_to_microseconds(s.expires_at)
    FROM sessions s
    CROSS JOIN LATERAL user_find(s.user_id::text) u
    CROSS JOIN LATERAL session_check(s.user_id, s.digest, time_to_microseconds(s.created_at)) c
    WHERE s.digest = p_digest AND s.expires_at > clock_timestamp()
$$;

-- ---------------------------------------------------------------------------------------------
-- Tickets

CREATE FUNCTION ticket_add(p_digest uuid, p_user uuid, p_credential uuid, p_issued bigint,
                           p_session_expires bigint, p_lifetime int, OUT expires bigint)
LANGUAGE sql AS $$
  INSERT INTO tickets (digest, user_id, credential, issued_at, session_expires_at, expires_at)
    VALUES (p_digest, p_user, p_credential,
            coalesce(time_from_microseconds(p_issued), clock_timestamp()),
            time_from_microseconds(p_session_expires),
            clock_timestamp() + p_lifetime * interval '1 second')
    RETURNING time_to_microseconds(expires_at)
$$;

-- Uses the ticket up, whether it is still good or not. Columns as those of session_find.
CREATE FUNCTION ticket_take(p_digest uuid)
RETURNS TABLE (id uuid, jid text, name text, json text, kind text, number bigint, state int,
               "position" bigint, created_at bigint, credential uuid, issued bigint, expires bigint)
LANGUAGE sql AS $$
  WITH taken AS (DELETE FROM tickets WHERE digest = p_digest RETURNING *)
  SELECT u.id, u.jid, u.name, u.json, u.kind, u.number, c.state, c.position,
         c.created_at, t.credential, time_to_microseconds(t.issued_at),
         time_to_microseconds(t.session_expires_at)
    FROM taken t
    CROSS JOIN LATERAL user_find(t.user_id::text) u
    CROSS JOIN LATERAL session_check(t.user_id, t.credential, time_to_microseconds(t.issued_at)) c
    WHERE t.expires_at > clock_timestamp() AND t.session_expires_at > clock_timestamp()
$$;

-- The same for a ticket that is still good, which stays so.
CREATE FUNCTION ticket_find(p_digest uuid)
RETURNS TABLE (id uuid, jid text, name text, json text, kind text, number bigint, state int,
               "position" bigint, created_at bigint, credential uuid, issued bigint, expires bigint)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid, u.name, u.json, u.kind, u.number, c.state, c.position,
         c.created_at, t.credential, time_to_microseconds(t.issued_at),
         time_to_microseconds(t.session_expires_at)
    FROM tickets t
    CROSS JOIN LATERAL user_find(t.user_id::text) u
    CROSS JOIN LATERAL session_check(t.user_id, t.credential, time_to_microseconds(t.issued_at)) c
    WHERE t.digest = p_digest
      AND t.expires_at > clock_timestamp() AND t.session_expires_at > clock_timestamp()
$$;

-- ---------------------------------------------------------------------------------------------
-- Sign-outs and suspensions

CREATE FUNCTION revocation_add(p_user uuid, p_credential uuid, p_issued_before timestamptz,
                               p_reason text, OUT ret_position bigint)
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE revocation_head SET position = position + 1 RETURNING position INTO ret_position;
  INSERT INTO revocations (position, user_id, credential, issued_before, reason)
    VALUES (ret_position, p_user, p_credential, p_issued_before, p_reason);
END $$;

-- What came behind p_position; always at least one row, for the head. NULL: the head alone.
CREATE FUNCTION revocation_since(p_position bigint, p_limit int)
RETURNS TABLE (head bigint, "position" bigint, user_id uuid, credential uuid, issued_before bigint,
               reason text)
LANGUAGE sql STABLE AS $$
  SELECT h.position, r.position, r.user_id, r.credential, time_to_microseconds(r.issued_before),
         r.reason
    FROM revocation_head h
    LEFT JOIN LATERAL (
      SELECT * FROM revocations i WHERE i.position > p_position ORDER BY i.position LIMIT p_limit) r
      ON true
    ORDER BY r.position
$$;

CREATE FUNCTION session_close(p_user uuid, p_digest uuid, OUT "position" bigint)
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM sessions WHERE digest = p_digest AND user_id = p_user;
  -- For the tickets that were made with it, as long as one can last.
  INSERT INTO revoked_tokens (digest, expires_at)
    VALUES (p_digest, clock_timestamp() + interval '10 minutes') ON CONFLICT DO NOTHING;
  "position" := revocation_add(p_user, p_digest, NULL, 'signed out');
END $$;

CREATE FUNCTION token_revoke(p_user uuid, p_digest uuid, p_expires bigint, OUT "position" bigint)
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO revoked_tokens (digest, expires_at) VALUES (p_digest, time_from_microseconds(p_expires))
    ON CONFLICT DO NOTHING;
  "position" := revocation_add(p_user, p_digest, NULL, 'signed out');
END $$;

-- Ends whatever was issued until now.
CREATE FUNCTION session_close_all(p_user uuid, OUT "position" bigint)
LANGUAGE plpgsql AS $$
DECLARE
  cutoff timestamptz := clock_timestamp();
BEGIN
  INSERT INTO user_access (user_id, signed_out_at) VALUES (p_user, cutoff)
    ON CONFLICT (user_id) DO UPDATE
      SET signed_out_at = greatest(user_access.signed_out_at, excluded.signed_out_at)
    RETURNING signed_out_at INTO cutoff;
  DELETE FROM sessions WHERE user_id = p_user AND created_at < cutoff;
  "position" := revocation_add(p_user, NULL, cutoff, 'signed out');
END $$;

-- NULL when there is no such hosted user.
CREATE FUNCTION user_suspension_json(p_user uuid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('user_id', u.id, 'suspended', a.suspended_at IS NOT NULL,
                           'suspended_at', api_time(a.suspended_at), 'reason', a.suspend_reason)::text
    FROM users u LEFT JOIN user_access a ON a.user_id = u.id
    WHERE u.id = p_user AND u.kind = 'hosted'
$$;

CREATE FUNCTION user_suspend(p_user uuid, p_reason text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  IF user_suspension_json(p_user) IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO user_access (user_id, suspended_at, suspend_reason)
    VALUES (p_user, clock_timestamp(), p_reason)
    ON CONFLICT (user_id) DO UPDATE
      SET suspended_at = coalesce(user_access.suspended_at, excluded.suspended_at),
          suspend_reason = excluded.suspend_reason;
  PERFORM revocation_add(p_user, NULL, NULL, 'suspended');
  RETURN user_suspension_json(p_user);
END $$;

CREATE FUNCTION user_restore(p_user uuid) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE user_access SET suspended_at = NULL, suspend_reason = NULL WHERE user_id = p_user;
  RETURN user_suspension_json(p_user);
END $$;

-- Removes what has expired, at most p_limit rows of each kind. Revocations are kept for a day, for
-- processes that could not ask meanwhile.
CREATE FUNCTION session_sweep(p_limit int) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM sessions WHERE digest IN (
    SELECT digest FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT p_limit);
  DELETE FROM tickets WHERE digest IN (
    SELECT digest FROM tickets WHERE expires_at < now() ORDER BY expires_at LIMIT p_limit);
  DELETE FROM revoked_tokens WHERE digest IN (
    SELECT digest FROM revoked_tokens WHERE expires_at < now() ORDER BY expires_at LIMIT p_limit);
  DELETE FROM revocations WHERE position IN (
    SELECT position FROM revocations WHERE at < now() - interval '1 day' ORDER BY at LIMIT p_limit)
$$;
