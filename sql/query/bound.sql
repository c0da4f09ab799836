-- SPDX-License-Identifier: GPL-3.0-or-later
-- Accounts of other servers that are used here, too.

-- name: bound_account
SELECT id, jid, name, facts, kind, number, resource, watched, waiting FROM bound_account($1::text)

-- name: bound_sign_in
SELECT id, jid, name, facts, kind, number, state, position, created_at FROM bound_sign_in($1::text)

-- name: bound_token_sign_in
SELECT id, jid, name, facts, kind, number, state, position, created_at
  FROM bound_token_sign_in($1::text, $2::text, $3::uuid, $4::bigint)

-- name: bound_link
SELECT bound_link($1::text, $2::text) AS outcome

-- name: bound_wanted
SELECT id, jid FROM bound_wanted($1::uuid, $2::int)

-- name: bound_watch
SELECT bound_watch($1::uuid, $2::boolean) AS watched

-- name: bound_live
SELECT bound_live($1::text, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::text, $8::bigint) AS uid

-- name: bound_park
SELECT bound_park($1::text, $2::text, $3::text, $4::int) AS parked

-- name: bound_expired
SELECT id, stanza FROM bound_expired($1::bigint, $2::int)

-- name: bound_parked
SELECT id, stanza FROM bound_parked($1::text, $2::bigint, $3::int)

-- name: bound_parked_sent
SELECT bound_parked_sent($1::bigint[]) AS cleared

-- name: bound_bookmark_list
SELECT bound_bookmark_list(:caller::uuid) AS page

-- name: bound_seats
SELECT bound_seats($1::text, $2::boolean)::text AS done

-- name: bound_displayed
SELECT jid, by, id FROM bound_displayed($1::uuid, $2::uuid, $3::uuid)

-- name: mam_own_page
SELECT outcome, more, id, at, stanza FROM mam_own_page($1::text, $2::jsonb, $3::int)

-- name: mam_own_ends
SELECT id, at FROM mam_own_ends($1::text)
