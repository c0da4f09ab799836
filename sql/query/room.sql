-- SPDX-License-Identifier: GPL-3.0-or-later
-- Rooms.

-- name: room_scene
SELECT conversation, name, description, subject, public, moderated, affiliation, role, nick, occupants, photo
  FROM room_scene($1::text, $2::text, $3::text)

-- name: room_audience
SELECT room, nick, occupant, address FROM room_audience($1::text, $2::text)

-- name: room_public
SELECT room, name FROM room_public()

-- name: room_mark
SELECT room, nick, occupant, address, message, id FROM room_mark($1::uuid, $2::uuid, $3::uuid)

-- name: room_people
SELECT allowed, jid, nick, affiliation, role FROM room_people($1::text, $2::text, $3::text, $4::text, $5::text)

-- name: room_configuration
SELECT allowed, name, description, public, moderated, invites, members_max
  FROM room_configuration($1::text, $2::text, $3::text)

-- name: group_typing
SELECT conversation, actor, number, member, room, nick, occupant, address
  FROM group_typing($1::uuid, $2::uuid, $3::text, $4::text)

-- name: reap_groups
SELECT removed, more, payload FROM reap_groups($1::bigint, $2::int)
