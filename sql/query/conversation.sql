-- SPDX-License-Identifier: GPL-3.0-or-later
-- Conversations. Each query is one call of a function of sql/function, which states its shape.

-- name: conversation_analytics
SELECT conversation_analytics(:caller::uuid, :conversation_id::uuid, :from::text, :to::text) AS figures

-- name: admin_analytics
SELECT admin_analytics(:conversation_id::uuid, :from::text, :to::text) AS figures

-- name: conversation_get
SELECT conversation_get(:caller::uuid, :conversation_id::uuid) AS conversation

-- name: unread_count
SELECT unread_count(:caller::uuid) AS unread

-- name: conversation_list
SELECT key, rest, self, to_rest, conversation, direct_id, begun, unread, pinned, muted_until, archived, request, blocked,
       marked_unread, draft, notify, disappearing, instead, peer_id, username, name, avatar_url, bio, jid, peer_kind,
       number, own_role, own_joined, own_read, peer_role, peer_joined, peer_read, shown, id, client_id, conversation_id,
       seq, sender, sender_id, body, kind, metadata, sent_at, failed, delivered_at, read_at, created_at, reactions,
       content
  FROM conversation_list(:caller::uuid, :limit::int, :before::bigint, :after::bigint, :filter::text,
                         :q::text)

-- name: membership_get
SELECT membership_get(:caller::uuid, :conversation_id::uuid, :user_id::uuid) AS member

-- name: membership_page
SELECT item, more, next
  FROM membership_page(:caller::uuid, :conversation_id::uuid, :state::text, :q::text, :limit::int, :after::bigint)
