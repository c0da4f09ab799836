-- SPDX-License-Identifier: GPL-3.0-or-later
-- Who may reach whom. A block, a privacy setting and an unknown user look the same from outside:
-- callers put them into one outcome, and ask the same questions for each.
--
-- What is asked often is in plpgsql, which keeps its plans: a function in SQL that looks into a table
-- is planned anew by each statement that calls it.

-- Whether the user blocks that bare JID, or its domain.
CREATE FUNCTION relation_blocks(p_user uuid, p_jid text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  -- Most block nobody; to look something up costs more than what is found.
  IF NOT EXISTS (SELECT FROM blocks b WHERE b.user_id = p_user) THEN
    RETURN false;
  END IF;
  -- Not IN: with old statistics it is no part of the look-up.
  RETURN EXISTS (SELECT FROM blocks b WHERE b.user_id = p_user AND b.peer = p_jid)
    OR EXISTS (SELECT FROM blocks b WHERE b.user_id = p_user AND b.peer = relation_domain(p_jid));
END $$;

-- Whether the user has added that bare JID, or lets it see presence.
CREATE FUNCTION relation_contact(p_user uuid, p_jid text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM contacts c WHERE c.user_id = p_user AND c.peer = p_jid
                   AND (c.to_peer OR c.from_peer OR c.ask));
END $$;

-- Whether the user sees that bare JID's presence and, p_both, is seen by it.
CREATE FUNCTION relation_follows(p_user uuid, p_jid text, p_both boolean) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM contacts c WHERE c.user_id = p_user AND c.peer = p_jid AND c.to_peer
                   AND (c.from_peer OR NOT p_both));
END $$;

-- Whether the user does not want to hear of that bare JID, which need not learn it.
CREATE FUNCTION relation_restricts(p_user uuid, p_jid text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM restrictions r WHERE r.user_id = p_user AND r.peer = p_jid);
END $$;

-- Tells the user's own devices that the user blocks or restricts p_jid, a bare JID or a domain, or does no longer;
-- NULL: several at once.
CREATE FUNCTION relation_tell(p_user uuid, p_jid text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM event_add('relation.updated', 'user', NULL, p_user, json_build_object('jid', p_jid));
END $$;

-- What relation.updated tells p_user: { jid, user, blocked, restricted }, as things stand.
CREATE FUNCTION relation_event(p_user uuid, e events) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  peer text := e.payload::jsonb->>'jid';
BEGIN
  RETURN jsonb_build_object(
    'jid', peer, 'user', (SELECT user_json(p_user, u) FROM users u WHERE u.jid = peer),
    'blocked', EXISTS (SELECT FROM blocks b WHERE b.user_id = p_user AND b.peer = e.payload::jsonb->>'jid'),
    'restricted', relation_restricts(p_user, peer));
END $$;

-- The domain of a bare JID, which may be one itself.
CREATE FUNCTION relation_domain(p_jid text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT substr(p_jid, strpos(p_jid, '@') + 1)
$$;

-- Whether anything was said in the conversation.
CREATE FUNCTION relation_started(c conversations) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN c.base_seq > 0 OR EXISTS (SELECT FROM messages m WHERE m.conversation_id = c.id);
END $$;

-- What becomes of the first message of p_jid to the user: 'open', 'pending', 'declined' (the user restricts p_jid) or
-- 'refused'.
CREATE FUNCTION relation_first(p_user uuid, p_jid text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((
    SELECT CASE WHEN moderation_restricts((SELECT x.id FROM users x WHERE x.jid = p_jid)) THEN 'refused'
                WHEN relation_restricts(u.id, p_jid) THEN 'declined'
                WHEN u.kind <> 'hosted' OR s.setting = 'everyone' THEN 'open'
                WHEN s.setting IN ('friends', 'following') THEN
                  CASE WHEN relation_follows(u.id, p_jid, s.setting = 'friends') THEN 'open' ELSE 'refused' END
                WHEN relation_contact(u.id, p_jid) THEN 'open'
                WHEN s.setting = 'contacts' THEN 'pending' ELSE 'refused' END
      FROM users u CROSS JOIN LATERAL (
        SELECT privacy_value(u.privacy_messages, 'messages') AS setting) s
      WHERE u.id = p_user), 'refused');
END $$;

-- Whether p_jid may not even begin to talk to p_target: unknown (NULL), blocked, or not wanted. Has
-- the same steps for all of them.
CREATE FUNCTION relation_refuses(p_target uuid, p_jid text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  target uuid := coalesce(p_target, '00000000-0000-0000-0000-000000000000');
  blocked boolean := relation_blocks(target, p_jid);
  first text := relation_first(target, p_jid);
  known boolean;
BEGIN
  known := EXISTS (
    SELECT FROM users u CROSS JOIN pair_row(u.id, target) c
      JOIN member_row(c.id, target) m ON true
      WHERE u.jid = p_jid AND (m.request IS NOT NULL OR relation_started(c)));
  RETURN p_target IS NULL OR blocked OR (first = 'refused' AND NOT known)
    -- Somebody in a room elsewhere who shows no address there.
    OR EXISTS (SELECT FROM users u WHERE u.id = target AND (u.jid LIKE '%/%' OR u.deleted_at IS NOT NULL));
END $$;

-- Sets conversations.guarded to what it has to be. p_first: a message is about to be stored, p_sender's.
CREATE FUNCTION relation_guard(p_conversation uuid, p_first boolean, p_sender uuid DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE conversations c SET guarded = g.guarded
    FROM (SELECT x.id, (NOT p_first AND NOT relation_started(x))
                 OR relation_blocks(a.id, b.jid) OR relation_blocks(b.id, a.jid)
                 OR a.deleted_at IS NOT NULL OR b.deleted_at IS NOT NULL
                 OR EXISTS (SELECT FROM members m WHERE m.conversation_id = x.id
                              AND m.request IN ('pending', 'declined'))
                 OR spam_judges(x, p_sender) AS guarded
            FROM conversations x JOIN users a ON a.id = x.member_ids[1]
              JOIN users b ON b.id = x.member_ids[2]
            WHERE x.id = p_conversation AND x.kind IS NOT DISTINCT FROM 'direct') g
    WHERE c.id = g.id AND c.guarded <> g.guarded;
END $$;

-- Tells p_user of a message request, or of one for the presence. What it looks like is event_payload()'s.
CREATE FUNCTION relation_request_event(p_conversation uuid, p_user uuid, p_subscription boolean)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM event_add('request.new', 'user', p_conversation, p_user,
                    json_build_object('subscription', p_subscription));
END $$;

-- Tells p_user what the conversation looks like now.
CREATE FUNCTION relation_updated_event(p_conversation uuid, p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM event_add('conversation.updated', 'user', p_conversation, p_user);
END $$;

-- Accepts the conversation for the user, who restricts the other no longer; false: there was nothing to accept. A
-- subscription that waits is another matter.
CREATE FUNCTION relation_accept(p_conversation uuid, p_user uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  peer users;
BEGIN
  UPDATE members m SET request = 'accepted', hidden_seq = NULL
    WHERE m.conversation_id = p_conversation AND m.user_id = p_user
      AND m.request IN ('pending', 'declined');
  IF FOUND THEN
    SELECT u.* INTO peer FROM conversations c JOIN users u ON u.id = pair_other(c.member_ids, p_user)
      WHERE c.id = p_conversation;
    DELETE FROM restrictions r WHERE r.user_id = p_user AND r.peer = peer.jid;
    IF FOUND THEN
      PERFORM relation_tell(p_user, peer.jid);
    END IF;
    PERFORM spam_accepted(peer.id);
    RETURN true;
  END IF;
  RETURN false;
END $$;

-- Fails like the unique index when what is refused was stored before: message_store is then called
-- again with p_careful, and yields the first row, as it would without the block.
CREATE FUNCTION relation_repeated(p_sender uuid, p_dedupe uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM messages m WHERE m.sender_id = p_sender AND m.dedupe = p_dedupe
               AND m.dedupe IS NOT NULL) THEN
    RAISE unique_violation;
  END IF;
END $$;

-- Makes the conversation a request to p_user. p_begun: it is in p_user's list.
CREATE FUNCTION relation_filter(p_conversation uuid, p_user uuid, p_begun boolean) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE members m SET request = 'pending' WHERE m.conversation_id = p_conversation AND m.user_id = p_user;
  IF p_begun THEN
    PERFORM relation_updated_event(p_conversation, p_user);
  END IF;
  PERFORM relation_request_event(p_conversation, p_user, false);
  RETURN 'pending';
END $$;

-- Asked for a message in a guarded conversation, before it is stored. Who writes accepts the other.
-- NULL: it passes. Else { outcome: 0, 3 the sender blocks the other, 4 refused (of a group: see group_pass()), 5 the
-- sender may not begin conversations, or what spam_pass() says; refusal; held: the other is not told; events: as in
-- change_apply }. p_judging, p_hook: as spam_pass() has them, p_judging NULL: nobody's words are looked at; p_stanza: what came.
CREATE FUNCTION relation_pass(p_conversation uuid, p_sender uuid, p_id uuid, p_body text,
                              p_position bigint, p_at timestamptz, p_dedupe uuid,
                              p_content jsonb DEFAULT NULL, p_judging text DEFAULT NULL, p_hook jsonb DEFAULT NULL,
                              p_stanza text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  c conversations;
  judged jsonb;
  source users;
  target users;
  asked text;
  verdict text;
  before bigint;
  first messages; -- what is about to be stored, when it makes a request
BEGIN
  SELECT * INTO c FROM conversations WHERE id = p_conversation;
  IF NOT c.guarded THEN
    RETURN NULL;
  ELSIF c.kind <> 'direct' THEN
    RETURN group_pass(c, p_sender, p_body, p_at, p_dedupe, p_content, p_stanza IS NOT NULL);
  END IF;
  SELECT * INTO source FROM users WHERE id = p_sender;
  SELECT * INTO target FROM users
    WHERE id = pair_other(c.member_ids, p_sender);
  IF relation_blocks(source.id, target.jid) THEN
    PERFORM relation_repeated(p_sender, p_dedupe);
    RETURN jsonb_build_object('outcome', 3);
  END IF;
  SELECT m.request INTO asked FROM members m
    WHERE m.conversation_id = c.id AND m.user_id = target.id;
  IF asked IS DISTINCT FROM 'declined' AND asked IS DISTINCT FROM 'accepted'
     AND NOT relation_started(c) THEN
    verdict := relation_first(target.id, source.jid);
  END IF;
  IF relation_blocks(target.id, source.jid) OR verdict = 'refused' OR target.deleted_at IS NOT NULL THEN
    PERFORM relation_repeated(p_sender, p_dedupe);
    RETURN CASE WHEN verdict = 'refused' AND moderation_restricts(source.id) THEN moderation_restricted('outcome')
                ELSE '{"outcome": 4}' END;
  END IF;
  IF p_judging IS NOT NULL AND NOT coalesce(p_hook ? 'trusted', false) AND coalesce(asked, 'pending') = 'pending'
     AND verdict IS DISTINCT FROM 'declined' AND spam_judges(c, source.id) THEN
    judged := spam_pass(c, source, target, p_id, p_body, p_content, p_judging, p_hook,
                        coalesce(p_stanza !~ 'urn:xmpp:eme:0|axolotl|urn:xmpp:omemo|urn:xmpp:openpgp', true));
    IF judged ? 'outcome' THEN
      PERFORM relation_repeated(p_sender, p_dedupe);
      RETURN judged;
    END IF;
  END IF;
  SELECT h.position INTO before FROM log_head h;
  IF relation_accept(c.id, source.id) THEN
    PERFORM relation_updated_event(c.id, source.id);
  ELSIF spam_judges(c, NULL) AND NOT spam_judges(c, source.id) THEN
    PERFORM spam_accepted(target.id); -- who has waited for an answer until now
  END IF;
  IF verdict IS NOT NULL THEN
    asked := nullif(verdict, 'open');
    UPDATE members m SET request = asked
      WHERE m.conversation_id = c.id AND m.user_id = target.id;
    IF asked = 'pending' THEN
      first := jsonb_populate_record(NULL::messages,
        message_fresh(p_id, c.id, 1, p_position, p_sender, p_at, p_body, p_content));
      PERFORM relation_request_event(c.id, target.id, false);
    END IF;
  END IF;
  IF judged ? 'filter' AND asked IS NULL AND target.kind = 'hosted' THEN
    asked := relation_filter(c.id, target.id, verdict IS NULL);
    IF verdict IS NOT NULL THEN
      first := jsonb_populate_record(NULL::messages,
        message_fresh(p_id, c.id, 1, p_position, p_sender, p_at, p_body, p_content));
    END IF;
  END IF;
  PERFORM relation_guard(c.id, true, p_sender);
  RETURN jsonb_build_object('outcome', 0, 'held', coalesce(asked IN ('pending', 'declined'), false),
                            'events', event_list(before, first));
END $$;

-- Whether the other member of a conversation, who has not written in it, has not let the sender in
-- otherwise either: by accepting it, or as a contact. Fails when what is asked for was stored before.
CREATE FUNCTION relation_stranger(p_conversation uuid, p_sender uuid, p_dedupe uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM relation_repeated(p_sender, p_dedupe);
  RETURN NOT EXISTS (
    SELECT FROM conversations c
      JOIN users source ON source.id = p_sender
      JOIN users target ON target.id = pair_other(c.member_ids, p_sender)
      LEFT JOIN member_row(c.id, target.id) m ON true
      WHERE c.id = p_conversation
        AND (m.request = 'accepted' OR relation_contact(target.id, source.jid)
             OR (target.kind <> 'hosted' AND EXISTS (
                   SELECT FROM contacts x WHERE x.user_id = source.id AND x.peer = target.jid
                     AND x.to_peer))));
END $$;

-- Whether the other member has not accepted the conversation.
CREATE FUNCTION relation_held(p_conversation uuid, p_sender uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM members m WHERE m.conversation_id = p_conversation AND NOT m.grouped
                   AND m.user_id <> p_sender AND m.request IN ('pending', 'declined'));
END $$;

-- Whether the member's marks in a guarded conversation may be told to the other.
CREATE FUNCTION relation_tells(c conversations, p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN c.kind <> 'direct' OR (
    SELECT NOT relation_blocks(a.id, b.jid) AND NOT relation_blocks(b.id, a.jid)
           AND NOT EXISTS (SELECT FROM members m WHERE m.conversation_id = c.id
                             AND m.user_id = p_user AND m.request IN ('pending', 'declined'))
      FROM users a, users b WHERE a.id = c.member_ids[1] AND b.id = c.member_ids[2]);
END $$;

-- Whether p_viewer may see u's profile, and, if u is hosted, find u. What people on XMPP call
-- themselves and look like is for those to whom their server shows it: who sees their presence, who has
-- been asked by them, and whom it was sent to.
CREATE FUNCTION relation_profile(p_viewer uuid, u users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF u.kind <> 'hosted' THEN
    RETURN u.privacy_profile IS NULL
      OR EXISTS (SELECT FROM contacts c WHERE c.user_id = p_viewer AND c.peer = u.jid
                   AND (c.to_peer OR c.from_peer OR c.pending_in))
      OR EXISTS (SELECT FROM shown_profiles s WHERE s.peer_id = u.id AND s.user_id = p_viewer);
  END IF;
  RETURN EXISTS (
    SELECT FROM users v WHERE v.id = p_viewer AND NOT relation_blocks(u.id, v.jid)
      AND privacy_allows(privacy_value(u.privacy_profile, 'profile'), relation_contact(u.id, v.jid)));
END $$;

-- Whether picture and bio of u, of whom p_viewer knows, are not for p_viewer.
CREATE FUNCTION user_is_closed(p_viewer uuid, u users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN u.id <> p_viewer AND NOT relation_profile(p_viewer, u);
END $$;

-- Whether everybody sees the profile of u.
CREATE FUNCTION user_is_open(u users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE WHEN u.kind <> 'hosted' THEN u.privacy_profile IS NULL
              ELSE privacy_value(u.privacy_profile, 'profile') = 'everyone'
                AND NOT EXISTS (SELECT FROM blocks b WHERE b.user_id = u.id) END;
END $$;

-- What everybody sees of u: of whom somebody might not see the profile, only the names.
CREATE FUNCTION user_open(u users) RETURNS user_view
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN user_facts(u, NOT user_is_open(u));
END $$;

-- What p_viewer, who knows of u, sees of u.
CREATE FUNCTION user_seen(p_viewer uuid, u users) RETURNS user_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  closed boolean := user_is_closed(p_viewer, u);
BEGIN
  RETURN user_facts(u, closed);
END $$;

-- Those of p_viewers who do not see the profile of p_user; NULL: all do.
CREATE FUNCTION user_closed_to(p_viewers uuid[], p_user uuid) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  -- As with most: not one by one, in a group.
  IF cardinality(p_viewers) > 2 AND (SELECT user_is_open(u) FROM users u WHERE u.id = p_user) THEN
    RETURN NULL;
  END IF;
  RETURN (SELECT array_agg(v.id ORDER BY v.id) FROM users v, users u
            WHERE v.id = ANY (p_viewers) AND v.id <> p_user AND u.id = p_user
              AND NOT relation_profile(v.id, u));
END $$;

-- What those of p_viewers see of p_user who do not see the profile; NULL: all do.
CREATE FUNCTION user_closed_facts(p_viewers uuid[], p_user uuid) RETURNS user_view
LANGUAGE plpgsql STABLE AS $$
DECLARE
  closed uuid[] := user_closed_to(p_viewers, p_user);
BEGIN
  RETURN (SELECT user_seen(closed[1], u) FROM users u WHERE u.id = p_user AND closed IS NOT NULL);
END $$;

-- How p_owner stands to p_viewer, of whom the owner has conversation c (or NULL).
--   blocks   messages and everything else are refused
--   accepts  what the viewer says is shown to the owner as soon as it comes
--   shows    the viewer may see the owner's presence; last_seen: and when the owner was last there
--   profile  the viewer may see the owner's profile
CREATE FUNCTION relation_side(p_owner users, p_viewer text, p_hosted boolean, c conversations,
                              OUT blocks boolean, OUT accepts boolean, OUT shows boolean,
                              OUT last_seen boolean, OUT profile boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  request text;
  listed boolean; -- the owner has the conversation in the list
  contact boolean := relation_contact(p_owner.id, p_viewer);
  granted boolean := EXISTS (SELECT FROM contacts x WHERE x.user_id = p_owner.id
                               AND x.peer = p_viewer AND x.from_peer);
BEGIN
  blocks := relation_blocks(p_owner.id, p_viewer);
  SELECT m.request, m.hidden_seq IS NULL OR EXISTS (
      SELECT FROM messages x WHERE x.conversation_id = c.id AND x.seq > m.hidden_seq)
    INTO request, listed FROM members m
    WHERE m.conversation_id = c.id AND m.user_id = p_owner.id;
  accepts := CASE WHEN p_owner.kind <> 'hosted' OR request = 'accepted' THEN true
                  WHEN request IS NOT NULL THEN false
                  ELSE relation_first(p_owner.id, p_viewer) = 'open'
                       OR (c.id IS NOT NULL AND relation_started(c)) END;
  shows := NOT blocks AND NOT relation_restricts(p_owner.id, p_viewer) AND privacy_allows(privacy_value(p_owner.privacy_presence, 'presence'), contact)
           AND (granted OR (p_hosted AND accepts AND (contact OR coalesce(listed, false))));
  last_seen := shows
    AND privacy_allows(privacy_value(p_owner.privacy_last_seen, 'last_seen'), contact);
  profile := NOT blocks
    AND privacy_allows(privacy_value(p_owner.privacy_profile, 'profile'), contact);
END $$;

-- Whether typing may pass in the direct conversation, in which nobody blocks the other: no request
-- waits, and both could write.
CREATE FUNCTION relation_live(c conversations, p_one users, p_other users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN NOT EXISTS (SELECT FROM members m WHERE m.conversation_id = c.id
                       AND m.request IN ('pending', 'declined'))
    AND (relation_started(c) OR (relation_first(p_one.id, p_other.jid) = 'open'
                                 AND relation_first(p_other.id, p_one.jid) = 'open'));
END $$;

-- Whether the one of the conversation who is not hosted has written or acknowledged something, or
-- there is a presence subscription, so that chat states may be sent (XEP-0085 section 5.1).
CREATE FUNCTION relation_heard(c conversations) RETURNS boolean
LANGUAGE plpgsql STABLE
SET enable_bitmapscan = off AS $$ -- as in contact_consents()
BEGIN
  RETURN c.remote_user IS NOT NULL AND (
    EXISTS (SELECT FROM members m WHERE m.conversation_id = c.id
              AND m.user_id = c.remote_user AND greatest(m.delivered_seq, m.read_seq) > 0)
    OR EXISTS (SELECT FROM contacts k
                 WHERE k.user_id = pair_other(c.member_ids, c.remote_user)
                   AND k.peer = c.remote_jid AND (k.from_peer OR k.to_peer))
    OR EXISTS (SELECT FROM (SELECT m.sender_id FROM messages m WHERE m.conversation_id = c.id
                              ORDER BY m.seq DESC LIMIT 200) newest
                 WHERE newest.sender_id = c.remote_user));
END $$;

-- How the hosted user with bare JID p_user stands to p_peer (bare JID, or id of a user or of a
-- conversation of the user's) or, when that is NULL, to whom p_reference means (see relation_refer).
-- user_id is NULL when there is no such user; peer_id when we know nobody there.
-- known: the peer may know that there is the user: may see something of the user or write, or is a
-- contact of the user's; of who is suspended only app users do. live, heard: see relation_live(), relation_heard(); who blocks, or has no
-- conversation, takes the same steps.
CREATE FUNCTION relation_view(p_user text, p_peer text, p_reference jsonb)
RETURNS TABLE (user_id uuid, user_number bigint, user_jid text, user_hosted boolean,
               peer_id uuid, peer_number bigint, peer_jid text, peer_hosted boolean,
               conversation_id uuid, known boolean, live boolean, heard boolean,
               blocks boolean, accepts boolean, shows boolean, last_seen boolean, profile boolean,
               blocked_by boolean, accepted_by boolean, shown_by boolean, last_seen_by boolean,
               profile_by boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  owner users;
  peer users;
  c conversations;
  there record;
  back record;
  is_live boolean;
BEGIN
  SELECT * INTO owner FROM users u WHERE u.jid = p_user AND u.kind <> 'remote';
  IF p_peer IS NULL THEN
    SELECT * INTO peer FROM users u WHERE u.id = relation_refer(owner.id, p_reference);
  ELSIF p_peer !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
    SELECT * INTO peer FROM users u WHERE u.jid = p_peer;
  ELSE
    SELECT x.* INTO c FROM conversations x
      WHERE x.id = p_peer::uuid AND x.kind IS NOT DISTINCT FROM 'direct' AND owner.id = ANY (x.member_ids);
    SELECT * INTO peer FROM users u
      WHERE u.id = CASE WHEN c.id IS NULL THEN p_peer::uuid
                        ELSE pair_other(c.member_ids, owner.id) END;
  END IF;
  IF c.id IS NULL THEN
    SELECT x.* INTO c FROM conversations x WHERE x.kind = 'direct'
      AND x.member_ids = pair_key(owner.id, peer.id);
  END IF;
  SELECT * INTO there FROM relation_side(
    owner, coalesce(peer.jid, p_peer), coalesce(peer.kind = 'hosted', false), c);
  SELECT * INTO back FROM relation_side(peer, coalesce(owner.jid, p_user), true, c);
  IF peer.kind IS DISTINCT FROM 'hosted' THEN -- what others' servers do is their affair
    SELECT false, true, coalesce(bool_or(x.to_peer), false), coalesce(bool_or(x.to_peer), false), true
      INTO back.blocks, back.accepts, back.shows, back.last_seen, back.profile
      FROM contacts x WHERE x.user_id = owner.id AND x.peer = coalesce(peer.jid, p_peer);
  END IF;
  is_live := c.id IS NOT NULL AND NOT there.blocks AND NOT back.blocks
             AND relation_live(c, owner, peer);
  RETURN QUERY SELECT owner.id, owner.number, owner.jid, owner.id IS NOT NULL,
    peer.id, peer.number, peer.jid, coalesce(peer.kind = 'hosted', false),
    c.id, owner.id IS NOT NULL AND (
      there.profile OR there.shows OR relation_contact(owner.id, coalesce(peer.jid, p_peer))
      OR NOT relation_refuses(owner.id, coalesce(peer.jid, p_peer)))
      AND NOT (peer.kind IS DISTINCT FROM 'hosted' AND user_is_suspended(owner)),
    is_live, is_live AND relation_heard(c),
    there.blocks, there.accepts, there.shows, there.last_seen, there.profile,
    back.blocks, back.accepts, back.shows, back.last_seen, back.profile;
END $$;

-- ---- Blocking --------------------------------------------------------------------------------------

-- Notes on the conversations of the user with p_peer (bare JID or domain) that a block came or went.
CREATE FUNCTION relation_guard_all(p_user uuid, p_peer text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  found uuid;
BEGIN
  FOR found IN
    SELECT c.id FROM members m
      JOIN LATERAL (SELECT x.* FROM conversations x WHERE x.id = m.conversation_id OFFSET 0) c ON c.kind = 'direct'
      JOIN users u ON u.id = pair_other(c.member_ids, p_user)
      WHERE m.user_id = p_user AND p_peer NOT LIKE '%@%' AND u.jid LIKE '%@%'
        AND relation_domain(u.jid) = p_peer
    UNION ALL
    SELECT c.id FROM users u CROSS JOIN pair_row(u.id, p_user) c
      WHERE u.jid = p_peer
  LOOP
    PERFORM relation_guard(found, false);
    PERFORM relation_updated_event(found, p_user);
  END LOOP;
END $$;

-- Whether the user has had to do with u: there is a conversation, or a contact.
CREATE FUNCTION relation_met(p_user uuid, u users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN member_together(p_user, u.id)
    OR EXISTS (SELECT FROM contacts x WHERE x.user_id = p_user AND x.peer = u.jid);
END $$;

-- Whether the user may know that there is u: may see the profile of an app user, has had to do with u,
-- blocks u, or has just found somebody on XMPP by the address.
CREATE FUNCTION relation_knows(p_user uuid, u users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN u.id = p_user OR (u.kind = 'hosted' AND relation_profile(p_user, u))
    OR relation_met(p_user, u)
    OR EXISTS (SELECT FROM blocks b WHERE b.user_id = p_user AND b.peer = u.jid)
    OR EXISTS (SELECT FROM found f WHERE f.user_id = p_user AND f.peer_id = u.id);
END $$;

-- The user whom a request of p_user's means: text is an id or the app's own id, a whole number is
-- users.number. A number, and the id of somebody who is not an app user, counts only for whom p_user
-- may know of already; to others it is nobody's. The steps are the same.
CREATE FUNCTION relation_refer(p_user uuid, p_reference jsonb) RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
DECLARE
  by_number boolean := jsonb_typeof(p_reference) = 'number';
  u users;
  known boolean;
BEGIN
  IF by_number THEN
    SELECT * INTO u FROM users x WHERE x.number = p_reference::bigint;
  ELSE
    SELECT x.* INTO u FROM user_find(p_reference #>> '{}') f JOIN users x ON x.id = f.id;
  END IF;
  known := relation_knows(p_user, u);
  RETURN CASE WHEN u.jid LIKE '%/%' THEN NULL -- somebody in a room elsewhere who shows no address there
              WHEN known OR (u.kind = 'hosted' AND NOT by_number) THEN u.id END;
END $$;

-- The peer that p_user's arguments name: { user_id } (see relation_refer) or { jid } (a prepared bare
-- JID or domain). Of our own domain only users that exist are found. p_make: people elsewhere who are
-- unknown are made; domains never are.
CREATE FUNCTION relation_named(p_user uuid, p_arguments jsonb, p_make boolean, OUT ret_jid text,
                               OUT ret_user users)
LANGUAGE plpgsql AS $$
DECLARE
  made uuid;
BEGIN
  IF p_arguments ? 'user_id' THEN
    made := user_keep(relation_refer(p_user, p_arguments->'user_id'));
  ELSIF p_make AND p_arguments->>'jid' LIKE '%@%'
        AND relation_domain(p_arguments->>'jid') <> p_arguments->>'domain' THEN
    made := user_remote(p_arguments->>'jid');
  ELSE
    made := user_keep((SELECT u.id FROM users u WHERE u.jid = p_arguments->>'jid'));
  END IF;
  SELECT u.* INTO ret_user FROM users u WHERE u.id = made; -- by itself: it may have been made just now
  ret_jid := coalesce(ret_user.jid, p_arguments->>'jid');
END $$;

-- Whether p_user may be told what u does without having been spoken to: does not block u, may see the
-- profile, and has u as a contact or in a conversation of the list that does not wait and was not
-- declined.
CREATE FUNCTION relation_hears(p_user uuid, u users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN NOT relation_blocks(p_user, u.jid) AND relation_profile(p_user, u) AND (
    relation_contact(p_user, u.jid)
    OR EXISTS (
      SELECT FROM conversations c
        JOIN member_row(c.id, p_user) m ON true
        WHERE c.kind = 'direct' AND c.member_ids = pair_key(u.id, p_user)
          AND coalesce(m.request, 'accepted') = 'accepted'
          AND (m.hidden_seq IS NULL OR EXISTS (SELECT FROM messages x WHERE x.conversation_id = c.id
                                                 AND x.seq > m.hidden_seq)))
    OR member_share_group(p_user, u.id));
END $$;

-- Whether a request of p_source comes to p_target as one of a stranger: p_target has not added or
-- accepted p_source, asked for anything, or written.
CREATE FUNCTION relation_unasked(p_source users, p_target users) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN NOT (
    relation_contact(p_target.id, p_source.jid) OR contact_consents(p_target.id, p_source.jid)
    OR EXISTS (SELECT FROM contacts x WHERE x.user_id = p_source.id AND x.peer = p_target.jid
                 AND (x.to_peer OR x.from_peer OR x.pending_in))
    OR EXISTS (SELECT FROM conversations c
                 JOIN member_row(c.id, p_target.id) m ON true
                 WHERE c.kind = 'direct' AND c.member_ids = pair_key(p_source.id, p_target.id)
                   AND m.request = 'accepted'));
END $$;

-- Contacts of the user at p_peer (bare JID or domain) who may see presence, at most 1000.
CREATE FUNCTION relation_watchers(p_user uuid, p_peer text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(c.peer), '[]') FROM (
    SELECT x.peer FROM contacts x WHERE x.user_id = p_user AND x.from_peer
      AND (x.peer = p_peer OR relation_domain(x.peer) = p_peer)
      ORDER BY x.peer LIMIT 1000) c
$$;

-- Why nobody blocks all who are at home here.
CREATE FUNCTION relation_own_domain() RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT '{"pointer": "/jid", "detail": "is our own domain"}'::jsonb
$$;

-- Blocks { user_id } or { jid }; domain is our own. At most 10000 per user. The result is { block:
-- { jid, user, blocked } }. Who saw the presence loses it.
CREATE FUNCTION change_block(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  named record;
BEGIN
  IF p_arguments->>'jid' = p_arguments->>'domain' THEN
    outcome := 6;
    result := relation_own_domain();
    RETURN;
  END IF;
  SELECT * INTO named FROM relation_named(p_user, p_arguments, true);
  IF (named.ret_user).id = p_user THEN
    outcome := 6;
    result := jsonb_build_object('pointer', CASE WHEN p_arguments ? 'jid' THEN '/jid' ELSE '' END,
                                 'detail', 'is the user who asks');
    RETURN;
  ELSIF (named.ret_user).id IS NULL AND (named.ret_jid IS NULL OR named.ret_jid LIKE '%@%')
        OR (named.ret_user).kind = 'hosted' AND NOT relation_knows(p_user, named.ret_user) THEN
    outcome := 2;
    RETURN;
  ELSIF (SELECT count(*) FROM (SELECT FROM blocks b WHERE b.user_id = p_user LIMIT 10000) all_) = 10000
        AND NOT EXISTS (SELECT FROM blocks b WHERE b.user_id = p_user AND b.peer = named.ret_jid) THEN
    outcome := 3;
    RETURN;
  END IF;
  result := jsonb_build_object(
    'block', jsonb_build_object('jid', named.ret_jid, 'blocked', true, 'user',
      CASE WHEN (named.ret_user).id IS NOT NULL THEN user_json(p_user, named.ret_user) END,
      'blocker_id', p_user, 'blocked_id', (named.ret_user).id))
    || change_follows(p_user, relation_watchers(p_user, named.ret_jid), false);
  INSERT INTO blocks (user_id, peer) VALUES (p_user, named.ret_jid) ON CONFLICT DO NOTHING;
  outcome := CASE WHEN FOUND THEN 0 ELSE 1 END;
  result := jsonb_set(result, '{block,created_at}', (
    SELECT to_jsonb(api_time(b.created_at)) FROM blocks b
      WHERE b.user_id = p_user AND b.peer = named.ret_jid));
  IF outcome = 0 THEN
    PERFORM bound_block(p_user, named.ret_jid, true);
    UPDATE contacts x SET pending_in = false, updated_at = now()
      WHERE x.user_id = p_user AND x.pending_in
        AND (x.peer = named.ret_jid OR relation_domain(x.peer) = named.ret_jid);
    DELETE FROM contacts x -- as contact_tidy()
      WHERE x.user_id = p_user AND NOT contact_says(x);
    UPDATE members m SET request = 'declined'
      WHERE m.user_id = p_user AND m.request = 'pending'
        AND (SELECT c.kind = 'direct' AND relation_blocks(p_user, (SELECT u.jid FROM users u WHERE u.id = pair_other(c.member_ids, p_user)))
               FROM conversations c WHERE c.id = m.conversation_id);
    PERFORM relation_guard_all(p_user, named.ret_jid);
    PERFORM membership_decline(p_user, m.conversation_id)
      FROM members m JOIN users u ON u.id = m.invited_by
      WHERE m.user_id = p_user AND m.grouped AND m.state = 'invited' AND relation_blocks(p_user, u.jid);
    PERFORM relation_tell(p_user, named.ret_jid);
  END IF;
END $$;

CREATE FUNCTION change_unblock(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  named record;
BEGIN
  IF p_arguments->>'jid' = p_arguments->>'domain' THEN
    outcome := 6;
    result := relation_own_domain();
    RETURN;
  END IF;
  SELECT * INTO named FROM relation_named(p_user, p_arguments, false);
  IF (named.ret_user).id IS NOT NULL AND NOT relation_knows(p_user, named.ret_user) THEN
    named.ret_user := NULL;
    named.ret_jid := p_arguments->>'jid';
  END IF;
  IF named.ret_jid IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  DELETE FROM blocks b WHERE b.user_id = p_user AND b.peer = named.ret_jid;
  outcome := CASE WHEN FOUND THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    PERFORM bound_block(p_user, named.ret_jid, false);
    PERFORM relation_guard_all(p_user, named.ret_jid);
    IF (named.ret_user).kind = 'hosted' THEN
      PERFORM contact_catch_up(p_user, named.ret_user);
    END IF;
    PERFORM relation_tell(p_user, named.ret_jid);
  END IF;
  result := jsonb_build_object(
    'block', jsonb_build_object('jid', named.ret_jid, 'blocked', false, 'user',
      CASE WHEN (named.ret_user).id IS NOT NULL THEN user_json(p_user, named.ret_user) END,
      'blocker_id', p_user, 'blocked_id', (named.ret_user).id, 'created_at', NULL))
    || change_follows(p_user, relation_watchers(p_user, named.ret_jid), true, contact_last_seen(p_user));
END $$;

-- Whom the user blocks, newest first: { items, has_more, next, domains }. p_before is `next` of an
-- earlier page; domains (at most 1000) are on the first page.
CREATE FUNCTION relation_blocked(p_user uuid, p_limit int, p_before text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH page AS (
    SELECT user_json(p_user, u) || jsonb_build_object('blocker_id', p_user,
             'blocked_id', u.id, 'created_at', api_time(b.created_at)) AS json, b.created_at, b.peer,
           row_number() OVER (ORDER BY b.created_at DESC, b.peer DESC) AS k
      FROM blocks b JOIN users u ON u.jid = b.peer
      WHERE b.user_id = p_user AND b.created_at > '-infinity' -- as the index has it
        AND (p_before IS NULL OR (b.created_at, b.peer) < (
          SELECT x.created_at, x.peer FROM blocks x JOIN users y ON y.jid = x.peer
            WHERE x.user_id = p_user AND y.id = p_before::uuid))
      ORDER BY b.created_at DESC, b.peer DESC LIMIT p_limit + 1
  )
  SELECT json_build_object(
    'items', coalesce(json_agg(json ORDER BY k) FILTER (WHERE k <= p_limit), '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit
            THEN max(json->>'id') FILTER (WHERE k = p_limit) END,
    'domains', CASE WHEN p_before IS NULL THEN (
      SELECT coalesce(json_agg(d.peer ORDER BY d.peer), '[]') FROM (
        SELECT b.peer FROM blocks b WHERE b.user_id = p_user AND b.peer NOT LIKE '%@%'
          ORDER BY b.peer LIMIT 1000) d) ELSE '[]' END)::text
  FROM page
$$;
