-- SPDX-License-Identifier: GPL-3.0-or-later
-- Calls of two. What bridge/call/machine.c decides is written here by comparing `version`; see decision 0050.

CREATE TABLE calls (
  id uuid PRIMARY KEY,
  conversation_id uuid NOT NULL REFERENCES conversations,
  message_id uuid NOT NULL,            -- the one message that shows it
  caller_id uuid NOT NULL REFERENCES users,
  callee_id uuid NOT NULL REFERENCES users,
  local_id uuid NOT NULL,              -- of the two the one who is here; of two apps the caller
  peer text COLLATE "C",               -- bare JID of the one on XMPP; NULL: both are here
  sid text COLLATE "C" NOT NULL,       -- of the Jingle session, and of its messages
  call_type text NOT NULL CHECK (call_type IN ('audio', 'video')),
  status text NOT NULL CHECK (status IN ('ringing', 'active', 'ended', 'declined', 'missed', 'failed')),
  silent boolean NOT NULL DEFAULT false, -- a stranger's: the callee is not told before it is over
  version int NOT NULL DEFAULT 1,      -- rises with each step
  live jsonb,                          -- what the machine and the session need to go on; NULL: it is over
  due_at timestamptz,                  -- when the timer that runs is over
  created_at timestamptz NOT NULL,
  started_at timestamptz,              -- accepted
  ended_at timestamptz,
  end_reason text,
  CHECK ((live IS NULL) = (status NOT IN ('ringing', 'active')))
) WITH (fillfactor = 70);
CREATE INDEX calls_conversation ON calls (conversation_id, id);
CREATE INDEX calls_open ON calls (due_at) WHERE live IS NOT NULL;
CREATE INDEX calls_over ON calls (created_at) WHERE live IS NULL;
CREATE UNIQUE INDEX calls_session ON calls (peer, sid, local_id) WHERE peer IS NOT NULL;

CREATE TABLE call_participants (
  call_id uuid NOT NULL REFERENCES calls ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES users,
  open boolean NOT NULL,               -- keeps the user from another call
  joined_at timestamptz,
  left_at timestamptz,
  muted boolean NOT NULL DEFAULT false,
  video boolean NOT NULL DEFAULT false,
  screen boolean NOT NULL DEFAULT false,
  on_hold boolean NOT NULL DEFAULT false,
  quality jsonb,                       -- { rtt_ms, loss, level } as last said
  PRIMARY KEY (user_id, call_id)
);
CREATE INDEX call_participants_call ON call_participants (call_id);
CREATE UNIQUE INDEX call_participants_open ON call_participants (user_id) WHERE open;

-- What happened, for participants and auditors. Nothing is changed, and nothing removed within 30 days.
CREATE TABLE call_events (
  call_id uuid NOT NULL,
  n bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL,
  actor uuid,                          -- NULL: the bridge
  event text NOT NULL,
  reason text,
  PRIMARY KEY (call_id, n)
);
CREATE INDEX call_events_at ON call_events (at);
CREATE RULE call_events_stay AS ON UPDATE TO call_events DO INSTEAD NOTHING;
CREATE RULE call_events_keep AS ON DELETE TO call_events
  WHERE old.at > now() - interval '30 days' DO INSTEAD NOTHING;

-- How the media was, as each side measured it.
CREATE TABLE call_samples (
  call_id uuid NOT NULL REFERENCES calls ON DELETE CASCADE,
  user_id uuid NOT NULL,
  at timestamptz NOT NULL,
  rtt_ms real,
  jitter_ms real,
  loss real,
  bitrate bigint,
  PRIMARY KEY (call_id, user_id, at)
);
CREATE INDEX call_samples_at ON call_samples (at);

-- Other roles than the owner, whose functions are the only writers, see what is their user's.
ALTER TABLE calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE call_participants ENABLE ROW LEVEL SECURITY;
ALTER TABLE call_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY calls_mine ON calls FOR SELECT
  USING (current_setting('trestle.user', true) IN (caller_id::text, callee_id::text)
         AND NOT (silent AND callee_id::text = current_setting('trestle.user', true)));
CREATE POLICY call_participants_mine ON call_participants FOR SELECT
  USING (EXISTS (SELECT FROM calls c WHERE c.id = call_id));
CREATE POLICY call_events_mine ON call_events FOR SELECT
  USING (EXISTS (SELECT FROM calls c WHERE c.id = call_id));
