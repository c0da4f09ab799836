-- SPDX-License-Identifier: GPL-3.0-or-later
-- Presence subscriptions. What changes them is a change, see sql/function/contact.sql.

-- name: contact_probe
SELECT answer, last_seen FROM contact_probe($1::uuid, $2::text)

-- name: contact_idle
SELECT contact_idle($1::uuid) AS seconds

-- name: contact_announce
SELECT peer FROM contact_announce($1::uuid, $2::boolean, $3::int, $4::text, $5::int)

-- name: contact_shown_online
SELECT id, jid, name, facts, kind, number FROM contact_shown_online($1::uuid, $2::int)

-- name: contact_list
SELECT contact_list($1::uuid, $2::int, $3::text) AS page
