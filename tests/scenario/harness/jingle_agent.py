# SPDX-License-Identifier: GPL-3.0-or-later
"""An XMPP account that calls and is called by JMI and Jingle, with a libnice agent for its transport and no media of its own.

It writes what XEP-0353, 0166, 0167, 0176 and 0320 have, all its candidates in the first description as Dino does, and takes
those of the other side as they come.
"""
import uuid
from xml.etree.ElementTree import Element, SubElement

from .caps import answer_caps, caps_of
from .ice_peer import FINGERPRINT
from .xmpp import CLIENT

JINGLE = "urn:xmpp:jingle:1"
JMI = "urn:xmpp:jingle-message:0"
RTP = "urn:xmpp:jingle:apps:rtp:1"
ICE = "urn:xmpp:jingle:transports:ice-udp:1"
DTLS = "urn:xmpp:jingle:apps:dtls:0"
FEATURES = [JINGLE, JMI, RTP, f"{RTP[:-2]}:audio", f"{RTP[:-2]}:video", ICE, DTLS, "http://jabber.org/protocol/disco#info"]


class JingleAgent:
    """`JingleAgent(xmpp("bob"))` can be called; give each call an IcePeer of its own. One for each client."""

    def __init__(self, client):
        self.client, self.jid, self.peer, self.sid = client, client.jid, None, None
        self._agent, self._early, self._met, self._number = None, [], False, 0
        self.heard = []  # all <candidate/> of the other side
        client._client.add_filter("in", self._on_stanza, -1)  # before the client's own, which keeps it for the test
        answer_caps(client, FEATURES)
        client.send_raw(f"<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test' "
                        f"ver='{caps_of(FEATURES)}'/></presence>")

    # -- what comes

    def _on_stanza(self, stanza):
        """Every IQ of Jingle is acknowledged at once; candidates go to the agent."""
        xml = stanza.xml
        jingle = xml.find(f"{{{JINGLE}}}jingle") if xml is not None and xml.tag == f"{{{CLIENT}}}iq" else None
        if jingle is None or xml.get("type") != "set":
            return stanza
        self.client.send_element(Element(f"{{{CLIENT}}}iq", {"type": "result", "id": xml.get("id"), "to": xml.get("from")}))
        for candidate in jingle.iter(f"{{{ICE}}}candidate"):
            self.heard.append(candidate)
            self._feed(self._line(candidate))
        return stanza

    def _feed(self, line):
        if self._met:
            self._agent.tell(f"candidate {line}")
        else:
            self._early.append(line)

    def expect_jingle(self, action):
        """The next Jingle stanza of this call with that action: (sender, jingle)."""
        stanza = self.client.expect_stanza(action, lambda s: s.name == "iq" and s.type == "set" and s.has(JINGLE, "jingle")
                                           and s.child(JINGLE, "jingle").get("action") == action)
        return stanza.sender, stanza.child(JINGLE, "jingle")

    def expect_message(self, name):
        """The next word of JMI: (sender, element)."""
        stanza = self.client.expect_stanza(name, lambda s: s.name == "message" and s.has(JMI, name))
        return stanza.sender, stanza.child(JMI, name)

    # -- what goes

    def say(self, name, to=None):
        """A word of JMI."""
        message = Element(f"{{{CLIENT}}}message", {"to": to or self.peer, "type": "chat", "id": str(uuid.uuid4())})
        word = SubElement(message, f"{{{JMI}}}{name}", {"id": self.sid})
        if name == "propose":
            SubElement(word, f"{{{RTP}}}description", {"media": "audio"})
        SubElement(message, "{urn:xmpp:hints}store")
        self.client.send_element(message)

    def send(self, action, *children, **attributes):
        payload = Element(f"{{{JINGLE}}}jingle", {"action": action, "sid": self.sid, **attributes})
        payload.extend(children)
        return self.client.iq(self.peer, payload, "set")

    def content(self, setup):
        """Audio, with the transport of the agent."""
        content = Element(f"{{{JINGLE}}}content", {"creator": "initiator", "name": "0", "senders": "both"})
        description = SubElement(content, f"{{{RTP}}}description", {"media": "audio"})
        SubElement(description, f"{{{RTP}}}payload-type", {"id": "111", "name": "opus", "clockrate": "48000", "channels": "2"})
        SubElement(description, f"{{{RTP}}}rtcp-mux")
        transport = SubElement(content, f"{{{ICE}}}transport", {"ufrag": self._agent.ufrag, "pwd": self._agent.password})
        SubElement(transport, f"{{{DTLS}}}fingerprint", {"hash": "sha-256", "setup": setup}).text = FINGERPRINT
        for line in self._agent.candidates:
            transport.append(self._element(line))
        return content

    def _element(self, line):
        words = line.partition("candidate:")[2].split(" ")
        more = dict(zip(words[8::2], words[9::2]))
        self._number += 1
        related = {"rel-addr": more["raddr"], "rel-port": more["rport"]} if "raddr" in more else {}
        return Element(f"{{{ICE}}}candidate", {
            "foundation": words[0], "component": words[1], "protocol": words[2].lower(), "priority": words[3],
            "ip": words[4], "port": words[5], "type": words[7], "id": f"c{self._number}", "generation": "0", "network": "0",
            **related})

    @staticmethod
    def _line(element):
        given = element.get
        # What is not said is nobody's; libnice makes nothing of a reflexive or relayed candidate without it.
        related = (f" raddr {given('rel-addr', '0.0.0.0')} rport {given('rel-port', '0')}"
                   if given("rel-addr") or given("type") != "host" else "")
        return (f"candidate:{given('foundation')} {given('component')} {given('protocol')} {given('priority')} {given('ip')} "
                f"{given('port')} typ {given('type')}{related}")

    # -- whole calls

    def _begin(self, agent):
        self._agent, self._met = agent, False

    @property
    def agent(self):
        return self._agent

    def _meet(self, jingle):
        """The agent learns what the other side has said; candidates that came earlier have waited."""
        transport = next(jingle.iter(f"{{{ICE}}}transport"))
        self._agent.tell(f"remote {transport.get('ufrag')} {transport.get('pwd')}")
        self._met = True
        early, self._early = self._early, []
        for line in early:
            self._agent.tell(f"candidate {line}")

    def propose(self, bare):
        """Calls; whoever answers is the other side from now on."""
        self.sid = str(uuid.uuid4())
        self.say("propose", bare)

    def initiate(self, agent):
        """Waits until somebody has answered, and describes."""
        self._begin(agent)
        self.peer, _ = self.expect_message("proceed")
        self.send("session-initiate", self.content("actpass"), initiator=self.jid)

    def accepted(self):
        """Waits until the description is answered."""
        _, jingle = self.expect_jingle("session-accept")
        self._meet(jingle)

    def take(self):
        """Waits for a proposal, rings, and takes the call."""
        self.peer, propose = self.expect_message("propose")
        self.sid = propose.get("id")
        self.say("ringing")
        self.say("proceed")

    def answer(self, agent):
        """Waits for the description, and answers it."""
        self._begin(agent)
        _, jingle = self.expect_jingle("session-initiate")
        self._meet(jingle)
        self.send("session-accept", self.content("active"), responder=self.jid)

    def end(self):
        reason = Element(f"{{{JINGLE}}}reason")
        SubElement(reason, f"{{{JINGLE}}}success")
        self.send("session-terminate", reason)
        self.say("finish")
