# SPDX-License-Identifier: GPL-3.0-or-later
"""A client's own archive (XEP-0313), page by page."""
import uuid
from xml.etree.ElementTree import Element, SubElement

from .xmpp import CLIENT, FORWARD, MAM, RSM, Stanza, XmppError

DATA = "jabber:x:data"
DELAY = "urn:xmpp:delay"


def query(fields=(), page=None, flip=False, queryid="q"):
    """fields: (name, value or list of values)."""
    element = Element(f"{{{MAM}}}query", {"queryid": queryid})
    form = SubElement(element, f"{{{DATA}}}x", {"type": "submit"})
    for var, values in (("FORM_TYPE", MAM), *fields):
        field = SubElement(form, f"{{{DATA}}}field", {"var": var})
        for value in values if isinstance(values, list) else [values]:
            SubElement(field, f"{{{DATA}}}value").text = value
    rsm = SubElement(element, f"{{{RSM}}}set")
    for name, value in (page or {}).items():
        SubElement(rsm, f"{{{RSM}}}{name}").text = value
    if flip:
        SubElement(element, f"{{{MAM}}}flip-page")
    return element


def plain(id):
    """The UUID that an id of an archive is; ejabberd spells it as the decimal number."""
    return str(uuid.UUID(int=int(id))) if id.isdigit() else id


class Page:
    def __init__(self, results, fin):
        self.ids = [r.get("id") for r in results]
        self.stanzas = [Stanza(r.find(f"{{{FORWARD}}}forwarded/{{{CLIENT}}}message")) for r in results]
        self.bodies = [stanza.body for stanza in self.stanzas]
        self.stamps = [r.find(f"{{{FORWARD}}}forwarded/{{{DELAY}}}delay").get("stamp") for r in results]
        self.complete = fin.get("complete") == "true"
        self.first, self.last, self.count = (fin.findtext(f"{{{RSM}}}set/{{{RSM}}}{end}") for end in ("first", "last", "count"))


def page(client, *fields, flip=False, **rsm):
    name = uuid.uuid4().hex
    fin = client.iq(None, query(fields, rsm, flip, name), "set").child(MAM, "fin")
    found = [s.child(MAM, "result") for s in client.inbox.received if s.name == "message" and s.has(MAM, "result")]
    return Page([r for r in found if r.get("queryid") == name], fin)


def everything(client, *fields, max=20):
    """All that the archive has, forwards: pages put together."""
    ids, bodies, more = [], [], {}
    while True:
        got = page(client, *fields, max=str(max), **more)
        ids, bodies, more = ids + got.ids, bodies + got.bodies, {"after": got.last}
        if got.complete or not got.ids:
            return ids, bodies


def refused(client, *fields, **rsm):
    """The condition with which a page that makes no sense is refused."""
    try:
        page(client, *fields, **rsm)
    except XmppError as error:
        return error.condition
    raise AssertionError("the archive answers a page that makes no sense")


def is_open(client):
    """Whether the archive answers."""
    try:
        return page(client, max="0") is not None
    except XmppError:
        return False
