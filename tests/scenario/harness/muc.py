# SPDX-License-Identifier: GPL-3.0-or-later
"""An XMPP user in a room (XEP-0045): slixmpp's plugin enters, leaves and talks; what comes is kept as it is."""
import uuid
from xml.etree.ElementTree import Element, SubElement

from .xmpp import CLIENT, ORIGIN_ID

MUC = "http://jabber.org/protocol/muc"
MUC_USER = f"{MUC}#user"
OCCUPANT_ID = "urn:xmpp:occupant-id:0"
DELAY = "urn:xmpp:delay"


def codes(stanza):
    """The status codes of a presence or message of a room."""
    x = stanza.child(MUC_USER, "x")
    return [] if x is None else [int(status.get("code")) for status in x.iter(f"{{{MUC_USER}}}status")]


def item(stanza):
    """The attributes of the item of a room's presence."""
    return dict(stanza.child(MUC_USER, "x").find(f"{{{MUC_USER}}}item").attrib)


def occupant_id(stanza):
    return stanza.child(OCCUPANT_ID, "occupant-id").get("id")


def stanza_id(stanza):
    """(by, id) of each stanza-id."""
    return [(e.get("by"), e.get("id")) for e in stanza.xml.iter(f"{{{ORIGIN_ID}}}stanza-id")]


def condition(stanza):
    return next(child.tag.rpartition("}")[2] for child in stanza.child(CLIENT, "error"))


class Seat:
    """One session (an XmppUser) in one room."""

    def __init__(self, user, room, nick):
        self.user, self.room, self.nick = user, room, nick

    @property
    def place(self):
        return f"{self.room}/{self.nick}"

    def ask(self, nick=None, muc=True, **history):
        """Sends the presence with which one enters, or without muc shows something else; returns its id."""
        id = uuid.uuid4().hex
        presence = Element(f"{{{CLIENT}}}presence", {"to": f"{self.room}/{nick or self.nick}", "id": id})
        if muc:
            x = SubElement(presence, f"{{{MUC}}}x")
            if history:
                SubElement(x, f"{{{MUC}}}history", {name: str(value) for name, value in history.items()})
        self.user.send_element(presence)
        return id

    def enter(self, **history):
        """Returns what the room says to who is in it, up to the subject: presences, then messages. An invitation may come
        at any time."""
        mark = len(self.user.inbox.received)
        self.ask(**history)
        self.user.expect_stanza(f"subject of {self.room}", lambda s: s.name == "message" and s.sender.startswith(self.room)
                                and s.has(CLIENT, "subject") and s.body is None)
        return [s for s in self.user.inbox.received[mark:] if s.sender.partition("/")[0] == self.room
                and (s.name == "presence" or s.type in ("groupchat", "error"))]

    def refused(self, nick=None, muc=True):
        """The condition with which entering is refused."""
        id = self.ask(nick, muc)
        return condition(self.user.expect_stanza("refusal", lambda s: s.name == "presence" and s.type == "error" and s.id == id))

    def leave(self):
        self.user.send_presence(self.place, "unavailable")
        return self.user.expect_stanza("own leaving", lambda s: s.name == "presence" and s.type == "unavailable" and 110 in codes(s)
                                       and s.sender == self.place)

    def say(self, body, id=None, extra=(), origin=True, to=None, type="groupchat"):
        """Returns the stanza's id."""
        id = id or str(uuid.uuid4())
        message = Element(f"{{{CLIENT}}}message", {"to": to or self.room, "type": type, "id": id})
        if body is not None:
            SubElement(message, f"{{{CLIENT}}}body").text = body
        if origin:
            SubElement(message, f"{{{ORIGIN_ID}}}origin-id", {"id": id})
        message.extend(extra)
        self.user.send_element(message)
        return id

    def hear(self, body, nick=None, timeout=None):
        return self.user.expect_message(body, self.room if nick is None else f"{self.room}/{nick}", timeout, type="groupchat")

    def error(self, id):
        """The condition with which a message of that id was refused."""
        return condition(self.user.expect_stanza(f"error of {id}", lambda s: s.name == "message" and s.type == "error" and s.id == id))

    def see(self, nick, type=None, **wanted):
        """The next presence of NICK whose item has these attributes."""
        return self.user.expect_stanza(f"presence of {nick} {type} {wanted}", lambda s: s.name == "presence" and s.type == type
                                       and s.sender == f"{self.room}/{nick}" and wanted.items() <= item(s).items())
