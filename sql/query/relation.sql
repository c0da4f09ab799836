-- SPDX-License-Identifier: GPL-3.0-or-later
-- Who may reach whom, and privacy.

-- name: relation_view
SELECT * FROM relation_view($1::text, $2::text)

-- name: relation_blocked
SELECT relation_blocked($1::uuid, $2::int, $3::text)

-- name: privacy_get
SELECT privacy_get($1::uuid)
