-- SPDX-License-Identifier: GPL-3.0-or-later
-- Archives of bound accounts, folded into conversations.

-- name: fold_page
SELECT owner_id, owner, place, uid, outgoing, sender, stamp, known, history, stanza
  FROM fold_page($1::bigint, $2::text, $3::int, $4::bigint)

-- name: fold_done
SELECT fold_done($1::bigint, $2::bigint) AS noted
