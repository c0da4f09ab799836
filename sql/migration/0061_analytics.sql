-- SPDX-License-Identifier: GPL-3.0-or-later
-- Figures of conversations, counted day by day (UTC) from when messages came and from whom. See decision 0097.

-- What one member wrote on a day. who: the user, if that one shares figures (named); else a name that holds for that day and conversation
-- alone.
CREATE TABLE activity (
  conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
  day date NOT NULL,
  who uuid NOT NULL,
  named boolean NOT NULL,
  messages int NOT NULL,
  first_at timestamptz,                -- NULL: not named
  last_at timestamptz,
  PRIMARY KEY (conversation_id, day, who)
);
CREATE INDEX activity_day ON activity (day);
CREATE INDEX activity_named ON activity (who) WHERE named;

-- How long it was until somebody else said the next thing: how often, by place on a scale (activity_step()).
CREATE TABLE activity_answers (
  conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
  day date NOT NULL,
  step smallint NOT NULL,
  count int NOT NULL,
  PRIMARY KEY (conversation_id, day, step)
);
CREATE INDEX activity_answers_day ON activity_answers (day);

-- Up to which position of the log it is counted, and with what the names of the day are made, which is forgotten with the next day.
CREATE TABLE activity_state (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  position bigint NOT NULL,
  day date,
  salt uuid NOT NULL
);
