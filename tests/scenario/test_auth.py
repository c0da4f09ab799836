# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may come in: tokens, server keys, and sockets without either."""
import time
import uuid

import pytest

from harness.daemon import run_trestle
from harness.inbox import wait_for
from harness.rest import App, Backend, base64url, http_request, mint
from harness.ws import Socket

pytestmark = pytest.mark.one_server


def name():
    return f"n{uuid.uuid4().hex[:10]}"


def status_of(stack, token, path="/api/users/me"):
    return http_request(stack.info["rest"], "GET", path, headers={"Authorization": f"Bearer {token}"})


def test_the_first_valid_token_makes_the_account(app, stack):
    username = name()
    alice = app("alice", username=username.upper(), name="Alice A.", picture="https://example.org/a.png")
    me = alice.me()
    assert me == {"id": me["id"], "username": username.upper(), "name": "Alice A.", "bio": None, "kind": "hosted",
                  "email": "", "number": me["number"], "avatar_url": "https://example.org/a.png",
                  "jid": f"{username}@{stack.app_domain}"}
    assert App(stack, alice.sub).me() == me
    assert App(stack, alice.sub, name="Alice B.").me()["name"] == "Alice B."
    assert App(stack, alice.sub).me()["id"] == me["id"]
    # What a token calls a user is put right, for a sign-in cannot be refused for a name.
    dressed = App(stack, name(), username=" Eve\n\u202eevE ", name="ad\u200bmin " + "👨\u200d👩\u200d👧" * 20).me()
    assert (dressed["username"], dressed["name"]) == ("Eve evE", "admin " + "👨\u200d👩\u200d👧" * 13)
    blank = App(stack, name(), username="\u2800", name="\u202e").me()
    assert blank["username"] == blank["name"] == blank["jid"].partition("@")[0]


def test_the_address_follows_the_name_unless_it_cannot(stack, app):
    wanted = name()
    first, second = app("x", username=wanted).me(), app("y", username=wanted).me()
    assert first["jid"] == f"{wanted}@{stack.app_domain}"
    assert second["jid"] != first["jid"] and second["jid"].startswith(f"{wanted}-")
    sub = name()
    assert App(stack, sub, username="Not A <Localpart>").me()["jid"] == f"{sub}@{stack.app_domain}"
    odd = App(stack, f"google|{uuid.uuid4()} \u2603").me()["jid"].partition("@")[0]
    assert odd and all(c in "abcdefghijklmnopqrstuvwxyz0123456789._-" for c in odd)


def test_tokens_that_are_not_good(stack, app):
    alice, jwt = app("alice"), stack.info["jwt"]
    good = alice.mint()
    head, payload, signature = good.split(".")
    none = [base64url(f'{{"alg":"{alg}"}}'.encode()) + "." + payload + "." for alg in ("none", "None", "NONE", "")]
    wrong = {
        "expired": alice.mint(exp=int(time.time()) - 3600), "no exp": alice.mint(exp=None),
        "not yet": alice.mint(nbf=int(time.time()) + 3600), "issuer": alice.mint(iss="somebody"),
        "audience": alice.mint(aud="something"), "no issuer": alice.mint(iss=None), "no sub": alice.mint(sub=None),
        "empty sub": alice.mint(sub=""), "long sub": alice.mint(sub="x" * 256), "number sub": alice.mint(sub=5),
        "NUL sub": alice.mint(sub="a\0b"), "control": alice.mint(sub="a\x01b"), "exp text": alice.mint(exp="never"),
        "other key": mint({**jwt, "secret": "other"}, sub=alice.sub), "empty key": mint({**jwt, "secret": ""}, sub="x"),
        "HS512 head": alice.token and mint(jwt, header={"alg": "HS512"}, sub=alice.sub),
        "RS256 head": mint(jwt, header={"alg": "RS256"}, sub=alice.sub), "cut": good[:-4], "padded": good + "=",
        "no signature": f"{head}.{payload}.", "two parts": f"{head}.{payload}", "four parts": f"{good}.x",
        "swapped": ".".join((payload, head, signature)), "nothing": "", "dots": "..", "long": "x" * 30000,
        **{f"none {n}": token for n, token in enumerate(none)}}
    for what, token in wrong.items():
        reply = status_of(stack, token)
        if what == "long":
            assert reply.status in (401, 431), what
            continue
        assert (reply.status, reply.json["code"]) == (401, "unauthenticated"), (what, reply)
        assert reply.headers["www-authenticate"] == "Bearer"
    assert status_of(stack, good).status == 200
    assert status_of(stack, alice.mint(aud=["x", "trestle"])).status == 200
    assert status_of(stack, alice.mint(exp=int(time.time()) - 5)).status == 200, "within the leeway"


def test_a_server_key_acts_for_users_within_its_scopes(stack, backend, app, xmpp):
    sub = name()
    user = backend.create_user(sub, status=201, username=name(), name="Made")
    assert backend.create_user(sub, status=200)["id"] == user["id"] == App(stack, sub).me()["id"]
    for bad in ({"name": "a\nb"}, {"name": "a\u202eb"}, {"username": "ad\u200bmin"}, {"username": " "}):
        problem = backend.call(422, "POST", "/api/users", {"external_id": sub, **bad})
        assert problem["errors"][0]["pointer"] == "/" + next(iter(bad))
    for reference in (user["id"], sub):
        acting = Backend(stack, reference)
        assert acting.me()["id"] == user["id"]
    bob = xmpp("bob")
    talk = acting.conversation_with(jid=bob.bare)
    acting.send(talk, "By the backend")
    bob.expect_message("By the backend", sender=user["jid"])
    assert backend.call(403, "GET", "/api/users/me")["code"] == "forbidden"
    assert app("alice").call(403, "POST", "/api/users", {"external_id": "x"})["code"] == "forbidden"


def test_nobody_becomes_another_by_choosing_the_own_id(stack, backend, app):
    alice = app("alice").me()
    for taken in (alice["id"], alice["id"].upper()):
        reply = backend.request("POST", "/api/users", {"external_id": taken, "name": "Mallory"})
        assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/external_id"), reply
        assert App(stack, taken).request("GET", "/api/users/me").status == 401
    assert Backend(stack, alice["id"]).me() == alice
    own = str(uuid.uuid4())  # an app may have such ids of its own
    assert Backend(stack, own).request("GET", "/api/users/me").status == 404
    made = backend.create_user(own, status=201)
    assert Backend(stack, own).me()["id"] == App(stack, own).me()["id"] == made["id"] != own


def test_a_server_key_acts_for_app_users_only(stack, app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    remote = next(p["user"] for p in talk["participants"] if p["user"]["kind"] == "remote")
    assert Backend(stack, "\u00ff").request("GET", "/api/users/me").status == 400, "latin-1 is no UTF-8"
    for reference in (remote["id"], str(uuid.uuid4()), "nobody", bob.bare):
        acting = Backend(stack, reference)
        assert acting.request("GET", "/api/users/me").status in (403, 404), reference
        assert acting.request("POST", f"/api/conversations/{talk['id']}/messages", {"content": "Forged"}).status \
            in (403, 404), reference
    assert alice.messages(talk)["items"] == []


def test_scopes_and_revocation(stack, app):
    label, alice = name(), app("alice")
    alice.me()
    made = {}
    for scopes in ("users", "send"):
        status, key, text = run_trestle("token", "--config", stack.info["config"], "--server-key", f"{label}-{scopes}",
                                        "--scopes", scopes)
        assert status == 0 and key.startswith("tsk_"), text
        made[scopes] = {"Authorization": f"Bearer {key.strip()}"}

    def status_with(scopes, method, path, body=None, **headers):
        return http_request(stack.info["rest"], method, path, body, {**made[scopes], **headers}).status
    acting = {"Trestle-User": alice.sub}
    assert status_with("users", "POST", "/api/users", {"external_id": name()}) == 201
    assert status_with("users", "GET", "/api/users/me", **acting) == 403
    assert status_with("send", "POST", "/api/users", {"external_id": name()}) == 403
    assert status_with("send", "GET", "/api/users/me", **acting) == 200
    assert run_trestle("token", "--config", stack.info["config"], "--revoke", f"{label}-send")[0] == 0
    wait_for("the revoked key no longer works", lambda: status_with("send", "GET", "/api/users/me", **acting) == 401)
    assert status_with("users", "POST", "/api/users", {"external_id": name()}) == 201


def test_a_socket_closes_when_its_token_expires(stack, app):
    alice = app("alice")
    with Socket(alice.ws_url, alice.mint(exp=int(time.time()) - 50)) as socket:  # 60 s of leeway: 10 s left
        closed = socket.inbox.expect("the close", lambda f: not isinstance(f, dict))
        assert closed.code == 4401


@pytest.mark.parametrize("frame", ['{"type":"ping","payload":{}}', '{"type":"auth","payload":{"token":"x.y.z"}}',
                                   '{"type":"auth","payload":{}}', '{"type":"auth"}', "nonsense", "[]",
                                   '{"type":"message","payload":{"conversation_id":"x","content":"y"}}'])
def test_a_socket_that_does_not_sign_in_properly_is_closed(app, frame):
    with Socket(app("alice").ws_url) as socket:
        socket.send_raw(frame)
        assert socket.inbox.expect("the close", lambda f: not isinstance(f, dict)).code == 4401
        assert not socket.frames("hello", "pong", "ack")


def test_the_token_of_the_handshake_signs_in(app):
    alice = app("alice")
    with Socket(alice.ws_url, alice.token, header=True) as socket:
        assert socket.hello["payload"]["user"] == alice.me()
        assert socket.hello["payload"]["cursor"] == socket.hello["cursor"]
        assert socket.refused("auth", token=alice.token, cursor=socket.cursor)["code"] == "conflict"
        socket.sync()
