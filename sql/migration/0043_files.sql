-- SPDX-License-Identifier: GPL-3.0-or-later
-- Files, and which messages have them. See decision 0076.

-- state: uploading; processing (all there, being looked at); complete; error (it is not what it was said to be); remote
-- (it lies elsewhere); removed (its bytes are about to go).
CREATE TABLE files (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users,   -- whose it is
  state text NOT NULL,
  purpose text NOT NULL,                    -- attachment, voice, icon, recording
  kind text NOT NULL,                       -- image, video, audio, file
  name text NOT NULL,
  type text NOT NULL,                       -- media type
  size bigint NOT NULL,                     -- bytes; remote: 0 if nobody says
  received bigint NOT NULL DEFAULT 0,       -- of them, on the disk
  turn bigint NOT NULL DEFAULT 0,           -- rises with each part that comes; an older one stores nothing any more
  sha256 text,                              -- as it was promised; when it is complete, as it is
  key text,                                 -- its own key, encrypted by the master key key_name; base64
  key_name text,
  path text COLLATE "C" UNIQUE,             -- of its links for XMPP
  scan text,                                -- pending, clean, infected, held; NULL: nobody looks
  width int,
  height int,
  duration int,                             -- milliseconds
  waveform text,                            -- base64
  parts jsonb NOT NULL DEFAULT '[]',        -- what was made of it: [{ name, type, size, width, height }]
  url text,                                 -- remote
  moved boolean NOT NULL DEFAULT false,     -- it lies where it stays
  problem text,                             -- why its state is error
  lock text,                                -- digest of a password
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,                   -- asked for by whose it is
  due_at timestamptz                        -- when it is removed; NULL: a message has it
);
CREATE INDEX files_user ON files (user_id, id);
CREATE INDEX files_due ON files (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX files_key ON files (key_name, id) WHERE key_name IS NOT NULL;

CREATE INDEX files_unmoved ON files (id) WHERE NOT moved AND state = 'complete';

CREATE TABLE attachments (
  message_id uuid NOT NULL,
  n int NOT NULL,
  file_id uuid NOT NULL REFERENCES files,
  conversation_id uuid NOT NULL REFERENCES conversations,
  seq bigint NOT NULL,
  kind text NOT NULL,                       -- image, video, voice, file
  PRIMARY KEY (message_id, n)
);
CREATE INDEX attachments_file ON attachments (file_id);
CREATE INDEX attachments_gallery ON attachments (conversation_id, seq, n);

-- What files take, of each user, and of all (the nil id).
CREATE TABLE file_usage (
  user_id uuid PRIMARY KEY,
  bytes bigint NOT NULL
);
