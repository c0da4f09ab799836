-- SPDX-License-Identifier: GPL-3.0-or-later
-- From two to many: a conversation has members, whatever their number. A direct one is a conversation of
-- two with a unique key for the pair. See decision 0037.

-- ---- Conversations ----------------------------------------------------------------------------------

ALTER TABLE conversations
  ADD name text,                       -- of a group
  ADD description text,
  ADD member_ids uuid[],               -- who takes part, in order; direct: the pair, rising. A copy of
                                       -- members, so that storing a message reads one row
  ADD member_numbers bigint[],         -- their users.number, so that an event can name them
  -- Two members, and every message has a sender: what one of them wrote follows from the newest message
  -- alone. Else messages are counted by their senders (messages.many).
  ADD plain boolean NOT NULL DEFAULT true;
UPDATE conversations SET member_ids = ARRAY[user_a, user_b], member_numbers = ARRAY[number_a, number_b];

-- ---- Messages ---------------------------------------------------------------------------------------

-- sender_seq: the how many-th of its sender in the conversation this is. It takes the place of from_a, how
-- many user_a wrote, which is the same for messages of user_a.
ALTER TABLE messages RENAME from_a TO sender_seq;
ALTER TABLE messages
  ALTER sender_id DROP NOT NULL,       -- NULL: the system says it
  ADD metadata jsonb,                  -- as the API shows it; NULL: none
  ADD many boolean NOT NULL DEFAULT false; -- counted by senders

DO $$
DECLARE
  step CONSTANT bigint := 100000;
  newest bigint := (SELECT coalesce(max(position), 0) FROM messages);
  low bigint := 0;
BEGIN
  WHILE low < newest LOOP
    UPDATE messages m SET sender_seq = m.seq - m.sender_seq FROM conversations c
      WHERE m.position > low AND m.position <= low + step AND c.id = m.conversation_id
        AND m.sender_id <> c.user_a;
    low := low + step;
    RAISE NOTICE 'messages up to position % of %', least(low, newest), newest;
  END LOOP;
END $$;

CREATE INDEX messages_sender ON messages (conversation_id, sender_id, seq) WHERE many;

-- ---- Members ----------------------------------------------------------------------------------------

ALTER TABLE members
  ADD kind text,                       -- users.kind, jid and number: what a write needs of a member
  ADD jid text COLLATE "C",
  ADD number bigint,
  ADD state text NOT NULL DEFAULT 'joined'
    CHECK (state IN ('invited', 'joined', 'left', 'removed', 'banned')),
  ADD joined_seq bigint NOT NULL DEFAULT 0, -- newest seq when the member came
  ADD grouped boolean NOT NULL DEFAULT false, -- the conversation is not a direct one
  ADD left_seq bigint,                 -- newest seq when the member went; NULL: is there
  ADD CHECK ((state = 'joined') = (left_seq IS NULL) OR state = 'invited');
UPDATE members m SET kind = u.kind, jid = u.jid, number = u.number FROM users u WHERE u.id = m.user_id;
ALTER TABLE members ALTER kind SET NOT NULL, ALTER jid SET NOT NULL, ALTER number SET NOT NULL;

CREATE INDEX members_grouped ON members (user_id, conversation_id) WHERE grouped;

-- ---- What is not needed any more --------------------------------------------------------------------

ALTER TABLE conversations
  DROP user_a, DROP user_b, DROP number_a, DROP number_b, DROP base_from_a,
  ALTER member_ids SET NOT NULL, ALTER member_numbers SET NOT NULL,
  ADD CHECK (kind <> 'direct' OR (cardinality(member_ids) = 2 AND member_ids[1] < member_ids[2])),
  ADD CHECK (cardinality(member_ids) = cardinality(member_numbers));
CREATE UNIQUE INDEX conversations_pair ON conversations (member_ids) WHERE kind = 'direct';

-- ---- Stanzas and entries ----------------------------------------------------------------------------

-- Several stanzas may follow from one event, in the order of n.
ALTER TABLE outbox ADD n int NOT NULL DEFAULT 0, DROP CONSTRAINT outbox_pkey, ADD PRIMARY KEY (position, n);
