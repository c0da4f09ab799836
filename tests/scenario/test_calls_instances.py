# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls over two bridges: across them, begun at both at once, and gone on with when one of them is killed."""
import threading
import uuid

import pytest
from harness import cluster
from harness.database import database
from harness.fault import wait_for
from test_calls import sdp
from test_calls_xmpp import JM, RTP, expect_action, expect_jm, jm, said
from test_instances import app, sockets, stack, talk_of_two, two  # noqa: F401  (fixtures)

pytestmark = pytest.mark.timeout(240)


def talked(alice, bella, talk):
    alice[0].send(talk, "hello")
    bella[0].send(talk, "hello")
    return {"conversation_id": talk["id"], "call_type": "audio"}


def connect_call(at_alice, at_bella, wanted):
    call = at_alice.command("call.initiate", **wanted)["id"]
    at_bella.expect("call.ringing", call_id=call)
    at_bella.command("call.accept", call_id=call)
    at_alice.expect("call.answered", call_id=call)
    exchange(at_alice, at_bella, call)
    return call


def exchange(at_alice, at_bella, call, type="offer"):
    at_alice.command("call.signal", call_id=call, type=type, data=sdp())
    at_bella.expect("call.signal", call_id=call, type=type)
    at_bella.command("call.signal", call_id=call, type="answer", data=sdp("active"))
    at_alice.expect("call.signal", call_id=call, type="answer")


def goes_on(socket, call, **signal):
    """Its socket is gone with the instance; one with the same token takes its place."""
    wait_for("it goes on by another instance",
             lambda: socket.ask("call.signal", call_id=call, **signal)["type"] == "ack", 20)


def lost(stack, call):
    with database(stack) as query:
        (live,), = query("SELECT live FROM calls WHERE id = %s", call)
    return [live[side]["lost"] for side in ("caller", "callee")]


def restart(stack, instance):
    """With what it has logged since."""
    name = f"bridge.{instance}"
    stack.kill(name)
    sizes = stack.log_sizes()
    stack.restart(name)
    return lambda text: any(text in line for line in stack.logs_since(sizes).get(name, []))


def test_a_call_crosses_instances_and_one_device_has_it(app, sockets):
    alice, bella, talk = talk_of_two(app)
    wanted = talked(alice, bella, talk)
    at_alice, at_bella, at_other = sockets(alice[0]), sockets(bella[1]), sockets(bella[0])
    call = connect_call(at_alice, at_bella, wanted)
    assert at_other.expect("call.ended", call_id=call)["payload"]["reason"] == "answered_elsewhere"
    assert at_other.refused("call.signal", call_id=call, type="answer", data=sdp("active"))["code"] == "forbidden"
    assert alice[1].call(409, "POST", "/api/calls/initiate", wanted)["error_reason"] == "busy"
    bella[0].call(200, "POST", f"/api/calls/{call}/end", {})
    for socket in (at_alice, at_bella):
        socket.expect("call.ended", call_id=call, reason="hangup")
    at_other.sync()
    assert not at_other.frames("call.signal")


def test_calls_outlive_the_instance_that_began_them(stack, app, sockets):
    alice, bella, talk = talk_of_two(app)
    wanted = talked(alice, bella, talk)
    at_first, at_bella = sockets(alice[0]), sockets(bella[1])
    ringing = at_first.command("call.initiate", **wanted)["id"]  # whatever the first one has heard of bella by now
    at_bella.expect("call.ringing", call_id=ringing)
    stack.kill("bridge.0")
    at_bella.command("call.accept", call_id=ringing)
    at_alice = sockets(alice[1])
    goes_on(at_alice, ringing, type="offer", data=sdp())
    at_bella.expect("call.signal", call_id=ringing, type="offer")
    at_bella.command("call.signal", call_id=ringing, type="answer", data=sdp("active"))
    at_alice.expect("call.signal", call_id=ringing, type="answer")
    assert alice[1].call(200, "GET", f"/api/calls/{ringing}")["status"] == "active"
    at_alice.command("call.end", call_id=ringing)
    at_bella.expect("call.ended", call_id=ringing, reason="hangup")


def test_one_that_has_just_started_waits_to_hear_who_is_there(stack, app, sockets):
    alice, bella, talk = talk_of_two(app)
    wanted = talked(alice, bella, talk)
    at_alice, at_bella = sockets(alice[1]), sockets(bella[1])
    going_on = connect_call(at_alice, at_bella, wanted)
    carl, dora = [[app(name, n) for n in (0, 1)] for name in ("carl", "dora")]
    their_talk = carl[1].conversation_with(participant_id=dora[1].me()["id"])
    their_wish = talked(carl[::-1], dora[::-1], their_talk)
    at_dora = sockets(dora[1])
    logged = restart(stack, 0)
    ringing = carl[0].call(201, "POST", "/api/calls/initiate", their_wish)["id"]
    at_dora.expect("call.ringing", call_id=ringing)
    wait_for("it looked at the calls that go on", lambda: logged("calls-open"))
    assert lost(stack, going_on) == [False, False]
    alice[0].call(204, "POST", f"/api/calls/{going_on}/signal",
                  {"type": "ice_restart", "data": sdp(ufrag="neww"), "session_id": at_alice.hello["payload"]["session"]})
    at_bella.expect("call.signal", call_id=going_on, type="ice_restart")
    at_alice.command("call.end", call_id=going_on)
    at_bella.expect("call.ended", call_id=going_on, reason="hangup")


def test_who_is_there_by_another_device_is_lost_all_the_same(stack, app, sockets):
    alice, bella, talk = talk_of_two(app)
    wanted = talked(alice, bella, talk)
    at_alice, at_phone = sockets(alice[0]), sockets(bella[1])
    bella[0].token = bella[0].mint(jti=str(uuid.uuid4()))  # another sign-in: the call is not its to take over
    sockets(bella[0])
    call = connect_call(at_alice, at_phone, wanted)
    stack.kill("bridge.1")
    wait_for("the phone is missed", lambda: lost(stack, call) == [False, True])
    at_alice.command("call.end", call_id=call)


def test_both_call_each_other_at_different_instances(app, sockets):
    alice, bella, talk = talk_of_two(app)
    wanted = talked(alice, bella, talk)
    at = [sockets(alice[0]), sockets(bella[1])]
    replies = [None, None]

    def dial(n):
        replies[n] = (alice[0], bella[1])[n].request("POST", "/api/calls/initiate", wanted)
    threads = [threading.Thread(target=dial, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply.status for reply in replies) == [201, 409], replies
    caller = 0 if replies[0].status == 201 else 1
    assert replies[1 - caller].json["error_reason"] == "busy"
    call = replies[caller].json["id"]
    at[1 - caller].expect("call.ringing", call_id=call)
    at[1 - caller].command("call.accept", call_id=call)
    at[caller].expect("call.answered", call_id=call)
    at[caller].command("call.end", call_id=call)


# ---- With XMPP


@pytest.fixture
def bob(stack, xmpp):
    return xmpp("carol")


def acquainted(app, bob, name, instances):
    """An app user at these instances, who has talked to Bob; what calling him takes."""
    user = [app(name, n) for n in instances]
    for one in user:
        one.jid = one.me()["jid"]
    talk = user[0].conversation_with(jid=bob.bare)
    text = f"hello {uuid.uuid4()}"
    user[0].send(talk, text)
    bob.expect_message(text)
    bob.send_message(user[0].jid, f"hello, {name}")
    wait_for("it to come", lambda: len(user[0].messages(talk)["items"]) == 2)
    return user, {"conversation_id": talk["id"], "call_type": "audio"}


def accepted_by_bob(socket, alice, bob, call):
    jm(bob, alice, "proceed", call)
    socket.expect("call.answered", call_id=call)
    socket.command("call.signal", call_id=call, type="offer", data=sdp())
    expect_action(bob, "session-initiate", call)
    bob.send_raw(said("in-changes-session-accept-in", bob, alice, call))
    socket.expect("call.signal", call_id=call, type="answer")


def kill_holder(stack, bob, alice, holder):
    """Until the other one answers for Alice: what comes before that is lost on its way."""
    stack.kill(f"bridge.{holder}")
    cluster.wait_holder(stack, [1 - holder])
    wait_for("she can be asked", lambda: reached(bob, alice))


def reached(bob, alice):
    try:
        return bool(bob.disco_info(alice.jid + "/rest"))
    except AssertionError:
        return False


def hangs_up(socket, bob, call, sid=None):
    socket.command("call.end", call_id=call)
    expect_action(bob, "session-terminate", sid or call)


def test_calls_with_xmpp_outlive_the_killed_instance(stack, app, sockets, bob):
    """Of Alice, who talks, Bella, who calls, and Clara, who is called."""
    holder = cluster.wait_holder(stack)
    (alice, to_bob), (bella, bellas), (clara, _) = (
        acquainted(app, bob, name, (holder, 1 - holder)) for name in ("alice", "bella", "clara"))
    first, second = sockets(alice[0]), sockets(bella[0])
    talking = first.command("call.initiate", **to_bob)["id"]
    accepted_by_bob(first, alice[0], bob, talking)
    calling = second.command("call.initiate", **bellas)["id"]
    expect_jm(bob, "propose", calling)
    sid, at_clara = str(uuid.uuid4()), sockets(clara[1])
    jm(bob, clara[0], "propose", sid, f"<description xmlns='{RTP}' media='audio'/>", resource=False)
    called = at_clara.expect("call.ringing")["payload"]["call_id"]
    expect_jm(bob, "ringing", sid)

    kill_holder(stack, bob, alice[0], holder)
    at_alice, at_bella = sockets(alice[1]), sockets(bella[1])
    goes_on(at_alice, talking, type="ice_restart", data=sdp(ufrag="neww"))
    expect_action(bob, "transport-info", talking)
    bob.send_raw(f"<iq type='set' id='{uuid.uuid4()}' to='{alice[0].jid}/rest'><jingle xmlns='urn:xmpp:jingle:1' "
                 f"action='session-info' sid='{talking}'><mute xmlns='urn:xmpp:jingle:apps:rtp:info:1'/></jingle></iq>")
    at_alice.expect("call.state", call_id=talking, muted=True)
    hangs_up(at_alice, bob, talking)
    accepted_by_bob(at_bella, bella[0], bob, calling)
    hangs_up(at_bella, bob, calling)
    at_clara.command("call.accept", call_id=called)
    expect_jm(bob, "proceed", sid)
    bob.send_raw(said("out-audio-mute-addvideo-hangup-session-initiate-in", bob, clara[0], sid))
    at_clara.expect("call.signal", call_id=called, type="offer")
    hangs_up(at_clara, bob, called, sid)
    assert not [s for s in bob.inbox.received if s.name == "iq" and "session-terminate" in str(s) and "gone" in str(s)]


@pytest.mark.parametrize("wins", ["ours", "theirs"])
def test_both_call_at_once_and_the_bridges_agree(stack, app, sockets, bob, wins):
    """Hers begins at the instance without the link, if there is one."""
    holder = cluster.wait_holder(stack)
    alice, wanted = acquainted(app, bob, "alice", (holder, 1 - holder))
    socket = sockets(alice[1])
    ours = socket.command("call.initiate", **wanted)["id"]
    theirs = str(uuid.UUID(int=(uuid.uuid4().int >> 8) | (0xff << 120 if wins == "ours" else 0)))
    jm(bob, alice[0], "propose", theirs, f"<description xmlns='{RTP}' media='audio'/>", resource=False)
    expect_jm(bob, "propose", ours)
    if wins == "ours":
        tie = expect_jm(bob, "reject", theirs).child(JM, "reject")
        assert tie.find(f"{{{JM}}}tie-break") is not None
        jm(bob, alice[0], "proceed", ours)
        socket.expect("call.answered", call_id=ours)
        socket.command("call.end", call_id=ours)
    else:
        expect_jm(bob, "retract", ours)
        call = socket.expect("call.ringing")["payload"]["call_id"]
        socket.expect("call.ended", call_id=ours)
        socket.command("call.decline", call_id=call)
        expect_jm(bob, "reject", theirs)
