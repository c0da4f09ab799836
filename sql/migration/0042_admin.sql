-- SPDX-License-Identifier: GPL-3.0-or-later
-- Administration: what is written down, and suspensions that end by themselves.

-- actor: the user who did it, else NULL. Who that was, in words, whoever it was: an address, "key NAME",
-- "shell NAME".
ALTER TABLE audit
  ADD actor_name text,
  ADD door text CHECK (door IN ('rest', 'socket', 'xmpp', 'shell', 'system')),
  ADD outcome text,                    -- done, unchanged, asked (of what only looks), or why not
  ADD reason text,
  ADD request_id uuid,
  ADD address_hash text,               -- keyed: tells whether two rows are of one address, no more
  ADD details jsonb;                   -- what was asked for
CREATE INDEX audit_actor ON audit (actor_name, id);
CREATE INDEX audit_action ON audit (action, id);
CREATE INDEX audit_object ON audit (object, id);

-- A row stays as it is for a year, whoever asks. What is older may be removed, never changed.
CREATE FUNCTION audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.at < clock_timestamp() - interval '365 days' THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit is only added to';
END $$;
CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_keep();
CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_keep();

ALTER TABLE user_access ADD suspended_until timestamptz; -- NULL: until it is taken back
CREATE INDEX user_access_suspended ON user_access (user_id) WHERE suspended_at IS NOT NULL;
CREATE INDEX users_staff ON users (jid) WHERE staff <> '{}';

-- What users report. A row stays when what it is about is gone.
CREATE TABLE reports (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL,
  origin text NOT NULL CHECK (origin IN ('app', 'xmpp')),
  reporter uuid,                       -- NULL: somebody on XMPP who is no user here
  reporter_jid text NOT NULL,
  target_type text NOT NULL CHECK (target_type IN ('message', 'user', 'conversation', 'call')),
  target uuid NOT NULL,
  offender uuid,                       -- NULL: it is about nobody in person
  conversation_id uuid,
  reason text NOT NULL CHECK (reason IN ('spam', 'harassment', 'nsfw', 'illegal', 'other')),
  comment text,
  evidence jsonb NOT NULL,             -- what the reporter saw then, and said of what only they can read
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'taken', 'resolved', 'dismissed')),
  taken_by text,                       -- in words, as in the audit
  note text,
  closed_at timestamptz
);
CREATE INDEX reports_state ON reports (state, at, id);
CREATE INDEX reports_conversation ON reports (conversation_id, at, id);
CREATE INDEX reports_offender ON reports (offender, id);
CREATE UNIQUE INDEX reports_once ON reports (reporter_jid, target_type, target) WHERE state IN ('open', 'taken');

-- What was done about somebody.
CREATE TABLE moderation_actions (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL,
  type text NOT NULL CHECK (type IN ('warn', 'mute', 'kick', 'ban', 'delete', 'suspend')),
  target uuid NOT NULL,                -- the user
  message_id uuid,
  conversation_id uuid,
  report_id uuid,
  actor uuid,
  actor_name text NOT NULL,
  reason text NOT NULL,
  ends_at timestamptz,                 -- NULL: not by itself
  appealable boolean NOT NULL,
  state text NOT NULL CHECK (state IN ('done', 'active', 'ended', 'taken_back')),
  undo jsonb NOT NULL DEFAULT '{}',    -- what was before
  appeal text,
  appealed_at timestamptz,
  decision text CHECK (decision IN ('granted', 'denied')),
  decision_note text,
  decided_at timestamptz
);
CREATE INDEX moderation_actions_target ON moderation_actions (target, at, id);
CREATE INDEX moderation_actions_at ON moderation_actions (at, id);
CREATE INDEX moderation_actions_appeals ON moderation_actions (id) WHERE appeal IS NOT NULL AND decision IS NULL;

-- Limits of a user in place of those of the configuration.
CREATE TABLE user_limits (
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  name text NOT NULL,                  -- as [limits] has it
  rate text NOT NULL,                  -- likewise: count/seconds, or 0 for none
  PRIMARY KEY (user_id, name)
);
