-- SPDX-License-Identifier: GPL-3.0-or-later
-- Users and server keys.

-- name: account_get
SELECT account_get(:caller::uuid) AS account

-- name: user_create
SELECT id, jid, name, facts, created, number, repeated
  FROM user_create($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::jsonb)

-- name: user_by_jid
SELECT id, jid, name, facts, kind, number FROM user_by_jid($1::text)

-- name: user_self
SELECT self FROM user_self(:caller::uuid) AS self

-- name: staff_has
SELECT staff_has($1::uuid, $2::text) AS has

-- name: user_get
SELECT user_get(:caller::uuid, :user_id::uuid) AS shown

-- name: user_search
SELECT user_search($1::uuid, $2::text, 20) AS list

-- name: user_addressed
SELECT list, complete FROM user_addressed($1::uuid, $2::text, 20)

-- name: user_candidate
SELECT user_candidate($1::uuid, $2::text) AS list

-- name: picture_store
SELECT picture_store($1::text, $2::text, $3::text, $4::text, $5::int, $6::int)

-- name: picture_get
SELECT type, image FROM picture_get($1::text)

-- name: picture_png
SELECT png, bytes, width, height FROM picture_png($1::text)

-- name: remote_profile_wanted
SELECT wanted, known, shown FROM remote_profile_wanted($1::uuid, $2::text)
