-- SPDX-License-Identifier: GPL-3.0-or-later
-- The log's head, and times.

-- RFC 3339 UTC with milliseconds. STABLE, so that it is not called but becomes part of the plan.
CREATE FUNCTION api_time(t timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- The same as JSON; NULL is null.
CREATE FUNCTION json_time(t timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce('"' || to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"',
                  'null')
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

-- The server and the timeline that are written on now; NULL on a standby, and where the server does
-- not tell.
CREATE FUNCTION log_origin() RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  IF pg_is_in_recovery() THEN
    RETURN NULL;
  END IF;
  RETURN (SELECT system_identifier FROM pg_control_system()) || '/'
         || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_function THEN
  RETURN NULL;
END $$;

-- Why this session is not to be used: it cannot write, or the log has not been opened here yet. NULL:
-- it may.
CREATE FUNCTION log_refusal(p_origin text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  IF pg_is_in_recovery() THEN
    RETURN 'standby';
  ELSIF current_setting('transaction_read_only')::boolean THEN
    RETURN 'read-only';
  ELSIF p_origin IS DISTINCT FROM coalesce(log_origin(), p_origin) THEN
    RETURN 'not-opened';
  END IF;
  RETURN NULL;
END $$;

-- Where the log stands, for a session that reads. schema is the newest migration, functions the digest
-- of this set, past the epochs that have ended, newest first, as "epoch:last epoch:last".
CREATE FUNCTION log_state(OUT epoch text, OUT "position" bigint, OUT schema int, OUT functions text,
                          OUT refusal text, OUT past text)
LANGUAGE sql AS $$
  SELECT h.epoch, h.position, (SELECT max(version) FROM schema_migrations),
         (SELECT digest FROM schema_functions), log_refusal(h.origin),
         (SELECT coalesce(string_agg(e.epoch || ':' || e.last, ' ' ORDER BY e.ended_at DESC), '')
            FROM log_epochs e)
    FROM log_head h
$$;

-- How far the write-ahead log of a primary is on disk, in bytes. Every commit that was acknowledged is in it.
CREATE FUNCTION wal_flushed() RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  RETURN pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0');
END $$;

-- How far a standby has replayed it, in the same measure: whatever was committed before is seen there. NULL: no standby.
CREATE FUNCTION wal_replayed() RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  IF pg_is_in_recovery() THEN
    RETURN pg_wal_lsn_diff(coalesce(pg_last_wal_replay_lsn(), '0/0'), '0/0');
  END IF;
  RETURN NULL;
END $$;

-- Ends the epoch where the log stands, and begins another one.
CREATE FUNCTION log_fork(p_origin text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  head log_head;
BEGIN
  SELECT * INTO head FROM log_head;
  UPDATE log_epochs SET last = head.position WHERE last > head.position;
  INSERT INTO log_epochs (epoch, last) VALUES (head.epoch, head.position)
    ON CONFLICT (epoch) DO UPDATE SET last = excluded.last, ended_at = now();
  DELETE FROM log_epochs WHERE epoch NOT IN (
    SELECT e.epoch FROM log_epochs e ORDER BY e.ended_at DESC LIMIT 16);
  UPDATE log_head SET epoch = substr(replace(gen_random_uuid()::text, '-', ''), 1, 12),
      origin = coalesce(p_origin, origin);
END $$;

-- The same as log_state(), for the session that writes. The log begins a new epoch when another server
-- or timeline goes on with it, or when it stands below p_newest, which the caller has seen in p_epoch.
CREATE FUNCTION log_open(p_epoch text, p_newest bigint,
                         OUT epoch text, OUT "position" bigint, OUT schema int, OUT functions text,
                         OUT refusal text, OUT past text)
LANGUAGE plpgsql AS $$
DECLARE
  head log_head;
  present text := log_origin();
BEGIN
  IF coalesce(log_refusal(NULL), 'not-opened') = 'not-opened' THEN
    SELECT * INTO head FROM log_head FOR UPDATE;
    IF head.origin <> present OR (head.epoch = p_epoch AND head.position < p_newest) THEN
      PERFORM log_fork(present);
    ELSIF head.origin IS NULL AND present IS NOT NULL THEN
      UPDATE log_head SET origin = present;
    END IF;
  END IF;
  SELECT s.* INTO epoch, "position", schema, functions, refusal, past FROM log_state() s;
END $$;

-- The same, as proof that writing works: it takes the locks that writes take, needs room on the disk,
-- and its commit is as durable as theirs. Fails when one of them is not to be had soon.
CREATE FUNCTION log_watch(p_epoch text, p_newest bigint,
                          OUT epoch text, OUT "position" bigint, OUT schema int, OUT functions text,
                          OUT refusal text, OUT past text)
LANGUAGE plpgsql
SET lock_timeout = '2s'
SET temp_tablespaces = ''
SET work_mem = '64kB' AS $$
BEGIN
  IF coalesce(log_refusal(NULL), 'not-opened') = 'not-opened' THEN
    LOCK TABLE conversations, members, messages, marks, events, entries, outbox IN ROW EXCLUSIVE MODE;
    -- Sorted in a file beside the tables: half a megabyte must be free.
    PERFORM count(*) FROM (SELECT g FROM generate_series(1, 12000) g ORDER BY -g OFFSET 1) spilled;
    UPDATE log_head h SET stamp = h.stamp;
  END IF;
  SELECT s.* INTO epoch, "position", schema, functions, refusal, past FROM log_open(p_epoch, p_newest) s;
END $$;

-- Up to where the log has been taken, by this transaction, too. For the holder of the log.
CREATE FUNCTION log_reached() RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN (SELECT h.position FROM log_head h);
END $$;
