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
RECEIPTS = "urn:xmpp:receipts"
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
        figures = alice.request("GET", f"/api/conversations/{talk['id']}/analytics")
        assert (figures.status, figures.json["code"]) == (501, "not_available"), "unless it is switched on"
        assert told["off"] == ["search", "analytics"] and "search" not in told["features"] and "typing" in told["features"]
        assert http_request(daemon.info["rest"], "GET", "/api/capabilities").json["off"] == ["search", "analytics"], "without a token"
        assert not {"translation", "transcription", "upload", "file"} & set(told["features"]), "there is no service that does it"
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
        assert alice.capabilities()["off"] == ["typing", "reactions", "analytics"]
        stale = http_request(daemon.info["rest"], "GET", "/api/capabilities", headers={"Authorization": "Bearer x"})
        assert stale.status == 200 and stale.json["off"] == ["typing", "reactions", "analytics"], "a bad token is as good as none"


def switch(daemon, **features):
    daemon.configure({"features": features})
    daemon.process.send_signal(signal.SIGHUP)


def said(server, jid, body, inside=""):
    """Whether what eve writes is refused; else a receipt says that it was taken."""
    id = f"m-{body}-{len(inside)}"
    server.send(f"<message type='chat' id='{id}' from='{EVE}/x' to='{jid}'><body>{body}</body>{inside}"
                f"<request xmlns='{RECEIPTS}'/></message>")
    answer = server.expect("an answer", lambda s: s.name == "message" and s.to == f"{EVE}/x" and (
        s.id == id or s.has(RECEIPTS, "received") and s.child(RECEIPTS, "received").get("id") == id))
    return answer.type == "error" and "service-unavailable" in repr(answer)


def test_messages_switched_off_are_neither_sent_nor_taken(running_stack):
    with FakeXmpp() as server, Daemon(running_stack, server.port, secret=server.secret) as daemon:
        server.wait_stream()
        alice, bella = App(daemon, "alice"), App(daemon, "bella")
        jid = befriend(server, alice)
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        message = alice.send(talk, "Hello")
        assert not said(server, jid, "taken")
        with alice.ws() as socket:
            before = shown(server, jid)
            assert RECEIPTS in discover(server, jid, before)
            switch(daemon, messages="off")
            after = shown(server, jid, before)
            assert RECEIPTS not in discover(server, jid, after)
            for method, path, body in (
                    ("POST", f"/api/conversations/{talk['id']}/messages", {"content": "x"}),
                    ("POST", "/api/messages", {"receiver_id": bella.me()["id"], "content": "x"}),
                    ("PATCH", f"/api/messages/{message['id']}", {"content": "x"}),
                    ("POST", f"/api/messages/{message['id']}/forward", {"conversation_ids": [talk["id"]]}),
                    ("POST", f"/api/conversations/{talk['id']}/scheduled", {"content": "x", "scheduled_for": "2099-01-01T00:00:00Z"})):
                refusal = alice.request(method, path, body)
                assert (refusal.status, refusal.json["code"]) == (501, "not_available"), path
            assert socket.refused("message", conversation_id=talk["id"], content="x")["code"] == "not_available"
            assert alice.capabilities()["off"] == ["messages", "analytics"]
            # What comes is refused, so that whoever wrote it knows; a correction is no way around.
            assert said(server, jid, "refused")
            assert said(server, jid, "corrected", "<replace xmlns='urn:xmpp:message-correct:0' id='m-taken-0'/>")
            # Reading goes on, and so does taking back.
            assert [m["content"] for m in bella.messages(talk)["items"]] == ["Hello"]
            bella.call(200, "PUT", f"/api/conversations/{talk['id']}/read", {"message_id": message["id"]})
            alice.call(200, "DELETE", f"/api/messages/{message['id']}?for=everyone")
            switch(daemon, messages="on")
            shown(server, jid, after)
            assert not said(server, jid, "again")
        eve = next(c for c in alice.call(200, "GET", "/api/conversations")["items"] if c["id"] != talk["id"])
        assert [m["content"] for m in alice.messages(eve)["items"]] == ["taken", "again"]
