# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups as rooms: nicks, who may enter, what waits in the outbox for whom and in which order."""
import hashlib
import hmac
import json
from base64 import b64encode

import pytest

from conftest import new_id
from test_many import make

ROOMS = "rooms.app.example.org"
BOB, CAROL = "bob@example.org", "carol@remote.example"


class Room:
    """A group of alice (owner) and ann, and its room; bob is invited."""

    def __init__(self, db, public=False):
        self.db = db
        for connection in (db.main,):
            with connection.cursor() as cursor:
                cursor.execute(f"SET trestle.rooms_domain = '{ROOMS}'")
        self.alice, self.ann = db.provision("alice", name="Alice")["id"], db.provision("ann", name="Ann")["id"]
        self.id = make(db, self.alice, [self.ann])["result"]["conversation"]["id"]
        self.room = db.one("SELECT room FROM conversations WHERE id = %s", self.id)
        self.jid = f"{self.room}@{ROOMS}"
        db.rows("UPDATE conversations SET public = %s WHERE id = %s", public, self.id)
        self.seen = 0
        self.invite(BOB)

    def invite(self, jid, state="invited", role="member"):
        self.db.rows("SELECT user_remote(%s)", jid)
        self.db.rows("INSERT INTO members (conversation_id, user_id, kind, jid, number, role, grouped, joined_at, state, left_seq)"
                     " SELECT %s, u.id, u.kind, u.jid, u.number, %s, true, now(), %s, CASE WHEN %s = 'banned' THEN 0 END"
                     " FROM users u WHERE u.jid = %s", self.id, role, state, state, jid)

    def do(self, name, jid, resource="x", **arguments):
        return self.db.change(name, None, room=self.room, **{"from": jid, "address": f"{jid}/{resource}",
                                                             "stanza": "<presence/>", **arguments})

    def enter(self, jid, nick, resource="x", **arguments):
        return self.do("room_enter", jid, resource, nick=nick, **arguments)

    def refusal(self, done):
        assert done["outcome"] == 5, done
        return done["result"]["type"], done["result"]["condition"]

    def say(self, jid, text, resource="x", **more):
        row, = self.db.receive({"sender": jid, "to": self.jid, "body": text, "resource": resource, **more}, rooms=[self.room])
        return row

    def told(self, to=None):
        """What waits since it was asked last, in order; payloads as objects, those of copies as that of the first."""
        rows = self.db.rows("SELECT * FROM outbox_page(%s, 2147483647, 10000)", self.seen)
        self.seen = max([row["position"] for row in rows], default=self.seen)
        facts = {}
        for row in rows:
            if row["kind"] in ("room_message", "room_history") and row["payload"] is None:
                row["payload"] = facts[row["message_id"]]
            facts[row["message_id"]] = row["payload"]
            row["payload"] = json.loads(row["payload"])
        return [row for row in rows if to is None or row["to_address"] == to]

    def presences(self, to):
        return [(row["from_jid"].partition("/")[2], row["payload"].get("type"), row["payload"].get("codes", []))
                for row in self.told(to) if row["kind"] == "room_presence"]


@pytest.fixture
def room(db):
    return Room(db)


@pytest.mark.parametrize("one, other", [
    ("Alice", "ALICE"), ("Alice", " alice "), ("Alice", "Αlісе"), ("Alice", "A1ice"), ("Alice", "AIice"), ("Carol", "Саrоl"),
    ("modern", "rnodern"), ("Ann", "Ａｎｎ"), ("Ann", "A\u200bnn"), ("Иван", "ИВАН"), ("o0o", "OOO")])
def test_who_looks_the_same_is_called_the_same(db, one, other):
    assert db.one("SELECT nick_key(%s) = nick_key(%s)", one, other)


@pytest.mark.parametrize("one, other", [("Ann", "Anne"), ("Иван", "Ivan"), ("José", "Jose"), ("Ann 2", "Ann 3"), ("日本", "日木")])
def test_who_looks_otherwise_is_called_otherwise(db, one, other):
    assert db.one("SELECT nick_key(%s) <> nick_key(%s)", one, other)


def test_what_cannot_be_seen_is_no_nick(db):
    assert db.one("SELECT nick_key(%s)", " \u200b\u2060") == ""


@pytest.mark.parametrize("nick,fits", [
    ("Ann", True), ("a\tb", False), ("Anna 😀 2", True), ("İñtërnâtiôn", True), ("李 2", True), ("محمد", True), ("محمد علي", True),
    ("محمد 2", False), ("محمد Ali", False), ("שרה Cohen", False), ("שרה", True), ("(שרה)", False), ("مُحَمَّد", True), ("a\u202eb", False),
    ("a\ue000", False), ("a\u2028b", False), ("👩\u200d🚀", True), ("!", True), (" א ב", False), ("א", True)])
def test_what_can_be_part_of_an_address(db, nick, fits):
    assert db.one("SELECT nick_fits(%s)", nick) is fits


def test_names_that_cannot_be_nicks_as_they_are(db):
    users = [db.provision(name, name=called)["id"] for name, called in (
        ("one", "محمد"), ("two", "محمد"), ("three", "שרה Cohen"), ("four", "محمد"))]
    group = make(db, users[0], users[1:])["result"]["conversation"]["id"]
    db.rows("SELECT nick_all(1, %s)", group)
    nicks = {row["local"]: row["nick"] for row in db.rows(
        "SELECT split_part(u.jid, '@', 1) AS local, n.nick FROM nicks n JOIN users u ON u.id = n.user_id")}
    assert nicks.pop("three") == "three" and len(nicks) == 3
    first, = (name for name, nick in nicks.items() if nick == "محمد")
    assert all(nick == f"{name} 2" for name, nick in nicks.items() if name != first)


def test_the_answer_to_entering_is_complete_and_in_order(room):
    sent = room.db.store(*({"conversation": room.id, "sender": room.alice, "body": f"said {n}"} for n in range(3)))
    assert room.enter(BOB, "Bob")["outcome"] == 0
    rows = room.told()
    assert [row["to_address"] for row in rows] == [f"{BOB}/x"] * 7
    assert [(row["kind"], row["from_jid"].removeprefix(room.jid)) for row in rows] == [
        ("room_presence", "/Alice"), ("room_presence", "/Ann"), ("room_presence", "/Bob"),
        *[("room_history", "")] * 3, ("room_subject", "")]
    alice, ann, self, *said, subject = (row["payload"] for row in rows)
    occupant = {p["occupant"] for p in (alice, ann, self)}
    assert alice == {"affiliation": "owner", "role": "moderator", "jid": "alice@app.example.org/rest", "occupant": alice["occupant"]}
    assert (ann["affiliation"], ann["role"], len(occupant)) == ("member", "participant", 3)
    assert self == {"affiliation": "member", "role": "participant", "jid": f"{BOB}/x", "codes": [100, 170, 110],
                    "stanza": "<presence/>", "occupant": self["occupant"]}
    assert [(p["id"], p["wire"], p["room"], p["nick"], p["body"]) for p in said] == \
        [(m["id"], m["id"], room.jid, "Alice", f"said {n}") for n, m in enumerate(sent)]
    assert said[0]["occupant"] == alice["occupant"]
    assert subject == {"subject": ""}
    member = next(p for p in room.db.rows("SELECT * FROM members WHERE jid = %s", BOB))
    assert member["state"] == "joined" and member["user_id"] in room.db.one("SELECT member_ids FROM conversations WHERE id = %s", room.id)


def test_the_occupant_id_is_an_hmac_by_the_rooms_secret(room):
    room.enter(BOB, "Bob")
    inner, = room.db.rows("SELECT inner_key, outer_key FROM rooms")
    secret = bytes(b ^ 0x36 for b in bytes(inner["inner_key"]))
    assert bytes(b ^ 0x5c for b in bytes(inner["outer_key"])) == secret
    assert room.db.one("SELECT n.occupant FROM nicks n JOIN users u ON u.id = n.user_id WHERE u.jid = %s", BOB) == \
        b64encode(hmac.new(secret, BOB.encode(), hashlib.sha256).digest()).decode()


def test_who_may_not_enter(room):
    room.invite("eve@example.org", "banned")
    assert room.refusal(room.enter("eve@example.org", "Eve")) == ("auth", "forbidden")
    assert room.refusal(room.enter(CAROL, "Carol")) == ("auth", "registration-required")
    assert room.db.change("room_enter", None, room="nowhere", nick="N", stanza="<presence/>", address=f"{BOB}/x", **{"from": BOB})["outcome"] == 2
    for nick in ("Alice", "ALICE", "Αlісе", "ann"):
        assert room.refusal(room.enter(BOB, nick)) == ("cancel", "conflict")
    for nick in ("\u200b", "x" * 256):
        assert room.refusal(room.enter(BOB, nick)) == ("modify", "not-acceptable")
    assert room.told() == [] and not room.db.rows("SELECT FROM occupants")
    assert room.db.one("SELECT state FROM members WHERE jid = %s", BOB) == "invited"
    assert room.enter(BOB, "Bob")["outcome"] == 0
    room.invite(CAROL)
    assert room.refusal(room.enter(CAROL, "B0b")) == ("cancel", "conflict")


def test_the_room_is_full(room):
    for n in range(16):
        assert room.enter(BOB, "Bob", f"r{n}")["outcome"] == 0
    assert room.refusal(room.enter(BOB, "Bob", "more")) == ("wait", "resource-constraint")
    assert room.enter(BOB, "Bob", "r3")["outcome"] == 0 # is in it
    room.db.rows("UPDATE conversations SET public = true, settings = '{\"max_members\": 3}'")
    assert room.refusal(room.enter(CAROL, "Carol")) == ("wait", "service-unavailable")


def test_a_public_room_is_open_and_shows_addresses_to_moderators_alone(db):
    room = Room(db, public=True)
    room.db.rows("UPDATE members SET role = 'admin' WHERE jid = %s", BOB)
    room.enter(BOB, "Bob")
    room.told()
    assert room.enter(CAROL, "Carol")["outcome"] == 0
    rows = [row for row in room.told() if row["kind"] == "room_presence"]
    seen = {(row["to_address"], row["from_jid"].partition("/")[2]): row["payload"].get("jid") for row in rows}
    assert seen == {(f"{CAROL}/x", "Alice"): None, (f"{CAROL}/x", "Ann"): None, (f"{CAROL}/x", "Bob"): None,
                    (f"{CAROL}/x", "Carol"): f"{CAROL}/x", (f"{BOB}/x", "Carol"): f"{CAROL}/x"}
    assert [row["payload"]["codes"] for row in rows if row["from_jid"].endswith("/Carol") and row["to_address"] == f"{CAROL}/x"] == [[170, 110]]


def test_sessions_of_one_user_are_called_alike(room):
    room.enter(BOB, "Bob")
    room.told()
    assert room.enter(BOB, "Robert", "y")["outcome"] == 0
    rows = room.told()
    assert [row["payload"]["codes"] for row in rows if row["to_address"] == f"{BOB}/y" and row["from_jid"].endswith("/Bob")] == [[100, 170, 110, 210]]
    assert [(row["from_jid"].partition("/")[2], row["payload"]["codes"], row["payload"]["jid"])
            for row in rows if row["to_address"] == f"{BOB}/x"] == [("Bob", [110], f"{BOB}/y")]
    # The one goes: others hear nothing of it. Then the other.
    room.invite(CAROL)
    room.enter(CAROL, "Carol")
    room.told()
    assert room.do("room_leave", BOB, "y")["outcome"] == 0
    rows = room.told()
    assert [(row["to_address"], row["payload"]["codes"], row["payload"]["type"]) for row in rows] == [(f"{BOB}/y", [110], "unavailable")]
    assert room.do("room_leave", BOB, "x")["outcome"] == 0
    assert room.presences(f"{CAROL}/x") == [("Bob", "unavailable", [])]
    assert room.do("room_leave", BOB, "x")["outcome"] == 1
    assert room.do("room_leave", CAROL, "x", codes=[333, 307])["outcome"] == 0
    assert room.presences(f"{CAROL}/x") == [("Carol", "unavailable", [333, 307, 110])]
    assert room.db.one("SELECT NOT occupied FROM conversations WHERE id = %s", room.id)
    assert room.enter(BOB, "Robert")["outcome"] == 0, "nobody there is called otherwise"


def test_another_nick(room):
    room.enter(BOB, "Bob")
    room.invite(CAROL)
    room.enter(CAROL, "Carol")
    first = room.say(BOB, "before")
    room.told()
    assert room.refusal(room.do("room_show", BOB, nick="carol")) == ("cancel", "conflict")
    assert room.do("room_show", BOB, nick="Robert")["outcome"] == 0
    rows = room.told()
    for to, own in ((f"{BOB}/x", [110]), (f"{CAROL}/x", [])):
        told = [(row["from_jid"].partition("/")[2], row["payload"].get("type"), row["payload"].get("nick"), row["payload"].get("codes", []))
                for row in rows if row["to_address"] == to]
        assert told == [("Bob", "unavailable", "Robert", [303, *own]), ("Robert", None, None, own)]
    second = room.say(BOB, "after")
    assert [row["payload"]["nick"] for row in room.told(f"{CAROL}/x")] == ["Robert"]
    room.do("room_leave", CAROL)
    room.told()
    room.enter(CAROL, "Carol")
    assert [(row["payload"]["id"], row["payload"]["nick"]) for row in room.told(f"{CAROL}/x") if row["kind"] == "room_history"] == \
        [(first["id"], "Bob"), (second["id"], "Robert")], "as it was then"
    assert room.do("room_show", "dave@example.org", nick="Dave")["outcome"] == 3


def test_what_is_shown_again_is_told_to_nobody(room):
    room.enter(BOB, "Bob")
    assert room.do("room_show", BOB, nick="Bob", stanza="<presence><show>away</show></presence>")["outcome"] == 0
    room.told()
    assert room.do("room_show", BOB, nick="Bob", stanza="<presence><show>away</show></presence>")["outcome"] == 1
    assert room.told() == []
    assert room.do("room_show", BOB, nick="Bob", stanza="<presence/>")["outcome"] == 0 and len(room.told()) == 1


def test_a_nick_by_which_nothing_was_said_is_forgotten(room):
    room.enter(BOB, "Bob")
    first = room.say(BOB, "before")["id"]
    for n in range(20):
        assert room.do("room_show", BOB, nick=f"Bob {n}")["outcome"] == 0
    second = room.say(BOB, "between")["id"]
    room.do("room_show", BOB, nick="Robert")
    assert [row["nick"] for row in room.db.rows("SELECT nick FROM past_nicks ORDER BY upto")] == ["Bob", "Bob 19"]
    room.told()
    room.enter(BOB, "Robert", "y")
    assert [(row["payload"]["id"], row["payload"]["nick"]) for row in room.told(f"{BOB}/y") if row["kind"] == "room_history"] == \
        [(first, "Bob"), (second, "Bob 19")]


def test_everybody_gets_one_copy_in_one_order(room):
    room.invite(CAROL)
    for jid, nick, resource in ((BOB, "Bob", "x"), (CAROL, "Carol", "x"), (CAROL, "Carol", "y")):
        room.enter(jid, nick, resource)
    room.told()
    ids = [room.say(BOB, "one", foreign_id="bobs own")["id"]]
    ids += [row["id"] for row in room.db.store({"conversation": room.id, "sender": room.ann, "body": "two"},
                                               {"conversation": room.id, "sender": room.alice, "body": "three"})]
    rows = room.told()
    assert [(row["kind"], row["message_id"]) for row in rows] == [("room_message", id) for id in ids for _ in range(3)]
    assert [row["to_address"] for row in rows] == [f"{BOB}/x", f"{CAROL}/x", f"{CAROL}/y"] * 3
    assert [row["payload"]["wire"] for row in rows[::3]] == ["bobs own", ids[1], ids[2]]
    assert [row["payload"]["nick"] for row in rows[::3]] == ["Bob", "Ann", "Alice"]
    raw = room.db.rows("SELECT payload IS NOT NULL AS first FROM outbox_page(%s, -1, 5) WHERE kind = 'room_message'", rows[0]["position"])
    assert [row["first"] for row in raw] == [True, False, False, True, False], "the facts of a message once in a page"


def test_who_is_not_in_the_room_says_nothing_there(room):
    assert room.say(BOB, "I am outside")["outcome"] == 2
    room.enter(BOB, "Bob")
    assert room.say(BOB, "from elsewhere", "other")["outcome"] == 2
    assert room.say(CAROL, "I am a stranger")["outcome"] == 2
    assert room.say(BOB, "I am inside")["outcome"] == 0
    room.do("room_leave", BOB)
    assert room.say(BOB, "I was")["outcome"] == 2


def test_a_repetition_is_one_message(room):
    room.enter(BOB, "Bob")
    room.told()
    dedupe = new_id()
    first, again = (room.say(BOB, "once", dedupe=dedupe) for _ in range(2))
    assert (first["outcome"], again["outcome"], first["id"] == again["id"]) == (0, 1, True)
    assert len(room.told()) == 1


@pytest.mark.parametrize("asked, expected", [
    ({}, list(range(10, 30))), ({"max_stanzas": 0}, []), ({"max_stanzas": 2}, [28, 29]), ({"max_stanzas": 1000}, list(range(30))),
    ({"max_chars": 700}, [28, 29]), ({"max_chars": 0}, []), ({"seconds": 100, "max_stanzas": 50}, [25, 26, 27, 28, 29]), ({"since": 100}, list(range(25, 30)))])
def test_history_as_it_is_asked_for(room, asked, expected):
    room.db.store(*({"conversation": room.id, "sender": room.alice, "body": str(n)} for n in range(30)))
    room.db.rows("UPDATE messages SET created_at = now() - make_interval(secs => CASE WHEN seq > 25 THEN 10 ELSE 1000 END)")
    if "since" in asked:
        asked = {"since": room.db.one("SELECT ((extract(epoch FROM now()) - 100) * 1000000)::bigint")}
    room.enter(BOB, "Bob", history=asked)
    assert [int(row["payload"]["body"]) for row in room.told() if row["kind"] == "room_history"] == expected


def changed(room, jid, reason=None, **columns):
    was, = room.db.rows("SELECT m::text AS row FROM members m WHERE conversation_id = %s AND jid = %s", room.id, jid)
    for name, value in columns.items():
        room.db.rows(f"UPDATE members SET {name} = %s, left_seq = CASE WHEN %s = 'state' AND %s <> 'joined' THEN 0 END WHERE jid = %s",
                     value, name, value, jid)
    room.db.rows("SELECT room_member_changed((log_advance(1)).ret_before + 1, c, %s::members, %s, %s) FROM conversations c WHERE c.id = %s",
                 was["row"], room.alice, reason, room.id)


def test_the_room_hears_of_roles(room):
    room.enter(BOB, "Bob")
    room.told()
    changed(room, BOB, role="admin")
    row, = room.told()
    assert (row["payload"]["affiliation"], row["payload"]["role"], row["payload"]["codes"]) == ("admin", "moderator", [110])
    changed(room, "ann@app.example.org", role="admin")
    row, = room.told()
    assert (row["from_jid"], row["payload"]["role"], row["payload"].get("codes")) == (f"{room.jid}/Ann", "moderator", None)


@pytest.mark.parametrize("state, affiliation, codes", [("banned", "outcast", [301]), ("removed", "none", [321]), ("left", "none", [])])
def test_who_is_taken_out_of_the_group_is_out_of_the_room(room, state, affiliation, codes):
    room.invite(CAROL)
    room.enter(BOB, "Bob")
    room.enter(CAROL, "Carol")
    room.told()
    changed(room, BOB, "because", state=state)
    rows = room.told()
    assert {row["to_address"]: row["payload"]["codes"] for row in rows} == {f"{BOB}/x": [*codes, 110], f"{CAROL}/x": codes}
    payload = rows[0]["payload"]
    assert (payload["affiliation"], payload["role"], payload["type"], payload["reason"], payload["actor"]) == \
        (affiliation, "none", "unavailable", "because", "Alice")
    assert room.say(BOB, "still here?")["outcome"] == 2
    assert room.enter(CAROL, "Carol")["outcome"] == 0
    room.do("room_show", CAROL, nick="Bob")
    assert room.db.one("SELECT nick FROM nicks n JOIN users u ON u.id = n.user_id WHERE u.jid = %s", CAROL) == "Bob", "the name is free"


def test_app_users_come_and_go_in_the_room(room):
    room.enter(BOB, "Bob")
    room.told()
    dora = room.db.provision("dora", name="Bob")["id"]
    room.db.rows("INSERT INTO members (conversation_id, user_id, kind, jid, number, role, grouped, joined_at)"
                 " SELECT %s, u.id, u.kind, u.jid, u.number, 'member', true, now() FROM users u WHERE u.id = %s", room.id, dora)
    room.db.rows("SELECT room_member_changed((log_advance(1)).ret_before + 1, c, ROW(%s, %s)::text::members, NULL, NULL) FROM conversations c WHERE c.id = %s"
                 .replace("ROW(%s, %s)::text::members", "jsonb_populate_record(NULL::members, jsonb_build_object('conversation_id', %s::uuid, 'user_id', %s::uuid))"),
                 room.id, dora, room.id)
    assert room.presences(f"{BOB}/x") == [("Bob 2", None, [])]
    changed(room, "dora@app.example.org", state="left")
    assert room.presences(f"{BOB}/x") == [("Bob 2", "unavailable", [])]
    room.db.rows("SELECT room_changed((log_advance(1)).ret_before + 1, c, NULL) FROM conversations c WHERE c.id = %s", room.id)
    row, = room.told()
    assert (row["kind"], row["from_jid"], row["payload"]) == ("room_status", room.jid, {"codes": [104]})


def test_who_is_asked_whether_they_are_still_there(room):
    assert room.db.change("room_probe", None)["outcome"] == 1, "nobody"
    room.invite(CAROL)
    room.enter(BOB, "Bob")
    room.enter(CAROL, "Carol")
    room.told()
    assert room.db.change("room_probe", None)["outcome"] == 0
    rows = room.db.rows("SELECT kind, to_address, from_jid FROM outbox_page(%s, 2147483647, 100)", room.seen)
    assert [(row["kind"], row["to_address"], row["from_jid"]) for row in rows] == [("room_probe", f"{jid}/x", room.jid) for jid in (BOB, CAROL)]
    assert room.db.change("room_probe", None)["outcome"] == 1, "they are asked"


def test_who_is_gone_is_gone_from_all_rooms(room):
    room.enter(BOB, "Bob")
    other = Room.__new__(Room)
    other.__dict__.update(room.__dict__)
    other.id = make(room.db, room.alice, [room.ann])["result"]["conversation"]["id"]
    other.room = room.db.one("SELECT room FROM conversations WHERE id = %s", other.id)
    other.invite(BOB)
    other.enter(BOB, "Bob")
    assert room.do("room_leave", BOB, codes=[307, 333])["outcome"] == 0
    assert not room.db.rows("SELECT FROM occupants") and not room.db.rows("SELECT FROM conversations WHERE occupied")


def test_who_is_added_is_asked_twice_who_is_removed_is_shown_out(room):
    """By the changes of groups, as REST, sockets and stanzas call them."""
    room.told()
    done = room.db.change("members_add", room.alice, conversation_id=room.id, members=[{"jid": CAROL}], domain="app.example.org")
    assert done["outcome"] == 0, done
    rows = room.db.rows("SELECT kind, from_jid, to_address, reference, payload FROM outbox_page(%s, 2147483647, 100)", room.seen)
    assert [(row["kind"], row["from_jid"], row["to_address"], row["reference"]) for row in rows] == [
        ("invitation", "alice@app.example.org", CAROL, room.jid), ("room_invitation", room.jid, CAROL, None)]
    assert json.loads(rows[1]["payload"]) == {"from": "alice@app.example.org", "reason": "Five"}
    room.seen = room.db.head()
    room.enter(CAROL, "Carol")
    room.enter(BOB, "Bob")
    room.told()
    carol = room.db.one("SELECT id FROM users WHERE jid = %s", CAROL)
    assert room.db.change("member_remove", room.alice, conversation_id=room.id, user_id=carol)["outcome"] == 0
    assert room.presences(f"{BOB}/x") == [("Carol", "unavailable", [321])]
    room.db.rows("DELETE FROM outbox")
    assert room.db.change("group_destroy", room.alice, conversation_id=room.id)["outcome"] == 0
    row, = room.told()
    assert (row["to_address"], row["payload"]["destroy"], row["payload"]["codes"]) == (f"{BOB}/x", {}, [110])
    assert room.enter(BOB, "Bob")["outcome"] == 2 and not room.db.rows("SELECT FROM occupants")
