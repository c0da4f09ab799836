# SPDX-License-Identifier: GPL-3.0-or-later
"""An administrator at Gajim's dialog of commands and at Profanity's command line."""
import pytest

from harness.adhoc import DATA, Commands
from harness.database import database
from harness.desktop import wait_for
from harness.gajim import Gajim
from harness.profanity import Profanity
from test_adhoc import account

pytestmark = pytest.mark.one_server

DOMAIN = "app.example.org"


@pytest.fixture(scope="module")
def gajim(running_stack):
    with Gajim(running_stack, "admin") as client:
        yield client


def dialog(client, page, text=None):
    """The dialog once it shows that page, and somewhere on it that text."""
    return wait_for(f"page {page} with {text!r}", lambda: client.ask("dialog"), lambda seen: seen["page"] == page and (
        text is None or any(text in shown for shown in seen["texts"])))


def test_gajim_suspends_a_user(alice, bella, gajim):
    """And shows one, the state of the service, and tells everybody something."""
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
    gajim.ask("press_button", name="commands")
    dialog(gajim, "commands", "Service: state and statistics")
    gajim.ask("choose", name="Service: state and statistics")
    dialog(gajim, "completed", "Link up")
    gajim.ask("press_button", name="commands")
    dialog(gajim, "commands", "Service: tell everybody who is there")
    gajim.ask("choose", name="Service: tell everybody who is there")
    dialog(gajim, "stage", "What everybody who is there is told")
    gajim.ask("fill", var="announcement", value="Tonight at ten")
    with bella.ws() as socket:
        gajim.ask("press_button", name="complete")
        assert socket.expect("announcement")["payload"]["body"] == "Tonight at ten"
    gajim.ask("close_commands")


def execute(screen, node, title, *lines):
    """The form of a command, filled in and sent by these lines."""
    screen.type("/win 1")
    screen.type(f"/cmd exec {node} {DOMAIN}")
    screen.expect(f"Form title: {title}")
    for line in lines:
        screen.type(line)


def test_profanity_finds_and_suspends_a_user(stack, alice, bella):
    """And sees the state of the service, tells everybody something, gives a role and a limit, and reads the audit."""
    with Profanity(stack, "admin", height=160) as screen:
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
        execute(screen, "urn:trestle:admin:status", "Service: state and statistics")
        screen.expect("Link up: true")
        with bella.ws() as socket:
            execute(screen, "http://jabber.org/protocol/admin#announce", "Service: tell everybody", '/field2 add "Tonight at ten"', "/form submit",
                    "/form submit")
            assert socket.expect("announcement")["payload"]["body"] == "Tonight at ten"
        execute(screen, "urn:trestle:admin:staff", "Users: roles of staff", f"/field1 {bella.jid}", "/field2 add moderator", "/form submit",
                "/form submit")
        wait_for("the role", lambda: bella.myself()["staff"], lambda roles: roles == ["moderator"])
        execute(screen, "urn:trestle:admin:set-limit", "Users: change a limit", f"/field1 {bella.jid}", "/field2 search", "/field3 1/60", "/form submit",
                "/form submit")
        wait_for("the limit", lambda: [bella.request("GET", "/api/users/search?q=abc").status for _ in range(2)][1],
                 lambda status: status == 429)
        execute(screen, "urn:trestle:admin:audit", "Audit: who did what", "/form submit")
        screen.expect("action: ")  # what was done first is at the end of the screen: with a stack that is used, something else


@pytest.fixture
def offered(stack, xmpp):
    """Every command there is, name by node, and what slixmpp sees of it at first; whoever is an operator has an account here, too."""
    account(stack, "admin@example.org")
    commands = Commands(xmpp("admin"))

    def copies_made():  # one at a time for each user, by a job
        with database(stack) as query:
            wait_for("no copy being made", lambda: query("SELECT id FROM exports WHERE state = 'running'"), lambda rows: not rows, 60)

    def first(node):
        answer = commands.send(node)
        if answer.status == "executing":
            assert commands.send(node, "cancel", answer.session).status == "canceled"
        return answer
    copies_made()
    found = {node: (name, first(node)) for node, name in commands.list().items()}
    copies_made()
    yield found
    account(stack, "admin@example.org", kind="'remote'")


def labels(answer):
    return [field.get("label") for field in answer.form.findall(f"{DATA}field") if field.get("label")]


def test_profanity_opens_every_command(stack, offered):
    """What has a form shows it, every field of it, and is cancelled; the rest is done."""
    with Profanity(stack, "admin", height=160) as screen:
        for node, (name, first) in offered.items():
            screen.type("/win 1")
            screen.type("/clear")
            screen.type(f"/cmd exec {node} {DOMAIN}")
            if first.form is None:
                screen.expect(first.note)
                continue
            screen.expect(f"Form title: {name}")
            for label in labels(first):
                screen.expect(label)
            screen.type("/form cancel")
            screen.wait(f"an end of {node}", lambda name=name: f"Form title: {name}" not in screen.screen())


def test_gajim_opens_every_command(offered, gajim):
    gajim.ask("commands", jid=DOMAIN)
    for node, (name, first) in offered.items():
        dialog(gajim, "commands", name)
        gajim.ask("choose", name=name)
        if first.status == "completed":
            dialog(gajim, "completed")
            gajim.ask("press_button", name="commands")
        else:
            shown = dialog(gajim, "stage", labels(first)[0])
            for label in labels(first):
                assert any(label in text for text in shown["texts"]), (node, label, shown)
            gajim.ask("press_button", name="cancel")
    gajim.ask("close_commands")
