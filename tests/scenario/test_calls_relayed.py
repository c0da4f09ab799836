# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that go through a TURN server alone: neither side learns where the other is, whatever its application does."""
import contextlib
import re

import pytest

from harness.app_agent import AppAgent, connect
from harness.dino_calls import CallingDino
from harness.ice_peer import IcePeer
from harness.jingle_agent import JingleAgent
from harness.media import MediaWorld
from harness.peer import ENOUGH
from harness.phone import PagePhone
from harness.rest import App
from harness.xmpp import XmppUser
from test_calls_dino import befriend

pytestmark = pytest.mark.one_server

ADDRESS = re.compile(r"\b(?!0\.0\.0\.0|127\.0\.0\.1)\d+\.\d+\.\d+\.\d+\b|\b[0-9a-f]{1,4}:[0-9a-f:]*:[0-9a-f]+\b|\.local\b")


@pytest.fixture(scope="module")
def world(request):
    with MediaWorld(request.config.getoption("--server"), more="relay_only=always") as world:
        yield world


def told(phone):
    """All lines of descriptions and candidates that the page was told."""
    signals = phone.run("return phone.chat.events.filter(({type}) => type === 'call.signal').map(({payload}) => payload.data)")
    return [line for data in signals if data for line in (data.get("sdp") or data.get("candidate") or "").splitlines()]


def test_pages_that_gather_everything_tell_nothing(world):
    alice, bella = (App(world.stack, name) for name in ("alice", "bella"))
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    phones = [PagePhone(world.page(n), user) for n, user in enumerate((alice, bella))]
    for phone in phones:
        phone.run("phone.policy = 'all'")
    call = phones[0].ring(talk, video=True)
    assert call["ice_transport_policy"] == "relay"
    assert [url for server in call["ice_servers"] for url in server["urls"]] == [world.turn.turn]
    phones[1].until("ringing")
    phones[1].accept()
    for phone in phones:
        ways = phone.sees()["pairs"]
        assert ways and all(own["type"] == "relay" or other["type"] == "relay" for own, other in ways)
    phones[0].do("restart")
    phones[0].sees()
    for phone in phones:
        lines = told(phone)
        candidates = [line for line in lines if "candidate:" in line]
        assert candidates and all(" typ relay raddr 0.0.0.0 " in line or " typ relay raddr :: " in line for line in candidates)
        assert not [line for line in lines if line not in candidates and "fingerprint" not in line and "urn:" not in line
                    and ADDRESS.search(line)]
    phones[1].do("end")
    phones[0].until("ended")
    logged = "\n".join(line for name, lines in world.stack.logs_since({}, 100000).items() if name.startswith("bridge")
                       for line in lines)
    assert world.network.v4 not in logged and "candidate:" not in logged and "ice-pwd" not in logged


def test_xmpp_is_told_of_the_relay_alone(world):
    """Both agents gather everything; what crosses the bridge, either way, is relayed candidates."""
    with contextlib.ExitStack() as opened:
        bob = opened.enter_context(XmppUser(world.stack, "bob"))
        clara = opened.enter_context(contextlib.closing(AppAgent(App(world.stack, "clara"))))
        there = JingleAgent(bob)
        talk = clara.user.conversation_with(jid=bob.bare)
        clara.user.send(talk, "hello")
        bob.expect_message("hello")
        bob.send_message(clara.user.me()["jid"], "hello yourself")
        clara.socket.expect("message.new", content="hello yourself")
        turn = clara.ring(talk)["ice_servers"][0]
        there.take()
        server = (world.turn.address, world.turn.port, turn["username"], turn["credential"])
        caller, callee = (opened.enter_context(IcePeer(role, server)) for role in ("controlling", "controlled"))
        assert any(" typ host" in line for line in caller.candidates + callee.candidates)
        clara.offer(caller)
        there.answer(callee)
        clara.answered()
        connect(clara, there)
        assert there.heard and {candidate.get("type") for candidate in there.heard} == {"relay"}
        assert not any(candidate.get("rel-addr") for candidate in there.heard)
        told = [line for frame in clara.socket.frames("call.signal") for line in
                (frame["payload"]["data"].get("sdp") or frame["payload"]["data"]["candidate"]).splitlines() if "candidate:" in line]
        assert told and all(" typ relay " in line for line in told)


def test_dino_is_called_by_the_relay_alone(request):
    """Dino has a TURN server from its own XMPP server (XEP-0215), as the bridge has here."""
    with MediaWorld(request.config.getoption("--server"), more="relay_only=always", announced=True) as world:
        user = App(world.stack, "dora")
        talk = befriend(world, user)
        with CallingDino(world.stack, "carol") as carol:
            phone = PagePhone(world.page(0), user)
            phone.talk = talk
            phone.run("phone.policy = 'all'")
            ways = carol.takes(phone, lambda now: now["audio"] >= ENOUGH["audio"])["pairs"]
            # All have one address here, which the TURN server lets through: Dino may find another way, of which it is not told.
            assert ways and all(other["type"] in ("relay", "prflx") for _, other in ways), ways
            lines = [line for line in told(phone) if "candidate:" in line]
            assert lines and all(" typ relay " in line for line in lines)
            phone.do("end")
            carol.expect("the end", lambda: not carol.in_call())
