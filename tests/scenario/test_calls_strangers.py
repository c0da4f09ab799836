# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls between people who do not know each other, and where calls are switched off. The server is a fake one."""
import re
import signal
from types import SimpleNamespace

import pytest
from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.inbox import wait_for
from harness.rest import App
from harness.xmpp import JINGLE
from test_calls import candidate, initiate, sdp
from test_calls_xmpp import ICE, JM, RTP, said

EVE = SimpleNamespace(bare="eve@example.org", jid="eve@example.org/x")
RELAYED = "candidate:1 1 udp 41885439 198.51.100.9 50000 typ relay raddr 10.0.0.4 rport 46154 generation 0"
HOST = "candidate:1 1 udp 2130706431 10.0.0.4 46154 typ host generation 0"


@pytest.fixture
def world(running_stack):
    with FakeXmpp() as server, Daemon(running_stack, server.port, secret=server.secret) as daemon:
        server.wait_stream()
        alice = App(daemon, "alice")
        alice.jid = alice.me()["jid"]
        yield SimpleNamespace(server=server, daemon=daemon, alice=alice)


def tell(world, kind, sid, inside=""):
    world.server.send(f"<message from='{EVE.jid}' to='{world.alice.jid}/rest' type='chat'>"
                      f"<{kind} xmlns='{JM}' id='{sid}'>{inside}</{kind}></message>")


def initiate_session(world, sid):
    text = said("out-without-jmi-session-initiate-in", EVE, world.alice, sid)
    world.server.send(re.sub("<iq ", f"<iq from='{EVE.jid}' ", text, count=1))


def expect_message(world, kind, sid):
    return world.server.expect(kind, lambda s: s.name == "message" and s.child(JM, kind) is not None
                               and s.child(JM, kind).get("id") == sid)


def expect_action(world, action, sid):
    def fits(stanza):
        found = stanza.child(JINGLE, "jingle") if stanza.name == "iq" else None
        return found is not None and found.get("action") == action and found.get("sid") == sid
    stanza = world.server.expect(action, fits)
    world.server.send(f"<iq type='result' id='{stanza.id}' from='{EVE.jid}' to='{stanza.sender}'/>")
    return stanza.child(JINGLE, "jingle")


def ways(element):
    return [found.get("type") for found in element.iter(f"{{{ICE}}}candidate")]


def test_a_stranger_who_is_called_does_not_learn_where_one_is(world):
    talk = world.alice.conversation_with(jid=EVE.bare)
    with world.alice.ws() as socket:
        call = initiate(world.alice, talk, call_type="audio")
        assert call["ice_transport_policy"] == "relay"
        expect_message(world, "propose", call["id"])
        tell(world, "proceed", call["id"])
        socket.expect("call.answered", call_id=call["id"])
        socket.command("call.signal", call_id=call["id"], type="offer", data=sdp(extra=f"a={HOST}\r\n"))
        assert ways(expect_action(world, "session-initiate", call["id"])) == []
        for line in (HOST, candidate()["candidate"], RELAYED):
            socket.command("call.signal", call_id=call["id"], type="ice_candidate", data=candidate(line))
        assert ways(expect_action(world, "transport-info", call["id"])) == ["relay"]


def test_nor_one_who_calls(world):
    with world.alice.ws() as socket:
        initiate_session(world, "s1")
        rung = socket.expect("call.ringing")["payload"]
        accepted = socket.command("call.accept", call_id=rung["call_id"])
        assert accepted["ice_transport_policy"] == "relay"
        again = socket.command("call.accept", call_id=rung["call_id"])
        assert again["ice_transport_policy"] == "relay", "read, and not just written"
        offer = socket.expect("call.signal", type="offer")["payload"]["data"]["sdp"]
        assert "m=audio" in offer and "typ host" not in offer and "typ srflx" not in offer
        mid = re.search(r"a=mid:(\S+)", offer)[1]
        answer = sdp("active", extra=f"a={HOST}\r\n").replace("a=mid:0", f"a=mid:{mid}").replace("BUNDLE 0", f"BUNDLE {mid}")
        socket.command("call.signal", call_id=rung["call_id"], type="answer", data=answer)
        assert ways(expect_action(world, "session-accept", "s1")) == []


def test_it_looks_as_if_it_rang_where_nobody_is(world):
    bella = App(world.daemon, "bella")
    bella.call(200, "PATCH", "/api/settings/privacy", {"messages": "contacts"})
    talk = world.alice.conversation_with(participant_id=bella.me()["id"])
    with world.alice.ws() as socket:
        call = initiate(world.alice, talk)
        assert (call["status"], call["ice_transport_policy"]) == ("ringing", "relay")
        socket.expect("call.remote_ringing", call_id=call["id"])
    assert bella.call(200, "GET", "/api/calls")["items"] == []


def test_where_calls_are_off_none_rings(world):
    world.daemon.configure({"features": {"calls": "off"}})
    world.daemon.process.send_signal(signal.SIGHUP)
    wait_for("the switch", lambda: world.alice.capabilities()["off"] == ["calls", "analytics"])
    with world.alice.ws() as socket:
        tell(world, "propose", "p1", f"<description xmlns='{RTP}' media='audio'/>")
        reject = expect_message(world, "reject", "p1").child(JM, "reject")
        assert reject.find(f"{{{JINGLE}}}reason/{{{JINGLE}}}unsupported-applications") is not None
        initiate_session(world, "s1")
        over = expect_action(world, "session-terminate", "s1")
        assert over.find(f"{{{JINGLE}}}reason/{{{JINGLE}}}unsupported-applications") is not None
        socket.sync()
        assert not socket.frames("call.ringing") and not socket.frames("message.new")
