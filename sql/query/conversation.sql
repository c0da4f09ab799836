-- SPDX-License-Identifier: GPL-3.0-or-later
-- Conversations. Each query is one call of a function of sql/migration, which states its shape.

-- name: conversation_open
SELECT * FROM conversation_open($1::uuid[], $2::text[], $3::text[], $4::text)

-- name: conversation_get
SELECT conversation_get($1::uuid, $2::uuid)

-- name: conversation_list
SELECT conversation_list($1::uuid, $2::int, $3::bigint, $4::bigint)
