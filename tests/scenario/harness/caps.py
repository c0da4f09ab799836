# SPDX-License-Identifier: GPL-3.0-or-later
"""Capabilities of a test's own client (XEP-0115): their hash, and the answer to who asks what it stands for."""
import base64
import hashlib
from xml.etree.ElementTree import Element, SubElement

DISCO_INFO = "http://jabber.org/protocol/disco#info"
CLIENT = "jabber:client"


def caps_of(features):
    text = "client/bot//Test<" + "".join(f"{feature}<" for feature in sorted(features))
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


def answer_caps(client, features):
    """From now on the client answers disco#info with these features, in place of slixmpp's own answer."""
    def on_stanza(stanza):
        xml = stanza.xml
        query = xml.find(f"{{{DISCO_INFO}}}query") if xml is not None and xml.get("type") == "get" else None
        if query is None:
            return stanza
        reply = Element(f"{{{CLIENT}}}iq", {"type": "result", "id": xml.get("id"), "to": xml.get("from")})
        attributes = {"node": query.get("node")} if query.get("node") else {}
        info = SubElement(reply, f"{{{DISCO_INFO}}}query", attributes)
        SubElement(info, f"{{{DISCO_INFO}}}identity", {"category": "client", "type": "bot", "name": "Test"})
        for feature in features:
            SubElement(info, f"{{{DISCO_INFO}}}feature", {"var": feature})
        client.send_element(reply)
        return None
    client._client.add_filter("in", on_stanza)
