-- SPDX-License-Identifier: GPL-3.0-or-later
-- Archives that are read by XMPP (XEP-0313). See decision 0065.

-- What one member said and did, for queries that name somebody.
CREATE INDEX entries_sender ON entries (conversation_id, sender_id, position);
