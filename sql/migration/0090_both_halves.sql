-- SPDX-License-Identifier: GPL-3.0-or-later
-- A row is looked up by both halves of its key, whatever the statistics say: while they are older than the rows, an index with one
-- half looks as good as one with both, and then all that somebody has is looked through for one row.

-- By the other half first: with both.
CREATE INDEX contacts_by_peer ON contacts (peer, user_id);
DROP INDEX contacts_peer;
CREATE INDEX restrictions_by_peer ON restrictions (peer, user_id);
DROP INDEX restrictions_peer;
CREATE INDEX found_by_peer ON found (peer_id, user_id);
DROP INDEX found_peer;
CREATE INDEX shown_profiles_by_user ON shown_profiles (user_id, peer_id);
DROP INDEX shown_profiles_user;
CREATE INDEX stars_by_message ON stars (message_id, user_id);
DROP INDEX stars_message;
CREATE INDEX forwards_by_message ON forwards (message_id, user_id);
DROP INDEX forwards_message;
CREATE INDEX call_participants_by_call ON call_participants (call_id, user_id);
DROP INDEX call_participants_call;
CREATE INDEX guest_seats_by_user ON guest_seats (user_id, conversation_id);
DROP INDEX guest_seats_user;

-- In an order, or beside what is asked of one half: partial, so that only a query with the same condition takes it.
CREATE INDEX members_resting ON members (user_id, (archived_at IS NOT NULL), rested) WHERE rested > -1;
CREATE INDEX members_awake ON members (user_id, (archived_at IS NOT NULL)) WHERE rested IS NULL;
DROP INDEX members_rested;
CREATE INDEX blocks_by_peer ON blocks (peer, user_id) WHERE created_at > '-infinity';
CREATE INDEX blocks_in_order ON blocks (user_id, created_at, peer) WHERE created_at > '-infinity';
DROP INDEX blocks_peer, blocks_recent;
