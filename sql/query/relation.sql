-- SPDX-License-Identifier: GPL-3.0-or-later
-- Who may reach whom, and privacy.

-- name: relation_view
SELECT user_id, user_number, user_jid, user_hosted, peer_id, peer_number, peer_jid, peer_hosted,
       conversation_id, known, live, heard, blocks, accepts, shows, last_seen, profile,
       blocked_by, accepted_by, shown_by, last_seen_by, profile_by
  FROM relation_view($1::text, $2::text, $3::jsonb)

-- name: relation_blocked
SELECT relation_blocked(:caller::uuid, :limit::int, :before::text) AS page

-- name: retention_get
SELECT retention_get(:caller::uuid) AS retention

-- name: privacy_get
SELECT privacy_get(:caller::uuid) AS privacy

-- name: sharing_get
SELECT sharing_get(:caller::uuid) AS sharing
