# SPDX-License-Identifier: GPL-3.0-or-later
"""A call as the clients of dialect s3 make it: by REST alone, in the order and by the paths of their diagram."""
import pytest
from harness.daemon import Daemon
from harness.dialect import DialectSocket
from harness.rest import App
from test_calls import candidate, sdp

CALL = {"id", "conversationId", "initiatorId", "callType", "status", "startedAt", "endedAt", "errorReason", "createdAt", "updatedAt"}
SIGNAL = {"callId", "senderId", "recipientId", "type", "data", "timestamp"}


class Client(App):
    """Says with each request which dialect it is in."""

    def headers(self):
        return {**super().headers(), "Trestle-Dialect": "s3"}


@pytest.fixture
def two(stack):
    with Daemon(stack, options={"calls": {"s3_split_signals": "on"}}) as bridge:
        users = [Client(bridge, name) for name in ("alice", "bella")]
        for user in users:
            user.id = user.me()["id"]
        talk = users[0].conversation_with(participant_id=users[1].id)
        for user in users:
            user.send(talk, "hello")
        sockets = [DialectSocket(user, "s3") for user in users]
        yield *users, *sockets, talk
        for socket in sockets:
            socket.close()


def signal(user, at, call, type, data, event):
    """Sent by the path of the diagram; what the other one's socket is told of it, by both names."""
    user.call(204, "POST", "/api/calls/signal", {"call_id": call["id"], "type": type, "data": data})
    for name in ("signal", event):
        frame = at.expect(name)
        assert frame["call"]["id"] == call["id"] and set(frame["signalData"]) == SIGNAL
        assert (frame["signalData"]["type"], frame["signalData"]["data"]) == (type, data)
    return frame["signalData"]


def test_the_whole_diagram(two):
    alice, bella, at_alice, at_bella, talk = two
    assert alice.call(200, "GET", f"/api/calls/active/{talk['id']}") is None
    call = alice.call(201, "POST", "/api/calls/initiate", {"conversationId": talk["id"], "callType": "video"})
    assert CALL <= set(call) and call["status"] == "ringing" and call["initiatorId"] == alice.id
    assert call["iceServers"] == [] and call["iceTransportPolicy"] == "all"
    rung = at_bella.expect("call_ringing")
    assert CALL <= set(rung["call"]) and rung["call"]["id"] == call["id"] and rung["cursor"]
    assert {"displayName", "displayPictureUrl"} <= set(rung["call"]["caller"])
    assert bella.call(200, "GET", f"/api/calls/active/{talk['id']}")["id"] == call["id"]
    bella.call(200, "POST", "/api/calls/answer", {"call_id": call["id"]})
    assert at_alice.expect("call_answered")["call"]["startedAt"]
    offered = signal(alice, at_bella, call, "offer", {"type": "offer", "sdp": sdp()}, "sdp_offer")
    assert (offered["senderId"], offered["recipientId"]) == (alice.id, bella.id)
    signal(bella, at_alice, call, "answer", {"type": "answer", "sdp": sdp("active")}, "sdp_answer")
    signal(alice, at_bella, call, "ice_candidate", candidate(), "ice_candidate")
    alice.call(200, "POST", "/api/calls/end", {"callId": call["id"]})
    over = at_bella.expect("call_ended")["call"]
    assert over["status"] == "ended" and over["endedAt"] == over["updatedAt"]
    at_bella.inbox.expect("the call's message", lambda f: f["type"] == "message.updated" and f["payload"]["sender_id"] is None)
    row, = [m for m in bella.messages(talk)["items"] if m["message_type"] == "system"]
    assert row["sender_id"] is None and row["sender"] is None and row["content"].startswith("Video call - 0:0")
    assert row["metadata"]["status"] == "completed" and row["metadata"]["system_type"] == "call"
    native = App(bella.stack, "bella").messages(talk)["items"]
    assert [m["sender_id"] for m in native if m["message_type"] == "call"] == [alice.id], "others see who has called"


def test_declined_and_not_understood(two):
    alice, bella, at_alice, at_bella, talk = two
    call = alice.call(201, "POST", "/api/calls/initiate", {"conversation_id": talk["id"], "call_type": "audio"})
    bella.call(200, "POST", "/api/calls/decline", {"call_id": call["id"]})
    assert at_alice.expect("call_declined")["call"]["status"] == "declined"
    page = alice.call(200, "GET", "/api/calls", dialect="native")
    assert page["items"][0]["conversation_id"] == talk["id"], "the query goes first"
    assert alice.call(422, "GET", "/api/calls", dialect="s9")["errors"][0]["pointer"] == "/dialect"
    twice = alice.call(422, "POST", "/api/calls/initiate", {"conversation_id": talk["id"], "conversationId": talk["id"], "call_type": "audio"})
    assert twice["errors"][0]["pointer"] == "/conversationId"
    assert App(bella.stack, "bella").call(422, "POST", "/api/calls/initiate", {"conversationId": talk["id"], "call_type": "audio"})["errors"]
