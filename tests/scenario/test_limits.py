# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits per user, server key and address: where they end, what is told, and that they come back."""
import re
import time

import pytest

from harness.daemon import Daemon, run_trestle
from harness.rest import App, Backend, http_request
from harness.session import Browser
from harness.ws import Socket

LIMITS = {"requests": "8/4", "messages": "5/4", "typing": "10/60", "server": "6/60", "signin": "3/60"}


@pytest.fixture
def daemon(stack):
    with Daemon(stack, options={"limits": LIMITS, "http": {"proxies": "127.0.0.1 ::1"}}) as daemon:
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
    assert first.headers["ratelimit-policy"] == '"requests";q=8;w=4'
    assert number(first, "ratelimit", "r") == 7 and 1 <= number(first, "ratelimit", "t") <= 4
    count, reply = use_up(lambda: alice.request("GET", "/api/users/me"))
    assert 7 <= count <= 10
    assert reply.json["code"] == "rate_limited" and "requests" in reply.json["detail"]
    assert reply.headers["content-type"] == "application/problem+json"
    assert number(reply, "ratelimit", "r") == 0 and int(reply.headers["retry-after"]) >= 1
    assert bella.request("GET", "/api/users/me").status == 200, "others are not concerned"
    other = App(daemon, "alice", note="another token of the same user")
    assert other.request("GET", "/api/users/me").status == 429
    time.sleep(int(reply.headers["retry-after"]))  # as a client does
    assert alice.request("GET", "/api/users/me").status == 200


def test_what_is_left_can_be_asked(daemon):
    alice = App(daemon, "alice")
    limits = {limit["name"]: limit for limit in alice.call(200, "GET", "/api/limits")["limits"]}
    assert limits["requests"].items() >= {"limit": 8, "window_seconds": 4, "remaining": 8}.items()
    assert limits["messages"]["remaining"] == 5 and "server" not in limits and "signin" not in limits
    for _ in range(20):
        assert alice.request("GET", "/api/limits").status == 200, "asking is free"
    use_up(lambda: alice.request("GET", "/api/users/me"))
    left = {limit["name"]: limit["remaining"] for limit in alice.call(200, "GET", "/api/limits")["limits"]}
    assert left["requests"] <= 1 and left["messages"] == 5
    rates = alice.capabilities()["rates"]
    assert {"name": "requests", "limit": 8, "window_seconds": 4} in rates


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

    def attempt(address, token="x.y.z"):
        return http_request(daemon.info["rest"], "GET", "/api/users/me",
                            headers={"Authorization": f"Bearer {token}", "X-Forwarded-For": address})
    count, reply = use_up(lambda: attempt("10.0.0.1, 192.0.2.1"), wanted=401)
    assert count == 3 and int(reply.headers["retry-after"]) > 1
    assert attempt("192.0.2.2, 192.0.2.1").status == 429, "what the client wrote itself does not count"
    assert attempt("192.0.2.1, 192.0.2.3").status == 401
    assert attempt("192.0.2.1", alice.mint(note="new here")).status == 429
    assert attempt("192.0.2.4", alice.token).status == 200
    assert attempt("192.0.2.1", alice.token).status == 200, "who is in stays in"
    for nonsense in ("", "x", "192.0.2.1:80", "::1%lo", ",", "x" * 3000):
        assert attempt(nonsense).status == 401
    with Socket(alice.ws_url, headers={"X-Forwarded-For": "192.0.2.1"}) as socket:
        socket.auth("x.y.z")
        assert socket.expect("error")["payload"]["problem"]["code"] == "rate_limited"
        assert socket.expect_close().code == 1013
    for _ in range(4):
        with Socket(alice.ws_url, headers={"X-Forwarded-For": "192.0.2.5"}) as socket:
            socket.auth("x.y.z")
            socket.expect("error")
    assert attempt("192.0.2.5").status == 429


def test_beginning_sessions_is_limited(daemon):
    alice = App(daemon, "alice")
    count, reply = use_up(lambda: http_request(daemon.info["rest"], "POST", "/api/session", {"token": alice.token}),
                          wanted=201)
    assert count <= 10 and "retry-after" in reply.headers and "set-cookie" not in reply.headers


def test_a_renewal_counts_as_a_request(daemon):
    alice = App(daemon, "alice")
    with alice.ws() as socket:
        codes = {socket.ask("auth", token=alice.token)["type"] for _ in range(12)}
        assert codes == {"ack", "error"}
        socket.sync()


def test_the_defaults_let_people_work(stack):
    defaults = {name: None for name in ("requests", "messages", "strangers", "conversations", "search", "uploads",
                                        "typing", "server", "signin")}
    with Daemon(stack, options={"limits": defaults}) as daemon:
        browser = Browser(App(daemon, "alice"))
        rates = {rate["name"]: (rate["limit"], rate["window_seconds"]) for rate in browser.capabilities()["rates"]}
        assert rates == {"requests": (100, 60), "messages": (300, 60), "strangers": (50, 3600),
                         "conversations": (10, 86400), "search": (30, 60), "uploads": (60, 3600), "typing": (120, 60)}


@pytest.mark.parametrize("value", ["100", "x", "100/0", "-1/60", "1/60/2", "", "1000001/60"])
def test_a_limit_that_makes_no_sense_is_told(stack, tmp_path, value):
    good = open(stack.info["config"]).read()
    file = tmp_path / "bad.ini"
    file.touch(mode=0o600)
    file.write_text(re.sub(r"(?m)^requests=.*$", f"requests={value}", good))
    status, _, text = run_trestle("check-config", "--config", file)
    assert status != 0 and "[limits] requests" in text
