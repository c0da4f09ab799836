-- SPDX-License-Identifier: GPL-3.0-or-later
-- Groups that are rooms elsewhere, where users of ours are guests. See decision 0069.

-- conversations.remote_jid of such a group is the room's address; room is NULL, and occupied is set: what is said goes
-- to XMPP.
CREATE UNIQUE INDEX conversations_elsewhere ON conversations (remote_jid) WHERE kind = 'group' AND remote_jid IS NOT NULL AND destroyed_at IS NULL;

-- What is known of the room.
CREATE TABLE guest_rooms (
  conversation_id uuid PRIMARY KEY REFERENCES conversations,
  archived boolean,                    -- its archive can be asked; NULL: not known yet
  anonymous boolean NOT NULL DEFAULT true, -- addresses are not shown to everybody there
  live boolean NOT NULL DEFAULT false, -- all that was said is here: what waits may be sent
  newest text,                         -- of its archive, what is known to be here last
  heard_at timestamptz,                -- when that was said, as the room has it
  round bigint NOT NULL DEFAULT 0,     -- rises with each list of those who are there
  subject text
);

-- Our users' places. A place that is not to be had any more has no row.
CREATE TABLE guest_seats (
  conversation_id uuid NOT NULL REFERENCES conversations,
  user_id uuid NOT NULL REFERENCES users,
  state text NOT NULL CHECK (state IN ('asked', 'entering', 'in', 'leaving')),
  nick text,
  wanted text,                         -- what the nick is made of
  password text,
  inviter text COLLATE "C",            -- who asked by way of the room, and is told if the user declines
  tries int NOT NULL DEFAULT 0,
  due_at timestamptz,                  -- something is to be done then; NULL: nothing
  error text,                          -- why the last try failed, a stanza error's condition
  occupant text,                       -- id there (XEP-0421)
  affiliation text,
  role text,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (conversation_id, user_id)
);
CREATE INDEX guest_seats_due ON guest_seats (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX guest_seats_user ON guest_seats (user_id);

-- Who else is there now.
CREATE TABLE guest_occupants (
  conversation_id uuid NOT NULL REFERENCES conversations,
  nick text COLLATE "C" NOT NULL,
  user_id uuid NOT NULL REFERENCES users,
  affiliation text NOT NULL,
  role text NOT NULL,
  round bigint NOT NULL,               -- the last list that had this one
  PRIMARY KEY (conversation_id, nick)
);
CREATE INDEX guest_occupants_user ON guest_occupants (conversation_id, user_id);

-- What the room calls its messages (stanza-id by the room), and what they are here.
CREATE TABLE guest_ids (
  conversation_id uuid NOT NULL,
  wire text COLLATE "C" NOT NULL,
  target uuid NOT NULL,                -- a message
  PRIMARY KEY (conversation_id, wire)
);
CREATE INDEX guest_ids_target ON guest_ids (target);

-- What our users have said and the room has not: it is there until the room has sent it back.
CREATE TABLE guest_out (
  position bigint PRIMARY KEY,         -- of the message or entry
  conversation_id uuid NOT NULL,
  user_id uuid NOT NULL,
  wire text COLLATE "C" NOT NULL,      -- the id of the stanza
  kind text NOT NULL,                  -- message, or of an entry
  message_id uuid NOT NULL,            -- what is said, or what it is about
  payload jsonb,
  sent boolean NOT NULL DEFAULT false  -- on the link as it is now
);
CREATE INDEX guest_out_seat ON guest_out (conversation_id, user_id, position);
CREATE INDEX guest_out_wire ON guest_out (wire);
CREATE INDEX guest_out_waiting ON guest_out (position) WHERE NOT sent;
