# SPDX-License-Identifier: GPL-3.0-or-later
"""Converse.js by what it shows: what Dino, Gajim and Profanity of Debian 12 lack."""
import pytest
from harness.converse import Converse


@pytest.fixture
def carol(stack):
    with Converse(stack, "carol") as page:
        yield page


def test_talking(stack, alice, carol):
    talk = alice.conversation_with(jid=carol.bare)
    alice.send(talk, "Hello from an app")
    carol.open(alice.jid)
    carol.expect_text(alice.jid, "Hello from an app")
    with alice.ws() as socket:
        carol.say(alice.jid, "Hello from a page")
        socket.expect("message.new", content="Hello from a page")
