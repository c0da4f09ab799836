-- SPDX-License-Identifier: GPL-3.0-or-later
-- Administration.

-- name: audit_admit
SELECT audit_admit($1::uuid, $2::text, $3::jsonb) AS admitted

-- name: audit_list
SELECT audit_list(:since::text, :until::text, :actor::text, :action::text, :object::text,
                  :limit::int, :after::text) AS page

-- name: reap_audit
SELECT removed, more, payload FROM reap_audit($1::bigint, $2::int)

-- name: admin_by_jid
SELECT id, jid, name, facts, kind, number, staff, suspended FROM admin_by_jid($1::text)

-- name: admin_user_list
SELECT admin_user_list(:q::text, :state::text, :limit::int, :after::text) AS page

-- name: admin_user_show
SELECT admin_user_show(:user::text) AS shown
