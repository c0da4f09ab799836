# SPDX-License-Identifier: GPL-3.0-or-later
"""Profanity with plugin/profanity and an app user: what a terminal client cannot do by itself."""
import os
from pathlib import Path
from urllib.parse import quote

import pytest
from harness.profanity import Profanity
from harness.stack import TOP

PLUGIN = Path(os.environ.get("TRESTLE_BUILD") or TOP / "build").absolute() / "plugin" / "profanity" / "trestle.so"


@pytest.fixture
def erin(stack):
    if not PLUGIN.exists():
        pytest.skip(f"{PLUGIN} was not built")
    with Profanity(stack, "erin") as erin:
        erin.type(f"/plugins install {PLUGIN}")
        erin.expect("Plugin installed and loaded: trestle.so")
        yield erin


def test_reactions_replies_edits_retractions(erin, alice):
    talk = alice.conversation_with(jid=erin.account["jid"])
    with alice.ws() as socket:
        first = alice.send(talk, "Shall we meet?")
        erin.expect(alice.jid)
        erin.type(f"/msg {alice.jid}")
        erin.expect("Shall we meet?")
        erin.type("/trestle react 1 👍 🎉")
        for emoji in "👍🎉":
            socket.expect("message.reaction", message_id=first["id"], emoji=emoji, added=True)
        erin.expect("me: 👍 🎉 to: Shall we meet?")
        erin.type("/trestle react 1")
        socket.expect("message.reaction", message_id=first["id"], emoji="👍", added=False)
        erin.type("/trestle reply 1 At noon")
        answer = socket.expect("message.new", content="At noon")["payload"]
        erin.type("/trestle edit 1 At one")
        socket.expect("message.updated", id=answer["id"], content="At one")
        erin.type("/trestle retract 1")
        socket.expect("message.deleted", message_id=answer["id"])
        erin.type("/trestle edit 3 not mine")
        erin.expect("* No such message here")
        erin.type("/trestle edit 2 not mine")
        erin.expect("* That message is not yours.")


def test_what_the_app_does_is_shown(erin, alice):
    talk = alice.conversation_with(jid=erin.account["jid"])
    with alice.ws() as socket:
        alice.send(talk, "hello")
        erin.expect(alice.jid)
        erin.type(f"/msg {alice.jid}")
        erin.type("Nice to see you")
        heard = socket.expect("message.new", content="Nice to see you")["payload"]
        alice.call(200, "PUT", f"/api/messages/{heard['id']}/reactions/{quote('🎉')}")
        erin.expect("reacts 🎉 to: Nice to see you")
        gone = alice.send(talk, "a slip of the tongue")
        erin.expect("a slip of the tongue")
        alice.call(200, "DELETE", f"/api/messages/{gone['id']}?for=everyone")
        erin.expect("takes back: a slip of the tongue")
        erin.type("/trestle messages")
        screen = erin.expect("2  me: Nice to see you")
        assert "1  " + alice.jid + ": (taken back)" in screen and "your client does not support" not in screen
        erin.type("/trestle disappear 60")
        erin.expect("disappear after they were read")
        erin.type("not for long")
        assert socket.expect("message.new", content="not for long")["payload"]["metadata"]["expires_in"] == 60


def test_help(erin):
    erin.type("/trestle react 1 x")
    erin.expect("This command wants an open chat or room.")
    erin.type("/help trestle")
    screen = erin.expect("/trestle admin app.example.org")  # the last line
    assert "disappear <seconds>|off" in screen
    erin.type("/trestle requests")
    erin.expect("Not sent; /trestle service DOMAIN says whom to ask.")
    erin.type("/trestle service app.example.org")
    erin.expect("Commands of yours go to app.example.org.")
    erin.type("/trestle accept 1")
    erin.expect("There is no such number")
    erin.type("/trestle requests")
    erin.expect("Not done: ")  # whose account is not used in the app
    erin.type("/trestle nothing")
    erin.expect("Invalid usage")
