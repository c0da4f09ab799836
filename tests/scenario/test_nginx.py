# SPDX-License-Identifier: GPL-3.0-or-later
"""Behind nginx, as docs/operations.md has it: what a proxy may break."""
import os
import time

import pytest

from harness.daemon import Daemon
from harness.nginx import Nginx
from harness.rest import App
from harness.session import Browser
from harness.sse import EventStream
from harness.ws import Socket


@pytest.fixture(scope="module")
def nginx(running_stack):
    options = {"session": {"cookie_secure": "false"}, "http": {"proxies": "127.0.0.1"}}
    with Daemon(running_stack, options=options) as bridge:
        proxy = Nginx(bridge)
        yield proxy
        proxy.close()


@pytest.fixture
def alice(nginx):
    return App(nginx, f"alice-{os.urandom(4).hex()}")


@pytest.fixture
def bella(nginx):
    return App(nginx, f"bella-{os.urandom(4).hex()}")


@pytest.fixture
def talk(alice, bella):
    return alice.conversation_with(participant_id=bella.me()["id"])


def test_sockets_at_both_addresses(nginx, alice, bella, talk):
    for path in ("/ws", "/api/ws"):
        with Socket(nginx.info["rest"].replace("http", "ws", 1) + path, bella.token) as socket:
            sent = alice.send(talk, f"At {path}")
            socket.expect("message.new", id=sent["id"])


def test_a_page_of_the_proxys_host_uses_cookies(nginx, alice, bella, talk):
    browser = Browser(alice)
    assert browser.origin == nginx.info["rest"]
    browser.send(talk, "By cookie")
    with browser.ws() as socket:
        sent = bella.send(talk, "And back")
        socket.expect("message.new", id=sent["id"])


def test_events_come_one_by_one(alice, bella, talk):
    with EventStream(bella) as stream:
        stream.expect("hello")
        for number in range(3):
            sent = alice.send(talk, f"Number {number}")
            event = stream.expect("message.new", timeout=5)
            assert event["data"]["payload"]["id"] == sent["id"]


def test_a_poll_is_answered_when_there_is_news(alice, bella, talk):
    cursor = bella.call(200, "GET", "/api/sync")["cursor"]
    began = time.monotonic()
    assert bella.call(200, "GET", "/api/sync", since=cursor, wait=1)["items"] == []
    assert time.monotonic() - began >= 1
    alice.send(talk, "News")
    assert [e["type"] for e in bella.call(200, "GET", "/api/sync", since=cursor, wait=30)["items"]][0].endswith(".new")


def test_what_is_too_large_is_told_by_us(alice, talk):
    reply = alice.request("POST", f"/api/conversations/{talk['id']}/messages", {"content": "x" * 300000})
    assert (reply.status, reply.json["code"]) == (413, "too_large")
    reply = alice.request("PUT", "/api/users/me/avatar", b"\0" * 524288, {"Content-Type": "image/png"})
    assert (reply.status, reply.json["code"]) == (422, "unprocessable")  # it got there, and is no picture
    reply = alice.request("PUT", "/api/users/me/avatar", b"\0" * 524289, {"Content-Type": "image/png"})
    assert (reply.status, reply.json["code"]) == (413, "too_large")
