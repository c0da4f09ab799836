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

-- Of a standby: which log it follows; how far it has replayed the write-ahead log, in bytes; NULL: no standby.
-- name: replica_state
SELECT (SELECT epoch FROM log_head), wal_replayed()

-- The same of its primary.
-- name: primary_state
SELECT (SELECT epoch FROM log_head), wal_flushed()

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

-- ---- trestle backup-check: a restored database, before anybody uses it

-- The log: its epoch, where it stands, the highest position that something stored has, and why a session may not begin to write.
-- name: backup_log
SELECT h.epoch, h.position, greatest(
         coalesce((SELECT max(m.position) FROM messages m), 0), coalesce((SELECT max(e.position) FROM entries e), 0),
         coalesce((SELECT max(e.position) FROM events e), 0), coalesce((SELECT max(o.position) FROM outbox o), 0)),
       coalesce(log_refusal(h.origin), '')
  FROM log_head h

-- How many messages and conversations; conversations in which a number is missing between base_seq and the newest message,
-- and one of them; messages of no conversation; those that stand before an older one.
-- name: backup_messages
WITH counted AS (
  SELECT m.conversation_id, count(*) AS all_, count(*) FILTER (WHERE m.seq > coalesce(c.base_seq, 0)) AS kept,
         max(m.seq) - coalesce(min(c.base_seq), 0) AS newest, bool_or(c.id IS NULL) AS lost
    FROM messages m LEFT JOIN conversations c ON c.id = m.conversation_id GROUP BY m.conversation_id, c.base_seq
), turned AS (
  SELECT m.position < lag(m.position) OVER (PARTITION BY m.conversation_id ORDER BY m.seq) AS wrong FROM messages m
)
SELECT coalesce(sum(c.all_), 0), (SELECT count(*) FROM conversations),
       count(*) FILTER (WHERE NOT c.lost AND c.newest > 0 AND c.kept <> c.newest),
       min(c.conversation_id::text) FILTER (WHERE NOT c.lost AND c.newest > 0 AND c.kept <> c.newest),
       coalesce(sum(c.all_) FILTER (WHERE c.lost), 0), (SELECT count(*) FROM turned WHERE wrong)
  FROM counted c

-- Watermarks that stand beyond the newest message, and members of no conversation or user.
-- name: backup_members
SELECT count(*), count(*) FILTER (WHERE greatest(m.delivered_seq, m.read_seq) > greatest(c.base_seq,
         (SELECT max(x.seq) FROM messages x WHERE x.conversation_id = c.id))),
       count(*) FILTER (WHERE c.id IS NULL OR u.id IS NULL)
  FROM members m LEFT JOIN conversations c ON c.id = m.conversation_id LEFT JOIN users u ON u.id = m.user_id

-- Files whose bytes are in the store, behind the one of $1. The last column: whether the file as it came has to be there; when
-- there is what is handed out in its place, it goes (bridge/file/media_care.c).
-- name: backup_files
SELECT f.id, f.size, f.sha256, f.key_name, f.key, f.parts, NOT f.parts @> '[{"name": "clean"}]'
  FROM files f WHERE f.state = 'complete' AND f.key IS NOT NULL AND f.id > $1::uuid
  ORDER BY f.id LIMIT 200
