-- SPDX-License-Identifier: GPL-3.0-or-later
-- Sessions by cookie, tickets, sign-outs and suspensions. Of secrets only digests are kept (the first
-- half of a SHA-256, as a uuid).

CREATE TABLE sessions (
  digest uuid PRIMARY KEY,             -- of the cookie
  user_id uuid NOT NULL REFERENCES users,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Good for one WebSocket, which then has the rights and the end of what the ticket was made with.
CREATE TABLE tickets (
  digest uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users,
  credential uuid,                     -- digest of the token or cookie; NULL: a server key made it
  issued_at timestamptz NOT NULL,      -- that one's
  session_expires_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX tickets_expiry ON tickets (expires_at);

-- Tokens that were signed out, until they would have expired.
CREATE TABLE revoked_tokens (
  digest uuid PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
CREATE INDEX revoked_tokens_expiry ON revoked_tokens (expires_at);

-- Only of users of whom there is something to say.
CREATE TABLE user_access (
  user_id uuid PRIMARY KEY REFERENCES users,
  signed_out_at timestamptz,           -- what was issued before is refused
  suspended_at timestamptz,            -- nobody comes in as this user
  suspend_reason text
);

-- What running processes have to hear of: they hold on to whom they have let in, and ask here for
-- what came behind the last position they know. As with log_head, the lock of the one row makes
-- positions visible in order and without gaps.
CREATE TABLE revocation_head (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  position bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO revocation_head DEFAULT VALUES;

CREATE TABLE revocations (
  position bigint PRIMARY KEY,
  user_id uuid NOT NULL,
  credential uuid,                     -- this one only
  issued_before timestamptz,           -- all that are older; both NULL: all
  reason text NOT NULL,                -- what closed sockets are told
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX revocations_at ON revocations (at);
