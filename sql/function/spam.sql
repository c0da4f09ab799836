-- SPDX-License-Identifier: GPL-3.0-or-later
-- What strangers send. A conversation in which only one of two has written, and whom the other has not let in, is guarded
-- (relation_guard()), and relation_pass() asks here what its messages are taken for. Nobody else's message is looked at.

-- How many messages of a stranger are looked at in one conversation.
CREATE FUNCTION spam_depth() RETURNS int
LANGUAGE sql IMMUTABLE AS $$ SELECT 10 $$;

-- The setting trestle.spam: checks (on, off), filter_at and block_at (of a hundred), links, repeats, verify_reports, hook
-- (ask, links: only about those, no), failure (allow, filter, refuse), restrict_after; NULL: nothing is looked at.
CREATE FUNCTION spam_rules() RETURNS text[]
LANGUAGE plpgsql STABLE AS $$ -- in SQL it would be planned for each message of a stranger
DECLARE
  rule text[] := string_to_array(nullif(current_setting('trestle.spam', true), ''), '/');
BEGIN
  RETURN CASE WHEN rule[1] = 'on' OR rule[6] <> '0' OR rule[7] <> 'no' THEN rule END;
END $$;

-- Whether what p_sender writes in the conversation is a stranger's, as long as that is looked at. NULL: what was written
-- last was.
CREATE FUNCTION spam_judges(c conversations, p_sender uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  last record;
  source users;
  target users;
BEGIN
  IF spam_rules() IS NULL OR c.kind <> 'direct' THEN
    RETURN false;
  END IF;
  SELECT m.sender_id, m.seq, m.sender_seq = m.seq AS alone INTO last
    FROM messages m WHERE m.conversation_id = c.id ORDER BY m.seq DESC LIMIT 1;
  IF (CASE WHEN last.seq IS NULL THEN c.base_seq > 0 OR p_sender IS NULL
           ELSE NOT coalesce(last.alone, false) OR last.seq >= spam_depth()
                OR coalesce(p_sender, last.sender_id) <> last.sender_id END) THEN
    RETURN false;
  END IF;
  SELECT * INTO source FROM users u WHERE u.id = coalesce(p_sender, last.sender_id);
  SELECT * INTO target FROM users u WHERE u.id = pair_other(c.member_ids, source.id);
  RETURN NOT EXISTS (SELECT FROM members m WHERE m.conversation_id = c.id AND m.user_id = target.id
                       AND m.request = 'accepted')
    AND NOT relation_contact(target.id, source.jid)
    AND NOT (target.kind <> 'hosted' AND EXISTS (
               SELECT FROM contacts x WHERE x.user_id = source.id AND x.peer = target.jid AND x.to_peer));
END $$;

-- Somebody whom p_user wrote to has let p_user in.
CREATE FUNCTION spam_accepted(p_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO standings (user_id, accepted) VALUES (p_user, 1)
    ON CONFLICT (user_id) DO UPDATE SET accepted = least(standings.accepted + 1, 1000000);
END $$;

-- How many have reported the user within 90 days, and no moderator has dismissed it: up to 100.
CREATE FUNCTION spam_reports(p_user uuid) RETURNS int
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT count(DISTINCT r.reporter_jid) FROM (
            SELECT x.reporter_jid FROM reports x
              WHERE x.offender = p_user AND x.state <> 'dismissed' AND x.at > clock_timestamp() - interval '90 days'
              LIMIT 100) r);
END $$;

-- What is thought of a sender, 0 to 100; of whom nothing is known, 50. 2 for each of up to 20 who let the user in, 10 for
-- an account that is 30 days old; off go 10 for each of up to 5 who report the user, 5 for each of up to 6 who block, and
-- 15 for each of up to 4 actions of moderators, all of 90 days.
CREATE FUNCTION spam_reputation(u users) RETURNS int
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN greatest(0, least(100, 50
    + 2 * least(20, coalesce((SELECT s.accepted FROM standings s WHERE s.user_id = u.id), 0))
    + CASE WHEN u.created_at < clock_timestamp() - interval '30 days' THEN 10 ELSE 0 END
    - 10 * least(5, spam_reports(u.id))
    - 5 * (SELECT count(*)::int FROM (SELECT FROM blocks b WHERE b.peer = u.jid AND b.created_at > '-infinity' LIMIT 6) x)
    - 15 * (SELECT count(*)::int FROM (SELECT FROM moderation_actions a
              WHERE a.target = u.id AND a.state <> 'taken_back' AND a.at > clock_timestamp() - interval '90 days' LIMIT 4) x)));
END $$;

-- The hosts to which links in a text lead, at most 20; letters small, without a dot at the end.
CREATE FUNCTION spam_hosts(p_text text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN ARRAY(SELECT DISTINCT rtrim(lower(m[1]), '.') FROM regexp_matches(p_text,
    '(?:\m[a-z][a-z0-9+.-]*://|\mwww\.)(?:[^\s/?#@]*@)?([^\s/:?#@"''<>()]+)', 'gi') m LIMIT 20);
END $$;

-- Whether the list of domains has that host, or one that it is below.
CREATE FUNCTION spam_listed(p_host text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  host text := p_host;
BEGIN
  FOR n IN 1 .. 8 LOOP
    IF EXISTS (SELECT FROM spam_domains d WHERE d.domain = host) THEN
      RETURN true;
    END IF;
    EXIT WHEN strpos(host, '.') = 0;
    host := substr(host, strpos(host, '.') + 1);
  END LOOP;
  RETURN false;
END $$;

-- What makes two texts the same: letters and digits, however they are written. NULL: too short to mean anything.
CREATE FUNCTION spam_digest(p_text text) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  plain text := regexp_replace(lower(normalize(left(p_text, 4000), NFKC)), '[^[:alnum:]]+', '', 'g');
BEGIN
  RETURN CASE WHEN length(plain) >= 16 THEN md5(plain)::uuid END;
END $$;

-- How many others the user, and (of a text that is long enough not to be a greeting) everybody, has sent the same in a day,
-- and how many strangers the user has begun to write to within the hour.
CREATE FUNCTION spam_counts(p_sender uuid, p_conversation uuid, p_words uuid, OUT same int, OUT same_of_all int, OUT begun int)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  same := (SELECT count(DISTINCT s.conversation_id) FROM (
             SELECT x.conversation_id FROM spam_checks x WHERE x.words = p_words AND x.sender = p_sender
               AND x.at > clock_timestamp() - interval '1 day' AND x.conversation_id <> p_conversation LIMIT 200) s);
  same_of_all := (SELECT count(DISTINCT s.sender) FROM (
             SELECT x.sender FROM spam_checks x WHERE x.words = p_words AND x.sender <> p_sender
               AND x.at > clock_timestamp() - interval '1 day' LIMIT 200) s);
  begun := (SELECT count(DISTINCT s.conversation_id) FROM (
             SELECT x.conversation_id FROM spam_checks x WHERE x.sender = p_sender
               AND x.at > clock_timestamp() - interval '1 hour' AND x.conversation_id <> p_conversation LIMIT 200) s);
END $$;

-- What the built-in checks think of p_words, a stranger's: { confidence, reasons }, the weightiest first. p_rules: see spam_rules().
CREATE FUNCTION spam_check(source users, c conversations, p_words text, p_rules text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  links int := coalesce(regexp_count(p_words, '\m(https?|ftp|xmpp|mailto|tel|magnet):\S|\mwww\.\S', 1, 'i'), 0);
  repeats int := p_rules[5]::int;
  counts record;
  reputation int := spam_reputation(source);
  confidence int := 0;
  reasons text[] := '{}';
BEGIN
  SELECT * INTO counts FROM spam_counts(source.id, c.id, spam_digest(p_words));
  -- Each is cheap by itself, and no statement: what a stranger says waits for them, and the log with it.
  IF p_words ~* '://|www\.' AND EXISTS (SELECT FROM unnest(spam_hosts(p_words)) h WHERE spam_listed(h)) THEN
    confidence := confidence + 95;
    reasons := reasons || 'domain'::text;
  END IF;
  IF counts.same >= 2 * repeats THEN
    confidence := confidence + 95;
    reasons := reasons || 'repetition'::text;
  ELSIF counts.same >= repeats OR (counts.same_of_all >= repeats AND length(p_words) >= 40) THEN
    confidence := confidence + 60;
    reasons := reasons || 'repetition'::text;
  END IF;
  IF reputation < 10 THEN
    confidence := confidence + 60;
    reasons := reasons || 'reputation'::text;
  END IF;
  IF links > p_rules[4]::int THEN
    confidence := confidence + 50;
    reasons := reasons || 'links'::text;
  END IF;
  IF counts.begun >= 30 THEN
    confidence := confidence + 40;
    reasons := reasons || 'rate'::text;
  END IF;
  IF reputation BETWEEN 10 AND 29 THEN
    confidence := confidence + 30;
    reasons := reasons || 'reputation'::text;
  END IF;
  IF links > 0 AND source.created_at > clock_timestamp() - interval '1 day' THEN
    confidence := confidence + 10;
    reasons := reasons || 'young'::text;
  END IF;
  RETURN jsonb_build_object('confidence', least(100, confidence), 'reasons', to_jsonb(reasons));
END $$;

-- The stricter of two actions.
CREATE FUNCTION spam_stricter(p_one text, p_other text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$ -- in SQL it would be planned for each message of a stranger
BEGIN
  RETURN CASE WHEN 'block' IN (p_one, p_other) THEN 'block' WHEN 'filter' IN (p_one, p_other) THEN 'filter' ELSE 'allow' END;
END $$;

-- A check and what the hook said (NULL: nothing) as one: { confidence, reasons, action, source }.
CREATE FUNCTION spam_verdict(p_checked jsonb, p_hook jsonb, p_rules text[]) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'confidence', greatest((p_checked->>'confidence')::int, coalesce((p_hook->>'confidence')::int, 0)),
    'reasons', (p_checked->'reasons') || coalesce(p_hook->'reasons', '[]'),
    'source', coalesce(p_hook->>'source', 'checks'),
    'action', spam_stricter(coalesce(p_hook->>'action', 'allow'),
      CASE WHEN p_rules[1] <> 'on' THEN 'allow' WHEN (p_checked->>'confidence')::int >= p_rules[3]::int THEN 'block'
           WHEN (p_checked->>'confidence')::int >= p_rules[2]::int THEN 'filter' ELSE 'allow' END))
$$;

-- What stands for an answer of the hook where there is none; NULL: the message has to wait.
CREATE FUNCTION spam_unanswered(p_rules text[]) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN p_rules[8] <> 'refuse' THEN jsonb_build_object('action', p_rules[8], 'confidence', 0,
                'reasons', '["hook_unavailable"]'::jsonb, 'source', 'fallback') END
$$;

-- What the hook is asked, besides the text.
CREATE FUNCTION spam_question(c conversations, source users, target users, p_checked jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('conversation_id', c.id,
    'sender', jsonb_build_object('id', source.id, 'jid', source.jid, 'external_id', source.external_id, 'kind', source.kind,
                                 'created_at', api_time(source.created_at), 'reputation', spam_reputation(source)),
    'recipient', jsonb_build_object('id', target.id, 'jid', target.jid, 'external_id', target.external_id,
                                    'kind', target.kind),
    'first', NOT relation_started(c), 'checks', p_checked)
$$;

-- Whether somebody has to show a phone before writing to strangers: enough have reported the user, and the application's
-- backend has not said that it has made sure of one since.
CREATE FUNCTION spam_wants_phone(u users, p_rules text[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce(u.kind = 'hosted' AND p_rules[6]::int > 0 AND spam_reports(u.id) >= p_rules[6]::int
    AND NOT EXISTS (SELECT FROM verifications v WHERE v.user_id = u.id AND v.kind = 'phone'), false);
END $$;

-- Keeps what a message was taken for. Blocked ones have no message: the beginning of the text is kept for moderators. Who
-- goes on is restricted for a while, by a job, since that tells others.
CREATE FUNCTION spam_note(p_id uuid, c conversations, p_sender uuid, p_words text, p_verdict jsonb, p_rules text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  blocked boolean := p_verdict->>'action' = 'block';
BEGIN
  INSERT INTO spam_checks (id, at, sender, recipient, conversation_id, words, confidence, reasons, action, source, body)
    VALUES (p_id, clock_timestamp(), p_sender, pair_other(c.member_ids, p_sender), c.id, spam_digest(p_words),
            (p_verdict->>'confidence')::int, ARRAY(SELECT jsonb_array_elements_text(p_verdict->'reasons')),
            p_verdict->>'action', p_verdict->>'source', CASE WHEN blocked THEN left(p_words, 500) END)
    ON CONFLICT DO NOTHING;
  IF blocked AND p_rules[9]::int > 0 AND (
      SELECT count(*) FROM (SELECT FROM spam_checks s WHERE s.sender = p_sender AND s.action = 'block'
        AND s.at > clock_timestamp() - interval '1 day' LIMIT 1000) n) >= p_rules[9]::int
     AND NOT moderation_restricts(p_sender) THEN
    PERFORM job_add('spam.restrict', p_sender::text, clock_timestamp());
  END IF;
END $$;

-- Asked for a stranger's message, before it is stored. p_judging: ask (the hook can be asked) or alone; p_hook: what it
-- said; p_readable: we see what it says. NULL: it passes; { filter }: as a request; else { outcome: 5 with refusal, 10
-- spam, 11 the hook has to be asked: refusal is the question, or, without one, there is no answer }.
CREATE FUNCTION spam_pass(c conversations, source users, target users, p_id uuid, p_body text, p_content jsonb,
                          p_judging text, p_hook jsonb, p_readable boolean) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  rules text[] := spam_rules();
  words text := CASE WHEN p_readable THEN nullif(group_words(p_body, p_content), '') END;
  checked jsonb;
  hook jsonb := p_hook;
  verdict jsonb;
BEGIN
  IF spam_wants_phone(source, rules) THEN
    RETURN '{"outcome": 5, "refusal": {"pointer": "", "detail": "verification_required"}}';
  END IF;
  checked := CASE WHEN rules[1] = 'on' THEN spam_check(source, c, words, rules) ELSE '{"confidence": 0, "reasons": []}' END;
  verdict := spam_verdict(checked, hook, rules);
  IF hook IS NULL AND verdict->>'action' <> 'block' AND words IS NOT NULL
     AND (rules[7] = 'ask' OR rules[7] = 'links' AND p_judging = 'ask' AND words ~* 'https?://') THEN
    IF p_judging = 'ask' THEN
      RETURN jsonb_build_object('outcome', 11, 'refusal', spam_question(c, source, target, checked));
    END IF;
    hook := spam_unanswered(rules);
    IF hook IS NULL THEN
      RETURN '{"outcome": 11}';
    END IF;
    verdict := spam_verdict(checked, hook, rules);
  END IF;
  PERFORM spam_note(p_id, c, source.id, words, verdict, rules);
  RETURN CASE verdict->>'action' WHEN 'block' THEN '{"outcome": 10}'::jsonb WHEN 'filter' THEN '{"filter": true}' END;
END $$;

-- Whether a stranger's message may not be made to say p_body, which nobody would have let pass.
CREATE FUNCTION spam_forbids(c conversations, p_sender uuid, p_body text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  rules text[] := spam_rules();
BEGIN
  RETURN c.guarded AND rules[1] = 'on' AND spam_judges(c, p_sender) AND
    (spam_check((SELECT u FROM users u WHERE u.id = p_sender), c, p_body, rules)->>'confidence')::int >= rules[2]::int;
END $$;

-- The hook is asked about all texts of app users (spam.hook_scope), and does not want one of p_user's about p_object: a row of
-- the audit, without the text.
CREATE FUNCTION spam_forbid(p_user uuid, p_object uuid, p_reason text) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO audit (actor, actor_name, action, object, door, outcome, reason)
    VALUES (p_user, coalesce((SELECT u.jid FROM users u WHERE u.id = p_user), ''), 'message.blocked', p_object, 'system', 'refused',
            p_reason)
$$;

-- Whether p_verdict is that of a hook that is asked about everything, and says no.
CREATE FUNCTION spam_blocks_all(p_verdict jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN coalesce(p_verdict ? 'all' AND p_verdict->>'action' = 'block', false);
END $$;

-- The same of a message that is about to be stored, as relation_pass() has it.
CREATE FUNCTION spam_forbids_all(p_conversation uuid, p_sender uuid, p_dedupe uuid, p_verdict jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM relation_repeated(p_sender, p_dedupe);
  PERFORM spam_forbid(p_sender, p_conversation, p_verdict->'reasons'->>0);
  RETURN jsonb_build_object('outcome', 5, 'refusal', jsonb_build_object('pointer', '/content', 'detail', p_verdict->'reasons'->>0));
END $$;

-- ---- For staff --------------------------------------------------------------------------------------------------

CREATE FUNCTION spam_json(s spam_checks) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('message_id', s.id, 'at', api_time(s.at), 'sender_id', s.sender, 'recipient_id', s.recipient,
    'sender_jid', (SELECT u.jid FROM users u WHERE u.id = s.sender),
    'recipient_jid', (SELECT u.jid FROM users u WHERE u.id = s.recipient), 'conversation_id', s.conversation_id,
    'is_spam', s.action <> 'allow', 'confidence', s.confidence / 100.0, 'reasons', to_jsonb(s.reasons), 'action', s.action,
    'source', s.source, 'content', coalesce(s.body, (SELECT m.body FROM messages m WHERE m.id = s.id AND s.action = 'filter')))
$$;

-- Messages against which something was said, newest first: { items, has_more, next }. p_user (a reference): that one's.
CREATE FUNCTION spam_list(p_action text, p_user text, p_limit int, p_after text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH chosen AS (
    SELECT s AS c, s.at, s.id FROM spam_checks s
      WHERE s.reasons <> '{}' AND (p_action IS NULL OR s.action = p_action)
        AND (p_user IS NULL OR s.sender = (user_named(p_user)).id)
        AND (p_after IS NULL OR (s.at, s.id) < (time_from_microseconds(split_part(p_after, ' ', 1)::bigint),
                                                user_id_of(split_part(p_after, ' ', 2))))
      ORDER BY s.at DESC, s.id DESC LIMIT p_limit + 1
  ), page AS (SELECT *, row_number() OVER (ORDER BY at DESC, id DESC) AS k FROM chosen)
  SELECT json_build_object(
    'items', coalesce(json_agg(spam_json(c) ORDER BY k) FILTER (WHERE k <= p_limit), '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit THEN max(time_to_microseconds(at) || ' ' || id) FILTER (WHERE k = p_limit) END)::text
  FROM page
$$;

CREATE FUNCTION spam_domain_json(d spam_domains) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('domain', d.domain, 'added_at', api_time(d.added_at), 'added_by', d.added_by)
$$;

CREATE FUNCTION spam_domain_list(p_limit int, p_after text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH page AS (
    SELECT d, d.domain, row_number() OVER (ORDER BY d.domain) AS k FROM spam_domains d
      WHERE d.domain > coalesce(p_after, '') ORDER BY d.domain LIMIT p_limit + 1
  )
  SELECT json_build_object(
    'items', coalesce(json_agg(spam_domain_json(d) ORDER BY k) FILTER (WHERE k <= p_limit), '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit THEN max(domain) FILTER (WHERE k = p_limit) END)::text
  FROM page
$$;

-- domains, actor. At most 100000.
CREATE FUNCTION change_spam_domains_add(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  wanted text[] := ARRAY(SELECT DISTINCT rtrim(lower(d), '.') FROM jsonb_array_elements_text(p_arguments->'domains') d ORDER BY 1);
  wrong text := (SELECT d FROM unnest(wanted) d WHERE d !~ '^[^\s/:@?#]+\.[^\s/:@?#.]+$' OR length(d) > 253 LIMIT 1);
BEGIN
  IF wrong IS NOT NULL THEN
    outcome := 6;
    result := jsonb_build_object('pointer', '/domains', 'detail', 'has what is no domain');
    RETURN;
  ELSIF EXISTS (SELECT FROM unnest(wanted) d WHERE NOT EXISTS (SELECT FROM spam_domains x WHERE x.domain = d))
        AND (SELECT count(*) FROM (SELECT FROM spam_domains LIMIT 100000) n) >= 100000 THEN
    outcome := 3;
    RETURN;
  END IF;
  INSERT INTO spam_domains (domain, added_by) SELECT d, coalesce(p_arguments->>'actor', '') FROM unnest(wanted) d
    ON CONFLICT DO NOTHING;
  outcome := CASE WHEN FOUND THEN 0 ELSE 1 END;
  result := jsonb_build_object('items', (SELECT jsonb_agg(spam_domain_json(d) ORDER BY d.domain) FROM spam_domains d
                                           WHERE d.domain = ANY (wanted)));
END $$;

CREATE FUNCTION change_spam_domains_remove(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  gone jsonb;
BEGIN
  WITH removed AS (
    DELETE FROM spam_domains d WHERE d.domain IN (SELECT rtrim(lower(x), '.') FROM jsonb_array_elements_text(p_arguments->'domains') x)
      RETURNING d.*)
  SELECT jsonb_agg(spam_domain_json(r::spam_domains) ORDER BY r.domain) INTO gone FROM removed r;
  outcome := CASE WHEN gone IS NULL THEN 2 ELSE 0 END;
  result := jsonb_build_object('items', gone);
END $$;

-- ---- For users --------------------------------------------------------------------------------------------------

-- What is to be thought of a link before it is sent. p_threat: what the service that knows dangerous links calls it.
CREATE FUNCTION spam_link(p_url text, p_threat text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('url', p_url, 'verdict',
           CASE WHEN x.reasons && '{listed,unsafe}' THEN 'blocked' WHEN x.reasons <> '{}' THEN 'suspicious' ELSE 'unknown' END,
           'reasons', to_jsonb(x.reasons))
    FROM (SELECT array_remove(ARRAY[
            CASE WHEN spam_listed(h.host) THEN 'listed' END,
            CASE WHEN p_threat IS NOT NULL THEN 'unsafe' END,
            CASE WHEN h.host IS NULL THEN 'no_host' END,
            CASE WHEN h.host ~ '^(\d+\.){3}\d+$|^\[' THEN 'numeric_address' END,
            CASE WHEN p_url ~ '^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*@' THEN 'user_in_address' END,
            CASE WHEN h.host ~ '(^|\.)xn--' OR h.host ~ '[^ -~]' THEN 'lookalike_letters' END,
            CASE WHEN p_url ~* '^http:' THEN 'not_encrypted' END], NULL) AS reasons
            FROM (SELECT (spam_hosts(p_url))[1] AS host) h) x
$$;

-- p_threats: { url: threat }.
CREATE FUNCTION spam_links(p_urls text, p_threats jsonb DEFAULT '{}') RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('items', coalesce(json_agg(spam_link(u, p_threats->>u) ORDER BY k), '[]'))::text
    FROM jsonb_array_elements_text(p_urls::jsonb) WITH ORDINALITY x (u, k)
$$;

-- user_id; verified_at: when the backend made sure of the phone, NULL: takes it back. { user_id, phone_verified_at }.
CREATE FUNCTION change_verify_phone(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  whom uuid := (SELECT u.id FROM users u WHERE u.id = (p_arguments->>'user_id')::uuid
                               AND u.kind IN ('hosted', 'bound') AND u.deleted_at IS NULL);
  stamp timestamptz := (p_arguments->>'verified_at')::timestamptz;
BEGIN
  outcome := 2;
  IF whom IS NULL THEN
    RETURN;
  ELSIF stamp IS NULL THEN
    DELETE FROM verifications v WHERE v.user_id = whom AND v.kind = 'phone';
    outcome := CASE WHEN FOUND THEN 0 ELSE 1 END;
  ELSE
    INSERT INTO verifications (user_id, kind, verified_at) VALUES (whom, 'phone', stamp)
      ON CONFLICT (user_id, kind) DO UPDATE SET verified_at = excluded.verified_at;
    outcome := 0;
  END IF;
  IF outcome = 0 THEN
    PERFORM event_add('user.updated', 'user', NULL, whom, '{"staff": true}');
  END IF;
  result := jsonb_build_object('user_id', whom, 'phone_verified_at', api_time(stamp));
END $$;

-- ---- Restricting ------------------------------------------------------------------------------------------------

CREATE FUNCTION restriction_json(p_user uuid, u users) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('user', user_json(p_user, u), 'restricted', r.user_id IS NOT NULL,
                            'created_at', api_time(r.created_at))
    FROM (SELECT 1) one LEFT JOIN restrictions r ON r.user_id = p_user AND r.peer = u.jid
$$;

-- { user_id }: what that one writes to p_user from now on is held, as in a request that was declined. At most 10000.
CREATE FUNCTION change_restrict(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  u users;
  c conversations;
BEGIN
  SELECT x.* INTO u FROM users x WHERE x.id = user_keep(relation_refer(p_user, p_arguments->'user_id'));
  IF u.id IS NULL OR NOT relation_knows(p_user, u) THEN
    outcome := 2;
    RETURN;
  ELSIF u.id = p_user THEN
    outcome := 6;
    result := '{"pointer": "", "detail": "is the user who asks"}';
    RETURN;
  ELSIF (SELECT count(*) FROM (SELECT FROM restrictions r WHERE r.user_id = p_user LIMIT 10000) n) = 10000
        AND NOT EXISTS (SELECT FROM restrictions r WHERE r.user_id = p_user AND r.peer = u.jid) THEN
    outcome := 3;
    RETURN;
  END IF;
  SELECT x.* INTO c FROM conversations x WHERE x.kind = 'direct' AND x.member_ids = pair_key(p_user, u.id);
  INSERT INTO restrictions (user_id, peer, before)
    SELECT p_user, u.jid, (SELECT m.request FROM members m WHERE m.conversation_id = c.id AND m.user_id = p_user)
    ON CONFLICT DO NOTHING;
  outcome := CASE WHEN FOUND THEN 0 ELSE 1 END;
  IF outcome = 0 AND c.id IS NOT NULL THEN
    UPDATE members m SET request = 'declined' WHERE m.conversation_id = c.id AND m.user_id = p_user;
    PERFORM relation_guard(c.id, false);
    PERFORM relation_updated_event(c.id, p_user);
  END IF;
  IF outcome = 0 THEN
    PERFORM relation_tell(p_user, u.jid);
  END IF;
  result := jsonb_build_object('restriction', restriction_json(p_user, u))
    || change_follows(p_user, CASE WHEN outcome = 0 THEN relation_watchers(p_user, u.jid) END, false);
END $$;

CREATE FUNCTION change_unrestrict(p_user uuid, p_arguments jsonb, OUT outcome int, OUT result jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  u users;
  c conversations;
  old restrictions;
BEGIN
  SELECT x.* INTO u FROM users x WHERE x.id = relation_refer(p_user, p_arguments->'user_id');
  IF u.id IS NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  DELETE FROM restrictions r WHERE r.user_id = p_user AND r.peer = u.jid RETURNING * INTO old;
  outcome := CASE WHEN FOUND THEN 0 ELSE 1 END;
  IF outcome = 0 THEN
    SELECT x.* INTO c FROM conversations x WHERE x.kind = 'direct' AND x.member_ids = pair_key(p_user, u.id);
    UPDATE members m SET request = old.before
      WHERE m.conversation_id = c.id AND m.user_id = p_user AND m.request = 'declined';
    IF FOUND THEN
      PERFORM relation_guard(c.id, false);
      PERFORM relation_updated_event(c.id, p_user);
    END IF;
    PERFORM relation_tell(p_user, u.jid);
  END IF;
  result := jsonb_build_object('restriction', restriction_json(p_user, u))
    || change_follows(p_user, CASE WHEN outcome = 0 THEN relation_watchers(p_user, u.jid) END, true, contact_last_seen(p_user));
END $$;

-- Whom the user restricts, by address: { items, has_more, next }.
CREATE FUNCTION restriction_list(p_user uuid, p_limit int, p_after text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH page AS (
    SELECT u, r.peer, row_number() OVER (ORDER BY r.peer) AS k
      FROM (SELECT * FROM restrictions x WHERE x.user_id = p_user AND x.peer > coalesce(p_after, '')
              ORDER BY x.peer LIMIT p_limit + 1) r JOIN users u ON u.jid = r.peer
  )
  SELECT json_build_object(
    'items', coalesce(json_agg(restriction_json(p_user, u) ORDER BY k) FILTER (WHERE k <= p_limit), '[]'),
    'has_more', count(*) > p_limit,
    'next', CASE WHEN count(*) > p_limit THEN max(peer) FILTER (WHERE k = p_limit) END)::text
  FROM page
$$;

-- As reap.sql has it: what nothing was said against stays for two days, anything else for p_seconds.
CREATE FUNCTION reap_spam(p_seconds bigint, p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM log_head FOR UPDATE;
  DELETE FROM spam_checks s WHERE s.id IN (
    (SELECT x.id FROM spam_checks x WHERE x.at < clock_timestamp() - interval '2 days' AND x.reasons = '{}'
       ORDER BY x.at LIMIT p_limit)
    UNION ALL
    (SELECT x.id FROM spam_checks x WHERE x.at < clock_timestamp() - make_interval(secs => greatest(p_seconds, 172800))
       ORDER BY x.at LIMIT p_limit));
  GET DIAGNOSTICS removed = ROW_COUNT;
  more := removed >= p_limit;
END $$;
