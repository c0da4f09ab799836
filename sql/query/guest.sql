-- SPDX-License-Identifier: GPL-3.0-or-later
-- Groups that are rooms elsewhere.

-- name: guest_reset
SELECT guest_reset()::text AS done

-- name: guest_take
SELECT state, jid, room, nick, password, heard_at FROM guest_take($1::int)

-- name: guest_say
SELECT jid, room, wire, kind, target, payload FROM guest_say($1::int)

-- name: guest_archive
SELECT newest, archived, heard_at FROM guest_archive($1::text)
