# SPDX-License-Identifier: GPL-3.0-or-later
"""An app user comes back with the cursor of the last event seen."""
import threading
import urllib.parse

import pytest

from harness.daemon import Daemon
from harness.database import database
from harness.rest import App
from harness.ws import Socket

pytestmark = pytest.mark.one_server

EVENTS = ("message.new", "message.read", "message.delivered", "message.failed")


def pair(app):
    alice, bella = app("alice"), app("bella")
    return alice, bella, alice.conversation_with(participant_id=bella.me()["id"])


def contents(socket):
    return [f["payload"]["content"] for f in socket.frames("message.new")]


@pytest.mark.parametrize("how", ["header", "ticket"])
def test_a_handshake_resumes(app, how):
    alice, bella, talk = pair(app)
    with alice.ws() as socket:
        bella.send(talk, "seen")
        socket.expect("message.new", content="seen")
        cursor = socket.cursor
    for number in range(3):
        bella.send(talk, f"m{number}")
    query = f"cursor={urllib.parse.quote(cursor)}"
    if how == "ticket":
        query += f"&ticket={alice.call(201, 'POST', '/api/session/ticket')['ticket']}"
    headers = {"Authorization": f"Bearer {alice.token}"} if how == "header" else {}
    with Socket(f"{alice.ws_url}?{query}", headers=headers) as socket:
        hello = socket.expect("hello")
        assert hello["payload"]["cursor"] == cursor
        assert socket.expect("resumed")["payload"]["count"] >= 3
        assert contents(socket) == ["m0", "m1", "m2"]
    for wrong in ("x", "%ff", "%00", "0" * 100):
        with Socket(f"{alice.ws_url}?cursor={wrong}", headers={"Authorization": f"Bearer {alice.token}"}) as socket:
            socket.expect("resync")
    with Socket(f"{alice.ws_url}?cursor=") as socket:  # nobody is signed in: the first frame is
        socket.auth(alice.token)
        socket.expect("hello")


def test_exactly_what_was_missed_in_order_then_live(app):
    alice, bella, talk = pair(app)
    with alice.ws() as socket:
        bella.send(talk, "seen")
        socket.expect("message.new", content="seen")
        cursor = socket.cursor
    for number in range(30):
        (bella if number % 3 else alice).send(talk, f"m{number}")
    bella.read(talk)
    with alice.ws(resume=cursor) as socket:
        count = socket.expect("resumed")["payload"]["count"]
        assert contents(socket) == [f"m{n}" for n in range(30)]
        socket.expect("message.read", user_id=bella.me()["id"])
        assert count == len(socket.frames(*EVENTS))
        bella.send(talk, "live")
        socket.expect("message.new", content="live")
        assert contents(socket)[-1] == "live"
        cursor = socket.cursor
    with alice.ws(resume=cursor) as socket:
        socket.expect("resumed")
        assert contents(socket) == []


def test_replayed_events_equal_the_live_ones(app):
    alice, bella, talk = pair(app)
    with alice.ws() as live:
        start = live.hello["cursor"]
        sent = bella.send(talk, "same")
        shown = live.expect("message.new", id=sent["id"])
    with alice.ws(resume=start) as again:
        replayed = again.expect("message.new", id=sent["id"])
    later = ("status", "delivered_at", "read_at")  # these are as they are now
    assert {k: v for k, v in replayed["payload"].items() if k not in later} \
        == {k: v for k, v in shown["payload"].items() if k not in later}
    assert (replayed["cursor"], replayed["ts"]) == (shown["cursor"], shown["ts"])


@pytest.mark.parametrize("cursor", ["x", "0", "-1", "c1", "deadbeef0123.5", "\u2603", "9" * 100])
def test_a_cursor_that_means_nothing_gets_one_resync(app, cursor):
    alice = app("alice")
    with alice.ws(resume=cursor) as socket:
        fresh = socket.expect("resync")["payload"]["cursor"]
        socket.sync()
        assert len(socket.frames("resync", "resumed")) == 1
    with alice.ws(resume=fresh) as socket:
        assert socket.expect("resumed")["payload"]["count"] == 0


def test_a_cursor_of_the_future_gets_resync(app):
    alice = app("alice")
    with alice.ws() as socket:
        epoch, mark, position = socket.hello["cursor"].rpartition(".")
        if not mark:
            epoch, mark, position = socket.hello["cursor"].rpartition("-")
    with alice.ws(resume=f"{epoch}{mark}{int(position) + 10**9}") as socket:
        socket.expect("resync")


def test_the_cursor_of_somebody_else_shows_only_what_is_mine(app):
    alice, bella, talk = pair(app)
    stranger = app("stranger")
    with alice.ws() as socket:
        cursor = socket.hello["cursor"]
    bella.send(talk, "not for strangers")
    with stranger.ws(resume=cursor) as socket:
        assert socket.expect("resumed")["payload"]["count"] == 0
        assert contents(socket) == []


def test_no_gap_and_no_repeat_while_messages_keep_arriving(app):
    alice, bella, talk = pair(app)
    with alice.ws() as socket:
        cursor = socket.hello["cursor"]
    enough = threading.Event()
    sent = []

    def chatter():
        with bella.ws() as hers:
            while not (enough.is_set() and len(sent) >= 150) and len(sent) < 600:
                sent.append(hers.message(talk, f"n{len(sent)}")["content"])
    thread = threading.Thread(target=chatter)
    thread.start()
    try:
        collected = []
        for _ in range(6):
            with alice.ws(resume=cursor) as socket:
                socket.expect("resumed")
                socket.expect("message.new", content=f"n{len(sent) + 5}")
            cursor = socket.cursor
            collected += contents(socket)
    finally:
        enough.set()
        thread.join(60)
    with alice.ws(resume=cursor) as socket:
        socket.expect("resumed")
    collected += contents(socket)
    assert collected == sent


def test_a_client_that_was_away_for_a_hundred_thousand_events_gets_resync(stack, app):
    alice, bella, talk = pair(app)
    bella.send(talk, "before")
    with alice.ws() as socket:
        cursor = socket.hello["cursor"]
    with database(stack) as query:
        head, = query("UPDATE log_head SET position = position + 100000 RETURNING position - 100000")[0]
        query("INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body, sender_seq)"
              " SELECT gen_random_uuid(), c.id, 1 + n, %s + n, u.id, now(), 'missed', 1 + n FROM conversations c, users u, generate_series(1, 100000) n"
              " WHERE c.id = %s AND u.id = %s", head, talk["id"], bella.me()["id"])
    assert alice.conversation(talk)["unread_count"] == 100_001
    with alice.ws(resume=cursor) as socket:
        fresh = socket.expect("resync")["payload"]["cursor"]
        bella.send(talk, "live")
        socket.expect("message.new", content="live")
        assert contents(socket) == ["live"]
    with alice.ws(resume=fresh) as socket:
        assert socket.expect("resumed")["payload"]["count"] == 1
    assert alice.read(talk)["unread_count"] == 0


@pytest.fixture
def short(stack):
    with Daemon(stack, options={"websocket": {"resume_max": 10}}) as bridge:
        yield bridge


def test_too_far_behind_gets_resync_and_then_live_events(short):
    alice, bella = App(short, "alice"), App(short, "bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    with alice.ws() as socket:
        cursor = socket.hello["cursor"]
    for number in range(10):
        bella.send(talk, f"m{number}")
    with alice.ws(resume=cursor) as socket:
        assert socket.expect("resumed")["payload"]["count"] == 10
    bella.send(talk, "one too many")
    with alice.ws(resume=cursor) as socket:
        fresh = socket.expect("resync")["payload"]["cursor"]
        bella.send(talk, "live")
        socket.expect("message.new", content="live")
        assert contents(socket) == ["live"]
    with alice.ws(resume=fresh) as socket:
        socket.expect("resumed")
        assert contents(socket) == ["live"]
