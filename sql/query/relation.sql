-- SPDX-License-Identifier: GPL-3.0-or-later
-- Who may reach whom, and privacy.

-- name: relation_view
SELECT user_id, peer_id, conversation_id, peer_jid, peer_hosted, blocks, accepts, shows, last_seen,
       profile, blocked_by, accepted_by, shown_by, last_seen_by, profile_by, user_number, peer_number, known
  FROM relation_view($1::text, $2::text)

-- name: relation_blocked
SELECT relation_blocked(:caller::uuid, :limit::int, :before::text) AS page

-- name: privacy_get
SELECT privacy_get(:caller::uuid) AS privacy
