-- SPDX-License-Identifier: GPL-3.0-or-later
-- Conversations. Each query is one call of a function of sql/function, which states its shape.

-- name: conversation_get
SELECT conversation_get(:caller::uuid, :conversation_id::uuid) AS conversation

-- name: conversation_list
SELECT key, rest, self, whole, id, kind, created_at, is_a, mine_role, mine_joined, mine_read, peer_role,
       peer_joined, peer_read, pinned, muted, archived, request, blocked, unread, peer_id,
       peer_username, peer_name, peer_picture, peer_bio, peer_jid, peer_kind, peer_number, last_id,
       last_client_id, last_seq, last_mine, last_body, last_kind, last_failed, last_at,
       last_delivered, last_read, last_sent
  FROM conversation_list(:caller::uuid, :limit::int, :before::bigint, :after::bigint, :filter::text,
                         :q::text)
