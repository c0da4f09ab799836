-- SPDX-License-Identifier: GPL-3.0-or-later
-- Presence subscriptions. The first five have one shape, so that one caller serves them all.

-- name: contact_subscribe
SELECT answer, last_seen FROM contact_subscribe($1::uuid, $2::text)

-- name: contact_subscribed
SELECT answer, last_seen FROM contact_subscribed($1::uuid, $2::text)

-- name: contact_unsubscribe
SELECT answer, last_seen FROM contact_unsubscribe($1::uuid, $2::text)

-- name: contact_unsubscribed
SELECT answer, last_seen FROM contact_unsubscribed($1::uuid, $2::text)

-- name: contact_probe
SELECT answer, last_seen FROM contact_probe($1::uuid, $2::text)

-- name: contact_access
SELECT allowed, idle_seconds FROM contact_access($1::uuid, $2::text)

-- name: contact_announce
SELECT peer FROM contact_announce($1::uuid, $2::boolean, $3::int, $4::text, $5::int)

-- name: contact_shown_online
SELECT id, jid, name, json, kind, number FROM contact_shown_online($1::uuid, $2::int)
