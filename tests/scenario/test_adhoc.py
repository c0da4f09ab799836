# SPDX-License-Identifier: GPL-3.0-or-later
"""Administration by ad-hoc commands (XEP-0050), as slixmpp gives them: who sees them, what they do, what they refuse."""
import pytest

from harness.adhoc import ADMIN, COMMANDS, DATA, OWN, Commands, Refused
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
