-- SPDX-License-Identifier: GPL-3.0-or-later
-- The audit: who did what by which door. The database itself lets nobody change it (migration 0042).

-- Who asked, in words. p_facts: see audit_add().
CREATE FUNCTION audit_actor(p_user uuid, p_facts jsonb) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce(p_facts->>'operator',
                  CASE WHEN p_facts->>'key' IS NOT NULL THEN 'key ' || coalesce((
                    SELECT k.name FROM server_keys k
                      WHERE left(encode(k.digest, 'hex'), 32) = replace(p_facts->>'key', '-', '')), '?') END,
                  (SELECT u.jid FROM users u WHERE u.id = p_user), '')
$$;

-- Writes a row. p_facts: { action, door, role, key, operator, request_id, address, fields }, as bridge/core/audit.c
-- makes them; p_object: whom or what it is done to, NULL: what the fields say.
CREATE FUNCTION audit_add(p_user uuid, p_facts jsonb, p_outcome text, p_object uuid DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  fields jsonb := p_facts->'fields';
BEGIN
  INSERT INTO audit (actor, actor_name, action, object, door, outcome, reason, request_id, address_hash, details)
    VALUES (p_user, audit_actor(p_user, p_facts), p_facts->>'action',
            coalesce(p_object, user_id_of(coalesce(fields->>'message_id', fields->>'user_id')),
                     admin_user(coalesce(fields->>'user', CASE WHEN jsonb_array_length(fields->'users') = 1
                                                               THEN fields->'users'->>0 END))), p_facts->>'door', p_outcome,
            fields->>'reason', (p_facts->>'request_id')::uuid, p_facts->>'address', nullif(fields, '{}'));
END $$;

-- Whether p_user, who needs p_role for it (NULL: nobody has to be asked), may do that; if so it is written down.
CREATE FUNCTION audit_admit(p_user uuid, p_role text, p_facts jsonb) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  IF p_role IS NOT NULL AND NOT staff_has(p_user, p_role) THEN
    RETURN false;
  END IF;
  PERFORM audit_add(p_user, p_facts, 'asked');
  RETURN true;
END $$;

-- Whether the user of a change lacks the role that it demands.
CREATE FUNCTION audit_refuses(p_user uuid, p_facts jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT p_facts->>'role' IS NOT NULL AND NOT staff_has(p_user, p_facts->>'role')
$$;

-- Writes down what became of a change.
CREATE FUNCTION audit_change(p_user uuid, p_facts jsonb, p_outcome int, p_result jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM audit_add(p_user, p_facts,
    (ARRAY['done', 'unchanged', 'not_found', 'conflict', 'refused', 'forbidden', 'unprocessable'])[p_outcome + 1],
    CASE WHEN jsonb_typeof(p_result) = 'object' THEN user_id_of(coalesce(p_result->>'user_id', p_result->>'id')) END);
END $$;

CREATE FUNCTION audit_json(a audit) RETURNS json
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('id', a.id::text, 'at', api_time(a.at), 'actor', coalesce(a.actor_name, ''),
    'actor_id', a.actor, 'action', a.action, 'object_id', a.object, 'door', coalesce(a.door, 'rest'),
    'outcome', coalesce(a.outcome, 'done'), 'reason', a.reason, 'request_id', a.request_id, 'address_hash', a.address_hash,
    'details', coalesce(a.details, '{}'))
$$;

-- A row that is older than p_at, with all that have smaller ids: none of those from p_at on. A row is written within the
-- hour after its time, which is that of its transaction's begin, so ids and times go together to that.
CREATE FUNCTION audit_before(p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT a.id FROM audit a WHERE a.at < p_at - interval '1 hour' ORDER BY a.at DESC LIMIT 1), 0);
END $$;

-- The other way round: a row that is younger, with all that have greater ids. NULL: there is none.
CREATE FUNCTION audit_behind(p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT a.id FROM audit a WHERE a.at >= p_at + interval '1 hour' ORDER BY a.at LIMIT 1);
END $$;

-- Whether p_user may still read the audit; of a backend: whether its key p_key (as a uuid) is still good.
CREATE FUNCTION audit_is_readable(p_user uuid, p_key text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF p_key IS NOT NULL THEN
    RETURN EXISTS (SELECT FROM server_keys k
                     WHERE k.digest BETWEEN decode(replace(p_key, '-', ''), 'hex') AND decode(replace(p_key, '-', '') || repeat('ff', 16), 'hex')
                       AND k.revoked_at IS NULL);
  END IF;
  RETURN p_user IS NULL OR staff_has(p_user, 'auditor');
END $$;

-- At most p_limit rows behind p_after, oldest first; what they are chosen by as below. One row without an id: p_user, or
-- the backend with p_key, may not read them any more.
CREATE FUNCTION audit_rows(p_since text, p_until text, p_actor text, p_action text, p_limit int, p_after bigint,
                           p_user uuid DEFAULT NULL, p_key text DEFAULT NULL)
RETURNS TABLE (id text, line text)
LANGUAGE sql STABLE AS $$
  SELECT NULL, NULL WHERE NOT audit_is_readable(p_user, p_key)
  UNION ALL
  (SELECT a.id::text, audit_json(a)::text FROM audit a
    WHERE a.id > greatest(p_after, CASE WHEN p_since IS NOT NULL THEN audit_before(p_since::timestamptz) END)
      AND (p_since IS NULL OR a.at >= p_since::timestamptz) AND (p_until IS NULL OR a.at < p_until::timestamptz)
      AND (p_actor IS NULL OR a.actor_name = p_actor)
      AND (p_action IS NULL OR a.action = p_action OR (right(p_action, 1) = '.' AND starts_with(a.action, p_action)))
      AND audit_is_readable(p_user, p_key)
    ORDER BY a.id LIMIT p_limit)
$$;

-- Rows, newest first: { items, has_more, next }. p_after is `next` of an earlier page; p_action: that one, or, with a
-- dot at its end, all that begin so.
CREATE FUNCTION audit_list(p_since text, p_until text, p_actor text, p_action text, p_object text,
                           p_limit int, p_after text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH page AS (
    SELECT a, a.id, row_number() OVER (ORDER BY a.id DESC) AS k FROM audit a
      WHERE a.id < coalesce(least(CASE WHEN p_after ~ '^[0-9]{1,18}$' THEN p_after::bigint WHEN p_after IS NOT NULL THEN 0 END,
                                  CASE WHEN p_until IS NOT NULL THEN audit_behind(p_until::timestamptz) END), 9223372036854775807)
        AND (p_since IS NULL OR a.at >= p_since::timestamptz) AND (p_until IS NULL OR a.at < p_until::timestamptz)
        AND (p_actor IS NULL OR a.actor_name = p_actor)
        AND (p_action IS NULL OR a.action = p_action OR (right(p_action, 1) = '.' AND starts_with(a.action, p_action)))
        AND (p_object IS NULL OR a.object = user_id_of(p_object))
      ORDER BY a.id DESC LIMIT p_limit + 1
  )
  SELECT json_build_object(
    'items', coalesce(json_agg(audit_json(a) ORDER BY k) FILTER (WHERE k <= p_limit), '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit THEN (min(id) FILTER (WHERE k = p_limit))::text END)::text
  FROM page
$$;

-- Writes down how people came in, or did not: p_tries, [{ user, kind, problem (NULL: came in), address, count }]. Of who came
-- in: of staff (p_all: of all), and not if they have come from that address within a day. Yields how many rows.
CREATE FUNCTION audit_sign_ins(p_tries jsonb, p_all boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  written bigint;
BEGIN
  INSERT INTO audit (actor, actor_name, action, object, door, outcome, reason, address_hash, details)
    SELECT u.id, coalesce(u.jid, ''), CASE WHEN t.problem IS NULL THEN 'signin.done' ELSE 'signin.failed' END, u.id, 'rest',
           CASE WHEN t.problem IS NULL THEN 'done' ELSE 'refused' END, t.problem, t.address,
           jsonb_build_object('kind', t.kind, 'count', t.count)
      FROM jsonb_to_recordset(p_tries) t ("user" uuid, kind text, problem text, address text, count bigint)
      LEFT JOIN users u ON u.id = t."user"
      WHERE t.problem IS NOT NULL OR ((p_all OR u.staff <> '{}') AND NOT EXISTS (
              SELECT FROM (SELECT a.* FROM audit a WHERE a.object = u.id ORDER BY a.id DESC LIMIT 1000) a
                WHERE a.action = 'signin.done' AND a.address_hash IS NOT DISTINCT FROM t.address
                  AND a.at > clock_timestamp() - interval '1 day'));
  GET DIAGNOSTICS written = ROW_COUNT;
  RETURN written;
END $$;

-- As reap.sql has it. A row stays for a year, whatever is asked for.
CREATE FUNCTION reap_audit(p_seconds bigint, p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM audit a WHERE a.id IN (
    SELECT x.id FROM (SELECT y.id, y.at FROM audit y ORDER BY y.id LIMIT p_limit) x
      WHERE x.at < clock_timestamp() - make_interval(secs => greatest(p_seconds, 366 * 86400)));
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := removed >= p_limit;
END $$;
