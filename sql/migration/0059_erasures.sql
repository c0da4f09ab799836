-- SPDX-License-Identifier: GPL-3.0-or-later
-- Users of whom everything is erased.

CREATE TABLE erasures (
  user_id uuid PRIMARY KEY REFERENCES users,
  asked_by text NOT NULL,              -- in words, as in the audit
  reason text NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'done')),
  counts jsonb NOT NULL,               -- what there was when it was asked for
  upto uuid,                           -- messages.dedupe of the last message that was looked at
  created_at timestamptz NOT NULL,
  ended_at timestamptz
);

-- What one user did to what others said, wherever.
CREATE INDEX reactions_user ON reactions (user_id);
CREATE INDEX votes_user ON votes (user_id);
CREATE INDEX removed_content_sender ON removed_content (sender_id);
CREATE INDEX reports_reporter ON reports (reporter) WHERE reporter IS NOT NULL;
