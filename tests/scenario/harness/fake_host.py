# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake XMPP server whose host binds sessions for the bridge, as docs/bound-sessions.md has it.

It answers hello, bind, unbind, and the IQs with which a session begins; all that is injected is in `injected`, unwrapped.
"""
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import quoteattr

from .fake_xmpp import FakeXmpp
from .inbox import Inbox
from .xmpp import Stanza

BIND = "urn:trestle:bind:0"
ROSTER = "jabber:iq:roster"
BLOCKING = "urn:xmpp:blocking"


class Injected(Stanza):
    """A stanza that the bridge has injected: whose session, and the wrapper's id and uid."""

    def __init__(self, wrapper, inject):
        super().__init__(inject[0])
        self.user, self.resource, self.uid, self.wrapper = (
            inject.get("user"), inject.get("resource"), inject.get("uid"), wrapper.id)


class FakeHost(FakeXmpp):
    component = "app.example.org"

    def __init__(self, archive="trestle", **options):
        super().__init__(**options)
        self.injected = Inbox("fake host")
        self.asked = Inbox("fake host, requests")
        self.epoch, self.archive, self.has = "e1", archive, ("bind", "uid", "password-changed", "login")
        self.hello = True       # False: as a server without the module; None: it does not answer
        self.refusal = None     # the condition with which it refuses hello
        self.more = ""          # attributes of hello
        self.refuse = {}        # user → condition of the next bind
        self.login = {}         # user → condition with which the next questions for it are refused
        self.passwords = {}     # user → password
        self.bound = {}         # user → resource
        self.roster = {}        # user → items as XML
        self.mute = set()       # users whose sessions' questions are not answered

    def _on_element(self, connection, element):
        children = [child for child in element if child.tag.startswith(f"{{{BIND}}}") and child.tag != f"{{{BIND}}}uid"]
        if not children:
            super()._on_element(connection, element)
            return
        for part in element.iter():
            part.tag = part.tag.replace("{jabber:component:accept}", "{jabber:client}")
        stanza, request = Stanza(element), children[0]
        name = request.tag.partition("}")[2]
        if name == "inject":
            self._inject(stanza, request)
            return
        self.asked.put(stanza)
        if name == "hello" and self.hello is None:
            return
        answer = getattr(self, f"_{name}")(request) if name != "hello" or self.hello else None
        self.send(f"<iq type='{'error' if answer is None or answer.startswith('<error') else 'result'}' from='{self.domain}' "
                  f"to='{stanza.sender}' id='{stanza.id}'>" + (answer if answer is not None else
                  "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>") + "</iq>")

    def _hello(self, _):
        if self.refusal:
            return f"<error type='auth'><{self.refusal} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        has = "".join(f"<has>{one}</has>" for one in self.has)
        return (f"<hello xmlns='{BIND}' version='1' epoch='{self.epoch}' archive='{self.archive}' sessions='0' "
                f"max-sessions='1000' {self.more}>{has}</hello>")

    def _bind(self, request):
        user = request.get("user")
        if user in self.refuse:
            return (f"<error type='cancel'><{self.refuse.pop(user)} "
                    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
        self.bound[user] = request.get("resource")
        return f"<bound xmlns='{BIND}' user={quoteattr(user)} resource={quoteattr(request.get('resource'))}/>"

    def _login(self, request):
        user, password = request.get("user"), request.findtext(f"{{{BIND}}}password")
        refusal = self.login.get(user)
        if password is not None and self.passwords.get(user) != password:
            refusal = refusal or "not-authorized"
        return f"<error type='auth'><{refusal} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>" if refusal else ""

    def _unbind(self, request):
        self.bound.pop(request.get("user"), None)
        return ""

    def _inject(self, wrapper, inject):
        stanza = Injected(wrapper, inject)
        if self.bound.get(stanza.user) != stanza.resource:
            self.send(f"<message type='error' from='{self.domain}' to='{wrapper.sender}' id='{wrapper.id}'><error type='cancel'>"
                      "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
            return
        if stanza.name == "iq" and stanza.to == "" and stanza.user not in self.mute:
            inside = ""
            if stanza.has(ROSTER, "query"):
                inside = f"<query xmlns='{ROSTER}'>{self.roster.get(stanza.user, '')}</query>"
            self.to_session(stanza.user, f"<iq xmlns='jabber:client' type='result' id='{stanza.id}'>{inside}</iq>")
        self.injected.put(stanza)

    def to_session(self, user, xml, resource=None, sender=None, attributes=""):
        """Sends XML (a stanza with its namespace) in a wrapper for the session of USER."""
        self.send(f"<message from='{sender or self.domain}' to='{self.component}'><stanza xmlns='{BIND}' user='{user}' "
                  f"resource='{resource or self.bound.get(user)}' {attributes}>{xml}</stanza></message>")

    def unbound(self, user, reason):
        resource = self.bound.pop(user)
        self.send(f"<message from='{self.domain}' to='{self.component}'><unbound xmlns='{BIND}' user='{user}' "
                  f"resource='{resource}' reason='{reason}'/></message>")

    def announce(self):
        """Says hello unasked, as a module does that is loaded while the link is up."""
        self.send(f"<message from='{self.domain}' to='{self.component}'>{self._hello(None)}</message>")

    def expect_bound(self, user, timeout=None):
        """Until the bridge has bound USER; the request."""
        return self.asked.expect(f"bind of {user}", lambda s: s.has(BIND, "bind") and s.child(BIND, "bind").get("user") == user,
                                 timeout)

    def expect_injected(self, what, fits, timeout=None):
        return self.injected.expect(what, fits, timeout)


def text_of(element):
    return ElementTree.tostring(element, encoding="unicode")
