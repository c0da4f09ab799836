-- SPDX-License-Identifier: GPL-3.0-or-later
-- Administration.

-- name: audit_admit
SELECT audit_admit($1::uuid, $2::text, $3::jsonb) AS admitted

-- name: audit_list
SELECT audit_list(:since::text, :until::text, :actor::text, :action::text, :object::text,
                  :limit::int, :after::text) AS page

-- name: audit_rows
SELECT id, line
  FROM audit_rows($1::text, $2::text, $3::text, $4::text, $5::int, $6::bigint, $7::uuid, $8::text)

-- name: audit_sign_ins
SELECT audit_sign_ins($1::jsonb, $2::boolean) AS written

-- name: reap_audit
SELECT removed, more, payload FROM reap_audit($1::bigint, $2::int)

-- name: admin_by_jid
SELECT id, jid, name, facts, kind, number, staff, suspended FROM admin_by_jid($1::text)

-- name: admin_user_list
SELECT admin_user_list(:q::text, :state::text, :limit::int, :after::text) AS page

-- name: admin_user_show
SELECT admin_user_show(:user::text) AS shown

-- name: admin_user_count
SELECT admin_user_count(:online::bigint) AS shown

-- name: admin_last_login
SELECT admin_last_login(:user::text) AS shown

-- name: admin_token_claims
SELECT external_id, username, name FROM admin_token_claims($1::text)

-- name: admin_key_list
SELECT admin_key_list() AS shown

-- name: admin_room_list
SELECT admin_room_list(:q::text, :limit::int, :after::text) AS page

-- name: admin_limits
SELECT user_id, name, rate FROM admin_limits()

-- name: admin_limits_of
SELECT admin_limits_of(:user::text) AS shown

-- name: erase_show
SELECT erase_show(:user::text) AS shown
