-- SPDX-License-Identifier: GPL-3.0-or-later
-- Which process is at a job: what one was at that is gone is begun again at once.

ALTER TABLE jobs ADD COLUMN taker text; -- another one at each start; who had the lock last
CREATE INDEX jobs_locked ON jobs (locked_until) WHERE locked_until IS NOT NULL;
