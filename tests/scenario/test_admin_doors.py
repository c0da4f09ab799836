# SPDX-License-Identifier: GPL-3.0-or-later
"""The same functions by three doors, REST, ad-hoc commands and the shell: one authorisation, one audit."""
import json
import uuid
from urllib.parse import urlencode

import pytest

from harness.adhoc import ADMIN, OWN, Commands
from harness.daemon import psql, run_trestle
from harness.inbox import wait_for
from harness.rest import App, http_request


@pytest.fixture
def admin(xmpp):
    return Commands(xmpp("admin"))


@pytest.fixture
def shell(stack):
    def run(*words, status=0):
        got, out, err = run_trestle("admin", "--config", stack.info["config"], *words)
        assert got == status, (out, err)
        return (json.loads(out) if out.startswith(("{", "[")) else out) if status == 0 else err
    return run


@pytest.fixture
def key(stack, shell):
    """A server key with the scopes admin and audit, made at the shell."""
    made = shell("add-key", f"name=doors-{uuid.uuid4().hex[:6]}", "scopes=admin,audit")
    return lambda method, path, body=None, **query: http_request(
        stack.info["rest"], method, path + ("?" + urlencode(query) if query else ""), body,
        headers={"Authorization": f"Bearer {made['key']}"})


def test_one_user_by_three_doors(alice, admin, shell, key):
    assert alice.request("GET", "/api/admin/users").status == 403
    assert key("POST", "/api/admin/users/suspend", {"users": [alice.id], "reason": "a"}).json["items"][0]["suspended"]
    assert shell("reenable-user", f"users={alice.jid}")["items"][0]["suspended"] is False
    admin.go(ADMIN + "end-user-session", {"accountjids": [alice.jid]})
    assert shell("user-stats", f"user={alice.jid}")["user_id"] == alice.id
    assert key("GET", f"/api/admin/users/{alice.id}").json["jid"] == alice.jid
    rows = key("GET", "/api/audit", object=alice.id).json["items"]
    assert [(r["action"], r["door"], r["outcome"]) for r in rows] == [
        ("user.show", "rest", "asked"), ("user.show", "shell", "asked"), ("user.sign_out", "xmpp", "done"),
        ("user.restore", "shell", "done"), ("user.suspend", "rest", "done")]
    assert rows[4]["actor"].startswith("key doors-") and rows[2]["actor"] == "admin@example.org"
    assert rows[1]["actor"].startswith("shell ") and rows[4]["reason"] == "a"


def test_what_a_user_has_open_by_three_doors(alice, admin, shell, key):
    def shown():
        return key("GET", f"/api/admin/users/{alice.id}").json
    with alice.ws() as socket:
        by_key = shown()
        kept, = by_key["connections"]
        assert (kept["kind"], kept["session"]) == ("socket", socket.hello["payload"]["session"]) and kept["since"] < kept["expires_at"]
        assert [t["kind"] for t in by_key["tokens"]] == ["token"] and not by_key["sessions"] and not by_key["elsewhere"]
        assert by_key["resource"] == {"jid": f"{alice.jid}/rest", "bound": False}
        assert shell("user-stats", f"user={alice.jid}")["connections"] == by_key["connections"]
        by_command = admin.go(ADMIN + "user-stats", {"accountjid": alice.jid})
        assert by_command.fields["resource.jid"] == f"{alice.jid}/rest"
        assert [(r["kind"], r.get("session")) for r in by_command.rows] == [("socket", kept["session"]), ("token", None)]
    wait_for("it has gone", lambda: shown()["connections"] == [])


def test_what_the_service_says_of_itself(stack, alice, admin, shell, key):
    state = shell("status")
    assert state["link"]["up"] and state["database"]["connected"] and state["domain"] == "app.example.org"
    assert {"name": "calls", "percent": 100} in state["features"]
    shown = admin.go(OWN + "status").fields
    assert (shown["link.up"], shown["version"]) == ("true", state["version"])
    assert key("GET", "/api/admin/status").json["version"] == state["version"]
    wait_for("jobs are there, soon after the start",
             lambda: {row["kind"] for row in admin.go(OWN + "jobs").rows} >= {"reap.audit", "reap.events"})
    assert int(admin.go(ADMIN + "get-registered-users-num").fields["registeredusersnum"]) >= 1, alice.jid
    assert shell("log-level", "level=debug", "areas=link,auth") == {"level": "debug", "areas": ["link", "auth"]}
    assert admin.go(OWN + "log-level", {"level": "info", "areas": ["main", "link", "auth"]}).fields["level"] == "info"
    shell("reload")
    wait_for("the configuration is read again",
             lambda: set(key("GET", "/api/admin/log").json["areas"]) >= {"main", "core", "ws"})


def test_everybody_who_is_there_hears_an_announcement(alice, bella, admin):
    with alice.ws() as one, bella.ws() as other:
        admin.go(ADMIN + "announce", {"subject": "Tonight", "announcement": ["We restart", "at ten"]})
        for socket in (one, other):
            assert socket.expect("announcement")["payload"] == {"subject": "Tonight", "body": "We restart\nat ten"}


def test_keys_and_tokens_made_by_command(stack, alice, admin, shell, key):
    name = f"made-{uuid.uuid4().hex[:6]}"
    made = admin.go(OWN + "add-key", {"name": name, "scopes": ["users", "bound"]}).fields["key"]
    auth = {"Authorization": f"Bearer {made}"}
    user = http_request(stack.info["rest"], "POST", "/api/users", {"external_id": name}, headers=auth)
    assert user.status == 201
    linked = http_request(stack.info["rest"], "PUT", "/api/bound/login", {}, headers=auth)
    assert linked.status != 403, "the key has the scope"
    assert name in {row["name"] for row in admin.go(OWN + "keys").rows}
    assert shell("revoke-key", f"name={name}")["revoked_at"]
    assert http_request(stack.info["rest"], "POST", "/api/users", {"external_id": name}, headers=auth).status == 401
    token = admin.go(OWN + "token", {"accountjid": alice.jid, "ttl": "60"}).fields["token"]
    me = http_request(stack.info["rest"], "GET", "/api/users/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json["id"] == alice.id
    made = admin.go(ADMIN + "add-user", {"external_id": f"x-{name}", "name": "Made by command"}).fields
    assert made["name"] == "Made by command"
    assert shell("users", f"q={made['jid']}")["items"][0]["external_id"] == f"x-{name}"
    details = json.dumps(key("GET", "/api/audit", action="key.").json)
    assert made["id"] not in details and "tsk_" not in details, "the audit has no secret"


def test_each_command_is_a_route(alice, key):
    """What the other tests do by command or at the shell, a backend does by REST."""
    def asked(status, method, path, body=None):
        reply = key(method, f"/api/admin/{path}", body)
        assert reply.status == status, (method, path, reply)
        return reply.json
    user, name = f"users/{alice.id}", f"rest-{uuid.uuid4().hex[:6]}"
    assert asked(201, "POST", "keys", {"name": name, "scopes": ["users"]})["key"].startswith("tsk_")
    assert name in {row["name"] for row in asked(200, "GET", "keys")["items"]}
    assert asked(200, "DELETE", f"keys/{name}")["revoked_at"]
    assert isinstance(asked(200, "GET", "rooms")["items"], list) and asked(200, "GET", "user-count")
    assert asked(200, "GET", f"{user}/last-login") is not None
    assert asked(200, "PUT", f"{user}/limits", {"limit": "search", "rate": "9/60"})["items"] == [{"name": "search", "rate": "9/60"}]
    assert asked(200, "GET", f"{user}/limits")["items"] == [{"name": "search", "rate": "9/60"}]
    assert asked(200, "PUT", f"{user}/staff", {"roles": ["moderator"]})["staff"] == ["moderator"]
    assert asked(200, "PUT", f"{user}/staff", {"roles": []})["staff"] == []
    assert asked(201, "POST", f"{user}/token", {"ttl": 60})["token"]
    assert asked(200, "POST", "users/suspend", {"users": [alice.id]})["items"][0]["suspended"]
    assert asked(200, "POST", "users/restore", {"users": [alice.id]})["items"][0]["suspended"] is False
    asked(204, "POST", "announcements", {"body": "By REST"})
    asked(204, "POST", "reload")
    level = asked(200, "GET", "log")
    assert asked(200, "PUT", "log", {"level": level["level"], "areas": level["areas"]}) == level


def test_roles_let_users_in_by_rest_until_they_are_gone(alice, admin):
    assert alice.request("GET", "/api/admin/status").status == 403
    admin.go(OWN + "staff", {"accountjid": alice.jid, "roles": ["admin"]})
    assert alice.call(200, "GET", "/api/admin/users", q=alice.jid)["items"][0]["staff"] == ["admin"]
    alice.call(200, "POST", "/api/admin/users/sign-out", {"users": ["nobody at all", alice.jid]})
    admin.go(OWN + "staff", {"accountjid": alice.jid, "roles": []})
    assert alice.request("GET", "/api/admin/users").status in (401, 403)


def test_a_user_gets_limits_of_their_own(alice, bella, admin, shell):
    assert admin.go(OWN + "set-limit", {"accountjid": alice.jid, "limit": "search", "rate": "2/3600"}).rows == [
        {"name": "search", "rate": "2/3600"}]
    search = lambda who: who.request("GET", "/api/users/search", q="nobody at all").status
    wait_for("the limit", lambda: search(alice) == 429)
    assert search(bella) == 200
    form = admin.send(OWN + "set-limit")
    for rate in ("many", "1/0", "-1/5", "5"):
        answer = admin.send(OWN + "set-limit", "complete", form.session, {"accountjid": alice.jid, "limit": "search", "rate": rate})
        assert (answer.status, answer.note_type) == ("executing", "error"), rate
    assert shell("set-limit", f"user={alice.jid}", "limit=search")["items"] == []
    wait_for("no limit any more", lambda: search(alice) == 200)


def test_mistakes_at_the_shell_have_words(shell):
    assert "no such command" in shell("nothing", status=1)
    assert "users" in shell("disable-user", status=1)
    assert "wrong: is not known" in shell("disable-user", "users=a", "wrong=b", status=1).replace("/", "")
    assert "until" in shell("disable-user", "users=a", "until=tomorrow", status=1)
    assert "no NAME=VALUE" in shell("users", "q", status=2)
    assert "There is no such thing" in shell("user-stats", "user=nobody at all", status=1)
    listed = shell()
    assert "disable-user users=… [reason=…] [until=…]" in listed and "status\n" in listed


def test_a_deleted_user_is_gone_by_every_door(alice, bella, app, bob, admin, shell, key):
    dora = app("dora")
    dora.id, dora.jid = dora.me()["id"], dora.me()["jid"]
    for user in (alice, bella, dora):
        user.send(user.conversation_with(jid="bob@example.org"), f"from {user.id}")
        bob.expect_message(f"from {user.id}")
    pair = alice.conversation_with(participant_id=bella.id)
    alice.send(pair, "Remember me")
    with bella.ws() as told, alice.ws() as own:
        admin.go(ADMIN + "delete-user", {"accountjids": [alice.jid]})
        own.expect_close()
        assert told.expect("user.updated", id=alice.id)["payload"]["name"] == "[Deleted User]"
    assert alice.request("GET", "/api/users/me").status == 401
    wait_for("the job has run", lambda: bella.request("POST", f"/api/conversations/{pair['id']}/messages", {"content": "There?"}).status == 403)
    said = bella.messages(pair)["items"][0]
    assert (said["content"], said["sender"]["name"]) == ("Remember me", "[Deleted User]")
    assert shell("delete-user", f"users={dora.jid}")["deleted"] == [dora.jid]
    done = key("POST", "/api/admin/users/delete", {"users": [bella.id, alice.id]})
    assert done.status == 200 and done.json == {"deleted": [bella.jid], "missing": [alice.id], "held": []}
    for user in (alice, bella, dora):
        assert key("GET", f"/api/admin/users/{user.id}").status == 404

        def answer(user=user):
            asked = uuid.uuid4().hex
            bob.send_message(user.jid, "Hello?", id=asked)
            return bob.expect_stanza("an error", lambda s: s.id == asked and s.type == "error")
        assert answer().xml.find("{*}error/{urn:ietf:params:xml:ns:xmpp-stanzas}service-unavailable") is not None


def test_a_user_is_reset(alice, admin, key):
    assert key("PUT", f"/api/admin/users/{alice.id}/limits", {"limit": "search", "rate": "1/60"}).status == 200
    answer = admin.go(OWN + "reset", {"accountjid": alice.jid})
    assert answer.fields["limits_removed"] == "1"
    assert alice.request("GET", "/api/users/me").status == 401, "the token is of before"
    assert key("GET", f"/api/admin/users/{alice.id}/limits").json["items"] == []
    assert key("POST", f"/api/admin/users/{alice.id}/reset", {}).json["limits_removed"] == 0
    assert key("POST", "/api/admin/users/nobody/reset", {}).status == 404


def test_the_audit_as_a_file(stack, alice, admin, shell, key):
    psql(stack.info["database"], "INSERT INTO audit (actor_name, action) SELECT 'filler', 'filler.' || n FROM generate_series(1, 450) n")
    reply = key("GET", "/api/audit/export", action="filler.")
    assert reply.status == 200 and reply.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in reply.raw.decode().splitlines()]
    assert [line["action"] for line in lines][-450:] == [f"filler.{n}" for n in range(1, 451)], "oldest first, and all"
    assert key("GET", "/api/audit/export", actor="nobody at all").raw == b""
    newest = key("GET", "/api/audit", action="audit.export").json["items"][0]
    assert newest["actor"].startswith("key doors-") and newest["outcome"] == "asked"
    assert alice.request("GET", "/api/audit/export").status == 403


def test_sign_ins_are_in_the_audit(stack, app, backend, key):
    mona, alice = app("mona"), app("alice")
    made = backend.call(201, "POST", "/api/users", {"external_id": mona.sub})
    backend.call(200, "PUT", f"/api/users/{made['id']}/staff", {"roles": ["moderator"]})
    for user in (mona, alice):
        for fresh in (1, 2):
            App(stack, user.sub, fresh=fresh).me()
    bad = App(stack, alice.sub)
    bad.token += "x"
    for _ in range(3):
        assert bad.request("GET", "/api/users/me").status == 401

    def rows(action, **which):
        return key("GET", "/api/audit", action=action, **which).json["items"]
    seen, _ = wait_for("the sign-in of staff", lambda: rows("signin.done", object=mona.me()["id"]))
    assert [(r["actor"], r["outcome"], r["details"]["kind"]) for r in seen] == [(mona.me()["jid"], "done", "token")], "once a day"
    assert not rows("signin.done", object=alice.me()["id"])
    failed, _ = wait_for("what failed", lambda: rows("signin.failed"))
    assert (failed[0]["actor"], failed[0]["outcome"], failed[0]["details"]["kind"]) == ("", "refused", "token")
    assert failed[0]["reason"] == "the token's signature cannot be accepted"
