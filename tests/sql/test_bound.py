# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of other servers that are used here: what becomes of a user, of conversations, and where what is said goes."""
import json

import pytest

from conftest import DOMAIN

BOB, CAROL, EVE = "bob@example.org", "carol@example.org", "eve@elsewhere.example"


def become(db, jid=BOB):
    return db.one("SELECT bound_become(%s)", jid)


def say(db, talk, sender, text="hi"):
    row, = db.store({"conversation": talk, "sender": sender, "body": text})
    return row


def sent(db):
    """(kind, from, to) of what waits to go out."""
    return [(row["kind"], row["from_user"], row["to_address"])
            for row in db.rows("SELECT kind, from_user, to_address FROM outbox ORDER BY position, n")]


@pytest.fixture
def bob(db):
    return become(db)


def test_an_account_becomes_one_user_once(db, bob):
    assert become(db) == bob
    assert db.rows("SELECT kind, jid FROM users WHERE id = %s", bob) == [{"kind": "bound", "jid": BOB}]
    alice = db.user("alice")
    assert db.one("SELECT bound_become(%s)", f"alice@{DOMAIN}") is None
    assert db.one("SELECT kind FROM users WHERE id = %s", alice) == "hosted"


def test_who_was_known_from_xmpp_keeps_conversations(db):
    alice = db.user("alice")
    talk = db.conversation(alice, jid=BOB)
    say(db, talk, alice)
    bob = become(db)
    assert [item["id"] for item in db.conversations(bob)["items"]] == [talk]
    # Both ways by XMPP: the account's other clients hear of it.
    assert say(db, talk, alice)["remote_jid"] == BOB
    assert say(db, talk, bob)["remote_jid"] == f"alice@{DOMAIN}"
    assert sent(db)[-2:] == [("message", alice, BOB), ("message", bob, f"alice@{DOMAIN}")]


def test_what_is_said_to_somebody_elsewhere_goes_there(db, bob):
    talk = db.conversation(bob, jid=EVE)
    assert say(db, talk, bob)["outbox"]
    assert sent(db) == [("message", bob, EVE)]


def test_two_of_them_reach_each_other_by_their_server(db, bob):
    carol = become(db, CAROL)
    talk = db.conversation(bob, jid=CAROL)
    say(db, talk, bob)
    say(db, talk, carol)
    assert sent(db) == [("message", bob, CAROL), ("message", carol, BOB)]


def test_what_is_done_to_messages_goes_the_same_way(db, bob):
    alice = db.user("alice")
    talk = db.conversation(bob, jid=f"alice@{DOMAIN}")
    said = say(db, talk, bob)["id"]
    db.change("react", alice, message_id=str(said), emoji="👍")
    db.change("react", bob, message_id=str(said), emoji="👎")
    assert sent(db)[1:] == [("reaction", alice, BOB), ("reaction", bob, f"alice@{DOMAIN}")]
    assert {row["reference"] for row in db.outbox()[1:]} == {str(said)}


def test_both_hear_of_what_is_stored(db, bob):
    alice = db.user("alice")
    talk = db.conversation(bob, jid=f"alice@{DOMAIN}")
    said = say(db, talk, bob)
    assert set(said["member_ids"]) == {alice, bob}
    done = db.change("react", alice, message_id=str(said["id"]), emoji="👍")
    assert any(set(event["users"]) == {alice, bob} for event in done["events"])


def test_a_bounce_counts_for_whom_it_went_to(db, bob):
    talk = db.conversation(bob, jid=CAROL)
    become(db, CAROL)
    said = say(db, talk, bob)["id"]
    assert db.fail(said, EVE)["outcome"] == 2
    assert db.fail(said, CAROL)["outcome"] == 0


def test_stanzas_wait_once_and_in_order(db, bob):
    for id in ("a", "b", "a", None, None):
        db.rows("SELECT bound_park(%s, %s, %s, 10)", BOB, id, f"<message id='{id}'/>")
    waiting = db.rows("SELECT * FROM bound_parked(%s, 0, 10)", BOB)
    assert [row["stanza"][13:-3] for row in waiting] == ["a", "b", "None", "None"]
    assert db.rows("SELECT * FROM bound_wanted(NULL, 10)") == [{"id": bob, "jid": BOB}]
    db.rows("SELECT bound_parked_sent(%s)", [row["id"] for row in waiting])
    assert db.rows("SELECT * FROM bound_parked(%s, 0, 10)", BOB) == db.rows("SELECT * FROM bound_wanted(NULL, 10)") == []


def test_what_waits_has_a_ceiling_for_each_account(db, bob):
    become(db, CAROL)
    def park(jid, id):
        return db.one("SELECT bound_park(%s, %s, '<message/>', 2)", jid, id)
    assert [park(BOB, id) for id in ("a", "b", "c", "b", None)] == [True, True, False, True, False]
    assert park(CAROL, "c") and park("nobody@example.org", "c")
    assert db.one("SELECT count(*) FROM bound_outbox") == 3


def test_what_has_waited_for_too_long_ends_when_its_message_counts_as_failed(db, bob):
    talk = db.conversation(bob, jid=CAROL)
    said = str(say(db, talk, bob)["id"])
    def expired():
        return [row["stanza"] for row in db.rows("SELECT * FROM bound_expired(3600, 10)")]
    for id in (said, "a-mark", "new"):
        db.rows("SELECT bound_park(%s, %s, %s, 10)", BOB, id, f"<message id='{id}'/>")
    assert expired() == []
    db.rows("UPDATE bound_outbox SET created_at = now() - interval '2 hours' WHERE stanza_id <> 'new'")
    assert expired() == expired() == [f"<message id='{said}'/>"], "what is no message has gone"
    assert db.fail(said, CAROL)["outcome"] == 0
    assert expired() == [] and db.one("SELECT string_agg(stanza_id, ' ') FROM bound_outbox") == "new"
    db.rows("UPDATE bound_outbox SET stanza_id = %s, created_at = now() - interval '26 hours'", str(say(db, talk, bob)["id"]))
    assert expired() == [] and db.one("SELECT count(*) FROM bound_outbox") == 0


def test_an_own_id_of_the_app_lets_the_account_in(db):
    assert [db.one("SELECT bound_link(%s, %s)", "app-bob", jid) for jid in (BOB, BOB, CAROL)] == [0, 1, 2]
    db.user("alice")
    assert db.one("SELECT bound_link('alice', %s)", CAROL) == 2
    row, = db.rows("SELECT * FROM user_sign_in('app-bob', 'app-bob', %s, NULL, NULL, NULL, NULL, NULL)", DOMAIN)
    assert (row["jid"], row["kind"]) == (BOB, "bound")


def test_a_claim_lets_one_account_of_one_id_in(db):
    def sign_in(subject, jid, issued=0):
        return [(row["jid"], row["kind"], row["state"]) for row in
                db.rows("SELECT * FROM bound_token_sign_in(%s, %s, gen_random_uuid(), %s)", subject, jid, issued)]

    assert sign_in("app-bob", BOB) == sign_in("app-bob", BOB) == [(BOB, "bound", 0)]
    assert sign_in("app-bob", CAROL) == sign_in("app-carol", BOB) == []
    db.user("alice")
    assert sign_in("alice", CAROL) == [], "a user of the app stays one"
    assert sign_in("app-alice", f"alice@{DOMAIN}") == [], "and no token takes her address"
    bob = db.one("SELECT id FROM users WHERE jid = %s", BOB)
    db.rows("SELECT user_suspend(%s, NULL)", bob)
    assert sign_in("app-bob", BOB) == [(BOB, "bound", 2)]


def test_the_contact_list_is_the_servers(db, bob):
    def contacts():
        return {row["peer"]: (row["to_peer"], row["from_peer"], row["ask"])
                for row in db.rows("SELECT * FROM contacts WHERE user_id = %s", bob)}

    def roster(whole, **items):
        return db.change("bound_roster", bob, whole=whole, items=[
            {"jid": f"{name}@example.org", "subscription": said, "ask": said == "none"} for name, said in items.items()])
    assert roster(True, carol="both", dave="to", erin="none")["outcome"] == 0
    assert contacts() == {CAROL: (True, True, False), "dave@example.org": (True, False, False), "erin@example.org": (False, False, True)}
    assert roster(True, carol="both", dave="to", erin="none")["outcome"] == 1
    assert roster(False, dave="remove")["outcome"] == 0 and "dave@example.org" not in contacts()
    assert roster(True, carol="from")["outcome"] == 0 and contacts() == {CAROL: (False, True, False)}


def test_the_block_list_is_the_servers(db, bob):
    def blocks():
        return {row["peer"] for row in db.rows("SELECT peer FROM blocks WHERE user_id = %s", bob)}
    def told(done):
        return [(e["payload"]["jid"], e["payload"]["blocked"]) for e in done["events"] or () if e["type"] == "relation.updated"]
    assert told(db.change("bound_blocks", bob, change="list", items=[CAROL, EVE])) == [(None, False)], "several at once"
    assert blocks() == {CAROL, EVE}
    assert told(db.change("bound_blocks", bob, change="removed", items=[EVE])) == [(EVE, False)]
    assert told(db.change("bound_blocks", bob, change="removed", items=[EVE])) == []
    db.change("bound_blocks", bob, change="added", items=["x@example.org"])
    assert blocks() == {CAROL, "x@example.org"}
    assert sent(db) == []  # what the server says is not said to it again
    db.change("bound_blocks", bob, change="cleared", items=[])
    assert blocks() == set()
    db.change("block", bob, jid=CAROL, domain=DOMAIN)
    db.change("unblock", bob, jid=CAROL, domain=DOMAIN)
    assert sent(db) == [("block", bob, CAROL), ("unblock", bob, CAROL)]


def test_contacts_are_asked_through_the_server(db, bob):
    db.user("alice")
    db.conversation(bob, jid=f"alice@{DOMAIN}")
    db.change("contact_add", bob, jid=f"alice@{DOMAIN}", domain=DOMAIN)
    assert [row for row in sent(db) if row[0] == "subscribe"] == [("subscribe", bob, f"alice@{DOMAIN}")]


# ---- Rooms (decision 0084) --------------------------------------------------------------------------

ROOM = "talk@conference.example.org"


def item(room=ROOM, autojoin=True, **more):
    return {"room": room, "autojoin": autojoin, "nick": "Bob", **more}


def bookmarks(db, bob, *items, **more):
    return db.change("bound_bookmarks", bob, items=list(items), **{"whole": False, "there": True, **more})


def known(db, bob):
    """{room: (autojoin, whether it is a group in the app)}."""
    return {entry["jid"]: (entry["autojoin"], entry["conversation_id"] is not None)
            for entry in json.loads(db.one("SELECT bound_bookmark_list(%s)", bob))["items"]}


def written(db):
    return [(row["to_address"], json.loads(row["payload"])["autojoin"])
            for row in db.rows("SELECT to_address, payload FROM outbox WHERE kind = 'bookmark' ORDER BY position, n")]


def test_bookmarks_are_groups_and_say_nothing_back(db, bob):
    assert bookmarks(db, bob, item(), item("known@conference.example.org", False), whole=True)["outcome"] == 0
    assert known(db, bob) == {ROOM: (True, True), "known@conference.example.org": (False, False)}
    assert db.rows("SELECT state, nick FROM guest_seats") == [{"state": "entering", "nick": "Bob"}]
    assert bookmarks(db, bob, item(), item("known@conference.example.org", False), whole=True)["outcome"] == 1
    assert bookmarks(db, bob, item(autojoin=False))["outcome"] == 0
    assert known(db, bob)[ROOM] == (False, False) and db.rows("SELECT state FROM guest_seats") == [{"state": "leaving"}]
    bookmarks(db, bob, item())
    assert bookmarks(db, bob, {"room": ROOM, "gone": True})["outcome"] == 0
    assert ROOM not in known(db, bob) and bookmarks(db, bob, {"room": ROOM, "gone": True})["outcome"] == 1
    bookmarks(db, bob, item())
    assert bookmarks(db, bob, whole=True)["outcome"] == 0 and known(db, bob) == {}
    assert written(db) == []


def test_what_the_app_does_is_written_once_the_server_can_keep_it(db, bob):
    bookmarks(db, bob, whole=True, there=False)
    joined = db.change("guest_join", bob, jid=ROOM, nick="Bobby")
    assert joined["outcome"] == 0 and written(db) == [] and known(db, bob) == {ROOM: (True, True)}
    bookmarks(db, bob, whole=True, there=False)
    assert known(db, bob) == {ROOM: (True, True)}, "it has not been told yet"
    bookmarks(db, bob)
    assert written(db) == [(ROOM, True)]
    talk = joined["result"]["conversation"]["id"]
    assert db.change("member_leave", bob, conversation_id=talk)["outcome"] == 0
    assert written(db) == [(ROOM, True), (ROOM, False)] and known(db, bob) == {ROOM: (False, False)}
    alice = db.user("alice")
    db.change("guest_join", alice, jid=ROOM)
    assert len(written(db)) == 2, "it is no business of users of ours"


def test_an_account_without_a_session_is_in_no_room(db, bob):
    bookmarks(db, bob, item())
    db.one("UPDATE guest_seats SET state = 'in' RETURNING 1")
    db.one("SELECT bound_seats(%s, false)::text", BOB)
    assert db.rows("SELECT state, due_at FROM guest_seats") == [{"state": "entering", "due_at": None}]
    db.one("SELECT bound_seats(%s, true)::text", BOB)
    assert [(row["state"], row["jid"], row["room"]) for row in db.rows("SELECT * FROM guest_take(10)")] == [("entering", BOB, ROOM)]


def test_a_room_that_is_blocked_is_left_alone(db, bob):
    db.one("INSERT INTO blocks (user_id, peer) VALUES (%s, 'conference.example.org') RETURNING 1", bob)
    bookmarks(db, bob, item())
    assert known(db, bob) == {ROOM: (True, False)} and db.rows("SELECT FROM guest_seats") == []


def test_what_an_account_said_here_comes_back_as_itself(db, bob):
    """A poll goes out as a text, and the account's server hands it on under the id that it has."""
    alice = db.user("alice")
    talk = db.conversation(bob, alice)
    said = say(db, talk, bob)["id"]
    db.rows("UPDATE messages SET kind = 'poll', body = NULL, details = '{\"poll\": {\"question\": \"q\"}}' WHERE id = %s", said)
    came, = db.rows("SELECT outcome, id FROM message_receive(ARRAY[%s]::uuid[], ARRAY[%s], ARRAY[%s], ARRAY['q 1. a'], ARRAY[%s]::uuid[], "
                    "ARRAY[%s], ARRAY['x'], ARRAY[true], ARRAY['<message/>'], ARRAY[false])", said, BOB, f"alice@{DOMAIN}", said, f"{BOB}/x")
    assert (came["outcome"], came["id"]) == (1, said)
