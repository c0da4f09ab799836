-- SPDX-License-Identifier: GPL-3.0-or-later
-- The log's head, and times.

-- RFC 3339 UTC with milliseconds. STABLE, so that it is not called but becomes part of the plan.
CREATE FUNCTION api_time(t timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- The same, and any text, as JSON; NULL is null. What serves many objects is concatenated from
-- these: json_build_object costs several times as much.
CREATE FUNCTION json_time(t timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce('"' || to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"',
                  'null')
$$;

CREATE FUNCTION json_text(t text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce(to_json(t)::text, 'null')
$$;

-- Gives out COUNT positions and the time they get; the caller holds the log until it commits.
-- ret_before + 1 … ret_before + count are the caller's.
-- In PL/pgSQL, which keeps its plan; a function in SQL would be planned anew for every batch. Called in an
-- assignment, which needs no plan of its own.
CREATE FUNCTION log_advance(count int, OUT ret_before bigint, OUT ret_stamp timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE log_head SET position = position + count,
      stamp = greatest(stamp, date_trunc('milliseconds', clock_timestamp()))
    RETURNING position - count, stamp INTO ret_before, ret_stamp;
END $$;

-- Where the log stands; schema is the newest migration, functions the digest of this set.
CREATE FUNCTION log_state(OUT epoch text, OUT "position" bigint, OUT schema int, OUT functions text)
LANGUAGE sql STABLE AS $$
  SELECT h.epoch, h.position, (SELECT max(version) FROM schema_migrations),
         (SELECT digest FROM schema_functions)
    FROM log_head h
$$;
