-- SPDX-License-Identifier: GPL-3.0-or-later
-- What people are called in rooms. Nobody is called as somebody else, nor so that it looks the same.

-- What two nicks have in common that are the same to a reader (RFC 8266 section 2.4, UTS 39 section 4): case,
-- compatible forms, spaces and what cannot be seen do not count, letters and digits of any script that are drawn
-- as a Latin one are that one, and of 1, I and l, 0 and O, rn and m each is the other. '': nothing can be seen.
-- The letters are those of ICU 72's data, as they are or as capitals.
CREATE FUNCTION nick_key(p_nick text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT replace(translate(regexp_replace(text_fold(p_nick), '[\s\u200b]+', '', 'g'),
    U&'1i|0\01A8\03E9\14BF\A645\A75B\021D\025C\0292\0437\04E1\2CCD\A76B\13CE\0431\13EE\2CD3'
    '\0223\09EA\0A6A\09ED\0A67\0B68\0D6D\2CCB\A76F\0251\03B1\0430\13AA\15C5\A4EE\0185\03B2\0432\044C\13CF'
    '\13F4\1472\15AF\15F7\A4D0\A7B5\0441\13DF\1D04\2CA5\A4DA\0501\13A0\13E7\146F\15DE\15EA\A4D2\A4D3\03B5'
    '\0435\04BD\13AC\2D39\A4F0\AB32\03DD\0584\15B4\1E9D\A4DD\A799\AB35\018D\0261\050D\0581\13C0\13F3\1D83'
    '\A4D6\03B7\043D\04BB\0570\13BB\13C2\157C\2C8F\A4E7\029D\03F3\0458\13AB\148D\A4D9\03BA\043A\13E6\16D5'
    '\2C95\A4D7\0131\01C0\0269\026A\03B9\0456\04CF\05D5\05DF\0627\0661\06F1\07CA\13A5\13DE\14AA\16C1\2C93'
    '\2CD1\2D4F\A4E1\A4F2\A647\03BC\03FB\043C\13B7\15F0\16D6\2C99\A4DF\0578\057C\2C9B\A4E0\03BF\03C3\043E'
    '\0585\05E1\0647\0665\06BE\06C1\06D5\06F5\07C0\0966\09E6\0A66\0AE6\0B20\0B66\0BE6\0C66\0CE6\0D20\0D66'
    '\0E50\0ED0\101D\1040\10FF\12D0\1D0F\1D11\2C9F\2D54\A4F3\AB3D\03C1\0440\13E2\146D\2CA3\A4D1\051B\0563'
    '\0566\2D55\0280\0433\13A1\13D2\1587\1D26\2C85\A4E3\AB47\AB48\01BD\0455\057F\13D5\13DA\A4E2\A731\03C4'
    '\0442\13A2\2CA7\A4D4\028B\03C5\057D\1200\144C\1D1C\A4F4\A79F\AB4E\AB52\03BD\0475\05D8\0667\06F7\13D9'
    '\142F\1D20\2D38\A4E6\A6DF\026F\0461\051D\0561\13B3\13D4\1D21\A4EA\03C7\0445\1541\157D\16B7\2CAD\2D5D'
    '\A4EB\AB53\0263\028F\03B3\0443\04AF\10E7\13A9\13BD\1D8C\1EFF\2CA9\A4EC\AB5A\03B6\13C3\1D22\A4DC',
    'lllo2222233333334666888999999aaaaaabbbbbbbbbbbcccccddddddddeeeeeeefffffffgggggggghhhhhhhhhjjjjjjkkkk'
    'kklllllllllllllllllllllllmmmmmmmmnnnnoooooooooooooooooooooooooooooooooooppppppqqqqrrrrrrrrrrssssssst'
    'ttttuuuuuuuuuuvvvvvvvvvvvwwwwwwwwxxxxxxxxxyyyyyyyyyyyyyzzzz'), 'rn', 'm')
$$;

-- Whether a nick can be part of an address as servers check them (stringprep's resourceprep, RFC 3920 appendix B): of
-- one that cannot they lose what it says, or send it back. Of what is not sure, whether it can: no. Where there is a
-- letter that is written from right to left (RFC 3454 table D.1) it begins and ends with one, and has none of the others.
CREATE FUNCTION nick_fits(p_nick text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  letters CONSTANT text := '\u05be\u05c0\u05c3\u05d0-\u05ea\u05f0-\u05f4\u061b\u061f\u0621-\u063a\u0640-\u064a\u066d-\u066f'
    '\u0671-\u06d5\u06e5\u06e6\u06fa-\u06fe\u0700-\u070d\u0710\u0712-\u072c\u0780-\u07a5\u07b1\ufb1d-\ufb4f\ufd50-\ufdfc\ufe70-\ufefc';
  nick text;
BEGIN
  IF octet_length(p_nick) = char_length(p_nick) THEN
    RETURN p_nick !~ '[\u0001-\u001f\u007f]';
  END IF;
  nick := normalize(regexp_replace(p_nick, '[\u00ad\u034f\u1806\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]', '', 'g'), NFKC);
  RETURN nick <> ''
    AND nick !~ '[\u0001-\u001f\u007f-\u009f\u06dd\u070f\u1680\u180e\u200e\u200f\u2028-\u202e\u2061-\u206f\ue000-\uf8ff\ufdd0-\ufdef\ufff9-\uffff]'
    AND nick !~ '[\U0001d173-\U0001d17a\U000e0000-\U0010ffff]'
    AND (nick !~ ('[' || letters || ']')
         OR nick ~ ('^[' || letters || ']([ !-@[-`{-~\u0590-\u07ff\u2010-\u2027' || letters || ']*[' || letters || '])?$'));
END $$;

-- The facts of the room that the group is, made when nobody has asked for them before.
CREATE FUNCTION room_of(p_conversation uuid) RETURNS rooms
LANGUAGE plpgsql AS $$
DECLARE
  r rooms;
BEGIN
  SELECT * INTO r FROM rooms x WHERE x.conversation_id = p_conversation;
  IF r.conversation_id IS NULL THEN
    r.conversation_id := p_conversation;
    r.inner_key := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || decode(repeat('00', 32), 'hex');
    r.outer_key := r.inner_key;
    r.locked := false;
    FOR i IN 0 .. 63 LOOP
      r.inner_key := set_byte(r.inner_key, i, get_byte(r.inner_key, i) # 54);
      r.outer_key := set_byte(r.outer_key, i, get_byte(r.outer_key, i) # 92);
    END LOOP;
    INSERT INTO rooms SELECT (r).*;
  END IF;
  RETURN r;
END $$;

-- The id of a bare JID in a room (XEP-0421): HMAC-SHA-256 by the room's secret.
CREATE FUNCTION room_occupant_id(r rooms, p_jid text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT encode(sha256(r.outer_key || sha256(r.inner_key || convert_to(p_jid, 'UTF8'))), 'base64')
$$;

-- Whether somebody else than p_user (NULL: nobody whom we know) is called so, or so that it looks the same.
CREATE FUNCTION nick_is_taken(p_conversation uuid, p_user uuid, p_nick text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM nicks n WHERE n.conversation_id = p_conversation AND n.key = nick_key(p_nick)
                   AND n.user_id IS DISTINCT FROM p_user);
END $$;

-- Whether p_user has said or done something there since being called as now.
CREATE FUNCTION nick_was_seen(p_conversation uuid, p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  since bigint := coalesce((SELECT p.upto FROM past_nicks p WHERE p.conversation_id = p_conversation AND p.user_id = p_user
                              ORDER BY p.upto DESC LIMIT 1), 0);
BEGIN
  RETURN coalesce((SELECT m.position FROM messages m WHERE m.many AND m.conversation_id = p_conversation
                     AND m.sender_id = p_user ORDER BY m.seq DESC LIMIT 1) >= since, false)
    OR EXISTS (SELECT FROM entries e WHERE e.conversation_id = p_conversation AND e.sender_id = p_user AND e.position >= since);
END $$;

-- Calls p_user p_nick, which nobody else is called. p_position: what p_user has said before it was said under
-- the old one, which is kept if there is something.
CREATE FUNCTION nick_set(p_position bigint, p_conversation uuid, p_user uuid, p_nick text) RETURNS nicks
LANGUAGE plpgsql AS $$
DECLARE
  own nicks;
BEGIN
  INSERT INTO past_nicks (conversation_id, user_id, upto, nick)
    SELECT n.conversation_id, n.user_id, p_position, n.nick FROM nicks n
      WHERE n.conversation_id = p_conversation AND n.user_id = p_user AND n.nick <> p_nick
        AND nick_was_seen(p_conversation, p_user)
    ON CONFLICT DO NOTHING;
  INSERT INTO nicks AS n (conversation_id, user_id, nick, key, occupant)
    SELECT p_conversation, p_user, p_nick, nick_key(p_nick), room_occupant_id(room_of(p_conversation), u.jid)
      FROM users u WHERE u.id = p_user
    ON CONFLICT (conversation_id, user_id) DO UPDATE SET nick = excluded.nick, key = excluded.key
    RETURNING n.* INTO own;
  RETURN own;
END $$;

-- What p_user is called, from now on if it was not said before: p_wanted, with a number behind it if somebody
-- else is called so, or else the local part with one.
CREATE FUNCTION nick_give(p_position bigint, p_conversation uuid, p_user uuid, p_wanted text) RETURNS nicks
LANGUAGE plpgsql AS $$
DECLARE
  own nicks;
  called text := p_wanted;
  tried text := p_wanted;
  n int := 1;
BEGIN
  SELECT * INTO own FROM nicks x WHERE x.conversation_id = p_conversation AND x.user_id = p_user;
  IF own.key IS NOT NULL THEN
    RETURN own;
  END IF;
  WHILE nick_is_taken(p_conversation, p_user, tried) LOOP
    n := n + 1;
    tried := called || ' ' || n;
    IF NOT nick_fits(tried) THEN -- a number does not go behind what is written from right to left
      called := (SELECT coalesce(u.username, split_part(u.jid, '@', 1)) FROM users u WHERE u.id = p_user);
      called := CASE WHEN nick_fits(called || ' ' || n) THEN called ELSE '?' END;
      tried := called || ' ' || n;
    END IF;
  END LOOP;
  RETURN nick_set(p_position, p_conversation, p_user, tried);
END $$;

-- What a member would be called in a room: as it was said, or by name, of what can be a nick.
CREATE FUNCTION nick_wanted(m members, u users) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY[m.nick, u.name, u.username, split_part(u.jid, '@', 1)] LOOP
    IF nick_key(wanted) <> '' AND nick_fits(wanted) THEN
      RETURN wanted;
    END IF;
  END LOOP;
  RETURN '?';
END $$;

-- Gives every member a nick who has none.
CREATE FUNCTION nick_all(p_position bigint, p_conversation uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM nick_give(p_position, m.conversation_id, m.user_id, nick_wanted(m, u))
    FROM members m JOIN users u ON u.id = m.user_id
    WHERE m.conversation_id = p_conversation AND m.state = 'joined'
      AND NOT EXISTS (SELECT FROM nicks n WHERE n.conversation_id = m.conversation_id
                        AND n.user_id = m.user_id AND n.key IS NOT NULL)
    ORDER BY m.joined_at, m.number;
END $$;

-- What p_user was called at p_position.
CREATE FUNCTION nick_at(p_conversation uuid, p_user uuid, p_position bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce(
    (SELECT p.nick FROM past_nicks p WHERE p.conversation_id = p_conversation AND p.user_id = p_user
       AND p.upto > p_position ORDER BY p.upto LIMIT 1),
    (SELECT n.nick FROM nicks n WHERE n.conversation_id = p_conversation AND n.user_id = p_user),
    (SELECT nick_wanted(m, u) FROM users u LEFT JOIN members m
       ON m.user_id = u.id AND m.conversation_id = p_conversation WHERE u.id = p_user));
END $$;
