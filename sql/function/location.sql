-- SPDX-License-Identifier: GPL-3.0-or-later
-- Places that messages carry, and where somebody is for a while. Functions that write are for the holder of the log.

-- Whether p_user shows the members of c where he or she is.
CREATE FUNCTION location_allowed(p_user uuid, c conversations) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  setting text := (SELECT CASE WHEN u.kind = 'hosted' THEN privacy_value(u.privacy_location, 'location') ELSE 'everyone' END
                     FROM users u WHERE u.id = p_user);
BEGIN
  RETURN setting = 'everyone' OR (setting = 'contacts' AND NOT EXISTS (
    SELECT FROM members m WHERE m.conversation_id = c.id AND m.state IN ('joined', 'invited') AND m.user_id <> p_user
      AND NOT relation_contact(p_user, m.jid)));
END $$;

-- What a message may carry of a place; see content_accept().
CREATE FUNCTION location_accept(c conversations, p_user uuid, p_details jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  until_ timestamptz := (p_details #>> '{location,live_until}')::timestamptz;
BEGIN
  IF NOT location_allowed(p_user, c) THEN
    RETURN content_refused('/location', 'is not shown to everybody here: the setting privacy.location', 5);
  ELSIF until_ <= clock_timestamp() THEN
    RETURN content_refused('/location', 'live_until has passed');
  ELSIF until_ > clock_timestamp() + interval '24 hours' THEN
    RETURN content_refused('/location', 'live_until is more than a day ahead');
  END IF;
  RETURN p_details;
END $$;

-- The message of a place is stored: if it is where somebody is, that ends.
CREATE FUNCTION location_begin(p_message uuid, p_location jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF p_location->>'live_until' IS NOT NULL THEN
    PERFORM deadline_set('location', p_message, (p_location->>'live_until')::timestamptz);
  END IF;
END $$;

-- Message.metadata.location; live: it may still change.
CREATE FUNCTION location_shown(m messages) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$ -- in SQL it would be planned for each message: what asks the clock becomes no part of a plan
BEGIN
  RETURN (m.details->'location') || jsonb_build_object('live',
    coalesce((m.details #>> '{location,live_until}')::timestamptz > clock_timestamp(), false)
      AND m.details #>> '{location,ended_at}' IS NULL);
END $$;

-- The message, if p_user sends there where he or she is; outcome: 0, 2 there is no such message, 3 that is over, or it
-- is no place, 5 it is somebody else's.
CREATE FUNCTION location_own(p_user uuid, p_message text, OUT m messages, OUT c conversations, OUT outcome int,
                             OUT result jsonb)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  m := message_for(p_user, p_message::uuid);
  SELECT * INTO c FROM conversations x WHERE x.id = m.conversation_id;
  outcome := CASE WHEN m.id IS NULL THEN 2 WHEN m.sender_id IS DISTINCT FROM p_user THEN 5
                  WHEN m.deleted_at IS NOT NULL OR NOT coalesce((location_shown(m)->>'live')::boolean, false) THEN 3 ELSE 0 END;
  result := CASE outcome WHEN 5 THEN '{"detail": "the message is somebody else''s"}'::jsonb
                         WHEN 3 THEN '{"detail": "the place is not live, or no longer"}' END;
END $$;

-- Where p_user is now: { message_id, lat, lon, accuracy }. All hear of it at most every five seconds. The result: the
-- message.
CREATE FUNCTION change_location_move(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  own record := location_own(p_user, p_arguments->>'message_id');
  m messages := own.m;
BEGIN
  outcome := own.outcome;
  result := own.result;
  IF outcome = 0 AND NOT location_allowed(p_user, own.c) THEN
    outcome := 5;
    result := '{"detail": "the setting privacy.location does not permit it"}';
  END IF;
  IF outcome > 0 THEN
    RETURN;
  END IF;
  m.details := jsonb_set(m.details, '{location}', (m.details->'location') - 'accuracy' || (p_arguments->'location')
                           || jsonb_build_object('moved_at', api_time(clock_timestamp())));
  UPDATE messages x SET details = m.details WHERE x.id = m.id;
  PERFORM retell(m, own.c, interval '5 seconds');
  result := to_jsonb(message_get(p_user, m.id));
END $$;

-- It stays where it is: all are told, on XMPP by an edit.
CREATE FUNCTION location_end(m messages, c conversations) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  m.details := jsonb_set(m.details, '{location,ended_at}', to_jsonb(api_time(clock_timestamp())));
  UPDATE messages x SET details = m.details WHERE x.id = m.id;
  PERFORM deadline_drop('location', m.id);
  PERFORM deadline_drop('retell', m.id);
  PERFORM message_corrected(m, c, retell_position(m, c));
END $$;

CREATE FUNCTION change_location_stop(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  own record := location_own(p_user, p_arguments->>'message_id');
BEGIN
  outcome := own.outcome;
  result := own.result;
  IF outcome = 3 AND (own.m).details #>> '{location,ended_at}' IS NOT NULL THEN
    outcome := 1;
  ELSIF outcome = 0 THEN
    PERFORM location_end(own.m, own.c);
  END IF;
  IF outcome <= 1 THEN
    result := to_jsonb(message_get(p_user, (own.m).id));
  END IF;
END $$;
