# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that are handed on to somebody else: to app users, who are asked, and with XMPP clients."""
import uuid

import pytest
from harness.inbox import wait_for
from test_calls import act, connected, initiate, sdp, two  # noqa: F401  (a fixture)
from test_calls_xmpp import JM, expect_action, expect_jm, jm, said, talk  # noqa: F401


def meet(*users):
    """They all have talked to each other."""
    for n, one in enumerate(users):
        for other in users[n + 1:]:
            talk = one.conversation_with(participant_id=other.id)
            one.send(talk, "hello")
            other.send(talk, "hello")


@pytest.fixture
def clara(two, app):
    clara = app("clara")
    clara.id = clara.me()["id"]
    meet(clara, *two[:2])
    with clara.ws() as clara.socket:
        yield clara


def test_a_guest_takes_over(two, clara):
    alice, bella, at_alice, at_bella, _ = two
    call = connected(two)
    assert at_bella.command("call.transfer", call_id=call["id"], user_id=clara.id)["status"] == "active"
    offer = clara.socket.expect("call.transfer", call_id=call["id"], status="offered")["payload"]
    assert [offer[name]["id"] for name in ("from", "to", "with")] == [bella.id, clara.id, alice.id]
    clara.call(404, "GET", f"/api/calls/{call['id']}")
    act(clara, call, "end", 404)
    act(clara, call, "signal", 404, type="offer", sdp=sdp())
    with clara.ws() as other:
        next = clara.socket.command("call.accept", call_id=call["id"])
        assert (next["status"], next["replaces"]) == ("ringing", call["id"]) and next["callee"]["id"] == alice.id
        other.expect("call.transfer", call_id=call["id"], status="accepted")
    over = at_alice.expect("call.ended", call_id=call["id"], reason="transferred")["payload"]
    assert over["next_call_id"] == next["id"]
    assert "next_call_id" not in at_bella.expect("call.ended", call_id=call["id"], reason="transferred")["payload"]
    assert at_alice.expect("call.ringing", call_id=next["id"])["payload"]["call"]["replaces"] == call["id"]
    clara.socket.expect("call.remote_ringing", call_id=next["id"])
    at_alice.command("call.accept", call_id=next["id"])
    clara.socket.expect("call.answered", call_id=next["id"])
    clara.socket.command("call.signal", call_id=next["id"], type="offer", data=sdp())
    at_alice.expect("call.signal", call_id=next["id"], type="offer", user_id=clara.id)
    assert [e["event"] for e in alice.call(200, "GET", f"/api/calls/{call['id']}/events")["items"]][-2:] == ["transfer", "accept"]
    row, = [m for m in clara.messages(alice.conversation_with(participant_id=clara.id))["items"] if m["message_type"] == "call"]
    assert row["metadata"]["call_id"] == next["id"] and row["metadata"]["status"] == "active"
    at_alice.command("call.end", call_id=next["id"])


def test_a_guest_who_does_not_want_to(two, clara):
    _, bella, at_alice, at_bella, _ = two
    call = connected(two)
    act(bella, call, "transfer", user_id=clara.id)
    clara.socket.expect("call.transfer", call_id=call["id"], status="offered")
    assert act(clara, call, "decline")["status"] == "declined"
    at_bella.expect("call.transfer", call_id=call["id"], status="declined")
    act(clara, call, "accept", 404)
    act(bella, call, "transfer", user_id=clara.id)
    clara.socket.expect("call.transfer", call_id=call["id"], status="offered")
    at_alice.command("call.end", call_id=call["id"])
    clara.socket.expect("call.transfer", call_id=call["id"], status="withdrawn")
    act(clara, call, "accept", 404)


def test_nobody_is_handed_a_call_who_could_not_be_called(two, clara, app):
    alice, bella, at_alice, at_bella, _ = two
    call = connected(two)
    dora = app("dora")
    refused = [act(bella, call, "transfer", 403, user_id=user) for user in (dora.me()["id"], str(uuid.uuid4()))]
    assert {**refused[0], "request_id": 0} == {**refused[1], "request_id": 0} and refused[0]["code"] == "refused"
    for user in (alice.id, bella.id):
        assert act(bella, call, "transfer", 422, user_id=user)["errors"][0]["pointer"] == "/user_id"
    act(clara, call, "transfer", 404, user_id=dora.me()["id"])
    clara.call((200, 204), "POST", f"/api/users/{alice.id}/block")
    act(bella, call, "transfer", 403, user_id=clara.id)
    clara.call((200, 204), "DELETE", f"/api/users/{alice.id}/block")
    busy = clara.socket.command("call.initiate", receiver_id=alice.id, call_type="audio")
    assert busy["status"] == "declined", "she is in a call"
    clara.socket.close()
    at_bella.wait_presence(clara.id, "offline")
    assert act(bella, call, "transfer", 409, user_id=clara.id)["error_reason"] == "offline"
    exchange = {"type": "ice_restart", "data": sdp(ufrag="neww")}
    at_alice.command("call.signal", call_id=call["id"], **exchange)
    at_bella.expect("call.signal", call_id=call["id"], type="ice_restart")
    assert not clara.socket.frames("call.transfer")


def test_an_offer_outlives_a_restart(stack, two, clara):
    _, bella, _, _, _ = two
    call = connected(two)
    act(bella, call, "transfer", user_id=clara.id)
    clara.socket.expect("call.transfer", call_id=call["id"], status="offered")
    stack.kill("bridge")
    stack.restart("bridge")
    with clara.ws() as again, two[0].ws() as at_alice:
        next = again.command("call.accept", call_id=call["id"])
        at_alice.expect("call.ringing", call_id=next["id"])
        again.command("call.end", call_id=next["id"])


# ---- With XMPP


def in_session(socket, alice, bob, talk):
    """A call of hers that Bob has accepted."""
    call = socket.command("call.initiate", conversation_id=talk["id"], call_type="audio")["id"]
    expect_jm(bob, "propose", call)
    jm(bob, alice, "proceed", call)
    socket.expect("call.answered", call_id=call)
    socket.command("call.signal", call_id=call, type="offer", data=sdp())
    expect_action(bob, "session-initiate", call)
    bob.send_raw(said("in-changes-session-accept-in", bob, alice, call))
    socket.expect("call.signal", call_id=call, type="answer")
    return call


def test_a_client_on_xmpp_is_told_where_its_call_goes_on(app, alice, bob, talk):
    clara = app("clara")
    clara.id, alice.id = clara.me()["id"], alice.me()["id"]
    meet(alice, clara)
    to_bob = clara.conversation_with(jid=bob.bare)
    clara.send(to_bob, "hello from clara")
    bob.expect_message("hello from clara")
    bob.send_message(clara.me()["jid"], "hello, clara")
    wait_for("it to come", lambda: len(clara.messages(to_bob)["items"]) == 2)
    with alice.ws() as socket, clara.ws() as at_clara:
        call = in_session(socket, alice, bob, talk)
        socket.command("call.transfer", call_id=call, user_id=clara.id)
        at_clara.expect("call.transfer", call_id=call, status="offered")
        next = at_clara.command("call.accept", call_id=call)["id"]
        expect_action(bob, "session-terminate", call)
        finish = expect_jm(bob, "finish", call).child(JM, "finish")
        assert finish.find(f"{{{JM}}}migrated").get("to") == next
        propose = expect_jm(bob, "propose", next)
        assert propose.sender.startswith(clara.me()["jid"])
        socket.expect("call.ended", call_id=call, reason="transferred")
        clara.jid = clara.me()["jid"]
        jm(bob, clara, "proceed", next)
        at_clara.expect("call.answered", call_id=next)
        at_clara.command("call.signal", call_id=next, type="offer", data=sdp())
        expect_action(bob, "session-initiate", next)
        at_clara.command("call.end", call_id=next)


def test_somebody_on_xmpp_is_called_by_who_stays(app, alice, bob, xmpp, talk):
    bella, carol = app("bella"), xmpp("carol")
    bella.id, alice.id = bella.me()["id"], alice.me()["id"]
    meet(alice, bella)
    to_bob = bella.conversation_with(jid=bob.bare)
    bella.send(to_bob, "hello from bella")
    bob.expect_message("hello from bella")
    bob.send_message(bella.me()["jid"], "hello, bella")
    wait_for("it to come", lambda: len(bella.messages(to_bob)["items"]) == 2)
    bob_id = next(p["user"]["id"] for p in to_bob["participants"] if p["user"]["id"] != bella.id)
    with alice.ws() as at_alice, bella.ws() as at_bella:
        call = at_alice.command("call.initiate", receiver_id=bella.id, call_type="audio")["id"]
        at_bella.command("call.accept", call_id=call)
        at_alice.expect("call.answered", call_id=call)
        assert at_bella.command("call.transfer", call_id=call, user_id=bob_id)["end_reason"] == "transferred"
        over = at_alice.expect("call.ended", call_id=call, reason="transferred")["payload"]
        expect_jm(bob, "propose", over["next_call_id"])
        jm(bob, alice, "proceed", over["next_call_id"])
        at_alice.expect("call.answered", call_id=over["next_call_id"])
        at_alice.command("call.end", call_id=over["next_call_id"])
        going_on = initiate(alice, talk, call_type="audio")["id"]  # with Bob
        jm(bob, alice, "proceed", going_on)
        at_alice.expect("call.answered", call_id=going_on)
        to_carol = alice.conversation_with(jid=carol.bare)
        carol_id = next(p["user"]["id"] for p in to_carol["participants"] if p["user"]["id"] != alice.id)
        assert at_alice.refused("call.transfer", call_id=going_on, user_id=carol_id)["code"] == "not_available"
        at_alice.command("call.end", call_id=going_on)
