# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits and deletions: who may, for how long, what is left of what was said, and who is shown what of an answer to it."""
import json

import pytest

from conftest import DOMAIN, new_id
from test_many import make
from test_reactions import Talk

ROMEO = "romeo@example.org"
HOUR = 3600


@pytest.fixture
def two(db):
    return Talk(db, "alice", "bella")


@pytest.fixture
def three(db):
    return Talk(db, "alice", "bella", "cleo")


@pytest.fixture
def romeo(db):
    return Talk(db, "alice", jid=ROMEO)


def edit(talk, user, text, message=None, window=900, stanza=None):
    return talk.db.change("message_edit", talk.users[user], message_id=message or talk.message, content=text, window=window,
                          stanza=stanza or new_id())


def delete(talk, user, message=None, whom="everyone", window=HOUR, **more):
    return talk.db.change("message_delete", talk.users[user], message_id=message or talk.message, window=window, stanza=new_id(),
                          **{"for": whom}, **more)


def seen(talk, user=0, message=None):
    """{ content, edited, deleted } as the user sees the message; None: does not."""
    row = talk.db.one("SELECT to_jsonb(message_get(%s, %s))", talk.users[user], message or talk.message)
    content = row and row["content"] or {}
    return row and {"content": row["body"], "edited": content.get("edited_at") is not None, "deleted": content.get("deleted_at") is not None}


def history(talk, user=0, message=None):
    found = talk.db.one("SELECT message_history(%s, %s)", talk.users[user], message or talk.message)
    return found and [item["content"] for item in json.loads(found)["items"]]


def age(talk, seconds, message=None):
    talk.db.rows("UPDATE messages SET created_at = created_at - make_interval(secs => %s) WHERE id = %s", seconds, message or talk.message)


def told(done):
    return [(event["type"], sorted(event["users"])) for event in done["events"] or ()]


def arrives(talk, name, id, sender=ROMEO, to="alice", **more):
    return talk.db.change(name, None, **{"from": sender}, to=f"{to}@{DOMAIN}", id=str(id), origin=new_id(), window=86400,
                          stanza=more.pop("stanza", new_id()),
                          came={"address": f"{sender}/phone", "id": "e1", "stanza": "<message/>"}, **more)


# ---- Edits

def test_an_edit_keeps_its_place_and_what_was_said(three):
    later = three.say("later", sender=1)
    done = edit(three, 0, "hi there")
    assert done["outcome"] == 0 and {type for type, _ in told(done)} == {"message.updated"}
    assert sorted(u for _, users in told(done) for u in users) == sorted(map(str, three.users))
    assert seen(three, 1) == {"content": "hi there", "edited": True, "deleted": False}
    assert history(three, 2) == ["hi", "hi there"] and edit(three, 0, "hi there")["outcome"] == 1
    assert [m["id"] for m in three.db.page(three.users[1], three.id)["items"]][-2:] == [three.message, later]
    assert edit(three, 0, "once more")["outcome"] == 0 and history(three) == ["hi", "hi there", "once more"]


@pytest.mark.parametrize("why, outcome", [("another's", 5), ("old", 5), ("deleted", 3), ("stranger", 2), ("100 times", 3), ("removed", 2),
                                          ("cleared", 2), ("poll", 3), ("failed", 3)])
def test_what_is_not_edited(three, why, outcome):
    user = {"another's": 1}.get(why, 0)
    if why == "old":
        age(three, 901)
    elif why == "deleted":
        delete(three, 0)
    elif why == "stranger":
        three.users[0] = three.db.user("mallory")
    elif why == "100 times":
        three.db.rows("INSERT INTO message_versions (message_id, version, wire, body, at) SELECT %s, n, n::text, n::text, now()"
                      " FROM generate_series(0, 100) n", three.message)
    elif why == "removed":
        three.db.rows("UPDATE members SET state = 'removed', left_seq = 1 WHERE user_id = %s", three.users[0])
    elif why == "cleared":
        three.db.rows("UPDATE members SET cleared_seq = 1 WHERE user_id = %s", three.users[0])
    elif why == "poll":
        three.db.rows("UPDATE messages SET kind = 'poll' WHERE id = %s", three.message)
    else:
        three.db.rows("UPDATE messages SET failed_condition = 'gone' WHERE id = %s AND %s = 'failed'", three.message, why)
    done = edit(three, user, "something else")
    assert done["outcome"] == outcome and not done["events"]


def test_the_window_is_the_servers(two):
    age(two, 899)
    assert edit(two, 0, "in time")["outcome"] == 0
    age(two, 2)
    assert edit(two, 0, "too late")["outcome"] == 5 and seen(two)["content"] == "in time"


def test_an_edit_may_not_say_what_a_message_may_not(three):
    db, (alice, bella, _) = three.db, three.users
    said = three.say("mine", sender=1)
    assert db.change("conversation_update", alice, conversation_id=three.id, settings={"moderation": {"filter": "links"}})["outcome"] == 0
    assert edit(three, 1, "see https://evil.example/", said)["outcome"] == 5
    assert edit(three, 1, "see nothing", said)["outcome"] == 0 and edit(three, 0, "see https://fine.example/")["outcome"] == 0
    db.change("conversation_update", alice, conversation_id=three.id, settings={"who_can_send": "admins_only"})
    assert edit(three, 1, "no more", said)["outcome"] == 5


def test_an_edit_by_xmpp_names_any_version(romeo):
    row, = romeo.db.receive({"sender": ROMEO, "to": f"alice@{DOMAIN}", "body": "one", "foreign_id": "first"})
    message = str(row["id"])
    assert arrives(romeo, "edit_arrived", "first", body="two", stanza="second")["outcome"] == 0
    assert arrives(romeo, "edit_arrived", "second", body="three", stanza="third")["outcome"] == 0
    assert seen(romeo, message=message)["content"] == "three" and history(romeo, message=message) == ["one", "two", "three"]
    assert arrives(romeo, "edit_arrived", "first", body="three", stanza="third")["outcome"] == 1 # it came twice
    # Nobody else's message, and none that is not there: those are messages of their own.
    assert arrives(romeo, "edit_arrived", romeo.message, body="I am alice")["outcome"] == 2
    assert arrives(romeo, "edit_arrived", "first", sender="tybalt@example.org", body="I am romeo")["outcome"] == 2
    assert arrives(romeo, "edit_arrived", "nothing", body="what")["outcome"] == 2
    age(romeo, 86401, message)
    assert arrives(romeo, "edit_arrived", "first", body="four")["outcome"] == 2 and seen(romeo, message=message)["content"] == "three"


# ---- Deletions

def test_what_is_deleted_is_nowhere(three):
    db, (alice, bella, cleo) = three.db, three.users
    said = three.say("the secret word", sender=1)
    answer, = db.store({"conversation": three.id, "sender": alice, "body": "what?", "details": {"reply_to": said}})
    edit(three, 1, "the secret words", said)
    three.react(2, "👍", message=said)
    db.change("star", cleo, message_id=said)
    db.rows("SELECT behind FROM search_index(500)")
    done = delete(three, 1, said)
    assert done["outcome"] == 0 and done["result"] == {"message_id": said, "deleted": "everyone"}
    assert {e["payload"]["reason"] for e in done["events"]} == {"sender"}
    assert seen(three, 0, said) == {"content": None, "edited": False, "deleted": True} and history(three, 0, said) == []
    db.rows("SELECT search_renew(64)")
    assert db.search(alice, "secret")["items"] == []
    tables = [row["table_name"] for row in db.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'")]
    kept = [name for name in tables if db.one(f"SELECT count(*) FROM {name} t WHERE t::text LIKE '%%the secret word%%'")]
    assert kept == ["removed_content"], "what moderators may still read"
    quote = db.one("SELECT to_jsonb((message_get(%s, %s)).content)", bella, answer["id"])["quote"]
    assert (quote["content"], quote["deleted"]) == (None, True)
    assert delete(three, 1, said)["outcome"] == 1 and not delete(three, 1, said)["events"]


@pytest.mark.parametrize("who, when, outcome", [(0, 0, 0), (0, HOUR + 1, 5), (1, 0, 5)])
def test_who_deletes_of_two(two, who, when, outcome):
    age(two, when)
    assert delete(two, who)["outcome"] == outcome


@pytest.mark.parametrize("right, outcome", [(["delete_messages"], 0), (["send_messages"], 5), ([], 5)])
def test_moderators_delete_always_and_others_never(three, right, outcome):
    said = three.say("rude", sender=2)
    age(three, 30 * 86400, said)
    three.db.change("member_set", three.users[0], conversation_id=three.id, user_id=three.users[1], permissions=right)
    done = delete(three, 1, said, reason="was rude")
    assert done["outcome"] == outcome
    if outcome == 0:
        assert {e["payload"]["reason"] for e in done["events"]} == {"moderator"}
        assert three.db.one("SELECT reason FROM removed_content") == "was rude"


def test_what_tells_what_happened_stays(three):
    three.db.change("conversation_update", three.users[0], conversation_id=three.id, name="new name")
    said = three.db.one("SELECT id FROM messages WHERE kind = 'system' ORDER BY seq DESC LIMIT 1")
    assert delete(three, 0, str(said))["outcome"] == 3


def test_for_oneself_it_is_told_once(three):
    done = delete(three, 1, whom="me")
    assert (done["outcome"], told(done)) == (0, [("message.deleted", [str(three.users[1])])])
    again = delete(three, 1, whom="me")
    assert (again["outcome"], again["events"]) in ((1, None), (2, None))
    assert seen(three, 1) is None and seen(three, 2)["content"] == "hi"


def test_a_retraction_by_a_stranger_is_a_message(romeo):
    row, = romeo.db.receive({"sender": ROMEO, "to": f"alice@{DOMAIN}", "body": "one", "foreign_id": "first"})
    for id, sender in (("first", "tybalt@example.org"), (romeo.message, ROMEO), ("nothing", ROMEO)):
        assert arrives(romeo, "retraction_arrived", id, sender=sender)["outcome"] == 2
    assert not seen(romeo, message=row["id"])["deleted"] and not seen(romeo)["deleted"]
    assert arrives(romeo, "retraction_arrived", "first")["outcome"] == 0 and seen(romeo, message=row["id"])["deleted"]
    assert arrives(romeo, "retraction_arrived", "first")["outcome"] == 1


def test_what_was_planned_goes_with_the_message(two):
    db, alice = two.db, two.users[0]
    done = db.change("scheduled_add", alice, id=new_id(), message_id=new_id(), conversation_id=two.id, content="the secret word",
                     client_id="c", scheduled_for="2099-01-01T00:00:00Z")
    assert done["outcome"] == 6
    done = db.change("scheduled_add", alice, id=new_id(), message_id=new_id(), conversation_id=two.id, content="the secret word",
                     client_id="c", scheduled_for=db.one("SELECT api_time(now() + interval '1 hour')"))
    planned = done["result"]["scheduled"]
    db.rows("UPDATE scheduled SET due_at = now() - interval '1 second'")
    assert db.change("scheduled_send", None, id=planned["id"], content_max=1000)["outcome"] == 0
    assert db.one("SELECT content FROM scheduled") == "the secret word"
    assert delete(two, 0, planned["message_id"])["outcome"] == 0
    assert db.one("SELECT content FROM scheduled") is None


# ---- Answers

def shown_to(db, name, user, /, **arguments):
    """What a change tells of messages, as text: { user: payload }."""
    row, = db.rows("SELECT outcome, events FROM change_apply(ARRAY[%s], ARRAY[%s]::uuid[], ARRAY[%s])", name, user, json.dumps(arguments))
    assert row["outcome"] == 0
    return {to: json.dumps(e["payload"]) for e in json.loads(row["events"]) if e["type"].startswith("message.") for to in e["users"]}


def quote(row):
    return row["content"]["quote"]


def test_a_quote_is_for_who_sees_what_it_quotes(db):
    """A new member of a group that hides what was said before is shown no part of that, in no view."""
    alice, bella = db.user("alice"), db.user("bella")
    group = make(db, alice, [bella], settings={"history": "hidden"})["result"]["conversation"]["id"]
    before, = db.store({"conversation": group, "sender": alice, "body": "the secret word"})
    cleo = db.user("cleo")
    assert db.change("members_add", alice, conversation_id=group, members=[{"user_id": cleo}], domain=DOMAIN)["outcome"] == 0
    answer, = db.store({"conversation": group, "sender": bella, "body": "yes", "details": {"reply_to": before["id"]}})
    stored = db.one("SELECT to_jsonb(message_get(%s, %s))", bella, answer["id"])
    assert quote(stored)["content"] == "the secret word"
    unseen = {"message_id": before["id"], "sender_id": None, "content": None, "message_type": "text", "deleted": True}
    assert quote(db.one("SELECT to_jsonb(message_get(%s, %s))", cleo, answer["id"])) == unseen
    rows = db.rows("SELECT to_jsonb(p) AS p FROM message_page(%s, %s, 50, NULL, NULL, NULL) p", cleo, group)
    assert "secret" not in json.dumps([row["p"] for row in rows])
    # Live: whom the daemon shows another quote; and by events of changes.
    again, = db.rows("SELECT to_jsonb(s.seen) AS seen FROM message_store(%s::uuid[], %s::uuid[], %s::uuid[], %s, NULL, %s::uuid[], true,"
                     " p_details => %s::jsonb[]) s", [new_id()], [group], [bella], ["again"], [new_id()],
                     [json.dumps({"reply_to": before["id"]})])
    assert again["seen"]["content"]["blind"] == [cleo] and quote(again["seen"])["content"] == "the secret word"
    shown = shown_to(db, "message_edit", bella, message_id=again["seen"]["id"], content="changed", window=900, stanza=new_id())
    assert "secret" not in shown[cleo] and "secret" in shown[alice] and "secret" in shown[bella]
    # What is planned is told by an event, too.
    planned = db.change("scheduled_add", bella, id=new_id(), message_id=new_id(), conversation_id=group, content="later",
                        details={"reply_to": before["id"]}, scheduled_for=db.one("SELECT api_time(now() + interval '1 hour')"))
    db.rows("UPDATE scheduled SET due_at = now() - interval '1 second'")
    shown = shown_to(db, "scheduled_send", None, id=planned["result"]["scheduled"]["id"], content_max=1000)
    assert sorted(shown) == sorted([alice, bella, cleo]) and "secret" not in shown[cleo] and "secret" in shown[alice]
    # To a room it is not quoted once somebody is in it who has not seen it.
    db.rows("SET trestle.rooms_domain = 'rooms.example.org'")

    def wired():
        return db.one("SELECT message_wire(m, c)->'reply' FROM messages m JOIN conversations c ON c.id = m.conversation_id"
                      " WHERE m.id = %s", answer["id"])

    assert wired()["quote"]["text"] == "the secret word"
    db.change("members_add", alice, conversation_id=group, members=[{"jid": ROMEO}], domain=DOMAIN)
    db.change("member_join", db.one("SELECT id FROM users WHERE jid = %s", ROMEO), conversation_id=group)
    assert wired()["id"] == before["id"] and "quote" not in wired()
    # Who has deleted it for oneself is not shown it again, either.
    db.change("message_delete", alice, message_id=before["id"], window=0, stanza=new_id(), **{"for": "me"})
    assert quote(db.one("SELECT to_jsonb(message_get(%s, %s))", alice, answer["id"])) == unseen
