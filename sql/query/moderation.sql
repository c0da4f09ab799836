-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reports, and what is done about them.

-- name: report_list
SELECT report_list(:state::text, :conversation_id::uuid, :limit::int, :after::text) AS page

-- name: report_list_of_group
SELECT report_list_of_group(:caller::uuid, :conversation_id::uuid, :state::text, :limit::int, :after::text) AS page

-- name: report_get
SELECT report_get(:report_id::uuid) AS shown

-- name: action_list
SELECT action_list(:user::text, :appealed::boolean, :limit::int, :after::text) AS page

-- name: action_own
SELECT action_own(:caller::uuid) AS shown

-- name: spam_list
SELECT spam_list(:action::text, :user::text, :limit::int, :after::text) AS page

-- name: spam_domain_list
SELECT spam_domain_list(:limit::int, :after::text) AS page

-- name: spam_links
SELECT spam_links($1::text, $2::jsonb) AS shown

-- name: spam_forbid
SELECT spam_forbid($1::uuid, $2::uuid, $3::text) AS done

-- name: restriction_list
SELECT restriction_list(:caller::uuid, :limit::int, :after::text) AS page

-- name: reap_reports
SELECT removed, more, payload FROM reap_reports($1::bigint, $2::int)

-- name: reap_spam
SELECT removed, more, payload FROM reap_spam($1::bigint, $2::int)

-- name: hold_list
SELECT hold_list(:limit::int, :after::text) AS page

-- name: hold_show
SELECT hold_show(:user::text) AS shown
