-- SPDX-License-Identifier: GPL-3.0-or-later
-- Files.

-- name: file_create
SELECT outcome, file FROM file_create($1::uuid, $2::jsonb)

-- name: slot_create
SELECT outcome, path FROM slot_create($1::text, $2::boolean, $3::jsonb)

-- name: file_open
SELECT state, size, received, turn, key, key_name, type, sha256, created, user_id FROM file_open($1::uuid, $2::uuid, $3::boolean)

-- name: file_keep
SELECT file_keep($1::uuid, $2::bigint, $3::bigint) AS kept

-- name: file_get
SELECT file_get(:caller::uuid, :file_id::uuid) AS file

-- name: file_serve
SELECT id, state, type, name, size, key, key_name, parts, locked, sha256, keep FROM file_serve($1::uuid, $2::text)

-- name: file_gallery
SELECT item, more, next
  FROM file_gallery(:caller::uuid, :conversation_id::uuid, :kind::text, :limit::int, :before::text)

-- name: file_due
SELECT id, parts FROM file_due($1::int)

-- name: file_gone
SELECT file_gone($1::text::uuid[]) AS gone

-- name: file_process
SELECT id, state, scan, purpose, type, size, key, key_name FROM file_process($1::uuid)

-- name: file_classify
SELECT id, name, type, kind, purpose, size, sha256, parts, owner FROM file_classify($1::uuid)

-- name: file_lock
SELECT lock, name FROM file_lock($1::uuid, $2::uuid)

-- name: file_old_keys
SELECT id, key, key_name FROM file_old_keys($1::text, $2::int)

-- name: file_rewrap
SELECT file_rewrap($1::text::uuid[], $2::text::text[], $3::text) AS count

-- name: file_used
SELECT file_used($1::uuid) AS bytes

-- name: file_unmoved
SELECT id, parts FROM file_unmoved($1::int)

-- name: file_remote
SELECT url, type, size, sha256 FROM file_remote($1::uuid)

-- name: file_held_list
SELECT file_held_list(:limit::int, :after::uuid) AS page

-- name: file_held
SELECT name FROM file_held($1::uuid)

-- name: file_moved
SELECT file_moved($1::text::uuid[]) AS moved
