# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls among app users: rung, accepted by one device, signalled, ended; refused; gone on with after a restart."""
import contextlib
import json
import signal
import uuid

import psycopg2
import pytest
from harness.daemon import Daemon, psql, run_trestle
from harness.dialect import DialectSocket
from harness.inbox import wait_for
from harness.rest import App, Backend
from harness.stack import Stack

FINGERPRINT = ":".join(["AB"] * 32)
CANDIDATE = "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.4 rport 46154 generation 0"


def sdp(setup="actpass", ufrag="q1Wz", extra=""):
    lines = ["v=0", "o=- 3811 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
             "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", f"a=ice-ufrag:{ufrag}",
             "a=ice-pwd:UWn0pZ1gJb3k9yFv2cXtLq0E", "a=ice-options:trickle", f"a=fingerprint:sha-256 {FINGERPRINT}",
             f"a=setup:{setup}", "a=mid:0", "a=sendrecv", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2"]
    return "\r\n".join(lines) + "\r\n" + extra


def candidate(line=CANDIDATE):
    return {"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "q1Wz"}


@pytest.fixture
def two(app):
    """Two users who have talked, their sockets, and their conversation."""
    users = [app(name) for name in ("alice", "bella")]
    for user in users:
        user.id = user.me()["id"]
    talk = users[0].conversation_with(participant_id=users[1].id)
    for user in users:
        user.send(talk, "hello")
    sockets = [user.ws() for user in users]
    yield *users, *sockets, talk
    for socket in sockets:
        socket.close()


def initiate(user, talk, status=201, call_type="video", **more):
    return user.call(status, "POST", "/api/calls/initiate",
                     {"conversation_id": talk["id"], "call_type": call_type, **more})


def act(user, call, verb, status=200, **body):
    return user.call(status, "POST", f"/api/calls/{call['id']}/{verb}", body)


def connected(two):
    """A call between the two that goes on, by their sockets."""
    alice, _, at_alice, at_bella, talk = two
    call = at_alice.command("call.initiate", conversation_id=talk["id"], call_type="audio")
    at_bella.expect("call.ringing", call_id=call["id"])
    at_bella.command("call.accept", call_id=call["id"])
    for socket in (at_alice, at_bella):
        socket.expect("call.answered", call_id=call["id"])
    at_alice.command("call.signal", call_id=call["id"], type="offer", data={"type": "offer", "sdp": sdp()})
    at_bella.expect("call.signal", call_id=call["id"], type="offer")
    at_bella.command("call.signal", call_id=call["id"], type="answer", data=sdp("active"))
    at_alice.expect("call.signal", call_id=call["id"], type="answer")
    return call


def test_ring_first_offer_after_the_answer(two):
    alice, bella, at_alice, at_bella, talk = two
    call = initiate(alice, talk)
    assert (call["status"], call["direction"], call["call_type"]) == ("ringing", "outgoing", "video")
    assert call["ice_transport_policy"] == "all" and call["caller"]["id"] == alice.id
    rung = at_bella.expect("call.ringing", call_id=call["id"])["payload"]
    assert rung["call"]["caller"]["id"] == alice.id and rung["call"]["direction"] == "incoming"
    assert at_bella.expect("message.new", message_type="call")["payload"]["content"] == "Video call"
    at_alice.expect("call.remote_ringing", call_id=call["id"])
    assert bella.call(200, "GET", f"/api/calls/active/{talk['id']}")["call"]["id"] == call["id"]
    with bella.ws() as at_second:
        answered = at_bella.command("call.accept", call_id=call["id"])
        assert answered["status"] == "active" and answered["ice_servers"] == call["ice_servers"] == []
        assert at_second.expect("call.ended", call_id=call["id"])["payload"]["reason"] == "answered_elsewhere"
        at_alice.expect("call.answered", call_id=call["id"], session_id=at_bella.hello["payload"]["session"])
        alice.call(204, "POST", f"/api/calls/{call['id']}/signal", {"type": "offer", "data": {"type": "offer", "sdp": sdp()}})
        offer = at_bella.expect("call.signal", type="offer", user_id=alice.id)["payload"]
        assert offer["data"] == {"type": "offer", "sdp": sdp()}
        assert at_second.refused("call.signal", call_id=call["id"], type="answer", data=sdp("active"))["code"] == "forbidden"
        at_bella.command("call.signal", call_id=call["id"], type="answer", sdp={"type": "answer", "sdp": sdp("active")})
        at_alice.expect("call.signal", type="answer", data={"type": "answer", "sdp": sdp("active")})
        at_bella.command("call.signal", call_id=call["id"], type="ice-candidate", ice_candidate=candidate())
        at_alice.expect("call.signal", type="ice_candidate", data=candidate())
        alice.call(204, "POST", "/api/calls/signal", {"call_id": call["id"], "type": "ice_candidate", "data": candidate()})
        at_bella.expect("call.signal", type="ice_candidate", data=candidate())
        at_second.sync()
        assert not at_second.frames("call.signal"), "a device that has not accepted hears of no media"
    at_alice.wait_presence(bella.id, "in_call")
    ended = act(bella, call, "end")
    assert ended["status"] == "ended" and ended["end_reason"] == "hangup" and ended["duration_seconds"] is not None
    for socket in (at_alice, at_bella):
        socket.expect("call.ended", call_id=call["id"], status="ended", reason="hangup")
    shown = at_alice.expect("message.updated", message_type="call", metadata={"status": "ended"})["payload"]
    assert shown["content"].startswith("Video call - 0:0")
    at_alice.wait_presence(bella.id, "online")
    kept, = [m for m in alice.messages(talk)["items"] if m["message_type"] == "call"]
    assert kept["id"] == shown["id"] == call["message_id"]
    happened = bella.call(200, "GET", f"/api/calls/{call['id']}/events")["items"]
    assert [e["event"] for e in happened] == ["initiate", "accept", "offer", "answer", "end"]
    assert happened == Backend(alice.stack).call(200, "GET", f"/api/admin/calls/{call['id']}/events")["items"]
    assert act(alice, call, "end")["status"] == "ended", "hanging up twice is no error"


def test_fragments_and_keys_are_bound_to_the_call(two):
    alice, _, at_alice, at_bella, _ = two
    call = connected(two)
    foreign = {**candidate(), "usernameFragment": "else"}
    at_alice.command("call.signal", call_id=call["id"], type="ice_candidate", data=foreign)
    at_alice.command("call.signal", call_id=call["id"], type="ice_candidate", data=candidate())
    assert at_bella.expect("call.signal", type="ice_candidate")["payload"]["data"] == candidate(), "and not the foreign one"
    other_key = sdp().replace("AB:AB", "AB:AC")
    problem = act(alice, call, "signal", 422, type="offer", data=other_key)
    assert "fingerprint" in problem["detail"]
    at_alice.command("call.signal", call_id=call["id"], type="ice_restart", data=other_key.replace("q1Wz", "neww"))
    at_bella.expect("call.signal", type="ice_restart")
    act(alice, call, "end")


def test_an_early_offer_waits(two):
    alice, bella, at_alice, at_bella, talk = two
    call = initiate(alice, talk)
    at_bella.expect("call.ringing")
    for body in ({"type": "ice_candidate", "data": candidate()}, {"type": "offer", "sdp": sdp()}):
        alice.call(204, "POST", f"/api/calls/{call['id']}/signal", body)
    at_bella.sync()
    assert not at_bella.frames("call.signal")
    assert act(bella, call, "signal", 409, type="answer", sdp=sdp("active"))["error_reason"] == "ringing"
    bella.call(200, "POST", "/api/calls/answer", {"call_id": call["id"]})
    at_bella.expect("call.signal", type="ice_candidate")
    assert [f["payload"]["type"] for f in at_bella.frames("call.signal")] == ["offer", "ice_candidate"]
    act(bella, call, "answer")
    assert act(bella, call, "accept")["status"] == "active", "once more is no error"
    act(bella, call, "signal", 204, type="answer", sdp=sdp("active"))
    at_alice.expect("call.signal", type="answer")
    at_alice.command("call.offer", call_id=call["id"], sdp=sdp())
    assert bella.call(200, "POST", "/api/calls/end", {"call_id": call["id"]})["status"] == "ended"


def test_declined_cancelled_and_busy(two, app):
    alice, bella, at_alice, at_bella, talk = two
    call = initiate(alice, talk, call_type="voice")
    assert call["call_type"] == "audio"
    at_bella.expect("call.ringing", call_id=call["id"])
    assert initiate(bella, talk, 409)["error_reason"] == "busy", "she is being called"
    assert initiate(alice, talk, 409)["error_reason"] == "busy"
    clara = app("clara")
    with_bella = clara.conversation_with(participant_id=bella.id)
    clara.send(with_bella, "hello")
    busy = initiate(clara, with_bella)
    assert busy["status"] == "declined" and busy["error_reason"] == "busy"
    assert bella.call(200, "POST", "/api/calls/decline", {"call_id": call["id"]})["status"] == "declined"
    assert at_bella.command("call.decline", call_id=call["id"])["status"] == "declined"
    assert act(bella, call, "decline")["status"] == "declined"
    at_alice.expect("call.declined", call_id=call["id"], reason="declined")
    act(bella, call, "accept", 409)
    again = at_alice.command("call.initiate", receiver_id=bella.id, call_type="audio")
    at_bella.expect("call.ringing", call_id=again["id"])
    assert at_alice.command("call.end", call_id=again["id"])["status"] == "missed"
    at_bella.expect("call.ended", call_id=again["id"], status="missed", reason="cancelled")
    at_bella.expect("message.updated", content="Missed audio call")
    page = bella.call(200, "GET", "/api/calls", limit=2)
    assert [c["status"] for c in page["items"]] == ["missed", "declined"] and page["has_more"]
    assert {"declined"} == {c["status"] for c in bella.call(200, "GET", "/api/calls", before=page["next"])["items"]}


def test_nobody_there_and_blocked(two, app):
    alice, bella, _, at_bella, talk = two
    dora = app("dora")
    with_dora = alice.conversation_with(participant_id=dora.me()["id"])
    alice.send(with_dora, "hello")
    assert initiate(alice, with_dora, 409)["error_reason"] == "offline"
    bella.call((200, 204), "POST", f"/api/users/{alice.id}/block")
    refused = initiate(alice, talk, 403)
    assert refused["code"] == "refused" and "error_reason" not in refused
    at_bella.sync()
    assert not at_bella.frames("call.ringing")


def test_what_is_refused_leaves_the_call_unharmed(two, app):
    alice, bella, at_alice, at_bella, talk = two
    call = connected(two)
    mallory = app("mallory")
    for verb, body in (("signal", {"type": "offer", "sdp": sdp()}), ("end", {}), ("accept", {}), ("decline", {}),
                       ("state", {"muted": True}), ("stats", {"samples": [{"at": "2026-01-01T00:00:00Z"}]}),
                       ("transfer", {"session_id": str(uuid.uuid4())})):
        stranger = mallory.request("POST", f"/api/calls/{call['id']}/{verb}", body)
        nothing = mallory.request("POST", f"/api/calls/{uuid.uuid4()}/{verb}", body)
        assert stranger.status == nothing.status == 404 and \
            {**stranger.json, "request_id": 0} == {**nothing.json, "request_id": 0}, verb
    for thing in ("", "/events", "/report"):
        mallory.call(404, "GET", f"/api/calls/{call['id']}{thing}")
    assert mallory.call(200, "GET", "/api/calls")["items"] == []
    bad = [("offer", "x"), ("offer", 7), ("offer", {"sdp": sdp().replace("a=fingerprint", "a=finger")}),
           ("offer", sdp(extra="a=x:" + "y" * 70000 + "\r\n")), ("answer", None),
           ("ice_candidate", CANDIDATE + "\r\na=evil"), ("ice_candidate", CANDIDATE + " " + "x" * 600),
           ("ice_candidate", {"candidate": CANDIDATE, "sdpMid": "0\r\n"}), ("ice_candidate", "candidate:nonsense"),
           ("ice_candidate", {"candidate": CANDIDATE, "sdpMLineIndex": -1}), ("ice_candidate", None)]
    for type, data in bad:
        refused = act(alice, call, "signal", 422, type=type, **({} if data is None else {"data": data}))
        assert refused["errors"][0]["pointer"] == "/data", (type, refused)
    assert alice.request("POST", f"/api/calls/{call['id']}/signal", {"type": "offer", "sdp": "x" * 1_200_000}).status in (413, 422)
    act(alice, call, "signal", 422, type="candidate", data=candidate())
    act(alice, call, "signal", 409, type="answer", data=sdp("active"))
    act(bella, call, "decline", 409)
    act(alice, call, "state", 422, quality={"level": 9})
    at_bella.sync()
    assert [f["payload"]["type"] for f in at_bella.frames("call.signal")] == ["offer"]
    at_alice.command("call.signal", call_id=call["id"], type="ice_restart", data=sdp(ufrag="neww"))
    at_bella.expect("call.signal", type="ice_restart", data={"type": "offer", "sdp": sdp(ufrag="neww")})
    at_bella.command("call.signal", call_id=call["id"], type="answer", data=sdp("active", ufrag="alsonew"))
    at_alice.expect("call.signal", type="answer")


def test_state_statistics_and_report(two):
    alice, bella, at_alice, at_bella, _ = two
    call = connected(two)
    stated = at_alice.command("call.state", call_id=call["id"], muted=True, quality={"level": 3, "rtt_ms": 40.5})
    mine, = [p for p in stated["participants"] if p["user_id"] == alice.id]
    assert mine["muted"] and mine["quality"]["level"] == 3
    at_bella.expect("call.state", user_id=alice.id, muted=True, quality={"level": 3, "rtt_ms": 40.5})
    act(bella, call, "state", on_hold=True, connection="connected")
    at_alice.expect("call.state", user_id=bella.id, on_hold=True, connection="connected")
    samples = [{"at": f"2026-01-01T00:00:{n:02}Z", "rtt_ms": n, "loss": 0, "jitter_ms": 0.5, "bitrate": 32000} for n in range(10)]
    assert act(alice, call, "stats", samples=samples) == {"added": 10}
    odd = [{"at": "2024-W01-1T01:00:00+01:00", "bitrate": 123456.7}, {"at": "2024-01-01T00:00:00Z", "bitrate": 1e6}]
    assert act(alice, call, "stats", samples=odd) == {"added": 1}, "one moment in two spellings"
    assert act(alice, call, "stats", 422, samples=samples * 13)["errors"][0]["pointer"] == "/samples"
    for at in ("yesterday", "0050-06-01T00:00:00Z"):
        act(alice, call, "stats", 422, samples=[{"at": at}])
    side, = bella.call(200, "GET", f"/api/calls/{call['id']}/report")["sides"]
    assert side["user_id"] == alice.id and side["samples"] == 11 and side["rtt_ms"] == {"mean": 4.5, "max": 9}
    act(bella, call, "state", connection="failed")
    at_alice.expect("call.ended", status="failed", reason="connectivity")
    assert bella.call(200, "GET", f"/api/calls/{call['id']}")["error_reason"] == "connectivity"


def test_moves_to_another_device(two):
    alice, bella, at_alice, at_bella, _ = two
    call = connected(two)
    with bella.ws() as at_tablet:
        tablet, phone = (s.hello["payload"]["session"] for s in (at_tablet, at_bella))
        assert at_tablet.refused("call.transfer", call_id=call["id"], session_id=phone)["code"] == "forbidden"
        at_bella.command("call.transfer", call_id=call["id"], session_id=tablet)
        act(bella, call, "transfer", session_id=tablet, from_session=phone)
        moved = at_tablet.expect("call.transfer", call_id=call["id"])["payload"]
        assert moved["from_session"] == at_bella.hello["payload"]["session"]
        at_tablet.command("call.accept", call_id=call["id"])
        at_bella.expect("call.ended", call_id=call["id"], reason="transferred")
        at_tablet.command("call.signal", call_id=call["id"], type="ice_restart", data=sdp(ufrag="tblt"))
        at_alice.expect("call.signal", type="ice_restart", user_id=bella.id)
        at_alice.command("call.signal", call_id=call["id"], type="answer", data=sdp("active"))
        at_tablet.expect("call.signal", type="answer")
        assert at_bella.refused("call.signal", call_id=call["id"], type="ice_candidate", data=candidate())["code"] == "forbidden"
    assert not at_alice.frames("call.ended")


def test_goes_on_by_a_new_socket(two):
    alice, bella, at_alice, at_bella, _ = two
    call = connected(two)
    at_bella.close()
    at_alice.wait_presence(bella.id, "offline")
    for n in range(3):
        at_alice.command("call.signal", call_id=call["id"], type="ice_candidate", data=candidate())
    with bella.ws() as again:
        again.expect("call.signal", type="ice_candidate")
        again.command("call.signal", call_id=call["id"], type="ice_restart", data=sdp(ufrag="back"))
        at_alice.expect("call.signal", type="ice_restart")
        assert len(again.frames("call.signal")) == 3


def test_whoever_is_suspended_is_out_of_the_call_at_once(stack, two):
    """Sound and pictures go by no server of ours: the other side has to hear of it. Nor does what has not been answered ring on."""
    alice, bella, at_alice, at_bella, talk = two
    backend = Backend(stack)
    call = connected(two)
    backend.call(200, "POST", f"/api/users/{bella.id}/suspend", {})
    assert at_alice.expect("call.ended", call_id=call["id"])["payload"]["status"] == "ended"
    at_bella.expect_close(4401)
    assert alice.call(200, "GET", f"/api/calls/active/{talk['id']}")["call"] is None
    backend.call(200, "DELETE", f"/api/users/{bella.id}/suspend")
    with bella.ws() as back:
        call = initiate(alice, talk)
        back.expect("call.ringing", call_id=call["id"])
        backend.call(200, "POST", f"/api/users/{alice.id}/suspend", {})
        assert back.expect("call.ended", call_id=call["id"])["payload"]["status"] == "missed"


def test_whoever_is_deleted_is_out_of_the_call_at_once(stack, two):
    alice, bella, at_alice, at_bella, talk = two
    call = connected(two)
    status, _, problem = run_trestle("admin", "--config", stack.info["config"], "delete-user", f"users={bella.id}")
    assert status == 0, problem
    assert at_alice.expect("call.ended", call_id=call["id"])["payload"]["status"] == "ended"
    at_bella.expect_close(4401)
    assert alice.call(200, "GET", f"/api/calls/active/{talk['id']}")["call"] is None


def test_clients_of_the_first_dialect(two):
    alice, bella, _, at_bella, talk = two
    with DialectSocket(alice, "s0") as phone, DialectSocket(bella, "s1") as flat:
        phone.put("call_request", "1", payload={"to": bella.id, "from": alice.id, "call_type": "audio"})
        call = phone.expect("ack")["payload"]
        at_bella.expect("call.ringing", call_id=call["id"])
        assert flat.expect("private_message")["message"]["content"] == "Audio call"
        phone.put("offer", from_user_id=alice.id, to_user_id=bella.id, call_id=call["id"], sdp=sdp())
        at_bella.command("call.respond", call_id=call["id"], accepted=True)
        assert phone.expect("call_response")["payload"]["accepted"] is True
        at_bella.expect("call.signal", type="offer")
        at_bella.command("call.answer", call_id=call["id"], sdp=sdp("active"))
        at_bella.command("call.candidate", call_id=call["id"], ice_candidate=candidate())
        answer = phone.inbox.expect("answer", lambda f: f["type"] == "answer")
        assert (answer["sdp"], answer["from_user_id"], answer["call_id"]) == (sdp("active"), bella.id, call["id"])
        found = phone.inbox.expect("ice-candidate", lambda f: f["type"] == "ice-candidate")
        assert json.loads(found["ice_candidate"]) == candidate() and found["to_user_id"] == alice.id
        phone.put("ice-candidate", from_user_id=alice.id, to_user_id=bella.id, call_id=call["id"],
                  ice_candidate=found["ice_candidate"])
        at_bella.expect("call.signal", type="ice_candidate", data=candidate())
        began = phone.expect("message", message_type="call_start")["payload"]["id"]
        at_bella.command("call.end", call_id=call["id"])
        phone.expect("call.ended")
        assert phone.expect("message", message_type="call_end")["payload"]["id"] == began
        spoken = {"Trestle-Dialect": "s0"}
        assert alice.call(200, "GET", "/api/calls", headers=spoken)["items"][0]["status"] == "ended"
        assert alice.call(200, "GET", f"/api/conversations/{talk['id']}/messages", headers=spoken)["items"][-1]["message_type"] == "call_end"
        back = initiate(bella, talk, call_type="audio")
        request = phone.expect("call_request")["payload"]
        assert (request["call_id"], request["from"], request["call_type"]) == (back["id"], bella.id, "audio")
        phone.put("call_response", payload={"call_id": back["id"], "accepted": False})
        at_bella.expect("call.declined", call_id=back["id"])
        assert phone.expect("call_response")["payload"]["accepted"] is False


def test_rings_once_per_key_and_not_for_ever(stack, two, request, tmp_path):
    alice, _, _, at_bella, talk = two
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"conversation_id": talk["id"], "call_type": "audio"}
    first = alice.call(201, "POST", "/api/calls/initiate", body, headers)
    assert alice.call(200, "POST", "/api/calls/initiate", body, headers)["id"] == first["id"]
    at_bella.expect("call.ringing", call_id=first["id"])
    at_bella.sync()
    assert len(at_bella.frames("call.ringing")) == 1


def test_a_restart_ends_nothing_that_goes_on(stack, two):
    alice, bella, at_alice, at_bella, talk = two
    call = connected(two)
    stack.kill("bridge")
    stack.restart("bridge")
    with alice.ws() as again, bella.ws() as other:
        again.command("call.signal", call_id=call["id"], type="ice_restart", data=sdp(ufrag="aftr"))
        other.expect("call.signal", type="ice_restart")
        other.command("call.signal", call_id=call["id"], type="answer", data=sdp("active"))
        again.expect("call.signal", type="answer")
        assert alice.call(200, "GET", f"/api/calls/{call['id']}")["status"] == "active"
        other.command("call.end", call_id=call["id"])
        again.expect("call.ended", call_id=call["id"], reason="hangup")


HELD = """ALTER FUNCTION call_open RENAME TO call_open_now;
CREATE FUNCTION call_open(p_seconds int, p_limit int) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1);
  RETURN QUERY SELECT call_open_now(p_seconds, p_limit);
END $$"""


def test_who_speaks_in_the_moment_in_which_the_calls_are_read(running_stack):
    """After a restart: the open calls, and what somebody says in one of them, come to a process in the same turn of its loop."""
    with Daemon(running_stack) as daemon:
        alice, bella = App(daemon, "alice"), App(daemon, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        with alice.ws() as at_alice, bella.ws() as at_bella:
            call = connected((alice, bella, at_alice, at_bella, talk))
            daemon.process.kill()
            daemon.process.wait()
        uri = daemon.info["database"]
        psql(uri, HELD)
        with contextlib.closing(psycopg2.connect(uri)) as keeper:
            keeper.cursor().execute("SELECT pg_advisory_lock(1)")
            daemon.start()
            daemon.wait_ready(link=False)
            with alice.ws() as again, bella.ws() as other:
                held = ("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                        " AND state = 'active' AND query ~ 'call_open'")
                wait_for("it reads the calls", lambda: psql(uri, f"{held} AND wait_event = 'advisory'") == "1")
                daemon.process.send_signal(signal.SIGSTOP)
                keeper.close()
                wait_for("they are read", lambda: psql(uri, held) == "0")
                again.send("call.signal", call_id=call["id"], type="ice_restart", data=sdp(ufrag="aftr"))
                daemon.process.send_signal(signal.SIGCONT)
                other.expect("call.signal", type="ice_restart")
