# SPDX-License-Identifier: GPL-3.0-or-later
"""Media of calls, in a network of the tests' own: pages with camera and microphone, and agents without a browser.

The first tests carry descriptions and candidates themselves: they show that what the others count does arrive."""
import pytest

from harness.ice_peer import IcePeer
from harness.inbox import wait_for
from harness.jingle_page import JinglePage, bundle
from harness.media import MediaWorld
from harness.network import Network
from harness.peer import PagePeer, carry
from harness.rest import App

pytestmark = pytest.mark.one_server


@pytest.fixture(scope="module")
def world(request):
    with MediaWorld(request.config.getoption("--server")) as world:
        yield world


@pytest.fixture(scope="module")
def library(world):
    """The Jingle client for pages, which comes from outside."""
    with world.network.outside():
        world.origin.files["stanza.js"] = bundle()


def configuration(world, **changes):
    """What the bridge tells a page, as RTCPeerConnection takes it."""
    told = App(world.stack, "alice").call(200, "GET", "/api/calls/ice-servers")
    return {"iceServers": told["ice_servers"], "iceTransportPolicy": told["ice_transport_policy"], **changes}


def connect(caller, callee):
    caller.describe("answer", callee.answer(caller.offer()))
    wait_for("a connection", lambda: carry(caller, callee) or all(
        peer.arrived()["state"] == "connected" for peer in (caller, callee)))


def test_pages_hear_and_see_each_other(world):
    caller, callee = (PagePeer(world.page(n), configuration(world), ["audio", "video"]) for n in range(2))
    connect(caller, callee)
    for peer in (caller, callee):
        arrived = peer.flows()
        assert arrived["pairs"] and all(end["type"] in ("host", "prflx") for pair in arrived["pairs"] for end in pair)


def test_pages_that_are_told_to_be_relayed_are(world):
    relay = configuration(world, iceTransportPolicy="relay")
    caller, callee = (PagePeer(world.page(n), relay) for n in range(2))
    connect(caller, callee)
    for peer in (caller, callee):
        own, _ = peer.flows()["pairs"][0]
        assert own["type"] == "relay"
    assert world.turn.log().count("ALLOCATE processed, success") >= 2




def meet(caller, callee):
    for one, other in ((caller, callee), (callee, caller)):
        one.meet(other.ufrag, other.password, other.candidates)
    ways = caller.connected(), callee.connected()
    caller.hears(callee)
    callee.hears(caller)
    return ways


def test_two_jingle_pages_call_each_other(library, world):
    dave, erin = (JinglePage(world.page(n), world.stack, user, ["audio", "video"]) for n, user in enumerate(("dave", "erin")))
    dave.call(erin.jid)
    assert erin.until("incoming") == dave.jid
    erin.accept()
    dave.until("accepted")
    for peer in (dave, erin):
        peer.flows()
    dave.do("end")
    assert erin.until("terminated") == "success"


def test_agents_connect_directly(world):
    with IcePeer("controlling") as caller, IcePeer("controlled") as callee:
        assert {"v4" if "." in line.split(" ")[4] else "v6" for line in caller.candidates} == {"v4", "v6"}
        for own, other in meet(caller, callee):
            assert own[0] == "host" and other[0] in ("host", "prflx")


def test_agents_connect_through_the_relay(world):
    relay = configuration(world)["iceServers"][-1]
    turn = (world.turn.address, world.turn.port, relay["username"], relay["credential"])
    with IcePeer("controlling", turn, relay=True) as caller, IcePeer("controlled", turn, relay=True) as callee:
        assert caller.candidates and all(" typ relay " in line for line in caller.candidates + callee.candidates)
        for own, other in meet(caller, callee):
            assert own[0] == other[0] == "relay"


def test_agents_connect_over_ipv6_alone():
    with Network(ipv4=False) as network, IcePeer("controlling") as caller, IcePeer("controlled") as callee:
        for own, other in meet(caller, callee):
            assert own[1] == other[1] == network.v6
