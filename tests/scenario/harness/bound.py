# SPDX-License-Identifier: GPL-3.0-or-later
"""The component's end of bound sessions (docs/bound-sessions.md), by hand: no bridge has part in it.

`Link` is a component link; `link.bind("bob")` is a `BoundUser`, which does what an `XmppUser` does, through the link.
"""
import hashlib
import itertools
import socket
import threading
import uuid
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import quoteattr

from .inbox import DEADLINE, Inbox, wait_for
from .xmpp import CLIENT, DISCO_INFO, Stanza, XmppError, XmppUser

ACCEPT = "jabber:component:accept"
STREAM = "http://etherx.jabber.org/streams"
BIND = "urn:trestle:bind:0"
ElementTree.register_namespace("", CLIENT)
_numbers = itertools.count(1)


def in_client_namespace(element):
    for part in element.iter():
        part.tag = part.tag.replace(f"{{{ACCEPT}}}", f"{{{CLIENT}}}")
    return element


class Link:
    """A component link of `domain` (the app's, unless told otherwise). `inbox` has what is not for a session."""

    def __init__(self, stack, domain=None, host=None):
        self.stack = stack
        info = stack.info["component"]
        self.domain = domain or info["domain"]
        self.host = host or stack.info["c2s"]["domain"]
        self.inbox = Inbox(f"component {self.domain}")
        self.sessions = {}
        self._sending = threading.Lock()
        self._open = threading.Event()
        self.ended = threading.Event()
        self._secret = info["secret"]
        self._socket = socket.create_connection((info["host"], info["port"]), DEADLINE)
        self._socket.settimeout(None)
        threading.Thread(target=self._read, daemon=True).start()
        self.send(f"<?xml version='1.0'?><stream:stream xmlns='{ACCEPT}' xmlns:stream='{STREAM}' to='{self.domain}'>")
        assert self._open.wait(DEADLINE), f"the link of {self.domain} was not let in: {self.inbox.received}"

    # -- the stream

    def send(self, xml):
        data = xml.encode() if isinstance(xml, str) else xml
        with self._sending:
            self._socket.sendall(data)

    def _read(self):
        parser = ElementTree.XMLPullParser(["start", "end"])
        depth, root = 0, None
        try:
            while data := self._socket.recv(65536):
                parser.feed(data)
                for event, element in parser.read_events():
                    depth += 1 if event == "start" else -1
                    if event == "start" and depth == 1:
                        root = element
                        digest = hashlib.sha1((element.get("id") + self._secret).encode()).hexdigest()
                        self.send(f"<handshake>{digest}</handshake>")
                    elif event == "end" and depth == 1:
                        root.remove(element)
                        self._on_element(in_client_namespace(element))
        except (OSError, ElementTree.ParseError):
            pass
        self.ended.set()

    def _on_element(self, element):
        if element.tag == f"{{{CLIENT}}}handshake":
            self._open.set()
            return
        stanza = Stanza(element)
        wrapped = stanza.child(BIND, "stanza") if stanza.name == "message" else None
        ended = stanza.child(BIND, "unbound") if stanza.name == "message" else None
        about = wrapped if wrapped is not None else ended
        session = about is not None and self.sessions.get((about.get("user"), about.get("resource")))
        if not session:
            self.inbox.put(stanza)
        elif ended is not None:
            session.inbox.put(Stanza(ended))
        else:
            assert stanza.sender == self.host and len(wrapped) == 1, stanza
            session.on_wrapped(wrapped)

    def cut(self):
        """Ends the link as a crash does."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()

    # -- requests

    def iq(self, payload, type="set", to=None, sender=None, timeout=None):
        """Sends an IQ with this XML inside; its result, or XmppError."""
        id = f"q{next(_numbers)}"
        self.send(f"<iq type='{type}' id='{id}' from={quoteattr(sender or self.domain)} to={quoteattr(to or self.host)}>"
                  f"{payload}</iq>")
        return self.answer(id, timeout)

    def answer(self, id, timeout=None):
        reply = self.inbox.expect(f"answer to {id}", lambda s: s.id == id and s.type in ("result", "error"), timeout)
        if reply.type == "error":
            raise XmppError(reply)
        return reply

    def hello(self, min=1, max=1):
        return self.iq(f"<hello xmlns='{BIND}' min='{min}' max='{max}'/>", "get").child(BIND, "hello")

    def wait_sessions(self, count):
        """Until the server has so many sessions; those of a link that was cut end a moment later."""
        wait_for(f"{count} sessions", lambda: self.hello().get("sessions") == str(count))

    def start_bind(self, user, resource=None):
        """A session that is asked for; `bound` waits for the answer."""
        resource = resource or f"trestle-{uuid.uuid4().hex[:8]}"
        session = self.sessions[user, resource] = BoundUser(self, user, resource)
        session.request = f"b{next(_numbers)}"
        self.send(f"<iq type='set' id='{session.request}' from='{self.domain}' to='{self.host}'>"
                  f"<bind xmlns='{BIND}' user={quoteattr(user)} resource={quoteattr(resource)}/></iq>")
        return session

    def bind(self, user, resource=None):
        return self.start_bind(user, resource).bound()

    def unbind(self, session):
        return self.iq(f"<unbind xmlns='{BIND}' user={quoteattr(session.user)} resource={quoteattr(session.resource)}/>")

    def inject(self, user, resource, inner, uid=None, sender=None, to=None):
        """Sends an <inject/> with this XML inside; its id."""
        id = f"j{next(_numbers)}"
        uid = f" uid={quoteattr(uid)}" if uid else ""
        self.send(f"<message id='{id}' from={quoteattr(sender or self.domain)} to={quoteattr(to or self.host)}>"
                  f"<inject xmlns='{BIND}' user={quoteattr(user)} resource={quoteattr(resource)}{uid}>{inner}"
                  "</inject></message>")
        return id

    def refusal(self, id):
        """(type, condition) of the error that an <inject/> got."""
        error = self.inbox.expect(f"error of {id}", lambda s: s.id == id and s.type == "error").child(CLIENT, "error")
        return error.get("type"), error[0].tag.rpartition("}")[2]


class BoundUser(XmppUser):
    """An account's session at the other end of a link. Answers what servers ask of clients, unless `answers` is off."""

    def __init__(self, link, user, resource):
        self.link, self.user, self.resource = link, user, resource
        self.stack, self.bare = link.stack, f"{user}@{link.host}"
        self.jid = f"{self.bare}/{resource}"
        self.inbox = Inbox(self.jid)
        self.receipts, self.answers, self.uid = False, True, None
        self.features = {DISCO_INFO}
        self.offline = []  # ids of copies of messages that went to the offline store
        self._client = None

    def bound(self):
        """The session when it is there; the names in the answer are the prepared ones."""
        bound = self.link.answer(self.request).child(BIND, "bound")
        self.user, self.resource = bound.get("user"), bound.get("resource")
        self.bare = f"{self.user}@{self.link.host}"
        self.jid = f"{self.bare}/{self.resource}"
        self.link.sessions[self.user, self.resource] = self
        return self

    def on_wrapped(self, wrapped):
        seen = Stanza(wrapped[0])
        if wrapped.get("offline") == "1":
            self.offline.append(seen.id)
        self.inbox.put(seen)
        if self.answers and seen.name == "iq" and seen.type in ("get", "set"):
            self._answer(seen)

    def _answer(self, iq):
        to = f" to={quoteattr(iq.sender)}" if iq.sender else ""
        query = iq.child(DISCO_INFO, "query")
        if iq.type == "get" and query is not None:
            node = f" node={quoteattr(query.get('node'))}" if query.get("node") else ""
            features = "".join(f"<feature var={quoteattr(name)}/>" for name in sorted(self.features))
            inside = (f"<query xmlns='{DISCO_INFO}'{node}><identity category='client' type='bot' name='Test'/>"
                      f"{features}</query>")
        else:
            inside = ""
        self.send_raw(f"<iq xmlns='{CLIENT}' type='result' id={quoteattr(iq.id)}{to}>{inside}</iq>")

    def send_raw(self, xml):
        self.link.inject(self.user, self.resource, xml, self.uid)

    def send_message(self, to, body, uid=None, **more):
        """uid: the id that the component has given to the message."""
        self.uid = uid
        try:
            return super().send_message(to, body, **more)
        finally:
            self.uid = None

    def start(self, priority=0, carbons=True):
        """What a client does first: roster, carbons, blocking list, presence."""
        self.iq(None, ElementTree.Element("{jabber:iq:roster}query"))
        if carbons:
            self.iq(None, ElementTree.Element("{urn:xmpp:carbons:2}enable"), "set")
        self.iq(None, ElementTree.Element("{urn:xmpp:blocking}blocklist"))
        self.send_presence(priority=str(priority))
        self.expect_presence(self.jid)
        return self

    def expect_unbound(self, timeout=None):
        """The reason why the server ended it."""
        return self.inbox.expect("unbound", lambda s: s.name == "unbound", timeout).xml.get("reason")

    def close(self):
        try:
            self.link.unbind(self)
        except XmppError:
            pass  # it has ended already
