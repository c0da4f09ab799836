-- SPDX-License-Identifier: GPL-3.0-or-later
-- Message requests: conversations, and subscriptions, that wait for the user's decision.

-- Accepts the conversation with p_peer, if it waits, and what that means for the messages in it:
-- receipts that were asked for are owed now. Yields the newest of them, or NULL.
CREATE FUNCTION request_accept(p_user uuid, p_peer uuid) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  c conversations;
  newest uuid;
BEGIN
  SELECT * INTO c FROM conversations x WHERE x.kind = 'direct'
    AND x.member_ids = pair_key(p_user, p_peer);
  IF c.id IS NULL OR NOT relation_accept(c.id, p_user) THEN
    RETURN NULL;
  END IF;
  PERFORM relation_guard(c.id, false);
  SELECT m.id INTO newest FROM messages m WHERE m.conversation_id = c.id ORDER BY m.seq DESC LIMIT 1;
  INSERT INTO outbox (position, kind, from_user, to_address, message_id, reference)
    SELECT l.ret_before + owed.k, 'received', p_user, owed.sender_address, owed.id, owed.foreign_id
      FROM (SELECT n.*, row_number() OVER (ORDER BY n.seq) AS k
              FROM (SELECT m.* FROM messages m WHERE m.conversation_id = c.id
                      ORDER BY m.seq DESC LIMIT 100) n
              JOIN users u ON u.id = p_user AND privacy_receipts(u.privacy_receipts)
              WHERE n.sender_id = c.remote_user AND n.foreign_id IS NOT NULL
                AND n.stanza ~ '<request [^>]*urn:xmpp:receipts') owed,
           log_advance(100) l;
  RETURN newest;
END $$;

-- The other member of a direct conversation of the user, and whether a subscription of theirs waits.
CREATE FUNCTION request_find(p_user uuid, p_conversation uuid, OUT c conversations,
                             OUT peer users, OUT asked text, OUT subscription boolean)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT x.* INTO c FROM conversations x
    WHERE x.id = p_conversation AND x.kind IS NOT DISTINCT FROM 'direct' AND p_user = ANY (x.member_ids);
  SELECT u.* INTO peer FROM users u
    WHERE u.id = pair_other(c.member_ids, p_user);
  SELECT m.request INTO asked FROM members m
    WHERE m.conversation_id = c.id AND m.user_id = p_user;
  subscription := EXISTS (SELECT FROM contacts x WHERE x.user_id = p_user AND x.peer = (request_find.peer).jid
                            AND x.pending_in);
END $$;

-- Whether what waits is an invitation to a group, which p_user is asked to join.
CREATE FUNCTION request_is_invitation(p_user uuid, p_conversation uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM members m WHERE m.conversation_id = p_conversation AND m.user_id = p_user
                   AND m.state = 'invited');
END $$;

-- Accepts { conversation_id }: the peer may talk to the user and, if they asked, see the presence,
-- which the user then asks for too. The result is { conversation, delivered: newest message }.
CREATE FUNCTION change_request_accept(p_user uuid, p_arguments jsonb, OUT outcome int,
                                      OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  found record;
  newest uuid;
BEGIN
  IF request_is_invitation(p_user, (p_arguments->>'conversation_id')::uuid) THEN
    SELECT j.outcome, j.result INTO outcome, result FROM change_member_join(p_user, p_arguments) j;
    RETURN;
  END IF;
  SELECT * INTO found FROM request_find(p_user, (p_arguments->>'conversation_id')::uuid);
  IF (found.c).id IS NULL THEN
    outcome := 2;
    RETURN;
  ELSIF relation_blocks(p_user, (found.peer).jid) THEN
    outcome := 3;
    RETURN;
  END IF;
  outcome := CASE WHEN found.subscription OR found.asked IN ('pending', 'declined') THEN 0
                  ELSE 1 END;
  IF outcome = 0 THEN
    newest := request_accept(p_user, (found.peer).id);
    IF found.subscription THEN
      PERFORM contact_grant(p_user, found.peer);
      PERFORM contact_ask(p_user, found.peer);
      PERFORM contact_event(p_user, (found.peer).jid);
    END IF;
    PERFORM relation_updated_event((found.c).id, p_user);
  END IF;
  result := jsonb_build_object('conversation', to_jsonb(conversation_get(p_user, (found.c).id)),
                               'delivered', newest) || change_follows(p_user);
END $$;

-- Declines { conversation_id }: it stays hidden, whatever is said in it, and nobody is told but who
-- asked for the presence. The result is the conversation.
CREATE FUNCTION change_request_decline(p_user uuid, p_arguments jsonb, OUT outcome int,
                                       OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  found record;
  own text := (SELECT u.jid FROM users u WHERE u.id = p_user);
BEGIN
  IF request_is_invitation(p_user, (p_arguments->>'conversation_id')::uuid) THEN
    SELECT d.outcome, d.result INTO outcome, result
      FROM membership_decline(p_user, (p_arguments->>'conversation_id')::uuid) d;
    RETURN;
  END IF;
  SELECT * INTO found FROM request_find(p_user, (p_arguments->>'conversation_id')::uuid);
  IF (found.c).id IS NULL THEN
    outcome := 2;
    RETURN;
  ELSIF NOT found.subscription AND found.asked IS DISTINCT FROM 'pending' THEN
    outcome := CASE WHEN found.asked = 'declined' THEN 1 ELSE 3 END;
    result := to_jsonb(conversation_get(p_user, (found.c).id)) || change_follows(p_user);
    RETURN;
  END IF;
  outcome := 0;
  UPDATE members m SET request = 'declined'
    WHERE m.conversation_id = (found.c).id AND m.user_id = p_user AND m.request = 'pending';
  PERFORM relation_guard((found.c).id, false);
  IF found.subscription THEN
    UPDATE contacts x SET pending_in = false, updated_at = now()
      WHERE x.user_id = p_user AND x.peer = (found.peer).jid;
    PERFORM contact_tidy(p_user, (found.peer).jid);
    IF (found.peer).kind = 'hosted' THEN
      PERFORM contact_unsubscribed((found.peer).id, own);
    ELSE
      PERFORM contact_send(p_user, (found.peer).jid, 'unsubscribed');
    END IF;
  END IF;
  PERFORM relation_updated_event((found.c).id, p_user);
  result := to_jsonb(conversation_get(p_user, (found.c).id)) || change_follows(p_user);
END $$;
