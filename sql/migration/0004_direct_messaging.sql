-- SPDX-License-Identifier: GPL-3.0-or-later
-- What direct messaging adds to the tables: what a member has hidden, pinned, muted or not yet
-- accepted, and events that are neither a message nor a watermark.

-- The functions of sql/function that are in place: `trestle migrate` replaces them as a whole when
-- the program brings another set.
CREATE TABLE schema_functions (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  digest text NOT NULL,                -- of the text they were made from
  signatures text[] NOT NULL           -- what to drop
);

-- Functions of a database that was made before they had a table.
DO $$
DECLARE
  old regprocedure;
BEGIN
  FOR old IN SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.proname IN (
      'api_time', 'contact_access', 'contact_announce', 'contact_consents', 'contact_last_seen',
      'contact_probe', 'contact_shown_online', 'contact_subscribe', 'contact_subscribed',
      'contact_tidy', 'contact_unsubscribe', 'contact_unsubscribed', 'conversation_get',
      'conversation_json', 'conversation_list', 'conversation_open', 'conversation_pair',
      'event_resume', 'log_advance', 'log_state', 'mark_store', 'message_fail', 'message_json',
      'message_mark', 'message_object', 'message_page', 'message_receive', 'message_store',
      'outbox_page', 'server_key_create', 'server_key_find', 'server_key_revoke', 'unread_count',
      'user_by_jid', 'user_find', 'user_json', 'user_provision', 'user_remote')
  LOOP
    EXECUTE 'DROP FUNCTION ' || old;
  END LOOP;
END $$;

-- The members' users.number, so that an event can name them without a look-up.
ALTER TABLE conversations ADD number_a bigint, ADD number_b bigint;
UPDATE conversations c SET number_a = a.number, number_b = b.number
  FROM users a, users b WHERE a.id = c.user_a AND b.id = c.user_b;
ALTER TABLE conversations ALTER number_a SET NOT NULL, ALTER number_b SET NOT NULL;

ALTER TABLE members
  ADD cleared_seq bigint NOT NULL DEFAULT 0, -- the member sees only what came after
  ADD hidden_seq bigint,               -- not in the list while nothing came after; NULL: in the list
  ADD pinned_at timestamptz,
  ADD muted_until timestamptz,         -- infinity: until it is taken back
  ADD archived_at timestamptz,
  ADD request text CHECK (request IN ('pending', 'accepted', 'declined')); -- NULL: never was one

-- The rest of the log: one row per event, whoever hears of it. Messages, watermarks and bounces are
-- events too, but have tables of their own.
CREATE TABLE events (
  position bigint PRIMARY KEY,
  type text NOT NULL,                  -- as the API calls it
  audience text NOT NULL CHECK (audience IN ('user', 'members', 'partners')),
  conversation_id uuid,                -- members: of that conversation
  user_id uuid,                        -- user: only this one; partners: and whom they talk to
  payload text NOT NULL,               -- JSON object
  at timestamptz NOT NULL,
  CHECK (CASE audience WHEN 'members' THEN conversation_id ELSE user_id END IS NOT NULL)
);
CREATE INDEX events_conversation ON events (conversation_id, position) WHERE audience = 'members';
CREATE INDEX events_user ON events (user_id, position) WHERE audience <> 'members';

-- Counting without counting: from_a is how many of a conversation's messages up to this one user_a
-- wrote, others_seen how many of the others' a member has read or cleared. See decision 0016.
ALTER TABLE messages ADD from_a int NOT NULL DEFAULT 0;
UPDATE messages m SET from_a = n.from_a
  FROM (SELECT x.id, count(*) FILTER (WHERE x.sender_id = c.user_a)
                       OVER (PARTITION BY x.conversation_id ORDER BY x.seq) AS from_a
          FROM messages x JOIN conversations c ON c.id = x.conversation_id) n
  WHERE n.id = m.id AND n.from_a > 0;
ALTER TABLE members ADD others_seen bigint NOT NULL DEFAULT 0;
UPDATE members o SET others_seen = CASE WHEN o.user_id = c.user_a THEN m.seq - m.from_a
                                        ELSE m.from_a END
  FROM conversations c JOIN messages m ON m.conversation_id = c.id
  WHERE c.id = o.conversation_id AND m.seq = o.read_seq;

ALTER TABLE conversations
  ADD base_from_a int NOT NULL DEFAULT 0, -- from_a of base_seq
  ADD awaited boolean NOT NULL DEFAULT false; -- a member gets it into the list with the next message

-- Whoever looks for a member by both columns gets one row, whichever index the planner takes.
DROP INDEX members_user;
CREATE INDEX members_user ON members (user_id, conversation_id);
