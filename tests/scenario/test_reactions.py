# SPDX-License-Identifier: GPL-3.0-or-later
"""Reactions (XEP-0444): between app users, and with somebody in slixmpp, whose plugin sends and reads them."""
import json
import uuid
from urllib.parse import quote

import pytest
from harness import fault
from harness.inbox import run
from harness.load import wait_outbox_empty
from harness.xmpp import CLIENT

REACTIONS = "urn:xmpp:reactions:0"
FALLBACK = "urn:xmpp:fallback:0"


def react(user, message, emoji, method="PUT", status=200):
    return user.call(status, method, f"/api/messages/{message['id']}/reactions/{quote(emoji)}")


def shown(user, talk, message):
    """[(emoji, count, me)] on that message."""
    item = next(m for m in user.messages(talk)["items"] if m["id"] == message["id"])
    assert user.call(200, "GET", f"/api/messages/{message['id']}")["reactions"] == item["reactions"]
    return [(r["emoji"], r["count"], r["me"]) for r in item["reactions"]]


def sets(client, id):
    """The sets that came about a message, oldest first."""
    found = [s.child(REACTIONS, "reactions") for s in client.inbox.received if s.name == "message" and s.has(REACTIONS, "reactions")]
    return [[one.text for one in r] for r in found if r.get("id") == id]


def expect_set(client, id, *emoji):
    return client.expect_stanza(f"{emoji} on {id}", lambda s: s.name == "message" and s.has(REACTIONS, "reactions")
                                and s.child(REACTIONS, "reactions").get("id") == id
                                and [one.text for one in s.child(REACTIONS, "reactions")] == list(emoji))


def send_set(client, to, id, *emoji):
    async def send():
        client._client.register_plugin("xep_0444")
        client._client["xep_0444"].send_reactions(to, id, set(emoji))
    run(send())


def send_raw_set(client, to, id, inner, extra=""):
    client.send_raw(f"<message xmlns='{CLIENT}' to='{to}' type='chat' id='{uuid.uuid4()}'>"
                    f"<reactions xmlns='{REACTIONS}' id='{id}'>{inner}</reactions>{extra}</message>")


def test_app_users_react_by_routes_and_commands(app):
    alice, bella, cleo = app("alice"), app("bella"), app("cleo")
    talk = alice.call(201, "POST", "/api/groups", {"name": "Us", "members": [
        {"user_id": user.me()["id"]} for user in (bella, cleo)]})
    message = alice.send(talk, "Lunch?")
    assert message["reactions"] == []
    with alice.ws() as socket, cleo.ws() as other:
        done = react(bella, message, "👍")
        assert done == {"message_id": message["id"], "reactions": [
            {"emoji": "👍", "count": 1, "users": [bella.me()["id"]], "me": True}]}
        for told in (socket, other):
            event = told.expect("message.reaction", message_id=message["id"], emoji="👍", added=True, user_id=bella.me()["id"])
            assert event["payload"]["reactions"] == [{"emoji": "👍", "count": 1, "users": [bella.me()["id"]]}]
        assert react(bella, message, "👍") == done
        ack = socket.command("message.react", message_id=message["id"], emoji="👍")
        assert [(r["count"], r["me"]) for r in ack["reactions"]] == [(2, True)]
        react(cleo, message, "❤️")
        assert shown(cleo, talk, message) == [("👍", 2, False), ("❤️", 1, True)]
        assert cleo.conversation(talk)["last_message"]["reactions"] == cleo.messages(talk)["items"][-1]["reactions"]
        socket.command("message.unreact", message_id=message["id"], emoji="👍")
        react(bella, message, "👍", "DELETE")
        other.expect("message.reaction", user_id=bella.me()["id"], added=False)
        assert shown(alice, talk, message) == [("❤️", 1, False)]
        other.sync()
        assert len(other.frames("message.reaction")) == 5
        assert socket.refused("message.react", message_id=message["id"], emoji="ok")["code"] == "unprocessable"
    assert cleo.conversation(talk)["unread_count"] == 1


def test_whoever_was_away_sees_what_stands_now(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    message = alice.send(talk, "Well?")
    with alice.ws() as socket:
        cursor = socket.hello["cursor"]
    react(bella, message, "👍")
    react(bella, message, "👍", "DELETE")
    react(bella, message, "🎉")
    with alice.ws(resume=cursor) as socket:
        last = socket.expect("message.reaction", emoji="🎉")["payload"]
        socket.expect("resumed")
        frames = [f["payload"] for f in socket.frames("message.reaction")]
        assert {(f["emoji"], f["added"]) for f in frames} == {("👍", False), ("🎉", True)}
        assert all(f["reactions"] == last["reactions"] for f in frames)
    # A page says the same, and besides who "me" is.
    item, = (m for m in alice.messages(talk)["items"] if m["id"] == message["id"])
    assert [{key: r[key] for key in last["reactions"][0] if key != "me"} for r in item["reactions"]] \
        == [{key: r[key] for key in r if key != "me"} for r in last["reactions"]]


def test_both_ways_with_somebody_on_xmpp(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        ours = alice.send(talk, "Ours")
        id = bob.send_message(name, "Theirs")
        theirs = socket.expect("message.new", content="Theirs")["payload"]
        react(alice, theirs, "👍")
        got = expect_set(bob, id, "👍")
        assert got.sender == f"{name}/rest" and got.type == "chat" and got.has("urn:xmpp:hints", "store") and not got.body
        react(alice, theirs, "❤️")
        expect_set(bob, id, "👍", "❤️")
        react(alice, theirs, "👍", "DELETE")
        react(alice, theirs, "❤️", "DELETE")
        expect_set(bob, id)
        bob.expect_message("Ours")
        send_set(bob, name, ours["id"], "🎉")
        told = socket.expect("message.reaction", message_id=ours["id"], emoji="🎉", added=True)["payload"]
        assert told["user_id"] == theirs["sender_id"]
        react(alice, ours, "🎉")
        expect_set(bob, ours["id"], "🎉")
        assert shown(alice, talk, ours) == [("🎉", 2, True)]
        send_set(bob, name, ours["id"], "😀")
        socket.expect("message.reaction", message_id=ours["id"], emoji="😀", added=True)
        send_set(bob, name, id, "😎")  # on what bob himself has said
        socket.expect("message.reaction", message_id=theirs["id"], emoji="😎", added=True)
        send_set(bob, name, ours["id"])
        socket.expect("message.reaction", message_id=ours["id"], emoji="😀", added=False)
        assert shown(alice, talk, ours) == [("🎉", 1, True)]
        assert REACTIONS in bob.disco_info(f"{name}/rest")[1]


@pytest.mark.parametrize("part", ["bridge", "xmpp"])
def test_a_restart_between_loses_nothing(stack, app, xmpp, part):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    talk = alice.conversation_with(jid=bob.bare)
    ours = alice.send(talk, "Kept")
    bob.expect_message("Kept")
    wait_outbox_empty(stack)
    stack.kill(part)
    if part == "xmpp":  # while nobody takes it; only the last set matters
        react(alice, ours, "👍")
        react(alice, ours, "🎉")
    stack.restart(part)
    fault.wait_ready(stack)
    if part == "xmpp":
        bob = xmpp("bob")
        expect_set(bob, ours["id"], "👍", "🎉")
        assert sets(bob, ours["id"])[-1] == ["👍", "🎉"]
    with alice.ws() as socket:
        send_set(bob, name, ours["id"], "❤️")
        socket.expect("message.reaction", message_id=ours["id"], emoji="❤️", added=True)
        react(alice, ours, "❤️")
        bob.expect_stanza("the set", lambda s: s.has(REACTIONS, "reactions") and "❤️" in [
            one.text for one in s.child(REACTIONS, "reactions")])


def test_a_text_is_shown_unless_it_only_says_the_same(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        ours = alice.send(talk, "Lunch?")
        send_raw_set(bob, name, ours["id"], "<reaction>👍</reaction>", "<body>&gt; Lunch?\n👍</body>"
                     f"<fallback xmlns='{FALLBACK}' for='{REACTIONS}'><body/></fallback>")
        socket.expect("message.reaction", message_id=ours["id"], emoji="👍")
        send_raw_set(bob, name, ours["id"], "<reaction>🎉</reaction>", "<body>At noon</body>")
        socket.expect("message.reaction", message_id=ours["id"], emoji="🎉")
        socket.expect("message.new", content="At noon")
        assert [m["content"] for m in alice.messages(talk)["items"]] == ["Lunch?", "At noon"]


def test_what_is_forged_or_senseless_shows_nothing(app, xmpp):
    alice, bella, bob, carol = app("alice"), app("bella"), xmpp("bob"), xmpp("carol")
    name = alice.me()["jid"]
    talk, other = alice.conversation_with(jid=bob.bare), alice.conversation_with(participant_id=bella.me()["id"])
    with alice.ws() as socket:
        ours, private = alice.send(talk, "Ours"), alice.send(other, "Private")
        one = "<reaction>👍</reaction>"
        send_raw_set(carol, name, ours["id"], one)  # of somebody else, and who never wrote
        for id in (private["id"], str(uuid.uuid4()), "x" * 300, "'||'--", talk["id"]):
            send_raw_set(bob, name, id.replace("'", "&apos;"), one)
        send_raw_set(bob, name, "", one)
        send_raw_set(bob, name, ours["id"], "<reaction>nothing</reaction>" * 500)
        send_raw_set(bob, bella.me()["jid"], private["id"], one)
        send_raw_set(bob, f"nobody-{uuid.uuid4().hex}@{name.partition('@')[2]}", ours["id"], one)
        bob.send_message(name, "done")
        carol.send_message(name, "done too")
        socket.expect("message.new", content="done")
        socket.expect("message.new", content="done too")
        assert not socket.frames("message.reaction") and shown(alice, talk, ours) == shown(alice, other, private) == []
        assert not [s for s in bob.inbox.received + carol.inbox.received if s.name == "message" and s.type == "error"]
        send_raw_set(bob, name, ours["id"], "".join(f"<reaction>{chr(0x1F600 + n % 70)}</reaction>" for n in range(1000)))
        socket.expect("message.reaction", message_id=ours["id"], emoji=chr(0x1F600))
        assert len(shown(alice, talk, ours)) == 20


def test_refusals(app, stack):
    alice, bella, mallory = app("alice"), app("bella"), app("mallory")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    message = alice.send(talk, "Hello")
    bella.send(talk, "Hello")
    for bad in ("a", "👍👍", "+1", "5", "x" * 300):
        problem = react(alice, message, bad, status=422)
        assert problem["code"] == "unprocessable" and problem["errors"][0]["pointer"] == "/emoji"
    random = {"id": str(uuid.uuid4())}
    bodies = {json.dumps({k: v for k, v in react(mallory, one, "👍", method, 404).items() if k != "request_id"})
              for one in (message, random) for method in ("PUT", "DELETE")}
    assert len(bodies) == 1
    bella.call(200, "POST", f"/api/users/{alice.me()['id']}/block", {})
    assert react(alice, message, "👍", status=403)["code"] == "refused"
    assert react(bella, message, "👍", status=409)["code"] == "conflict"
    assert shown(bella, talk, message) == []
