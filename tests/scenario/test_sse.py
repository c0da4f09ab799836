# SPDX-License-Identifier: GPL-3.0-or-later
"""Events as a stream: GET /api/events."""
import pytest

from harness.daemon import Daemon
from harness.inbox import wait_for
from harness.rest import Api, App, http_request
from harness.sse import EventStream

pytestmark = pytest.mark.one_server


def pair(app):
    alice, bella = app("alice"), app("bella")
    return alice, bella, alice.conversation_with(participant_id=bella.me()["id"])


def contents(stream):
    return [e["data"]["payload"]["content"] for e in stream.events("message.new")]


def metric(info, name):
    text = http_request(info["admin"], "GET", "/metrics").raw.decode()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


def test_live_events_carry_their_cursor(app):
    alice, bella, talk = pair(app)
    with EventStream(alice) as stream, alice.ws() as socket:
        assert stream.status == 200 and stream.type.startswith("text/event-stream")
        hello = stream.expect("hello")
        assert hello["data"]["payload"]["user"]["id"] == alice.me()["id"] and stream.retry
        sent = bella.send(talk, "Live\nand \u2028 well \U0001f600")
        event = stream.expect("message.new")
        frame = socket.expect("message.new")
        assert event["data"] == frame and event["id"] == frame["cursor"]
        alice.read(talk, sent)
        stream.expect("message.read", payload={"message_id": sent["id"]})


def test_last_event_id_resumes_after_kill(stack):
    with Daemon(stack) as bridge:
        alice, bella = App(bridge, "alice"), App(bridge, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        with EventStream(alice) as stream:
            bella.send(talk, "seen")
            stream.expect("message.new")
            cursor = stream.cursor
            bridge.process.kill()
            bridge.process.wait()
            stream.expect_end()
        bridge.start()
        bridge.wait_ready(link=False)
        for number in range(30):
            bella.send(talk, f"m{number}")
        with EventStream(alice, last=cursor, cursor="ignored, because the header is newer") as stream:
            resumed = stream.expect("resumed")
            assert contents(stream) == [f"m{n}" for n in range(30)]
            assert resumed["data"]["payload"]["count"] >= 30
            bella.send(talk, "live")
            stream.expect("message.new", payload={"content": "live"})
        with EventStream(alice, cursor=cursor) as stream:
            stream.expect("resumed")
            assert contents(stream) == [f"m{n}" for n in range(30)] + ["live"]


def test_head_changes_nothing(app, stack):
    alice, bella, talk = pair(app)
    anybody = Api(stack)
    ticket = alice.call(201, "POST", "/api/session/ticket", {})["ticket"]
    cursor = alice.call(200, "GET", "/api/sync")["cursor"]
    with bella.ws() as watcher:
        sent = bella.send(talk, "for whom?")
        heads = [anybody.request("HEAD", "/api/events", ticket=ticket), alice.request("HEAD", "/api/events"),
                 alice.request("HEAD", "/api/sync", since=cursor), alice.request("HEAD", "/api/sync", since=cursor, wait=60)]
        assert [(r.status, r.raw) for r in heads] == [(200, b"")] * 4
        assert heads[0].headers["content-type"] == "text/event-stream"
        assert anybody.request("HEAD", "/api/events", ticket="x" * 43).status == 401
        watcher.sync()
        assert bella.call(200, "GET", f"/api/messages/{sent['id']}")["status"] == "sent"
        assert not [f for f in watcher.frames("presence") if f["payload"]["user_id"] == alice.me()["id"]]
        with EventStream(anybody, ticket=ticket) as stream:
            stream.expect("hello")
        assert anybody.request("GET", "/api/events", ticket=ticket).status == 401


@pytest.mark.parametrize("cursor", ["x", "0", "deadbeef0123-5", "-1", "9" * 100])
def test_a_cursor_that_means_nothing_gets_resync(app, cursor):
    alice, bella, talk = pair(app)
    with EventStream(alice, last=cursor) as stream:
        stream.expect("resync")
        bella.send(talk, "live")
        stream.expect("message.new")
        assert not stream.events("resumed")


@pytest.mark.parametrize("query", [{"dialect": "s9"}, {"cursor": "x" * 129}, {"since": "x"}, {"cursor": "a\0b"}])
def test_bad_queries(app, query):
    assert app("alice").call(422, "GET", "/api/events", **query)["code"] == "unprocessable"


def test_no_token(app, stack):
    assert http_request(stack.info["rest"], "GET", "/api/events").status == 401


def test_other_dialects(app):
    alice, bella, talk = pair(app)
    with EventStream(alice, dialect="s1") as one, EventStream(alice, dialect="s0") as other:
        assert one.expect("system")["data"]["message"]
        other.expect("hello")
        bella.send(talk, "Hi")
        assert one.expect("private_message")["data"]["message"]["content"] == "Hi"
        assert other.expect("message")["data"]["payload"]["content"] == "Hi"


def test_counts_as_delivered(app):
    alice, bella, talk = pair(app)
    with EventStream(alice) as stream, bella.ws() as socket:
        stream.expect("hello")
        sent = bella.send(talk, "Hi")
        socket.expect("message.delivered", message_id=sent["id"])


def test_ends_with_the_token(app, stack):
    alice = app("alice")
    alice.token = alice.mint(ttl=-57)  # clocks may differ by 60 s
    with EventStream(alice) as stream:
        stream.expect("hello")
        stream.expect_end()


def test_who_leaves_is_noticed_at_once_and_streams_of_a_user_are_bounded(app, stack):
    alice = app("alice")
    before = metric(stack.info, "trestle_http_streams")
    streams = [EventStream(alice) for _ in range(32)]
    for stream in streams:
        stream.expect("hello")
    assert alice.request("GET", "/api/events").status == 429
    for stream in streams:
        stream.close()
    wait_for("streams that were closed stay", lambda: metric(stack.info, "trestle_http_streams") <= before)
    with EventStream(alice) as stream:
        stream.expect("hello")


def test_hundreds_of_streams_hear_the_same(app, stack):
    bella = app("bella")
    people = [app(f"p{n}") for n in range(10)]
    talks = [bella.conversation_with(participant_id=one.me()["id"]) for one in people]
    streams = [EventStream(one) for one in people for _ in range(30)]
    try:
        for stream in streams:
            stream.expect("hello")
        for talk in talks:
            for number in range(5):
                bella.send(talk, f"m{number}")
        for stream in streams:
            stream.expect("message.new", payload={"content": "m4"})
            assert contents(stream) == [f"m{n}" for n in range(5)]
    finally:
        for stream in streams:
            stream.close()


def test_a_slow_reader_is_closed_and_costs_nobody_else(stack):
    options = {"http": {"idle_timeout": 5}, "websocket": {"send_buffer_max": 65536}}
    with Daemon(stack, options=options) as bridge:
        alice, bella = App(bridge, "alice"), App(bridge, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        with EventStream(alice, reading=False, buffer=4096), EventStream(alice) as other:
            other.expect("hello")
            for number in range(200):
                bella.send(talk, f"{number} " + "x" * 60000)
            other.expect("message.new", payload={"content": "199 " + "x" * 60000})
            assert len(contents(other)) == 200
            wait_for("the slow stream stays", lambda: metric(bridge.info, "trestle_http_streams") == 1)


def test_a_reader_that_was_slow_misses_nothing(stack):
    with Daemon(stack, options={"websocket": {"send_buffer_max": 16384}}) as bridge:
        alice, bella = App(bridge, "alice"), App(bridge, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        with EventStream(alice, reading=False, buffer=4096) as stream:
            wait_for("no stream", lambda: metric(bridge.info, "trestle_http_streams") == 1)
            for number in range(150):
                bella.send(talk, f"{number} " + "x" * 60000)
            stream.read()
            stream.expect("message.new", payload={"content": "149 " + "x" * 60000})
            assert [text.split()[0] for text in contents(stream)] == [str(n) for n in range(150)]


def test_streams_end_when_the_process_stops(stack):
    with Daemon(stack) as bridge:
        alice = App(bridge, "alice")
        streams = [EventStream(alice) for _ in range(5)]
        for stream in streams:
            stream.expect("hello")
        assert bridge.terminate()[0] == 0
        for stream in streams:
            stream.expect_end()
            stream.close()


def test_silence_is_broken_by_comments(stack):
    with Daemon(stack, options={"websocket": {"heartbeat": 1}}) as bridge:
        alice = App(bridge, "alice")
        with EventStream(alice) as stream:
            wait_for("no comment comes", lambda: stream.comments >= 2)
