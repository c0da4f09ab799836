-- SPDX-License-Identifier: GPL-3.0-or-later
-- Several instances.

-- With several instances these two frame each batch, in its transaction: what it took of the log
-- lies between them.
-- name: log_before
SELECT position FROM log_head FOR UPDATE

-- name: log_after
SELECT position FROM log_head

-- name: lease_take
SELECT ret_held, ret_epoch, ret_useful
  FROM lease_take($1::text, $2::text, $3::int, $4::boolean)

-- name: lease_release
SELECT lease_release($1::text, $2::text, $3::bigint)
