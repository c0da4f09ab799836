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
