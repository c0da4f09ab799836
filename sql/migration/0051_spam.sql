-- SPDX-License-Identifier: GPL-3.0-or-later
-- What strangers send: what was thought of it, whom users restrict, and what is known of senders.

-- Also: friends (both see each other's presence), following (whom the user has added).
ALTER TABLE users DROP CONSTRAINT users_privacy_messages_check,
  ADD CONSTRAINT users_privacy_messages_check
    CHECK (privacy_messages IN ('everyone', 'contacts', 'friends', 'following', 'nobody'));

-- Whose messages a user does not want to hear of, without their learning it.
CREATE TABLE restrictions (
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  peer text COLLATE "C" NOT NULL,      -- a bare JID
  before text,                         -- members.request, as it was
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, peer)
);
CREATE INDEX restrictions_peer ON restrictions (peer);

-- What a message of a stranger was taken for: the SpamCheckResult. Rows of messages that nothing was said against stay
-- for two days, so that repetitions are known.
CREATE TABLE spam_checks (
  id uuid PRIMARY KEY,                 -- of the message, whether it was stored or not
  at timestamptz NOT NULL,
  sender uuid NOT NULL,
  recipient uuid NOT NULL,
  conversation_id uuid NOT NULL,
  words uuid,                          -- digest of what it says; NULL: nothing, or only its receiver can read it
  confidence int NOT NULL CHECK (confidence BETWEEN 0 AND 100),
  reasons text[] NOT NULL,
  action text NOT NULL CHECK (action IN ('allow', 'filter', 'block')),
  source text NOT NULL CHECK (source IN ('checks', 'hook', 'fallback')),
  body text                            -- the beginning of what was not stored
);
CREATE INDEX spam_checks_sender ON spam_checks (sender, at);
CREATE INDEX spam_checks_words ON spam_checks (words, at) WHERE words IS NOT NULL;
CREATE INDEX spam_checks_found ON spam_checks (at, id) WHERE reasons <> '{}';
CREATE INDEX spam_checks_at ON spam_checks (at);

-- Domains to which nobody's links may lead, and theirs below them.
CREATE TABLE spam_domains (
  domain text COLLATE "C" PRIMARY KEY,
  added_at timestamptz NOT NULL DEFAULT now(),
  added_by text NOT NULL               -- in words, as in the audit
);

-- How many whom a user wrote to have let the user in.
CREATE TABLE standings (
  user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  accepted int NOT NULL
);

-- What the application's backend has made sure of.
CREATE TABLE verifications (
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('phone')),
  verified_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, kind)
);

ALTER TABLE moderation_actions DROP CONSTRAINT moderation_actions_type_check,
  ADD CONSTRAINT moderation_actions_type_check
    CHECK (type IN ('warn', 'mute', 'kick', 'ban', 'delete', 'suspend', 'restrict'));
CREATE INDEX moderation_actions_restrict ON moderation_actions (target) WHERE type = 'restrict' AND state = 'active';
