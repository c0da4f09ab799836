-- SPDX-License-Identifier: GPL-3.0-or-later
-- Calls that are handed on to somebody else. See decision 0060.

ALTER TABLE calls ADD COLUMN replaces uuid; -- the call in place of which this one was begun
