# SPDX-License-Identifier: GPL-3.0-or-later
"""Features that the operator switches off: what apps are told, and what contacts see. The server is a fake one."""
import signal

from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.rest import App, http_request

CAPS = "http://jabber.org/protocol/caps"
DISCO = "http://jabber.org/protocol/disco#info"
CHAT_STATES = "http://jabber.org/protocol/chatstates"
REACTIONS = "urn:xmpp:reactions:0"
EVE = "eve@example.org"


def befriend(server, user):
    jid = user.me()["jid"]
    user.call(201, "POST", "/api/contacts", {"jid": EVE})
    server.expect("the request", lambda s: s.name == "presence" and s.type == "subscribe" and s.to == EVE)
    server.send(f"<presence from='{EVE}' to='{jid}' type='subscribed'/>"
                f"<presence from='{EVE}' to='{jid}' type='subscribe'/>")
    server.expect("the grant", lambda s: s.name == "presence" and s.type == "subscribed" and s.to == EVE)
    return jid


def shown(server, jid, other_than=None):
    """Node and ver that the user's presence has; OTHER_THAN was seen before."""
    def caps(stanza):
        element = stanza.child(CAPS, "c")
        return element.get("node") + "#" + element.get("ver")
    return caps(server.expect("presence", lambda s: s.name == "presence" and s.type in (None, "available")
                              and s.sender == f"{jid}/rest" and s.has(CAPS, "c") and caps(s) != other_than))


def discover(server, jid, node):
    server.send(f"<iq type='get' id='{node}' from='{EVE}/x' to='{jid}/rest'><query xmlns='{DISCO}' node='{node}'/></iq>")
    answer = server.expect("an answer", lambda s: s.name == "iq" and s.id == node and s.type in ("result", "error"))
    assert answer.type == "result"
    return {feature.get("var") for feature in answer.child(DISCO, "query").iter(f"{{{DISCO}}}feature")}


def test_what_is_switched_off_is_refused_and_not_announced(running_stack):
    with FakeXmpp() as server, Daemon(running_stack, server.port, {"features": {"search": "off"}},
                                      secret=server.secret) as daemon:
        server.wait_stream()
        alice, bella = App(daemon, "alice"), App(daemon, "bella")
        jid = befriend(server, alice)
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        refusal = alice.request("GET", "/api/messages/search", q="word")
        assert (refusal.status, refusal.json["code"]) == (501, "not_available")
        assert "search" in refusal.json["detail"]
        told = alice.capabilities()
        assert told["off"] == ["search"] and "search" not in told["features"] and "typing" in told["features"]
        assert http_request(daemon.info["rest"], "GET", "/api/capabilities").json["off"] == ["search"], "without a token"
        with alice.ws() as socket:
            before = shown(server, jid)
            assert {CHAT_STATES, REACTIONS} <= discover(server, jid, before)
            message = alice.send(talk, "Hello")
            socket.command("typing", conversation_id=talk["id"], active=True)
            daemon.configure({"features": {"search": "on", "typing": "0%", "reactions": "off"}})
            daemon.process.send_signal(signal.SIGHUP)
            after = shown(server, jid, before)
            assert not {CHAT_STATES, REACTIONS} & discover(server, jid, after)
            assert socket.refused("message.react", message_id=message["id"], emoji="👍")["code"] == "not_available"
            assert socket.refused("typing", conversation_id=talk["id"], active=True)["code"] == "not_available"
        assert alice.request("GET", "/api/messages/search", q="word").status == 200
        assert alice.capabilities()["off"] == ["typing", "reactions"]
        stale = http_request(daemon.info["rest"], "GET", "/api/capabilities", headers={"Authorization": "Bearer x"})
        assert stale.status == 200 and stale.json["off"] == ["typing", "reactions"], "a bad token is as good as none"
