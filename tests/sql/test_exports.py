# SPDX-License-Identifier: GPL-3.0-or-later
"""What users take away: who may ask, who has to agree, what is read for it, and when it is gone."""
import json

import pytest

from conftest import TOP, new_id
from test_erase import MARKER, fill
from test_reactions import Talk


@pytest.fixture
def two(db):
    return Talk(db, "alice", "bella")


@pytest.fixture
def three(db):
    return Talk(db, "alice", "bella", "cleo")


def ask(talk, user=0, **more):
    return talk.db.change("export_conversation", talk.users[user], conversation_id=talk.id, id=new_id(), **more)


def answer(talk, user, export, consent=True):
    return talk.db.change("export_consent", talk.users[user], conversation_id=talk.id, export_id=export, consent=consent)


def account(db, user, id=None):
    return db.change("export_account", user, id=id or new_id())


def told(done):
    return sorted((e["type"], e["payload"]["state"], tuple(e["users"])) for e in done["events"] or ())


def keep(db, export, *parts, progress=50):
    return db.one("SELECT export_keep(%s, %s, %s)", export, progress, json.dumps([{"n": n, "file": f, "content": c} for n, f, c in parts]))


def done(db, export):
    db.rows("SELECT export_measure(%s)", export)
    return db.change("export_done", None, export_id=export)


def purge(db, limit=50):
    """What the jobs do behind whatever ended."""
    rounds = 0
    while db.one("SELECT export_purge_any(%s)", limit):
        rounds += 1
    return rounds


def of(db, export):
    row, = db.rows("SELECT state, progress, size, expires_at > now() AS kept FROM exports WHERE id = %s", export)
    return row


def asked_of(talk, user):
    return json.loads(talk.db.one("SELECT export_list_of_asked(%s, 50, NULL)", talk.users[user]))["items"]


def test_who_is_asked_finds_what_waits_until_it_is_refused(three):
    members_join(three)
    export = ask(three)["result"]["id"]
    assert [len(asked_of(three, user)) for user in range(3)] == [0, 1, 1]
    answer(three, 1, export)
    item, = asked_of(three, 1)
    assert (item["id"], item["state"], item["user_id"], item["url"]) == (export, "waiting", str(three.users[0]), None)
    answer(three, 2, export)
    assert done(three.db, export)["outcome"] == 0 and asked_of(three, 2)[0]["url"] is None, "it is there, for who asked"
    answer(three, 1, export, consent=False)
    assert [asked_of(three, user) for user in range(3)] == [[], [], []]


def members_join(talk):
    """Those who were invited come."""
    talk.db.rows("UPDATE members SET state = 'joined' WHERE conversation_id = %s", talk.id)


# ---- Accounts

def test_one_at_a_time(db, two):
    alice, bella = two.users
    id = new_id()
    first = account(db, alice, id)
    assert first["outcome"] == 0 and first["result"]["state"] == "running" and first["result"]["url"] is None
    assert account(db, alice, id)["outcome"] == 1 and account(db, alice)["outcome"] == 3
    assert ask(two)["outcome"] == 3 and account(db, bella)["outcome"] == 0
    assert {row["key"] for row in db.rows("SELECT key FROM jobs WHERE kind = 'export.run'")} >= {id}
    keep(db, id, (0, "a", "x"))
    ready = done(db, id)
    assert told(ready) == [("export.ready", "ready", (str(alice),))] and done(db, id)["outcome"] == 1
    assert of(db, id) == {"state": "ready", "progress": 100, "size": 1, "kept": True}
    second = account(db, alice)["result"]["id"]
    assert done(db, second)["outcome"] == 0 and db.rows("SELECT export_get(%s, %s)", alice, id) == [], "the newest is the one"
    assert [x["id"] for x in json.loads(db.one("SELECT export_list(%s, 10, NULL)", alice))["items"]] == [second]
    purge(db)
    assert db.rows("SELECT FROM exports WHERE id = %s", id) == []


def test_nobody_elses(db, two):
    alice, bella = two.users
    id = account(db, alice)["result"]["id"]
    assert db.rows("SELECT export_get(%s, %s)", bella, id) == [] and json.loads(db.one("SELECT export_list(%s, 10, NULL)", bella))["items"] == []
    assert db.change("export_cancel", bella, export_id=id)["outcome"] == 2
    staffs = db.change("export_user", None, user="alice", actor="boss")["result"]["id"]
    assert db.rows("SELECT export_get(%s, %s)", alice, staffs) == [], "what staff asks for is the staff's"
    assert [x["id"] for x in json.loads(db.one("SELECT export_list_of_staff(10, NULL)"))["items"]] == [staffs]
    assert told(done(db, staffs)) == [] and db.change("export_user", None, user="nobody")["outcome"] == 2


def test_what_is_cancelled_is_not_made(db, two):
    id = account(db, two.users[0])["result"]["id"]
    keep(db, id, (0, "a", "x"))
    assert db.change("export_cancel", two.users[0], export_id=id)["outcome"] == 0
    purge(db)
    assert db.rows("SELECT FROM export_parts") == [] and keep(db, id, (1, "a", "y")) is False
    assert db.rows("SELECT FROM export_find(%s)", id) == [] and done(db, id)["outcome"] == 1
    assert db.change("export_cancel", two.users[0], export_id=id)["outcome"] == 1 and account(db, two.users[0])["outcome"] == 0


def test_whoever_is_deleted_leaves_none(db, two):
    alice, bella = two.users
    id = account(db, alice)["result"]["id"]
    keep(db, id, (0, "a", "x"))
    db.change("export_user", None, user="alice", actor="boss")
    assert ask(two, 1)["result"]["consents"] == [{"user_id": str(alice), "state": "asked"}]
    db.change("users_delete", None, users=["alice"])
    while db.change("user_unlink", None, user_id=str(alice))["result"]["more"]:
        pass
    purge(db)
    assert [row["asked_by"] for row in db.rows("SELECT asked_by FROM exports WHERE user_id = %s", alice)] == ["boss"]
    assert db.rows("SELECT FROM export_parts") == db.rows("SELECT FROM export_consents") == []


def test_a_step_that_is_done_twice_is_kept_once(db, two):
    id = account(db, two.users[0])["result"]["id"]
    keep(db, id, (0, "a", "x"), (1000001, "b", "1"))
    keep(db, id, (0, "a", "x"), (1000001, "b", "1"))
    keep(db, id, (2, "a", "y"))
    done(db, id)
    path = db.one("SELECT path FROM exports WHERE id = %s", id)
    assert [(r["file"], r["size"]) for r in db.rows("SELECT file, size FROM export_files(%s)", path)] == [("a", 2), ("b", 1)]
    assert db.rows("SELECT file, content FROM export_part(%s, 0)", id) == [{"file": "a", "content": "y"}]
    assert db.rows("SELECT FROM export_files('other')") == []
    db.rows("UPDATE exports SET expires_at = now() WHERE id = %s", id)
    assert db.rows("SELECT FROM export_files(%s)", path) == []
    db.change("export_expire", None)
    assert db.change("export_expire", None)["result"] == {"more": False} and purge(db)
    assert db.rows("SELECT FROM exports") == db.rows("SELECT FROM export_parts") == []


def test_pages_have_each_row_once(db, three):
    alice, bella, _ = three.users
    other = Talk.__new__(Talk)
    other.db, other.users, other.id = db, [alice, bella], db.conversation(alice, reference=str(bella))
    said = [three.message] + [three.say(f"in the group {n}") for n in range(4)] + [other.say(f"of two {n}") for n in range(3)]
    gone = other.say("for me no more")
    db.change("message_delete", alice, message_id=gone, window=900, **{"for": "me"})
    db.change("message_edit", alice, message_id=said[1], content="edited", window=900, stanza=new_id())
    for limit in (1, 3, 100):
        seen, versions, after = [], [], None
        while rows := db.rows("SELECT key, id, (message).id AS seen, versions, sender, receiver FROM export_messages(%s, NULL, %s, %s, 100000)",
                              alice, after, limit):
            seen += [r["id"] for r in rows if r["seen"]]
            versions += [json.loads(line)["content"] for r in rows if r["versions"] for line in r["versions"].splitlines()]
            assert len(rows) <= limit and all((r["sender"] is None) == (r["id"] in said[:5]) for r in rows)
            after = rows[-1]["key"]
        assert sorted(seen) == sorted(said) and versions == ["in the group 0", "edited"]
    assert len(db.rows("SELECT key FROM export_messages(%s, %s, NULL, 100, 1)", alice, three.id)) == 1, "not more than so many bytes"
    assert db.rows("SELECT key FROM export_messages(%s, %s, NULL, 100, 1000)", db.user("mallory"), three.id) == []
    assert [r["key"] for r in db.rows("SELECT key FROM export_conversations(%s, NULL, NULL, 1)", alice)] == [min(str(three.id), str(other.id))]


def test_every_kind_of_rows_goes_on_where_it_was(db, two):
    alice, bella = two.users
    db.rows("INSERT INTO contacts (user_id, peer, to_peer) VALUES (%s, 'a@example.org', true), (%s, 'b@example.org', true)", alice, alice)
    db.rows("INSERT INTO blocks (user_id, peer) VALUES (%s, 'a@example.org'), (%s, 'b@example.org')", alice, alice)
    for n in range(2):
        db.rows("INSERT INTO sessions (digest, user_id, issued_at, expires_at, ends_at) VALUES (gen_random_uuid(), %s, now(), now(), now())", alice)
        db.rows("INSERT INTO scheduled (id, message_id, conversation_id, user_id, content, due_at, created_at, updated_at)"
                " VALUES (gen_random_uuid(), gen_random_uuid(), %s, %s, 'later', now(), now(), now())", two.id, alice)
        db.rows("INSERT INTO files (id, user_id, state, purpose, kind, name, type, size) VALUES (gen_random_uuid(), %s, 'complete', 'attachment',"
                " 'file', 'a', 'text/plain', 1)", alice)
        db.change("moderation_act", None, type="warn", user=str(alice), reason="x", actor="boss")
        db.change("star_add", alice, message_id=two.say(f"star {n}")) if db.rows("SELECT FROM pg_proc WHERE proname = 'change_star_add'") else None
    for kind, wanted in (("profile", 1), ("contacts", 2), ("blocked", 2), ("restricted", 0), ("sessions", 2), ("files", 2), ("calls", 0),
                         ("drafts", 0), ("scheduled", 2), ("moderation", 2)):
        lines, after = [], None
        while rows := db.rows("SELECT * FROM export_rows(%s, %s, NULL, %s, 1)", alice, kind, after):
            lines.append(rows[0]["line"])
            after = rows[0]["key"]
            assert len(lines) <= wanted, kind
        assert len({*lines}) == wanted or kind in ("sessions", "files") and len(lines) == wanted, kind
        assert all(isinstance(json.loads(line), dict) for line in lines)
        assert db.rows("SELECT * FROM export_rows(%s, %s, NULL, NULL, 9)", db.user("mallory"), kind) == [] or kind == "profile"


def test_the_staff_has_a_ceiling(db):
    """One of each user at a time, ten in all, and a hundred that are there."""
    staff = [db.user(f"u{n}") for n in range(12)]

    def made(n):
        return db.change("export_user", None, user=f"u{n}", actor="boss")
    first = made(0)["result"]["id"]
    assert made(0)["outcome"] == 3 and "this user" in made(0)["result"]["detail"]
    assert [made(n)["outcome"] for n in range(1, 11)] == [0] * 9 + [3]
    assert "ten" in made(11)["result"]["detail"] and account(db, staff[11])["outcome"] == 0, "what users ask for is another thing"
    done(db, first)
    assert made(0)["outcome"] == 0, "a newer one takes its place"
    ready = [r["id"] for r in db.rows("SELECT id FROM exports WHERE asked_by IS NOT NULL AND state = 'running'")]
    for id in ready:
        done(db, id)
    db.rows("INSERT INTO exports SELECT (jsonb_populate_record(x, jsonb_build_object('id', gen_random_uuid(), 'path', gen_random_uuid()))).*"
            " FROM exports x, generate_series(1, 90) WHERE x.id = %s", ready[0])
    assert made(11)["outcome"] == 3 and "remove" in made(11)["result"]["detail"]
    removed = db.change("export_remove", None, export_id=ready[1])
    assert removed["outcome"] == 0 and removed["result"]["state"] == "cancelled" and removed["result"]["url"] is None
    assert made(11)["outcome"] == 0 and db.change("export_remove", None, export_id=ready[1])["outcome"] == 1
    theirs = db.one("SELECT id FROM exports WHERE asked_by IS NULL")
    assert db.change("export_remove", None, export_id=theirs)["outcome"] == db.change("export_remove", None, export_id=new_id())["outcome"] == 2


ENDS = {
    "cancelled": lambda db, user, id: db.change("export_cancel", user, export_id=id),
    "failed": lambda db, user, id: db.change("export_fail", None, export_id=id),
    "a newer one": lambda db, user, id: (done(db, id), done(db, account(db, user)["result"]["id"])),
    "expired": lambda db, user, id: (done(db, id), db.rows("UPDATE exports SET expires_at = now()"), db.change("export_expire", None)),
    "deleted": lambda db, user, id: (db.change("users_delete", None, users=["alice"]), db.change("user_unlink", None, user_id=str(user))),
}


@pytest.mark.parametrize("end", ENDS)
def test_what_ends_one_removes_nothing_with_the_log_held(db, two, end):
    """There may be thousands of pieces: they go a few at a time, and nobody gets them meanwhile."""
    alice = two.users[0]
    id = account(db, alice)["result"]["id"]
    path = db.one("SELECT path FROM exports WHERE id = %s", id)
    keep(db, id, *((n, "a", "x" * 1000) for n in range(120)))
    ENDS[end](db, alice, id)
    assert db.one("SELECT count(*) FROM export_parts WHERE export_id = %s", id) == 120
    assert db.rows("SELECT FROM export_files(%s)", path) == [] and handed_out(db, id) is None
    assert purge(db) == 3 and db.rows("SELECT FROM export_parts") == db.rows("SELECT FROM jobs WHERE kind = 'export.purge'") == []


# ---- All that there is of somebody

# Tables that say of somebody who it is (by a column of these names) → the kind of rows that has it, ("profile" and the like)
# or why it is nowhere.
WHO = ("user_id", "sender_id", "sender", "recipient", "reporter", "offender", "target", "actor", "who", "peer_id", "peer", "subject", "removed_by",
       "invited_by", "owner_id", "reporter_jid", "user_a", "user_b", "taken_by", "asked_by", "placed_by", "jid")
EXPORTED = {
    "users": "profile", "verifications": "profile", "user_limits": "profile", "user_access": "profile", "retention_users": "profile",
    "standings": "profile", "file_usage": "profile", "bound_accounts": "profile", "contacts": "contacts", "blocks": "blocked",
    "restrictions": "restricted", "sessions": "sessions", "files": "files", "call_participants": "calls", "calls": "calls", "call_samples": "call-quality",
    "stars": "starred", "hidden": "hidden", "reactions": "reactions", "votes": "votes", "forwards": "forwarded", "scheduled": "scheduled",
    "reports": "reports", "moderation_actions": "moderation", "audit": "audit", "activity": "activity", "exports": "exports",
    "export_consents": "consents", "members": "memberships", "nicks": "memberships", "past_nicks": "memberships", "guest_seats": "memberships",
    "messages": "said", "found": "found", "bound_bookmarks": "bookmarks"}
NOWHERE = {
    "conversations": "who is in one: memberships, conversations", "marks": "how far somebody has read, over time: memberships has the last",
    "mentioned": "made of what messages say", "events": "made of the rest, gone after days", "outbox": "on its way",
    "user_words": "made of names", "shown_profiles": "what servers of others were told", "shown_online": "as it is now", "occupants": "as it is now",
    "tickets": "secrets of minutes", "revocations": "technical, a day", "idempotency": "technical, a day", "jobs": "technical",
    "spam_checks": "senders are not told that they are looked at (H50)", "removed_content": "would tell of a legal hold",
    "holds": "who is held is told to staff alone", "erasures": "of those who are gone", "retention_places": "how far a job has come",
    "guest_occupants": "what rooms elsewhere say of others", "guest_out": "on its way", "guest_rooms": "the topic of a room",
    "bound_outbox": "on its way", "bound_queue": "technical", "mam_owners": "the archive of the account's own server, by XMPP",
    "mam_holders": "likewise", "mam_stanzas": "likewise", "mam_imports": "likewise", "call_events": "technical, of calls", "server_keys": "nobody's",
    "entries": "reactions and edits once more, as archives replay them", "guest_ids": "how rooms elsewhere call messages", "rooms": "addresses of rooms"}


def test_every_table_about_somebody_is_thought_of(db):
    tables = {row["t"] for row in db.rows(
        "SELECT DISTINCT c.table_name AS t FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name NOT LIKE 'pg_stat%%' AND c.column_name = ANY (%s)", list(WHO))}
    assert sorted(tables - set(EXPORTED) - set(NOWHERE)) == [], "is it exported, or why not?"
    kinds = {line.split('"')[3] for line in (TOP / "bridge/personal/export_job.c").read_text().splitlines()
             if line.strip().startswith('{"') and "LINES" in line}
    assert set(EXPORTED.values()) <= kinds and not set(EXPORTED) & set(NOWHERE)


def listed(db, user, kind, only=None):
    lines, after = [], None
    while rows := db.rows("SELECT * FROM export_rows(%s, %s, %s, %s, 2)", user, kind, only, after):
        assert rows[-1]["key"] != after
        lines += [json.loads(row["line"]) for row in rows if row["line"]]
        after = rows[-1]["key"]
    return lines


def test_all_that_somebody_has_done(db, three):
    """By every way there is, as it is erased; what was done is there, page by page, and nobody else's."""
    members_join(three)
    alice, bella, cleo = three.users
    said, answer_ = fill(db, three, 1)
    poll = db.one("SELECT id FROM messages WHERE kind = 'poll'")
    db.rows("INSERT INTO votes (message_id, user_id, options, at) VALUES (%s, %s, '{1}', now())", poll, bella)
    db.change("star", bella, message_id=answer_)
    db.change("message_delete", bella, message_id=answer_, window=900, **{"for": "me"})
    db.rows("INSERT INTO forwards (user_id, message_id, count) VALUES (%s, %s, 2)", bella, said[0])
    db.rows("INSERT INTO found (user_id, peer_id) VALUES (%s, %s)", bella, cleo)
    db.rows("INSERT INTO activity (conversation_id, day, who, named, messages) SELECT %s, d, %s, true, 3"
            " FROM generate_series('2026-01-01'::date, '2026-01-05', '1 day') d", three.id, bella)
    db.rows("INSERT INTO bound_bookmarks (user_id, room, autojoin) VALUES (%s, 'a@rooms.example.org', true)", bella)
    export = db.change("export_conversation", alice, conversation_id=three.id, id=new_id())["result"]["id"]
    for kind, count in (("reactions", 5), ("votes", 1), ("starred", 1), ("hidden", 1), ("forwarded", 1), ("found", 1), ("reports", 1), ("moderation", 1),
                        ("activity", 5), ("bookmarks", 1), ("consents", 1), ("memberships", 2), ("scheduled", 1), ("drafts", 2), ("files", 1)):
        lines = listed(db, bella, kind)
        assert len(lines) == count and len({json.dumps(line, sort_keys=True) for line in lines}) == count, (kind, lines)
        assert listed(db, db.user("mallory"), kind) == [], kind
    assert listed(db, bella, "reports")[0]["comment"] == f"I say {MARKER}" and listed(db, bella, "reactions")[0]["emoji"] == ["👍"]
    assert {line["export_id"]: line["state"] for line in listed(db, bella, "consents")} == {export: "asked"}
    assert listed(db, bella, "profile")[0]["retention"] == {"messages_days": 0, "messages_days_max": 0}
    assert listed(db, bella, "said") == [], "all that is seen is in messages"
    assert db.change("member_leave", bella, conversation_id=three.id)["outcome"] == 0
    left = [line.get("content") for line in listed(db, bella, "said")]
    assert f"{MARKER} 0" in left and f"{MARKER} of two" not in left and not any("deleted" in (text or "") for text in left)
    assert {line["state"] for line in listed(db, bella, "memberships")} == {"joined", "left"}


def a_file(db, user, **more):
    facts = {"id": new_id(), "user_id": str(user), "state": "complete", "purpose": "attachment", "kind": "file", "name": "a.txt", "type": "text/plain",
             "size": 10, "key": "k", "key_name": "n", "received": 10, "turn": 0, "parts": [], "moved": False, "made": 0,
             "created_at": "2026-01-01T00:00:00Z", **more}
    db.rows("INSERT INTO files SELECT (jsonb_populate_record(NULL::files, %s)).*", json.dumps(facts))
    return facts["id"]


def handed_out(db, export):
    """[(file, why not)] as the archive has them."""
    found, after = [], None
    while rows := db.rows("SELECT * FROM export_file(%s, %s)", export, after):
        row, = rows
        if not row["key"]:
            return None
        found.append((str(row["id"]), row["without"]))
        after = row["key"]
    return found


def test_which_files_have_bytes(db, two):
    alice, bella = two.users
    good = a_file(db, alice)
    why = {a_file(db, alice, **more): word for word, more in {
        "gone": {"state": "removed"}, "held": {"scan": "held"}, "infected": {"scan": "infected"}, "uploading": {"state": "uploading"},
        "error": {"state": "error"}, "elsewhere": {"state": "remote", "url": "https://example.org/x", "key": None, "key_name": None},
        "pending": {"state": "processing", "kind": "image"}}.items()}
    locked = a_file(db, alice, lock="digest")
    a_file(db, bella)
    export = account(db, alice)["result"]["id"]
    assert handed_out(db, export) is None, "not before it is made"
    done(db, export)
    assert of(db, export)["size"] == 20
    assert dict(handed_out(db, export)) == {good: None, locked: None, **why}
    assert {line["id"]: line.get("without") for line in listed(db, alice, "files")} == {good: None, locked: None, **why}
    a_file(db, alice, id="00000000-0000-7000-8000-000000000000", created_at="2036-01-01T00:00:00Z")
    assert dict(handed_out(db, export)) == {good: None, locked: None, **why}, "what came behind it is not in it, nor in the way"
    db.rows("UPDATE files SET state = 'removed' WHERE id = %s", good)
    assert dict(handed_out(db, export))[good] == "gone", "as things stand when it is fetched"
    db.change("export_cancel", alice, export_id=export)
    assert handed_out(db, export) is None


def test_files_of_a_conversation_are_those_that_are_seen_there(db, three):
    members_join(three)
    alice, bella, cleo = three.users

    def said(sender, *files):
        message, = db.store({"conversation": three.id, "sender": sender, "body": "see", "details": {"attachments": list(files)}})
        return message["id"]
    old, theirs, locked, mine, hidden, elsewhere = (a_file(db, user, **more) for user, more in (
        (bella, {}), (bella, {}), (bella, {"lock": "digest"}), (alice, {}), (bella, {}), (bella, {})))
    said(bella, old)
    db.rows("UPDATE members SET cleared_seq = (SELECT max(seq) FROM messages WHERE conversation_id = %s) WHERE conversation_id = %s AND user_id = %s",
            three.id, three.id, alice)
    said(bella, theirs, locked), said(alice, mine)
    db.rows("INSERT INTO attachments SELECT message_id, n + 5, file_id, conversation_id, seq, kind FROM attachments WHERE file_id = %s", theirs)
    db.change("message_delete", alice, message_id=said(bella, hidden), window=900, **{"for": "me"})
    export = ask(three)["result"]["id"]
    answer(three, 1, export), answer(three, 2, export), done(db, export)
    assert handed_out(db, export) == [(theirs, None), (locked, "locked"), (mine, None)], "each once, in their order"
    assert [line["id"] for line in listed(db, alice, "files", three.id)] == [theirs, locked, mine]
    assert listed(db, db.user("mallory"), "files", three.id) == []
    db.rows("UPDATE members SET state = 'left', left_seq = 0 WHERE conversation_id = %s AND user_id = %s", three.id, alice)
    assert handed_out(db, export) == [], "who is no member any more has the texts alone"


@pytest.mark.parametrize("name, wanted", [
    ("a.txt", "a.txt"), ("../../etc/passwd", "_.._etc_passwd"), ("C:\\x\\y.exe", "C__x_y.exe"), ("..", "file"), ("", "file"), ("x\u202egnp.exe", "x_gnp.exe"),
    ("Ä ö.pdf", "Ä ö.pdf"), (" . ", "file"), ("a\nb", "a_b"), ("y" * 300, "y" * 100)])
def test_names_are_no_paths(db, name, wanted):
    id = a_file(db, db.user("alice"), name=name)
    assert db.one("SELECT export_path(f) FROM files f WHERE f.id = %s", id) == f"files/{id}/{wanted}"


# ---- Conversations

def test_it_is_made_when_all_have_agreed(db, three):
    members_join(three)
    asked = ask(three)
    export = asked["result"]["id"]
    alice, bella, cleo = map(str, three.users)
    assert asked["result"]["state"] == "waiting" and {c["state"] for c in asked["result"]["consents"]} == {"asked"}
    assert told(asked) == sorted([("export.consent", "waiting", (bella,)), ("export.consent", "waiting", (cleo,))])
    assert ask(three, 1)["outcome"] == 3 and answer(three, 0, export)["outcome"] == 2
    assert json.loads(db.one("SELECT export_of_conversation(%s, %s)", bella, three.id))["id"] == export
    assert db.rows("SELECT export_of_conversation(%s, %s)", db.user("mallory"), three.id) == []
    assert answer(three, 1, export)["result"]["state"] == "waiting" and answer(three, 1, export)["outcome"] == 1
    last = answer(three, 2, export)
    assert last["result"]["state"] == "running" and told(last) == [("export.consent", "running", (alice,))]
    assert db.rows("SELECT key FROM jobs WHERE kind = 'export.run'") == [{"key": export}]


@pytest.mark.parametrize("when", ["waiting", "running", "ready"])
def test_whoever_does_not_agree_ends_it(db, two, when):
    export = ask(two)["result"]["id"]
    if when != "waiting":
        assert answer(two, 1, export)["result"]["state"] == "running"
        keep(db, export, (0, "a", "x"))
    if when == "ready":
        done(db, export)
    assert answer(two, 1, export, consent=False)["result"]["state"] == "refused"
    purge(db)
    assert db.rows("SELECT FROM export_parts") == db.rows("SELECT FROM jobs WHERE kind = 'export.run'") == []
    assert answer(two, 1, export)["outcome"] == 3 and ask(two)["outcome"] == 0


def test_what_cannot_be_made_has_failed(db, two):
    alice, bella = two.users
    export = account(db, alice)["result"]["id"]
    keep(db, export, (0, "a", "x"))
    failed = db.change("export_fail", None, export_id=export)
    assert told(failed) == [("export.failed", "failed", (str(alice),))] and db.change("export_fail", None, export_id=export)["outcome"] == 1
    purge(db)
    assert db.rows("SELECT FROM export_parts") == db.rows("SELECT FROM jobs WHERE kind = 'export.run'") == []
    assert of(db, export)["state"] == "failed" and account(db, alice)["outcome"] == 0, "another one can be asked for"
    staffs = db.change("export_user", None, user="bella", actor="boss")["result"]["id"]
    assert told(db.change("export_fail", None, export_id=staffs)) == [], "whom staff looks at is told nothing"


def test_the_link_is_for_whoever_asked(db, two):
    """It holds what that one sees, which may be more than the others do."""
    alice, bella = two.users
    export = ask(two)["result"]["id"]
    answer(two, 1, export)
    keep(db, export, (0, "a", "x"))
    done(db, export)
    assert json.loads(db.one("SELECT export_get(%s, %s)", alice, export))["url"]
    again = answer(two, 1, export)
    assert again["outcome"] == 1 and again["result"]["state"] == "ready" and again["result"]["url"] is None
    shown = [json.loads(row["shown"]) for row in db.rows(
        "SELECT export_event(%s, e) AS shown FROM events e WHERE e.type = 'export.consent' AND e.user_id = %s", bella, bella)]
    assert shown and all(x["url"] is None and x["size"] is None for x in shown)


def test_nobody_answers(db, two):
    export = ask(two)["result"]["id"]
    db.rows("UPDATE exports SET expires_at = now() WHERE id = %s", export)
    over = db.change("export_expire", None)
    assert told(over) == [("export.consent", "refused", (str(two.users[0]),))] and of(db, export)["state"] == "refused"
    db.rows("UPDATE exports SET expires_at = now()")
    assert db.change("export_expire", None)["result"] == {"more": False} and purge(db)
    assert db.rows("SELECT FROM exports") == []


def test_who_comes_meanwhile_is_asked_and_who_goes_is_not(db, three):
    members_join(three)
    bella, cleo = three.users[1:]
    export = ask(three)["result"]["id"]
    assert db.change("member_leave", cleo, conversation_id=three.id)["outcome"] == 0
    dora = db.user("dora")
    db.rows("INSERT INTO members (conversation_id, user_id, joined_at, state, kind, jid, number, grouped) SELECT conversation_id, %s, joined_at,"
            " 'joined', kind, 'dora@app.example.org', (SELECT number FROM users WHERE id = %s), grouped FROM members WHERE conversation_id = %s AND user_id = %s",
            dora, dora, three.id, bella)
    waiting = answer(three, 1, export)
    assert waiting["result"]["state"] == "waiting" and ("export.consent", "waiting", (str(dora),)) in told(waiting)
    three.users.append(dora)
    assert answer(three, 3, export)["result"]["state"] == "running"


def states(talk, export):
    row, = talk.db.rows("SELECT state, ARRAY(SELECT user_id::text || ' ' || c.state FROM export_consents c WHERE c.export_id = x.id ORDER BY 1)"
                        " AS consents FROM exports x WHERE id = %s", export)
    return row["state"], row["consents"]


@pytest.mark.parametrize("how", ["leaves", "is removed", "is banned", "is deleted"])
def test_the_last_who_was_asked_goes(db, three, how):
    members_join(three)
    alice, bella, cleo = three.users
    export = ask(three)["result"]["id"]
    assert answer(three, 1, export)["result"]["state"] == "waiting"
    db.rows("UPDATE members SET role = 'owner' WHERE conversation_id = %s AND user_id = %s", three.id, alice)
    if how == "leaves":
        gone = db.change("member_leave", cleo, conversation_id=three.id)
    elif how == "is deleted":
        db.change("users_delete", None, users=["cleo"])
        gone = db.change("user_unlink", None, user_id=str(cleo))
    else:
        gone = db.change("member_set" if how == "is banned" else "member_remove", alice, conversation_id=three.id, user_id=str(cleo),
                         **({"banned": True} if how == "is banned" else {}))
    assert gone["outcome"] == 0 and ("export.consent", "running", (str(alice),)) in told_of_exports(gone)
    assert states(three, export)[0] == "running" and db.rows("SELECT key FROM jobs WHERE kind = 'export.run'") == [{"key": export}]


def told_of_exports(done):
    return told({"events": [e for e in done["events"] or () if e["type"].startswith("export.")]})


def test_the_only_other_one_of_two_is_deleted(db, two):
    alice, bella = two.users
    export = ask(two)["result"]["id"]
    db.change("users_delete", None, users=["bella"])
    gone = db.change("user_unlink", None, user_id=str(bella))
    assert told_of_exports(gone) == [("export.consent", "running", (str(alice),))] and states(two, export) == ("running", [])


def test_whoever_comes_is_asked_at_once(db, three):
    members_join(three)
    alice, bella, cleo = three.users
    export = ask(three)["result"]["id"]
    db.rows("UPDATE members SET role = 'owner' WHERE conversation_id = %s AND user_id = %s", three.id, alice)
    dora = db.user("dora")
    db.opened(alice, reference=str(dora))
    came = db.change("members_add", alice, conversation_id=three.id, members=[{"user_id": str(dora)}])
    if db.one("SELECT state FROM members WHERE conversation_id = %s AND user_id = %s", three.id, dora) == "invited":
        came = db.change("member_accept", dora, conversation_id=three.id)
    assert ("export.consent", "waiting", (str(dora),)) in told_of_exports(came)
    assert f"{dora} asked" in states(three, export)[1]


@pytest.mark.parametrize("how", ["leaves", "ends it"])
def test_whoever_asked_is_no_member_any_more(db, three, how):
    members_join(three)
    alice, bella, cleo = three.users
    db.rows("UPDATE members SET role = 'owner' WHERE conversation_id = %s AND user_id IN (%s, %s)", three.id, alice, bella)
    export = ask(three)["result"]["id"]
    if how == "leaves":
        assert db.change("member_leave", alice, conversation_id=three.id)["outcome"] == 0
    else:
        assert db.change("group_destroy", bella, conversation_id=three.id)["outcome"] == 0
    assert states(three, export)[0] == "cancelled" and answer(three, 1, export)["outcome"] == 3
    assert account(db, alice)["outcome"] == 0, "another one can be asked for"


def test_people_elsewhere_cannot_be_asked(db):
    talk = Talk(db, "alice", jid="romeo@example.org")
    refused = ask(talk)
    assert refused["outcome"] == 3 and "cannot be asked" in refused["result"]["detail"]
    talk.users[0] = db.user("mallory")
    assert ask(talk)["outcome"] == 2
