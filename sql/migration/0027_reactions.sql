-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reactions (XEP-0444). See decision 0054.

-- What one user says of one message. Written by reaction_put() alone.
CREATE TABLE reactions (
  message_id uuid NOT NULL,
  user_id uuid NOT NULL,
  emoji text[] NOT NULL,               -- the whole set; empty: all taken back
  since bigint[] NOT NULL,             -- of each, the position of the log at which it came
  said_at timestamptz NOT NULL,        -- by the clock of whoever said it: what is older comes too late
  PRIMARY KEY (message_id, user_id)
);

-- The same of all users, so that reading a message looks into no other table:
-- [{ emoji, count, users }]; NULL: none.
ALTER TABLE messages ADD reactions jsonb;

-- A newer set takes the place of one that waits.
CREATE INDEX outbox_reaction ON outbox (message_id, from_user) WHERE kind = 'reaction';
