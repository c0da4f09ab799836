-- SPDX-License-Identifier: GPL-3.0-or-later
-- Conversations. Each query is one call of a function of sql/function, which states its shape.

-- name: conversation_get
SELECT conversation_get(:caller::uuid, :conversation_id::uuid) AS conversation

-- name: conversation_list
SELECT key, rest, conversation
  FROM conversation_list(:caller::uuid, :limit::int, :before::bigint, :after::bigint, :filter::text,
                         :q::text)
