# SPDX-License-Identifier: GPL-3.0-or-later
"""What users call their contacts, and how they group them: their own list, and that of an account's server."""
import json

import pytest

from conftest import DOMAIN

BOB, CAROL, DAVE = "bob@example.org", "carol@example.org", "dave@example.org"


@pytest.fixture
def alice(db):
    return db.user("alice")


@pytest.fixture
def bob(db):
    """An account of another server."""
    return db.one("SELECT bound_become(%s)", BOB)


def id_of(db, jid):
    return str(db.one("SELECT id FROM users WHERE jid = %s", jid))


def update(db, user, jid, **arguments):
    """Unlike db.change(), with nulls."""
    row, = db.rows("SELECT * FROM change_apply(ARRAY['contact_update'], ARRAY[%s]::uuid[], ARRAY[%s])", user,
                   json.dumps({"user_id": id_of(db, jid), **arguments}))
    result = json.loads(row["result"] or "{}")
    return row["outcome"], result.get("contact", result)


def contacts(db, user):
    return {c["user"]["jid"]: (c["subscription"], c["name"], c["groups"])
            for c in json.loads(db.one("SELECT contact_list(%s, 50, NULL)", user))["items"]}


def told(done):
    return [(e["payload"]["jid"], e["payload"]["contact"]["name"], e["payload"]["contact"]["groups"])
            for e in done["events"] or () if e["type"] == "user.updated"]


def item(jid, subscription="both", **more):
    return {"jid": jid, "subscription": subscription, "ask": False, "groups": [], **more}


def roster(db, user, *items, whole=False):
    return db.change("bound_roster", user, whole=whole, items=list(items))


def written(db):
    """What is sent to the server of an account about its list: (what, about whom, as what)."""
    return [(row["kind"], row["to_address"], row["payload"] and json.loads(row["payload"])) for row in
            db.rows("SELECT kind, to_address, payload FROM outbox WHERE kind LIKE 'roster.%%' ORDER BY position, n")]


# ---- Our own users

def test_a_name_and_groups_are_the_users_own(db, alice):
    bella = db.user("bella")
    db.change("contact_add", alice, user_id=str(bella), domain=DOMAIN)
    db.change("contact_add", bella, user_id=str(alice), domain=DOMAIN)
    jid = f"bella@{DOMAIN}"
    outcome, contact = update(db, alice, jid, name="My sister", groups=["Kin", "Abroad"])
    assert (outcome, contact["name"], contact["groups"]) == (0, "My sister", ["Abroad", "Kin"])
    assert contacts(db, alice)[jid] == ("both", "My sister", ["Abroad", "Kin"])
    assert contacts(db, bella)[f"alice@{DOMAIN}"] == ("both", None, []), "nobody else is told"
    assert update(db, alice, jid, groups=["Kin", "Abroad"])[0] == 1, "the order says nothing"
    assert update(db, alice, jid)[0] == 1
    assert update(db, alice, jid, name=None)[1]["groups"] == ["Abroad", "Kin"]
    assert contacts(db, alice)[jid] == ("both", None, ["Abroad", "Kin"])
    assert update(db, alice, jid, groups=[])[0] == 0 and contacts(db, alice)[jid] == ("both", None, [])
    assert written(db) == []


def test_a_change_is_told_once(db, alice):
    db.change("contact_add", alice, jid=CAROL, domain=DOMAIN)
    carol = id_of(db, CAROL)
    done = db.change("contact_update", alice, user_id=carol, name="C.", groups=["Work"])
    assert told(done) == [(CAROL, "C.", ["Work"])] and done["outcome"] == 0
    again = db.change("contact_update", alice, user_id=carol, name="C.", groups=["Work"])
    assert told(again) == [] and again["outcome"] == 1 and again["result"]["contact"] == done["result"]["contact"]


def test_who_is_no_contact_has_no_name(db, alice):
    db.user("bella")
    db.conversation(alice, "bella")
    assert update(db, alice, f"bella@{DOMAIN}", name="B")[0] == 2
    assert db.rows("SELECT FROM contacts") == []


def test_a_group_is_there_once(db, alice):
    db.change("contact_add", alice, jid=CAROL, domain=DOMAIN)
    outcome, wrong = update(db, alice, CAROL, groups=["Work", "Kin", "Work"])
    assert (outcome, wrong["pointer"]) == (6, "/groups") and contacts(db, alice)[CAROL] == ("none", None, [])


def test_who_has_a_name_stays_when_a_subscription_ends(db, alice):
    """As RFC 6121 has it; without one there is nothing left to say. Who is removed is removed."""
    for jid in (CAROL, DAVE):
        db.change("contact_add", alice, jid=jid, domain=DOMAIN)
    update(db, alice, CAROL, name="C.")
    for jid in (CAROL, DAVE):
        db.change("contact_stanza", alice, type="unsubscribed", peer=jid)
    assert contacts(db, alice) == {CAROL: ("none", "C.", [])}
    db.change("block", alice, jid="nobody@example.net", domain=DOMAIN)
    assert contacts(db, alice) == {CAROL: ("none", "C.", [])}
    db.change("contact_add", alice, jid=CAROL, domain=DOMAIN)
    db.change("contact_stanza", alice, type="subscribed", peer=CAROL)
    assert contacts(db, alice) == {CAROL: ("to", "C.", [])}
    db.change("contact_stanza", alice, type="unsubscribed", peer=CAROL)
    assert update(db, alice, CAROL, name=None)[0] == 0 and contacts(db, alice) == {}
    db.change("contact_add", alice, jid=DAVE, domain=DOMAIN)
    update(db, alice, DAVE, groups=["Work"])
    assert db.change("contact_remove", alice, user_id=id_of(db, DAVE))["outcome"] == 0 and contacts(db, alice) == {}


def test_a_copy_has_them(db, alice):
    db.change("contact_add", alice, jid=CAROL, domain=DOMAIN)
    update(db, alice, CAROL, name="C.", groups=["Work", "Kin"])
    row, = db.rows("SELECT * FROM export_rows(%s, 'contacts', NULL, NULL, 10)", alice)
    assert {key: json.loads(row["line"])[key] for key in ("jid", "called", "groups")} == {
        "jid": CAROL, "called": "C.", "groups": ["Kin", "Work"]}


# ---- Accounts of another server

def test_the_servers_names_are_the_apps(db, bob):
    first = roster(db, bob, item(CAROL, name="C.", groups=["Kin", "Work"]), item(DAVE), whole=True)
    assert contacts(db, bob) == {CAROL: ("both", "C.", ["Kin", "Work"]), DAVE: ("both", None, [])}
    assert sorted(told(first)) == [(CAROL, "C.", ["Kin", "Work"]), (DAVE, None, [])]
    same = roster(db, bob, item(CAROL, name="C.", groups=["Kin", "Work"]), item(DAVE), whole=True)
    assert same["outcome"] == 1 and told(same) == []
    assert told(roster(db, bob, item(CAROL, name="Caroline", groups=["Kin"]))) == [(CAROL, "Caroline", ["Kin"])]
    assert told(roster(db, bob, item(CAROL, name="Caroline"))) == [(CAROL, "Caroline", [])]
    assert told(roster(db, bob, item(CAROL))) == [(CAROL, None, [])]
    assert written(db) == [], "what the server says is not said to it again"


def test_one_is_named_twice_in_a_list_and_told_once(db, bob):
    done = roster(db, bob, item(CAROL, name="one"), item(CAROL, name="two"))
    assert told(done) == [(CAROL, "two", [])] and contacts(db, bob) == {CAROL: ("both", "two", [])}


def test_whom_nobody_sees_is_a_contact_if_something_is_said_of_them(db, bob):
    roster(db, bob, item(CAROL, "none", name="C."), item(DAVE, "none"), item("erin@example.org", "none", groups=["Kin"]), whole=True)
    assert contacts(db, bob) == {CAROL: ("none", "C.", []), "erin@example.org": ("none", None, ["Kin"])}
    assert told(roster(db, bob, item(CAROL, "none"))) == [(CAROL, None, [])]
    roster(db, bob, item("erin@example.org", "remove"))
    assert contacts(db, bob) == {}


def test_who_asks_and_is_in_no_list_has_no_name(db, bob):
    db.change("contact_stanza", bob, type="subscribe", peer=CAROL)
    assert roster(db, bob, item(CAROL, "none", name="C."))["outcome"] == 0
    assert contacts(db, bob)[CAROL] == ("none", "C.", [])
    done = roster(db, bob, whole=True)
    assert contacts(db, bob)[CAROL] == ("none", None, []) and told(done) == [(CAROL, None, [])]
    assert roster(db, bob, whole=True)["outcome"] == 1


def test_a_change_in_the_app_goes_to_the_server_whole(db, bob):
    roster(db, bob, item(CAROL, name="C.", groups=["Kin"]), whole=True)
    assert update(db, bob, CAROL, name="Caroline")[0] == 0
    assert update(db, bob, CAROL, name="Caroline")[0] == 1
    assert update(db, bob, CAROL, groups=["Work", "Kin"])[0] == 0
    assert update(db, bob, CAROL, name=None, groups=[])[0] == 0
    assert written(db) == [("roster.item", CAROL, {"name": "Caroline", "groups": ["Kin"]}),
                           ("roster.item", CAROL, {"name": "Caroline", "groups": ["Kin", "Work"]}),
                           ("roster.item", CAROL, {"groups": []})]
    # The push of the last one changes nothing, as one of before it does.
    assert roster(db, bob, item(CAROL))["outcome"] == 1
    assert told(roster(db, bob, item(CAROL, name="Caroline"))) == [(CAROL, "Caroline", [])]


def test_what_cannot_be_shown_is_not_lost_at_the_server(db, bob):
    raw = {"name": "C.  ", "groups": ["", "Kin"]}
    roster(db, bob, item(CAROL, name="C.", groups=["Kin"], listed=raw), item(DAVE, name="D", groups=["G"], listed={}), whole=True)
    assert update(db, bob, CAROL, groups=["Work"])[0] == 0
    assert update(db, bob, CAROL, name="Caroline")[0] == 0
    assert written(db) == [("roster.item", CAROL, {"name": "C.  ", "groups": ["Work"]}),
                           ("roster.item", CAROL, {"name": "Caroline", "groups": ["Work"]})]
    assert db.one("SELECT listed FROM contacts WHERE peer = %s", CAROL) is None
    assert (update(db, bob, DAVE, name="Dave")[1]["pointer"], update(db, bob, DAVE, groups=[])[1]["pointer"]) == ("/groups", "/name")
    assert update(db, bob, DAVE, name="D")[0] == 1
    assert update(db, bob, DAVE, name="Dave", groups=["G"])[0] == 0 and written(db)[2:] == [("roster.item", DAVE, {"name": "Dave", "groups": ["G"]})]
    # What is only in the server's own spelling is noted, and nobody is told.
    assert roster(db, bob, item(DAVE, name="Dave", groups=["G"], listed={"name": " Dave"}))["outcome"] == 1
    update(db, bob, DAVE, groups=[])
    assert written(db)[3:] == [("roster.item", DAVE, {"name": " Dave", "groups": []})]


def test_who_is_removed_goes_from_the_servers_list(db, bob):
    """Else it would keep them, with the name; who has only asked is in no list."""
    roster(db, bob, item(CAROL, name="C."), item(DAVE, "none", name="D"), whole=True)
    db.change("contact_stanza", bob, type="subscribe", peer="erin@example.org")
    for jid in (CAROL, DAVE, "erin@example.org"):
        assert db.change("contact_remove", bob, user_id=id_of(db, jid))["outcome"] == 0
    assert contacts(db, bob) == {} and written(db) == [("roster.remove", CAROL, None), ("roster.remove", DAVE, None)]
    kinds = [row["kind"] for row in db.rows("SELECT kind FROM outbox WHERE to_address = %s ORDER BY position, n", CAROL)]
    assert kinds == ["unsubscribe", "unsubscribed", "roster.remove"]


def test_asking_for_more_keeps_the_name(db, bob):
    roster(db, bob, item(CAROL, "none", name="C.", groups=["Kin"]), whole=True)
    db.change("contact_add", bob, jid=CAROL, domain=DOMAIN)
    assert contacts(db, bob) == {CAROL: ("none", "C.", ["Kin"])} and written(db) == []
    db.change("contact_stanza", bob, type="unsubscribed", peer=CAROL)
    assert contacts(db, bob) == {CAROL: ("none", "C.", ["Kin"])} and written(db) == []
