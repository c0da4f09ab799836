# SPDX-License-Identifier: GPL-3.0-or-later
"""Rooms with many in them, with much in them, and with parts that are killed: nobody misses anything, nobody sees a thing
twice, all see one order."""
import json
import random
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness import fault
from harness.daemon import Daemon
from harness.database import database
from harness.history import History
from harness.inbox import wait_for
from harness.load import Consumer, Sender, wait_outbox_empty, walk
from harness.muc import MUC, Seat, codes, stanza_id
from harness.rest import App, http_request
from harness.xmpp import CLIENT
from test_mam import ids, read
from test_rooms import REACTIONS, Group
from test_rooms_strangers import ROOMS, TwoLinks

PARTS = ["bridge", "xmpp", "postgres"]


@pytest.fixture
def restart(stack):
    def again(part):
        stack.kill(part)
        stack.restart(part)
        fault.wait_ready(stack)
    return again


# ---- Parts that are killed

@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_killed_between_saying_and_hearing(stack, app, xmpp, restart, part):
    bob = xmpp("bob")
    group = Group(stack, app, bob)
    seat = group.seat(bob, "Bob")
    seat.enter()
    sent = group.alice.send(group.made, "in flight")
    restart(part)
    if part == "xmpp":
        bob = xmpp("bob")
        again = group.seat(bob, "Bob")
        followed = again.enter()
        assert [s.id for s in followed if s.name == "message" and s.body] == [sent["id"]]
    else:
        heard = seat.hear("in flight")
        assert (heard.id, stanza_id(heard)) == (sent["id"], [(group.room, sent["id"])])
    said = group.seat(bob, "Bob").say("and back")
    wait_for("what bob says", lambda: "and back" in [m["content"] for m in group.alice.messages(group.made)["items"]], 60)
    last = group.ann.messages(group.made)["items"]
    assert [m["content"] for m in last if m["sender"]] == ["in flight", "and back"] and said
    assert [stanza.body for _, stanza, _ in read(bob, group.room)[0]] == ["in flight", "and back"]


class Crowd:
    """A group of 32: app users with a socket each, some of whom write all the time, and sessions in the room by XMPP."""

    def __init__(self, stack, app, xmpp, apps, sessions):
        self.stack, self.history = stack, History()
        self.sessions = [xmpp(("bob", "carol", "dave")[n % 3]) for n in range(sessions)]
        users = [app(f"m{n}") for n in range(apps)]
        for user in users:
            user.user_id = user.me()["id"]
        people = list({s.bare: {"jid": s.bare} for s in self.sessions}.values())
        self.made = users[0].call(201, "POST", "/api/groups", {"name": "Crowd", "members": [*({"user_id": u.user_id} for u in users[1:]), *people]})
        self.users = users
        for number, session in enumerate(self.sessions):
            Seat(session, self.made["jid"], f"X{number % 3}").enter()
        self.consumers = [Consumer(self.history, user, f"ws {user.sub}").start() for user in users]
        self.senders = [Sender(self.history, user, user.me()["jid"], [self.made], 0.02) for user in users[:4]]
        self.talking = threading.Event()
        self.talker = threading.Thread(target=self.talk, daemon=True)
        for sender in self.senders:
            sender.start()
        self.talker.start()

    def talk(self):
        """Some on XMPP talk as well; what was not reflected is their affair."""
        for n in range(100000):
            if self.talking.wait(0.1):
                return
            session = self.sessions[n % 3]
            Seat(session, self.made["jid"], f"X{n % 3}").say(f"xmpp {n}")

    def settle(self):
        for sender in self.senders:
            sender.stop()
        self.talking.set()
        for sender in self.senders:
            sender.finish()
        self.talker.join(30)
        for session in self.sessions[:3]:
            session.barrier(self.made["jid"])
        wait_outbox_empty(self.stack, 60)
        for session in self.sessions:
            session.ping()
        for consumer in self.consumers:
            consumer.settle(60)

    def close(self):
        self.talking.set()
        for sender in self.senders:
            sender.stop()
        for consumer in self.consumers:
            consumer.close()

    def check(self):
        """Returns how many messages there were."""
        order = [m for m in walk(self.users[0], self.made, "before")]
        with database(self.stack) as query:
            texts = [str(id) for id, in query("SELECT id FROM messages WHERE conversation_id = %s AND sender_id IS NOT NULL ORDER BY seq", self.made["id"])]
        assert [m for m in order if m in set(texts)] == texts
        acknowledged = {line["id"] for line in self.history.lines if line["kind"] == "ok" and line["op"] == "send"}
        assert acknowledged <= set(texts), "acknowledged and gone"
        for consumer in self.consumers:
            seen = [line["id"] for line in self.history.lines if line["client"] == consumer.name and line["op"] == "message.new"]
            seen = [id for id in seen if id in set(texts)]
            assert seen == texts, (consumer.name, Counter(seen).most_common(1), len(seen), len(texts), set(texts) - set(seen))
        for user in self.users[1:4]:
            assert walk(user, self.made, "after") == order
        for session in self.sessions:
            heard = [stanza_id(s)[0][1] for s in session.inbox.received
                     if s.name == "message" and s.type == "groupchat" and s.body and s.sender.startswith(self.made["jid"])]
            first = list(dict.fromkeys(heard)) # what is sent again after a break has the same id, by which clients know it
            assert first == texts[texts.index(first[0]):], (session.jid, len(first), len(texts))
        return len(texts)


def crowd_under(stack, app, xmpp, rounds, seed):
    chance = random.Random(seed)
    crowd = Crowd(stack, app, xmpp, 26, 6)
    try:
        for number in range(rounds):
            crowd.history.wait_acknowledged(chance.randint(10, 40), 60)
            part = ("bridge", "postgres")[number % 2]
            stack.kill(part)
            stack.restart(part)
            fault.wait_ready(stack, 60)
        crowd.history.wait_acknowledged(20, 60)
        crowd.settle()
        return crowd.check()
    finally:
        crowd.close()


def test_a_group_of_32_with_parts_that_are_killed(stack, app, xmpp):
    assert crowd_under(stack, app, xmpp, 2, 7) > 40


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_group_of_32_with_parts_that_are_killed_many_times(stack, app, xmpp):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    assert crowd_under(stack, app, xmpp, 20, seed) > 400


# ---- Many people

@pytest.mark.long
@pytest.mark.timeout(600)
def test_all_come_at_once_and_half_of_them_are_cut_off(running_stack):
    with TwoLinks() as server, Daemon(running_stack, server.port, {"xmpp": {"rooms_domain": ROOMS}}, secret=server.secret) as daemon:
        server.wait_stream(2)
        wait_for("both links", lambda: http_request(daemon.info["admin"], "GET", "/readyz").json["parts"].get("rooms_link") == "up")
        alice = App(daemon, "alice")
        made = alice.call(201, "POST", "/api/groups", {"name": "All", "settings": {"public": True},
                                                       "members": [{"user_id": App(daemon, "ann").me()["id"]}]})
        room, people = made["jid"], [f"p{n}@s{n % 2}.example/x" for n in range(254)]
        server.send("".join(f"<presence from='{address}' to='{room}/P {n}'><x xmlns='{MUC}'/></presence>" for n, address in enumerate(people)))

        def to(address, fits=lambda s: True, since=0):
            return [s for s in server.inbox.received[since:] if s.to == address and fits(s)]

        def everyone(what, count, fits, since=0, timeout=300):
            # Each stanza is looked at once: there are a hundred thousand.
            at, found = since, 0

            def counted():
                nonlocal at, found
                new = server.inbox.received[at:]
                at, found = at + len(new), found + sum(1 for s in new if fits(s))
                return found >= count
            wait_for(what, counted, timeout)

        everyone("subjects", len(people), lambda s: s.name == "message" and s.has(CLIENT, "subject"))
        more = "one-more@s0.example/x"
        server.send(f"<presence from='{more}' to='{room}/More'><x xmlns='{MUC}'/></presence>")
        server.told(more, "that it is full", lambda s: s.name == "presence" and s.type == "error")
        names = {f"{room}/P {n}" for n in range(254)}
        everyone("all presences", 254 * 254 + 2 * 254, lambda s: s.name == "presence" and s.sender.startswith(room) and s.type is None)
        for address in (people[0], people[100], people[253]):
            shown = Counter(s.sender for s in to(address, lambda s: s.name == "presence" and s.type is None))
            assert names <= set(shown) and set(shown.values()) == {1} and len(shown) == 256
        # One half of the net goes.
        mark = len(server.inbox.received)
        alice.send(made, "is anybody there?")
        lost = [address for address in people if "@s1." in address]
        stay = [address for address in people if "@s0." in address]
        server.send("".join(f"<message from='{address}' to='{room}' type='error' id='e'><error type='cancel'><remote-server-not-found "
                            "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>" for address in lost))
        everyone("127 leave to 127", 127 * 127, lambda s: s.name == "presence" and s.type == "unavailable" and s.to in set(stay), mark)
        told = to(stay[3], lambda s: s.name == "presence" and s.type == "unavailable", mark)
        assert len(told) == 127 and all(333 in codes(s) for s in told)
        mark = len(server.inbox.received)
        sent = alice.send(made, "to who is left")
        everyone("copies", 127, lambda s: s.body == "to who is left", mark)
        alice.send(made, "the end")
        everyone("the end", 127, lambda s: s.body == "the end", mark)
        copies = Counter(s.to for s in server.inbox.received[mark:] if s.body == "to who is left")
        assert copies == Counter(stay) and sent
        # And comes back, all at once: what was said meanwhile is in the history.
        mark = len(server.inbox.received)
        server.send("".join(f"<presence from='{address}' to='{room}/P {n}'><x xmlns='{MUC}'/></presence>"
                            for n, address in enumerate(people) if address in set(lost)))
        everyone("subjects again", len(lost), lambda s: s.name == "message" and s.has(CLIENT, "subject"), mark)
        for address in lost[:3]:
            assert [s.body for s in to(address, lambda s: s.body, mark)][-3:] == ["is anybody there?", "to who is left", "the end"]


# ---- Much that was said

@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_room_of_10000_messages(stack, app, bob):
    group = Group(stack, app, bob)
    seat = group.seat(bob, "Bob")
    seat.enter()
    seat.leave()
    sender = group.alice.me()["id"]
    with database(stack) as query:
        for first in range(0, 10000, 500):
            query("SELECT count(*) FROM message_store(ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 500)), array_fill(%s::uuid, '{500}'),"
                  " array_fill(%s::uuid, '{500}'), ARRAY(SELECT 'text ' || n FROM generate_series(%s, %s) n), NULL,"
                  " ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 500)), true)", group.made["id"], sender, first, first + 499)
    order = [id for id in walk(group.alice, group.made, "before")]
    assert walk(group.ann, group.made, "after") == order and len(order) >= 10000
    shown, more = [], {}
    while True:
        rows, complete, fin = read(bob, group.room, max="100", **more)
        shown += ids(rows)
        if complete or not rows:
            break
        more = {"after": ids(rows)[-1]}
    assert shown == [id for id in order if id in set(shown)] and len(shown) == 10000 and fin is not None
    rows, _, _ = read(bob, group.room, max="10", before=shown[5000])
    assert ids(rows) == shown[4990:5000]
    assert [s.body for s in seat.enter() if s.name == "message" and s.body] == [f"text {n}" for n in range(9980, 10000)]


def test_more_reactions_than_anybody_has(group, bob):
    seat = group.seat(bob, "Bob")
    seat.enter()
    said = group.alice.send(group.made, "like it?")
    seat.hear("like it?")
    reactions = Element(f"{{{REACTIONS}}}reactions", {"id": said["id"]})
    for n in range(500):
        SubElement(reactions, f"{{{REACTIONS}}}reaction").text = chr(0x1F300 + n % 700)
    with group.alice.ws() as socket:
        seat.say(None, extra=[reactions], origin=False)
        socket.expect("message.reaction")
        seat.say("done")
        socket.expect("message.new", content="done")
    shown = group.alice.call(200, "GET", f"/api/messages/{said['id']}")["reactions"]
    assert 0 < len(shown) <= 20 and all(one["count"] == 1 for one in shown)


class Many:
    """A room with people of other servers in it by XMPP, and app users, none of whom is held back by a limit."""
    LIMITS = {name: "1000000/60" for name in ("reactions", "xmpp_messages", "xmpp_stanzas", "xmpp_domain", "requests")}

    def __init__(self, server, daemon, apps, sessions):
        self.server = server
        self.alice, *self.users = (App(daemon, f"app{n}") for n in range(apps))
        self.group = self.alice.call(201, "POST", "/api/groups", {"name": "Many", "settings": {"public": True}, "members": [
            {"user_id": user.me()["id"]} for user in self.users]})
        self.room, self.people = self.group["jid"], [f"p{n}@s{n % 2}.example/x" for n in range(sessions)]
        for n, address in enumerate(self.people):
            server.enter(self.room, address, f"P {n}")

    def everybody(self, doing):
        """doing(user, n) of each app user, at the same time."""
        with ThreadPoolExecutor(16) as pool:
            for done in [pool.submit(doing, user, n) for n, user in enumerate(self.users)]:
                done.result()

    def say(self, address, inside):
        self.server.send(f"<message from='{address}' to='{self.room}' type='groupchat' id='{uuid.uuid4()}'>{inside}</message>")


@pytest.fixture
def many(running_stack):
    conf = {"xmpp": {"rooms_domain": ROOMS}, "limits": Many.LIMITS}
    with TwoLinks() as server, Daemon(running_stack, server.port, conf, secret=server.secret) as daemon:
        server.wait_stream(2)
        wait_for("both links", lambda: http_request(daemon.info["admin"], "GET", "/readyz").json["parts"].get("rooms_link") == "up")
        yield Many(server, daemon, 41, 5)


@contextmanager
def others_talk(daemon_of):
    """Two who are not in the room talk all the while; each answer comes to its question."""
    one, two = App(daemon_of, "one"), App(daemon_of, "two")
    talk = one.conversation_with(participant_id=two.me()["id"])
    over, said = threading.Event(), []

    def talking():
        with two.ws() as socket:
            while not over.is_set():
                said.append(one.send(talk, f"talk {len(said)}")["content"])
                socket.expect("message.new", content=said[-1])
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(talking)
        try:
            yield said
        finally:
            over.set()
        done.result()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_reactions_to_one_message(many):
    """By forty app users and five on XMPP, each of whom puts twenty, again and again; nobody else is kept waiting."""
    emoji = [chr(0x1F600 + n) for n in range(50)]
    said = many.alice.send(many.group, "like it?")

    def react(user, n):
        for turn in range(125):
            for method in ("PUT", "DELETE") if turn < 120 else ("PUT",) * 2:
                user.call(200, method, f"/api/messages/{said['id']}/reactions/{quote(emoji[(n + turn) % 50])}")

    with many.alice.ws() as socket, others_talk(many.alice.stack) as talked:
        for n, address in enumerate(many.people):
            for k in range(1, 21):
                set_ = "".join(f"<reaction>{emoji[(n + j) % 50]}</reaction>" for j in range(k))
                many.say(address, f"<reactions xmlns='{REACTIONS}' id='{said['id']}'>{set_}</reactions>")
        many.everybody(react)
        wait_for("all that was said on XMPP, too", lambda: sum(
            r["count"] for r in many.alice.call(200, "GET", f"/api/messages/{said['id']}")["reactions"]) == 40 * 5 + 5 * 20, 120)
        assert len(talked) > 10
        many.alice.send(many.group, "done")
        socket.expect("message.new", timeout=120, content="done")
        frames = [f for f in socket.inbox.received if f["type"] == "message.reaction"]
        assert len(frames) >= 40 * 245 + 5 * 20 and max(len(json.dumps(f)) for f in frames[-500:]) < 20_000
    page = many.alice.messages(many.group)["items"]
    assert len(json.dumps(page)) < 60_000
    shown = next(m for m in page if m["id"] == said["id"])["reactions"]
    assert len(shown) == 50 and sum(one["count"] for one in shown) == 300


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_poll_with_as_many_votes_a_second_as_there_can_be(many):
    """Who votes is told at once; all others about once a second, and at the end what it came to. Where it is too much it is
    refused for now, and others go on."""
    poll = many.alice.send(many.group, None, poll={"question": "Lunch?", "options": ["a", "b", "c"]})
    began = time.monotonic()

    def vote(user, n):
        for k in range(25):
            while user.request("PUT", f"/api/messages/{poll['id']}/vote", {"options": [(n + k) % 3 + 1]}).status == 503:
                pass

    def result():
        return many.alice.call(200, "GET", f"/api/messages/{poll['id']}")["metadata"]["poll"]

    with many.alice.ws() as socket, others_talk(many.alice.stack) as talked:
        for k in range(25):
            for n, address in enumerate(many.people):
                many.say(address, f"<reactions xmlns='{REACTIONS}' id='{poll['id']}'><reaction>{(n + k) % 3 + 1}\ufe0f\u20e3</reaction></reactions>")
        many.everybody(vote)
        wait_for("all that was voted on XMPP, too", lambda: result()["voters"] == 45, 120)
        expected = Counter((n + 24) % 3 for n in [*range(40), *range(5)])
        wait_for("the last votes", lambda: [o["votes"] for o in result()["options"]] == [expected[n] for n in range(3)], 120)
        assert len(talked) > 10
        took = time.monotonic() - began
        many.alice.send(many.group, "done")
        socket.expect("message.new", timeout=120, content="done")
        told = [f for f in socket.inbox.received if f["type"] == "message.updated"]
        assert 1 <= len(told) <= took + 2, (len(told), took, "at most one a second, whatever number of votes")

@pytest.fixture
def group(stack, app, bob):
    return Group(stack, app, bob)
