# SPDX-License-Identifier: GPL-3.0-or-later
"""Erasing users: nothing that they said is anywhere in the database afterwards, and what others said is."""
import hashlib
import json

import pytest

from conftest import DOMAIN, new_id
from test_reactions import Talk

MARKER = "zwiebelkuchen"


@pytest.fixture
def three(db):
    return Talk(db, "alice", "bella", "cleo")


def erase(db, user, **more):
    return db.change("user_erase", None, user=str(user), reason="request 12", actor="boss", **more)


def run(db, user):
    """All steps, and what other jobs do behind them."""
    for _ in range(50):
        if not db.change("user_erase_step", None, user_id=str(user))["result"]["more"]:
            break
    while db.change("user_unlink", None, user_id=str(user))["result"]["more"]:
        pass
    db.rows("SELECT search_renew(64)")
    if files := [str(row["id"]) for row in db.rows("SELECT id FROM file_due(100)")]:
        db.rows("SELECT file_gone(%s::uuid[])", files)
    return shown(db, user)


def shown(db, user):
    return json.loads(db.one("SELECT erase_show(%s)", str(user)))


def where(db, *needles):
    """The columns of all tables in which one of the words stands, as text, in hexadecimal or as a digest of a whole value."""
    found = set()
    words = [form for word in needles for form in (word, word.encode().hex())]
    for row in db.rows("SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)"
                       " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND (data_type IN ('text', 'jsonb', 'json', 'bytea', 'ARRAY', 'uuid')"
                       " OR data_type LIKE 'character%%')"):
        table, column = row["table_name"], row["column_name"]
        if table not in ("schema_functions", "schema_migrations") and db.one(
                f'SELECT count(*) FROM "{table}" t WHERE lower(replace("{column}"::text, \'-\', \'\')) LIKE ANY (%s)',
                [f"%{word.lower()}%" for word in words]):
            found.add(f"{table}.{column}")
    return found


def fill(db, talk, who):
    """Says the marker by every way there is, as talk.users[who]."""
    user, other = talk.users[who], talk.users[who - 1]
    pair = db.conversation(user, reference=str(other))
    said = [talk.say(f"{MARKER} {n}", sender=who) for n in range(3)]
    db.store({"conversation": pair, "sender": user, "body": f"{MARKER} of two", "client_id": f"{MARKER}-1"})
    answer, = db.store({"conversation": talk.id, "sender": other, "body": "what?", "details": {"reply_to": said[0]}})
    db.store({"conversation": talk.id, "sender": user, "body": f"{MARKER} there", "details": {"thread_id": said[1]}})
    db.rows("UPDATE threads SET topic = %s WHERE id = %s", f"about {MARKER}", said[1])
    edited = talk.say("first", sender=who)
    for text in (f"{MARKER} edited", "harmless"):
        assert db.change("message_edit", user, message_id=edited, content=text, window=900, stanza=new_id())["outcome"] == 0
    gone = talk.say(f"{MARKER} deleted", sender=who)
    assert db.change("message_delete", user, message_id=gone, window=900, stanza=new_id(), **{"for": "everyone"})["outcome"] == 0
    poll, = db.store({"conversation": talk.id, "sender": user, "body": None, "details": {"type": "poll", "poll": {
        "question": f"{MARKER}?", "options": [MARKER, "b"], "multiple": False, "anonymous": False, "closes_at": None}}})
    db.change("vote", other, message_id=poll["id"], options=["1"])
    place, = db.store({"conversation": talk.id, "sender": user, "body": None, "details": {"type": "location", "location": {
        "latitude": 1, "longitude": 2, "label": MARKER}}})
    file = new_id()
    db.rows("INSERT INTO files (id, user_id, state, purpose, kind, name, type, size, key, key_name) VALUES"
            " (%s, %s, 'complete', 'attachment', 'file', %s, 'text/plain', 1, 'k', 'n')", file, user, f"{MARKER}.txt")
    held, = db.store({"conversation": talk.id, "sender": user, "body": f"see {MARKER}", "details": {"attachments": [file]}})
    for message in (*said, answer["id"], held["id"]):
        db.change("react", user, message_id=message, emoji="👍")
        db.change("star", other, message_id=message)
    db.change("translation_put", other, message_id=said[0], version=0, language="de", content=f"{MARKER} auf Deutsch", source="en", provider="p")
    assert db.change("scheduled_add", user, id=new_id(), message_id=new_id(), conversation_id=talk.id, content=f"{MARKER} later",
                     scheduled_for=db.one("SELECT api_time(now() + interval '1 hour')"))["outcome"] == 0
    db.rows("UPDATE members SET draft = %s WHERE user_id = %s", json.dumps({"content": MARKER}), user)
    db.change("report", other, message_id=said[2], reason="spam", comment=f"{MARKER} is rude")
    db.change("report", user, message_id=answer["id"], reason="spam", comment=f"I say {MARKER}")
    db.change("report", talk.users[who - 2], message_id=answer["id"], reason="other", comment="look at this")
    db.change("moderation_act", None, type="warn", user=str(user), reason=f"said {MARKER}", actor="boss")
    db.rows("INSERT INTO spam_checks (id, at, sender, recipient, conversation_id, confidence, reasons, action, source, body)"
            " VALUES (gen_random_uuid(), now(), %s, %s, %s, 90, '{x}', 'block', 'checks', %s)", user, other, pair, MARKER)
    export = db.change("export_account", other, id=new_id())["result"]["id"]
    db.one("SELECT export_keep(%s, 1, %s)", export, json.dumps([{"n": 0, "file": "messages.jsonl", "content": MARKER}]))
    db.change("export_done", None, export_id=export)
    db.rows("INSERT INTO past_nicks (conversation_id, user_id, upto, nick) VALUES (%s, %s, 1, %s)", talk.id, user, MARKER)
    db.rows("UPDATE users SET name = %s, bio = %s WHERE id = %s", f"{MARKER} name", f"{MARKER} bio", user)
    db.rows("SELECT behind FROM search_index(500)")
    return said, answer["id"]


def members_join(talk):
    talk.db.rows("UPDATE members SET state = 'joined' WHERE conversation_id = %s", talk.id)


def test_nothing_is_left_of_what_they_said(db, three):
    members_join(three)
    alice, bella, cleo = three.users
    said, answer = fill(db, three, 1)
    digests = [hashlib.md5(f"{MARKER} {n}".encode()).hexdigest() for n in range(3)]
    before = where(db, MARKER)
    assert not {"messages.body", "messages.details", "message_versions.body", "removed_content.content", "threads.topic", "files.name",
            "scheduled.content", "members.draft", "reports.evidence", "reports.comment", "moderation_actions.reason", "spam_checks.body",
            "translations.content", "export_parts.content", "past_nicks.nick", "users.name", "users.bio", "messages.client_id"} - before
    counts = erase(db, bella, dry_run=True)["result"]["counts"]
    assert counts == {**counts, "messages": 9, "removed_messages": 1, "files": 1, "reactions": 5, "votes": 0, "reports": 2, "actions": 1,
                      "scheduled": 1, "conversations": 2, "exports": 0, "conversations_held": 0}
    assert where(db, MARKER) == before and shown(db, bella)["state"] is None, "nothing was done"
    asked = erase(db, bella)
    assert asked["outcome"] == 0 and asked["result"]["state"] == "running" and asked["result"]["deleted_at"]
    assert erase(db, bella)["outcome"] == 1
    done = run(db, bella)
    assert done["state"] == "done" and done["erased"]["messages"] == 9 and done["counts"]["messages"] == done["counts"]["reactions"] == 0
    assert where(db, MARKER, *digests) == set()
    items = {m["id"]: m for m in db.page(alice, three.id)["items"]}
    assert items[answer]["content"] == "what?" and items[said[0]]["content"] is None and three.seen(0, answer) == []
    assert db.one("SELECT count(*) FROM reports") == 1, "what others reported of others, without what they said"
    assert where(db, str(bella).replace("-", "")) >= {"messages.sender_id"}, "places in the order stay"
    assert [x["state"] for x in json.loads(db.one("SELECT export_list(%s, 9, NULL)", alice))["items"]] == ["cancelled"]
    assert db.search(alice, MARKER)["items"] == []


def test_who_lives_elsewhere(db):
    talk = Talk(db, "alice", jid="romeo@example.org")
    romeo = db.one("SELECT id FROM users WHERE jid = 'romeo@example.org'")
    db.receive({"sender": "romeo@example.org", "to": f"alice@{DOMAIN}", "body": f"{MARKER} by XMPP", "foreign_id": "f1"})
    assert where(db, MARKER)
    assert erase(db, "romeo@example.org")["outcome"] == 0 and run(db, romeo)["state"] == "done"
    assert where(db, MARKER) == set() and db.one("SELECT jid FROM users WHERE id = %s", romeo) == "romeo@example.org"
    assert [m["content"] for m in db.page(talk.users[0], talk.id)["items"]] == ["hi", None]


def test_a_legal_hold_forbids_it(db, three):
    members_join(three)
    bella = three.users[1]
    fill(db, three, 1)
    db.change("hold", None, user=str(bella), reason="case 7")
    refused = erase(db, bella)
    assert refused["outcome"] == 3 and "hold" in refused["result"]["detail"]
    assert erase(db, bella, dry_run=True)["result"]["held"] is True
    db.change("hold_release", None, user=str(bella))
    erase(db, bella)
    db.change("hold", None, user=str(bella), reason="case 8")
    assert run(db, bella)["state"] == "running" and "messages.body" in where(db, MARKER), "in the midst of it"
    db.rows("DELETE FROM jobs WHERE kind = 'user.erase'")
    db.change("hold_release", None, user=str(bella))
    assert db.rows("SELECT FROM jobs WHERE kind = 'user.erase'") and run(db, bella)["state"] == "done"
    assert where(db, MARKER) == set()


def test_what_others_holds_keep_is_for_staff_alone(db, three):
    members_join(three)
    alice, bella, cleo = three.users
    said = three.say(f"{MARKER} to cleo", sender=1)
    db.change("hold", None, user=str(cleo), reason="case 7")
    assert erase(db, bella, dry_run=True)["result"]["counts"]["conversations_held"] == 1
    erase(db, bella), run(db, bella)
    assert where(db, MARKER) == {"removed_content.content"}
    assert db.change("moderation_read", None, message_id=said)["result"]["content"] == f"{MARKER} to cleo"
    db.change("hold_release", None, user=str(cleo))
    db.rows("SELECT reap_removed(0, 100)")
    assert where(db, MARKER) == set()


def test_in_pieces_and_once_more(db, three):
    members_join(three)
    bella = three.users[1]
    db.store(*[{"conversation": three.id, "sender": bella, "body": f"{MARKER} {n}"} for n in range(150)])
    erase(db, bella)
    assert db.change("user_erase_step", None, user_id=str(bella))["result"]["more"] is True
    assert "messages.body" in where(db, MARKER)
    assert run(db, bella)["state"] == "done" and where(db, MARKER) == set()
    assert db.change("user_erase_step", None, user_id=str(bella))["outcome"] == 1
    again = erase(db, str(bella))
    assert again["outcome"] == 0 and run(db, bella)["erased"]["messages"] == 0, "whoever was deleted can be erased"


def test_of_however_many_reports(db, three):
    """Reports about others, in which it is evidence, are more than one step looks at."""
    members_join(three)
    alice, bella, cleo = three.users
    three.say(f"{MARKER} beside", sender=1)
    said = three.say("rude", sender=2)
    db.change("report", alice, message_id=said, reason="other")
    assert "reports.evidence" in where(db, MARKER)
    db.rows("INSERT INTO reports SELECT (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(), 'state', 'dismissed'))).*"
            " FROM reports r, generate_series(1, 120)")
    erase(db, bella)
    assert run(db, bella)["state"] == "done" and where(db, MARKER) == set()


def test_nobody_erases_themselves_or_nobody(db):
    alice = db.user("alice")
    assert db.change("user_erase", alice, user=str(alice), reason="x")["outcome"] == 3
    assert erase(db, "nobody")["outcome"] == 2 and db.rows("SELECT erase_show('nobody')") == []
