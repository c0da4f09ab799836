# SPDX-License-Identifier: GPL-3.0-or-later
"""One-use tickets for sockets of pages that cannot send headers."""
import time
import uuid

import pytest
import websockets

from harness.daemon import Daemon, run_trestle
from harness.rest import App, Backend, http_request
from harness.session import Browser
from harness.ws import Closed, Socket

pytestmark = pytest.mark.one_server

TICKET = "/api/session/ticket"


def ticket_of(user):
    made = user.call(201, "POST", TICKET, {})
    assert set(made) == {"ticket", "expires_at"}
    return made["ticket"]


def by_ticket(user, ticket):
    socket = Socket(f"{user.ws_url}?ticket={ticket}")
    return socket


def refused(user, ticket):
    with by_ticket(user, ticket) as socket:
        assert socket.expect("error")["payload"]["problem"]["code"] == "unauthenticated"
        end = socket.inbox.expect("the close", lambda frame: isinstance(frame, Closed))
        assert end.code == 4401 and not socket.frames("hello")


def test_a_ticket_opens_one_socket(app):
    alice = app("alice")
    ticket = ticket_of(alice)
    with by_ticket(alice, ticket) as socket:
        assert socket.expect("hello")["payload"]["user"] == alice.me()
        socket.sync()
        refused(alice, ticket)
        socket.sync()
    refused(alice, ticket)


def test_a_cookie_makes_tickets_too(app):
    browser = Browser(app("alice"))
    with by_ticket(browser, ticket_of(browser)) as socket:
        assert socket.expect("hello")["payload"]["user"] == browser.me()
        browser.call(204, "DELETE", "/api/session")
        assert socket.expect_close(4401).reason == "signed out"


def test_a_ticket_ends_with_what_it_was_made_with(app):
    alice = app("alice")
    browser = Browser(alice)
    with by_ticket(alice, ticket_of(alice)) as socket:
        socket.expect("hello")
        unused, of_cookie = ticket_of(alice), ticket_of(browser)
        browser.call(204, "DELETE", "/api/session")
        refused(alice, of_cookie)
        alice.call(204, "DELETE", "/api/session")
        assert socket.expect_close(4401).reason == "signed out"
    refused(alice, unused)
    alice.token = alice.mint(exp=int(time.time()) - 50)  # 60 s of leeway: 10 s left
    with by_ticket(alice, ticket_of(alice)) as socket:
        socket.expect("hello")
        assert socket.expect_close(4401).reason == "token expired"


@pytest.mark.parametrize("ticket", ["x", "0" * 43, "x" * 44, "%00" * 15, "a" * 42 + "%C3%A9", "'--", "x" * 4000])
def test_garbage_is_no_ticket(app, ticket):
    alice = app("alice")
    if ticket == "0" * 43:
        refused(alice, ticket)
        return
    with pytest.raises((websockets.InvalidStatusCode, websockets.InvalidMessage)) as answer:
        by_ticket(alice, ticket)
    assert getattr(answer.value, "status_code", 401) in (400, 401, 414, 431)


def test_a_token_in_the_address_counts_nothing(app):
    alice = app("alice")
    with pytest.raises(websockets.InvalidStatusCode):
        Socket(f"{alice.ws_url}?ticket={alice.token}")
    for name in ("token", "access_token", "authorization"):
        with Socket(f"{alice.ws_url}?{name}={alice.token}") as socket:
            socket.send("ping")
            assert socket.expect_close(4401) and not socket.frames("hello")


def test_a_ticket_is_no_credential_for_requests(app):
    alice = app("alice")
    ticket = ticket_of(alice)
    assert alice.request("GET", f"/api/users/me?ticket={ticket}").status == 422
    for headers in ({}, {"Authorization": f"Bearer {ticket}"}, {"Cookie": f"trestle_session={ticket}"}):
        assert http_request(alice.rest, "GET", "/api/users/me", headers=headers).status == 401
        assert http_request(alice.rest, "GET", f"/api/users/me?ticket={ticket}", headers=headers).status in (401, 422)
    with by_ticket(alice, ticket) as socket:
        socket.expect("hello")


def test_tickets_expire_and_are_good_in_every_process(stack):
    with Daemon(stack, options={"session": {"ticket_lifetime": 1}}) as one:
        shared = {"database": {"uri": one.info["database"]}, "auth": {"key": one.info["jwt"]["secret"]}}
        with Daemon(stack, options=shared) as two:
            alice, there = App(one, "alice"), App(two, "alice")
            made = alice.call(201, "POST", TICKET, {})
            late = ticket_of(alice)
            with by_ticket(there, made["ticket"]) as socket:
                socket.expect("hello")
            refused(alice, made["ticket"])
            deadline = time.time() + 1.5
            while time.time() < deadline:
                time.sleep(0.1)
            refused(there, late)


def test_a_server_key_makes_tickets_for_users(stack, app):
    alice = app("alice")
    user = alice.me()
    acting = Backend(stack, user)
    with by_ticket(acting, ticket_of(acting)) as socket:
        assert socket.expect("hello")["payload"]["user"] == user
        acting.user = None
        acting.call(200, "POST", f"/api/users/{user['id']}/suspend", {})
        assert socket.expect_close(4401).reason == "suspended"
    assert acting.request("POST", TICKET, {}).status == 403
    acting.call(200, "DELETE", f"/api/users/{user['id']}/suspend")
    acting.user = str(uuid.uuid4())
    assert acting.request("POST", TICKET, {}).status == 404


def test_a_server_key_opens_no_socket_itself(stack, app):
    alice = app("alice")
    key = stack.info["server_key"]
    with Socket(alice.ws_url, headers={"Authorization": f"Bearer {key}", "Trestle-User": alice.me()["id"]}) as socket:
        assert socket.expect_close(4401) and not socket.frames("hello")
    with Socket(alice.ws_url) as socket:
        socket.auth(f"{key}\n{alice.me()['id']}")  # as it may be remembered
        assert socket.expect_close(4401) and not socket.frames("hello")


def test_only_the_scope_tickets_makes_them(stack, app):
    alice = app("alice")
    alice.me()

    def with_scopes(scopes, method, path):
        status, key, text = run_trestle("token", "--config", stack.info["config"], "--server-key",
                                        f"k{uuid.uuid4().hex[:10]}", "--scopes", scopes)
        assert status == 0, text
        headers = {"Authorization": f"Bearer {key.strip()}", "Trestle-User": alice.sub}
        return http_request(stack.info["rest"], method, path, {} if method == "POST" else None, headers).status
    assert with_scopes("send", "POST", TICKET) == 403
    assert with_scopes("users", "POST", TICKET) == 403
    assert with_scopes("tickets", "POST", TICKET) == 201
    assert with_scopes("tickets", "GET", "/api/users/me") == 403
    assert with_scopes("send,tickets", "GET", "/api/users/me") == 200
