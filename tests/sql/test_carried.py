# SPDX-License-Identifier: GPL-3.0-or-later
"""Polls, places, mentions and timers of messages: who may, what all see of it, what goes out and what comes in."""
import datetime
import json

import pytest

from conftest import DOMAIN, new_id
from test_reactions import Talk

ROMEO = "romeo@example.org"
LUNCH = {"question": "Lunch?", "options": ["Noon", "One", "Late"], "multiple": False, "anonymous": False, "closes_at": None}
BERLIN = {"lat": 52.52, "lon": 13.405}


def ahead(**delta):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def say(talk, details, body=None, user=0):
    row, = talk.db.store({"conversation": talk.id, "sender": talk.users[user], "body": body, "details": details})
    return row


def poll(talk, user=0, **more):
    row = say(talk, {"type": "poll", "poll": {**LUNCH, **more}}, user=user)
    assert row["outcome"] == 0
    return str(row["id"])


def seen(talk, message, user=0):
    return talk.db.one("SELECT (message_get(%s, %s)).metadata", talk.users[user], message)


def result(talk, message, user=0):
    shown = seen(talk, message, user)["poll"]
    return [o["votes"] for o in shown["options"]], [o["id"] for o in shown["options"] if o["me"]], shown["voters"], shown["closed"]


def vote(talk, user, message, *options, on=None):
    return talk.db.change("vote", talk.users[user], message_id=message, options=list(options) or None, on=on)


def told(done):
    return [(event["type"], sorted(event["users"])) for event in done["events"] or ()]


def meet(db, kind):
    """What is due of that kind happens, whenever it was to be."""
    db.rows("UPDATE deadlines SET due_at = now() - interval '1 second' WHERE kind = %s", kind)
    return [db.change("deadline_meet", None, key=row["key"]) for row in db.rows("SELECT * FROM deadline_due(100)")
            if row["key"].startswith(kind)]


def pause(db):
    """All were told long ago."""
    db.rows("UPDATE retold SET at = at - interval '1 minute'")


@pytest.fixture
def two(db):
    return Talk(db, "alice", "bella")


@pytest.fixture
def three(db):
    return Talk(db, "alice", "bella", "cleo")


@pytest.fixture
def romeo(db):
    return Talk(db, "alice", jid=ROMEO)


# ---- Polls

def test_votes_are_counted_and_the_last_word_counts(db, three):
    message = poll(three)
    shown = seen(three, message)["poll"]
    assert shown["options"][0] == {"id": 1, "text": "Noon", "votes": 0, "users": [], "me": False}
    assert {key: shown[key] for key in ("question", "multiple", "anonymous", "closes_at", "voters", "closed")} == {
        "question": "Lunch?", "multiple": False, "anonymous": False, "closes_at": None, "voters": 0, "closed": False}
    done = vote(three, 1, message, 2)
    assert done["outcome"] == 0 and result(three, message, 1) == ([0, 1, 0], [2], 1, False)
    assert done["result"]["metadata"]["poll"]["options"][1]["users"] == [str(three.users[1])]
    pause(db)
    vote(three, 2, message, 2)
    pause(db)
    vote(three, 1, message, 3)
    assert result(three, message, 0) == ([0, 1, 1], [], 2, False)
    assert vote(three, 1, message, 3)["outcome"] == 1
    pause(db)
    assert vote(three, 1, message)["outcome"] == 0 and result(three, message, 1) == ([0, 1, 0], [], 1, False)
    assert vote(three, 1, message)["outcome"] == 1
    item = db.page(three.users[2], three.id)["items"][-1]
    assert (item["message_type"], item["content"], item["metadata"]) == ("poll", None, seen(three, message, 2))


def listed(talk, user=0, state=None, limit=50, before=None):
    """Their ids, and next; None: there is no such conversation."""
    rows = talk.db.rows("SELECT (message).id AS id, more, next FROM poll_page(%s, %s, %s, %s, %s)",
                        talk.users[user], talk.id, state, limit, before)
    assert not rows or rows[0]["more"] == (rows[0]["next"] is not None)
    return ([str(row["id"]) for row in rows[1:]], rows[0]["next"]) if rows else None


def test_polls_are_found_again(db, three):
    say(three, {"type": "location", "location": BERLIN})
    first, second, third = poll(three), poll(three, user=1), poll(three)
    assert listed(three, 2) == ([third, second, first], None)
    db.change("poll_close", three.users[1], message_id=second)
    assert listed(three, 2, "open") == ([third, first], None) and listed(three, 2, "closed") == ([second], None)
    assert listed(three, 2, limit=2)[0] == [third, second] and listed(three, 2, limit=2, before=int(listed(three, 2, limit=2)[1])) == ([first], None)
    db.change("message_delete", three.users[0], message_id=third, **{"for": "all"})
    assert listed(three, 2) == ([second, first], None)
    db.rows("UPDATE members SET cleared_seq = 3 WHERE user_id = %s", three.users[2])
    assert listed(three, 2) == ([second], None) and listed(three) == ([second, first], None)
    assert db.rows("SELECT FROM poll_page(%s, %s, NULL, 9, NULL)", db.user("dora"), three.id) == []


def test_several_where_several_may_be(db, two):
    message = poll(two, multiple=True)
    assert vote(two, 1, message, 3, 1, 1)["outcome"] == 0 and result(two, message, 1) == ([1, 0, 1], [1, 3], 1, False)
    single = poll(two)
    for options in ((1, 2), (4,), (0,), (-1,), (1, 99)):
        done = vote(two, 1, single, *options)
        assert (done["outcome"], done["result"]["pointer"], done["events"]) == (6, "/options", None)


def test_who_votes_is_told_at_once_and_all_others_once_a_second(db, three):
    message = poll(three)
    three.react(2, "👍", message=message)
    for user, kind in ((1, "delivered"), (2, "read")):
        db.mark(kind, three.users[user], conversation=three.id)
    first = vote(three, 1, message, 1)
    assert told(first) == [*[("message.updated", [u]) for u in sorted(map(str, three.users), key=lambda u: [
        e["users"][0] for e in first["events"]].index(u))], ("message.updated", [str(three.users[1])])]
    for event in first["events"]:  # each sees what is his or hers
        mine = [o["id"] for o in event["payload"]["metadata"]["poll"]["options"] if o["me"]]
        assert mine == ([1] if event["users"] == [str(three.users[1])] else [])
        seen_now = db.message(event["users"][0], message)
        assert {**event["payload"], "metadata": None} == {**seen_now, "metadata": None}
        assert event["payload"]["metadata"] == seen_now["metadata"]
    second = vote(three, 2, message, 2)
    assert told(second) == [("message.updated", [str(three.users[2])])]
    assert vote(three, 0, message, 2)["outcome"] == 0
    assert result(three, message)[0] == [1, 0, 0]  # as all were told
    assert [o["votes"] for o in second["result"]["metadata"]["poll"]["options"]] == [1, 1, 0]  # but who votes sees it counted
    done, = meet(db, "retell")
    assert len(told(done)) == 3 and result(three, message)[0] == [1, 2, 0]
    assert meet(db, "retell") == []


def test_of_an_anonymous_one_nobody_learns_who(db, three):
    message = poll(three, anonymous=True)
    done = vote(three, 1, message, 1)
    assert "users" not in json.dumps(seen(three, message, 0)["poll"])
    others = [json.dumps(e["payload"]["metadata"]) for e in done["events"] if e["users"] != [str(three.users[1])]]
    assert others and all(str(three.users[1]) not in text and '"me": true' not in text for text in others)


def test_closed_by_its_author_by_time_and_by_moderators(db, three):
    message = poll(three, user=1)
    assert db.change("poll_close", three.users[2], message_id=message)["outcome"] == 5
    vote(three, 2, message, 2)
    done = db.change("poll_close", three.users[1], message_id=message)
    assert done["outcome"] == 0 and done["result"]["metadata"]["poll"]["closed"] and len(told(done)) == 3
    assert db.change("poll_close", three.users[1], message_id=message)["outcome"] == 1
    for options in ((1,), ()):
        assert vote(three, 0, message, *options)["outcome"] == 3
    assert result(three, message) == ([0, 1, 0], [], 1, True)
    other = poll(three, user=1)
    assert db.change("poll_close", three.users[0], message_id=other)["outcome"] == 0  # the owner
    timed = poll(three, closes_at=ahead(hours=1))
    assert db.one("SELECT due_at FROM deadlines WHERE kind = 'poll'").isoformat()[:19] == seen(three, timed)["poll"]["closes_at"][:19]
    assert meet(db, "poll")[0]["outcome"] == 0 and result(three, timed)[3] is True


def test_what_is_no_poll_and_who_sees_none(db, two):
    plain, stranger = two.message, db.user("mallory")
    assert vote(two, 0, plain, 1)["outcome"] == 3 and db.change("poll_close", two.users[0], message_id=plain)["outcome"] == 3
    message = poll(two)
    for user, id in ((stranger, message), (two.users[0], new_id())):
        for name in ("vote", "poll_close"):
            done = db.change(name, user, message_id=id, options=[1])
            assert (done["outcome"], done["result"]) == (2, None)
    two.say("back", sender=1)
    db.change("block", two.users[1], user_id=str(two.users[0]))
    assert vote(two, 0, message, 1)["outcome"] == 4 and vote(two, 1, message, 1)["outcome"] == 3


@pytest.mark.parametrize("at", ["2020-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
def test_when_a_poll_cannot_close(db, two, at):
    row = say(two, {"type": "poll", "poll": {**LUNCH, "closes_at": at}})
    assert (row["outcome"], json.loads(row["refusal"])["pointer"]) == (6, "/poll")


def test_a_thousand_votes_are_told_a_few_times(db, two):
    message = poll(two)
    voters = [db.user(f"v{n}") for n in range(200)]
    db.rows("INSERT INTO members (conversation_id, user_id, joined_at, kind, jid, number) SELECT %s, id, now(), kind, jid, number"
            " FROM users WHERE id = ANY (%s::uuid[])", two.id, voters)
    before = db.head()
    for n in range(1000):
        db.change("vote", voters[n % 200], message_id=message, options=[1 + n % 3])
    shared = db.one("SELECT count(*) FROM events WHERE position > %s AND audience = 'members'", before)
    assert shared <= 60 and db.one("SELECT count(*) FROM votes") == 200  # one, but on a slow machine
    meet(db, "retell")
    assert sum(result(two, message)[0]) == 200


def answered(db, to, text, message, sender=ROMEO):
    row, = db.receive({"to": f"alice@{DOMAIN}", "sender": sender, "body": text, "details": {"reply": {"id": message}}})
    return row


@pytest.mark.parametrize("text, wanted", [("2", [2]), (" 2.\n", [2]), ("#3", [3]), ("one", [2]), ("LATE", [3]), ("4", []), ("0", []),
                                          ("1, 2", []), ("I would say 2", []), ("2" * 400, []), ("Noon?", [])])
def test_an_answer_by_xmpp_is_a_vote_and_stays_a_message(db, romeo, text, wanted):
    message = poll(romeo)
    row = answered(db, romeo, text, message)
    assert row["outcome"] == 0 and db.page(romeo.users[0], romeo.id)["items"][-1]["content"] == text
    votes, _, voters, _ = result(romeo, message)
    assert [n + 1 for n, count in enumerate(votes) if count] == wanted and voters == len(wanted)
    events = json.loads(row["events"]) if row["events"] else []
    assert [e["type"] for e in events if e["users"]] == ["message.updated"] * bool(wanted)


def test_several_numbers_and_the_last_answer(db, romeo):
    message = poll(romeo, multiple=True)
    answered(db, romeo, "1, 3", message)
    pause(db)
    assert result(romeo, message)[0] == [1, 0, 1]
    answered(db, romeo, "2 & 3", message)
    assert result(romeo, message)[0] == [0, 1, 1]
    db.change("poll_close", romeo.users[0], message_id=message)
    answered(db, romeo, "1", message)
    assert result(romeo, message)[0] == [0, 1, 1]


def test_keycaps_are_votes(db, romeo):
    message = poll(romeo)

    def react(*emoji):
        pause(db)
        return db.change("reactions_arrived", None, **{"from": ROMEO, "to": f"alice@{DOMAIN}", "id": message, "origin": new_id(),
                                                       "emoji": list(emoji), "came": {"address": f"{ROMEO}/x", "id": "r", "stanza": "<m/>"}})
    react("2️⃣")
    assert result(romeo, message)[0] == [0, 1, 0]
    react("2️⃣", "3⃣")  # only one counts: the one that came
    assert result(romeo, message)[0] == [0, 0, 1]
    react("👍")
    assert result(romeo, message)[0] == [0, 0, 0]
    react("9️⃣", "👍")
    assert result(romeo, message)[0] == [0, 0, 0]


def test_what_it_came_to_goes_to_xmpp_as_an_edit_at_the_end(db, romeo):
    message = poll(romeo)
    sent, = [row for row in db.outbox() if str(row["message_id"]) == message]
    wire = json.loads(sent["payload"])
    assert sent["kind"] == "content" and wire["poll"]["question"] == "Lunch?" and "votes" not in wire["poll"]
    vote(romeo, 0, message, 1)
    assert len(db.outbox()) == len([row for row in db.outbox() if row["kind"] != "edit"])
    done = db.change("poll_close", romeo.users[0], message_id=message)
    edit, = [row for row in db.outbox() if row["kind"] == "edit"]
    wire = json.loads(edit["payload"])
    assert wire["poll"]["votes"] == [1, 0, 0] and wire["replace"] == {"id": message} and wire["id"] == edit["reference"] != message
    assert done["follows"]["outbox"] == edit["position"]


# ---- Places

def share(talk, user=0, **more):
    row = say(talk, {"type": "location", "location": {**BERLIN, **more}}, user=user)
    return row


def test_a_place_is_shown_and_moves_while_it_is_live(db, two):
    fixed = str(share(two, label="Alexanderplatz")["id"])
    assert seen(two, fixed)["location"] == {**BERLIN, "label": "Alexanderplatz", "live": False}
    message = str(share(two, live_until=ahead(hours=1), accuracy=5)["id"])
    assert seen(two, message)["location"]["live"] is True
    move = lambda user, id, **more: db.change("location_move", two.users[user], message_id=id, location={"lat": 1, "lon": 2, **more})
    done = move(0, message)
    assert done["outcome"] == 0 and len(told(done)) == 2
    shown = seen(two, message, 1)["location"]
    assert (shown["lat"], shown["lon"], shown["live"], shown.get("accuracy")) == (1, 2, True, None) and shown["moved_at"]
    assert told(move(0, message, accuracy=3)) == []  # once in five seconds
    assert seen(two, message, 1)["location"]["accuracy"] == 3
    assert len(told(meet(db, "retell")[0])) == 2
    assert move(1, message)["outcome"] == 5 and move(0, fixed)["outcome"] == 3 and move(0, two.message)["outcome"] == 3
    assert move(0, new_id())["outcome"] == 2


def test_it_stops_when_it_is_time_or_asked_to(db, romeo):
    for end in ("asked", "time"):
        message = str(share(romeo, live_until=ahead(hours=1))["id"])
        done = (db.change("location_stop", romeo.users[0], message_id=message) if end == "asked" else meet(db, "location")[0])
        assert done["outcome"] == 0 and told(done) and seen(romeo, message)["location"]["live"] is False
        assert [row["kind"] for row in db.outbox() if str(row["message_id"]) == message] == ["content", "edit"]
        assert db.change("location_move", romeo.users[0], message_id=message, location=BERLIN)["outcome"] == 3
        assert db.rows("SELECT FROM deadlines WHERE kind = 'location'") == []
    assert db.change("location_stop", romeo.users[0], message_id=message)["outcome"] == (1 if end == "asked" else 1)


@pytest.mark.parametrize("until", [ahead(hours=-1), ahead(hours=25), "9999-01-01T00:00:00.000Z"],
                         ids=["over", "too late", "never"])
def test_when_it_cannot_be_live(db, two, until):
    row = share(two, live_until=until)
    assert (row["outcome"], json.loads(row["refusal"])["pointer"]) == (6, "/location")


def test_a_place_that_is_forwarded_is_where_somebody_was(db, two, three):
    row = say(two, {"type": "location", "location": {**BERLIN, "live_until": ahead(hours=1)}})
    assert forward(two, row["id"]) == 0
    shown = db.one("SELECT (message_get(%s, id)).metadata FROM messages WHERE forward_count = 1", two.users[0])["location"]
    assert (shown["lat"], shown["live"]) == (BERLIN["lat"], False) and "live_until" not in shown
    assert db.one("SELECT count(*) FROM deadlines WHERE kind = 'location'") == 1


@pytest.mark.parametrize("setting, contact, outcome", [("everyone", False, 0), ("contacts", False, 5), ("contacts", True, 0), ("nobody", True, 5)])
def test_to_whom_a_place_may_be_sent(db, two, setting, contact, outcome):
    live = str(share(two, live_until=ahead(hours=1))["id"])
    db.change("privacy", two.users[0], location=setting)
    if contact:
        db.rows("INSERT INTO contacts (user_id, peer, to_peer) VALUES (%s, %s, true)", two.users[0], f"bella@{DOMAIN}")
    assert share(two)["outcome"] == outcome and share(two, user=1)["outcome"] == 0
    assert db.change("location_move", two.users[0], message_id=live, location=BERLIN)["outcome"] == outcome
    assert json.loads(db.one("SELECT privacy_get(%s)", two.users[0]))["location"] == setting


def test_a_place_that_comes(db, romeo):
    db.rows("UPDATE users SET privacy_location = 'nobody'")
    for body, alone, content in (("geo:52.52,13.405", True, None), ("Here", False, "Here")):
        row, = db.receive({"to": f"alice@{DOMAIN}", "sender": ROMEO, "body": body, "foreign_id": new_id(),
                           "details": {"location": {**BERLIN, "alone": alone}}})
        item = db.page(romeo.users[0], romeo.id)["items"][-1]
        assert row["outcome"] == 0 and (item["message_type"], item["content"]) == ("location", content)
        assert item["metadata"]["location"] == {**BERLIN, "live": False}


# ---- Mentions

def mention(talk, *mentions, body="@Bella and @Cleo, all of you", user=0):
    return say(talk, {"mentions": [{"user_id": u if isinstance(u, str) else str(talk.users[u]), "start": s, "end": e}
                                   for u, s, e in mentions]}, body=body, user=user)


def count(talk, user):
    return talk.db.get(talk.users[user], talk.id)["unread_mentions"]


def test_who_is_mentioned_has_it_counted_until_it_is_read(db, three):
    row = mention(three, (1, 0, 6))
    assert row["outcome"] == 0
    shown = db.one("SELECT ((message_get(%s, %s)).content).mentions", three.users[2], row["id"])
    assert shown == [{"user_id": str(three.users[1]), "start": 0, "end": 6}]
    assert [count(three, n) for n in range(3)] == [0, 1, 0]
    assert mention(three, ("all", 18, 28))["outcome"] == 0
    assert [count(three, n) for n in range(3)] == [0, 2, 1]
    assert db.conversations(three.users[1])["items"][0]["unread_mentions"] == 2
    db.mark("read", three.users[1], conversation=three.id)
    assert count(three, 1) == 0
    mention(three, (0, 0, 1), user=0)  # oneself
    assert count(three, 0) == 0


def test_whom_nobody_mentions(db, three, two):
    stranger = str(db.user("mallory"))
    for whom in (stranger, new_id()):
        row = mention(three, (whom, 0, 6))
        assert (row["outcome"], json.loads(row["refusal"])["pointer"]) == (6, "/mentions/0")
    assert mention(three, (1, 0, 1), ("all", 1, 2), user=1)["outcome"] == 5  # members do not shout
    assert mention(two, ("all", 1, 2))["outcome"] == 5
    assert mention(two, (1, 0, 6))["outcome"] == 0 and count(two, 1) == 0  # of two, all are meant


def test_mentions_on_the_wire_and_from_there(db, romeo):
    id = str(db.one("SELECT id FROM users WHERE jid = %s", ROMEO))
    row = mention(romeo, (id, 0, 6), body="@Romeo hi")
    wire = db.one("SELECT message_wire(m, c) FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.id = %s", row["id"])
    assert wire["mentions"] == [{"start": 0, "end": 6, "jid": ROMEO}]
    alice = f"alice@{DOMAIN}"
    for body, text, list_, wanted in (
            ("Alice!", "Alice!", [{"jid": alice, "start": 0, "end": 5}], [(0, 5)]),
            ("> quoted\nAlice!", "Alice!", [{"jid": alice, "start": 9, "end": 14}, {"jid": alice, "start": 2, "end": 6}], [(0, 5)]),
            ("Alice!", "Alice!", [{"jid": alice, "start": 3, "end": 4000000000}], [(3, 6)]),
            ("Alice!", "Alice!", [{"jid": alice, "start": 4000000000, "end": 4000000001}], None),
            ("Alice!", "Alice!", [{"jid": "bob@x.example", "start": 0, "end": 5}, {"all": True, "start": 0, "end": 2}], None)):
        got = db.one("SELECT mention_arrived(c, %s, %s, %s) FROM conversations c WHERE c.id = %s", id,
                     json.dumps({"body": body, "list": list_}), text, romeo.id)
        assert (got and [(m["start"], m["end"]) for m in got]) == wanted
        assert not got or {m["user_id"] for m in got} == {str(romeo.users[0])}


def test_in_a_room_names_are_mentions(db, three):
    for user, nick in zip(three.users, ("Ann", "Bo B", "Zoë")):
        db.rows("INSERT INTO nicks (conversation_id, user_id, nick, key, occupant) VALUES (%s, %s, %s, %s, %s)", three.id, user, nick,
                nick, f"o-{nick}")
    arrived = lambda body, list_=(): db.one("SELECT mention_arrived(c, %s, %s, %s) FROM conversations c WHERE c.id = %s", three.users[1],
                                            json.dumps({"body": body, "list": list(list_)}), body, three.id)
    users = lambda body, *list_: [str(m["user_id"]) for m in arrived(body, list_) or ()]
    alice, bella, cleo = map(str, three.users)
    assert users("ann: look") == [alice] and users("Annika, look") == [] and users("Joann") == []
    assert users("hi bo b, zoë!") == [bella, cleo] and users("@Zoë") == [cleo]
    assert users("Ann", {"occupant": "o-Ann", "start": 0, "end": 3}) == [alice]
    assert users("You there", {"nick": "Zoë", "start": 0, "end": 3}) == [cleo]
    assert users("all", {"all": True, "start": 0, "end": 3}) == []  # not a moderator's
    assert len(arrived("Ann " * 100, [{"nick": "Ann", "start": n, "end": n + 3} for n in range(0, 400, 4)])) == 50


# ---- Timers

def timer(talk, seconds, user=0):
    return talk.db.change("conversation_update", talk.users[user], conversation_id=talk.id, disappearing_seconds=seconds)


def forward(talk, message, user=0):
    return talk.db.change("message_forward", talk.users[user], message_id=message, conversation_ids=[talk.id],
                          ids=[new_id()], client_id=None, limited=False)["outcome"]


def expires(talk, message, user=0):
    return talk.db.one("SELECT ((message_get(%s, %s)).content).expires_at", talk.users[user], message)


def at(db, message, **delta):
    """As if the message had been sent that long ago; what is due of it happens."""
    db.rows("UPDATE messages SET created_at = now() - %s WHERE id = %s", datetime.timedelta(**delta), message)
    db.rows("UPDATE marks SET at = now() - %s WHERE kind = 'read'", datetime.timedelta(**delta) / 2)
    db.rows("UPDATE deadlines SET due_at = now() WHERE message_id = %s", message)
    done = [db.change("deadline_meet", None, key=row["key"]) for row in db.rows("SELECT * FROM deadline_due(100)")]
    return [event for one in done for event in one["events"] or ()]


def test_a_message_goes_a_timer_after_it_was_read(db, two):
    message = str(say(two, {"expires_in": 60}, body="Soon gone")["id"])
    sent = db.one("SELECT created_at FROM messages WHERE id = %s", message)
    assert expires(two, message) == sent + datetime.timedelta(seconds=120)
    assert seen(two, message)["expires_in"] == 60
    assert at(db, message, seconds=61) == [] and db.page(two.users[1], two.id)["items"][-1]["content"] == "Soon gone"
    db.mark("read", two.users[1], conversation=two.id)
    assert at(db, message, seconds=100) == []  # read 50 seconds ago
    sent, goes = (db.one(f"SELECT {at}", message) for at in (
        "created_at FROM messages WHERE id = %s", "expires_at FROM messages WHERE id = %s"))
    assert goes < sent + datetime.timedelta(seconds=120) and expires(two, message) == goes
    gone = at(db, message, seconds=121)
    assert [(e["type"], len(e["users"])) for e in gone] == [("message.deleted", 2)]
    assert gone[0]["payload"] == {"conversation_id": two.id, "message_id": message, "seq": 2, "by": None, "reason": "expired"}


def test_what_disappears_is_not_forwarded(db, two):
    message = str(say(two, {"expires_in": 60}, body="Soon gone")["id"])
    assert forward(two, message) == forward(two, message, 1) == 3
    assert forward(two, str(say(two, None, body="This stays")["id"])) == 0


def test_and_two_after_it_was_sent_at_the_latest(db, two):
    message = str(say(two, {"expires_in": 60}, body="Unread and gone")["id"])
    star, reply = db.change("star", two.users[1], message_id=message), None
    two.react(1, "👍", message=message)
    reply = str(say(two, {"reply_to": message}, body="What?", user=1)["id"])
    assert at(db, message, seconds=119) == []
    assert at(db, message, seconds=121)[0]["payload"]["reason"] == "expired"
    row, = db.rows("SELECT * FROM messages WHERE id = %s", message)
    assert (row["body"], [*row["details"]], row["reactions"], row["deleted_by"]) == (None, ["sent"], None, None) and row["deleted_at"]
    assert db.rows("SELECT FROM stars") == db.rows("SELECT FROM reactions") == db.rows("SELECT FROM deadlines") == []
    assert db.one("SELECT ((message_get(%s, %s)).content).quote", two.users[0], reply)["content"] is None
    assert star["outcome"] == 0 and not db.search(two.users[0], "unread")["items"]
    item = db.page(two.users[0], two.id)["items"][-2]
    assert (item["id"], item["content"], item["seq"]) == (message, None, 2)


def test_who_hides_what_was_read_hides_it_here_too(db, two):
    db.change("privacy", two.users[1], receipts=False)
    message = str(say(two, {"expires_in": 60}, body="Hello")["id"])
    db.mark("read", two.users[1], conversation=two.id)
    assert at(db, message, seconds=115) == [] and at(db, message, seconds=121)


def test_in_a_group_the_slowest_counts(db, three):
    message = str(say(three, {"expires_in": 60}, body="Hello")["id"])
    db.mark("read", three.users[1], conversation=three.id)
    assert at(db, message, seconds=119) == []
    other = str(say(three, {"expires_in": 60}, body="Hello")["id"])
    for user in three.users[1:]:
        db.mark("read", user, conversation=three.id)
    assert at(db, other, seconds=100) == []
    db.rows("UPDATE members SET read_at = now() - interval '61 seconds'")
    db.rows("UPDATE deadlines SET due_at = now()")
    assert [db.change("deadline_meet", None, key=row["key"])["events"] for row in db.rows("SELECT * FROM deadline_due(9)")]
    assert db.one("SELECT deleted_at IS NOT NULL FROM messages WHERE id = %s", other)


@pytest.mark.parametrize("members", [("alice", "bella"), ("alice", "bella", "cleo")])
def test_the_timer_of_a_conversation_is_for_all_that_is_said_then(db, members):
    talk = Talk(db, *members)
    done = timer(talk, 3600)
    assert done["outcome"] == 0 and done["result"]["disappearing_seconds"] == 3600
    assert sorted(type for type, _ in told(done)) == ["conversation.updated"] * len(members) + ["message.new"]
    system = db.page(talk.users[1], talk.id)["items"][-1]
    assert (system["message_type"], system["content"], system["metadata"]["seconds"], system["metadata"]["actor"]) == (
        "system", None, 3600, str(talk.users[0]))
    assert db.get(talk.users[1], talk.id)["disappearing_seconds"] == 3600
    plain = talk.say("text", sender=1)
    own = str(say(talk, {"expires_in": 60}, body="sooner")["id"])
    assert [seen(talk, m)["expires_in"] for m in (plain, own)] == [3600, 60]
    assert db.one("SELECT count(*) FROM deadlines WHERE kind = 'expiry'") == 2
    assert timer(talk, 3600)["outcome"] == 1 and timer(talk, 0)["outcome"] == 0
    assert seen(talk, talk.say("stays")) is None
    assert timer(talk, 29)["result"]["pointer"] == "/disappearing_seconds"


def test_a_repetition_is_known_under_a_timer(db, two):
    timer(two, 60)
    for _ in range(2):
        row, = db.store({"conversation": two.id, "sender": two.users[0], "body": "once", "client_id": "c", "dedupe": "0" * 32})
    assert row["outcome"] == 1
    timer(two, 0)
    row, = db.store({"conversation": two.id, "sender": two.users[0], "body": "once", "client_id": "c", "dedupe": "0" * 32})
    assert row["outcome"] == 1


def test_who_may_set_it(db, three, two):
    assert timer(three, 60, user=1)["outcome"] == 5 and timer(two, 60, user=1)["outcome"] == 0
    stranger = db.user("mallory")
    assert db.change("conversation_update", stranger, conversation_id=two.id, disappearing_seconds=60)["outcome"] == 2
    db.change("block", two.users[1], user_id=str(two.users[0]))
    assert timer(two, 90)["outcome"] == 4 and timer(two, 90, user=1)["outcome"] == 3


def test_who_is_not_to_be_written_to_is_given_no_timer(db):
    alice, bella = db.user("alice"), db.user("bella")
    conversation = db.conversation(alice, reference=str(bella))
    db.rows("UPDATE users SET privacy_messages = 'nobody' WHERE id = %s", bella)
    done = db.change("conversation_update", alice, conversation_id=conversation, disappearing_seconds=60)
    assert (done["outcome"], done["events"]) == (4, None) and db.get(alice, conversation)["disappearing_seconds"] == 0


def test_the_timer_goes_to_xmpp_and_comes_from_there(db, romeo):
    done = timer(romeo, 3600)
    waiting = [(row["kind"], row["payload"]) for row in db.outbox() if row["kind"] != "message"]
    assert waiting == [("timer", "3600")] and done["follows"]["outbox"]
    came = {"from": ROMEO, "to": f"alice@{DOMAIN}", "came": {"address": f"{ROMEO}/x", "id": "t", "stanza": "<m/>"}}
    got = db.change("timer_arrived", None, **came, seconds=0)
    assert got["outcome"] == 0 and sorted(t for t, _ in told(got)) == ["conversation.updated", "message.new"]
    assert db.get(romeo.users[0], romeo.id)["disappearing_seconds"] == 0
    assert db.change("timer_arrived", None, **{**came, "from": "nobody@example.org"}, seconds=60)["outcome"] == 2
    row, = db.receive({"to": f"alice@{DOMAIN}", "sender": ROMEO, "body": "bye", "foreign_id": new_id(), "details": {"expires_in": 60}})
    assert seen(romeo, row["id"])["expires_in"] == 60


@pytest.mark.parametrize("state", ["left", "removed", "banned", "invited"])
def test_who_is_there_no_longer_does_nothing(db, three, state):
    """Whatever was begun before; the same as for a stranger."""
    message, live = poll(three), str(share(three, user=1, live_until=ahead(hours=1))["id"])
    own = poll(three, user=1)
    gone, stranger = three.users[1], db.user("mallory")
    db.change("star", gone, message_id=message)
    planned = db.change("scheduled_add", gone, id=new_id(), message_id=new_id(), conversation_id=three.id, content="x",
                        scheduled_for=ahead(hours=1))["result"]["scheduled"]["id"]
    db.rows("UPDATE members SET state = %s, left_seq = CASE WHEN %s <> 'invited' THEN 4 END WHERE user_id = %s", state, state, gone)
    db.rows("UPDATE conversations SET member_ids = array_remove(member_ids, %s::uuid), member_numbers = member_numbers[2:] WHERE id = %s", gone, three.id)
    talk, head = {"conversation_id": three.id}, db.head()
    for name, arguments in (
            ("vote", {"message_id": message, "options": [1]}), ("vote", {"message_id": own}), ("poll_close", {"message_id": own}),
            ("location_move", {"message_id": live, "location": BERLIN}), ("location_stop", {"message_id": live}),
            ("star", {"message_id": own}), ("unstar", {"message_id": message}), ("draft_save", {**talk, "content": "x"}), ("draft_remove", talk),
            ("scheduled_update", {"scheduled_id": planned, "content": "y"}), ("scheduled_cancel", {"scheduled_id": planned}),
            ("scheduled_add", {**talk, "id": new_id(), "message_id": new_id(), "content": "x", "scheduled_for": ahead(hours=1)}),
            ("conversation_update", {**talk, "disappearing_seconds": 60}), ("conversation_update", {**talk, "unread": True})):
        for user in (gone, stranger):
            done = db.change(name, user, **arguments)
            assert (done["outcome"], done["result"], done["events"]) == (2, None, None), name
    assert db.head() == head and db.rows("SELECT FROM star_page(%s, 9, NULL, NULL) s WHERE (s.message).id IS NOT NULL", gone) == []
    assert db.one("SELECT scheduled_page(%s, %s, 'all', 9, NULL)", gone, three.id) is None
    vote(three, 2, message, 2)
    assert all(str(gone) not in users for _, users in told(vote(three, 0, message, 1)))
