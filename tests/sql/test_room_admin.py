# SPDX-License-Identifier: GPL-3.0-or-later
"""Rooms managed by XMPP: what is done of several items, who may make a room, what its end leaves."""
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
