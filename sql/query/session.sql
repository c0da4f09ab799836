-- SPDX-License-Identifier: GPL-3.0-or-later
-- Sessions, tickets, sign-outs and suspensions.

-- name: user_sign_in
SELECT * FROM user_sign_in($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::uuid, $8::bigint)

-- name: server_key_sign_in
SELECT * FROM server_key_sign_in($1::bytea, $2::text)

-- name: session_check
SELECT * FROM session_check($1::uuid, $2::uuid, $3::bigint)

-- name: session_open
SELECT * FROM session_open($1::uuid, $2::uuid, $3::int, $4::uuid, $5::bigint)

-- name: session_find
SELECT * FROM session_find($1::uuid)

-- name: session_close
SELECT session_close($1::uuid, $2::uuid)

-- name: session_close_all
SELECT session_close_all($1::uuid, $2::uuid, $3::bigint)

-- name: token_revoke
SELECT token_revoke($1::uuid, $2::uuid, $3::bigint)

-- name: ticket_add
SELECT * FROM ticket_add($1::uuid, $2::uuid, $3::uuid, $4::bigint, $5::bigint, $6::int)

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
