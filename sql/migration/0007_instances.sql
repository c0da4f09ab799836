-- SPDX-License-Identifier: GPL-3.0-or-later
-- Several instances: who may do what only one of them may.

CREATE TABLE leases (
  name text PRIMARY KEY,
  holder text NOT NULL,                -- an instance; another one at each of its starts
  epoch bigint NOT NULL,               -- rises with each holder: fences what an earlier one still does
  expires_at timestamptz NOT NULL      -- by the clock of the database
);
