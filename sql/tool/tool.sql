-- SPDX-License-Identifier: GPL-3.0-or-later
-- Statements of the command line (trestle doctor, trestle token), which the daemon never runs.

-- name: server_key_create
SELECT server_key_create($1::text, $2::bytea, $3::text[])

-- name: server_key_revoke
SELECT server_key_revoke($1::text)

-- name: schema_newest
SELECT max(version) FROM schema_migrations

-- name: schema_functions
SELECT digest FROM schema_functions

-- In a transaction that is rolled back.
-- name: write_try
SELECT coalesce(refusal, '') FROM log_watch(NULL, 0)

-- name: clock_now
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint

-- name: lease_holder
SELECT holder FROM leases WHERE name = 'link' AND expires_at > clock_timestamp()

-- The locale by which letters have upper and lower case. (`SHOW lc_ctype` ended with PostgreSQL 15.)
-- name: locale
SELECT datctype FROM pg_database WHERE datname = current_database()

-- Users whose own id is the id of somebody else: from before that was refused. A reference to them means nobody.
-- name: user_ambiguous
SELECT count(*) FROM users u
  WHERE EXISTS (SELECT FROM users o WHERE o.id = user_id_of(u.external_id) AND o.id <> u.id)

-- name: mam_import_state
SELECT last, count, finished_at IS NOT NULL FROM mam_imports WHERE owner = $1::text

-- name: mam_import
SELECT mam_import($1::text, $2::jsonb, $3::text, $4::boolean)

-- When the newest of what is kept of each of the hosts was said.
-- name: mam_newest
SELECT h, to_char(max(o.seen) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
  FROM unnest(string_to_array(nullif($1::text, ''), ' ')) h LEFT JOIN mam_owners o ON o.host = h AND o.seen > '-infinity'
  GROUP BY h ORDER BY h

-- name: mam_check
SELECT mam_check(string_to_array(nullif($1::text, ''), ' '))
