-- SPDX-License-Identifier: GPL-3.0-or-later
-- The base schema: users, conversations, messages, watermarks, the log's head and the outbox.
--
-- There are no foreign keys on messages and marks: their rows are only written by the functions in
-- this folder, which resolve every id in the inserting statement, and a key check per row would
-- cost more than the insert.

CREATE TABLE schema_migrations (
  version int PRIMARY KEY,
  name text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);

-- One row. Its lock is held by every transaction that adds to the log, from its first statement to
-- its commit: positions are therefore visible in the order in which they were given out, and a
-- reader that pages forward by position never misses a row that commits later.
CREATE TABLE log_head (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  epoch text NOT NULL,                 -- part of every cursor; new after a restore to the past
  position bigint NOT NULL DEFAULT 0,  -- the last one given out; gaps are possible, late fills are not
  stamp timestamptz NOT NULL DEFAULT '-infinity'  -- newest created_at; never goes back
) WITH (fillfactor = 10);
INSERT INTO log_head (epoch) VALUES (substr(replace(gen_random_uuid()::text, '-', ''), 1, 12));

CREATE TABLE users (
  id uuid PRIMARY KEY,
  number bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- for clients that want whole-number ids
  kind text NOT NULL CHECK (kind IN ('hosted', 'bound', 'remote')),
  external_id text UNIQUE,             -- the app's own id (JWT sub); NULL unless hosted
  jid text COLLATE "C" NOT NULL UNIQUE, -- prepared bare JID
  username text,
  name text,
  avatar_url text,
  bio text,
  last_seen_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE conversations (
  id uuid PRIMARY KEY,
  kind text NOT NULL DEFAULT 'direct' CHECK (kind IN ('direct', 'group', 'service', 'community')),
  user_a uuid NOT NULL REFERENCES users, -- direct: the pair, user_a < user_b
  user_b uuid NOT NULL REFERENCES users,
  remote_user uuid,                    -- the one of the pair who is not hosted; NULL: both are
  remote_jid text,                     -- where copies for that one go
  base_seq bigint NOT NULL DEFAULT 0,  -- newest seq that retention has removed
  position bigint NOT NULL,            -- in the log, when it was made
  created_at timestamptz NOT NULL,
  CHECK (kind <> 'direct' OR user_a < user_b)
);
CREATE UNIQUE INDEX conversations_pair ON conversations (user_a, user_b) WHERE kind = 'direct';

CREATE TABLE members (
  conversation_id uuid NOT NULL REFERENCES conversations,
  user_id uuid NOT NULL REFERENCES users,
  role text NOT NULL DEFAULT 'member',
  joined_at timestamptz NOT NULL,
  -- Watermarks: everything up to seq is delivered to, read by, this member. position and at are
  -- those of the last move.
  delivered_seq bigint NOT NULL DEFAULT 0,
  delivered_position bigint NOT NULL DEFAULT 0,
  delivered_at timestamptz,
  read_seq bigint NOT NULL DEFAULT 0,
  read_position bigint NOT NULL DEFAULT 0,
  read_at timestamptz,
  PRIMARY KEY (conversation_id, user_id)
) WITH (fillfactor = 70);
CREATE INDEX members_user ON members (user_id);

-- One row per message, whoever takes part. id is the REST id, the XEP-0359 stanza-id and the MAM
-- archive id alike (UUIDv7).
CREATE TABLE messages (
  id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  seq bigint NOT NULL,                 -- 1, 2, 3 … in the conversation
  position bigint NOT NULL,            -- in the log; same order as seq
  sender_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  kind text NOT NULL DEFAULT 'text',
  body text,
  client_id text,                      -- the sender's idempotency key
  dedupe uuid,                         -- digest of what makes a repetition recognisable, per sender
  sender_address text,                 -- full JID, for messages that came by XMPP
  foreign_id text,                     -- the sender's own @id; receipts and markers refer to it
  markable boolean,                    -- the sender asked for displayed markers
  stanza text,                         -- as received; NULL: a pure function of the other columns
  failed_condition text,               -- stanza error condition of a bounce
  failed_position bigint,
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX messages_order ON messages (conversation_id, seq);
CREATE UNIQUE INDEX messages_dedupe ON messages (sender_id, dedupe) WHERE dedupe IS NOT NULL;
ALTER TABLE messages SET (autovacuum_vacuum_insert_scale_factor = 0.05);

-- How watermarks moved in direct conversations: gives each message its own delivered_at, read_at.
CREATE TABLE marks (
  conversation_id uuid NOT NULL,
  user_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('delivered', 'read')),
  seq bigint NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (conversation_id, user_id, kind, seq)
);

-- Stanzas that must reach the XMPP server, until a later ping on the same stream has returned.
-- They are rebuilt from these columns, so that a resend carries the same id.
CREATE TABLE outbox (
  position bigint PRIMARY KEY,         -- of the event that caused it: sending order
  kind text NOT NULL CHECK (kind IN ('message', 'received', 'displayed')),
  from_user uuid NOT NULL,
  to_address text NOT NULL,            -- bare for messages and markers, full for receipts
  message_id uuid NOT NULL,            -- what is sent, or what is acknowledged
  reference text                       -- received, displayed: the peer's own id of that message
);

CREATE TABLE server_keys (
  name text PRIMARY KEY,
  digest bytea NOT NULL UNIQUE,        -- SHA-256 of the key; the key itself is never stored
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);

-- Presence subscriptions of hosted users (RFC 6121 section 3); the bridge is their server.
CREATE TABLE contacts (
  user_id uuid NOT NULL REFERENCES users,
  peer text COLLATE "C" NOT NULL,      -- prepared bare JID
  to_peer boolean NOT NULL DEFAULT false,   -- we see their presence
  from_peer boolean NOT NULL DEFAULT false, -- they see ours
  ask boolean NOT NULL DEFAULT false,       -- we asked, no answer yet
  pending_in boolean NOT NULL DEFAULT false, -- they asked, the user has not answered
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, peer)
);
