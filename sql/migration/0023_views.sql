-- SPDX-License-Identifier: GPL-3.0-or-later
-- Types are replaced together with the functions that return them.
ALTER TABLE schema_functions ADD COLUMN types text[] NOT NULL DEFAULT '{}'; -- what to drop, the last first
