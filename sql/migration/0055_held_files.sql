-- SPDX-License-Identifier: GPL-3.0-or-later
-- Files that are held back, for moderators.
CREATE INDEX files_held ON files (id) WHERE scan = 'held' AND key IS NOT NULL;
