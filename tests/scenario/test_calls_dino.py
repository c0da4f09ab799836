# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls with Dino, which has a silent microphone and a camera that shows a ball. What arrives is counted in the page: packets of
sound, decoded frames of pictures."""
from xml.etree.ElementTree import Element

import pytest

from harness.dino_calls import CallingDino
from harness.jingle_page import JinglePage, bundle
from harness.media import MediaWorld
from harness.xmpp import XmppUser


@pytest.fixture(scope="module")
def world(request):
    with MediaWorld(request.config.getoption("--server")) as world:
        with world.network.outside():
            world.origin.files["stanza.js"] = bundle()
        yield world


def befriend(stack, one, other):
    """The two see each other's presence from now on; before either's client starts."""
    with XmppUser(stack, one) as first, XmppUser(stack, other) as second:
        for user in (first, second):
            user.iq(None, Element("{jabber:iq:roster}query"))
        for asking, asked in ((first, second), (second, first)):
            asking.send_presence(to=asked.bare, type="subscribe")
            asked.expect_presence(asking.bare, "subscribe")
            asked.send_presence(to=asking.bare, type="subscribed")
            asking.expect_presence(asked.bare, "subscribed")


@pytest.fixture(scope="module")
def carol(world):
    befriend(world.stack, "carol", "dave")
    with CallingDino(world.stack, "carol", camera=True) as carol:
        yield carol


@pytest.fixture(scope="module")
def dave(world, carol):
    dave = JinglePage(world.page(0), world.stack, "dave", ["audio", "video"])
    yield dave
    dave.close()


def test_dino_takes_a_video_call_of_a_stock_client(carol, dave):
    dave.call(f"{carol.jid}/dino")
    carol.rings()
    carol.accept()
    dave.until("accepted")
    assert dave.flows()["transports"] == 2  # Dino bundles nothing
    carol.hang_up()
    assert dave.until("terminated") == "success"


def test_dino_calls_a_stock_client(carol, dave):
    carol.call(dave.bare)
    assert dave.until("incoming") == f"{carol.jid}/dino"
    dave.accept()
    dave.flows(audio=25)
    dave.do("end")
