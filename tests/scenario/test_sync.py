# SPDX-License-Identifier: GPL-3.0-or-later
"""Polling the log: GET /api/sync."""
import concurrent.futures
import http.client
import time
import urllib.parse

import pytest

from harness.daemon import Daemon
from harness.rest import App

pytestmark = pytest.mark.one_server


def pair(app):
    alice, bella = app("alice"), app("bella")
    return alice, bella, alice.conversation_with(participant_id=bella.me()["id"])


def sync(user, since=None, status=200, **query):
    return user.call(status, "GET", "/api/sync", **({"since": since} if since else {}), **query)


def contents(page):
    return [item["payload"]["content"] for item in page["items"] if item["type"] == "message.new"]


def test_pages_are_what_the_socket_shows(app):
    alice, bella, talk = pair(app)
    start = sync(alice)
    assert start["items"] == [] and not start["has_more"] and not start["resync"]
    with alice.ws() as socket:
        for number in range(7):
            bella.send(talk, f"m{number}")
        frames = [socket.expect("message.new", content=f"m{n}") for n in range(7)]
    cursor, got = start["cursor"], []
    while True:
        page = sync(alice, cursor, limit=3)
        got += page["items"]
        cursor = page["cursor"]
        assert len(page["items"]) <= 3
        if not page["has_more"]:
            break
    later = ("status", "delivered_at", "read_at")  # these are as they are now
    assert [(f["cursor"], {k: v for k, v in f["payload"].items() if k not in later})
            for f in got if f["type"] == "message.new"] \
        == [(f["cursor"], {k: v for k, v in f["payload"].items() if k not in later}) for f in frames]
    assert sync(alice, cursor)["items"] == []
    with alice.ws(resume=start["cursor"]) as socket:  # one cursor for all ways
        socket.expect("message.new", content="m0")


def test_waits_for_news_and_no_longer(app):
    alice, bella, talk = pair(app)
    cursor = sync(alice)["cursor"]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(sync, alice, cursor, wait=60)
        with pytest.raises(concurrent.futures.TimeoutError):
            waiting.result(0.5)
        bella.send(talk, "At last")
        page = waiting.result(20)
    assert contents(page) == ["At last"]
    began = time.monotonic()
    quiet = sync(alice, page["cursor"], wait=1)
    assert quiet["items"] == [] and time.monotonic() - began > 0.9
    assert sync(alice, quiet["cursor"], wait=0)["items"] == []


def test_what_a_poll_brought_is_delivered(app):
    alice, bella, talk = pair(app)
    cursor = sync(alice)["cursor"]
    with bella.ws() as socket:
        sent = bella.send(talk, "Hello")
        assert contents(sync(alice, cursor)) == ["Hello"]
        socket.expect("message.delivered", message_id=sent["id"])


def test_s1_form(app):
    alice, bella, talk = pair(app)
    cursor = sync(alice)["cursor"]
    bella.send(talk, "Hi")
    (item,) = sync(alice, cursor, dialect="s1")["items"]
    assert item["type"] == "private_message" and item["message"]["content"] == "Hi"
    assert isinstance(item["message"]["id"], int) and item["sender_id"] != item["recipient_id"]


@pytest.mark.parametrize("cursor", ["x", "0", "deadbeef0123-5", "-1", "\u2603", "9" * 100])
def test_a_cursor_that_means_nothing_is_resync(app, cursor):
    alice = app("alice")
    page = sync(alice, cursor, wait=30)
    assert page["resync"] and page["items"] == []
    assert not sync(alice, page["cursor"])["resync"]


def test_a_cursor_of_the_future_is_resync(app):
    alice = app("alice")
    epoch, _, position = sync(alice)["cursor"].rpartition("-")
    assert sync(alice, f"{epoch}-{int(position) + 10**9}")["resync"]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"limit": "many"}, {"wait": -1}, {"wait": 61},
                                   {"wait": "1e3"}, {"since": "x" * 129}, {"since": ""}, {"since": "a\0b"},
                                   {"dialect": "s9"}, {"cursor": "x"}])
def test_bad_queries(app, query):
    assert app("alice").call(422, "GET", "/api/sync", **query)["code"] == "unprocessable"


def test_others_learn_nothing_and_wake_nobody(app):
    alice, bella, talk = pair(app)
    stranger = app("stranger")
    cursor = sync(stranger)["cursor"]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(sync, stranger, cursor, wait=2)
        bella.send(talk, "Secret")
        assert waiting.result(20)["items"] == []


def test_no_more_than_eight_wait_and_who_leaves_makes_room(app):
    alice, bella, talk = pair(app)
    cursor = sync(alice)["cursor"]
    where = urllib.parse.urlsplit(alice.rest)
    connections = []
    for _ in range(8):
        connections.append(http.client.HTTPConnection(where.hostname, where.port, timeout=60))
        connections[-1].request("GET", f"/api/sync?wait=60&since={cursor}", headers=alice.headers())
    deadline = time.monotonic() + 60
    while alice.request("GET", "/api/sync", since=cursor, wait=1).status != 429:
        assert time.monotonic() < deadline
    connections.pop().close()
    while alice.request("GET", "/api/sync", since=cursor, wait=1).status != 200:
        assert time.monotonic() < deadline
    bella.send(talk, "Everybody up")
    for connection in connections:
        reply = connection.getresponse()
        assert reply.status == 200 and b"Everybody up" in reply.read()
        connection.close()


def test_waiting_requests_are_answered_when_the_process_stops(stack):
    with Daemon(stack) as bridge, concurrent.futures.ThreadPoolExecutor() as pool:
        alice = App(bridge, "alice")
        cursor = sync(alice)["cursor"]
        waiting = [pool.submit(sync, alice, cursor, wait=60) for _ in range(4)]
        with pytest.raises(concurrent.futures.TimeoutError):
            waiting[0].result(0.5)
        assert bridge.terminate()[0] == 0
        for one in waiting:
            assert one.result(1)["items"] == []


def test_too_far_behind_is_resync_in_every_way(stack):
    from harness.sse import EventStream
    with Daemon(stack, options={"websocket": {"resume_max": 10}}) as bridge:
        alice, bella = App(bridge, "alice"), App(bridge, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        old = sync(alice)["cursor"]
        for number in range(12):
            bella.send(talk, f"m{number}")
        assert sync(alice, old)["resync"]
        with alice.ws(resume=old) as socket:
            socket.expect("resync")
        with EventStream(alice, last=old) as stream:
            fresh = stream.expect("resync")["id"]
        assert not sync(alice, fresh)["resync"]
