-- SPDX-License-Identifier: GPL-3.0-or-later
-- What conversations were about on some days, as the service of the operator's that was asked has it: labels, and nothing of what was
-- said. See decision 0111.
CREATE TABLE conversation_topics (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), -- key of the job that asks
  conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
  first_day date NOT NULL,
  last_day date NOT NULL,
  state text NOT NULL CHECK (state IN ('asked', 'complete', 'failed', 'encrypted')),
  topics jsonb NOT NULL DEFAULT '[]',            -- of complete: at most ten texts
  attempts int NOT NULL DEFAULT 0,               -- how often the service was asked
  at timestamptz NOT NULL,                       -- of the state
  UNIQUE (conversation_id, first_day, last_day)
);
CREATE INDEX conversation_topics_at ON conversation_topics (at);
