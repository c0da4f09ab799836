-- SPDX-License-Identifier: GPL-3.0-or-later
-- Archives that servers had before, taken over by trestle import.

-- The uid of what the archive of p_owner has called p_id, said at p_stamp: always the same.
CREATE FUNCTION mam_import_uid(p_owner text, p_id text, p_stamp timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM p_stamp) * 1000)::bigint), 12, '0') || '7' || substr(h, 1, 3) || '8' || substr(h, 4, 15))::uuid
    FROM md5(p_owner || E'\n' || p_id) h
$$;

-- The same stanza in the archive o, which is that of the other side or has it from its server: the uid. By its sender, the id that
-- the sender gave it and all its text, within ten minutes; NULL: there is none.
CREATE FUNCTION mam_import_same(o mam_owners, p_peer text, p_sender text, p_origin text, p_stanza text, p_stamp timestamptz)
RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
DECLARE
  w record := mam_window(o, p_stamp - interval '10 minutes', p_stamp + interval '10 minutes');
BEGIN
  RETURN (SELECT h.uid FROM mam_holders h JOIN mam_stanzas s ON s.uid = h.uid
            WHERE h.owner_id = o.id AND h.peer = p_peer AND h.place > w.low AND h.place < w.high
              AND s.sender = p_sender AND s.origin = p_origin AND s.stanza = p_stanza
              AND s.stamp BETWEEN p_stamp - interval '10 minutes' AND p_stamp + interval '10 minutes'
            ORDER BY h.place LIMIT 1);
END $$;

-- Takes over a page of the archive of p_owner: { id, outgoing, peer, sender, origin, stanza, stamp (microseconds since 1970) },
-- oldest first, of which p_last is the id of the last; p_finished: there is no more. Yields how many are new.
CREATE FUNCTION mam_import(p_owner text, p_entries jsonb, p_last text, p_finished boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  o mam_owners := mam_owner_lock(p_owner);
  other mam_owners;
  before CONSTANT bigint := o.place;
  e jsonb;
  said timestamptz;
  made uuid;
BEGIN
  FOR e IN SELECT x FROM jsonb_array_elements(p_entries) x LOOP
    said := time_from_microseconds((e->>'stamp')::bigint);
    made := mam_import_uid(p_owner, e->>'id', said);
    IF (mam_wrong(p_owner, 'in', e->>'peer', e->>'sender', e->>'stanza', 'chat')).code IS NULL
       AND NOT EXISTS (SELECT FROM mam_holders h WHERE h.owner_id = o.id AND h.uid = made) THEN
      SELECT x.* INTO other FROM mam_owners x WHERE x.jid = e->>'peer';
      made := coalesce(mam_import_same(o, e->>'peer', e->>'sender', e->>'origin', e->>'stanza', said),
                      CASE WHEN other.id IS NOT NULL
                           THEN mam_import_same(other, p_owner, e->>'sender', e->>'origin', e->>'stanza', said) END, made);
      PERFORM mam_put(o, made, (e->>'outgoing')::boolean, e->>'peer', e->>'sender', e->>'origin', e->>'stanza', said, 'chat', NULL);
      SELECT x.* INTO o FROM mam_owners x WHERE x.id = o.id;
    END IF;
  END LOOP;
  INSERT INTO mam_imports AS i (owner, last, count, finished_at)
    VALUES (p_owner, coalesce(p_last, ''), o.place - before, CASE WHEN p_finished THEN now() END)
    ON CONFLICT (owner) DO UPDATE SET last = CASE WHEN p_last IS NULL THEN i.last ELSE p_last END, count = i.count + excluded.count,
      finished_at = excluded.finished_at;
  RETURN o.place - before;
END $$;
