-- SPDX-License-Identifier: GPL-3.0-or-later
-- Legal holds, and what users let be done with their data.

-- Whose data nothing may remove until the hold ends.
CREATE TABLE holds (
  user_id uuid PRIMARY KEY REFERENCES users,
  jid text COLLATE "C" NOT NULL UNIQUE, -- as the user had it then
  reason text NOT NULL,
  placed_by text NOT NULL,             -- in words, as in the audit
  placed_at timestamptz NOT NULL
);

-- Files of messages that went while there was a hold on somebody in the conversation.
CREATE TABLE hold_files (
  file_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  PRIMARY KEY (file_id, conversation_id)
);

-- NULL: as the deployment's options say.
ALTER TABLE users
  ADD share_analytics boolean,
  ADD share_assist boolean,
  ADD share_personalisation boolean;
