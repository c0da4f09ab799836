# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits per user, server key and address: where they end, what is told, and that they come back."""
import itertools
import re
import time

import pytest

from harness.daemon import Daemon, run_trestle
from harness.pictures import png
from harness.rest import App, Backend, http_request
from harness.session import Browser
from harness.ws import Socket

pytestmark = pytest.mark.one_server

LIMITS = {"requests": "8/8", "messages": "5/4", "typing": "10/60", "server": "6/60", "signin": "3/60"}
FEW = {"strangers": "3/3600", "search": "4/3600", "uploads": "2/3600"}


@pytest.fixture
def daemon(stack):
    with Daemon(stack, options={"limits": LIMITS, "http": {"proxies": "127.0.0.1 ::1"}}) as daemon:
        yield daemon


@pytest.fixture
def sparing(stack):
    """A daemon with few messages to strangers, searches and uploads."""
    with Daemon(stack, options={"limits": FEW}) as daemon:
        yield daemon


def number(reply, header, name):
    return int(re.search(rf'{name}=(\d+)', reply.headers[header]).group(1))


def use_up(ask, wanted=200, most=20):
    """Asks until the answer is 429; (how many were good, that answer)."""
    for count in range(most):
        reply = ask()
        if reply.status == 429:
            return count, reply
        assert reply.status == wanted, reply
    raise AssertionError("there is no limit")


def test_requests_end_are_told_and_come_back(daemon):
    alice, bella = App(daemon, "alice"), App(daemon, "bella")
    first = alice.request("GET", "/api/users/me")
    assert first.headers["ratelimit-policy"] == '"requests";q=8;w=8'
    assert number(first, "ratelimit", "r") == 7 and 1 <= number(first, "ratelimit", "t") <= 4
    count, reply = use_up(lambda: alice.request("GET", "/api/users/me"))
    assert 7 <= count <= 10
    assert reply.json["code"] == "rate_limited" and "requests" in reply.json["detail"]
    assert reply.headers["content-type"] == "application/problem+json"
    assert number(reply, "ratelimit", "r") == 0 and int(reply.headers["retry-after"]) >= 1
    assert bella.request("GET", "/api/users/me").status == 200, "others are not concerned"
    other = App(daemon, "alice", name="Another token of the same user")
    refused = other.request("GET", "/api/users/me")
    assert refused.status == 429 and refused.headers["ratelimit-policy"] == '"requests";q=8;w=8'
    time.sleep(int(reply.headers["retry-after"]))  # as a client does
    assert alice.me()["name"] == "alice", "what was refused has changed nothing"


def test_what_is_left_can_be_asked(daemon):
    alice = App(daemon, "alice")
    limits = {limit["name"]: limit for limit in alice.call(200, "GET", "/api/limits")["limits"]}
    assert limits["requests"].items() >= {"limit": 8, "window_seconds": 8, "remaining": 8}.items()
    assert limits["messages"]["remaining"] == 5 and "server" not in limits and "signin" not in limits
    for _ in range(20):
        assert alice.request("GET", "/api/limits").status == 200, "asking is free"
    use_up(lambda: alice.request("GET", "/api/users/me"))
    left = {limit["name"]: limit["remaining"] for limit in alice.call(200, "GET", "/api/limits")["limits"]}
    assert left["requests"] <= 1 and left["messages"] == 5
    rates = alice.capabilities()["rates"]
    assert {"name": "requests", "limit": 8, "window_seconds": 8} in rates


def test_messages_are_counted_for_both_transports_together(daemon):
    alice, bella = App(daemon, "alice"), App(daemon, "bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    with alice.ws() as socket:
        sent, refused = 0, None
        while not refused and sent < 20:
            frame = socket.ask("message", conversation_id=talk["id"], content=f"{sent}")
            if frame["type"] == "ack":
                sent += 1
            else:
                refused = frame["payload"]["problem"]
        assert refused["code"] == "rate_limited" and refused["status"] == 429
        assert sent <= 8
        reply = alice.request("POST", f"/api/conversations/{talk['id']}/messages", {"content": "one more"})
        assert reply.status == 429 and "messages" in reply.json["detail"]
        socket.sync()
        time.sleep(int(reply.headers["retry-after"]))
        assert socket.ask("message", conversation_id=talk["id"], content="later")["type"] == "ack"
    stored = bella.messages(talk)["items"]
    assert len(stored) == sent + 1, "what is refused is not stored"


def test_a_server_key_has_a_limit_of_its_own(daemon):
    alice = App(daemon, "alice")
    alice.me()
    daemon.info["server_key"] = run_trestle("token", "--config", daemon.config, "--server-key", "test",
                                            "--scopes", "users,send")[1].strip()
    acting = Backend(daemon, "alice")
    reply = acting.request("GET", "/api/users/me")
    assert reply.headers["ratelimit-policy"] == '"server";q=6;w=60'
    acting.call(200, "GET", "/api/limits")
    count, reply = use_up(lambda: acting.request("GET", "/api/users/me"))
    assert count == 4 and "server" in reply.json["detail"]
    assert alice.request("GET", "/api/users/me").status == 200, "the user is not held to it"


def test_failed_sign_ins_are_limited_by_address(daemon):
    alice = App(daemon, "alice")

    guesses = itertools.count()

    def attempt(address, token=None):
        token = token or f"x.y.{next(guesses)}"
        return http_request(daemon.info["rest"], "GET", "/api/users/me",
                            headers={"Authorization": f"Bearer {token}", "X-Forwarded-For": address})
    count, reply = use_up(lambda: attempt("10.0.0.1, 192.0.2.1"), wanted=401)
    assert count == 3 and int(reply.headers["retry-after"]) > 1
    assert attempt("192.0.2.2, 192.0.2.1").status == 429, "what the client wrote itself does not count"
    assert attempt("192.0.2.1, 192.0.2.3").status == 401
    assert attempt("192.0.2.1", alice.mint(note="new here")).status == 429
    assert attempt("192.0.2.4", alice.token).status == 200
    assert attempt("192.0.2.1", alice.token).status == 200, "who is in stays in"
    for spelling in ("192.0.2.1:49152", "[192.0.2.1]", "::ffff:192.0.2.1", '"[::ffff:192.0.2.1]:80"', "x, 192.0.2.1:1"):
        assert attempt(spelling).status == 429, spelling
    assert [attempt(nonsense).status for nonsense in ("", "x", "unknown", "_hidden", "192.0.2.1:x", ",")] \
        == [401] * 3 + [429] * 3, "they count for the proxy, which has not told the client's address"
    assert daemon.logged().count("proxy-hides-client") == 1
    with Socket(alice.ws_url, headers={"X-Forwarded-For": "192.0.2.1"}) as socket:
        socket.auth("x.y.z")
        assert socket.expect("error")["payload"]["problem"]["code"] == "rate_limited"
        assert socket.expect_close().code == 1013
    for guess in range(4):
        with Socket(alice.ws_url, headers={"X-Forwarded-For": "192.0.2.5"}) as socket:
            socket.auth(f"x.y.{guess}")
            socket.expect("error")
    assert attempt("192.0.2.5").status == 429


def test_a_page_that_was_left_open_locks_out_nobody_but_itself(daemon):
    """Its session has ended, and it connects again every few seconds, for ever."""
    alice = App(daemon, "alice")
    address = {"X-Forwarded-For": "192.0.2.6"}
    page = {**address, "Cookie": "trestle_session=" + "A" * 43, "Origin": daemon.info["rest"]}

    def connect():
        return http_request(daemon.info["rest"], "GET", "/api/users/me", headers=page)
    count, reply = use_up(connect, wanted=401)
    assert count == 3 and int(reply.headers["retry-after"]) >= 1
    assert connect().status == 429
    login = http_request(daemon.info["rest"], "POST", "/api/session", {"token": alice.token}, headers=address)
    assert login.status == 201, "somebody else at that address, or the same one in a new page"


def test_paths_that_nobody_was_given_are_limited_by_address(stack):
    """What is asked for without credentials, by a path that cannot be guessed: a link to a copy, the answer of a service."""
    with Daemon(stack, options={"limits": {"guesses": "3/3600"}, "http": {"proxies": "127.0.0.1 ::1"}}) as daemon:
        alice = App(daemon, "alice")
        with alice.ws() as socket:
            alice.call(202, "POST", "/api/account/exports", {})
            ready = socket.expect("export.ready")["payload"]

        def ask(method, path, address, body=None):
            return http_request(daemon.info["rest"], method, path, body, headers={"X-Forwarded-For": address})
        for _ in range(5):
            assert ask("GET", ready["url"], "192.0.2.1").status == 200, "who has the link gets it, however often"
        paths = itertools.count()
        count, reply = use_up(lambda: ask("POST", f"/api/assist/none-{next(paths)}", "192.0.2.1", {"error": "x"}), wanted=404)
        assert count == 3 and int(reply.headers["retry-after"]) > 60 and reply.headers["ratelimit-policy"] == '"guesses";q=3;w=3600'
        assert ask("GET", "/api/exports/none", "192.0.2.1").status == ask("GET", ready["url"], "192.0.2.1").status == 429
        assert ask("GET", "/api/exports/none", "192.0.2.2").status == 404, "others are not concerned"
        assert [ask("GET", "/api/exports/none", "192.0.2.3").status for _ in range(4)] == [404] * 3 + [429]


def test_beginning_sessions_is_limited(daemon):
    alice = App(daemon, "alice")
    count, reply = use_up(lambda: http_request(daemon.info["rest"], "POST", "/api/session", {"token": alice.token}),
                          wanted=201)
    assert count <= 10 and "retry-after" in reply.headers and "set-cookie" not in reply.headers


def left_of(user, name):
    limits = user.call(200, "GET", "/api/limits")["limits"]
    return next(limit["remaining"] for limit in limits if limit["name"] == name)


def test_a_group_counts_the_strangers_in_it(sparing):
    alice, *others = (App(sparing, f"g{n}") for n in range(5))

    def make(*members):
        return alice.request("POST", "/api/groups", {"name": "g", "members": [{"user_id": m.me()["id"]} for m in members]})
    assert make(*others).status == 429 and left_of(alice, "strangers") == 3, "more than are left"
    assert all(not other.conversations()["items"] for other in others)
    assert make(*others[:2]).status == 201 and left_of(alice, "strangers") == 1
    others[2].call(201, "POST", "/api/contacts", {"user_id": alice.me()["id"]})
    assert make(others[2], others[3]).status == 201 and left_of(alice, "strangers") == 0
    assert make(others[3]).status == 429 and make(others[2]).status == 201


def test_messages_to_strangers_end_and_those_to_others_do_not(sparing):
    alice, bella, carol = App(sparing, "alice"), App(sparing, "bella"), App(sparing, "carol")
    talk, other = (alice.conversation_with(participant_id=user.me()["id"]) for user in (bella, carol))

    def send(where, content="Hello", client_id=None):
        return alice.request("POST", f"/api/conversations/{where['id']}/messages",
                             {"content": content, "client_id": client_id})
    first = {"content": "Hello", "client_id": "the first"}
    assert send(talk, **first).status == 201 and left_of(alice, "strangers") == 2
    assert send(talk, **first).status == 200 and left_of(alice, "strangers") == 2, "a repetition does not count"
    assert send(other).status == send(other).status == 201
    reply = send(talk)
    assert reply.status == 429 and reply.json["code"] == "rate_limited" and "strangers" in reply.json["detail"]
    assert reply.headers["ratelimit-policy"] == '"strangers";q=3;w=3600' and int(reply.headers["retry-after"]) > 60
    assert alice.request("POST", "/api/messages", {"receiver_id": bella.me()["id"], "content": "x"}).status == 429
    with alice.ws() as socket:
        problem = socket.refused("message", conversation_id=other["id"], content="x")
        assert (problem["code"], problem["status"]) == ("rate_limited", 429)
        assert send(talk, **first).status == 200, "nor is it refused"
        bella.send(talk, "An answer")
        assert [send(talk).status for _ in range(5)] == [201] * 5, "who answers is no stranger"
        assert socket.command("message", conversation_id=talk["id"], content="y")["message"]["seq"] == 8
    assert send(other).status == 429 and left_of(alice, "strangers") == 0
    carol.call((200, 201), "POST", "/api/contacts", {"user_id": alice.me()["id"]})
    assert send(other).status == 201, "nor is who has added the sender"
    assert left_of(bella, "strangers") == 3, "an answer is not written to a stranger"
    assert len(carol.messages(other)["items"]) == 3, "what is refused is not stored"


def test_a_backend_may_write_to_strangers(sparing):
    alice, bella = App(sparing, "alice"), App(sparing, "bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    sparing.info["server_key"] = run_trestle("token", "--config", sparing.config, "--server-key", "test",
                                             "--scopes", "users,send")[1].strip()
    acting = Backend(sparing, "alice")
    for number in range(6):
        acting.send(talk, f"{number}")
    assert left_of(alice, "strangers") == 3


def test_messages_at_once_are_all_counted(sparing):
    alice, bella = App(sparing, "alice"), App(sparing, "bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    with alice.ws() as socket:
        for number in range(12):
            socket.send("message", id=f"m{number}", conversation_id=talk["id"], content="x")
        answers = [socket.inbox.expect("an answer", lambda f: isinstance(f, dict) and f.get("id") == f"m{number}")
                   for number in range(12)]
    assert sorted(frame["type"] for frame in answers) == ["ack"] * 3 + ["error"] * 9


def test_searches_end(sparing):
    alice = App(sparing, "alice")
    alice.me()
    count, reply = use_up(lambda: alice.request("GET", "/api/users/search", q="nobody"))
    assert count == 4 and "search" in reply.json["detail"]
    assert alice.request("GET", "/api/messages/search", q="word").status == 429, "they are one with those for messages"
    assert alice.request("GET", "/api/users/me").status == 200


def test_avatar_uploads_end(sparing):
    alice = App(sparing, "alice")
    before = alice.me()

    def upload():
        return alice.request("PUT", "/api/users/me/avatar", png(8, 8), {"Content-Type": "image/png"})
    count, reply = use_up(upload)
    assert count == 2 and "uploads" in reply.json["detail"]
    assert alice.me()["avatar_url"] != before["avatar_url"]
    assert alice.request("DELETE", "/api/users/me/avatar").status == 200


def test_a_renewal_counts_as_a_request(daemon):
    alice = App(daemon, "alice")
    with alice.ws() as socket:
        codes = {socket.ask("auth", token=alice.token)["type"] for _ in range(12)}
        assert codes == {"ack", "error"}
        socket.sync()


def test_the_defaults_let_people_work(stack):
    defaults = {name: None for name in ("requests", "messages", "strangers", "conversations", "search", "uploads",
                                        "typing", "server", "signin", "calls", "signals", "reactions", "drafts", "groups", "pages",
                                        "previews", "translations", "exports")}
    with Daemon(stack, options={"limits": defaults}) as daemon:
        browser = Browser(App(daemon, "alice"))
        rates = {rate["name"]: (rate["limit"], rate["window_seconds"]) for rate in browser.capabilities()["rates"]}
        assert rates == {"requests": (100, 60), "messages": (300, 60), "strangers": (50, 3600),
                         "conversations": (10, 86400), "search": (30, 60), "uploads": (60, 3600), "typing": (120, 60),
                         "calls": (10, 60), "signals": (300, 60), "reactions": (120, 60),
                         "drafts": (120, 60), "groups": (60, 60), "reports": (60, 3600), "pages": (600, 60),
                         "previews": (30, 60), "translations": (30, 60), "exports": (5, 86400)}


@pytest.mark.parametrize("value", ["100", "x", "100/0", "-1/60", "1/60/2", "", "1000001/60"])
def test_a_limit_that_makes_no_sense_is_told(stack, tmp_path, value):
    good = open(stack.info["config"]).read()
    file = tmp_path / "bad.ini"
    file.touch(mode=0o600)
    file.write_text(re.sub(r"(?m)^requests=.*$", f"requests={value}", good))
    status, _, text = run_trestle("check-config", "--config", file)
    assert status != 0 and "[limits] requests" in text


def test_sockets_frames_streams_and_addresses_are_counted(stack):
    limits = {"sockets": 2, "frames": "20/3600", "address_sockets": 2}
    with Daemon(stack, options={"limits": limits, "http": {"proxies": "127.0.0.1 ::1"}}) as daemon:
        alice, bella = App(daemon, "alice"), App(daemon, "bella")
        with alice.ws() as first, alice.ws() as second:
            with Socket(daemon.info["ws"]) as third:
                third.auth(alice.token)
                assert third.expect("error")["payload"]["problem"]["code"] == "rate_limited"
                third.expect_close(1013)
            for number in range(19):  # and two have signed in
                second.send("ping", id=number)
            second.expect_close(1008)
            first.send("ping")
            first.expect_close(1008)  # they are the user's, not the socket's
            with bella.ws() as other:
                other.sync()
        from_afar = {"X-Forwarded-For": "192.0.2.7"}
        with Socket(daemon.info["ws"], headers=from_afar), Socket(daemon.info["ws"], headers=from_afar):
            reply = http_request(daemon.info["rest"], "GET", "/ws", headers={
                **from_afar, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
            assert (reply.status, reply.json["code"]) == (429, "rate_limited")
            with Socket(daemon.info["ws"], headers={"X-Forwarded-For": "192.0.2.8"}) as other:
                other.auth(bella.token)
                other.expect("hello")
