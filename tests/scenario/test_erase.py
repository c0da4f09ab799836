# SPDX-License-Identifier: GPL-3.0-or-later
"""Legal holds, what users let be done with their data, and the end of accounts and of what they said."""
import json

import pytest

from harness.adhoc import ADMIN, OWN, Commands
from harness.daemon import psql, run_trestle
from harness.inbox import wait_for
from harness.rest import http_request

pytestmark = pytest.mark.one_server


@pytest.fixture
def admin(xmpp):
    return Commands(xmpp("admin"))


@pytest.fixture
def shell(stack):
    def run(*words, status=0):
        got, out, err = run_trestle("admin", "--config", stack.info["config"], *words)
        assert got == status, (out, err)
        return json.loads(out) if status == 0 else err
    return run


@pytest.fixture
def boss(app, admin):
    user = app("boss")
    admin.go(OWN + "staff", {"accountjid": user.me()["jid"], "roles": ["admin"]})
    return user


def returned(user):
    """The user, by a token that is younger than the sign-out."""
    def signs_in():
        user.token = user.mint()
        return user.request("GET", "/api/account").status == 200
    wait_for("a new token lets in", signs_in)
    return user


def test_a_hold_by_each_door(alice, boss, admin, shell):
    path = f"/api/moderation/holds/{alice.id}"
    assert alice.request("PUT", path, {"reason": "mine"}).status == 403
    held = boss.call(200, "PUT", path, {"reason": "Case 7"})
    assert (held["user_id"], held["reason"], held["placed_by"]) == (alice.id, "Case 7", boss.me()["jid"])
    assert alice.id in {row["user_id"] for row in boss.call(200, "GET", "/api/moderation/holds", limit=100)["items"]}
    assert admin.go(OWN + "hold", {"accountjid": alice.jid, "reason": "Case 8"}).fields["reason"] == "Case 8"
    assert boss.call(200, "GET", path)["reason"] == "Case 8" and alice.jid in {h["jid"] for h in shell("holds")["items"]}
    assert "legal hold" in shell("delete-user", f"users={alice.jid}", status=1)
    assert boss.call(200, "DELETE", path, reason="settled")["jid"] == alice.jid
    assert boss.request("GET", path).status == 404 == boss.request("DELETE", path).status
    rows = boss.call(200, "GET", "/api/audit", object=alice.id, action="hold.")["items"]
    assert [r["outcome"] for r in rows if r["action"] == "hold.release"] == ["not_found", "done"]
    assert {"hold.place", "hold.show", "hold.release"} <= {r["action"] for r in rows} and rows[-1]["reason"] == "Case 7"


def test_an_account_goes_unless_its_user_comes_back(stack, app, bella, boss):
    alice = app("leaving")
    talk = alice.conversation_with(participant_id=bella.id)
    alice.send(talk, "Good bye")
    jid = alice.me()["jid"]
    assert alice.request("DELETE", "/api/account", {"confirm": "yes"}).status == 422
    with alice.ws() as socket:
        gone = alice.call(200, "DELETE", "/api/account", {"confirm": jid})
        assert gone["delete_at"] and not gone["held"]
        socket.expect_close()
    wait_for("the token is good no more", lambda: alice.request("GET", "/api/account").status == 401)
    back = returned(alice)
    assert back.call(200, "GET", "/api/account")["delete_at"] == gone["delete_at"]
    with back.ws() as socket:
        assert back.call(200, "POST", "/api/account/restore")["delete_at"] is None
        assert socket.expect("account.updated")["payload"]["delete_at"] is None
    back.call(200, "DELETE", "/api/account", {"confirm": jid})
    boss.call(200, "PUT", f"/api/moderation/holds/{jid}", {"reason": "Case 9"})
    psql(stack.info["database"], f"UPDATE users SET leaves_at = now() WHERE jid = '{jid}';"
                                 f" UPDATE jobs SET due_at = now() WHERE kind = 'account.delete' AND key IN (SELECT id::text FROM users WHERE jid = '{jid}')")
    wait_for("the job has looked", lambda: psql(stack.info["database"], "SELECT count(*) FROM jobs WHERE kind = 'account.delete'"
                                                f" AND key IN (SELECT id::text FROM users WHERE jid = '{jid}')") == "0")
    assert returned(alice).call(200, "GET", "/api/account")["held"] is True
    boss.call(200, "DELETE", f"/api/moderation/holds/{jid}")
    wait_for("the account is gone", lambda: "[Deleted User]" in {m["sender"]["name"] for m in bella.messages(talk)["items"]})
    assert bella.messages(talk)["items"][-1]["content"] == "Good bye"


def test_all_that_somebody_has_said(stack, app, bella, boss, admin, shell, xmpp):
    alice = app("erased")
    jid, id = (alice.me()[name] for name in ("jid", "id"))
    talk = alice.conversation_with(participant_id=bella.id)
    said = alice.send(talk, "my secret is zwetschge")
    answer = bella.send(talk, "oh")
    alice.call(200, "PUT", f"/api/messages/{answer['id']}/reactions/%F0%9F%91%8D")
    path = f"/api/admin/users/{id}/erasure"
    assert bella.request("POST", path, {"reason": "x"}).status == 403 and bella.request("GET", path).status == 403
    seen = boss.call(200, "GET", path)
    assert seen["state"] is None and (seen["counts"]["messages"], seen["counts"]["reactions"]) == (1, 1)
    dry = shell("erase", f"user={jid}", "reason=Request 12", "dry_run=true")
    assert dry["state"] is None and dry["counts"] == seen["counts"]
    assert admin.go(OWN + "erasure", {"accountjid": jid}).fields["counts.messages"] == "1"
    with bella.ws() as socket:
        assert boss.call(200, "POST", path, {"reason": "Request 12"})["state"] == "running"
        assert socket.expect("message.deleted")["payload"]["message_id"] == said["id"]
    assert alice.request("GET", "/api/users/me").status == 401
    wait_for("it is done", lambda: boss.call(200, "GET", path)["state"] == "done")
    items = bella.messages(talk)["items"]
    assert {m["content"] for m in items} == {None, "oh"} and items[-1]["reactions"] == [] == items[0]["reactions"]
    assert {m["sender"]["name"] for m in items if m["id"] == said["id"]} == {"[Deleted User]"}
    rows = boss.call(200, "GET", "/api/audit", object=id, action="user.erase")["items"]
    assert [(r["outcome"], r["reason"]) for r in rows] == [("done", "Request 12"), ("unchanged", "Request 12")]


def test_what_users_let_be_done_with_their_data(alice):
    path = "/api/settings/data-sharing"
    assert alice.call(200, "GET", path) == {"analytics": False, "assist": True, "personalisation": False}
    assert alice.call(200, "PATCH", path, {"assist": False, "analytics": True}) == {
        "analytics": True, "assist": False, "personalisation": False}
    assert alice.call(200, "GET", path)["assist"] is False


def test_sessions_of_ones_own_and_how_many_are_there(stack, alice, boss, admin):
    session = http_request(stack.info["rest"], "POST", "/api/session", {"token": alice.token})
    assert session.status == 201
    cookie = {"Cookie": session.headers["set-cookie"].partition(";")[0]}
    own, = alice.call(200, "GET", "/api/account/sessions")["items"]
    assert boss.call(200, "GET", f"/api/admin/users/{alice.id}/sessions")["items"] == [own]
    assert admin.go(OWN + "sessions", {"accountjid": alice.jid}).rows[0]["id"] == own["id"]
    assert http_request(stack.info["rest"], "GET", "/api/users/me", headers=cookie).status == 200
    assert alice.call(200, "DELETE", f"/api/account/sessions/{own['id']}")["items"] == []
    assert http_request(stack.info["rest"], "GET", "/api/users/me", headers=cookie).status == 401
    with alice.ws():
        wait_for("she is there", lambda: boss.call(200, "GET", "/api/admin/online-count")["online"] >= 1)
        assert int(admin.go(ADMIN + "get-online-users-num").fields["onlineusersnum"]) >= 1
        # She knows nobody on XMPP, and is there all the same.
        assert int(admin.go(ADMIN + "get-registered-users-num").fields["onlineusersnum"]) >= 1
        assert boss.call(200, "GET", f"/api/admin/users/{alice.id}")["online"]
        assert boss.call(200, "GET", f"/api/admin/users/{alice.id}/last-login")["online"]
