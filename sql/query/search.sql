-- SPDX-License-Identifier: GPL-3.0-or-later
-- Search in messages.

-- name: search_index
SELECT behind, indexed, head FROM search_index($1::int, true)

-- name: message_search
SELECT message, more, next
  FROM message_search(:caller::uuid, :conversation_id::uuid, :q::text, :limit::int, :before::bigint)

-- name: search_renew
SELECT left_, all_ FROM search_renew($1::int)
