# SPDX-License-Identifier: GPL-3.0-or-later
"""An XMPP user on the stack's server, through slixmpp.

slixmpp 1.8 waits for a TLS layer unless told otherwise and would ask DNS for SRV records; on loopback
it gets the address and plain TCP. Everything received is kept as parsed XML.
"""
import asyncio
import logging
import uuid
import xml.etree.ElementTree as ElementTree

from .inbox import DEADLINE, Inbox, run

logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
from slixmpp import ClientXMPP  # noqa: E402  (it already logs while it is imported)

PARTING = 20  # seconds for the server to end its stream, too
CLIENT = "jabber:client"
RECEIPTS = "urn:xmpp:receipts"
MARKERS = "urn:xmpp:chat-markers:0"
CHATSTATES = "http://jabber.org/protocol/chatstates"
ORIGIN_ID = "urn:xmpp:sid:0"
MAM = "urn:xmpp:mam:2"
FORWARD = "urn:xmpp:forward:0"
RSM = "http://jabber.org/protocol/rsm"
DISCO_INFO = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
PING = "urn:xmpp:ping"
JINGLE = "urn:xmpp:jingle:1"
VERSION = "jabber:iq:version"
ROSTER = "jabber:iq:roster"


class Stanza:
    """A received stanza: attributes, `body`, and namespaced children."""

    def __init__(self, element):
        self.xml = element
        self.name = element.tag.rpartition("}")[2]
        self.id, self.type = element.get("id"), element.get("type")
        self.sender, self.to = element.get("from", ""), element.get("to", "")
        self.body = element.findtext(f"{{{CLIENT}}}body")

    def child(self, namespace, name):
        return self.xml.find(f"{{{namespace}}}{name}")

    def has(self, namespace, name):
        return self.child(namespace, name) is not None

    def __repr__(self):
        return ElementTree.tostring(self.xml, encoding="unicode")


class XmppError(AssertionError):
    """An IQ was answered with an error; `condition` names it."""

    def __init__(self, stanza):
        super().__init__(repr(stanza))
        self.stanza = stanza
        error = stanza.child(CLIENT, "error")
        self.condition = next((child.tag.rpartition("}")[2] for child in (error if error is not None else ())),
                              None)


class XmppUser:
    """One client session. `with XmppUser(stack, "bob") as bob:` logs in, announces presence, logs out."""

    def __init__(self, stack, user, resource=None, presence=True):
        account = stack.account(user)
        self.stack, self.bare = stack, account["jid"]
        self.jid = f"{self.bare}/{resource or 'test-' + uuid.uuid4().hex[:8]}"
        self._password, self._presence = account["password"], presence
        self.inbox = Inbox(self.jid)
        self.receipts = True
        self.describes_itself = False  # the test answers disco#info
        self._client = None
        self._ended = None

    # -- session

    def connect(self, timeout=DEADLINE):
        run(self._connect(timeout), timeout + 5)
        return self

    async def _connect(self, timeout):
        client = ClientXMPP(self.jid, self._password)
        client.whitespace_keepalive = False
        client["feature_mechanisms"].unencrypted_plain = True
        outcome = asyncio.get_running_loop().create_future()
        self._ended = asyncio.get_running_loop().create_future()

        def settle(result):
            if not outcome.done():
                outcome.set_result(result)
        client.add_event_handler("session_start", lambda _: settle(None))
        client.add_event_handler("failed_all_auth", lambda _: settle("the password was refused"))
        client.add_event_handler("connection_failed", lambda why: settle(f"no connection: {why}"))
        client.add_event_handler("disconnected", lambda why: self._on_end(why, settle))
        client.add_filter("in", self._on_stanza)
        self._client = client
        host, port = self.stack.info["c2s"]["host"], self.stack.info["c2s"]["port"]
        client.connect(address=(host, port), disable_starttls=True, force_starttls=False)
        problem = await asyncio.wait_for(outcome, timeout)
        if problem:
            client.abort()
            raise AssertionError(f"{self.jid} cannot log in: {problem}")
        self.jid = client.boundjid.full
        if self._presence:
            client.send_presence()

    def _on_end(self, why, settle):
        settle(f"disconnected: {why}")
        if not self._ended.done():
            self._ended.set_result(why)

    def _on_stanza(self, stanza):
        seen = Stanza(ElementTree.fromstring(str(stanza)) if stanza.xml is None else stanza.xml)
        self.inbox.put(seen)
        if (self.receipts and self._client and seen.name == "message" and seen.type != "error" and seen.body is not None
                and seen.has(RECEIPTS, "request")):
            self.send_receipt(seen)
        # The library would refuse it; a test that speaks Jingle answers by itself.
        by_hand = (seen.type == "set" and seen.has(JINGLE, "jingle")
                   or self.describes_itself and seen.type == "get" and seen.has(DISCO_INFO, "query"))
        return None if by_hand else stanza

    def close(self):
        """Ends the session in an orderly way: when this returns, the server knows that the client is gone, and what comes for the
        account then waits for the next one."""
        if self._client:
            client, self._client = self._client, None
            run(self._close(client))

    async def _close(self, client):
        client.disconnect(wait=PARTING)
        await asyncio.wait({self._ended}, timeout=PARTING + 5)
        client.abort()
        client.cancel_connection_attempt()
        left = client._run_out_filters  # abort() forgets this task
        if left:
            left.cancel()
            await asyncio.wait({left}, timeout=1)

    def __enter__(self):
        return self.connect() if self._client is None else self

    def __exit__(self, *_):
        self.close()

    def plugin(self, name):
        """slixmpp's plugin of this name, registered in the thread of its loop: some look for the loop of where they are."""
        async def registered():
            self._client.register_plugin(name)
            return self._client[name]
        return run(registered())

    def decide_subscriptions(self):
        """From now on nobody is let in, or asked, by the library itself."""
        self._client.auto_authorize, self._client.auto_subscribe = None, False

    # -- sending

    def send_raw(self, xml):
        """Sends XML as it is; also from the loop's own thread."""
        client = self._client
        client.loop.call_soon_threadsafe(client.send_raw, xml)

    def send_element(self, element):
        self.send_raw(ElementTree.tostring(element, encoding="unicode"))

    def send_message(self, to, body, id=None, receipt=False, markable=False, extra=()):
        """A chat message; returns its id. `extra` holds further elements."""
        id = id or str(uuid.uuid4())
        message = ElementTree.Element(f"{{{CLIENT}}}message", {"to": to, "type": "chat", "id": id})
        ElementTree.SubElement(message, f"{{{CLIENT}}}body").text = body
        ElementTree.SubElement(message, f"{{{ORIGIN_ID}}}origin-id", {"id": id})
        if receipt:
            ElementTree.SubElement(message, f"{{{RECEIPTS}}}request")
        if markable:
            ElementTree.SubElement(message, f"{{{MARKERS}}}markable")
        message.extend(extra)
        self.send_element(message)
        return id

    def send_receipt(self, stanza):
        self._send_mark(stanza.sender, RECEIPTS, "received", stanza.id)

    def send_displayed(self, stanza):
        """Tells the sender of `stanza` that it was read."""
        self._send_mark(stanza.sender, MARKERS, "displayed", stanza.id)

    def _send_mark(self, to, namespace, name, id):
        message = ElementTree.Element(f"{{{CLIENT}}}message",
                                      {"to": to, "type": "chat", "id": str(uuid.uuid4())})
        ElementTree.SubElement(message, f"{{{namespace}}}{name}", {"id": id})
        self.send_element(message)

    def send_presence(self, to=None, type=None, **children):
        attributes = {key: value for key, value in (("to", to), ("type", type)) if value}
        presence = ElementTree.Element(f"{{{CLIENT}}}presence", attributes)
        for name, text in children.items():
            ElementTree.SubElement(presence, f"{{{CLIENT}}}{name}").text = text
        self.send_element(presence)

    # -- receiving

    def expect_message(self, body=None, sender=None, timeout=None, **attributes):
        """The next message with this body (any body if None) from this bare or full JID."""
        return self.inbox.expect(
            f"message body={body!r} from={sender}",
            lambda s: s.name == "message" and s.body is not None and s.type != "error"
            and (body is None or s.body == body) and self._is_from(s, sender)
            and all(getattr(s, key) == value for key, value in attributes.items()), timeout)

    def expect_mark(self, namespace, name, id, timeout=None):
        return self.inbox.expect(
            f"{name} {id}", lambda s: s.name == "message" and s.has(namespace, name)
            and s.child(namespace, name).get("id") == id, timeout)

    def expect_receipt(self, id, timeout=None):
        return self.expect_mark(RECEIPTS, "received", id, timeout)

    def expect_displayed(self, id, timeout=None):
        return self.expect_mark(MARKERS, "displayed", id, timeout)

    def expect_presence(self, sender=None, type=None, timeout=None):
        return self.inbox.expect(
            f"presence type={type} from={sender}",
            lambda s: s.name == "presence" and s.type == type and self._is_from(s, sender), timeout)

    def expect_stanza(self, what, fits, timeout=None):
        return self.inbox.expect(what, fits, timeout)

    def expect_roster(self, peer, **wanted):
        """The server tells of a roster item with these attributes; only after the roster was asked for."""
        def fits(stanza):
            query = stanza.child(ROSTER, "query") if stanza.name == "iq" and stanza.type == "set" else None
            return query is not None and any(
                item.get("jid") == peer and all(item.get(k) == v for k, v in wanted.items()) for item in query)
        return self.expect_stanza(f"{peer} in the roster: {wanted}", fits)

    @staticmethod
    def _is_from(stanza, sender):
        return sender is None or sender in (stanza.sender, stanza.sender.partition("/")[0])

    # -- queries

    def iq(self, to, payload, type="get", timeout=None):
        """Sends an IQ with this child element; returns the result or raises XmppError."""
        id = str(uuid.uuid4())
        query = ElementTree.Element(f"{{{CLIENT}}}iq", {"type": type, "id": id})
        if to:
            query.set("to", to)
        query.append(payload)
        self.send_element(query)
        reply = self.inbox.expect(
            f"answer to IQ {id}", lambda s: s.name == "iq" and s.id == id and s.type in ("result", "error"),
            timeout)
        if reply.type == "error":
            raise XmppError(reply)
        return reply

    def barrier(self, to):
        """Returns when an answer came from there, be it an error: what it sent before is here."""
        try:
            self.ping(to)
        except XmppError:
            pass

    def ping(self, to=None):
        return self.iq(to, ElementTree.Element(f"{{{PING}}}ping"))

    def version(self, to):
        query = self.iq(to, ElementTree.Element(f"{{{VERSION}}}query")).child(VERSION, "query")
        return {child.tag.rpartition("}")[2]: child.text for child in query}

    def disco_info(self, to):
        """(set of "category/type", set of features)"""
        query = self.iq(to, ElementTree.Element(f"{{{DISCO_INFO}}}query")).child(DISCO_INFO, "query")
        return ({f"{e.get('category')}/{e.get('type')}" for e in query.iter(f"{{{DISCO_INFO}}}identity")},
                {e.get("var") for e in query.iter(f"{{{DISCO_INFO}}}feature")})

    def disco_items(self, to):
        query = self.iq(to, ElementTree.Element(f"{{{DISCO_ITEMS}}}query")).child(DISCO_ITEMS, "query")
        return [item.get("jid") for item in query]

    def history(self, with_jid=None, to=None, limit=100):
        """What the archive (the user's own, or that of `to`) holds, oldest first, one page."""
        name = uuid.uuid4().hex
        query = ElementTree.Element(f"{{{MAM}}}query", {"queryid": name})
        form = ElementTree.SubElement(query, "{jabber:x:data}x", {"type": "submit"})
        fields = {"FORM_TYPE": MAM, **({"with": with_jid} if with_jid else {})}
        for var, text in fields.items():
            field = ElementTree.SubElement(form, "{jabber:x:data}field", {"var": var})
            ElementTree.SubElement(field, "{jabber:x:data}value").text = text
        page = ElementTree.SubElement(query, f"{{{RSM}}}set")
        ElementTree.SubElement(page, f"{{{RSM}}}max").text = str(limit)
        self.iq(to, query, "set")
        return [Stanza(found.find(f"{{{FORWARD}}}forwarded/{{{CLIENT}}}message"))
                for found in (s.child(MAM, "result") for s in self.inbox.received if s.name == "message")
                if found is not None and found.get("queryid") == name]
