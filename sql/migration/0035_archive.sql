-- SPDX-License-Identifier: GPL-3.0-or-later
-- Archives that are read by XMPP (XEP-0313). See decision 0065.

-- What one member said and did, for queries that name somebody.
CREATE INDEX entries_sender ON entries (conversation_id, sender_id, position);

-- How a room called somebody before the name in nicks, and by which id: up to the position of the log at which that
-- ended. What was said until then is shown under that name.
CREATE TABLE past_nicks (
  conversation_id uuid NOT NULL REFERENCES conversations,
  user_id uuid NOT NULL REFERENCES users,
  upto bigint NOT NULL,
  nick text NOT NULL,
  occupant text NOT NULL,
  PRIMARY KEY (conversation_id, user_id, upto)
);
