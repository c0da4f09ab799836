-- SPDX-License-Identifier: GPL-3.0-or-later
-- Another server goes on with the log, a standby that was promoted or a copy that was restored: from
-- there on it is another log, of another epoch, and positions may be used a second time.

-- The server and the timeline that the log was last written on; NULL: not known yet.
ALTER TABLE log_head ADD COLUMN origin text;

-- Epochs that have ended. Up to `last` their log is the present one, so cursors up to there are good.
CREATE TABLE log_epochs (
  epoch text PRIMARY KEY,
  last bigint NOT NULL,
  ended_at timestamptz NOT NULL DEFAULT now()
);
