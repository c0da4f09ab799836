-- SPDX-License-Identifier: GPL-3.0-or-later
-- Rooms of accounts that live on an XMPP server: their bookmarks (XEP-0402) are kept by that server, and shown here. See decision 0084.

CREATE TABLE bound_bookmarks (
  user_id uuid NOT NULL REFERENCES users,
  room text COLLATE "C" NOT NULL,        -- bare JID
  name text,
  nick text,
  password text,
  autojoin boolean NOT NULL,
  extensions text,                       -- what other clients keep there, as XML
  unsent boolean NOT NULL DEFAULT false, -- waits until the server has a node for bookmarks
  PRIMARY KEY (user_id, room)
);

-- Whether the account's server has the node of bookmarks.
ALTER TABLE bound_accounts ADD bookmarks boolean NOT NULL DEFAULT false;

-- Such accounts are in groups of ours by their app, too.
UPDATE members m SET kind = 'hosted' FROM users u, conversations c
  WHERE u.id = m.user_id AND u.kind = 'bound' AND m.grouped AND c.id = m.conversation_id AND c.remote_jid IS NULL;
