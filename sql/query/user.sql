-- SPDX-License-Identifier: GPL-3.0-or-later
-- Users and server keys.

-- name: user_provision
SELECT * FROM user_provision($1::text, $2::text, $3::text, $4::text, $5::text, $6::text)

-- name: user_find
SELECT * FROM user_find($1::text)

-- name: user_by_jid
SELECT * FROM user_by_jid($1::text)

-- name: server_key_find
SELECT server_key_find($1::bytea)
