-- SPDX-License-Identifier: GPL-3.0-or-later
-- Conversations. Each query is one call of a function of sql/function, which states its shape.

-- name: conversation_get
SELECT conversation_get($1::uuid, $2::uuid)

-- name: conversation_list
SELECT object, key, rest
  FROM conversation_list($1::uuid, $2::int, $3::bigint, $4::bigint, $5::text, $6::text)
