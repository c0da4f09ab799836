-- SPDX-License-Identifier: GPL-3.0-or-later
-- Whether the holder can do what the lease is for: other instances answer for that while they cannot
-- hear it otherwise.
ALTER TABLE leases ADD COLUMN useful boolean NOT NULL DEFAULT false;
