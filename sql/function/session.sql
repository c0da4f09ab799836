-- SPDX-License-Identifier: GPL-3.0-or-later
-- Who may come in: sessions by cookie, tickets, sign-outs, suspensions. Times are microseconds since
-- 1970, as the daemon counts them.

-- Clamped to the years 0001 to 9999, which the API can write. STABLE, as what they use is: so that they become part of
-- the plan.
CREATE FUNCTION time_from_microseconds(p_microseconds bigint) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
  SELECT 'epoch'::timestamptz
    + greatest(least(p_microseconds, 253402300799000000), -62135596800000000) * interval '1 microsecond'
$$;

CREATE FUNCTION time_to_microseconds(t timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$
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
  RETURN CASE WHEN access_is_suspended(access) THEN 2 ELSE 0 END;
END $$;

-- The same for a function that makes something of lasting effect with the credential, in the
-- transaction that makes it: sign-outs of the user wait until that ends, and then find it. Whoever
-- signs out takes the same row by access_close().
CREATE FUNCTION access_hold(p_user uuid, p_credential uuid, p_issued bigint) RETURNS int
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM users WHERE id = p_user FOR SHARE;
  RETURN access_state(p_user, p_credential, time_from_microseconds(p_issued));
END $$;

CREATE FUNCTION access_close(p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM users WHERE id = p_user FOR NO KEY UPDATE;
END $$;

-- The state, with how far the answer takes revocations into account. STABLE, so that both are of one
-- snapshot.
CREATE FUNCTION session_check(p_user uuid, p_credential uuid, p_issued bigint)
RETURNS TABLE (state int, "position" bigint, created_at bigint)
LANGUAGE sql STABLE AS $$
  SELECT access_state(p_user, p_credential, time_from_microseconds(p_issued)), h.position,
         (SELECT time_to_microseconds(u.created_at) FROM users u WHERE u.id = p_user)
    FROM revocation_head h
$$;

-- ---------------------------------------------------------------------------------------------
-- Tokens and server keys. Columns up to created_at are those of session_find.

-- Lets the user of a token in: finds or makes the user and takes over what the token says of names,
-- unless STATE is other than 0. No row: the token's own id is the id of another user, see
-- user_provision(), or its user was deleted since it was issued.
CREATE FUNCTION user_sign_in(p_external_id text, p_localpart text, p_domain text, p_username text,
                             p_name text, p_avatar_url text, p_credential uuid, p_issued bigint)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint, state int,
               "position" bigint, created_at bigint)
LANGUAGE plpgsql AS $$
DECLARE
  found uuid := (SELECT u.id FROM users u WHERE u.external_id = p_external_id);
  access record;
BEGIN
  IF found IS NULL AND user_was_deleted(p_external_id, time_from_microseconds(p_issued)) THEN
    RETURN;
  END IF;
  SELECT * INTO access FROM session_check(found, p_credential, p_issued);
  IF access.state = 0 THEN
    found := (SELECT p.id FROM user_provision(p_external_id, p_localpart, p_domain, p_username, p_name,
                                              p_avatar_url) p);
  END IF;
  RETURN QUERY SELECT u.id, u.jid, u.name, u.facts, u.kind, u.number, access.state, access.position,
      (SELECT time_to_microseconds(w.created_at) FROM users w WHERE w.id = u.id)
    FROM user_row(found) u;
END $$;

-- The same of many, for those whose user is there and of whom the token says nothing new; n: their place in the
-- arrays, by which rows are in order. The others have no row: user_sign_in() is for them.
CREATE FUNCTION user_sign_in_known(p_external_ids text[], p_usernames text[], p_names text[], p_avatar_urls text[],
                                   p_credentials uuid[], p_issued bigint[])
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint, state int,
               "position" bigint, created_at bigint, n int)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  fetches boolean := coalesce(current_setting('trestle.pictures', true) = 'fetch', false);
BEGIN
  RETURN QUERY
    SELECT u.id, u.jid, u.name, to_json(user_facts(u, false))::text, u.kind, u.number,
           access_state(u.id, a.credential, time_from_microseconds(a.issued)), h.position,
           time_to_microseconds(u.created_at), a.n::int
      FROM unnest(p_external_ids, p_usernames, p_names, p_avatar_urls, p_credentials, p_issued)
             WITH ORDINALITY a (external_id, username, name, avatar_url, credential, issued, n)
      JOIN users u ON u.external_id = a.external_id
      CROSS JOIN revocation_head h
      -- As in user_provision().
      WHERE (a.username IS NULL OR a.username IS NOT DISTINCT FROM u.username)
        AND (a.name IS NULL OR u.own_name OR a.name IS NOT DISTINCT FROM u.name)
        AND (a.avatar_url IS NULL OR a.avatar_url IS NOT DISTINCT FROM u.avatar_url)
        AND NOT (fetches AND u.avatar_copy IS NULL AND coalesce(u.avatar_url, '') LIKE 'http%')
      ORDER BY a.n;
END $$;

-- The scopes of a server key, and the user named p_on_behalf (NULL: nobody) with the state of whom the
-- key lets in. No row: there is no such key (any more). id is NULL: there is no such user, or it was deleted.
CREATE FUNCTION server_key_sign_in(p_digest bytea, p_on_behalf text)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint, state int,
               "position" bigint, created_at bigint, scopes text)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid, u.name, u.facts, u.kind, u.number, c.state, c.position, c.created_at,
         array_to_string(k.scopes, ' ')
    FROM server_keys k
    LEFT JOIN LATERAL user_find(p_on_behalf) u ON NOT user_is_deleted(u.id)
    CROSS JOIN LATERAL session_check(u.id, NULL, NULL) c
    WHERE k.digest = p_digest AND k.revoked_at IS NULL
$$;

-- ---------------------------------------------------------------------------------------------
-- Sessions by cookie

-- Begins a session with the token p_token, which was issued at p_issued: it ends when it was not renewed for p_lifetime
-- seconds, and in any case after p_most. STATE other than 0: there is none, see access_state().
CREATE FUNCTION session_open(p_digest uuid, p_user uuid, p_lifetime int, p_most int, p_token uuid, p_issued bigint,
                             OUT state int, OUT expires bigint)
LANGUAGE plpgsql AS $$
BEGIN
  state := access_hold(p_user, p_token, p_issued);
  IF state = 0 THEN
    INSERT INTO sessions (digest, user_id, issued_at, begun_by, expires_at, ends_at)
      VALUES (p_digest, p_user, least(time_from_microseconds(p_issued), clock_timestamp()), p_token,
              clock_timestamp() + least(p_lifetime, p_most) * interval '1 second',
              clock_timestamp() + p_most * interval '1 second')
      RETURNING time_to_microseconds(expires_at) INTO expires;
  END IF;
END $$;

-- Somebody uses the session: it goes on for p_lifetime seconds from now, but not beyond its end. Until when it is good
-- then; NULL: there is none (any more).
CREATE FUNCTION session_renew(p_digest uuid, p_lifetime int) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  until bigint;
BEGIN
  UPDATE sessions
    SET expires_at = greatest(expires_at, least(clock_timestamp() + p_lifetime * interval '1 second', ends_at))
    WHERE digest = p_digest AND expires_at > clock_timestamp()
    RETURNING time_to_microseconds(expires_at) INTO until;
  RETURN until;
END $$;

-- Whose session it is; no row when there is none (any more).
CREATE FUNCTION session_find(p_digest uuid)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint, state int,
               "position" bigint, created_at bigint, credential uuid, issued bigint, expires bigint)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid, u.name, u.facts, u.kind, u.number, c.state, c.position,
         c.created_at, s.digest, time_to_microseconds(s.issued_at),
         time_to_microseconds(s.expires_at)
    FROM sessions s
    CROSS JOIN LATERAL user_row(s.user_id) u
    CROSS JOIN LATERAL session_check(s.user_id, s.digest, time_to_microseconds(s.issued_at)) c
    WHERE s.digest = p_digest AND s.expires_at > clock_timestamp()
$$;

-- ---------------------------------------------------------------------------------------------
-- Tickets

-- Made with the credential p_credential, which was issued at p_issued (NULL: a server key, the ticket
-- itself counts). STATE as of session_open().
CREATE FUNCTION ticket_add(p_digest uuid, p_user uuid, p_credential uuid, p_issued bigint,
                           p_session_expires bigint, p_lifetime int, OUT state int, OUT expires bigint)
LANGUAGE plpgsql AS $$
BEGIN
  state := access_hold(p_user, p_credential, p_issued);
  IF state = 0 THEN
    INSERT INTO tickets (digest, user_id, credential, issued_at, session_expires_at, expires_at)
      VALUES (p_digest, p_user, p_credential,
              coalesce(time_from_microseconds(p_issued), clock_timestamp()),
              time_from_microseconds(p_session_expires),
              clock_timestamp() + p_lifetime * interval '1 second')
      RETURNING time_to_microseconds(expires_at) INTO expires;
  END IF;
END $$;

-- Uses the ticket up, whether it is still good or not. Columns as those of session_find.
CREATE FUNCTION ticket_take(p_digest uuid)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint, state int,
               "position" bigint, created_at bigint, credential uuid, issued bigint, expires bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH taken AS (DELETE FROM tickets WHERE digest = p_digest RETURNING *)
    SELECT u.id, u.jid, u.name, u.facts, u.kind, u.number, c.state, c.position,
           c.created_at, t.credential, time_to_microseconds(t.issued_at),
           time_to_microseconds(t.session_expires_at)
      FROM taken t
      CROSS JOIN LATERAL user_row(t.user_id) u
      CROSS JOIN LATERAL session_check(t.user_id, t.credential, time_to_microseconds(t.issued_at)) c
      WHERE t.expires_at > clock_timestamp() AND t.session_expires_at > clock_timestamp();
END $$;

-- The same for a ticket that is still good, which stays so.
CREATE FUNCTION ticket_find(p_digest uuid)
RETURNS TABLE (id uuid, jid text, name text, facts text, kind text, number bigint, state int,
               "position" bigint, created_at bigint, credential uuid, issued bigint, expires bigint)
LANGUAGE sql STABLE AS $$
  SELECT u.id, u.jid, u.name, u.facts, u.kind, u.number, c.state, c.position,
         c.created_at, t.credential, time_to_microseconds(t.issued_at),
         time_to_microseconds(t.session_expires_at)
    FROM tickets t
    CROSS JOIN LATERAL user_row(t.user_id) u
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

-- Refuses one credential until p_expires, and tells the processes to let go of whom they let in by
-- it. p_user is nil for a server key, which is nobody's.
CREATE FUNCTION credential_revoke(p_user uuid, p_credential uuid, p_expires timestamptz)
RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO revoked_tokens (digest, expires_at) VALUES (p_credential, p_expires)
    ON CONFLICT (digest) DO UPDATE SET expires_at = greatest(revoked_tokens.expires_at, excluded.expires_at);
  RETURN revocation_add(p_user, p_credential, NULL, 'signed out');
END $$;

-- As long as a ticket can last, and more: what was made with a session or a server key that has ended.
CREATE FUNCTION ticket_end() RETURNS timestamptz
LANGUAGE sql STABLE AS $$
  SELECT clock_timestamp() + interval '10 minutes'
$$;

CREATE FUNCTION session_close(p_user uuid, p_digest uuid, OUT "position" bigint)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM access_close(p_user);
  DELETE FROM sessions WHERE digest = p_digest AND user_id = p_user;
  "position" := credential_revoke(p_user, p_digest, ticket_end());
END $$;

-- What a session by cookie is called where it is listed: nothing that lets anybody in.
CREATE FUNCTION session_name(s sessions) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
  SELECT md5('session ' || s.digest)::uuid
$$;

-- The sessions by cookie of p_user's, the oldest first, at most 100: { items }.
CREATE FUNCTION session_list(p_user uuid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('items', coalesce(json_agg(json_build_object('id', session_name(s), 'created_at', api_time(s.created_at),
      'expires_at', api_time(s.expires_at)) ORDER BY s.created_at, s.digest), '[]'))::text
    FROM (SELECT * FROM sessions x WHERE x.user_id = p_user AND x.expires_at > clock_timestamp() ORDER BY x.created_at, x.digest LIMIT 100) s
$$;

-- The same of the user whom p_user names (admin_user()). No row: nobody of ours.
CREATE FUNCTION session_list_of(p_user text) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT session_list(u.id) FROM users u WHERE u.id = admin_user(p_user)
$$;

-- Ends the session of p_user's that is called session_id.
CREATE FUNCTION change_session_end(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  ended uuid := (SELECT s.digest FROM sessions s WHERE s.user_id = p_user AND session_name(s) = (p_arguments->>'session_id')::uuid);
BEGIN
  outcome := CASE WHEN ended IS NULL THEN 2 ELSE 0 END;
  IF outcome = 0 THEN
    PERFORM session_close(p_user, ended);
    result := session_list(p_user)::jsonb;
  END IF;
END $$;

-- Signs a token out, and the sessions that it has begun.
CREATE FUNCTION token_revoke(p_user uuid, p_digest uuid, p_expires bigint, OUT "position" bigint)
LANGUAGE plpgsql AS $$
DECLARE
  begun uuid;
BEGIN
  PERFORM access_close(p_user);
  FOR begun IN DELETE FROM sessions WHERE user_id = p_user AND begun_by = p_digest RETURNING digest LOOP
    PERFORM credential_revoke(p_user, begun, ticket_end());
  END LOOP;
  "position" := credential_revoke(p_user, p_digest, time_from_microseconds(p_expires));
END $$;

-- Ends whatever was issued until now, and the token or session p_credential that asks for it: the
-- clock of whoever made a token may be ahead. Operators call it with the user alone. p_reason: what sockets are told.
CREATE FUNCTION session_close_all(p_user uuid, p_credential uuid DEFAULT NULL, p_expires bigint DEFAULT NULL,
                                  p_reason text DEFAULT 'signed out', OUT "position" bigint)
LANGUAGE plpgsql AS $$
DECLARE
  cutoff timestamptz;
BEGIN
  PERFORM access_close(p_user);
  cutoff := clock_timestamp();
  INSERT INTO user_access (user_id, signed_out_at) VALUES (p_user, cutoff)
    ON CONFLICT (user_id) DO UPDATE
      SET signed_out_at = greatest(user_access.signed_out_at, excluded.signed_out_at)
    RETURNING signed_out_at INTO cutoff;
  DELETE FROM sessions WHERE user_id = p_user;
  IF p_credential IS NOT NULL THEN
    PERFORM credential_revoke(p_user, p_credential, time_from_microseconds(p_expires));
  END IF;
  "position" := revocation_add(p_user, NULL, cutoff, p_reason);
END $$;

-- NULL when there is nobody of ours like that.
CREATE FUNCTION user_suspension_json(p_user uuid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('user_id', u.id, 'suspended', access_is_suspended(a),
                           'suspended_at', CASE WHEN access_is_suspended(a) THEN api_time(a.suspended_at) END,
                           'until', CASE WHEN access_is_suspended(a) THEN api_time(a.suspended_until) END,
                           'reason', CASE WHEN access_is_suspended(a) THEN a.suspend_reason END)::text
    FROM users u LEFT JOIN user_access a ON a.user_id = u.id
    WHERE u.id = p_user AND u.kind IN ('hosted', 'bound') AND u.deleted_at IS NULL
$$;

-- Notes with the user what user_access says of a suspension.
CREATE FUNCTION user_suspension_keep(p_user uuid) RETURNS void
LANGUAGE sql AS $$
  UPDATE users u SET suspended_until = CASE WHEN a.suspended_at IS NOT NULL THEN coalesce(a.suspended_until, 'infinity') END
    FROM user_access a WHERE u.id = p_user AND a.user_id = u.id
$$;

-- Whether u is suspended. People on XMPP then find nobody there, as far as u is one of ours alone; app users are told
-- nothing, and what they write waits for u.
CREATE FUNCTION user_is_suspended(u users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce(u.kind = 'hosted' AND u.suspended_until > clock_timestamp(), false);
END $$;

-- p_until: when it ends by itself; NULL: not before it is taken back.
CREATE FUNCTION user_suspend(p_user uuid, p_reason text, p_until timestamptz DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  IF user_suspension_json(p_user) IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM access_close(p_user);
  INSERT INTO user_access (user_id, suspended_at, suspend_reason, suspended_until)
    VALUES (p_user, clock_timestamp(), p_reason, p_until)
    ON CONFLICT (user_id) DO UPDATE
      SET suspended_at = CASE WHEN access_is_suspended(user_access) THEN user_access.suspended_at
                              ELSE excluded.suspended_at END,
          suspend_reason = excluded.suspend_reason, suspended_until = excluded.suspended_until;
  PERFORM user_suspension_keep(p_user);
  PERFORM revocation_add(p_user, NULL, NULL, 'suspended');
  RETURN user_suspension_json(p_user);
END $$;

CREATE FUNCTION user_restore(p_user uuid) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE user_access SET suspended_at = NULL, suspend_reason = NULL, suspended_until = NULL WHERE user_id = p_user;
  PERFORM user_suspension_keep(p_user);
  RETURN user_suspension_json(p_user);
END $$;
