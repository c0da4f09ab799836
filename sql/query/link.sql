-- SPDX-License-Identifier: GPL-3.0-or-later
-- What is fetched from others.

-- name: link_find
SELECT found, preview FROM link_find($1::text)

-- name: link_store
SELECT link_store($1::text, $2::jsonb, $3::bigint) AS preview

-- name: link_wanted
SELECT url FROM link_wanted($1::uuid)

-- name: reap_links
SELECT removed, more, payload FROM reap_links($1::int)

-- name: avatar_wanted
SELECT url FROM avatar_wanted($1::uuid)
