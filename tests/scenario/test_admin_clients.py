# SPDX-License-Identifier: GPL-3.0-or-later
"""An administrator at Gajim's dialog of commands and at Profanity's command line."""
import pytest

from harness.desktop import wait_for
from harness.gajim import Gajim
from harness.profanity import Profanity

DOMAIN = "app.example.org"


@pytest.fixture(scope="module")
def gajim(running_stack):
    with Gajim(running_stack, "admin") as client:
        yield client


def dialog(client, page, text=None):
    """The dialog once it shows that page, and somewhere on it that text."""
    return wait_for(f"page {page} with {text!r}", lambda: client.ask("dialog"), lambda seen: seen["page"] == page and (
        text is None or any(text in shown for shown in seen["texts"])))


def test_gajim_suspends_a_user(alice, gajim):
    gajim.ask("commands", jid=DOMAIN)
    listed = dialog(gajim, "commands", "Users: suspend")
    assert "Service: state and statistics" in listed["texts"]
    gajim.ask("choose", name="Users: suspend")
    form = dialog(gajim, "stage", "Users (addresses or ids)")
    assert form["buttons"] == ["cancel"] or "complete" not in form["buttons"], "a user is required"
    gajim.ask("fill", var="accountjids", value=[alice.jid])
    gajim.ask("fill", var="reason", value="Spam")
    gajim.ask("press_button", name="next")
    sure = dialog(gajim, "stage", "They are signed out at once")
    assert any(alice.jid in text for text in sure["texts"]) and {"prev", "complete"} <= set(sure["buttons"])
    assert alice.request("GET", "/api/users/me").status == 200
    gajim.ask("press_button", name="complete")
    dialog(gajim, "completed", alice.id)
    assert alice.request("GET", "/api/users/me").status == 403
    gajim.ask("press_button", name="commands")
    dialog(gajim, "commands", "Users: show one")
    gajim.ask("choose", name="Users: show one")
    dialog(gajim, "stage", "User (address or id)")
    gajim.ask("fill", var="accountjid", value="nobody@nowhere")
    gajim.ask("press_button", name="complete")
    dialog(gajim, "stage", "There is no such thing")
    gajim.ask("fill", var="accountjid", value=alice.jid)
    gajim.ask("press_button", name="complete")
    dialog(gajim, "completed", "Spam")
    gajim.ask("close_commands")


def test_profanity_finds_and_suspends_a_user(stack, alice):
    with Profanity(stack, "admin") as screen:
        def listed():  # once it knows that its own server has commands, too
            screen.type(f"/cmd list {DOMAIN}")
            return screen.screen()
        wait_for("the list of commands", listed, lambda shown: "urn:trestle:admin:users" in shown)
        screen.type(f"/cmd exec urn:trestle:admin:users {DOMAIN}")
        screen.expect("Form title: Users: find")
        screen.type(f"/field1 {alice.jid}")
        screen.type("/form submit")
        screen.expect(f"jid: {alice.jid}")
        screen.type("/win 1")
        screen.type(f"/cmd exec http://jabber.org/protocol/admin#disable-user {DOMAIN}")
        screen.expect("Form title: Users: suspend")
        screen.type(f"/field1 add {alice.jid}")
        screen.type("/form submit")
        screen.expect("They are signed out at once")
        assert alice.request("GET", "/api/users/me").status == 200
        screen.type("/form submit")
        wait_for("the suspension", lambda: alice.request("GET", "/api/users/me").status, lambda status: status == 403)
