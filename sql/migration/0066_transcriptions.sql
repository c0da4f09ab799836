-- SPDX-License-Identifier: GPL-3.0-or-later
-- Voice messages that somebody wants to read, until the service of the operator's has answered. What it has said stands in
-- messages.details. See decision 0100.
CREATE TABLE transcriptions (
  message_id uuid PRIMARY KEY,
  state text NOT NULL,                      -- asked: the service is; waiting: it has said that it answers later
  language text,                            -- which is spoken, if who has asked knows
  attempts int NOT NULL DEFAULT 0,          -- how often the service was asked
  token text COLLATE "C",                   -- digest of what the newest question may be answered by
  at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX transcriptions_token ON transcriptions (token) WHERE token IS NOT NULL;
