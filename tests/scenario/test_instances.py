# SPDX-License-Identifier: GPL-3.0-or-later
"""Two bridges, one database, one Redis: whoever is connected to either of them notices nothing of it."""
import datetime
import itertools
import json
import os
import signal
import subprocess
import threading
import uuid
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from harness import cluster
from harness.database import database
from harness.fault import wait_for
from harness.muc import Seat
from harness.rest import App, Backend
from harness.session import Browser
from harness.sse import EventStream
from harness.stack import TOP
from harness.ws import Closed
from harness.xmpp import CHATSTATES, VERSION, XmppError

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def two(request, tmp_path_factory):
    """A stack with two bridges, for the tests of this file. What they are quick at is not by asking the
    database now and then."""
    conf = tmp_path_factory.mktemp("conf") / "two.ini"
    conf.write_text("[session]\nrecheck = 60000\n")
    yield from cluster.two_for_module(request, "--conf", str(conf))


@pytest.fixture
def stack(two, request):
    yield from cluster.whole_for_test(two, request)


@pytest.fixture
def app(stack):
    """`app("alice", 1)` is an app user at the second instance."""
    run, numbers = uuid.uuid4().hex[:8], itertools.count()
    names = {}

    def make(name, instance=0):
        sub = names.setdefault(name, f"{name}-{run}{next(numbers)}")
        return App(stack, sub, instance=instance)
    return make


@pytest.fixture
def sockets():
    opened = []

    def connect(user, **options):
        opened.append(user.ws(**options))
        return opened[-1]
    yield connect
    for socket in opened:
        socket.close()


def talk_of_two(app):
    """(alice at both instances, bella at both instances, their conversation)"""
    alice, bella = [[app(name, n) for n in (0, 1)] for name in ("alice", "bella")]
    bella[0].me()
    talk = alice[0].conversation_with(participant_id=bella[0].me()["id"])
    return alice, bella, talk


def send_interleaved(alice, talk, count, pause=None):
    """COUNT messages through each instance at the same time; their ids."""
    ids, problems = [], []

    def work(user):
        try:
            for n in range(count):
                ids.append(user.send(talk, f"{n} through {user.rest}")["id"])
                if pause:
                    pause(n)
        except BaseException as problem:  # noqa: BLE001  (told below, in the test's own thread)
            problems.append(problem)
    threads = [threading.Thread(target=work, args=(user,)) for user in alice]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems
    return ids


def check_whole(socket, ids):
    """The socket got each of these messages once, and its cursors only rose."""
    wanted = set(ids)

    def there():
        return wanted <= {f["payload"]["id"] for f in socket.frames("message.new")}
    wait_for("all messages at the socket", there)
    got = [f["payload"]["id"] for f in socket.frames("message.new")]
    assert len(got) == len(set(got)), "a message came twice"
    seqs = [f["payload"]["seq"] for f in socket.frames("message.new")]
    assert seqs == sorted(seqs)
    cursors = [cluster.position(f["cursor"]) for f in socket.events() if f.get("cursor")
               and f["type"] not in ("hello", "resumed", "pong")]
    assert all(a < b for a, b in zip(cursors, cursors[1:])), cursors


def doctor(stack, instance):
    program = Path(os.environ.get("TRESTLE_BUILD") or TOP / "build").absolute() / "trestle"
    return subprocess.run([program, "doctor", "--config", stack.info["instances"][instance]["config"]],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def test_doctor_looks_at_redis_and_leaves_the_link_alone(stack):
    connects = [cluster.metric(stack, n, "trestle_link_connects_total") for n in (0, 1)]
    for n in (0, 1):
        done = doctor(stack, n)
        assert done.returncode == 0, done.stdout
        assert "ok    redis" in done.stdout
    stack.kill("redis")
    done = doctor(stack, 1)
    assert done.returncode == 0 and "warn  redis" in done.stdout, done.stdout
    assert connects == [cluster.metric(stack, n, "trestle_link_connects_total") for n in (0, 1)]


def test_messages_through_both_reach_every_socket_in_order(stack, app, sockets):
    alice, bella, talk = talk_of_two(app)
    everybody = [sockets(user) for user in (*alice, *bella)]
    spans = [cluster.metric(stack, n, "trestle_sequencer_spans_total") for n in (0, 1)]
    ids = send_interleaved(alice, talk, 150)
    for socket in everybody:
        check_whole(socket, ids)
    for n in (0, 1):
        assert cluster.metric(stack, n, "trestle_sequencer_spans_total") > spans[n], "not by the bus"


@pytest.mark.parametrize("instance", [0, 1])
def test_both_are_ready_and_have_the_links_they_should(stack, instance):
    ready = cluster.admin(stack, instance, "/readyz")
    assert (ready.status, ready.json["parts"]) == (
        200, {"database": "up", "link": "up", "rooms_link": "up", "cluster": "up"})
    assert sum(cluster.metric(stack, n, "trestle_rooms_link_up") for n in (0, 1)) == 1, "only the holder has it"
    links = [cluster.metric(stack, n, "trestle_link_up") for n in (0, 1)]
    assert sum(links) == (1 if stack.server == "prosody" else 2)


def test_marks_reach_the_other_instance(stack, app, sockets):
    alice, bella, talk = talk_of_two(app)
    at_first, at_second = sockets(alice[0]), sockets(alice[1])
    message = alice[0].send(talk, "read me")
    bella[1].read(talk, message)
    for socket in (at_first, at_second):
        socket.expect("message.read", message_id=message["id"])


def test_what_comes_by_xmpp_reaches_sockets_on_both(stack, app, sockets, xmpp):
    alice = [app("alice", n) for n in (0, 1)]
    bob = xmpp("bob")
    both = [sockets(user) for user in alice]
    jid = alice[0].me()["jid"]
    for n in range(30):
        bob.send_message(jid, f"number {n}")
    for socket in both:
        socket.expect("message.new", content="number 29")
        texts = [f["payload"]["content"] for f in socket.frames("message.new")]
        assert texts == [f"number {n}" for n in range(30)]


def test_either_instance_reaches_the_xmpp_user_in_order(stack, app, xmpp):
    bob = xmpp("carol")
    alice = [app("alice", n) for n in (0, 1)]
    talk = alice[0].conversation_with(jid=bob.bare)
    sent = [alice[n % 2].send(talk, f"alternating {n}")["id"] for n in range(40)]
    bob.expect_message("alternating 39")
    first = list(dict.fromkeys(m.id for m in bob.inbox.received
                               if m.name == "message" and m.id in set(sent)))
    assert first == sent


def test_requests_by_xmpp_are_answered_whichever_link_they_take(stack, app, xmpp):
    bob = xmpp("dave")
    for _ in range(4):
        bob.ping(stack.app_domain)
        bob.ping(app(f"somebody-{_}", _ % 2).me()["jid"])


@pytest.mark.parametrize("who", ["holder", "other"])
def test_everybody_is_reached_by_xmpp_with_one_instance_away(stack, app, xmpp, who):
    """On ejabberd the one that is left takes the place of the other one, too."""
    bob = xmpp("erin")
    holder = cluster.wait_holder(stack)
    victim = holder if who == "holder" else 1 - holder
    left = 1 - victim
    users = [app(f"user{n}", left) for n in range(12)]
    jids = [user.me()["jid"] for user in users]
    stack.kill(f"bridge.{victim}")
    cluster.wait_holder(stack, [left])
    spares = 1 if stack.server == "ejabberd" else 0
    wait_for("all places are taken",
             lambda: cluster.metric(stack, left, "trestle_link_spares") == spares, 20)
    for jid in jids:  # asked until answered: ejabberd drops what comes before the place is taken
        wait_for(f"{jid} answers", lambda jid=jid: answers(bob, jid))
        bob.send_message(jid, f"for {jid}")
    for user, jid in zip(users, jids):
        talk = user.conversation_with(jid=bob.bare)
        wait_for("the message", lambda: f"for {jid}" in
                 [m["content"] for m in user.messages(talk)["items"]], 20)
    stack.restart(f"bridge.{victim}")
    cluster.wait_whole(stack)
    for jid in jids:
        wait_for(f"{jid} answers", lambda jid=jid: answers(bob, jid))


def answers(bob, jid):
    try:
        bob.iq(f"{jid}/rest", Element(f"{{{VERSION}}}query"), timeout=2)
    except XmppError:
        return True
    except AssertionError:
        return False
    return True


def test_killing_the_holder_loses_nothing(stack, app, sockets, xmpp):
    bob = xmpp("dave")
    old = cluster.wait_holder(stack)
    new = 1 - old
    alice = [app("alice", n) for n in (0, 1)]
    talk = alice[0].conversation_with(jid=bob.bare)
    socket = sockets(alice[old])
    before = alice[old].send(talk, "before")
    socket.expect("message.new", id=before["id"])
    cursor = socket.cursor
    in_flight = [alice[old].send(talk, f"in flight {n}")["id"] for n in range(10)]
    stack.kill(f"bridge.{old}")
    after = [alice[new].send(talk, f"after {n}")["id"] for n in range(5)]
    resumed = sockets(alice[new], resume=cursor)
    check_whole(resumed, in_flight + after)
    cluster.wait_holder(stack, [new])
    bob.expect_message("after 4")
    wanted = in_flight + after
    first = list(dict.fromkeys(m.id for m in bob.inbox.received
                               if m.name == "message" and m.id in set(wanted)))
    assert first == wanted
    stack.restart(f"bridge.{old}")
    cluster.wait_whole(stack)
    talked = sockets(alice[old])
    message = alice[new].send(talk, "together again")
    talked.expect("message.new", id=message["id"])


def test_without_redis_nothing_is_lost_or_doubled(stack, app, sockets):
    alice, bella, talk = talk_of_two(app)
    everybody = [sockets(user) for user in (*alice, *bella)]
    killed = threading.Event()

    def kill_in_the_middle(n):
        if n == 20 and not killed.is_set():
            killed.set()
            stack.kill("redis")
    ids = send_interleaved(alice, talk, 60, kill_in_the_middle)
    for socket in everybody:
        check_whole(socket, ids)
    late = sockets(bella[1])
    more = send_interleaved(alice, talk, 5)
    check_whole(late, more)
    stack.restart("redis")
    cluster.wait_whole(stack)
    ids += more + send_interleaved(alice, talk, 30)
    for socket in everybody:
        check_whole(socket, ids)


def test_the_outbox_goes_on_without_redis(stack, app, xmpp):
    bob = xmpp("erin")
    other = 1 - cluster.wait_holder(stack)
    alice = app("alice", other)
    talk = alice.conversation_with(jid=bob.bare)
    stack.kill("redis")
    sent = [alice.send(talk, f"no redis {n}")["id"] for n in range(5)]
    bob.expect_message("no redis 4")
    got = [m.id for m in bob.inbox.received if m.name == "message" and m.id in set(sent)]
    assert list(dict.fromkeys(got)) == sent
    for n in (0, 1):
        ready = cluster.admin(stack, n, "/readyz")
        wanted = {"database": "up", "link": "up", "cluster": "down"}
        assert ready.status == 200 and wanted.items() <= ready.json["parts"].items(), ready.json


def test_a_paused_holder_is_fenced(stack, app, sockets, xmpp):
    bob = xmpp("bob")
    old = cluster.wait_holder(stack)
    new = 1 - old
    alice = [app("alice", n) for n in (0, 1)]
    talk = alice[0].conversation_with(jid=bob.bare)
    socket = sockets(alice[old])
    sent = [alice[old].send(talk, f"first {n}")["id"] for n in range(5)]
    cluster.pause(stack, old)
    try:
        sent += [alice[new].send(talk, f"second {n}")["id"] for n in range(5)]
        cluster.wait_holder(stack, [new])
        bob.expect_message("second 4")
    finally:
        cluster.resume(stack, old)
    sent += [alice[n % 2].send(talk, f"third {n}")["id"] for n in range(10)]
    bob.expect_message("third 9")
    got = [m.id for m in bob.inbox.received if m.name == "message" and m.id in set(sent)]
    assert list(dict.fromkeys(got)) == sent
    check_whole(socket, sent)
    cluster.wait_whole(stack)
    assert sum(cluster.metric(stack, n, "trestle_lease_held") for n in (0, 1)) == 1


def befriend(alice, bob):
    """Bob sees the presence of Alice, who is offline: she has written to him, so he may."""
    alice.send(alice.conversation_with(jid=bob.bare), "hello")
    bob.expect_message("hello")
    bob.send_presence(alice.me()["jid"], "subscribe")
    bob.expect_presence(alice.me()["jid"], "unavailable")  # follows the permission


def test_presence_is_one_whichever_instance(stack, app, xmpp, sockets):
    bob = xmpp("carol")
    alice = [app("alice", n) for n in (0, 1)]
    jid = alice[0].me()["jid"]
    befriend(alice[0], bob)

    def shown():
        return [p.type for p in bob.inbox.received if p.name == "presence" and p.sender == f"{jid}/rest"]
    first, second = sockets(alice[0]), sockets(alice[1])
    wait_for("alice is online", lambda: shown()[-1:] == [None])
    first.close()
    message = alice[1].send(alice[1].conversation_with(jid=bob.bare), "still here")
    bob.expect_message(message["content"])
    third = sockets(alice[0])
    second.close()
    third.sync()
    # Longer than the grace of the stack's bridges: a false good-bye would have come by now.
    wait_for("the grace is over", Ticks(8))
    assert "unavailable" not in shown()
    third.close()
    wait_for("alice is offline", lambda: shown()[-1:] == ["unavailable"])


class Ticks:
    """True when asked after so many quarters of a second: for what must not happen meanwhile."""

    def __init__(self, quarters):
        self.left, self.event = quarters, threading.Event()

    def __call__(self):
        self.event.wait(0.25)
        self.left -= 1
        return self.left <= 0


def test_users_of_a_killed_instance_go_offline(stack, app, xmpp, sockets):
    bob = xmpp("dave")
    victim = 1 - cluster.wait_holder(stack)
    alice = app("alice", victim)
    jid = alice.me()["jid"]
    befriend(alice, bob)
    sockets(alice)

    def shown():
        return [p.type for p in bob.inbox.received if p.name == "presence" and p.sender == f"{jid}/rest"]
    wait_for("alice is online", lambda: shown()[-1:] == [None])
    stack.kill(f"bridge.{victim}")
    wait_for("alice is offline", lambda: shown()[-1:] == ["unavailable"])


GARBAGE = [b"", b"x", b"\0" * 100, b"\xff" * 100, b"0" * 32 + b" {}", b"{" * 10000,
           json.dumps({"from": "x", "topic": "log", "message": {}}).encode(), b"a" * 1000000]
ODD = [b"", b"[]", b"{}", b"null", b"\xff\xfe", b"{" * 5000, b'{"from":1}',
       b'{"from":"x","topic":"log","message":[]}', b'{"from":"../../x","topic":"log","message":{}}',
       b'{"from":"x","topic":"log","message":{"before":-1,"last":99,"events":[]}}',
       b'{"from":"x","topic":"log","message":{"before":0,"last":9007199254740993,"events":[{}]}}',
       b'{"from":"x","topic":"log","message":{"before":9,"last":5,"events":[]}}',
       b'{"from":"x","topic":"log","message":{"before":1,"last":1e400,"events":[]}}',
       b'{"from":"x","topic":"outbox","message":{"newest":"soon"}}',
       b'{"from":"x","topic":"stanza","message":{"xml":"<message"}}',
       b'{"from":"x","topic":"stanza","message":{"xml":5}}',
       b'{"from":"x","topic":"answer","message":{"xml":"<iq><</iq>"}}',
       b'{"from":"x","topic":"link","message":{}}',
       b'{"from":"x","topic":"online","message":{"users":[1,{},"x"]}}',
       b'{"from":"x","topic":"no.such","message":{}}']


def test_garbage_on_the_channel_does_no_harm(stack, app, sockets):
    alice, bella, talk = talk_of_two(app)
    everybody = [sockets(user) for user in (*alice, *bella)]
    redis = cluster.Redis(stack)
    try:
        [channel] = redis.channels()
        before = [cluster.metric(stack, n, "trestle_bus_refused_total") for n in (0, 1)]
        secret = stack.info["component"]["secret"]
        for text in GARBAGE:
            redis.command("PUBLISH", channel, text)
        for text in ODD:
            redis.command("PUBLISH", channel, cluster.signed(secret, text))
        ids = send_interleaved(alice, talk, 20)
        for socket in everybody:
            check_whole(socket, ids)
        for n in (0, 1):
            assert cluster.metric(stack, n, "trestle_bus_refused_total") >= before[n] + len(GARBAGE)
    finally:
        redis.close()


def test_a_replayed_message_is_told_once(stack, app, sockets):
    """Whoever can write to Redis may repeat what was there; that is told to nobody."""
    alice, bella, talk = talk_of_two(app)
    redis, listener = cluster.Redis(stack), cluster.Redis(stack)
    try:
        [channel] = redis.channels()
        listener.command("SUBSCRIBE", channel)
        socket = sockets(bella[1])
        message = alice[0].send(talk, "once")
        socket.expect("message.new", id=message["id"])
        heard = []
        while not heard or message["id"].encode() not in heard[-1]:
            heard.append(listener._read()[2])
        for text in heard:
            redis.command("PUBLISH", channel, text)
        ids = [message["id"]] + send_interleaved(alice, talk, 3)
        check_whole(socket, ids)
    finally:
        redis.close()
        listener.close()


def test_an_orderly_end_hands_the_link_over_at_once(stack, app, xmpp):
    bob = xmpp("erin")
    old = cluster.wait_holder(stack)
    new = 1 - old
    alice = app("alice", new)
    talk = alice.conversation_with(jid=bob.bare)
    os.kill(stack.pids()[f"bridge.{old}"], signal.SIGTERM)
    stack.killed.add(f"bridge.{old}")
    alice.send(talk, "goes on")
    bob.expect_message("goes on")
    assert cluster.wait_holder(stack, [new]) == new
    wait_for("the link of rooms", lambda: cluster.metric(stack, new, "trestle_rooms_link_up") == 1)
    bob.ping(stack.rooms_domain)
    wait_for("the old one has ended", lambda: f"bridge.{old}" in stack.dead())


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_room_is_served_by_whoever_has_the_link(stack, app, xmpp, end):
    """Who is in it stays in it when the link goes to the other instance, and misses nothing."""
    bob = xmpp("erin")
    old = cluster.wait_holder(stack)
    alice, ann = app("alice", 1 - old), app("ann", old)
    group = alice.call(201, "POST", "/api/groups", {"name": "Both", "members": [{"user_id": ann.me()["id"]}, {"jid": bob.bare}]})
    seat = Seat(bob, group["jid"], "Bob")
    seat.enter()
    with alice.ws() as socket:
        for user, text in ((alice, "from there"), (ann, "from here")):
            user.send(group, text)
            seat.hear(text)
        seat.say("from outside")
        socket.expect("message.new", content="from outside")
        socket.command("typing", conversation_id=group["id"], active=True)
        bob.expect_stanza("composing", lambda s: s.has(CHATSTATES, "composing") and s.sender.startswith(group["jid"]))
        os.kill(stack.pids()[f"bridge.{old}"], end)
        stack.killed.add(f"bridge.{old}")
        alice.send(group, "goes on")
        seat.hear("goes on")
        assert cluster.wait_holder(stack, [1 - old]) == 1 - old
        seat.say("and back")
        socket.expect("message.new", content="and back")
    heard = [s.body for s in bob.inbox.received if s.body and s.sender.startswith(f"{group['jid']}/")]
    assert list(dict.fromkeys(heard)) == ["from there", "from here", "from outside", "goes on"] + ["and back"] * ("and back" in heard)
    wait_for("the old one has ended", lambda: f"bridge.{old}" in stack.dead())


def test_a_profile_changed_at_one_is_known_at_the_other(app):
    here, there = app("alice", 0), app("alice", 1)
    assert here.me()["id"] == there.me()["id"]
    with there.ws() as socket:
        user = here.call(200, "PATCH", "/api/users/me", {"name": "Changed here"})
        assert socket.expect("user.updated")["payload"] == user
    wait_for("the other instance to know the profile", lambda: there.me() == user)


# -- typing and presence


def test_typing_and_presence_cross_instances(app, sockets, stack, xmpp):
    alice, dora, bob = app("alice", 0), app("dora", 1), xmpp("bob")
    conversation = alice.conversation_with(participant_id=dora.me()["id"])
    alice.send(conversation, "hello")
    abroad = alice.conversation_with(jid=bob.bare)
    alices, doras = alice.me()["id"], dora.me()["id"]
    with database(stack) as query:
        query("INSERT INTO contacts (user_id, peer, to_peer) VALUES (%s, %s, true)", alices, bob.bare)
    here, there = sockets(alice), sockets(dora)
    here.expect("presence", user_id=doras, status="online")
    here.command("presence", status="in_call")
    there.expect("presence", user_id=alices, status="in_call")
    here.command("typing", conversation_id=conversation["id"], active=True)
    there.expect("typing", user_id=alices, active=True)
    here.message(conversation, "written")
    there.expect("typing", user_id=alices, active=False)
    peer = next(p["user"]["id"] for p in abroad["participants"] if p["user"]["id"] != alices)
    for show in ("away", "chat") * 2:  # the server may hand them to either instance
        bob.send_raw(f"<presence to='{alice.me()['jid']}'><show>{show}</show></presence>")
        here.expect("presence", user_id=peer, status="online", away=show == "away")
    bob.send_message(alice.me()["jid"], "hi")
    here.expect("message.new", content="hi")
    bob.send_raw(f"<message to='{alice.me()['jid']}' type='chat'>"
                 "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
    here.expect("typing", user_id=peer, active=True)
    here.close()
    there.expect("presence", user_id=alices, status="offline")


def test_what_a_user_is_reaches_who_comes_later_at_the_other_instance(app, sockets, stack):
    alice, dora, third = app("alice", 0), app("dora", 1), app("third", 1)
    for user in (dora, third):
        alice.send(alice.conversation_with(participant_id=user.me()["id"]), "hello")
    alices = alice.me()["id"]
    here, there = sockets(alice), sockets(third)
    here.command("presence", status="in_call")
    there.expect("presence", user_id=alices, status="in_call")
    late = sockets(dora)
    assert late.expect("presence", user_id=alices)["payload"]["status"] == "in_call"
    assert dora.call(200, "GET", f"/api/users/{alices}/presence")["status"] == "in_call"
    own = sockets(App(stack, alice.sub, instance=1))
    own.sync()
    assert dora.call(200, "GET", f"/api/users/{alices}/presence")["status"] == "in_call"
    own.command("presence", status="away")
    late.expect("presence", user_id=alices, status="online", away=True)
    own.close()
    stack.kill("bridge.1")
    stack.restart("bridge.1")
    cluster.wait_whole(stack)
    again = sockets(App(stack, dora.sub, instance=1))
    seen = again.expect("presence", user_id=alices)["payload"]
    assert (seen["status"], seen["away"]) == ("online", True)
    here.command("presence", status="online")
    again.expect("presence", user_id=alices, status="online", away=False)
    sockets(App(stack, third.sub, instance=1)).expect("presence", user_id=alices, status="online", away=False)
    here.close()
    again.expect("presence", user_id=alices, status="offline")


def test_who_hides_a_conversation_at_one_is_not_seen_at_the_other(app, sockets):
    alice, dora = app("alice", 0), app("dora", 1)
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    alice.send(talk, "hello")
    alices = alice.me()["id"]
    with alice.ws():
        there = sockets(dora)
        there.wait_presence(alices, "online")
        alice.call(200, "DELETE", f"/api/conversations/{talk['id']}")
        there.wait_presence(alices, "offline")
        dora.send(talk, "are you there?")
        there.wait_presence(alices, "online")


def wait_out(sockets, streams, reason):
    """All are told that they are out."""
    for socket in sockets:
        end = socket.inbox.expect("the close", lambda frame: isinstance(frame, Closed))
        assert (end.code, end.reason) == (4401, reason)
    for stream in streams:
        stream.expect_end()


def test_signing_out_at_one_ends_what_is_open_at_the_other(app, sockets):
    here, there = app("alice", 0), app("alice", 1)
    there.token = here.token
    begins = Browser(here)
    page = Browser(there)
    bystander = sockets(app("bella", 1))
    by_cookie = page.ws()
    with EventStream(there) as stream, EventStream(there) as second:
        socket = sockets(there)
        for events in (stream, second):
            events.expect("hello")
        begins.call(204, "DELETE", "/api/session/all")
        wait_out([socket, by_cookie], [stream, second], "signed out")
    by_cookie.close()
    assert there.request("GET", "/api/users/me").status == page.request("GET", "/api/users/me").status == 401
    bystander.sync()


def test_one_token_signed_out_at_one_is_out_at_the_other(app, sockets):
    here, there, stays = app("alice", 0), app("alice", 1), app("alice", 1)
    there.token = here.token
    stays.token = there.mint(note="another")
    socket, other = sockets(there), sockets(stays)
    here.call(204, "DELETE", "/api/session")
    wait_out([socket], [], "signed out")
    assert there.request("GET", "/api/users/me").status == 401
    other.sync()


def test_a_user_suspended_at_one_is_out_at_the_other(stack, app, sockets):
    there, backend = app("alice", 1), Backend(stack, instance=0)
    user = there.me()["id"]
    socket = sockets(there)
    with EventStream(there) as stream:
        stream.expect("hello")
        backend.call(200, "POST", f"/api/users/{user}/suspend", {"reason": "Spam"})
        wait_out([socket], [stream], "suspended")
    assert there.request("GET", "/api/users/me").status == 403
    backend.call(200, "DELETE", f"/api/users/{user}/suspend")
    wait_for("the other instance to let the user in", lambda: there.request("GET", "/api/users/me").status == 200)


def ahead(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def test_what_is_due_happens_once_and_everybody_hears(app, sockets):
    alice, bella, talk = talk_of_two(app)
    path = f"/api/conversations/{talk['id']}"
    watching = [sockets(user) for user in (*alice, *bella)]
    message = alice[0].call(201, "POST", f"{path}/messages", {"poll": {"question": "Now?", "options": ["Yes", "No"], "closes_at": ahead(2)}})
    planned = [alice[n % 2].call(201, "POST", f"{path}/scheduled", {"content": f"{n}", "scheduled_for": ahead(1 + n % 2)})["message_id"]
               for n in range(12)]
    bella[1].call(200, "PUT", f"/api/messages/{message['id']}/vote", {"options": [2]})
    for socket in watching:
        for id in planned:
            socket.expect("message.new", id=id)
        while not socket.expect("message.updated", id=message["id"])["payload"]["metadata"]["poll"]["closed"]:
            pass
        socket.sync()
        assert sorted(f["payload"]["id"] for f in socket.frames("message.new") if f["payload"]["id"] in planned) == sorted(planned)
    for user in (*alice, *bella):
        assert sorted(m["id"] for m in user.messages(talk)["items"]) == sorted([message["id"], *planned])
