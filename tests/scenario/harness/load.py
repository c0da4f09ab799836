# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that keep going whatever is killed under them, and write a history of it.

Each behaves as a careful application should: a send is repeated with the same key until it is
acknowledged, a socket comes back with its cursor, an XMPP user resends what has no receipt.
"""
import asyncio
import http.client
import json
import random
import socket as sockets
import threading
import time
import uuid

import websockets

from . import checker
from .described import Conversation
from .history import History
from .inbox import DEADLINE, loop, run
from .rest import App, http_request
from .xmpp import CLIENT, FORWARD, MAM, RECEIPTS, RSM, Stanza, XmppUser

PACE = 0.05          # seconds between two tries of a client that got no answer
ANSWER = 5.0         # seconds after which a client gives an answer up
RECEIPT = 2.0        # seconds after which an XMPP user sends a message again
LAST_TRIES = 90.0    # seconds that a message may need to be acknowledged
DELAY = "urn:xmpp:delay"


class Client(threading.Thread):
    """A thread that works until `stop`; what goes wrong in it is raised by `finish`."""

    def __init__(self, history, name):
        super().__init__(name=name, daemon=True)
        self.history = history
        self.ending = threading.Event()
        self.problem = None

    def note(self, kind, op, **values):
        return self.history.add(self.name, kind, op, **values)

    def run(self):
        try:
            self.work()
        except BaseException as problem:  # noqa: B902  (raised again by finish)
            self.problem = problem
            self.note("event", "died", why=repr(problem))

    def stop(self):
        self.ending.set()

    def finish(self):
        self.ending.set()
        self.join(LAST_TRIES + 30)
        assert not self.is_alive(), f"{self.name} does not end"
        if self.problem:
            raise self.problem


class Sender(Client):
    """An app user who sends by REST to conversations in turn, one message at a time."""

    def __init__(self, history, app, jid, talks, pace):
        super().__init__(history, f"rest {app.sub}")
        self.app, self.jid, self.talks, self.pace = app, jid, talks, pace
        self.number = 0

    def work(self):
        while not self.ending.wait(self.pace):
            talk = self.talks[self.number % len(self.talks)]
            self.number += 1
            self.send(talk["id"], f"{self.app.sub} {self.number}")
            if self.number % 7 == 0:
                self.read(talk["id"])

    def send(self, talk, body, give_up=LAST_TRIES):
        key = str(uuid.uuid4())
        self.note("invoke", "send", key=key, sender=self.jid, conversation=talk, body=body)
        deadline = time.monotonic() + give_up
        while not self.attempt(talk, key, body):
            assert time.monotonic() < deadline, f"{self.name}: {key} not acknowledged in {give_up:g} s"
            threading.Event().wait(PACE)  # never set: a client's pause before it tries again
        return key

    def attempt(self, talk, key, body):
        status, answer = self.ask("send", "POST", f"/api/conversations/{talk}/messages", key=key,
                                  content=body, client_id=key)
        if status not in (200, 201):
            return False
        self.note("ok", "send", key=key, id=answer["id"], seq=answer["seq"], repeated=status == 200)
        return True

    def ask(self, op, method, path, key=None, **body):
        """(status, answer); status None when there was no whole answer, which leaves all open."""
        try:
            reply = http_request(self.app.rest, method, path, body, self.app.headers(), ANSWER)
            answer = reply.json
        except (OSError, http.client.HTTPException, ValueError) as problem:
            self.note("info", op, key=key, why=repr(problem))
            return None, None
        if reply.status >= 400:
            self.note("fail" if reply.status != 500 else "info", op, key=key, status=reply.status,
                      code=(answer or {}).get("code"))
            assert reply.status == 503, f"{self.name}: {method} {path}: {reply}"
        return reply.status, answer

    def read(self, talk):
        user = self.app.user_id
        self.note("invoke", "read", conversation=talk, user=user)
        status, answer = self.ask("read", "PUT", f"/api/conversations/{talk}/read")
        if status == 200:
            self.note("ok", "read", conversation=talk, user=user, seq=answer["last_read_seq"])


class Consumer:
    """An app user's socket that comes back by itself and resumes. Runs on the harness's loop.

    What comes between a resume and `resumed` counts only as a whole: live events may come ahead of
    missed ones there, so a client puts them in order by seq, and starts again from the old cursor if
    the socket ends first.
    """

    def __init__(self, history, app, name):
        self.history, self.app, self.name = history, app, name
        self.cursor = None
        self.gathered = None      # frames between resume and resumed
        self.connection = None
        self.closing = False
        self.current = None       # resolved once the socket is up and has what it missed
        self.pongs = []
        self.task = None
        self.described = Conversation()

    def note(self, op, **values):
        self.history.add(self.name, "event", op, **values)

    def start(self):
        run(self._start())
        return self

    async def _start(self):
        self.current = asyncio.get_running_loop().create_future()
        self.task = asyncio.ensure_future(self._serve())
        await asyncio.wait_for(asyncio.shield(self.current), DEADLINE)

    async def _serve(self):
        while not self.closing:
            try:
                self.connection = await websockets.connect(
                    self.app.ws_url, open_timeout=ANSWER, close_timeout=1, ping_interval=None,
                    max_size=None, compression=None)
                await self._session(self.connection)
            except (OSError, asyncio.TimeoutError, websockets.WebSocketException):
                pass
            self.note("closed", code=self.connection and self.connection.close_code)
            if self.current.done():
                self.current = asyncio.get_running_loop().create_future()
            for pong in self.pongs:
                pong.cancel()
            self.pongs, self.gathered = [], None
            await asyncio.wait({asyncio.get_running_loop().create_future()}, timeout=PACE)

    async def send(self, type, **payload):
        text = json.dumps({"type": type, "payload": payload})
        self.described.sent(text)
        await self.connection.send(text)

    async def _session(self, connection):
        await self.send("auth", token=self.app.token)
        async for text in connection:
            frame = json.loads(text)
            self.described.received(frame)
            if frame["type"] == "hello":
                await self._greeted(frame)
            elif frame["type"] in ("resumed", "resync"):
                self._resumed(frame)
            elif frame["type"] == "pong":
                if self.pongs:
                    self.pongs.pop(0).set_result(None)
            elif frame["type"] == "error":
                self.note("error", problem=frame["payload"]["problem"].get("code"))
                await connection.close()
            elif self.gathered is not None:
                self.gathered.append(frame)
            else:
                self._apply(frame)

    async def _greeted(self, frame):
        if self.cursor is None:
            self.note("start", user=frame["payload"]["user"]["id"], cursor=frame["cursor"])
            self.cursor = frame["cursor"]
            self.current.set_result(None)
            return
        self.gathered = []
        await self.send("resume", cursor=self.cursor)

    def _resumed(self, frame):
        frames, self.gathered = self.gathered, None
        if frame["type"] == "resync":
            self.note("resync", cursor=frame["cursor"], had=self.cursor)
        for event in sorted(frames, key=lambda event: event["payload"].get("seq", 0)):
            self._apply(event)
        if frame["type"] == "resumed":
            self.note("resumed", count=len(frames))
        self.cursor = frame["cursor"]
        self.current.set_result(None)

    def _apply(self, frame):
        self.cursor = frame.get("cursor", self.cursor)
        payload = frame["payload"]
        if frame["type"] == "message.new":
            self.note("message.new", conversation=payload["conversation_id"], id=payload["id"],
                      seq=payload["seq"], body=payload["content"])
        elif frame["type"] in ("message.read", "message.delivered"):
            self.note(frame["type"], conversation=payload["conversation_id"], user=payload["user_id"],
                      seq=payload["seq"])
        elif frame["type"] == "message.failed":
            self.note(frame["type"], conversation=payload["conversation_id"], id=payload["message_id"],
                      condition=payload["xmpp_condition"])

    def settle(self, timeout=DEADLINE):
        """Returns when the socket is up and everything committed before has come."""
        run(self._settle(timeout), timeout + 5)

    async def _settle(self, timeout):
        deadline = time.monotonic() + timeout
        while True:
            left = max(0.1, deadline - time.monotonic())
            await asyncio.wait_for(asyncio.shield(self.current), left)
            pong = asyncio.get_running_loop().create_future()
            self.pongs.append(pong)
            try:
                await self.send("ping")
                await asyncio.wait_for(asyncio.shield(pong), left)
                return
            except (websockets.WebSocketException, asyncio.CancelledError):
                assert time.monotonic() < deadline, f"{self.name} does not settle"

    def drop(self):
        """Cuts the connection without a word; the consumer comes back by itself."""
        loop().call_soon_threadsafe(self.connection.transport.abort)

    def close(self):
        run(self._close())

    async def _close(self):
        self.closing = True
        if self.connection:
            await self.connection.close()
        if self.task:
            self.task.cancel()
            await asyncio.wait({self.task}, timeout=5)


class Session(XmppUser):
    """One login of a Peer."""

    def __init__(self, peer, *words, **options):
        super().__init__(*words, **options)
        self.peer = peer

    def _on_stanza(self, stanza):
        super()._on_stanza(stanza)
        self.peer.seen(self.inbox.received[-1])
        return stanza


class Peer(Client):
    """An XMPP user who stays logged in and talks to app users (`targets`), in turn; others are not heard."""

    def __init__(self, history, stack, user, targets=(), pace=0.2):
        super().__init__(history, stack.account(user)["jid"])
        self.stack, self.user, self.targets, self.pace = stack, user, targets, pace
        self.session = None
        self.answered = {}
        self.changed = threading.Condition()
        self.gone = threading.Event()
        self.sending = threading.Thread(target=self.send_all, name=f"{user} sends", daemon=True)
        self.send_problem = None
        self.note("event", "xmpp-start")

    # -- the session

    def work(self):
        while not self.gone.is_set():
            if not self.login():
                self.gone.wait(PACE)
                continue
            ended = self.session._ended
            while not self.gone.wait(PACE) and not ended.done():
                pass
            if self.gone.is_set():
                return
            self.note("event", "offline")

    def login(self):
        session = Session(self, self.stack, self.user)
        try:
            with sockets.create_connection((self.stack.info["c2s"]["host"], self.stack.info["c2s"]["port"]), 2):
                pass
            session.connect(5)
        except (OSError, AssertionError, asyncio.TimeoutError) as problem:
            self.note("event", "login-failed", why=str(problem)[:100])
            self.forget(session)
            return False
        with self.changed:
            self.session = session
            self.changed.notify_all()
        self.note("event", "online")
        return True

    @staticmethod
    def forget(session):
        client = session._client
        if client:
            loop().call_soon_threadsafe(client.cancel_connection_attempt)
            loop().call_soon_threadsafe(client.abort)

    def online(self, timeout=DEADLINE):
        """The session that is up; waits for it."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while not self.session or self.session._ended.done():
                assert time.monotonic() < deadline, f"{self.name} is not online within {timeout:g} s"
                self.changed.wait(PACE)
            return self.session

    def seen(self, stanza):
        """Called on the loop for every stanza of every session."""
        if stanza.name != "message":
            return
        receipt = stanza.child(RECEIPTS, "received")
        ours = stanza.sender.partition("/")[0] in self.targets  # else left over from before this load
        if stanza.type == "error":  # first: it may carry what it bounces, such as a receipt of our own
            error = stanza.child(CLIENT, "error")
            condition = next((c.tag.rpartition("}")[2] for c in error if c.tag.rpartition("}")[2] != "text"), "")
            self.answer(stanza.id, f"{error.get('type')}/{condition}")
        elif receipt is not None and ours:
            self.answer(receipt.get("id"), "ok")
        elif stanza.body is not None and ours:
            self.note("event", "arrive", id=stanza.id, body=stanza.body,
                      via="offline" if stanza.has(DELAY, "delay") else "live")

    def answer(self, id, what):
        with self.changed:
            if what == "ok" and self.answered.get(id) != "ok" and id:
                self.note("ok", "stanza", key=id)
            elif what != "ok":
                self.note("fail", "stanza", key=id, why=what)
                if self.answered.get(id) == "ok":
                    return
            self.answered[id] = what
            self.changed.notify_all()

    # -- sending

    def start(self):
        super().start()
        self.online()
        if self.targets:
            self.sending.start()
        return self

    def send_all(self):
        try:
            number = 0
            while not self.ending.wait(self.pace):
                self.send(self.targets[number % len(self.targets)], f"{self.user} {number}")
                number += 1
        except BaseException as problem:  # noqa: B902
            self.send_problem = problem
            self.note("event", "died", why=repr(problem))

    def send(self, to, body, give_up=LAST_TRIES):
        """Sends with a receipt requested, again and again with the same origin-id until it comes."""
        key = str(uuid.uuid4())
        self.note("invoke", "stanza", key=key, sender=self.name, to=to, body=body)
        deadline = time.monotonic() + give_up
        while True:
            session = self.online(give_up)
            with self.changed:
                self.answered.pop(key, None)
            session.send_message(to, body, id=key, receipt=True)
            if self.await_answer(key, session) == "ok":
                return key
            assert time.monotonic() < deadline, f"{self.name}: {key} has no receipt after {give_up:g} s"
            threading.Event().wait(PACE)

    def await_answer(self, key, session):
        deadline = time.monotonic() + RECEIPT
        with self.changed:
            while key not in self.answered and time.monotonic() < deadline and not session._ended.done():
                self.changed.wait(PACE)
            return self.answered.get(key)

    def stop(self):
        self.ending.set()

    def finish(self):
        """Ends sending (once all has a receipt); stays online."""
        self.ending.set()
        if self.sending.ident:
            self.sending.join(LAST_TRIES + 30)
            assert not self.sending.is_alive(), f"{self.name} does not end sending"
        if self.send_problem:
            raise self.send_problem

    def settle(self, through):
        """Returns when what was sent to this user before is here; catches up from the archive.

        `through` is an address of the bridge: its answer comes behind what it sent before.
        """
        session = self.online(LAST_TRIES)
        session.barrier(through)
        session.ping()

    def catch_up(self, contact):
        """Notes what the user's own archive has of a contact, as a client does after coming back."""
        session, last = self.online(), None
        while True:
            last, found, complete = archive_page(session, contact, last)
            for stanza in found:
                if stanza.body is not None and stanza.type != "error" and stanza.sender.startswith(contact):
                    self.note("event", "arrive", id=stanza.id, body=stanza.body, via="archive")
            if complete or not last:
                return

    def close(self):
        self.gone.set()
        self.join(30)
        if self.session and not self.session._ended.done():
            self.session.close()
        elif self.session:
            self.forget(self.session)


def archive_page(session, contact, after):
    """One page of the user's archive: (last id, stanzas, whether that is all)."""
    from xml.etree import ElementTree
    name = uuid.uuid4().hex
    query = ElementTree.Element(f"{{{MAM}}}query", {"queryid": name})
    form = ElementTree.SubElement(query, "{jabber:x:data}x", {"type": "submit"})
    for var, text in (("FORM_TYPE", MAM), ("with", contact)):
        field = ElementTree.SubElement(form, "{jabber:x:data}field", {"var": var})
        ElementTree.SubElement(field, "{jabber:x:data}value").text = text
    page = ElementTree.SubElement(query, f"{{{RSM}}}set")
    ElementTree.SubElement(page, f"{{{RSM}}}max").text = "200"
    if after:
        ElementTree.SubElement(page, f"{{{RSM}}}after").text = after
    reply = session.iq(None, query, "set", timeout=60)
    found = [s.child(MAM, "result") for s in list(session.inbox.received) if s.name == "message"]
    stanzas = [Stanza(result.find(f"{{{FORWARD}}}forwarded/{{{CLIENT}}}message"))
               for result in found if result is not None and result.get("queryid") == name]
    end = reply.child(MAM, "fin")
    return end.findtext(f"{{{RSM}}}set/{{{RSM}}}last"), stanzas, end.get("complete") in ("true", "1")


class AtWork:
    """Those who are at work while it is open: `consumers`, `peers`, `senders`."""

    def __enter__(self):
        try:
            for client in (*self.consumers, *self.peers, *self.senders):
                client.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for client in (*self.senders, *self.peers):
            client.stop()
        for consumer in self.consumers:
            consumer.close()
        for peer in self.peers:
            peer.close()


class Load(AtWork):
    """Everybody at work: `apps` app users in a ring, each also with every XMPP user; all recorded."""

    def __init__(self, stack, seed, apps=3, peers=("bob", "carol"), pace=0.03, file=None):
        self.stack, self.seed = stack, seed
        self.random = random.Random(seed)
        self.history = History(file)
        run_id = uuid.uuid4().hex[:8]
        self.apps = [App(stack, f"chaos{number}-{run_id}") for number in range(apps)]
        for app in self.apps:
            me = app.me()
            app.user_id, app.jid = me["id"], me["jid"]
        self.talks, self.by_app = [], {app.sub: [] for app in self.apps}
        for number, app in enumerate(self.apps):
            self._open(app, participant_id=self.apps[(number + 1) % apps].sub)
            for peer in peers:
                self._open(app, jid=stack.account(peer)["jid"])
        self.peers = [Peer(self.history, stack, peer, [app.jid for app in self.apps]) for peer in peers]
        self.consumers = [Consumer(self.history, app, f"ws {app.sub} {n}")
                          for app in self.apps for n in range(2)]
        self.senders = [Sender(self.history, app, app.jid, self.by_app[app.sub], pace) for app in self.apps]
        self.server_may_lose = []

    def _open(self, app, **with_whom):
        talk = app.conversation_with(**with_whom)
        self.by_app[app.sub].append(talk)
        if talk["id"] not in {known["id"] for known in self.talks}:
            self.talks.append(talk)
        other = next((a for a in self.apps if a.sub == with_whom.get("participant_id")), None)
        if other and talk["id"] not in {known["id"] for known in self.by_app[other.sub]}:
            self.by_app[other.sub].append(talk)

    def drain(self):
        """Senders come to an end: everything they began is acknowledged."""
        for client in (*self.senders, *self.peers):
            client.stop()
        for client in (*self.senders, *self.peers):
            client.finish()

    def settle(self):
        """All is quiet: the outbox is empty, sockets and sessions have what was sent to them."""
        self.drain()
        wait_outbox_empty(self.stack)
        for peer in self.peers:
            peer.settle(self.apps[0].jid)
        for consumer in self.consumers:
            consumer.settle()

    def read_back(self):
        """Walks the pages of every conversation both ways and asks for the unread counts."""
        for app in self.apps:
            for talk in self.by_app[app.sub]:
                for direction in ("before", "after"):
                    self.history.add(app.sub, "event", "pages", conversation=talk["id"],
                                     direction=direction, ids=walk(app, talk, direction))
                self.history.add(app.sub, "event", "unread", conversation=talk["id"], user=app.user_id,
                                 unread=app.conversation(talk)["unread_count"])

    def quiet_tables(self):
        """What the database holds in a moment in which nothing waits in the outbox. An empty outbox alone is no
        end: what an XMPP user repeated while the server was away comes late, and gets a receipt again."""
        while True:
            wait_outbox_empty(self.stack)
            tables = checker.load(self.stack.info["database"], [talk["id"] for talk in self.talks])
            if not tables["outbox"]:
                return tables

    def check(self):
        """The verdict, after settling."""
        self.settle()
        self.read_back()
        tables = self.quiet_tables()
        arrived = {(line["client"], line["id"]) for line in self.history.lines if line["op"] == "arrive"}
        jids = {row["id"]: row["jid"] for row in tables["users"]}
        remote = {row["id"]: row for row in tables["conversations"] if row["remote_jid"]}
        behind = {(remote[m["conversation_id"]]["remote_jid"], jids[m["sender_id"]])
                  for m in tables["messages"] if m["conversation_id"] in remote
                  and m["sender_id"] != remote[m["conversation_id"]]["remote_user"]
                  and (remote[m["conversation_id"]]["remote_jid"], m["id"]) not in arrived}
        for peer in self.peers:
            for jid, contact in behind:
                if jid == peer.name:
                    peer.catch_up(contact)
        self.history.add("database", "event", "tables", tables=json.loads(json.dumps(tables, default=str)))
        return checker.check(self.history.lines, tables, self.server_may_lose)


def walk(app, talk, direction):
    """All message ids of a conversation, oldest first, read page by page."""
    if direction == "before":
        page = app.messages(talk, limit=37)
        ids = [message["id"] for message in page["items"]]
        while page["has_more"]:
            page = app.messages(talk, limit=37, before=page["next"])
            ids = [message["id"] for message in page["items"]] + ids
        return ids
    first = walk(app, talk, "before")[:1]
    ids, page = list(first), {"has_more": bool(first), "next": first and first[0]}
    while page["has_more"]:
        page = app.messages(talk, limit=37, after=page["next"])
        ids += [message["id"] for message in page["items"]]
    return ids


def wait_outbox_empty(stack, timeout=DEADLINE):
    """Polls the outbox until the bridge has proof that all of it was delivered; for as long as it gets
    shorter, because an XMPP server with a long archive takes its time."""
    import psycopg2
    connection = psycopg2.connect(stack.info["database"])
    connection.autocommit = True
    deadline, least = time.monotonic() + timeout, None
    try:
        with connection.cursor() as cursor:
            while True:
                cursor.execute("SELECT count(*) FROM outbox")
                left = cursor.fetchone()[0]
                if not left:
                    return
                if least is None or left < least:
                    deadline, least = time.monotonic() + timeout, left
                assert time.monotonic() < deadline, f"{left} stanzas wait in the outbox after {timeout} s"
                threading.Event().wait(PACE)
    finally:
        connection.close()
