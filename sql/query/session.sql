-- SPDX-License-Identifier: GPL-3.0-or-later
-- Sessions, tickets, sign-outs and suspensions.

-- name: user_sign_in
SELECT id, jid, name, facts, kind, number, state, position, created_at
  FROM user_sign_in($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::uuid, $8::bigint)

-- name: user_sign_in_known
SELECT id, jid, name, facts, kind, number, state, position, created_at, n
  FROM user_sign_in_known($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::bigint[])

-- name: server_key_sign_in
SELECT id, jid, name, facts, kind, number, state, position, created_at, scopes
  FROM server_key_sign_in($1::bytea, $2::text)

-- name: session_check
SELECT state, position, created_at FROM session_check($1::uuid, $2::uuid, $3::bigint)

-- name: session_open
SELECT state, expires FROM session_open($1::uuid, $2::uuid, $3::int, $4::int, $5::uuid, $6::bigint)

-- name: session_renew
SELECT session_renew($1::uuid, $2::int) AS expires

-- name: session_find
SELECT id, jid, name, facts, kind, number, state, position, created_at, credential, issued, expires
  FROM session_find($1::uuid)

-- name: session_close
SELECT session_close($1::uuid, $2::uuid) AS position

-- name: session_close_all
SELECT session_close_all($1::uuid, $2::uuid, $3::bigint) AS position

-- name: token_revoke
SELECT token_revoke($1::uuid, $2::uuid, $3::bigint) AS position

-- name: ticket_add
SELECT state, expires FROM ticket_add($1::uuid, $2::uuid, $3::uuid, $4::bigint, $5::bigint, $6::int)

-- name: ticket_take
SELECT id, jid, name, facts, kind, number, state, position, created_at, credential, issued, expires
  FROM ticket_take($1::uuid)

-- name: ticket_find
SELECT id, jid, name, facts, kind, number, state, position, created_at, credential, issued, expires
  FROM ticket_find($1::uuid)

-- name: revocation_since
SELECT head, position, user_id, credential, issued_before, reason
  FROM revocation_since($1::bigint, $2::int)

-- name: user_suspend
SELECT user_suspend($1::uuid, $2::text) AS suspension

-- name: user_restore
SELECT user_restore($1::uuid) AS suspension

-- name: session_list
SELECT session_list(:caller::uuid) AS sessions

-- name: session_list_of
SELECT session_list_of(:user::text) AS sessions
