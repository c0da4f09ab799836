-- SPDX-License-Identifier: GPL-3.0-or-later
-- Jobs: rows with a time at which they are due. A run is begun by job_take(), which locks the row for a
-- while, and ended by job_end(), which names the lock: a run that took too long, or whose job was
-- asked for anew meanwhile, ends nothing. What a process was at that is gone, job_release() lets others begin. A run may
-- therefore happen twice, and must be harmless then.

-- Asks for a job, or for another time and payload of one that is there; also while it is at work. Messages ask for some: in
-- PL/pgSQL, which keeps its plan.
CREATE FUNCTION job_add(p_kind text, p_key text, p_due timestamptz, p_payload jsonb DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO jobs (kind, key, due_at, payload) VALUES (p_kind, p_key, p_due, p_payload)
    ON CONFLICT (kind, key) DO UPDATE
      SET due_at = excluded.due_at, payload = excluded.payload, attempts = 0, locked_until = NULL,
          failed = NULL;
END $$;

-- Makes the jobs that there is one of each, unless they are there.
CREATE FUNCTION job_ensure(p_kinds text[]) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO jobs (kind, due_at) SELECT kind, clock_timestamp() FROM unnest(p_kinds) kind
    ON CONFLICT DO NOTHING
$$;

-- Begins what is due, of p_kinds, which have p_seconds each before they count as abandoned: at most
-- p_limit. "lock" is to be handed to job_end(). p_taker: who begins it, by a name that no other process has had.
CREATE FUNCTION job_take(p_kinds text[], p_seconds int[], p_limit int, p_taker text)
RETURNS TABLE (kind text, key text, payload text, attempts int, lock bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    UPDATE jobs j SET locked_until = clock_timestamp() + make_interval(secs => due.seconds),
        attempts = j.attempts + 1, ran_at = clock_timestamp(), taker = p_taker
      FROM (SELECT x.kind, x.key, k.seconds FROM jobs x
              JOIN unnest(p_kinds, p_seconds) k (kind, seconds) ON k.kind = x.kind
              WHERE x.due_at <= clock_timestamp()
                AND (x.locked_until IS NULL OR x.locked_until <= clock_timestamp())
              ORDER BY x.due_at LIMIT p_limit FOR UPDATE OF x SKIP LOCKED) due
      WHERE j.kind = due.kind AND j.key = due.key
      RETURNING j.kind, j.key, j.payload::text, j.attempts, time_to_microseconds(j.locked_until);
END $$;

-- Takes the locks off whose taker is none of p_present: that process is gone. Not of what was begun for the fourth time without
-- success: perhaps it is what ends the process, and at each start at once it would be an end to everything. Returns how many.
CREATE FUNCTION job_release(p_present text[]) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  released int;
BEGIN
  UPDATE jobs SET locked_until = NULL
    WHERE locked_until > clock_timestamp() AND attempts < 4
      AND (taker IS NULL OR taker <> ALL (p_present));
  GET DIAGNOSTICS released = ROW_COUNT;
  RETURN released;
END $$;

-- Ends a run: it is due again in p_seconds, or done with (NULL). p_failed: why it failed; NULL: it did
-- not. p_payload: what the next run gets; NULL: what this one got. False: it was not ours any more.
CREATE FUNCTION job_end(p_kind text, p_key text, p_lock bigint, p_seconds int, p_failed text,
                        p_payload jsonb) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  IF p_seconds IS NULL THEN
    DELETE FROM jobs j WHERE j.kind = p_kind AND j.key = p_key
      AND j.locked_until = time_from_microseconds(p_lock);
  ELSE
    UPDATE jobs j SET due_at = clock_timestamp() + make_interval(secs => p_seconds), failed = p_failed,
        attempts = CASE WHEN p_failed IS NULL THEN 0 ELSE j.attempts END, locked_until = NULL,
        payload = coalesce(p_payload, j.payload)
      WHERE j.kind = p_kind AND j.key = p_key AND j.locked_until = time_from_microseconds(p_lock);
  END IF;
  RETURN FOUND;
END $$;

-- How many are due and not at work, and since when the first of them, in seconds; how many failed the
-- last time. Counts at most 10000 of each.
CREATE FUNCTION job_state(OUT due bigint, OUT late bigint, OUT failing bigint)
LANGUAGE sql STABLE AS $$
  SELECT count(*) FILTER (WHERE waits),
         coalesce(extract(epoch FROM clock_timestamp() - min(due_at) FILTER (WHERE waits)), 0)::bigint,
         count(failed)
    FROM (SELECT due_at, failed, due_at <= clock_timestamp()
                   AND (locked_until IS NULL OR locked_until <= clock_timestamp()) AS waits
            FROM jobs ORDER BY due_at LIMIT 10000) j
$$;

-- How far a job has come that goes through something in parts: { looked, removed } since it began, of which it may know only
-- one; NULL: it does not say, or is to begin.
CREATE FUNCTION job_progress(p_kind text, p_payload jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_kind ~ '^(retention|reap)\.' AND p_payload ?| '{looked,removed}'
              THEN jsonb_build_object('looked', p_payload->'looked', 'removed', p_payload->'removed') END
$$;

-- Jobs by kind and key: { items, has_more, next }. p_after is `next` of an earlier page.
CREATE FUNCTION job_list(p_kind text, p_limit int, p_after text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH page AS (
    SELECT j.*, row_number() OVER (ORDER BY j.kind, j.key) AS k FROM jobs j
      WHERE (p_kind IS NULL OR j.kind = p_kind)
        AND (p_after IS NULL OR (j.kind, j.key) > (split_part(p_after, ' ', 1),
                                                   substr(p_after, strpos(p_after, ' ') + 1)))
      ORDER BY j.kind, j.key LIMIT p_limit + 1
  )
  SELECT json_build_object(
    'items', coalesce(json_agg(json_build_object('kind', kind, 'key', key, 'due_at', api_time(due_at),
        'running', coalesce(locked_until > clock_timestamp(), false), 'ran_at', api_time(ran_at),
        'attempts', attempts, 'failed', failed, 'progress', job_progress(kind, payload)) ORDER BY k) FILTER (WHERE k <= p_limit), '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit THEN max(kind || ' ' || key) FILTER (WHERE k = p_limit) END)::text
  FROM page
$$;
