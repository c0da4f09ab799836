-- SPDX-License-Identifier: GPL-3.0-or-later
-- Direct conversations as typing needs them. All have one shape.

-- name: pair_by_conversation
SELECT id, one, one_number, one_jid, one_hosted, other, other_number, other_jid, other_hosted, live, heard
  FROM pair_by_conversation($1::uuid)

-- name: pair_by_users
SELECT id, one, one_number, one_jid, one_hosted, other, other_number, other_jid, other_hosted, live, heard
  FROM pair_by_users($1::uuid, $2::jsonb)

-- name: pair_by_jids
SELECT id, one, one_number, one_jid, one_hosted, other, other_number, other_jid, other_hosted, live, heard
  FROM pair_by_jids($1::text, $2::text)
