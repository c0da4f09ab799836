-- SPDX-License-Identifier: GPL-3.0-or-later
-- Hosted groups as rooms of XMPP (XEP-0045). See decision 0063.

ALTER TABLE conversations
  ADD occupied boolean NOT NULL DEFAULT false; -- somebody is in the room by XMPP, see occupants
CREATE INDEX conversations_public ON conversations (room) WHERE public;

-- What a room has that a group has not; made when it is needed first.
CREATE TABLE rooms (
  conversation_id uuid PRIMARY KEY REFERENCES conversations,
  inner_key bytea NOT NULL,            -- the room's secret as the two keys of HMAC-SHA-256 (RFC 2104), from
  outer_key bytea NOT NULL,            -- which the ids of its occupants are made (XEP-0421)
  subject text,                        -- NULL: none was set
  subject_nick text,                   -- who set it, as the room called that one then
  subject_at timestamptz
);

-- What the room calls each of its people, hosted and remote, and by which id. Who has gone keeps it in what was said.
CREATE TABLE nicks (
  conversation_id uuid NOT NULL REFERENCES conversations,
  user_id uuid NOT NULL REFERENCES users,
  nick text NOT NULL,
  key text,                            -- nick_key(): the same of what looks the same; NULL: others may have it
  occupant text NOT NULL,              -- occupant id
  PRIMARY KEY (conversation_id, user_id)
);
CREATE UNIQUE INDEX nicks_key ON nicks (conversation_id, key) WHERE key IS NOT NULL;

-- What somebody was called before, up to that position of the log: messages of then are shown with it.
CREATE TABLE past_nicks (
  conversation_id uuid NOT NULL REFERENCES conversations,
  user_id uuid NOT NULL REFERENCES users,
  upto bigint NOT NULL,
  nick text NOT NULL,
  PRIMARY KEY (conversation_id, user_id, upto)
);

-- XMPP sessions that are in a room. Members of the service's own domain are in all their rooms, without a row.
CREATE TABLE occupants (
  conversation_id uuid NOT NULL REFERENCES conversations,
  address text COLLATE "C" NOT NULL,   -- full JID, as it was delivered
  user_id uuid NOT NULL REFERENCES users,
  joined_at timestamptz NOT NULL,
  presence text NOT NULL,              -- what it has shown last, a stanza as it is passed on
  PRIMARY KEY (conversation_id, address)
);
CREATE INDEX occupants_address ON occupants (address);

-- Stanzas of rooms come from a room, or from somebody in it.
ALTER TABLE outbox
  ALTER from_user DROP NOT NULL,
  ADD origin text;                     -- that address; NULL: the bare JID of from_user
