-- SPDX-License-Identifier: GPL-3.0-or-later
-- Search in messages.

-- name: search_index
SELECT search_index($1::int, true) AS behind

-- name: message_search
SELECT message_search($1::uuid, $2::uuid, $3::text, $4::int, $5::bigint) AS page

-- name: search_renew
SELECT left_, all_ FROM search_renew($1::int)
