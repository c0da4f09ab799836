-- SPDX-License-Identifier: GPL-3.0-or-later
-- Messages that bounced, by the time of the bounce. The functions stand in sql/function.

CREATE INDEX messages_failed ON messages (sender_id, failed_position)
  WHERE failed_position IS NOT NULL;
