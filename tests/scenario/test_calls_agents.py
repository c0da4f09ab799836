# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls whose two ends are libnice agents, over IPv6 alone. There are two bridges; callers and callees are at different ones."""
import contextlib

import pytest

from harness.app_agent import AppAgent, connect
from harness.ice_peer import IcePeer
from harness.inbox import wait_for
from harness.media import MediaWorld
from harness.rest import App

pytestmark = pytest.mark.one_server


@pytest.fixture(scope="module")
def world(request):
    with MediaWorld(request.config.getoption("--server"), ipv4=False, announced=True, instances=2) as world:
        yield world


@pytest.fixture
def opened():
    with contextlib.ExitStack() as opened:
        yield opened


def users(world, opened, *names):
    return [opened.enter_context(contextlib.closing(AppAgent(App(world.stack, name, instance=n))))
            for n, name in enumerate(names)]


def test_two_app_users_over_ipv6(world, opened):
    alice, bella = users(world, opened, "alice", "bella")
    talk = alice.user.conversation_with(participant_id=bella.user.me()["id"])
    for side in (alice, bella):
        side.user.send(talk, "hello")
    alice.ring(talk)
    bella.take()
    caller, callee = (opened.enter_context(IcePeer(role)) for role in ("controlling", "controlled"))
    alice.offer(caller)
    bella.answer(callee)
    alice.answered()
    for own, other in connect(alice, bella):
        assert own[1] == other[1] == world.network.v6


def test_what_the_xmpp_server_announces_relays(world, opened):
    """Only it knows of the TURN server, and of the secret."""
    def told(instance):
        return App(world.stack, "alice", instance=instance).call(200, "GET", "/api/calls/ice-servers")["ice_servers"]
    for instance in range(2):  # with Prosody only one of them has a link to it
        wait_for("the announcement", lambda: len(told(instance)) == 2)
        stun, turn = told(instance)
        assert stun["urls"] == [world.turn.stun] and turn["urls"] == [world.turn.turn]
    server = (world.turn.address, world.turn.port, turn["username"], turn["credential"])
    caller, callee = (opened.enter_context(IcePeer(role, server, relay=True)) for role in ("controlling", "controlled"))
    for one, other in ((caller, callee), (callee, caller)):
        one.meet(other.ufrag, other.password, other.candidates)
    assert caller.connected()[0][0] == callee.connected()[0][0] == "relay"
    caller.hears(callee)
