# SPDX-License-Identifier: GPL-3.0-or-later
"""Administration by ad-hoc commands (XEP-0050), as slixmpp gives them: who sees them, what they do, what they refuse."""
import pytest

from harness.adhoc import ADMIN, COMMANDS, OWN, Commands, Refused
from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.xmpp import XmppError

SUSPEND, RESTORE, SHOW, USERS = ADMIN + "disable-user", ADMIN + "reenable-user", ADMIN + "user-stats", OWN + "users"


@pytest.fixture
def admin(xmpp):
    return Commands(xmpp("admin"))


def test_an_admin_finds_shows_and_suspends_a_user(stack, alice, admin):
    assert {SUSPEND, RESTORE, SHOW, USERS} <= set(admin.list())
    found = admin.go(USERS, {"q": alice.jid.partition("@")[0]})
    assert [(row["jid"], row["suspended"]) for row in found.rows] == [(alice.jid, "false")]
    shown = admin.go(SHOW, {"accountjid": alice.jid})
    assert shown.fields["user_id"] == alice.id and shown.fields["FORM_TYPE"] == "http://jabber.org/protocol/admin"
    with alice.ws() as socket:
        form = admin.send(SUSPEND)
        assert (form.status, form.actions, form.types["accountjids"]) == ("executing", {"next"}, "jid-multi")
        assert "accountjids" in form.required
        sure = admin.send(SUSPEND, "next", form.session, {"accountjids": [alice.jid], "reason": "Spam"})
        assert (sure.actions, sure.usual) == ({"prev", "complete"}, "complete")
        done = admin.send(SUSPEND, "complete", form.session)
        assert [(row["user_id"], row["suspended"], row["reason"]) for row in done.rows] == [(alice.id, "true", "Spam")]
        socket.expect_close(4401)
    assert alice.request("GET", "/api/users/me").status == 403
    admin.go(RESTORE, {"accountjids": [alice.jid]})
    assert alice.request("GET", "/api/users/me").status == 200
    rows = admin.go(OWN + "audit", {"object": alice.id, "action": "user."}).rows
    assert [(r["actor"], r["action"], r["door"], r["outcome"]) for r in rows] == [
        ("admin@example.org", "user.restore", "xmpp", "done"), ("admin@example.org", "user.suspend", "xmpp", "done"),
        ("admin@example.org", "user.show", "xmpp", "asked")]


def test_a_stranger_meets_a_domain_without_commands(xmpp, bob):
    stranger = Commands(bob)
    with pytest.raises(Refused) as refused:
        stranger.list()
    assert refused.value.condition == "item-not-found"
    assert COMMANDS not in bob.disco_info("app.example.org")[1]
    for node in (SUSPEND, USERS, "urn:trestle:admin:nothing"):
        with pytest.raises(Refused) as refused:
            stranger.send(node)
        assert (refused.value.condition, refused.value.detail, refused.value.text) == ("service-unavailable", None, None)
    admin = xmpp("admin")
    assert COMMANDS in admin.disco_info("app.example.org")[1]


def refused(call, *args, **more):
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    return caught.value.condition, caught.value.detail


def test_steps_go_back_and_forth_and_end(alice, admin):
    first = admin.send(SUSPEND)
    wrong = refused(admin.send, SUSPEND, "complete", first.session, {})
    assert wrong == ("bad-request", "bad-action"), "it has another step"
    assert refused(admin.send, SUSPEND, "prev", first.session, {}) == ("bad-request", "bad-action")
    second = admin.send(SUSPEND, "execute", first.session, {"accountjids": [alice.jid], "reason": "Spam"})
    assert second.actions == {"prev", "complete"} and any("Spam" in (v or "") for v in second.fields.values())
    back = admin.send(SUSPEND, "prev", first.session)
    assert (back.fields["accountjids"], back.fields["reason"]) == ([alice.jid], "Spam")
    again = admin.send(SUSPEND, "next", first.session, {"accountjids": [alice.jid], "reason": "", "until": "2020-01-01T00:00:00Z"})
    assert not any("Spam" in (v or "") for v in again.fields.values())
    assert admin.send(SUSPEND, "cancel", first.session).status == "canceled"
    assert refused(admin.send, SUSPEND, "execute", first.session, {}) == ("bad-request", "bad-sessionid")
    assert alice.request("GET", "/api/users/me").status == 200, "nothing was done"
    assert refused(admin.send, SUSPEND, "cancel") == ("bad-request", "bad-sessionid")
    assert refused(admin.send, SUSPEND, "complete") == ("bad-request", "bad-action")
    # Another session of the same admin, another command, and an invented one.
    open_one = admin.send(SUSPEND)
    assert refused(admin.send, SHOW, "execute", open_one.session, {}) == ("bad-request", "bad-sessionid")
    assert refused(admin.send, SUSPEND, "execute", "x" * 5000, {}) == ("bad-request", "bad-sessionid")


def test_an_abandoned_session_makes_room(admin):
    sessions = [admin.send(SUSPEND).session for _ in range(9)]
    assert refused(admin.send, SUSPEND, "next", sessions[0], {}) == ("bad-request", "bad-sessionid")
    assert admin.send(SUSPEND, "cancel", sessions[8]).status == "canceled"


WRONG = {
    "missing": {}, "empty": {"accountjids": []}, "extra": {"accountjids": ["a@b"], "king": "1"},
    "oversized": {"accountjids": ["a" * 4000]}, "too many": {"accountjids": [f"{n}@x" for n in range(100)] + ["a", "b"]},
    "long": {"accountjids": ["a@b"], "reason": "x" * 1001}, "no time": {"accountjids": ["a@b"], "until": "tomorrow"},
    "two": {"accountjids": ["a@b"], "reason": ["x", "y"]},
}


@pytest.mark.parametrize("what", WRONG)
def test_a_form_that_is_wrong_comes_back_with_a_note(admin, what):
    form = admin.send(SUSPEND)
    answer = admin.send(SUSPEND, "next", form.session, WRONG[what])
    assert (answer.status, answer.note_type, answer.actions) == ("executing", "error", {"next"}), answer
    assert answer.note and answer.session == form.session
    assert admin.send(SUSPEND, "cancel", form.session).status == "canceled"


def test_types_are_named_and_held(admin):
    form = admin.send(USERS)
    assert form.types["state"] == "list-single" and form.options["state"] == ["all", "suspended", "staff"]
    assert form.ranges["limit"] == ("1", "100") and form.fields["limit"] == "50"
    for wrong in ({"limit": "many"}, {"limit": "1000"}, {"limit": "-1"}, {"state": "gone"}, {"limit": ["1", "2"]}):
        answer = admin.send(USERS, "complete", form.session, wrong)
        assert (answer.status, answer.note_type) == ("executing", "error"), (wrong, answer)
    assert admin.send(USERS, "complete", form.session, {"limit": "1", "state": "all"}).status == "completed"
    nobody = admin.send(SHOW, "complete", admin.send(SHOW).session, {"accountjid": "nobody@nowhere"})
    assert (nobody.status, nobody.note) == ("executing", "There is no such thing")


def test_malformed_commands(xmpp, admin):
    import xml.etree.ElementTree as ElementTree
    user = admin.user

    def ask(xml):
        with pytest.raises(XmppError) as caught:
            user.iq("app.example.org", ElementTree.fromstring(xml), "set")
        error = caught.value.stanza.child("jabber:client", "error")
        return caught.value.condition, next((c.tag.partition("}")[2] for c in error if COMMANDS in c.tag), None)
    head = f"<command xmlns='{COMMANDS}' node='{SUSPEND}'"
    assert ask(f"{head} action='explode'/>") == ("bad-request", "malformed-action")
    assert ask(f"{head}><x xmlns='jabber:x:data'/></command>") == ("bad-request", "bad-payload")
    assert ask(f"{head}><x xmlns='jabber:x:data' type='form'/></command>") == ("bad-request", "bad-payload")
    assert ask(f"{head}><y xmlns='urn:y'/></command>") == ("bad-request", "bad-payload")
    assert ask(f"<command xmlns='{COMMANDS}'/>") == ("bad-request", None)
    assert ask(f"<command xmlns='{COMMANDS}' node='{'n' * 3000}'/>") == ("item-not-found", None)


def test_every_command_is_refused_to_everybody_else(stack, xmpp, admin, bob):
    """A stranger, for each command and action; and another session of the admin, for a command that is under way."""
    stranger, nodes = Commands(bob), admin.list()
    assert len(nodes) >= 18
    for node in nodes:
        for action in ("execute", "complete", "next"):
            assert refused(stranger.send, node, action) == ("service-unavailable", None), node
    open_one = admin.send(SUSPEND)
    assert refused(stranger.send, SUSPEND, "next", open_one.session, {"accountjids": ["a@b"]}) == ("service-unavailable", None)
    other = Commands(xmpp("admin"))  # another session of the same account: it has the rights, not the command
    assert refused(other.send, SUSPEND, "next", open_one.session, {}) == ("bad-request", "bad-sessionid")


def test_who_only_looks_like_an_admin_is_nobody(running_stack):
    """The same name elsewhere, a letter that looks the same, a domain below; however an address is spelt, it is the same one."""
    with FakeXmpp() as server, Daemon(running_stack, server.port, {"admin": {"jids": "admin@example.org"}},
                                      secret=server.secret):
        def listed(sender):
            server.send(f"<iq type='get' id='{sender}' from='{sender}/x' to='app.example.org'><query xmlns='http://jabber.org/protocol/"
                        f"disco#items' node='{COMMANDS}'/></iq>")
            return server.expect(f"the answer to {sender}", lambda s: s.name == "iq" and s.id == sender).type
        server.wait_stream()
        assert [listed(jid) for jid in ("admin@example.org", "ADMIN@example.org")] == ["result", "result"]
        for jid in ("admin@example.com", "\u0430dmin@example.org", "admin@sub.example.org", "admin@example.org.example.com", "admin"):
            assert listed(jid) == "error", jid


def test_a_bridge_that_dies_in_the_middle_forgets_the_command_and_does_nothing(stack, alice, admin):
    first = admin.send(SUSPEND)
    admin.send(SUSPEND, "next", first.session, {"accountjids": [alice.jid]})
    stack.kill("bridge")
    stack.restart("bridge")
    assert refused(admin.send, SUSPEND, "complete", first.session) == ("bad-request", "bad-sessionid")
    assert alice.request("GET", "/api/users/me").status == 200
    admin.go(SUSPEND, {"accountjids": [alice.jid]})
    assert alice.request("GET", "/api/users/me").status == 403


def account(stack, jid, **columns):
    """A user here whose account is on the XMPP server, as an application that knows it has it."""
    from harness.daemon import psql
    number = psql(stack.info["database"], f"SELECT user_remote('{jid}')")
    sets = ", ".join(f"{name} = {value}" for name, value in {"kind": "'bound'", **columns}.items())
    psql(stack.info["database"], f"UPDATE users SET {sets} WHERE jid = '{jid}'")
    return number


def test_an_operator_with_an_account_here_has_what_users_have(stack, admin):
    before = set(admin.list())
    account(stack, "admin@example.org")
    try:
        own = set(admin.list()) - before
        assert own and all(node.startswith("urn:trestle:user:") for node in own)
        assert admin.go("urn:trestle:user:settings").fields["messages"] == "everyone"
        assert admin.go("urn:trestle:user:block").status == admin.go("urn:trestle:user:moderation").status == "completed"
        assert admin.go(USERS, {"q": "nobody"}).status == "completed"
    finally:
        account(stack, "admin@example.org", kind="'remote'")


def test_staff_with_accounts_of_a_server_have_what_their_role_has(stack, alice, xmpp, admin):
    carol = Commands(xmpp("carol"))
    id = account(stack, "carol@example.org")
    try:
        own = set(carol.list())  # what every user has whose account is on a server
        assert own and all(node.startswith("urn:trestle:user:") for node in own)
        assert carol.go("urn:trestle:user:settings").fields["messages"] == "everyone"
        assert carol.go("urn:trestle:user:block").status == carol.go("urn:trestle:user:moderation").status == "completed"
        admin.go(OWN + "staff", {"accountjid": "carol@example.org", "roles": ["auditor"]})
        assert set(carol.list()) == own | {OWN + "audit"}
        assert carol.go(OWN + "audit").rows
        assert refused(carol.send, SUSPEND) == ("item-not-found", None)
        admin.go(OWN + "staff", {"accountjid": "carol@example.org", "roles": ["admin"]})
        assert SUSPEND in carol.list()
        form = carol.send(SUSPEND)
        carol.send(SUSPEND, "next", form.session, {"accountjids": [alice.jid]})
        admin.go(SUSPEND, {"accountjids": ["carol@example.org"]})
        # In the middle of a command, and from then on.
        assert refused(carol.send, SUSPEND, "complete", form.session) == ("service-unavailable", None)
        assert refused(carol.list) == ("item-not-found", None)
        for node in admin.list():
            assert refused(carol.send, node) == ("service-unavailable", None), node
        assert alice.request("GET", "/api/users/me").status == 200
        admin.go(RESTORE, {"accountjids": ["carol@example.org"]})
        rows = admin.go(OWN + "audit", {"actor": "carol@example.org"}).rows
        assert [row["action"] for row in rows] == ["audit.read"] and rows[0]["actor_id"] == id
    finally:
        account(stack, "carol@example.org", kind="'remote'", staff="'{}'")


def wrong_forms(form):
    """(what is wrong, a form) of the first step `form`, of every kind that its fields have."""
    yield "a field nobody asked for", {"nonsense": "1"}
    if form.required:
        yield "nothing", {}
    for name, type in form.types.items():
        if name is None or type in ("hidden", "fixed"):
            continue
        if type in ("text-single", "text-private", "jid-single"):
            yield f"two of {name}", {name: ["a", "b"]}
            yield f"too much of {name}", {name: "x" * 70000}
        if type in ("list-single", "list-multi", "boolean"):
            yield f"{name}: none of the words", {name: ["certainly not"] if type == "list-multi" else "certainly not"}
        if form.ranges.get(name):
            yield f"{name}: no number", {name: "many"}
            yield f"{name}: too great", {name: "9" * 18}


def test_no_command_takes_a_form_that_is_wrong(admin):
    """Whatever the command is: the same form comes back with a note, and nothing was done."""
    tried = 0
    for node in admin.list():
        form = admin.send(node)
        if form.status != "executing":
            continue
        for what, fields in wrong_forms(form):
            answer = admin.send(node, form.usual or "next", form.session, fields)
            assert (answer.status, answer.note_type, answer.session) == ("executing", "error", form.session), (node, what, answer)
            assert set(answer.fields) == set(form.fields), (node, what)
            tried += 1
        assert admin.send(node, "cancel", form.session).status == "canceled"
    assert tried > 150, tried
