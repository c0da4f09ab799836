-- SPDX-License-Identifier: GPL-3.0-or-later
-- Who may reach whom: blocks, privacy, and conversations in which that has to be asked.

-- Whom a user blocks (XEP-0191): a bare JID, or a domain and everybody there.
CREATE TABLE blocks (
  user_id uuid NOT NULL REFERENCES users,
  peer text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, peer)
);
CREATE INDEX blocks_recent ON blocks (user_id, created_at, peer);

-- What a user wants; NULL: what the deployment's options say.
ALTER TABLE users
  ADD privacy_messages text CHECK (privacy_messages IN ('everyone', 'contacts', 'nobody')),
  ADD privacy_presence text CHECK (privacy_presence IN ('everyone', 'contacts', 'nobody')),
  ADD privacy_last_seen text CHECK (privacy_last_seen IN ('everyone', 'contacts', 'nobody')),
  ADD privacy_profile text CHECK (privacy_profile IN ('everyone', 'contacts')),
  ADD privacy_receipts boolean;

-- True while relation_pass() has to be asked before a message passes: nothing was said yet, a
-- member has blocked the other, or has not accepted the conversation. False is the common case, in
-- which storing a message reads no other table.
ALTER TABLE conversations ADD guarded boolean NOT NULL DEFAULT false;

-- The member's last move of a watermark is the member's own business: others are not told.
ALTER TABLE members ADD quiet boolean NOT NULL DEFAULT false;

-- Subscription stanzas must reach the XMPP server too; they have no message.
ALTER TABLE outbox ALTER message_id DROP NOT NULL, DROP CONSTRAINT outbox_kind_check,
  ADD CONSTRAINT outbox_kind_check CHECK (kind IN (
    'message', 'received', 'displayed',
    'subscribe', 'subscribed', 'unsubscribe', 'unsubscribed')),
  ADD CONSTRAINT outbox_message_check CHECK (
    (message_id IS NULL) = (kind LIKE '%subscribe%'));

UPDATE conversations c SET guarded = true
  WHERE c.base_seq = 0 AND NOT EXISTS (SELECT FROM messages m WHERE m.conversation_id = c.id);
