-- SPDX-License-Identifier: GPL-3.0-or-later
-- Sessions, tickets, sign-outs and suspensions.

-- name: session_check
SELECT * FROM session_check($1::uuid, $2::uuid, $3::bigint)

-- name: session_open
SELECT session_open($1::uuid, $2::uuid, $3::int)

-- name: session_find
SELECT * FROM session_find($1::uuid)

-- name: session_close
SELECT session_close($1::uuid, $2::uuid)

-- name: session_close_all
SELECT session_close_all($1::uuid)

-- name: session_sweep
SELECT session_sweep($1::int)

-- name: token_revoke
SELECT token_revoke($1::uuid, $2::uuid, $3::bigint)

-- name: ticket_add
SELECT ticket_add($1::uuid, $2::uuid, $3::uuid, $4::bigint, $5::bigint, $6::int)

-- name: ticket_take
SELECT * FROM ticket_take($1::uuid)

-- name: ticket_find
SELECT * FROM ticket_find($1::uuid)

-- name: revocation_since
SELECT * FROM revocation_since($1::bigint, $2::int)

-- name: user_suspend
SELECT user_suspend($1::uuid, $2::text)

-- name: user_restore
SELECT user_restore($1::uuid)
