# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles change once, are told to partners, and users are found by the beginnings of their names."""
import base64
import json

import pytest

from conftest import DOMAIN, new_id, user_object

HASH = "a" * 40
OTHER = "b" * 40


def change(db, change_name, user, **arguments):
    row = db.rows("SELECT * FROM change_apply(%s, %s::uuid[], %s)", [change_name], [user], [json.dumps(arguments)])[0]
    return row["outcome"], json.loads(row["result"]) if row["result"] else None, json.loads(row["events"] or "[]")


def picture(db, name=HASH):
    data = base64.b64encode(b"bytes").decode()
    db.rows("SELECT picture_store(%s, 'image/jpeg', %s, %s, 10, 20)", name, data, data)


def found(db, viewer, text):
    return [item["jid"] for item in db.one("SELECT to_jsonb(user_search(%s, %s, 20))", viewer, text)["items"] or ()]


def test_a_change_is_told_once_to_the_user_and_partners(db):
    alice, bob, _ = (db.provision(str(i), n)["id"] for i, n in enumerate(["alice", "bob", "carol"]))
    db.store(dict(conversation=db.conversation(alice, bob), sender=alice))
    outcome, user, events = change(db, "profile", alice, name="Alice A.", bio="hello")
    assert outcome == 0 and user["name"] == "Alice A." and user["bio"] == "hello"
    assert [e["type"] for e in events] == ["user.updated"] and set(events[0]["users"]) == {alice, bob}
    assert events[0]["payload"] == user_object(user)
    outcome, again, events = change(db, "profile", alice, name="Alice A.", bio="hello")
    assert outcome == 1 and again == user and events == []
    outcome, user, _ = change(db, "profile", alice, bio=None)
    assert outcome == 0 and user["bio"] is None and user["name"] == "Alice A."
    assert change(db, "profile", new_id(), name="x")[0] == 2


def test_partners_who_may_not_see_the_profile_do_not_hear_of_it(db):
    alice, bob, carol = (db.provision(str(i), n)["id"] for i, n in enumerate(["alice", "bob", "carol"]))
    db.opened(alice, bob)
    db.opened(carol, alice)
    db.change("block", alice, user_id=bob)
    before = db.head()

    def heard(user):
        return "user.updated" in [row["type"] for row in db.resume(user, before)]

    _, _, events = change(db, "profile", alice, name="For some")
    assert set(events[0]["users"]) == {alice, carol}
    assert heard(alice) and heard(carol) and not heard(bob)
    # the same where many events are skipped by asking each conversation
    db.rows("SELECT event_add('user.updated', 'user', NULL, %s, '{}') FROM generate_series(1, 1001)", new_id())
    assert heard(alice) and heard(carol) and not heard(bob)
    db.change("privacy", alice, profile="contacts")
    _, _, events = change(db, "profile", alice, name="For contacts")
    assert set(events[0]["users"]) == {alice}
    assert not heard(carol) and not heard(bob)


def test_a_closed_profile_is_closed_by_every_way_there(db):
    avatar = "https://a.example/a.png"
    alice = db.provision("1", "alice", "alice", "Alice", avatar)["id"]
    bob, carol = db.user("bob"), db.user("carol")
    change(db, "profile", alice, bio="mine")
    talk = db.conversation(alice, bob)
    db.store(dict(conversation=talk, sender=alice))

    def shown(viewer):
        talked = db.conversations(viewer)["items"][0]
        peer, = (p["user"] for p in talked["participants"] if p["user"]["id"] == alice)
        messages = [db.page(viewer, talk)["items"][0]]
        messages.append(db.message(viewer, messages[0]["id"]))
        messages += [json.loads(r["payload"]) for r in db.resume(viewer, 0) if r["type"] == "message.new"]
        messages += db.search(viewer, "hello", limit=9)["items"]
        assert len(messages) == 4
        users = [peer, *(message["sender"] for message in messages)]
        return [(user["name"], user["bio"], user["avatar_url"]) for user in users] + [talked["icon_url"]]

    assert shown(bob) == [("Alice", "mine", avatar)] * 5 + [avatar]
    db.change("contact_add", bob, user_id=alice, domain=DOMAIN)
    db.change("block", alice, user_id=bob)
    assert shown(bob) == [("Alice", None, None)] * 5 + [None]
    assert shown(alice)[0] == ("Alice", "mine", avatar)
    contact, = json.loads(db.one("SELECT contact_list(%s, 10, NULL)", bob))["items"]
    assert contact["user"]["avatar_url"] is None
    db.change("unblock", alice, user_id=bob)
    assert shown(bob) == [("Alice", "mine", avatar)] * 5 + [avatar]
    db.change("privacy", alice, profile="contacts")
    opened = db.opened(carol, alice)["result"]
    assert opened["icon_url"] is None and avatar not in json.dumps(opened)
    blocked = db.change("block", carol, user_id=alice)["result"]["block"]["user"]
    assert blocked["id"] == alice and blocked["avatar_url"] is None and blocked["bio"] is None


@pytest.mark.parametrize("first", ["the conversation", "the setting"])
def test_a_message_says_to_whom_its_sender_is_closed(db, first):
    alice, bob = db.user("alice"), db.user("bob")
    change(db, "profile", alice, bio="mine")
    if first == "the conversation":
        talk = db.conversation(alice, bob)
        before, = db.store(dict(conversation=talk, sender=alice))
        assert before["closed_to"] is None and before["shown"] is None
    db.change("privacy", alice, profile="contacts")
    talk = db.conversation(alice, bob)
    row, = db.store(dict(conversation=talk, sender=alice))
    assert row["closed_to"] == [bob] and row["shown"]["bio"] is None
    db.change("privacy", alice, profile="everyone")
    row, = db.store(dict(conversation=talk, sender=alice))
    assert row["closed_to"] is None and row["shown"] is None


def test_blocking_tells_of_nobody_who_may_not_be_known(db):
    alice, bob = db.user("alice"), db.user("bob")
    jid = f"alice@{DOMAIN}"
    nobody = db.change("block", bob, user_id=new_id())
    db.change("block", alice, user_id=bob)
    for name in ("block", "unblock"):
        reply = db.change(name, bob, user_id=alice)
        assert (reply["outcome"], reply["result"]) == (nobody["outcome"], nobody["result"]) == (2, None)
        one, other = (db.change(name, bob, jid=at, domain=DOMAIN) for at in (jid, f"nobody@{DOMAIN}"))
        assert one["outcome"] == other["outcome"]
        assert json.dumps(one["result"]).replace("alice", "nobody") == json.dumps(other["result"])
    db.change("unblock", alice, user_id=bob)
    talk = db.conversation(alice, bob)
    db.store(dict(conversation=talk, sender=alice))
    db.change("block", alice, user_id=bob)
    assert db.change("block", bob, user_id=alice)["outcome"] == 0  # they know of each other
    assert db.change("unblock", bob, user_id=alice)["outcome"] == 0


def test_the_blocked_and_declined_are_not_asked_for_their_pictures(db):
    alice, peer = db.user("alice"), "bob@example.org"

    def wanted():
        return db.rows("SELECT wanted FROM remote_profile_wanted(%s, %s)", alice, peer)[0]["wanted"]

    db.change("privacy", alice, messages="contacts")
    db.receive(dict(sender=peer, to=f"alice@{DOMAIN}"))
    talk = db.conversations(alice, filter="requests")["items"][0]["id"]
    assert wanted()
    db.change("request_decline", alice, conversation_id=talk)
    assert not wanted()
    db.change("request_accept", alice, conversation_id=talk)
    assert wanted()
    for jid in (peer, "example.org"):
        db.change("block", alice, jid=jid, domain=DOMAIN)
        assert not wanted()
        db.change("unblock", alice, jid=jid, domain=DOMAIN)
        assert wanted()


def test_an_own_name_outlives_the_tokens_until_it_is_cleared(db):
    alice = db.provision("1", "alice", "alice", "Token")["id"]
    change(db, "profile", alice, name="Mine")
    assert json.loads(db.provision("1", "alice", "alice", "Token 2")["facts"])["name"] == "Mine"
    change(db, "profile", alice, name=None)
    assert json.loads(db.provision("1", "alice", "alice", "Token 3")["facts"])["name"] == "Token 3"


def test_an_upload_covers_the_tokens_picture_and_is_dropped_with_its_last_user(db):
    alice = db.provision("1", "alice", "alice", None, "https://a.example/a.png")["id"]
    bob = db.provision("2", "bob")["id"]
    assert change(db, "profile", alice, avatar_hash=HASH)[0] == 3
    picture(db)
    assert change(db, "profile", alice, avatar_hash=HASH)[1]["avatar_url"] == f"/api/avatars/{HASH}"
    change(db, "profile", bob, avatar_hash=HASH)
    row = db.rows("SELECT * FROM picture_png(%s)", HASH)[0]
    assert (row["bytes"], row["width"], row["height"]) == (5, 10, 20)
    assert change(db, "profile", alice, avatar_hash=None)[1]["avatar_url"] == "https://a.example/a.png"
    assert db.one("SELECT count(*) FROM picture_get(%s)", HASH) == 1
    change(db, "profile", bob, avatar_hash=None)
    assert db.one("SELECT count(*) FROM picture_get(%s)", HASH) == 0


def test_what_a_remote_user_shows(db):
    alice = db.provision("1", "alice")["id"]
    peer = "bob@example.org"
    wanted = "SELECT wanted, known FROM remote_profile_wanted(%s, %s)"
    assert not db.rows(wanted, alice, peer)[0]["wanted"]
    db.rows("SELECT user_remote(%s)", peer)
    assert db.rows(wanted, alice, peer)[0]["wanted"] is False
    db.opened(alice, jid=peer)
    assert db.rows(wanted, alice, peer)[0]["wanted"] is True
    picture(db)
    outcome, _, events = change(db, "remote_profile", alice, jid=peer, announced_hash="x", avatar_hash=HASH,
                                full_name="Bob B.")
    assert outcome == 0 and events[0]["users"] == [alice]
    assert events[0]["payload"]["avatar_url"] == f"/api/avatars/{HASH}" and events[0]["payload"]["name"] == "Bob B."
    assert db.rows(wanted, alice, peer)[0]["known"] == "x"
    assert change(db, "remote_profile", None, jid=peer, full_name="Robert")[0] == 1
    assert change(db, "remote_profile", None, jid=peer, nick="Bobby")[2][0]["payload"]["name"] == "Bobby"
    assert change(db, "remote_profile", None, jid=peer, nick="")[2][0]["payload"]["name"] == peer
    assert change(db, "remote_profile", None, jid=peer, announced_hash="", avatar_hash="")[2][0]["payload"][
        "avatar_url"] is None
    assert change(db, "remote_profile", None, jid=f"alice@{DOMAIN}", nick="Mallory")[0] == 2


def test_users_are_found_by_the_beginnings_of_words(db):
    alice = db.provision("1", "alice", "alice", "Alice Müller-Lüdenscheidt")["id"]
    bob = db.provision("2", "bob", "bobby", "Роберт Smith")["id"]
    assert found(db, bob, "ali") == [f"alice@{DOMAIN}"]
    assert found(db, bob, "MÜL") == found(db, bob, "lüdensch") == found(db, bob, "mül ali") == [f"alice@{DOMAIN}"]
    assert found(db, bob, "lice") == found(db, bob, "al") == found(db, bob, "mül bob") == []
    assert found(db, alice, "роб") == found(db, alice, "bobb smi") == [f"bob@{DOMAIN}"]
    assert found(db, alice, "alice") == []  # not oneself
    assert found(db, bob, "a%_") == found(db, bob, "---") == found(db, bob, "") == []
    change(db, "profile", alice, name="Zoë")
    assert found(db, bob, "mül") == [] and found(db, bob, "zoë") == [f"alice@{DOMAIN}"]


def test_users_are_found_as_messages_are(db):
    alice = db.provision("1", "alice")["id"]
    for key, name in (("b", "Jo\u0308rg 🎉Groß"), ("c", "我的王伟"), ("d", "ﬁona O’Brien")):
        db.provision(key, key, None, name)
    for query, key in (("JÖR", "b"), ("gross", "b"), ("王伟", "c"), ("FIONA", "d"), ("o'brien", "d")):
        assert found(db, alice, query) == [f"{key}@{DOMAIN}"], query


def test_remote_users_are_found_by_those_who_talk_to_them(db):
    alice, bob = db.provision("1", "alice")["id"], db.provision("2", "bob")["id"]
    db.opened(alice, jid="carol@example.org")
    assert found(db, alice, "carol") == ["carol@example.org"] and found(db, bob, "carol") == []


def test_a_search_yields_twenty(db):
    alice = db.provision("0", "alice")["id"]
    for i in range(30):
        db.provision(f"n{i}", f"many{i:02}")
    assert len(found(db, alice, "many")) == 20 and len(set(found(db, alice, "many"))) == 20


def addressed(db, viewer, text):
    row, = db.rows("SELECT to_jsonb(list) AS list, complete FROM user_addressed(%s, %s, 20)", viewer, text)
    return [user["jid"] for user in row["list"]["items"] or ()], row["complete"]


def test_an_address_is_found_while_it_is_typed(db):
    alice, carol = db.user("alice"), db.user("carol")
    db.opened(alice, jid="bob@example.org")
    db.change("contact_add", alice, jid="bob@example.net", domain=DOMAIN)
    both = ["bob@example.net", "bob@example.org"]
    for text in ("bob@", "bob@exam", "bob@example."):
        assert addressed(db, alice, text) == (both, False)
        assert addressed(db, carol, text) == ([], False)
    assert addressed(db, alice, "bob@example.org") == (both[1:], True)
    assert addressed(db, alice, "carol@ap") == ([f"carol@{DOMAIN}"], False)


def test_who_is_called_exactly_that_is_found_however_short_it_is(db):
    bob = db.user("bob")
    li, wei, al, _ = (db.provision(str(i), f"x{i}", None, name)["id"] for i, name in enumerate(
        ["Li Wu", "王伟", "Al", "Li Wu Chang"]))
    jids = {id: db.one("SELECT jid FROM users WHERE id = %s", id) for id in (li, wei, al)}
    assert found(db, bob, "Li Wu") == found(db, bob, " li  WU ") == [jids[li]]
    assert found(db, bob, "王伟") == [jids[wei]] and found(db, bob, "al") == [jids[al]]
    assert found(db, bob, "li") == found(db, bob, "王") == found(db, bob, "a") == []
    assert found(db, bob, "x0") == [jids[li]]  # the address is a name, too
    db.change("privacy", li, profile="contacts")
    assert found(db, bob, "Li Wu") == []


def test_exact_names_come_first(db):
    bob = db.user("bob")
    for i in range(30):
        db.provision(f"n{i}", f"n{i}", None, "Anna Aardvark")
    anna = db.provision("a", "zz", None, "Anna")["jid"]
    assert found(db, bob, "anna")[0] == anna and len(found(db, bob, "anna")) == 20


def test_candidates(db):
    alice = db.provision("0", "alice")["id"]
    db.provision("1", "bob")
    assert addressed(db, alice, f"bob@{DOMAIN}") == ([f"bob@{DOMAIN}"], True)
    for jid in (f"nobody@{DOMAIN}", f"alice@{DOMAIN}", "bob@example.org"):
        assert addressed(db, alice, jid) == ([], False)
    one = db.one("SELECT to_jsonb(user_candidate(%s, %s))", alice, "x@example.org")["items"]
    two = db.one("SELECT to_jsonb(user_candidate(%s, %s))", alice, "x@example.org")["items"]
    assert one == two and one[0]["kind"] == "remote"
    assert db.one("SELECT user_get(%s, %s)", alice, one[0]["id"]) is not None
    assert db.rows("SELECT user_get(%s, %s)", alice, new_id()) == []


def test_one_who_set_it_while_an_older_version_ran_closes_the_conversations_by_the_next_change(db):
    alice, bob = db.user("alice"), db.user("bob")
    talk = db.conversation(alice, bob)
    db.rows("UPDATE users SET privacy_profile = 'contacts' WHERE id = %s", alice)
    db.change("privacy", alice, receipts=False)
    row, = db.store(dict(conversation=talk, sender=alice))
    assert row["closed_to"] == [bob]
