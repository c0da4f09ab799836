-- SPDX-License-Identifier: GPL-3.0-or-later
-- The tables of peer/server.js, as the seeds have them.
CREATE TABLE users (id uuid PRIMARY KEY, username text NOT NULL UNIQUE, name text);
CREATE TABLE conversations (
  id uuid PRIMARY KEY, user1_id uuid NOT NULL REFERENCES users, user2_id uuid NOT NULL REFERENCES users,
  last_message_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(), UNIQUE (user1_id, user2_id));
CREATE TABLE messages (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), conversation_id uuid NOT NULL REFERENCES conversations,
  sender_id uuid NOT NULL REFERENCES users, content text NOT NULL, client_id text, message_type text NOT NULL DEFAULT 'text',
  delivered_at timestamptz, read_at timestamptz, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX messages_conversation ON messages (conversation_id, created_at DESC);
INSERT INTO users SELECT md5('u' || n)::uuid, 'u' || n, 'User ' || n FROM generate_series(0, 1023) n;
INSERT INTO conversations SELECT md5('c' || n)::uuid, md5('u' || n % 512)::uuid, md5('u' || 512 + (n + n / 512) % 512)::uuid, NULL
  FROM generate_series(0, 999) n;
