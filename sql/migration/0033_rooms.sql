-- SPDX-License-Identifier: GPL-3.0-or-later
-- Hosted groups as rooms of XMPP (XEP-0045). See decision 0063.

ALTER TABLE conversations
  ADD occupied boolean NOT NULL DEFAULT false; -- somebody is in the room by XMPP, see occupants

-- What a room has that a group has not; made when it is needed first.
CREATE TABLE rooms (
  conversation_id uuid PRIMARY KEY REFERENCES conversations,
  inner_key bytea NOT NULL,            -- the room's secret as the two keys of HMAC-SHA-256 (RFC 2104), from
  outer_key bytea NOT NULL,            -- which the ids of its occupants are made (XEP-0421)
  subject text,                        -- NULL: none was set
  subject_nick text,                   -- who set it, as the room called that one then
  subject_at timestamptz
);

-- What the room calls each of its people, hosted and remote, and by which id; kept while somebody is a member.
CREATE TABLE nicks (
  conversation_id uuid NOT NULL REFERENCES conversations,
  user_id uuid NOT NULL REFERENCES users,
  nick text NOT NULL,
  key text NOT NULL,                   -- nick_key(): the same of what looks the same
  occupant text NOT NULL,              -- occupant id
  PRIMARY KEY (conversation_id, user_id)
);
CREATE UNIQUE INDEX nicks_key ON nicks (conversation_id, key);

-- XMPP sessions that are in a room. Members of the service's own domain are in all their rooms, without a row.
CREATE TABLE occupants (
  conversation_id uuid NOT NULL REFERENCES conversations,
  address text COLLATE "C" NOT NULL,   -- full JID, as it was delivered
  user_id uuid NOT NULL REFERENCES users,
  joined_at timestamptz NOT NULL,
  presence jsonb NOT NULL DEFAULT '{}', -- what it has shown of itself, as room_presence() passes it on
  PRIMARY KEY (conversation_id, address)
);
CREATE INDEX occupants_address ON occupants (address);

-- Stanzas of rooms come from a room, or from somebody in it.
ALTER TABLE outbox
  ALTER from_user DROP NOT NULL,
  ADD origin text;                     -- the address without its domain: room, or room/nick
