# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions by cookie, signing out, suspension: who is in, who is out, and how soon."""
import concurrent.futures
import datetime
import re
import time

import pytest
import websockets

from harness.daemon import Daemon
from harness.database import database
from harness.fake_host import BIND
from harness.inbox import wait_for
from harness.raw import RawHttp, RawSocket
from harness.rest import Api, App, Backend, http_request
from harness.session import COOKIE, Browser
from harness.ws import Closed, Socket
from harness.xmpp import XmppError
from test_bound import make_world


def closed(socket, reason):
    end = socket.inbox.expect("the close", lambda frame: isinstance(frame, Closed))
    assert (end.code, end.reason) == (4401, reason), end


def status(user, method="GET", path="/api/users/me", **options):
    return user.request(method, path, **options).status


@pytest.fixture
def daemon(stack):
    with Daemon(stack, options={"session": {"cookie_secure": "true"},
                                "http": {"origins": "https://app.example.org https://www.example.org"}}) as daemon:
        yield daemon


def test_a_password_that_is_refused_before_it_is_tried(stack):
    """Where no other server's accounts are used."""
    api = Api(stack)
    for _ in range(5):
        assert status(api, "POST", "/api/session", body={"jid": "bob@example.org", "password": "correct horse battery staple"}) == 501


def test_who_guesses_passwords_waits(running_stack):
    """An address for all accounts that it tries, and an account for all addresses that it is tried from, also with many guesses at once."""
    options = {"bound": {"login_by": "module"}, "limits": {"signin": "3/3600"}, "http": {"proxies": "127.0.0.1 ::1"}}
    with make_world(running_stack, options) as (host, daemon), concurrent.futures.ThreadPoolExecutor(8) as pool:
        names = [f"guessed{n}" for n in range(8)]
        host.passwords.update((name, "right") for name in ("bob", "erin", *names))

        def attempt(name, password, address):
            return Api(daemon).request("POST", "/api/session", {"jid": f"{name}@example.org", "password": password},
                                       {"X-Forwarded-For": address})

        def guesses(names, addresses):
            """How they end, and how many the server was asked about."""
            before = asked()
            return sorted(reply.status for reply in pool.map(attempt, names, ["wrong"] * 8, addresses)), asked() - before

        def asked():
            return host.asked.count(lambda s: s.has(BIND, "login"))

        wait_for("the host is up", lambda: attempt("erin", "right", "192.0.2.1").status == 201)
        assert guesses(names, ["192.0.2.1"] * 8) == ([401] * 3 + [429] * 5, 3)
        reply = attempt("erin", "right", "192.0.2.1")
        assert (reply.status, reply.json["code"], reply.json["detail"]) == (429, "rate_limited", "too many sign-ins have failed")
        assert int(reply.headers["retry-after"]) > 1 and reply.headers["ratelimit-policy"] == '"signin";q=3;w=3600'
        assert attempt("erin", "right", "192.0.2.2").status == 201, "somewhere else it may be tried"
        assert guesses(["bob"] * 8, [f"192.0.2.{n}" for n in range(10, 18)]) == ([401] * 3 + [429] * 5, 3)
        reply = attempt("bob", "right", "192.0.2.3")
        assert (reply.status, reply.json["code"]) == (429, "rate_limited") and "ratelimit-policy" not in reply.headers
        assert [attempt("erin", "right", "192.0.2.3").status for _ in range(4)] == [201] * 4, "who is right has not guessed"


# -- cookies

def test_a_session_by_cookie(stack, app):
    alice = app("alice")
    browser = Browser(alice)
    assert browser.session == {"user": alice.me(), "csrf_token": browser.csrf,
                               "expires_at": browser.session["expires_at"]}
    assert browser.call(200, "GET", "/api/session") == browser.session
    attributes = browser.attributes
    assert attributes["httponly"] and attributes["samesite"] == "Strict" and attributes["path"] == "/"
    assert attributes["max-age"] == "2592000" and not attributes["domain"]
    assert browser.me() == alice.me()
    talk = browser.conversation_with(participant_id=app("bella").me()["id"])
    browser.send(talk, "By cookie")
    with browser.ws() as socket:
        assert socket.hello["payload"]["user"] == alice.me()
        socket.message(talk, "By socket")
    assert alice.call(200, "GET", "/api/session")["csrf_token"] is None


def test_use_puts_the_end_of_a_session_off(stack, app):
    browser = Browser(app("alice"))
    with database(stack) as query:
        (digest, last), = query("UPDATE sessions SET expires_at = clock_timestamp() + interval '1 hour' WHERE user_id = %s"
                                " RETURNING digest, ends_at", browser.session["user"]["id"])
        assert last - datetime.timedelta(days=29) > datetime.datetime.now(datetime.timezone.utc)
        browser.me()  # it is looked up
        browser.me()  # it is known, and nearly over

        def left():
            (end,), = query("SELECT extract(epoch FROM expires_at - clock_timestamp())::int FROM sessions WHERE digest = %s", digest)
            return end
        wait_for("it is put off", lambda: left() > 80_000)
        last = Browser(app("bella"))
        query("UPDATE sessions SET expires_at = clock_timestamp() + interval '1 hour', ends_at = clock_timestamp() + interval '2 hours'"
              " WHERE user_id = %s", last.session["user"]["id"])
        last.me()
        last.me()
        wait_for("it goes to its last end", lambda: query(
            "SELECT expires_at = ends_at FROM sessions WHERE user_id = %s", last.session["user"]["id"])[0][0])


def test_the_cookie_is_secure_unless_told_otherwise(daemon):
    assert Browser(App(daemon, "alice"), "https://app.example.org").attributes["secure"]


def test_only_a_users_token_begins_a_session(stack, app, backend):
    alice = app("alice")
    for token in ("x", "", "a.b.c", stack.info["server_key"], alice.mint(exp=1), "x" * 8193, None, 7, "a\0b"):
        reply = http_request(stack.info["rest"], "POST", "/api/session", {"token": token})
        assert reply.status in (401, 422) and "set-cookie" not in reply.headers, (token, reply)
    assert http_request(stack.info["rest"], "POST", "/api/session", {}).status == 422


def test_what_changes_something_needs_the_csrf_token(app):
    browser, other = Browser(app("alice")), Browser(app("bella"))
    body = {"jid": "carol@example.org"}
    for wrong in (None, "", "x", other.csrf, browser.cookie, browser.csrf[:-1], browser.csrf + "x", browser.csrf.swapcase()):
        headers = {**browser.headers(), "X-CSRF-Token": wrong}
        headers = {name: value for name, value in headers.items() if value is not None}
        reply = http_request(browser.rest, "POST", "/api/conversations", body, headers)
        assert (reply.status, reply.json["code"]) == (403, "forbidden"), (wrong, reply)
        assert http_request(browser.rest, "DELETE", "/api/session", headers=headers).status == 403
        assert http_request(browser.rest, "GET", "/api/users/me", headers=headers).status == 200
    assert browser.conversations()["items"] == []
    browser.conversation_with(jid="carol@example.org")


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "https://app.example.org.evil.example",
                                    "http://app.example.org", "https://app.example.org:444", "file://", "", "own"])
def test_what_changes_something_needs_a_good_origin(daemon, origin):
    browser = Browser(App(daemon, "alice"), "https://app.example.org")
    browser.origin = browser.rest if origin == "own" else origin  # once origins are listed, only they count
    reply = browser.request("POST", "/api/conversations", {"jid": "carol@example.org"})
    assert (reply.status, reply.json["code"]) == (403, "forbidden"), reply
    assert status(browser) == 200 and browser.conversations()["items"] == []
    browser.origin = "https://www.example.org"
    browser.conversation_with(jid="carol@example.org")


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "https://app.example.org.evil.example", "own"])
def test_a_page_of_another_origin_gets_no_socket_by_cookie(daemon, origin):
    browser = Browser(App(daemon, "alice"), "https://app.example.org")
    origin = browser.rest if origin == "own" else origin
    with pytest.raises(websockets.InvalidStatusCode) as refused:
        Socket(browser.ws_url, headers={"Origin": origin, "Cookie": f"{COOKIE}={browser.cookie}"})
    assert refused.value.status_code == 403
    with browser.ws() as socket:
        socket.sync()


def test_a_cookie_without_origin_does_not_sign_a_socket_in(app):
    alice = app("alice")
    browser = Browser(alice)
    with Socket(browser.ws_url, headers={"Cookie": f"{COOKIE}={browser.cookie}"}) as socket:
        socket.auth(alice.token)
        socket.expect("hello")


def test_pages_of_listed_origins_may_ask_with_cookies(daemon):
    browser = Browser(App(daemon, "alice"), "https://app.example.org")
    reply = browser.request("GET", "/api/users/me")
    assert reply.headers["access-control-allow-origin"] == "https://app.example.org"
    assert reply.headers["access-control-allow-credentials"] == "true" and reply.headers["vary"] == "Origin"
    asked = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "x-csrf-token"}
    reply = http_request(browser.rest, "OPTIONS", "/api/session", headers={"Origin": browser.origin, **asked})
    assert reply.status == 204 and "DELETE" in reply.headers["access-control-allow-methods"]
    assert "X-CSRF-Token" in reply.headers["access-control-allow-headers"]
    assert reply.headers["access-control-allow-credentials"] == "true"
    for origin in ("https://evil.example", "null"):
        reply = http_request(browser.rest, "OPTIONS", "/api/session", headers={"Origin": origin, **asked})
        assert not [name for name in reply.headers if name.startswith("access-control")]
        assert reply.headers["vary"] == "Origin"
        # Nobody is signed in by such a page, either.
        assert http_request(browser.rest, "POST", "/api/session", {"token": App(daemon, "eve").token},
                            {"Origin": origin}).status == 403


def test_a_token_beats_the_cookie(app):
    alice, bella = app("alice"), app("bella")
    browser = Browser(alice)
    headers = {"Authorization": f"Bearer {bella.token}", "X-CSRF-Token": "wrong", "Origin": "https://evil.example"}
    assert browser.call(200, "GET", "/api/users/me", headers=headers) == bella.myself()
    browser.call(201, "POST", "/api/conversations", {"jid": "carol@example.org"}, headers=headers)
    for bad in ("Bearer x", "Bearer", "Bearer ", "bearer\tx"):
        assert browser.request("GET", "/api/users/me", headers={"Authorization": bad}).status == 401, bad
    assert browser.request("GET", "/api/users/me", headers={"Authorization": "Basic eDp5"}).status == 200, "a proxy's own"


def test_hostile_cookies(stack, app):
    browser = Browser(app("alice"))
    good = f"{COOKIE}={browser.cookie}"
    host = f"Host: {browser.rest.partition('//')[2]}\r\n"

    def ask(*lines):
        with RawHttp(stack) as raw:
            raw.send(b"GET /api/users/me HTTP/1.1\r\n" + host.encode() + b"".join(
                line if isinstance(line, bytes) else line.encode() for line in lines) + b"\r\n")
            return (raw.reply() or (431,))[0]  # what is far too long may be cut
    assert ask(f"Cookie: {good}\r\n") == 200
    assert ask("Cookie: " + "; ".join(f"c{n}={n}" for n in range(60)) + f"; {good}\r\n") == 200
    assert ask("Cookie: " + "; ".join(f"c{n}={n}" for n in range(900)) + f"; {good}\r\n") in (200, 431)
    assert ask(f"Cookie: {COOKIE}x={browser.cookie}; x{good}\r\n") == 401
    assert ask(f"Cookie: {good}; {good}\r\n") == 401, "two of them: somebody else has set one"
    assert ask(f"Cookie: {good}; {COOKIE}=\r\n") == 401
    assert ask(f"Cookie: {COOKIE}={'x' * 8000}\r\n") in (401, 431)
    assert ask(f"Cookie: x={'y' * 8000}; {good}\r\n") in (200, 431)
    assert ask(f"Cookie: x={'y' * 30000}; {good}\r\n") in (400, 413, 431)
    assert ask(f"Cookie: {good}\r\nCookie: {good}\r\n") == 401
    assert ask(b"Cookie: a=\0; ", good, "\r\n") == 400
    assert ask(f"Cookie: {good}\0x\r\n") == 400
    assert ask(f"Cookie: {good[:-1]}\u00e9\r\n") == 401
    assert ask(f"Cookie: {COOKIE}=\"{browser.cookie}\"\r\n") == 401
    assert ask(f"Authorization: Bearer {browser.cookie}\r\n") == 401, "a cookie is no token"
    assert ask(f"Cookie: {COOKIE}={browser.csrf}\r\n") == 401
    assert status(browser) == 200


# -- signing out

def test_signing_out_ends_the_cookie_and_its_sockets(app):
    alice = app("alice")
    one, two = Browser(alice), Browser(alice)
    with one.ws() as first, two.ws() as second, alice.ws() as third:
        reply = one.request("DELETE", "/api/session")
        assert reply.status == 204 and f"{COOKIE}=;" in reply.headers["set-cookie"] \
            and "Max-Age=0" in reply.headers["set-cookie"]
        assert status(one) == 401
        closed(first, "signed out")
        assert status(two) == 200 and status(alice) == 200
        second.sync()
        third.sync()
    assert one.request("DELETE", "/api/session").status == 401


def test_signing_out_revokes_one_token(stack, app):
    alice = app("alice")
    other = App(stack, alice.sub, note="another token")
    begun, elsewhere = Browser(alice), Browser(other)
    ticket = begun.call(201, "POST", "/api/session/ticket", {})["ticket"]
    with alice.ws() as first, other.ws() as second, begun.ws() as third:
        alice.call(204, "DELETE", "/api/session")
        assert status(alice) == status(begun) == 401, "the sessions that it has begun end with it"
        closed(first, "signed out")
        closed(third, "signed out")
        assert status(other) == status(elsewhere) == 200
        second.sync()
    with Socket(f"{alice.ws_url}?ticket={ticket}") as socket:
        closed(socket, "bad token")
    with Socket(alice.ws_url) as socket:
        socket.auth(alice.token)
        closed(socket, "bad token")
    reply = http_request(alice.rest, "POST", "/api/session", {"token": alice.token})
    assert reply.status == 401


def test_signing_out_everywhere(stack, app):
    alice, bella = app("alice"), app("bella")
    browser = Browser(alice)
    ticket = alice.call(201, "POST", "/api/session/ticket", {})["ticket"]
    old = alice.mint(note="not seen here before")
    with alice.ws() as first, browser.ws() as second, bella.ws() as other:
        alice.call(204, "DELETE", "/api/session/all")
        closed(first, "signed out")
        closed(second, "signed out")
        assert status(alice) == status(browser) == 401
        other.sync()
    for token in (old, alice.mint(iat=None), alice.mint(iat=0), alice.mint(iat="x")):
        assert http_request(alice.rest, "GET", "/api/users/me",
                            headers={"Authorization": f"Bearer {token}"}).status == 401
    with Socket(f"{alice.ws_url}?ticket={ticket}") as socket:
        closed(socket, "bad token")
    alice.token = alice.mint(iat=int(time.time()) + 2)
    assert status(alice) == 200 and status(bella) == 200
    with Browser(alice).ws() as socket:
        socket.sync()


def test_no_time_of_the_issuer_outlives_a_sign_out(stack, app):
    alice, now = app("alice"), int(time.time())
    odd = [App(stack, alice.sub, iat=iat, exp=exp) for iat, exp in (
        (now * 1000, now + 600), (now + 600, 253402300799), (1e300, now * 1000), (now + 50, now + 600))]
    browsers = [Browser(user) for user in odd]
    tickets = [user.call(201, "POST", "/api/session/ticket", {})["ticket"] for user in odd]
    sockets = [user.ws() for user in odd]
    assert sockets[0].command("auth", token=odd[1].token)["expires_at"] == "9999-12-31T23:59:59.999Z"
    assert sockets[1].command("auth", token=odd[2].token)["expires_at"] == "9999-12-31T23:59:59.999Z"
    alice.call(204, "DELETE", "/api/session/all")
    for socket in sockets:
        closed(socket, "signed out")
    assert [status(browser) for browser in browsers] == [401] * 4
    assert [status(user) for user in odd[:3]] == [401] * 3
    for ticket in tickets:
        with Socket(f"{alice.ws_url}?ticket={ticket}") as socket:
            closed(socket, "bad token")
    for user in odd[:3]:
        assert http_request(alice.rest, "POST", "/api/session", {"token": user.token}).status == 401


def test_a_server_key_has_no_session(stack, app, backend):
    acting = Backend(stack, app("alice").me())
    for path in ("/api/session", "/api/session/all"):
        assert acting.request("DELETE", path).status == 403
    assert acting.request("GET", "/api/users/me").status == 200


def test_sign_outs_reach_other_processes(stack):
    """Two processes on one database. Without a bus between them, the database itself tells."""
    with Daemon(stack, options={"session": {"recheck": 200}}) as one:
        shared = {"database": {"uri": one.info["database"]}, "session": {"recheck": 200},
                  "auth": {"key": one.info["jwt"]["secret"]}}
        with Daemon(stack, options=shared) as two:
            two.info["jwt"] = one.info["jwt"]
            alice, there = App(one, "alice"), App(two, "alice")
            there.token = alice.token
            browser = Browser(alice)
            away = Browser(there)
            away.cookie, away.csrf = browser.cookie, browser.csrf
            assert status(alice) == status(there) == status(browser) == status(away) == 200
            with there.ws() as by_token, away.ws() as by_cookie:
                browser.call(204, "DELETE", "/api/session")
                closed(by_cookie, "signed out")
                assert status(away) == 401 and status(there) == 200
                alice.call(204, "DELETE", "/api/session")
                closed(by_token, "signed out")
                assert status(there) == 401


# -- expiry and renewal

def test_a_newer_token_keeps_the_socket(stack, app):
    alice, bella = app("alice"), app("bella")
    with Socket(alice.ws_url, alice.mint(exp=int(time.time()) - 57)) as socket:  # 60 s of leeway: 3 s left
        problem = socket.refused("auth", token=bella.token)
        assert problem["code"] == "forbidden"
        assert socket.refused("auth", token="x.y.z")["code"] == "unauthenticated"
        assert socket.refused("auth", token=alice.mint(exp=1))["code"] == "unauthenticated"
        assert socket.command("auth", token=alice.mint(exp=int(time.time()) - 54))["expires_at"]
        began = time.monotonic()
        closed(socket, "token expired")
        assert time.monotonic() - began > 3.5


# -- suspension

def test_a_suspended_user_is_out(stack, app, backend):
    alice, bella = app("alice"), app("bella")
    browser = Browser(alice)
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    user = alice.me()["id"]
    ticket = alice.call(201, "POST", "/api/session/ticket", {})["ticket"]
    with alice.ws() as first, browser.ws() as second:
        answer = backend.call(200, "POST", f"/api/users/{user}/suspend", {"reason": "Spam"})
        assert answer == {"user_id": user, "suspended": True, "suspended_at": answer["suspended_at"], "until": None, "reason": "Spam"}
        closed(first, "suspended")
        closed(second, "suspended")
    for reply in (alice.request("GET", "/api/users/me"), browser.request("GET", "/api/users/me"),
                  App(stack, alice.sub, fresh=1).request("GET", "/api/users/me"),
                  Backend(stack, user).request("GET", "/api/users/me"),
                  http_request(stack.info["rest"], "POST", "/api/session", {"token": alice.token})):
        assert (reply.status, reply.json["code"]) == (403, "forbidden"), reply
    for url in (alice.ws_url, f"{alice.ws_url}?ticket={ticket}"):
        with Socket(url) as socket:
            if "ticket" not in url:
                socket.auth(alice.token)
            assert socket.expect("error")["payload"]["problem"]["code"] == "forbidden"
            closed(socket, "suspended")
    sent = bella.send(talk, "Still stored")  # who writes to them is not told
    assert backend.call(200, "POST", f"/api/users/{user}/suspend", {})["suspended_at"] == answer["suspended_at"]
    assert backend.call(200, "DELETE", f"/api/users/{user}/suspend") \
        == {"user_id": user, "suspended": False, "suspended_at": None, "until": None, "reason": None}
    assert status(alice) == 200 and status(browser) == 200
    assert [m["id"] for m in alice.messages(talk)["items"]] == [sent["id"]]


def test_only_hosted_users_are_suspended_and_only_by_the_backend(stack, app, backend, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    remote = next(p["user"] for p in talk["participants"] if p["user"]["kind"] == "remote")
    for user in (remote["id"], "x", "00000000-0000-7000-8000-000000000000", "%00"):
        for method in ("POST", "DELETE"):
            body = {} if method == "POST" else None
            assert backend.request(method, f"/api/users/{user}/suspend", body).status == 404, user
            assert alice.request(method, f"/api/users/{user}/suspend", body).status == 403, user
    for reason in ("", "x" * 1001, 7, "a\0b"):
        assert backend.request("POST", f"/api/users/{alice.me()['id']}/suspend", {"reason": reason}).status == 422
    assert status(alice) == 200


def answers(bob, address):
    """What a message and a question to that address are answered with, but for whom they name."""
    sent = bob.send_message(address, "For nobody")
    bounce = bob.expect_stanza("the bounce", lambda s: s.name == "message" and s.type == "error" and s.id == sent)
    with pytest.raises(XmppError) as refusal:
        bob.disco_info(address)
    return [re.sub("<[^<]*stanza-id[^>]*>", "", repr(s)).replace(s.id, "ID").replace(address, "ADDRESS")
            for s in (bounce, refusal.value.stanza)]


def test_people_on_xmpp_find_nobody_where_a_suspended_user_was(stack, app, backend, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    alice.send(talk, "Hello")
    user = alice.me()
    bob.expect_message("Hello", sender=user["jid"])
    assert bob.disco_info(user["jid"])[0]  # it is remembered that alice is somebody
    with alice.ws() as socket:
        backend.call(200, "POST", f"/api/users/{user['id']}/suspend", {})
        closed(socket, "suspended")
    nobody = answers(bob, f"nobody@{stack.info['component']['domain']}")
    assert all("service-unavailable" in answer for answer in nobody)
    assert answers(bob, user["jid"]) == nobody
    backend.call(200, "DELETE", f"/api/users/{user['id']}/suspend")
    bob.send_message(user["jid"], "Again")
    wait_for("the message", lambda: [m["content"] for m in alice.messages(talk)["items"]] == ["Hello", "Again"])


def test_secrets_are_not_logged(stack, app):
    alice = app("alice")
    sizes = stack.log_sizes()
    browser = Browser(alice)
    ticket = browser.call(201, "POST", "/api/session/ticket", {})["ticket"]
    with Socket(f"{alice.ws_url}?ticket={ticket}") as socket:
        socket.expect("hello")
    browser.call(204, "DELETE", "/api/session")
    RawSocket(stack, headers=[f"Cookie: {COOKIE}={browser.cookie}"]).close()
    logged = "\n".join(line for lines in stack.logs_since(sizes, 100000).values() for line in lines)
    for secret in (ticket, browser.cookie, browser.csrf, alice.token):
        assert secret not in logged
