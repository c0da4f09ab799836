-- SPDX-License-Identifier: GPL-3.0-or-later
-- What users take away.

-- name: export_list
SELECT export_list(:caller::uuid, :limit::int, :after::text) AS page

-- name: export_get
SELECT export_get(:caller::uuid, :export_id::uuid) AS shown

-- name: export_of_conversation
SELECT export_of_conversation(:caller::uuid, :conversation_id::uuid) AS shown

-- name: export_list_of_asked
SELECT export_list_of_asked(:caller::uuid, :limit::int, :after::text) AS page

-- name: export_list_of_staff
SELECT export_list_of_staff(:limit::int, :after::text) AS page

-- name: export_find
SELECT user_id, jid, conversation_id, total FROM export_find($1::uuid)

-- name: export_rows
SELECT key, line FROM export_rows($1::uuid, $2::text, $3::uuid, $4::text, $5::int)

-- name: export_conversations
SELECT key, conversation FROM export_conversations($1::uuid, $2::uuid, $3::text, $4::int)

-- name: export_messages
SELECT key, message, versions, sender, receiver, id, origin, body, at
  FROM export_messages($1::uuid, $2::uuid, $3::text, $4::int, $5::bigint)

-- name: export_keep
SELECT export_keep($1::uuid, $2::int, $3::jsonb) AS kept

-- name: export_files
SELECT id, made, file, size FROM export_files($1::text)

-- name: export_purge
SELECT removed, more, payload FROM export_purge($1::uuid, $2::int)

-- name: export_measure
SELECT export_measure($1::uuid)

-- name: export_file
SELECT key, id, path, part, size, sealed, key_name, without, line FROM export_file($1::uuid, $2::text)

-- name: export_part
SELECT n, file, content FROM export_part($1::uuid, $2::int)
