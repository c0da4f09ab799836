# SPDX-License-Identifier: GPL-3.0-or-later
"""Rooms managed by XMPP: what is done of several items, who may make a room, what its end leaves, who may do what."""
import json

import pytest

from conftest import new_id
from test_rooms import BOB, CAROL, Room


def affiliations(db, room):
    return {row["jid"]: row["role"] for row in db.rows(
        "SELECT jid, role FROM members WHERE conversation_id = %s AND state IN ('joined', 'invited')", room.id)}


def make(db, name="books", create=True, jid=BOB):
    return db.change("room_enter", None, room=name, nick="Bob", create=create, stanza="<presence/>",
                     **{"from": jid, "address": f"{jid}/x"})


def test_items_are_carried_out_all_or_none(db):
    room = Room(db)
    room.invite(BOB + "x", "joined", "owner")
    items = [{"jid": CAROL, "affiliation": "admin"}, {"jid": "nobody@app.example.org", "affiliation": "member"}]
    done = room.do("room_admin", BOB + "x", items=items, domain="app.example.org")
    assert room.refusal(done) == ("cancel", "item-not-found") and CAROL not in affiliations(db, room)
    assert room.do("room_admin", BOB + "x", items=items[:1], domain="app.example.org")["outcome"] == 0
    assert affiliations(db, room)[CAROL] == "admin"
    assert [(t["kind"], t["to_address"]) for t in room.told() if t["kind"] == "room_invitation"] == [("room_invitation", CAROL)]


def test_rooms_are_made_where_that_is_allowed(db):
    Room(db)
    assert make(db, create=False)["outcome"] == 2
    assert make(db)["outcome"] == 0
    assert db.one("SELECT locked FROM rooms r JOIN conversations c ON c.id = r.conversation_id WHERE c.room = 'books'")
    assert make(db, jid=CAROL)["outcome"] == 2, "it waits for its configuration"
    for n in range(99):
        assert make(db, f"r{n}")["outcome"] == 0
    assert make(db, "one-too-many")["outcome"] == 5
    ended = db.change("room_destroy", None, room="r0", **{"from": BOB, "address": f"{BOB}/x"})
    assert ended["outcome"] == 0 and make(db, "one-more")["outcome"] == 5, "names are used up, too"
    db.rows("UPDATE conversations SET destroyed_at = destroyed_at - interval '25 hours' WHERE room = 'r0'")
    assert make(db, "one-more")["outcome"] == 0


def test_the_end_of_a_room_keeps_its_name(db):
    Room(db)
    assert make(db)["outcome"] == 0
    ended = db.change("room_destroy", None, room="books", reason="done", **{"from": BOB, "address": f"{BOB}/x"})
    assert ended["outcome"] == 0, ended
    assert db.one("SELECT count(*) FROM occupants") == 0 and make(db)["outcome"] == 2


def test_nobody_registers_as_somebody_else(db):
    room = Room(db, public=True)
    assert room.enter(BOB, "Bob")["outcome"] == 0
    for nick in ("Bob", "bob", "Alice"): # of somebody whom nobody here has heard of
        assert room.refusal(room.do("room_register", "stranger@example.org", nick=nick)) == ("cancel", "conflict")
    for nick in ("محمد 2", "a\nb"):
        assert room.refusal(room.do("room_register", "stranger@example.org", nick=nick)) == ("modify", "not-acceptable")
    assert room.do("room_register", "stranger@example.org", nick="Sam")["outcome"] == 0


# What each kind of person may do in a private room, by stanza: every change of a room. in: is in the room by XMPP.
ROLES = ("stranger", "removed", "banned", "member", "admin", "owner")
OUT, IN, MANAGE, OWNER = (), ("member", "admin", "owner"), ("admin", "owner"), ("owner",)
CHANGES = {
    "room_enter": ({"nick": "Other"}, IN),
    "room_show": ({"nick": "Other"}, IN),
    "room_subject": ({"subject": "x"}, MANAGE),
    "room_private": ({"nick": "Dave", "stanza": "<message/>"}, IN),
    "room_admin": ({"items": [{"jid": "dave@example.org", "affiliation": "outcast"}]}, MANAGE),
    "room_configure": ({"settings": {"max_members": 50}}, OWNER),
    "room_destroy": ({"id": "d"}, OWNER),
    "room_invite": ({"people": [{"jid": "erin@example.org"}]}, MANAGE),
    "room_register": ({"nick": "Other"}, IN),
    "room_icon": ({"icon_hash": None}, MANAGE),
    "room_timer": ({"seconds": 60}, MANAGE),
    "room_moderate": ({"message": "said", "stanza": "11111111-1111-4111-8111-111111111111"}, MANAGE),
    "room_voice_ask": ({}, ("member",)),
    # Of who asks alone: it is the same whoever that is.
    "room_leave": ({}, None), "room_decline": ({}, None), "room_probe": ({}, None),
}


def test_every_change_of_rooms_is_in_the_table(db):
    names = {row["proname"].removeprefix("change_") for row in db.rows("SELECT proname FROM pg_proc WHERE proname LIKE 'change\\_room\\_%%'")}
    assert names == set(CHANGES)


@pytest.mark.parametrize("name", [name for name, (_, may) in CHANGES.items() if may is not None])
def test_who_may_do_what_in_a_room(db, name):
    arguments, may = CHANGES[name]
    for role in ROLES:
        room = Room(db)
        jid = f"{role}@example.org"
        if role != "stranger":
            room.invite(jid, "invited", role if role in ("admin", "owner") else "member")
            room.enter(jid, role)
        room.invite("dave@example.org")
        room.enter("dave@example.org", "Dave")
        if name == "room_voice_ask":
            db.rows("UPDATE conversations SET settings = '{\"who_can_send\": \"admins_only\"}' WHERE id = %s", room.id)
        said = str(room.say("dave@example.org", "hello", dedupe=new_id())["id"]) if name == "room_moderate" else None
        given = {**arguments, **({"message": said} if said else {})}
        if role in ("removed", "banned"):
            user = db.one("SELECT id FROM users WHERE jid = %s", jid)
            assert db.change("member_set" if role == "banned" else "member_remove", room.alice, conversation_id=room.id, user_id=user,
                             domain="app.example.org", **({"banned": True} if role == "banned" else {}))["outcome"] == 0
        before = db.one("SELECT position FROM log_head")
        row, = db.rows("SELECT outcome, result FROM change_apply(ARRAY[%s], ARRAY[NULL]::uuid[], ARRAY[%s])", name, json.dumps({
            "room": room.room, "from": jid, "address": f"{jid}/x", "stanza": "<presence/>", "domain": "app.example.org", **given}))
        assert (row["outcome"] <= 1) == (role in may), (role, row)
        if role not in may:
            told = db.rows("SELECT kind, to_address FROM outbox WHERE position > %s AND kind NOT IN ('room_invitation')", before)
            assert told == [], (role, told)
