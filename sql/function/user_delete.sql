-- SPDX-License-Identifier: GPL-3.0-or-later
-- Deleting users. What they are goes at once (user_delete()), what refers to them piece by piece, by a job
-- (change_user_unlink()), so that no lock is held for long. What they said to others stays, as said by somebody who was
-- deleted; their files do not.

-- What others are shown as the name.
CREATE FUNCTION user_deleted_name() RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT '[Deleted User]' $$;

-- Whether nobody can be written to there any more.
CREATE FUNCTION user_is_deleted(p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM users u WHERE u.id = p_user AND u.deleted_at IS NOT NULL);
END $$;

CREATE FUNCTION user_gone_id(p_external_id text) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5(p_external_id)::uuid $$;

-- Whether a token that was issued then is one of a user who was deleted since.
CREATE FUNCTION user_was_deleted(p_external_id text, p_issued timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM users u WHERE u.gone_id = user_gone_id(p_external_id) AND u.deleted_at >= p_issued);
END $$;

-- Signs the hosted user out everywhere, for good, and takes all away that says who it was. False: there is no such user. The
-- address is given to nobody again.
CREATE FUNCTION user_delete(p_user uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  u users;
BEGIN
  SELECT * INTO u FROM users x WHERE x.id = p_user AND x.kind = 'hosted' AND x.deleted_at IS NULL FOR NO KEY UPDATE;
  IF u.id IS NULL THEN
    RETURN false;
  END IF;
  PERFORM session_close_all(u.id, p_reason => 'deleted');
  UPDATE users x SET deleted_at = clock_timestamp(), gone_id = user_gone_id(u.external_id), external_id = NULL, username = NULL,
      name = user_deleted_name(), own_name = true, avatar_url = NULL, avatar_hash = NULL, avatar_copy = NULL, announced_hash = NULL, bio = NULL,
      last_seen_at = NULL, staff = '{}', folded = NULL, privacy_presence = 'nobody', privacy_last_seen = 'nobody',
      leaves_at = NULL, share_analytics = false, share_assist = false, share_personalisation = false,
      updated_at = now()
    WHERE x.id = u.id;
  UPDATE user_access a SET suspended_at = NULL, suspend_reason = NULL, suspended_until = NULL WHERE a.user_id = u.id;
  PERFORM user_suspension_keep(u.id);
  PERFORM picture_release(u.avatar_hash), picture_release(u.avatar_copy);
  DELETE FROM user_words w WHERE w.user_id = u.id;
  PERFORM event_add('user.updated', 'partners', NULL, u.id);
  PERFORM job_add('user.delete', u.id::text, clock_timestamp());
  PERFORM job_add('analytics.forget', u.id::text, clock_timestamp());
  RETURN true;
END $$;

-- Leaves p_limit groups, and invitations to some. An only owner hands on to whoever is there for the longest time.
CREATE FUNCTION user_leave_groups(p_user uuid, p_limit int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  m members;
  done record;
  n int := 0;
BEGIN
  FOR m IN SELECT x.* FROM members x WHERE x.user_id = p_user AND x.grouped AND x.state IN ('joined', 'invited') LIMIT p_limit LOOP
    n := n + 1;
    IF m.state = 'invited' THEN
      PERFORM membership_decline(p_user, m.conversation_id);
      CONTINUE;
    END IF;
    SELECT * INTO done FROM change_member_leave(p_user, jsonb_build_object('conversation_id', m.conversation_id));
    IF done.outcome = 3 THEN
      PERFORM change_member_leave(p_user, jsonb_build_object('conversation_id', m.conversation_id, 'successor', (
        SELECT o.user_id FROM members o WHERE o.conversation_id = m.conversation_id AND o.state = 'joined' AND o.user_id <> p_user
          ORDER BY o.joined_at, o.number LIMIT 1)));
    END IF;
  END LOOP;
  RETURN n >= p_limit;
END $$;

-- Ends p_limit contacts of the user's, and with the user.
CREATE FUNCTION user_leave_contacts(p_user uuid, p_jid text, p_limit int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  x contacts;
  n int := 0;
BEGIN
  FOR x IN SELECT c.* FROM contacts c WHERE c.user_id = p_user LIMIT p_limit LOOP
    n := n + 1;
    PERFORM change_contact_remove(p_user, jsonb_build_object('jid', x.peer, 'domain', relation_domain(p_jid)));
    DELETE FROM contacts c WHERE c.user_id = p_user AND c.peer = x.peer;
  END LOOP;
  FOR x IN SELECT c.* FROM contacts c WHERE c.peer = p_jid LIMIT p_limit LOOP
    n := n + 1;
    DELETE FROM contacts c WHERE c.user_id = x.user_id AND c.peer = p_jid;
    PERFORM contact_event(x.user_id, p_jid);
  END LOOP;
  RETURN n >= p_limit;
END $$;

-- Closes p_limit conversations of two: nobody writes there any more.
CREATE FUNCTION user_close_conversations(p_user uuid, p_limit int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  closed int;
BEGIN
  PERFORM relation_guard(c.id, false) FROM (
    SELECT x.id FROM members m
      CROSS JOIN LATERAL (SELECT y.* FROM conversations y WHERE y.id = m.conversation_id OFFSET 0) x
      WHERE m.user_id = p_user AND x.kind = 'direct' AND NOT x.guarded LIMIT p_limit) c;
  GET DIAGNOSTICS closed = ROW_COUNT;
  RETURN closed >= p_limit;
END $$;

-- Removes p_limit files of the user's: their bytes go, and the room that they take; messages that have them show that.
CREATE FUNCTION user_remove_files(p_user uuid, p_limit int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  file uuid;
  n int := 0;
BEGIN
  FOR file IN SELECT f.id FROM files f WHERE f.user_id = p_user AND f.url IS NULL AND f.state NOT IN ('removed', 'error') LIMIT p_limit LOOP
    n := n + 1;
    PERFORM change_file_remove(p_user, jsonb_build_object('file_id', file));
  END LOOP;
  RETURN n >= p_limit;
END $$;

-- A part of what refers to user_id, who was deleted: { more }. Harmless when done again.
CREATE FUNCTION change_user_unlink(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  u users := (SELECT x FROM users x WHERE x.id = (p_arguments->>'user_id')::uuid AND x.deleted_at IS NOT NULL);
  more boolean := false;
BEGIN
  outcome := CASE WHEN u.id IS NULL THEN 1 ELSE 0 END;
  IF outcome = 0 THEN
    more := user_close_conversations(u.id, 200);
    more := user_leave_groups(u.id, 10) OR more;
    more := user_leave_contacts(u.id, u.jid, 50) OR more;
    more := user_remove_files(u.id, 50) OR more;
    DELETE FROM blocks x WHERE x.user_id = u.id;
    DELETE FROM restrictions x WHERE x.user_id = u.id;
    DELETE FROM standings x WHERE x.user_id = u.id;
    DELETE FROM verifications x WHERE x.user_id = u.id;
    DELETE FROM user_limits x WHERE x.user_id = u.id;
    DELETE FROM found x WHERE u.id IN (x.user_id, x.peer_id);
    DELETE FROM shown_profiles x WHERE u.id IN (x.user_id, x.peer_id);
    DELETE FROM shown_online x WHERE x.user_id = u.id;
    DELETE FROM nicks x WHERE x.user_id = u.id;
    DELETE FROM stars x WHERE x.user_id = u.id;
    DELETE FROM scheduled x WHERE x.user_id = u.id;
    DELETE FROM hidden x WHERE x.user_id = u.id;
    DELETE FROM spam_checks x WHERE x.sender = u.id;
    PERFORM export_remove(x) FROM exports x WHERE x.user_id = u.id AND x.asked_by IS NULL AND x.expires_at > '-infinity';
    PERFORM export_asks_no_more(u.id);
    UPDATE members x SET draft = NULL WHERE x.user_id = u.id AND x.draft IS NOT NULL;
  END IF;
  result := jsonb_build_object('more', more) || change_follows(u.id);
END $$;

-- Deletes users (references): { deleted: their addresses, missing, held: on whom there is a legal hold }. Nobody deletes
-- themselves so (outcome 3).
CREATE FUNCTION change_users_delete(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  named record;
  gone jsonb := '[]';
  held jsonb := '[]';
  u users;
BEGIN
  SELECT * INTO named FROM admin_users_named(p_arguments->'users');
  IF p_user = ANY (named.found) THEN
    outcome := 3;
    result := '{"detail": "that is you"}';
    RETURN;
  END IF;
  FOR u IN SELECT x.* FROM unnest(named.found) WITH ORDINALITY f (id, k) JOIN users x ON x.id = f.id ORDER BY f.k LOOP
    IF user_held(u.id) THEN
      held := held || to_jsonb(u.jid);
    ELSIF user_delete(u.id) THEN
      gone := gone || to_jsonb(u.jid);
    ELSE
      named.missing := named.missing || u.jid; -- at home elsewhere: not ours to delete
    END IF;
  END LOOP;
  outcome := CASE WHEN gone <> '[]' THEN 0 WHEN held <> '[]' THEN 3 ELSE 2 END;
  result := CASE WHEN outcome = 3 THEN '{"detail": "there is a legal hold on all of them"}'
                 ELSE jsonb_build_object('deleted', gone, 'missing', named.missing, 'held', held) END;
END $$;

-- user (a reference): signed out everywhere, and with the limits that all have. { jid, signed_out, limits }.
CREATE FUNCTION change_user_reset(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  whom uuid := admin_user(p_arguments->>'user');
  own int;
BEGIN
  outcome := CASE WHEN whom IS NULL THEN 2 ELSE 0 END;
  IF outcome = 0 THEN
    PERFORM session_close_all(whom);
    DELETE FROM user_limits l WHERE l.user_id = whom;
    GET DIAGNOSTICS own = ROW_COUNT;
    result := jsonb_build_object('user_id', whom, 'jid', (SELECT u.jid FROM users u WHERE u.id = whom), 'limits_removed', own);
  END IF;
END $$;
