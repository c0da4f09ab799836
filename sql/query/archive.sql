-- SPDX-License-Identifier: GPL-3.0-or-later
-- Archives that are read by XMPP.

-- name: archive_access
SELECT outcome FROM archive_access($1::text, $2::text)

-- name: archive_metadata
SELECT outcome, id, at FROM archive_metadata($1::text, $2::text)

-- name: archive_page
SELECT outcome, more, id, at, kind, wire, nick, occupant, jid, body, stanza, details
  FROM archive_page($1::text, $2::text, $3::jsonb, $4::int, $5::bigint)
