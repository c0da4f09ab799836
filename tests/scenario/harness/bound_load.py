# SPDX-License-Identifier: GPL-3.0-or-later
"""Load of people who are in the app and in XMPP clients with one account; and whether all of it is everywhere, once.

Bob and Carol are accounts of the server: each has the app (two sockets, a sender) and a phone. Alice has the app alone, Erin a
client alone. Every text is said once, so it can be told by itself: an app repeats a request with its key until it is acknowledged;
a client says a text once, and has the server's word for it when the server answers what was asked behind it.

  B1   what was acknowledged is with both sides: in the app, and in the account's archive
  B2   nowhere is anything twice
  B3   the app and the archive have the same, with the same ids
  B4   each socket has told of what the app has, once, in its order
  B5   nothing is there that nobody said
"""
import asyncio
import random
import threading
import time
import uuid
from collections import Counter, defaultdict
from xml.etree.ElementTree import Element

from . import fault
from .checker import Report
from .history import History
from .load import ANSWER, LAST_TRIES, AtWork, Consumer, Peer, Sender, wait_outbox_empty, walk
from .mam import everything, plain
from .rest import App
from .xmpp import CLIENT, FORWARD, Stanza, XmppError

CARBONS = "urn:xmpp:carbons:2"
JUST_BEFORE = 0.5  # seconds before it is killed in which a server that may lose things answers before it has stored what was said
ARRIVES = 60.0  # seconds in which all has to be everywhere, once nobody says anything any more


def inside(stanza):
    """What a message, or the copy of one, says."""
    for kind in ("sent", "received"):
        carbon = stanza.child(CARBONS, kind)
        if carbon is not None:
            return Stanza(carbon.find(f"{{{FORWARD}}}forwarded/{{{CLIENT}}}message"))
    return stanza


class Phone(Peer):
    """A client that says each text once, hears copies of what its account's others say and get, and writes down all that it hears."""

    def login(self):
        if not super().login():
            return False
        try:
            self.session.iq(None, Element(f"{{{CARBONS}}}enable"), "set", timeout=ANSWER)
        except (AssertionError, OSError, XmppError, asyncio.TimeoutError) as problem:
            self.note("event", "no-carbons", why=str(problem)[:100])  # it has ended already
        return True

    def seen(self, stanza):
        if stanza.name != "message":
            return
        if stanza.type == "error":
            self.note("fail", "stanza", key=stanza.id)
            return
        said = inside(stanza)
        if said.body is not None:
            self.note("event", "heard", id=said.id, body=said.body)

    def send(self, to, body, give_up=LAST_TRIES):
        key, session = str(uuid.uuid4()), self.online(give_up)
        body = f"{body} {key[:8]}"
        self.note("invoke", "stanza", key=key, sender=self.name, to=to, body=body)
        try:
            session.send_message(to, body, id=key)
            session.iq(None, Element("{urn:xmpp:ping}ping"), timeout=ANSWER)
        except (AssertionError, OSError, XmppError, asyncio.TimeoutError) as problem:
            self.note("info", "stanza", key=key, why=str(problem)[:100])
            return None
        self.note("ok", "stanza", key=key)
        return key

    def archive(self):
        """(id, text) of all that the account's archive has."""
        ids, bodies = everything(self.online(LAST_TRIES), max=50)
        return [(plain(id), body) for id, body in zip(ids, bodies) if body is not None]


class BoundLoad(AtWork):
    """All of them at work. What `test_chaos` wants of a Load; `check()` is the verdict."""

    def __init__(self, stack, seed, _apps=None, pace=0.05, file=None):
        self.stack, self.random, self.server_may_lose = stack, random.Random(seed), []
        self.history = History(file)
        run = uuid.uuid4().hex[:8]
        self.apps = {name: App(stack, f"{name}-{run}", **({} if name == "alice" else {"account": f"{name}@example.org"}))
                     for name in ("alice", "bob", "carol")}
        for app in self.apps.values():
            me = app.me()
            app.user_id, app.jid = me["id"], me["jid"]
        self.jids = {name: app.jid for name, app in self.apps.items()}
        self.jids["erin"] = stack.account("erin")["jid"]
        self.names = {jid: name for name, jid in self.jids.items()}
        self.members, self.talks = {}, defaultdict(list)
        for one, other in (("alice", "bob"), ("alice", "carol"), ("bob", "carol"), ("bob", "erin"), ("carol", "erin")):
            for who, whom in ((one, other), (other, one)):
                if who in self.apps:
                    talk = self.apps[who].conversation_with(jid=self.jids[whom])
                    self.talks[who].append(talk)
                    self.members[talk["id"]] = {one, other}
        self.before = {who: {id for talk in talks for id in walk(self.apps[who], talk, "before")} for who, talks in self.talks.items()}
        self.senders = [Sender(self.history, app, self.jids[who], self.talks[who], pace) for who, app in self.apps.items()]
        self.consumers = [Consumer(self.history, app, f"ws {who} {n}") for who, app in self.apps.items() for n in range(2)]
        everybody = {"bob": ("erin", "alice", "carol"), "carol": ("erin", "alice", "bob"), "erin": ("bob", "carol")}
        self.peers = [Phone(self.history, stack, who, [self.jids[to] for to in others]) for who, others in everybody.items()]

    # -- the verdict

    def said(self):
        """text → (who, both sides, whether it was acknowledged, whether it came back)."""
        lines = list(self.history.lines)
        done = {line["key"]: line["t"] for line in lines if line["kind"] == "ok" and line["op"] in ("send", "stanza")}
        back = {line["key"] for line in lines if line["kind"] == "fail" and line["op"] == "stanza"}
        texts = {}
        for line in lines:
            if line["kind"] != "invoke" or line["op"] not in ("send", "stanza"):
                continue
            sender = self.names[line["sender"]]
            sides = self.members[line["conversation"]] if line["op"] == "send" else {sender, self.names[line["to"]]}
            at = done.get(line["key"])
            early = JUST_BEFORE if line["op"] == "stanza" else 0
            excused = at is not None and any(since - early <= at <= until for since, until in self.server_may_lose)
            texts[line["body"]] = (sender, sides, at is not None and not excused, line["key"] in back)
        return texts

    def shown(self, who):
        """Conversation → (id, text) of what the app has of this load, in its order."""
        app, found = self.apps[who], {}
        for talk in self.talks[who]:
            page = app.messages(talk, limit=100)
            items = page["items"]
            while page["has_more"]:
                page = app.messages(talk, limit=100, before=page["next"])
                items = page["items"] + items
            found[talk["id"]] = [(m["id"], m["content"]) for m in items if m["id"] not in self.before[who]]
        return found

    def told(self, who):
        """Socket → conversation → the ids that it has told of."""
        found = {consumer.name: defaultdict(list) for consumer in self.consumers if consumer.app is self.apps[who]}
        for line in list(self.history.lines):
            if line["op"] == "message.new" and line["client"] in found:
                found[line["client"]][line["conversation"]].append(line["id"])
        return found

    def side(self, where, who, texts, has):
        """B1, B2, B5: `has` is (id, text) of one place where all of WHO's should be."""
        count = Counter(body for _, body in has)
        for body, (sender, sides, acknowledged, back) in texts.items():
            if who in sides and acknowledged and (not back or who == sender) and not count[body]:
                yield f"B1: {where} of {who} has lost {body!r}"
            if count[body] > 1:
                yield f"B2: {where} of {who} has {body!r} {count[body]} times, as {[id for id, text in has if text == body]}"
        for body in count:
            if body not in texts or who not in texts[body][1]:
                yield f"B5: {where} of {who} has {body!r}, which nobody has said to or as {who}"

    def verdict(self):
        texts, heard = self.said(), defaultdict(set)
        for line in list(self.history.lines):
            if line["op"] == "heard":
                heard[line["client"], line["body"]].add(line["id"])
        found = [f"B2: {client} has heard {body!r} with {len(ids)} ids" for (client, body), ids in heard.items() if len(ids) > 1]
        kept = {peer.user: [entry for entry in peer.archive() if entry[1] in texts] for peer in self.peers}
        for who, has in kept.items():
            found += self.side("the archive", who, texts, has)
        for who in self.apps:
            shown = self.shown(who)
            everywhere = [entry for talk in shown.values() for entry in talk]
            found += self.side("the app", who, texts, everywhere)
            if who in kept:
                found += [f"B3: only one of app and archive of {who} has {entry}" for entry in set(everywhere) ^ set(kept[who])]
            for socket, got in self.told(who).items():
                found += [f"B4: {socket} in {talk}: told of {len(got[talk])}, the app has {len(has)}" for talk, has in shown.items()
                          if got[talk] != [id for id, _ in has]]
        return found, texts, kept

    def check(self):
        for client in (*self.senders, *self.peers):
            client.stop()
        for client in (*self.senders, *self.peers):
            client.finish()
        fault.wait_ready(self.stack, 60)
        wait_outbox_empty(self.stack)
        for consumer in self.consumers:
            consumer.settle()
        begun = time.monotonic()
        while True:
            found, texts, kept = self.verdict()
            took = time.monotonic() - begun
            if not found or took > ARRIVES:
                break
            threading.Event().wait(1)  # never set: all of the archives is read each time
        return Report(found, said=len(texts), acknowledged=sum(t[2] for t in texts.values()), came_back=sum(t[3] for t in texts.values()),
                      archived=sum(map(len, kept.values())), resumes=self.history.count("event", "resumed"),
                      heard=self.history.count("event", "heard"), whole_after=f"{took:.1f}s")
