-- SPDX-License-Identifier: GPL-3.0-or-later
-- What requests with an Idempotency-Key have made.
CREATE TABLE idempotency (
  subject uuid NOT NULL, -- the user, or the server key that asks for nobody
  key text NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 128),
  operation text NOT NULL,
  fingerprint uuid NOT NULL, -- of what was asked for
  object text NOT NULL, -- the id of what was made
  at timestamptz NOT NULL,
  PRIMARY KEY (subject, key)
);
CREATE INDEX idempotency_subject ON idempotency (subject, at);
CREATE INDEX idempotency_at ON idempotency (at);
