-- SPDX-License-Identifier: GPL-3.0-or-later
-- What the archives of bound accounts hold becomes messages and what is said of them (decision 0072): the bridge reads
-- on from where it was, and notes how far it has come when that is committed. What is done twice is found by its uid.

-- The account with bare JID p_jid is bound: what its archive holds is to be folded.
CREATE FUNCTION fold_begin(p_jid text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  o mam_owners;
BEGIN
  UPDATE mam_owners x SET bound = true WHERE x.jid = p_jid AND NOT x.bound RETURNING * INTO o;
  INSERT INTO bound_queue (owner_id) SELECT o.id WHERE o.place > o.folded ON CONFLICT DO NOTHING;
END $$;

-- The next of one archive that has something, the first one behind p_after (0: from the beginning): at most p_limit, and
-- only the first if they come to more than p_bytes. known: it is a message already, or its peer, who is to be here, is not
-- (p_domain: that of our own users). history: it was said before the account was used here. No row: there is nothing.
CREATE FUNCTION fold_page(p_after bigint, p_domain text, p_limit int, p_bytes bigint)
RETURNS TABLE (owner_id bigint, owner text, place bigint, uid uuid, outgoing boolean, sender text, stamp bigint, known boolean,
               history boolean, stanza text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  o mam_owners;
  began timestamptz;
BEGIN
  SELECT x.* INTO o FROM (SELECT q.owner_id FROM bound_queue q WHERE q.owner_id > p_after ORDER BY q.owner_id LIMIT 1) n
    JOIN mam_owners x ON x.id = n.owner_id;
  began := (SELECT b.created_at FROM users u JOIN bound_accounts b ON b.user_id = u.id WHERE u.jid = o.jid);
  RETURN QUERY
    SELECT o.id, o.jid, f.place, f.uid, f.outgoing, f.sender, (extract(epoch FROM f.stamp) * 1000000)::bigint,
           f.gone OR f.kind <> 'chat' OR f.peer = o.jid OR EXISTS (
                SELECT FROM messages m JOIN users u ON u.id = m.sender_id WHERE m.id = f.uid AND u.jid = split_part(f.sender, '/', 1))
             OR EXISTS ( -- another stanza of a message that was said here
                SELECT FROM entries e JOIN users u ON u.id = e.sender_id
                  WHERE e.id = f.uid AND e.kind = 'part' AND u.jid = split_part(f.sender, '/', 1))
             OR (split_part(f.peer, '@', 2) = p_domain AND NOT EXISTS (SELECT FROM users u WHERE u.jid = f.peer)),
           coalesce(f.stamp < began, false), f.stanza
      FROM (SELECT h.*, s.kind, s.sender, s.stanza,
                   sum(octet_length(s.stanza)) OVER (ORDER BY h.place) AS bytes, row_number() OVER (ORDER BY h.place) AS n
              FROM (SELECT x.* FROM mam_holders x WHERE x.owner_id = o.id AND x.place > o.folded ORDER BY x.place LIMIT p_limit) h
              LEFT JOIN mam_stanzas s ON s.uid = h.uid) f
      WHERE f.n = 1 OR f.bytes <= p_bytes ORDER BY f.place;
  IF NOT FOUND AND o.id IS NOT NULL THEN -- what there was is gone
    RETURN QUERY SELECT o.id, o.jid, o.place, NULL::uuid, false, NULL, 0::bigint, true, false, NULL;
  END IF;
END $$;

-- Everything of an archive up to p_place is folded.
CREATE FUNCTION fold_done(p_owner_id bigint, p_place bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  o mam_owners;
BEGIN
  UPDATE mam_owners x SET folded = greatest(x.folded, p_place) WHERE x.id = p_owner_id RETURNING * INTO o; -- locks it
  IF o.folded >= o.place THEN
    DELETE FROM bound_queue q WHERE q.owner_id = o.id;
  END IF;
END $$;

-- Where two talk of whom one has an account elsewhere, which is used here; NULL: nowhere.
CREATE FUNCTION fold_place(p_from text, p_to text, OUT source uuid, OUT c conversations)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  one users;
  other users;
BEGIN
  SELECT * INTO one FROM users u WHERE u.jid = p_from;
  SELECT * INTO other FROM users u WHERE u.jid = p_to;
  source := one.id;
  IF 'bound' IN (one.kind, other.kind) THEN
    SELECT x.* INTO c FROM conversations x WHERE x.kind = 'direct' AND x.member_ids = pair_key(one.id, other.id);
  END IF;
END $$;

-- The same where a message is about to be stored, by the holder of the log: made if it is new.
CREATE FUNCTION fold_pair(p_from text, p_to text, OUT source uuid, OUT pair uuid)
LANGUAGE plpgsql AS $$
DECLARE
  target uuid;
BEGIN
  IF p_from <> p_to AND EXISTS (SELECT FROM users u WHERE u.jid IN (p_from, p_to) AND u.kind = 'bound') THEN
    source := user_remote(p_from);
    target := user_remote(p_to);
    SELECT ret_id INTO pair FROM conversation_pair(source, target);
  END IF;
END $$;

-- A mark out of an archive: { from, to, id, origin }. The result is { message_id }: the message that it is about.
CREATE FUNCTION change_mark_filed(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  place record := fold_place(p_arguments->>'from', p_arguments->>'to');
  m messages;
BEGIN
  IF (place.c).id IS NOT NULL THEN
    m := message_named(place.c, p_arguments->>'id', (p_arguments->>'origin')::uuid);
  END IF;
  outcome := CASE WHEN m.id IS NULL THEN 2 ELSE 1 END;
  result := CASE WHEN m.id IS NOT NULL THEN jsonb_build_object('message_id', m.id) END;
END $$;
