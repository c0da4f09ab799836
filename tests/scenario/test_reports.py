# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports, what moderators of the staff do about them by REST and by command, appeals, the rule of strikes."""
import uuid

import pytest

from harness.adhoc import OWN, Commands
from harness.daemon import Daemon, psql
from harness.fake_xmpp import FakeXmpp
from harness.inbox import wait_for
from harness.rest import App

pytestmark = pytest.mark.one_server

DOMAIN = "app.example.org"
REPORTING = "urn:xmpp:reporting:1"


@pytest.fixture
def admin(xmpp):
    return Commands(xmpp("admin"))


@pytest.fixture
def mona(stack, app):
    """A moderator of the staff."""
    user = app("mona")
    user.id = user.me()["id"]
    psql(stack.info["database"], f"UPDATE users SET staff = '{{moderator}}' WHERE id = '{user.id}'")
    return user


def group(owner, *members):
    made = owner.call(201, "POST", "/api/groups", {"name": "Reported", "members": [{"user_id": m.id} for m in members]})
    for member in members:
        if member.call(200, "GET", f"/api/conversations/{made['id']}").get("request") == "pending":
            member.call(200, "POST", f"/api/conversations/{made['id']}/accept")
    return made


def test_a_reported_message_is_judged_with_what_was_seen(alice, bella, mona):
    talk = alice.conversation_with(participant_id=bella.id)
    before = alice.send(talk, "Hello")
    bad = alice.send(talk, "Buy my coins")
    with mona.ws() as staff, alice.ws() as offender:
        made = bella.call(201, "POST", f"/api/messages/{bad['id']}/report", {"reason": "spam", "comment": "again"})
        told = staff.expect("moderation.report")["payload"]
        assert (told["id"], told["target_id"], told["offender_id"]) == (made["id"], bad["id"], alice.id)
        again = bella.call(200, "POST", "/api/reports", {"message_id": bad["id"], "reason": "spam"})
        assert again["id"] == made["id"], "the same thing is reported once"
        queue = mona.call(200, "GET", "/api/moderation/reports", limit=100)["items"]
        assert made["id"] in [r["id"] for r in queue]
        alice.call(200, "DELETE", f"/api/messages/{bad['id']}")
        whole = mona.call(200, "GET", f"/api/moderation/reports/{made['id']}")
        assert [m["message_id"] for m in whole["evidence"]["messages"]] == [before["id"], bad["id"]]
        assert whole["evidence"]["messages"][1]["content"] == "Buy my coins", "deleting it took nothing away here"
        assert mona.call(200, "PATCH", f"/api/moderation/reports/{made['id']}", {"state": "taken"})["taken_by"] == mona.me()["jid"]
        action = mona.call(201, "POST", "/api/moderation/actions", {
            "type": "warn", "user": alice.id, "reason": "No advertising", "report_id": made["id"]})
        heard = offender.expect("moderation.action")["payload"]
        assert (heard["id"], heard["reason"]) == (action["id"], "No advertising") and "actor" not in heard
    assert mona.call(200, "GET", f"/api/moderation/reports/{made['id']}")["state"] == "resolved"
    assert [a["id"] for a in alice.call(200, "GET", "/api/moderation/mine")["items"]] == [action["id"]]


def test_who_cannot_see_a_thing_cannot_report_it(alice, bella, app):
    talk = alice.conversation_with(participant_id=bella.id)
    message = alice.send(talk, "Between us")
    stranger = app("stranger")
    for target in ({"message_id": message["id"]}, {"conversation_id": talk["id"]}, {"call_id": str(uuid.uuid4())},
                   {"message_id": str(uuid.uuid4())}):
        assert stranger.request("POST", "/api/reports", {**target, "reason": "spam"}).status == 404, target
    assert alice.request("POST", "/api/reports", {"message_id": message["id"], "reason": "spam"}).status == 404, "one's own"
    for wrong in ({"reason": "spam"}, {"user_id": alice.id, "message_id": message["id"], "reason": "spam"},
                  {"user_id": alice.id, "reason": "boring"}, {"user_id": alice.id, "reason": "other", "message_ids": ["x"] * 21}):
        assert bella.request("POST", "/api/reports", wrong).status == 422, wrong
    for method, path in (("GET", "/api/moderation/reports"), ("GET", "/api/moderation/actions"),
                         ("POST", "/api/moderation/actions")):
        body = {"type": "warn", "user": bella.id, "reason": "x"} if method == "POST" else None
        assert alice.request(method, path, body).status == 403


def test_a_mute_ends_by_itself_and_a_ban_is_taken_back(alice, bella, mona):
    made = group(alice, bella)
    act = lambda **more: mona.request("POST", "/api/moderation/actions", {"user": bella.id, "reason": "Loud", **more})
    assert act(type="mute").status == 422 and act(type="warn", duration_seconds=5).status == 422
    muted = act(type="mute", conversation_id=made["id"], duration_seconds=2)
    assert muted.status == 201, muted
    send = lambda: bella.request("POST", f"/api/conversations/{made['id']}/messages", {"content": "Hey"}).status
    assert send() == 403 and act(type="mute", conversation_id=made["id"]).status == 409
    wait_for("the mute is over", lambda: send() == 201)
    state = mona.call(200, "GET", "/api/moderation/actions", user=bella.id)["items"][0]
    assert (state["id"], state["state"]) == (muted.json["id"], "ended")
    banned = act(type="ban", conversation_id=made["id"]).json
    assert bella.request("GET", f"/api/conversations/{made['id']}").status == 404 and send() == 404
    assert mona.call(200, "DELETE", f"/api/moderation/actions/{banned['id']}")["state"] == "taken_back"
    assert mona.call(200, "DELETE", f"/api/moderation/actions/{banned['id']}")["state"] == "taken_back"
    assert act(type="kick", conversation_id=made["id"]).status == 409, "who is not there cannot be removed"
    assert mona.request("POST", "/api/moderation/actions", {
        "type": "mute", "user": alice.id, "reason": "x", "conversation_id": made["id"]}).status == 409, "an owner may always speak"


def test_an_appeal_is_granted(alice, bella, mona):
    talk = alice.conversation_with(participant_id=bella.id)
    message = alice.send(talk, "Gone soon")
    deleted = mona.call(201, "POST", "/api/moderation/actions", {
        "type": "delete", "message_id": message["id"], "reason": "Not here"})
    assert bella.call(200, "GET", f"/api/messages/{message['id']}").get("deleted_at")
    with mona.ws() as staff, alice.ws() as own:
        assert bella.request("POST", f"/api/moderation/actions/{deleted['id']}/appeal", {"text": "Why?"}).status == 404
        alice.call(200, "POST", f"/api/moderation/actions/{deleted['id']}/appeal", {"text": "Why?"})
        assert staff.expect("moderation.appeal")["payload"]["appeal"] == "Why?"
        assert alice.request("POST", f"/api/moderation/actions/{deleted['id']}/appeal", {"text": "Other"}).status == 409
        open_ones = mona.call(200, "GET", "/api/moderation/actions", appealed="true")["items"]
        assert deleted["id"] in [a["id"] for a in open_ones]
        mona.call(200, "PATCH", f"/api/moderation/actions/{deleted['id']}/appeal", {"decision": "granted", "note": "Right"})
        told = own.expect("moderation.appeal")["payload"]
        assert (told["decision"], told["decision_note"], told["state"]) == ("granted", "Right", "taken_back")
    assert mona.request("PATCH", f"/api/moderation/actions/{deleted['id']}/appeal", {"decision": "denied"}).status == 409
    final = mona.call(201, "POST", "/api/moderation/actions", {"type": "warn", "user": alice.id, "reason": "x", "appealable": False})
    assert alice.request("POST", f"/api/moderation/actions/{final['id']}/appeal", {"text": "No"}).status == 403


def test_an_admin_does_the_same_by_command(alice, bella, admin):
    talk = alice.conversation_with(participant_id=bella.id)
    bad = alice.send(talk, "Buy more coins")
    made = bella.call(201, "POST", "/api/reports", {"message_id": bad["id"], "reason": "illegal"})
    row = next(r for r in admin.go(OWN + "moderation-queue", {"limit": "100"}).rows if r["id"] == made["id"])
    assert (row["reason"], row["offender_jid"]) == ("illegal", alice.jid)
    shown = admin.go(OWN + "report", {"report_id": made["id"]})
    assert shown.fields["state"] == "open" and "Buy more coins" in str(shown.rows) + str(shown.fields)
    with alice.ws() as socket:
        done = admin.go(OWN + "action", {"type": "suspend", "accountjid": alice.jid, "reason": "Fraud",
                                         "duration_seconds": "3600", "report_id": made["id"]})
        socket.expect_close(4401)
    assert alice.request("GET", "/api/users/me").status == 403
    assert admin.go(OWN + "undo", {"action_id": done.fields["id"]}).fields["state"] == "taken_back"
    assert alice.request("GET", "/api/users/me").status == 200
    rows = admin.go(OWN + "audit", {"action": "moderation."}).rows
    assert [r["action"] for r in rows[:2]] == ["moderation.undo", "moderation.act"]
    assert {r["actor"] for r in rows[:2]} == {"admin@example.org"}


def test_moderators_do_not_judge_staff(app, stack, mona):
    boss = app("boss")
    psql(stack.info["database"], f"UPDATE users SET staff = '{{admin}}' WHERE id = '{boss.me()['id']}'")
    assert mona.request("POST", "/api/moderation/actions", {"type": "warn", "user": boss.me()["id"], "reason": "x"}).status == 403
    assert boss.request("POST", "/api/moderation/actions", {"type": "warn", "user": mona.id, "reason": "x"}).status == 201


@pytest.mark.parametrize("way", ["block", "message"])
def test_somebody_on_xmpp_reports_a_user(alice, bob, mona, way):
    from xml.etree.ElementTree import fromstring
    talk = alice.call((200, 201), "POST", "/api/conversations", {"jid": bob.bare})
    sent = alice.send(talk, "Buy my coins, Bob")
    got = bob.expect_message("Buy my coins, Bob", alice.jid)
    report = (f"<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'>%s"
              f"<stanza-id xmlns='urn:xmpp:sid:0' by='{alice.jid}' id='{got.id}'/><text>Never again</text></report>")
    with mona.ws() as staff:
        if way == "block":
            bob.iq(DOMAIN, fromstring(f"<block xmlns='urn:xmpp:blocking'><item jid='{alice.jid}'>{report % ''}</item></block>"), "set")
        else:
            passed_on = report % f"<jid xmlns='urn:xmpp:jid:0'>{alice.jid}</jid>"
            bob.send_raw(f"<message to='{DOMAIN}'>{passed_on}</message>")
        told = staff.expect("moderation.report", target_id=sent["id"])["payload"]
    assert (told["origin"], told["reporter_jid"], told["reason"], told["comment"], told["offender_id"]) == (
        "xmpp", bob.bare, "spam", "Never again", alice.id)
    whole = mona.call(200, "GET", f"/api/moderation/reports/{told['id']}")
    assert whole["evidence"]["messages"][-1]["content"] == "Buy my coins, Bob"
    # Of nobody: the same answer, and nothing stored.
    nobody = f"<block xmlns='urn:xmpp:blocking'><item jid='nobody@{DOMAIN}'>{report % ''}</item></block>"
    assert bob.iq(DOMAIN, fromstring(nobody), "set").type == "result"


def test_admins_of_a_group_see_what_was_reported_of_it_and_not_by_whom(alice, bella, app):
    carl = app("carl")
    carl.id = carl.me()["id"]
    made = group(alice, bella, carl)
    bad = bella.send(made, "Buy my coins")
    report = carl.call(201, "POST", f"/api/messages/{bad['id']}/report", {"reason": "spam", "comment": "again"})
    page = alice.call(200, "GET", f"/api/conversations/{made['id']}/reports")
    assert [(r["id"], r["offender_id"], r["comment"]) for r in page["items"]] == [(report["id"], bella.id, "again")]
    assert carl.id not in str(page["items"][0]).replace(str(page["items"][0]["messages"]), ""), "not by whom"
    assert [m["content"] for m in page["items"][0]["messages"]] == ["Buy my coins"]
    for other in (bella, carl, app("stranger")):
        assert other.request("GET", f"/api/conversations/{made['id']}/reports").status == 404
    assert alice.call(200, "GET", f"/api/conversations/{made['id']}/reports", state="resolved")["items"] == []


def test_a_report_goes_to_the_offenders_server_if_both_want_that(running_stack):
    with FakeXmpp() as server, Daemon(running_stack, server.port, {"moderation": {"report_peers": "on"}}, secret=server.secret) as daemon:
        server.wait_stream()
        alice = App(daemon, f"alice-{uuid.uuid4().hex[:6]}")
        jid = alice.me()["jid"]

        def comes_from(spammer):
            with alice.ws() as socket:
                server.send(f"<message type='chat' from='{spammer}/x' to='{jid}' id='{uuid.uuid4()}'><body>Coins</body></message>")
                return socket.expect("message.new")["payload"]["id"]
        kept, told = comes_from("quiet@one.example"), comes_from("spammer@two.example")
        alice.call(201, "POST", "/api/reports", {"message_id": kept, "reason": "spam"})
        alice.call(201, "POST", "/api/reports", {"message_id": told, "reason": "harassment", "comment": "for staff", "pass_on": True})
        report = server.expect("the report", lambda s: s.name == "message" and s.has(REPORTING, "report"))
        element = report.child(REPORTING, "report")
        assert (report.sender, report.to, element.get("reason")) == (DOMAIN, "two.example", "urn:xmpp:reporting:abuse")
        assert element.findtext("{urn:xmpp:jid:0}jid") == "spammer@two.example"
        assert "for staff" not in repr(report) and jid not in repr(report)
