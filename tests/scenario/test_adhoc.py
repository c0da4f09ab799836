# SPDX-License-Identifier: GPL-3.0-or-later
"""Administration by ad-hoc commands (XEP-0050), as slixmpp gives them: who sees them, what they do, what they refuse."""
import pytest

from harness.adhoc import ADMIN, COMMANDS, OWN, Commands, Refused
from harness.daemon import Daemon, psql
from harness.database import OF_JOBS
from harness.fake_xmpp import FakeXmpp
from harness.files import upload
from harness.inbox import wait_for
from harness.xmpp import XmppError

SUSPEND, RESTORE, SHOW, USERS = ADMIN + "disable-user", ADMIN + "reenable-user", ADMIN + "user-stats", OWN + "users"
ITEMS = "http://jabber.org/protocol/disco#items"


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
    """For each command. The same name elsewhere, a letter that looks the same, a domain below; however an address is spelt, it is the same one."""
    with FakeXmpp() as server, Daemon(running_stack, server.port, {"admin": {"jids": "admin@example.org"}},
                                      secret=server.secret):
        def offered(sender):
            server.send(f"<iq type='get' id='{sender}' from='{sender}/x' to='app.example.org'><query xmlns='http://jabber.org/protocol/"
                        f"disco#items' node='{COMMANDS}'/></iq>")
            return server.expect(f"the answer to {sender}", lambda s: s.name == "iq" and s.id == sender)

        def listed(sender):
            return offered(sender).type
        server.wait_stream()
        assert [listed(jid) for jid in ("admin@example.org", "ADMIN@example.org")] == ["result", "result"]
        nodes = [item.get("node") for item in offered("admin@example.org").child(ITEMS, "query")]
        assert SUSPEND in nodes and len(nodes) >= 18
        for jid in ("admin@example.com", "\u0430dmin@example.org", "admin@sub.example.org", "admin@example.org.example.com", "admin"):
            assert listed(jid) == "error", jid
            for node in nodes:
                id = f"{jid} {node}"
                server.send(f"<iq type='set' id='{id}' from='{jid}/x' to='app.example.org'><command xmlns='{COMMANDS}' node='{node}'/></iq>")
                answer = server.expect(f"the answer to {id}", lambda s: s.name == "iq" and s.id == id)
                assert answer.type == "error" and "service-unavailable" in repr(answer), answer


def account(stack, jid, **columns):
    """A user here whose account is on the XMPP server, as an application that knows it has it."""
    number = psql(stack.info["database"], f"SELECT user_remote('{jid}')")
    sets = ", ".join(f"{name} = {value}" for name, value in {"kind": "'bound'", **columns}.items())
    psql(stack.info["database"], f"UPDATE users SET {sets} WHERE jid = '{jid}'")
    return number


def plausible(form, values):
    """What a form needs, so that it goes on to the next step or is done."""
    usual = {"boolean": "true", "list-single": None, "list-multi": None}
    for name in form.required:
        words = form.options[name]
        value = values.get(name) or (words[0] if form.types[name] in usual and words else form.fields[name] or "1")
        yield name, [value] if form.types[name].endswith("-multi") and isinstance(value, str) else value


def contents(stack):
    """Lines of a table and the digest of all that is in it. Jobs go on by themselves."""
    rows = "SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) AS digest FROM %I t"
    digest = f"(xpath('/row/digest/text()', query_to_xml(format($$ {rows} $$, tablename), true, true, '')))[1]"
    return psql(stack.info["database"], f"SELECT tablename, {digest} FROM pg_tables"
                f" WHERE schemaname = 'public' AND tablename NOT IN {OF_JOBS} ORDER BY 1").splitlines()


def test_a_bridge_that_dies_in_the_middle_of_any_command(stack, alice, xmpp):
    """Each command that asks for something, gone through as far as one step before it is done: one that is killed knows none of
    them, says so, and has done nothing; each can be begun anew."""
    account(stack, "admin@example.org")
    values = {"accountjid": alice.jid, "accountjids": [alice.jid], "jid": alice.jid, "until": "2099-01-01T00:00:00Z",
              "scheduled_for": "2099-01-01T00:00:00Z"}
    try:
        nodes, askers, begun = set(Commands(xmpp("admin")).list()), [], []
        nodes.remove("urn:trestle:user:export")  # asks for nothing, and its job goes on meanwhile
        for node in sorted(nodes):
            if len(begun) % 8 == 0:  # as many as one asker may have under way
                askers.append(Commands(xmpp("admin")))
            form, steps = askers[-1].send(node), 1
            while form.status == "executing" and "complete" not in form.actions:
                form, steps = askers[-1].send(node, "next", form.session, dict(plausible(form, values))), steps + 1
                assert form.note_type != "error", (node, form)
            if form.status == "executing":
                begun.append((askers[-1], node, form, dict(plausible(form, values)), steps))
        assert len(begun) > 40 and sum(steps > 1 for *_, steps in begun) > 6, begun
        before = contents(stack)
        stack.kill("bridge")
        stack.restart("bridge")
        for asker, node, form, fields, _ in begun:
            with pytest.raises(Refused) as told:
                asker.send(node, "complete", form.session, fields)
            assert (told.value.condition, told.value.detail, told.value.text) == ("bad-request", "bad-sessionid", "there is no such session"), node
        changed = set(contents(stack)) - set(before)
        assert not changed, changed
        for asker, node, *_ in begun:
            form = asker.send(node)
            assert form.status == "executing" and asker.send(node, "cancel", form.session).status == "canceled", node
    finally:
        account(stack, "admin@example.org", kind="'remote'")
    assert alice.request("GET", "/api/users/me").status == 200
    askers[0].go(SUSPEND, {"accountjids": [alice.jid]})
    assert alice.request("GET", "/api/users/me").status == 403


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


def test_what_no_other_test_does_by_command(alice, bella, admin):
    """Each with success, and seen by another door where it changes something."""
    assert admin.go(ADMIN + "get-user-lastlogin", {"accountjid": alice.jid}).status == "completed"
    assert admin.go(OWN + "limits", {"accountjid": alice.jid}).status == "completed"
    for node in ("rooms", "spam", "exports", "actions", "held-files", "holds"):
        assert admin.go(OWN + node, {"limit": "1"}).status == "completed", node
    assert {row["kind"] for row in admin.go(OWN + "retention").rows} >= {"messages", "media", "audit"}
    admin.go(OWN + "hold", {"accountjid": alice.jid, "reason": "A case"})
    held = admin.go(OWN + "holds", {"limit": "100"})
    assert alice.id in str(held.rows)
    admin.go(OWN + "release", {"accountjid": alice.jid})
    assert alice.id not in str(admin.go(OWN + "holds", {"limit": "100"}).rows)
    domain = f"listed-{alice.id[-6:]}.example"
    admin.go(OWN + "spam-domains-add", {"domains": [domain]})
    assert domain in str(admin.go(OWN + "spam-domains", {"limit": "1000"}).rows)
    admin.go(OWN + "spam-domains-remove", {"domains": [domain]})
    assert domain not in str(admin.go(OWN + "spam-domains", {"limit": "1000"}).rows)
    talk = alice.conversation_with(participant_id=bella.id)
    bad = alice.send(talk, "Buy more coins")
    report = bella.call(201, "POST", "/api/reports", {"message_id": bad["id"], "reason": "spam"})
    admin.go(OWN + "report-state", {"report_id": report["id"], "state": "taken"})
    assert admin.go(OWN + "report", {"report_id": report["id"]}).fields["state"] == "taken"
    action = admin.go(OWN + "action", {"type": "warn", "accountjid": alice.jid, "reason": "Mind your words", "report_id": report["id"],
                                       "appealable": "true"}).fields["id"]
    alice.call(200, "POST", f"/api/moderation/actions/{action}/appeal", {"text": "I did not"})
    assert action in str(admin.go(OWN + "actions", {"appealed": "true", "limit": "100"}).rows)
    admin.go(OWN + "appeal", {"action_id": action, "decision": "granted", "note": "Right"})
    assert action not in str(admin.go(OWN + "actions", {"appealed": "true", "limit": "100"}).rows)


def test_what_no_other_test_does_to_the_service_by_command(stack, alice, bella, admin):
    assert admin.go(OWN + "reload").status == "completed"
    assert admin.go(OWN + "retention-run", {"kind": "media"}).fields["kind"] == "retention.media"
    key = f"passing-{alice.id[-6:]}"
    admin.go(OWN + "add-key", {"name": key, "scopes": ["users"]})
    assert admin.go(OWN + "revoke-key", {"name": key}).fields["name"] == key
    assert next(row for row in admin.go(OWN + "keys").rows if row["name"] == key)["revoked_at"]
    group = alice.call(201, "POST", "/api/groups", {"name": "Team", "members": [{"user_id": bella.id}]})
    assert admin.go(OWN + "analytics", {"conversation_id": group["id"]}).fields["message_count"] == "0"
    for decision, status in (("release", "complete"), ("remove", "removed")):
        file = upload(alice, decision.encode(), "plan.txt", "text/plain")
        psql(stack.info["database"], f"UPDATE files SET scan = 'held' WHERE id = '{file['id']}'")
        assert file["id"] in str(admin.go(OWN + "held-files", {"limit": "100"}).rows)
        admin.go(OWN + "held-file-decide", {"file_id": file["id"], "decision": decision})
        assert alice.call(200, "GET", f"/api/files/{file['id']}")["status"] == status
    said = alice.send(group, "Forget this")
    erase, values = OWN + "erase", {"accountjid": alice.jid, "reason": "Request 14"}
    assert admin.go(erase, {**values, "dry_run": "true"}).fields["counts.messages"] == "1"
    assert bella.messages(group)["items"][0]["id"] == said["id"]
    admin.go(erase, values)
    wait_for("it is gone", lambda: admin.go(OWN + "erasure", {"accountjid": alice.jid}).fields["state"] == "done")
    assert "Forget this" not in str(bella.messages(group))


def test_what_users_do_by_command(stack, alice, admin):
    account(stack, "admin@example.org")
    mine = "urn:trestle:user:"
    try:
        talk = admin.go(mine + "conversation", {"jid": alice.jid}).fields["id"]
        # Its server does not let the app speak for it.
        with pytest.raises(Refused) as refused_here:
            admin.go(mine + "schedule", {"conversation_id": talk, "content": "Later", "scheduled_for": "2099-01-01T00:00:00Z"})
        assert refused_here.value.condition == "feature-not-implemented"
        assert not admin.go(mine + "scheduled", {"conversation_id": talk}).rows
        admin.go(mine + "share", {"assist": "false"})
        assert admin.go(mine + "data-sharing").fields["assist"] == "false"
        admin.go(mine + "share", {"assist": "true"})
        asked = admin.go(mine + "export").fields["id"]
        assert asked in str(admin.go(mine + "exports").rows)
        copy = alice.call(202, "POST", f"/api/conversations/{talk}/export")
        waits = str(admin.go(mine + "export-consents").rows)
        assert copy["id"] in waits and talk in waits and "waiting" in waits
        which = {"conversation_id": talk, "export_id": copy["id"]}
        assert admin.go(mine + "export-consent", {**which, "consent": "true"}).fields["state"] in ("running", "ready")
        assert admin.go(mine + "export-consent", {**which, "consent": "false"}).fields["state"] == "refused"
        assert not admin.go(mine + "export-consents").rows
        for node in ("calls", "requests", "sessions", "retention"):
            assert admin.go(mine + node).status == "completed", node
    finally:
        account(stack, "admin@example.org", kind="'remote'")
