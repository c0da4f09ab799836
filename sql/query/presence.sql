-- SPDX-License-Identifier: GPL-3.0-or-later
-- Who may see whose presence.

-- name: presence_partners
SELECT id, number, jid, hosted, sees, sees_last, seen, seen_last, seen_at, to_peer,
       from_peer, own_number
  FROM presence_partners($1::uuid, $2::uuid, $3::int)

-- name: presence_partners_many
SELECT id, number, jid, hosted, sees, sees_last, seen, seen_last, seen_at, to_peer,
       from_peer, own_number, n
  FROM presence_partners_many($1::uuid[], ($2::int[])[1])
