# SPDX-License-Identifier: GPL-3.0-or-later
"""No query of the daemon walks a table, and a page costs the same however long the history is."""
import json
import re
from pathlib import Path

import pytest

from conftest import DOMAIN, Database, new_id
from test_schema import named_queries

BIG = ("messages", "members", "conversations", "marks", "users", "outbox", "entries", "sessions", "tickets", "revoked_tokens",
       "revocations", "user_access", "calls", "call_participants", "call_events", "call_samples")
MESSAGES = 100_000
USERS = 2_000


def fill(db, users=USERS, messages=MESSAGES):
    """Hosted users, each with one remote peer; messages, marks for some, an outbox."""
    db.rows("INSERT INTO users (id, kind, external_id, jid) SELECT md5('h' || n)::uuid, 'hosted', 'e' || n,"
            " 'h' || n || '@' || %s FROM generate_series(1, %s) n", DOMAIN, users)
    db.rows("INSERT INTO users (id, kind, jid) SELECT md5('r' || n)::uuid, 'remote', 'r' || n ||"
            " '@example.org' FROM generate_series(1, %s) n", users)
    db.rows("INSERT INTO conversations (id, member_ids, member_numbers, remote_user, remote_jid, position, created_at)"
            " SELECT md5('c' || n)::uuid, pair_key(h, r), ARRAY[1, 2], r, 'r' || n || '@example.org', n, now()"
            " FROM (SELECT n, md5('h' || n)::uuid AS h, md5('r' || n)::uuid AS r"
            "       FROM generate_series(1, %s) n) x", users)
    db.rows("INSERT INTO members (conversation_id, user_id, kind, jid, number, joined_at)"
            " SELECT c.id, u.id, u.kind, u.jid, u.number, now() FROM conversations c JOIN users u"
            " ON u.id = ANY (c.member_ids)")
    db.rows("INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body, dedupe,"
            " foreign_id, markable) SELECT md5('m' || n)::uuid, md5('c' || (n %% %s + 1))::uuid, n / %s + 1,"
            " 10000 + n, md5((CASE n %% 2 WHEN 0 THEN 'h' ELSE 'r' END) || (n %% %s + 1))::uuid, now(),"
            " 'text ' || n, md5('d' || n)::uuid, 'f' || n, true FROM generate_series(0, %s) n",
            users, users, users, messages - 1)
    db.rows("INSERT INTO marks SELECT id, u, k, 1, now() FROM conversations,"
            " LATERAL unnest(member_ids) u, unnest(ARRAY['delivered', 'read']) k")
    db.rows("INSERT INTO outbox SELECT position, 'message', sender_id, 'x@example.org', id FROM messages"
            " WHERE position > %s", 10000 + messages - 5000)
    db.rows("INSERT INTO entries (position, id, conversation_id, seq, kind, target, created_at)"
            " SELECT position, id, conversation_id, seq, 'reaction', id, now() FROM messages")
    db.rows("INSERT INTO server_keys SELECT 'k' || n, sha256(n::text::bytea), '{send}'"
            " FROM generate_series(1, 1000) n")
    db.rows("INSERT INTO sessions (digest, user_id, created_at, expires_at, issued_at, ends_at)"
            " SELECT md5('s' || n)::uuid, md5('h' || n)::uuid, now(), now() + interval '1 day', now(), now() + interval '2 days'"
            " FROM generate_series(1, %s) n", users)
    db.rows("INSERT INTO tickets SELECT md5('t' || n)::uuid, md5('h' || n)::uuid, NULL, now(), now() + interval '1 day',"
            " now() + interval '1 day' FROM generate_series(1, %s) n", users)
    db.rows("INSERT INTO revoked_tokens SELECT md5('t' || n)::uuid, now() + interval '1 day'"
            " FROM generate_series(1, %s) n", users)
    db.rows("INSERT INTO user_access (user_id, signed_out_at) SELECT md5('h' || n)::uuid, now()"
            " FROM generate_series(5, %s) n", users)
    db.rows("INSERT INTO revocations SELECT n, md5('h' || n)::uuid, NULL, now(), 'signed out'"
            " FROM generate_series(1, %s) n", users)
    db.rows("UPDATE revocation_head SET position = %s", users)
    db.rows("INSERT INTO calls (id, conversation_id, message_id, caller_id, callee_id, local_id, peer, sid, call_type,"
            " status, live, due_at, created_at) SELECT md5('v' || n)::uuid, md5('c' || n)::uuid, md5('m' || n)::uuid,"
            " md5('r' || n)::uuid, md5('h' || n)::uuid, md5('h' || n)::uuid, 'r' || n || '@example.org', 's' || n,"
            " 'audio', CASE WHEN n < 100 THEN 'active' ELSE 'ended' END, CASE WHEN n < 100 THEN '{}'::jsonb END,"
            " CASE WHEN n < 100 THEN now() END, now() FROM generate_series(1, %s) n", users)
    db.rows("INSERT INTO call_participants (call_id, user_id, open) SELECT c.id, u, u = c.callee_id AND c.live IS NOT NULL"
            " FROM calls c, unnest(ARRAY[c.caller_id, c.callee_id]) u")
    db.rows("INSERT INTO call_events (call_id, at, event) SELECT id, now(), 'initiate' FROM calls")
    db.rows("INSERT INTO call_samples (call_id, user_id, at) SELECT id, callee_id, now() FROM calls")
    db.rows("UPDATE log_head SET position = %s", 10000 + messages)


@pytest.fixture(scope="module")
def big(cluster, template):
    database = Database(cluster, cluster.create(template))
    fill(database)
    database.rows("VACUUM ANALYZE")
    yield database
    database.close()


def calls(db):
    """Name → arguments of a call that does the whole of its work."""
    user = db.one("SELECT id FROM users WHERE jid = 'h4@' || %s", DOMAIN)
    conversation = db.one("SELECT id FROM conversations WHERE remote_jid = 'r4@example.org'")
    messages = [row["id"] for row in db.rows("SELECT id FROM messages WHERE conversation_id = %s ORDER BY seq",
                                             conversation)]
    middle = messages[len(messages) // 2]
    once = json.dumps({"subject": new_id(), "key": "k", "fingerprint": new_id()})
    return [
        ("user_create", "'e4', 'h4', %s, NULL, 'New name', NULL, NULL", (DOMAIN,)),
        ("user_create", "'new', 'h4', %s, NULL, NULL, NULL, %s", (DOMAIN, once)),
        ("user_create", "'new', 'h4', %s, NULL, NULL, NULL, %s", (DOMAIN, once)),
        ("user_by_jid", "'r4@example.org'", ()),
        ("server_key_sign_in", "sha256('4'), 'e4'", ()), ("server_key_sign_in", "sha256('4'), NULL", ()),
        ("user_sign_in", "'e4', 'h4', %s, NULL, 'New name', NULL, %s, 1763700000000000", (DOMAIN, new_id())),
        ("user_sign_in", "'new', 'h4', %s, NULL, NULL, NULL, %s, 1763700000000000", (DOMAIN, new_id())),
        ("change_conversation_open", "%s, '{\"participant\": \"e5\"}'", (user,)),
        ("change_conversation_open", "%s, '{\"jid\": \"r4@example.org\"}'", (user,)),
        ("change_conversation_open", "%s, '{\"participant\": 17}'", (user,)),
        ("change_conversation_appear", "NULL, %s", (json.dumps({"conversation_ids": [conversation]}),)),
        ("change_conversation_rest", "%s, %s", (user, json.dumps({"conversation_ids": [conversation]}))),
        ("change_conversation_hide", "%s, %s", (user, json.dumps({"conversation_id": conversation}))),
        ("change_conversation_update", "%s, %s", (user, json.dumps({"conversation_id": conversation,
                                                                    "pinned": True}))),
        ("conversation_get", "%s, %s", (user, conversation)),
        ("conversation_list", "%s, 50, NULL, NULL, 'all', NULL", (user,)),
        ("conversation_list", "%s, 50, NULL, NULL, 'unread', 'r4'", (user,)),
        ("conversation_list", "%s, 50, 100000, NULL, 'archived', NULL", (user,)), ("conversation_list", "%s, 50, NULL, 1, 'all', NULL", (user,)),
        ("message_get", "%s, %s", (user, middle)), ("message_history", "%s, %s", (user, middle)),
        ("thread_list", "%s, %s, 50, NULL", (user, conversation)),
        ("thread_page", "%s, %s, 50, NULL", (user, middle)), ("reap_removed", "86400, 100", ()),
        ("message_store", "ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY['x'],"
         " ARRAY['c'], ARRAY[%s]::uuid[], true", (new_id(), conversation, user, new_id())),
        ("message_store", "ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY['x'],"
         " ARRAY['c'], ARRAY[%s]::uuid[], false", (new_id(), conversation, user, new_id())),
        ("message_store", "ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY['x'],"
         " ARRAY['c'], ARRAY[%s]::uuid[], false, p_limited => ARRAY[true]",
         (new_id(), conversation, user, new_id())),
        ("message_receive", "ARRAY[%s]::uuid[], ARRAY['r4@example.org'], ARRAY['h4@' || %s], ARRAY['x'],"
         " ARRAY[%s]::uuid[], ARRAY['r4@example.org/x'], ARRAY['f'], ARRAY[true], ARRAY['<m/>'], ARRAY[true]",
         (new_id(), DOMAIN, new_id())),
        ("mark_store", "ARRAY[%s]::uuid[], ARRAY[NULL]::text[], ARRAY[%s]::uuid[], ARRAY[NULL]::uuid[],"
         " ARRAY['read']", (user, conversation)),
        ("mark_store", "ARRAY[NULL]::uuid[], ARRAY['r4@example.org'], ARRAY[NULL]::uuid[], ARRAY[%s]::uuid[],"
         " ARRAY['delivered']", (messages[-1],)),
        ("message_fail", "ARRAY[%s]::uuid[], ARRAY['r4@example.org'], ARRAY['gone']", (messages[-1],)),
        ("message_page", "%s, %s, 50, NULL, NULL, NULL", (user, conversation)),
        ("message_receipts", "%s, %s, 50, NULL", (user, middle)),
        ("membership_get", "%s, %s, %s", (user, conversation, user)),
        ("membership_page", "%s, %s, NULL, 'r4', 50, NULL", (user, conversation)),
        ("message_page", "%s, %s, 50, %s, NULL, NULL", (user, conversation, middle)),
        ("message_page", "%s, %s, 50, NULL, %s, NULL", (user, conversation, middle)),
        ("message_page", "%s, %s, 50, NULL, NULL, %s", (user, conversation, middle)),
        ("contact_probe", "%s, 'r4@example.org'", (user,)),
        ("contact_idle", "%s", (user,)), ("contact_list", "%s, 50, NULL", (user,)),
        ("relation_view", "'h4@' || %s, 'r4@example.org', NULL", (DOMAIN,)),
        ("relation_view", "'h4@' || %s, %s, NULL", (DOMAIN, conversation)),
        ("relation_view", "'h4@' || %s, NULL, to_jsonb(%s::text)", (DOMAIN, user)),
        ("relation_view", "'nobody@' || %s, 'r4@example.org', NULL", (DOMAIN,)),
        ("presence_partners", "%s, NULL, 100", (user,)), ("presence_partners_many", "ARRAY[%s]::uuid[], 100", (user,)),
        ("relation_blocked", "%s, 50, NULL", (user,)), ("privacy_get", "%s", (user,)),
        ("presence_partners", "%s, NULL, 2000", (user,)), ("presence_partners", "%s, %s, 1", (user, user)),
        ("contact_announce", "%s, true, 0, '', 100", (user,)),
        ("contact_shown_online", "%s, 100", (new_id(),)),
        ("user_get", "%s, %s", (user, user)), ("user_search", "%s, 'name', 20", (user,)),
        ("user_addressed", "%s, 'h4@', 20", (user,)), ("user_candidate", "%s, 'r4@example.org'", (user,)),
        ("picture_store", "'abc', 'image/png', '', '', 1, 1", ()), ("picture_get", "'abc'", ()),
        ("picture_png", "'abc'", ()), ("remote_profile_wanted", "%s, 'r4@example.org'", (user,)),
        ("session_check", "%s, %s, 0", (user, new_id())),
        ("session_open", "%s, %s, 60, 600, %s, 4000000000000000", (new_id(), user, new_id())),
        ("session_renew", "md5('s4')::uuid, 60", ()), ("unread_count", "%s", (user,)),
        ("session_find", "md5('s4')::uuid", ()), ("session_close", "%s, md5('s4')::uuid", (user,)),
        ("session_close_all", "%s, %s, 1800000000000000", (user, new_id())),
        ("job_add", "'a.b', 'c', now()", ()), ("job_ensure", "'{a.b,c.d}'", ()), ("job_take", "'{a.b}', '{60}', 4, 'x'", ()), ("job_release", "'{x}'", ()),
        ("job_end", "'a.b', '', 1, 60, NULL, NULL", ()), ("job_state", "", ()), ("job_list", "NULL, 50, NULL", ()),
        ("reap_events", "60, 100", ()), ("reap_users", "'{}', 60, 100", ()), ("reap_pictures", "50", ()),
        ("reap_entries", "'{}', 20", ()), ("reap_groups", "60, 100", ()),
        ("retention_due", "'{}', 2592000, 20, 5", ()), ("retention_own_due", "'{}', 20, 5", ()), ("reap_messages", "'{}', 50", ()),
        ("change_retention_expire", "NULL, %s", (json.dumps({"ids": [conversation], "seconds": 0}),)),
        ("reap_messages", "'{}', 20", ()), ("retention_get", "%s", (user,)), ("conversation_analytics", "%s, %s, NULL, NULL", (user, conversation)),
        ("admin_analytics", "%s, '2026-01-01T00:00:00Z', NULL", (conversation,)), ("activity_count", "500, 1000000, 366", ()),
        ("activity_forget", "%s, 100", (user,)), ("reap_activity", "30, 100", ()), ("topics_begin", "%s", (new_id(),)), ("topics_end", "%s, NULL, false", (new_id(),)),
        ("reap_topics", "100", ()), ("retention_state", "'{\"messages\": 30, \"media\": 0}', 50", ()),
        ("change_retention_media", "NULL, '{\"seconds\": 60, \"limit\": 20}'", ()),
        ("star_page", "%s, 50, NULL, NULL", (user,)), ("star_page", "%s, 50, 100000, %s", (user, conversation)),
        ("scheduled_page", "%s, %s, 'pending', 50, NULL", (user, conversation)), ("scheduled_due", "64", ()),
        ("reap_scheduled", "60, 100", ()), ("deadline_due", "64", ()), ("reap_retold", "100", ()),
        ("reap_sessions", "100", ()), ("table_sizes", "", ()),
        ("user_sign_in_known", "ARRAY['e4', 'e5'], ARRAY[NULL, NULL]::text[], ARRAY[NULL, NULL]::text[], ARRAY[NULL, NULL]::text[],"
         " ARRAY[%s, %s]::uuid[], ARRAY[1, 2]::bigint[]", (new_id(), new_id())),
        ("token_revoke", "%s, %s, 1800000000000000", (user, new_id())),
        ("ticket_add", "%s, %s, NULL, NULL, 1800000000000000, 30", (new_id(), user)),
        ("ticket_find", "md5('t4')::uuid", ()), ("ticket_take", "md5('t4')::uuid", ()), ("revocation_since", "%s, 1000", (USERS - 10,)),
        ("user_self", "%s", (user,)), ("staff_has", "%s, 'moderator'", (user,)),
        ("admin_user_list", "'al', 'all', 50, NULL", ()), ("admin_user_list", "NULL, 'all', 50, NULL", ()),
        ("admin_user_list", "NULL, 'staff', 50, NULL", ()), ("admin_user_list", "NULL, 'suspended', 50, NULL", ()),
        ("admin_user_show", "%s::text", (user,)), ("admin_by_jid", "'admin@example.org'", ()),
        ("admin_user_count", "1", ()), ("admin_last_login", "%s::text", (user,)), ("admin_token_claims", "%s::text", (user,)),
        ("admin_key_list", "", ()), ("admin_limits", "", ()), ("admin_limits_of", "%s::text", (user,)), ("admin_room_list", "NULL, 50, NULL", ()), ("admin_room_list", "'ro', 50, 'room'", ()),
        ("report_list", "NULL, NULL, 50, NULL", ()), ("report_list", "'resolved', md5('c')::uuid, 50, NULL", ()),
        ("report_list_of_group", "%s, md5('c')::uuid, NULL, 50, NULL", (user,)), ("report_get", "md5('r')::uuid", ()), ("action_list", "NULL, NULL, 50, NULL", ()), ("action_list", "NULL, true, 50, NULL", ()),
        ("action_list", "%s::text, NULL, 50, NULL", (user,)), ("action_own", "%s", (user,)),
        ("spam_list", "NULL, NULL, 50, NULL", ()), ("spam_list", "'block', %s::text, 50, NULL", (user,)),
        ("spam_domain_list", "50, NULL", ()), ("hold_list", "50, NULL", ()), ("hold_show", "%s::text", (user,)), ("sharing_get", "%s", (user,)), ("account_get", "%s", (user,)), ("session_list", "%s", (user,)), ("session_list_of", "%s::text", (user,)), ("erase_show", "%s::text", (user,)),
        ("export_list", "%s, 50, NULL", (user,)), ("export_get", "%s, %s", (user, new_id())), ("export_of_conversation", "%s, %s", (user, conversation)),
        ("export_list_of_asked", "%s, 50, NULL", (user,)), ("export_list_of_staff", "50, NULL", ()), ("export_find", "%s", (new_id(),)), ("export_conversations", "%s, NULL, NULL, 50", (user,)),
        ("export_messages", "%s, NULL, NULL, 50, 100000", (user,)), ("export_keep", "%s, 1, '[]'", (new_id(),)), ("export_files", "'x'", ()),
        ("export_part", "%s, 0", (new_id(),)), ("export_file", "%s, NULL", (new_id(),)),
        ("export_purge", "%s, 50", (new_id(),)), ("export_measure", "%s", (new_id(),)),
        ("export_rows", "%s, 'files', NULL, NULL, 50", (user,)),
        *[("export_rows", f"%s, '{kind}', %s, NULL, 50", (user, conversation)) for kind in (
            "profile", "contacts", "blocked", "restricted", "sessions", "files", "calls", "starred", "drafts", "scheduled", "moderation", "members",
            "bookmarks", "found", "call-quality", "hidden", "reactions", "votes", "forwarded", "reports", "audit", "activity", "exports", "consents",
            "memberships", "said")], ("spam_links", "'[\"https://a.example\"]'", ()),
        ("restriction_list", "%s, 50, NULL", (user,)), ("reap_spam", "2592000, 100", ()), ("reap_reports", "31622400, 100", ()),
        ("spam_forbid", "%s, %s, 'x'", (user, middle)), ("audit_sign_ins", "'[{\"user\": \"00000000-0000-0000-0000-000000000001\", \"count\": 1}]', true", ()), ("audit_list", "NULL, NULL, 'admin@example.org', 'user.', NULL, 50, NULL", ()),
        ("audit_admit", "%s, 'admin', '{\"action\": \"x\", \"door\": \"rest\"}'", (user,)), ("reap_audit", "31536000, 100", ()),
        ("audit_rows", "NULL, NULL, NULL, NULL, 200, 0", ()), ("audit_rows", "NULL, NULL, 'a', 'user.', 200, 0", ()),
        ("audit_rows", "'2026-01-01', '2026-01-02', NULL, NULL, 200, 0, %s, %s", (user, new_id())), ("audit_list", "'2026-01-01', '2026-01-02', NULL, NULL, NULL, 50, NULL", ()),
        ("user_suspend", "%s, 'why'", (user,)), ("user_restore", "%s", (user,)),
        ("wal_flushed", "", ()), ("wal_replayed", "", ()), ("log_state", "", ()), ("log_open", "NULL, 0", ()), ("log_watch", "NULL, 0", ()), ("event_resume", "%s, %s, 1000, 1000000", (user, 10000 + MESSAGES - 3000)),
        ("event_missed", "%s, %s", (10000 + MESSAGES - 100, 10000 + MESSAGES)),
        ("event_waiting", "ARRAY[%s]::uuid[], ARRAY[%s]::bigint[]", (user, 10000 + MESSAGES - 3000)),
        ("event_waiting", "ARRAY(SELECT id FROM users WHERE kind = 'hosted' ORDER BY number LIMIT 8), array_fill(%s::bigint, '{8}')", (10000 + MESSAGES - 3000,)),
        ("search_index", "500", ()), ("search_renew", "64", ()),
        ("message_search", "%s, NULL, 'text 17', 50, NULL", (user,)),
        ("message_search", "%s, %s, 'text', 50, NULL", (user, conversation)),
        ("outbox_page", "%s, 0, 128", (10000 + MESSAGES - 2500,)),
        ("outbox_delivered", "10010, 0, NULL, (SELECT epoch FROM log_head), '{message}'", ()),
        ("outbox_delivered", "10020, 0, 1, (SELECT epoch FROM log_head), '{message}'", ()),
        ("call_get", "%s, md5('v4')::uuid", (user,)), ("call_active", "%s, %s", (user, conversation)),
        ("call_list", "%s, 50, NULL", (user,)), ("call_load", "md5('v4')::uuid, NULL, NULL, NULL", ()),
        ("call_load", "NULL, 'h4@' || %s, 'r4@example.org', 's4'", (DOMAIN,)), ("call_open", "0, 20", ()),
        ("call_event_list", "%s, md5('v4')::uuid", (user,)), ("call_event_audit", "md5('v4')::uuid", ()), ("call_report", "%s, md5('v4')::uuid", (user,)),
        ("call_sample_add", "%s, md5('v4')::uuid, '[{\"at\": \"2026-01-01T00:00:00Z\"}]'", (user,)),
        ("reap_calls", "60, 100", ()),
        ("change_call_step", "NULL, %s", (json.dumps({"version": 1, "status": "ended", "reason": "hangup", "event": "end",
                                                      "id": db.one("SELECT md5('v4')::uuid")}),)),
        ("change_call_initiate", "%s, %s", (user, json.dumps({"id": new_id(), "message_id": new_id(), "live": {},
                                                               "seconds": 45, "call_type": "audio",
                                                               "conversation_id": conversation}))),
        ("change_call_arrive", "NULL, %s", (json.dumps({"id": new_id(), "message_id": new_id(), "live": {}, "seconds": 45,
                                                        "from": "r5@example.org", "to": f"h5@{DOMAIN}", "sid": "new",
                                                        "address": "r5@example.org/x", "call_type": "audio"}),)),
        ("archive_access", "'nothing', 'r4@example.org'", ()), ("archive_metadata", "'nothing', 'r4@example.org'", ()),
        ("archive_page", "'nothing', 'r4@example.org', '{}', 50, 1000000", ()), # test_mam.py has one with rows
        ("room_scene", "'nothing', 'r4@example.org/x', 'r4@example.org'", ()), ("room_public", "", ()),
        ("room_people", "'nothing', 'r4@example.org/x', 'r4@example.org', NULL, NULL", ()),
        ("room_configuration", "'nothing', 'r4@example.org/x', 'r4@example.org'", ()),
        ("room_audience", "'nothing', 'r4@example.org/x'", ()), ("room_mark", "%s, %s, %s", (conversation, user, middle)),
        ("group_typing", "%s, %s, NULL, NULL", (conversation, user)),
        ("bound_account", "'bob@example.org'", ()), ("bound_sign_in", "'bob@example.org'", ()), ("bound_link", "'me', 'bob@example.org'", ()),
        ("mam_own_page", "'bob@example.org', '{\"backward\": true}', 50", ()), ("mam_own_ends", "'bob@example.org'", ()),
        ("bound_token_sign_in", "'me', 'bob@example.org', %s, 0", (user,)),
        ("bound_wanted", "NULL, 500", ()), ("bound_watch", "%s, true", (user,)), ("bound_park", "'bob@example.org', 'id', '<message/>', 10", ()),
        ("bound_expired", "86400, 1000", ()),
        ("bound_parked", "'bob@example.org', 0, 64", ()), ("bound_parked_sent", "ARRAY[1, 2]", ()),
        ("bound_bookmark_list", "%s", (user,)), ("bound_seats", "'bob@example.org', true", ()),
        ("bound_displayed", "%s, %s, %s", (user, conversation, middle)),
        ("bound_live", "'bob@example.org', %s, 'in', 'e@example.org', 'e@example.org/x', 'o', '<message/>', 0", (user,)),
        ("reap_archives", "'{}', 60, 100", ()), ("fold_page", "0, 'app.example.org', 64, 1000000", ()), ("fold_done", "1, 1", ()),
        ("file_create", "%s, %s", (user, json.dumps({"id": new_id(), "name": "a", "type": "text/plain", "kind": "file", "purpose": "attachment",
         "size": 1, "key": "k", "key_name": "n", "path": "p", "quota_user": 9, "quota_total": 0, "seconds": 60}))),
        ("file_open", "%s, %s, false", (user, new_id())), ("file_keep", "%s, 1, 1", (new_id(),)), ("file_get", "%s, %s", (user, new_id())),
        ("file_serve", "%s, NULL", (new_id(),)), ("file_serve", "NULL, 'path'", ()), ("file_lock", "%s, %s", (user, new_id())),
        ("file_gallery", "%s, %s, NULL, 50, NULL", (user, conversation)), ("file_gallery", "%s, %s, 'image', 50, '100.1'", (user, conversation)),
        ("file_gallery", "%s, %s, 'link', 50, '100.1'", (user, conversation)), ("poll_page", "%s, %s, 'open', 50, 100", (user, conversation)),
        ("translation_find", "%s, %s, 'de'", (user, middle)), ("dictation_find", "%s, %s", (user, new_id())), ("transcription_begin", "%s, 't'", (new_id(),)), ("transcription_wait", "%s, 't', 60", (new_id(),)), ("file_process", "%s", (new_id(),)), ("file_classify", "%s", (new_id(),)), ("file_due", "100", ()), ("file_gone", "ARRAY[%s]::uuid[]", (new_id(),)),
        ("file_old_keys", "'name', 100", ()), ("file_rewrap", "'{}', '{}', 'name'", ()), ("file_used", "%s", (user,)),
        ("file_unmoved", "20", ()), ("file_moved", "'{}'", ()), ("file_remote", "%s", (new_id(),)), ("file_held_list", "50, NULL", ()), ("file_held", "%s", (new_id(),)), ("slot_create", "'nobody@example.org', true, '{}'", ()),
        ("link_find", "'https://a.example/'", ()), ("link_store", "'https://a.example/', '{\"title\": \"x\"}', 60", ()), ("link_wanted", "%s", (new_id(),)),
        ("reap_links", "100", ()), ("avatar_wanted", "%s", (user,)),
        ("guest_reset", "", ()), ("guest_take", "20", ()), ("guest_archive", "'room@elsewhere.example'", ()), ("guest_say", "20", ()),
        ("lease_take", "'link', 'me', 6000", ()), ("lease_release", "'link', 'me', 1", ()),
    ]


def test_every_query_is_tried(big):
    # What change_apply costs is what the changes cost: see below. Two look at the one row of log_head; test_plain.py has two.
    tried = {name for name, _, _ in calls(big)} | {"change_apply", "log_before", "log_after", "message_put", "mark_put"}
    asked = {name for name, _ in named_queries()}
    tools = {name for name, _ in named_queries("tool")}
    assert asked - tools == {name for name in tried if not name.startswith(("change_conversation", "change_call", "change_retention"))}


def test_no_query_walks_a_table(big):
    """Counted by PostgreSQL itself inside the calls' own transaction, under the daemon's settings."""
    for name, arguments, values in calls(big):
        connection = big.connect(autocommit=False)
        big.rows(f"SELECT * FROM {name}({arguments})", *values, on=connection)
        counted = big.rows("SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE seq_scan > 0",
                           on=connection)
        connection.rollback()
        connection.close()
        walked = {row["relname"] for row in counted} & set(BIG)
        if name == "search_index": # new ranges of the index on position are summed up, each once
            walked -= {"messages"}
        assert not walked, f"{name}({arguments})"


def replica_queries():
    listed = Path(__file__).parents[2] / "bridge" / "archive" / "replica_query.def"
    return {name.lower() for name in re.findall(r"^TRESTLE_REPLICA_QUERY\((\w+)\)", listed.read_text(), re.M)}


def test_what_a_standby_answers_only_reads(big):
    """A standby refuses what would write, or lock a row, just as a read only transaction does."""
    tried = set()
    for name, arguments, values in calls(big):
        if name in replica_queries():
            tried.add(name)
            connection = big.connect(autocommit=False)
            big.rows("SET TRANSACTION READ ONLY", on=connection)
            big.rows(f"SELECT * FROM {name}({arguments})", *values, on=connection)
            connection.rollback()
            connection.close()
    assert tried == replica_queries()


def changes(db):
    """(name, user, arguments) of rare changes on the same database."""
    user, other = (db.one("SELECT id FROM users WHERE external_id = %s", f"e{n}") for n in (4, 5))
    conversation = db.one("SELECT conversation_id FROM members WHERE user_id = %s", user)
    jid = {"jid": "r4@example.org", "domain": DOMAIN}
    return [("block", user, jid), ("unblock", user, jid), ("block", user, {"jid": "example.org"}),
            ("contact_add", user, jid), ("contact_add", user, {"user_id": other, "domain": DOMAIN}),
            ("contact_update", user, {"user_id": other, "name": "A friend", "groups": ["Friends", "Work"]}),
            ("contact_remove", user, {"user_id": other}),
            *(("contact_stanza", user, {"type": type, "peer": "r4@example.org"}) for type in
              ("subscribe", "subscribed", "unsubscribe", "unsubscribed")),
            ("request_accept", user, {"conversation_id": conversation}),
            ("request_decline", user, {"conversation_id": conversation}),
            ("privacy", user, {"messages": "contacts", "presence": "nobody"})]


def test_no_change_walks_a_table(big):
    for name, user, arguments in changes(big):
        connection = big.connect(autocommit=False)
        big.rows("SELECT * FROM change_apply(%s::text[], %s::uuid[], %s::text[])", [name], [user],
                 [json.dumps(arguments)], on=connection)
        counted = big.rows("SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE seq_scan > 0",
                           on=connection)
        connection.rollback()
        connection.close()
        walked = {row["relname"] for row in counted} & set(BIG)
        assert not walked, f"{name} {arguments}"


def test_clearing_the_outbox_is_an_index_scan(big):
    plan = json.dumps(big.one("EXPLAIN (FORMAT JSON) DELETE FROM outbox WHERE (position, n) <= (200, 0)"
                              " AND kind = ANY ('{message}')"))
    assert "Index" in plan and "Seq Scan" not in plan


def blocks(db, statement, *values):
    """Buffers that a call touches once it is warm."""
    connection = db.connect(autocommit=False)
    for _ in range(2):
        plan = db.one(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *values, on=connection)
    connection.rollback()
    connection.close()
    return plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]


def test_each_call_touches_few_blocks(big):
    """An index scan that returns few rows but visits many is a walk, too."""
    few = {"message_page": 2500, "message_search": 900, "search_index": 900, "search_renew": 2000, "event_resume": 800, "export_messages": 1200,
           "outbox_page": 1500, "reap_users": 800, "retention_state": 1500} # the last looks into 50 conversations
    for name, arguments, values in calls(big):
        values = tuple(new_id() if name == "message_store" and i in (0, 3) else v
                       for i, v in enumerate(values))
        touched = blocks(big, f"SELECT * FROM {name}({arguments})", *values) if name not in (
            "message_store", "message_receive", "user_create", "user_sign_in", "session_open",
            "token_revoke", "ticket_add", "file_create") else 0
        assert touched < few.get(name, 400), f"{name}({arguments}) touched {touched}"


@pytest.mark.parametrize("direction", ["", "before", "after", "around", "time", "seq", "unread"])
def test_page_cost_does_not_grow_with_the_history(db, direction):
    alice, bob = db.user("alice"), db.user("bob")
    conversation = db.conversation(alice, reference="bob")
    costs = []
    for start, end in ((1, 10_000), (10_001, 200_000)):
        db.rows("INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body)"
                " SELECT md5('m' || n)::uuid, %s, n, 1000 + n, CASE n %% 2 WHEN 0 THEN %s ELSE %s END::uuid,"
                " now(), 'text' FROM generate_series(%s, %s) n", conversation, alice, bob, start, end)
        db.rows("VACUUM ANALYZE messages")
        middle = db.one("SELECT id FROM messages WHERE seq = %s", end // 2)
        cursor = {"": (None, None, None), "before": (middle, None, None), "after": (None, middle, None),
                  "around": (None, None, middle), "time": (None, None, "time:2100-01-01T00:00:00Z"),
                  "seq": (None, f"seq:{end // 2}", None), "unread": (None, None, "unread")}[direction]
        costs.append(blocks(db, "SELECT message_page(%s, %s, 50, %s, %s, %s)", alice, conversation, *cursor))
    assert costs[1] <= costs[0] * 1.5 + 20, costs


def nested_plans(db, statement, *values):
    """Plans of the statements that functions run on the way, as auto_explain tells them."""
    connection = db.connect(autocommit=False)
    db.rows("LOAD 'auto_explain'", on=connection)
    for name, value in {"log_min_duration": "0", "log_nested_statements": "on", "log_format": "json"}.items():
        db.rows(f"SET auto_explain.{name} = {value}", on=connection)
    db.rows("SET client_min_messages = log", on=connection)
    db.rows(statement, *values, on=connection)
    plans = [json.loads(notice[notice.index("{"):]) for notice in connection.notices if "plan:" in notice]
    connection.rollback()
    connection.close()
    return plans


def nodes(plan):
    return [plan["Node Type"]] + [name for child in plan.get("Plans", ()) for name in nodes(child)]


def test_to_begin_the_writing_statement_costs_little(db):
    """Most of what a small batch costs is to begin its plan: each node and each column of it counts."""
    alice, bob = db.user("alice"), db.user("bob")
    conversation = db.conversation(alice, reference="bob")
    db.store({"conversation": conversation, "sender": alice})
    db.store({"conversation": conversation, "sender": bob}) # nothing has to be asked any more
    plans = nested_plans(db, "SELECT * FROM message_store(ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[],"
                         " ARRAY['x'], ARRAY['c'], ARRAY[%s]::uuid[], false)", new_id(), conversation, alice, new_id())
    assert len(plans) == 3, [plan["Query Text"][:60] for plan in plans] # the head of the log, the rows, the call
    writing, = (nodes(plan["Plan"]) for plan in plans if "INSERT INTO messages" in plan["Query Text"])
    assert len(writing) <= 18 and writing.count("Sort") == 1, writing


# Called for each message, mark, page, list, search, socket or request.
HOT = {"message_store", "message_receive", "message_fail", "mark_store", "message_page", "message_get", "conversation_list", "conversation_get",
       "event_resume", "event_waiting", "relation_view", "presence_partners", "presence_partners_many", "contact_announce", "contact_probe", "session_check", "session_find", "user_sign_in_known",
       "ticket_find", "ticket_take", "revocation_since", "user_get", "message_search", "outbox_page", "outbox_delivered", "search_index",
       "user_self", "group_typing", "star_page", "call_active", "unread_count", "contact_idle",
       "remote_profile_wanted"}


def planned(db, connection):
    return {row["query"]: row["plans"] for row in db.rows(
        "SELECT query, sum(plans)::int AS plans FROM pg_stat_statements WHERE plans > 0 AND dbid ="
        " (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY query", on=connection)}


def planned_again(db, name, arguments, values, spam=""):
    """What PostgreSQL plans in the third run of a prepared call, none of which stays. spam: the setting."""
    connection = db.connect()
    db.rows("SELECT set_config('trestle.spam', %s, false)", spam, on=connection)
    with connection.cursor() as cursor:
        cursor.execute(f"PREPARE hot AS SELECT * FROM {name}({cursor.mogrify(arguments or ' ', values).decode()})")
    for _ in range(3):
        before = planned(db, db.main)
        db.rows("BEGIN", on=connection)
        rows = db.rows("EXECUTE hot", on=connection)
        db.rows("ROLLBACK", on=connection)
        again = {query[:200]: plans - before.get(query, 0) for query, plans in planned(db, db.main).items()
                 if plans > before.get(query, 0) and "pg_stat_statements" not in query}
    connection.close()
    return again, rows


def test_no_hot_statement_is_planned_twice(big):
    """Neither itself nor what it calls: PostgreSQL plans a function in SQL, that does not become part of its caller, in each call."""
    big.rows("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    again = {}
    for name, arguments, values in calls(big):
        if name in HOT:
            again[f"{name}({arguments})"], _ = planned_again(big, name, arguments, values)
    again = {call: plans for call, plans in again.items() if plans}
    assert not again, json.dumps(again, indent=1)


@pytest.mark.parametrize("body, hook, spam, outcome", [
    ("hello", None, "", 0),
    ("hello, see https://a.example", None, "on/50/90/2/3/0/no/filter/3", 0),
    ("www.a.example www.b.example www.c.example", None, "on/50/90/2/3/0/no/filter/3", 0), # held as a request
    ("see https://evil.example", None, "on/50/90/2/3/0/no/filter/1", 10),
    ("hello", None, "on/50/90/2/3/0/ask/filter/3", 11),
    ("hello", {"action": "filter", "confidence": 60, "reasons": ["x"], "source": "hook"}, "on/50/90/2/3/0/ask/filter/3", 0),
])
def test_no_first_message_of_a_stranger_is_planned_twice(big, body, hook, spam, outcome):
    big.rows("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    big.rows("INSERT INTO spam_domains (domain, added_by) VALUES ('evil.example', '') ON CONFLICT DO NOTHING")
    stranger, other = (big.one("SELECT id FROM users WHERE external_id = %s", f"e{n}") for n in (31, 32))
    conversation = big.conversation(stranger, reference="e32")
    judged = "p_judging => 'ask', p_verdicts => ARRAY[%s]::jsonb[]"
    verdict = hook and json.dumps(hook)
    again, rows = planned_again(big, "message_store", "ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s], ARRAY['c'],"
                                f" ARRAY[%s]::uuid[], false, {judged}", (new_id(), conversation, stranger, body, new_id(), verdict), spam)
    assert rows[0]["outcome"] == outcome and not again, json.dumps(again, indent=1)


def test_no_message_that_carries_more_is_planned_twice(big):
    """Neither when it is stored nor when it is shown, with reactions."""
    big.rows("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    alice, bob = (big.one("SELECT id FROM users WHERE external_id = %s", f"e{n}") for n in (33, 34))
    talk = big.conversation(alice, reference="e34")
    first = new_id()
    big.store({"id": first, "conversation": talk, "sender": alice}, {"conversation": talk, "sender": bob})
    again = {}
    for details in ({"reply_to": first}, {"thread_id": first}, {"expires_in": 60}, {"mentions": [{"user_id": bob, "offset": 0, "length": 2}]},
                    {"link_preview": {"url": "https://a.example/", "fetch": True}},
                    {"type": "location", "location": {"latitude": 1, "longitude": 2}},
                    {"type": "poll", "poll": {"question": "q", "options": ["a", "b"], "multiple": False, "anonymous": False}}):
        columns = (new_id(), talk, alice, new_id(), json.dumps(details))
        stored = "ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY['hello'], ARRAY[NULL], ARRAY[%s]::uuid[], true," \
                 " p_details => ARRAY[%s]::jsonb[]"
        again[f"message_store {details}"], rows = planned_again(big, "message_store", stored, columns)
        assert rows[0]["outcome"] == 0
        big.rows(f"SELECT FROM message_store({stored})", *columns)
    for emoji in ("x", "y"):
        assert big.change("react", bob, message_id=first, emoji=emoji)["outcome"] == 0
    for name, arguments, values in [("message_page", "%s, %s, 50, NULL, NULL, NULL", (alice, talk)), ("message_get", "%s, %s", (alice, first)),
                                    ("event_resume", "%s, %s, 1000, 1000000", (bob, 10000 + MESSAGES))]:
        again[name], rows = planned_again(big, name, arguments, values)
        assert rows
    again = {call: plans for call, plans in again.items() if plans}
    assert not again, json.dumps(again, indent=1)
