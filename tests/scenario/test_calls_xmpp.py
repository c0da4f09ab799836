# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls between app users and XMPP clients, with and without ringing by message; the client says what Dino's
recordings say (tests/vectors/calls)."""
import re
import uuid
from pathlib import Path

import pytest
from harness.caps import caps_of
from harness.database import database
from harness.inbox import wait_for
from harness.jingle_agent import FEATURES
from harness.xmpp import JINGLE
from test_calls import candidate, initiate, sdp
from test_presence import open_socket

JM = "urn:xmpp:jingle-message:0"
RTP = "urn:xmpp:jingle:apps:rtp:1"
RECEIPTS = "urn:xmpp:receipts"
DISCO = "http://jabber.org/protocol/disco#info"
ICE = "urn:xmpp:jingle:transports:ice-udp:1"
VECTORS = Path(__file__).resolve().parents[1] / "vectors/calls"


@pytest.fixture
def talk(alice, bob):
    """They have talked, so that a call rings, and is none of strangers."""
    made = alice.conversation_with(jid=bob.bare)
    alice.send(made, "hello")
    bob.expect_message("hello")
    bob.send_message(alice.jid, "hello, alice")
    wait_for("it to come", lambda: len(alice.messages(made)["items"]) == 2)
    return made


def said(name, bob, alice, sid):
    """A stanza of Dino's, as Bob's."""
    text = (VECTORS / f"dino-{name}.xml").read_text()
    text = re.sub(r"sid='[^']*'", f"sid='{sid}'", text)
    text = re.sub(r" from='[^']*'", "", text)
    text = re.sub(r"(<iq[^>]*) to='[^']*'", rf"\1 to='{alice.jid}/rest'", text)
    text = re.sub(r"(initiator|responder)='carol@[^']*'", rf"\1='{bob.jid}'", text)
    return re.sub(r"(<iq[^>]*) id='[^']*'", rf"\1 id='{uuid.uuid4()}'", text)


def describe(bob, alice, features):
    """Bob's client shows Alice that it has these features, and says so when it is asked (XEP-0115 section 5.1)."""
    features = [*features, f"urn:test:{uuid.uuid4()}"]  # nobody has asked for these before
    bob.send_raw(f"<presence to='{alice.jid}'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:t' "
                 f"ver='{caps_of(features)}'/></presence>")
    asked = bob.expect_stanza("disco#info", lambda s: s.name == "iq" and s.has(DISCO, "query")
                              and (s.child(DISCO, "query").get("node") or "").startswith("urn:t"))
    said = "".join(f"<feature var='{feature}'/>" for feature in features)
    bob.send_raw(f"<iq type='result' id='{asked.id}' to='{asked.sender}'><query xmlns='{DISCO}' "
                 f"node='{asked.child(DISCO, 'query').get('node')}'><identity category='client' type='bot' name='Test'/>{said}"
                 "</query></iq>")
    bob.barrier(alice.jid)


def jm(bob, alice, kind, sid, inside="", resource=True, id=None):
    to = alice.jid + ("/rest" if resource else "")
    bob.send_raw(f"<message to='{to}' type='chat'{f' id={chr(39)}{id}{chr(39)}' if id else ''}>"
                 f"<{kind} xmlns='{JM}' id='{sid}'>{inside}</{kind}></message>")


def expect_jm(bob, kind, sid):
    return bob.expect_stanza(f"{kind} of {sid}", lambda s: s.name == "message" and s.child(JM, kind) is not None
                             and s.child(JM, kind).get("id") == sid)


def expect_action(bob, action, sid, **attributes):
    def fits(stanza):
        found = stanza.child(JINGLE, "jingle") if stanza.name == "iq" else None
        return found is not None and found.get("action") == action and found.get("sid") == sid
    stanza = bob.expect_stanza(f"{action} of {sid}", fits)
    bob.send_raw(f"<iq type='result' id='{stanza.id}' to='{stanza.sender}'/>")
    return stanza.child(JINGLE, "jingle")


def test_bob_sees_that_alice_can_be_called(alice, bob, talk):
    with alice.ws():
        features = bob.disco_info(alice.jid + "/rest")
        text = str(features)
        for feature in (JINGLE, RTP, RTP + ":audio", RTP + ":video", ICE, JM, "urn:xmpp:jingle:apps:dtls:0", "urn:ietf:rfc:5888"):
            assert feature in text, feature


def test_alice_calls_and_bob_accepts(alice, bob, talk):
    with alice.ws() as socket:
        call = socket.command("call.initiate", conversation_id=talk["id"], call_type="audio")
        sid = call["id"]
        propose = expect_jm(bob, "propose", sid)
        seen = bob.expect_presence(f"{alice.jid}/rest")  # there is no subscription; what she can do is in it
        assert seen.type is None and seen.has("http://jabber.org/protocol/caps", "c")
        assert [d.get("media") for d in propose.child(JM, "propose")] == ["audio"] and propose.has(RECEIPTS, "request")
        jm(bob, alice, "ringing", sid)
        socket.expect("call.remote_ringing", call_id=sid)
        jm(bob, alice, "proceed", sid)
        socket.expect("call.answered", call_id=sid)
        socket.command("call.signal", call_id=sid, type="offer", data=sdp())
        offer = expect_action(bob, "session-initiate", sid)
        content = offer.find(f"{{{JINGLE}}}content")
        assert content.get("name") == "0" and content.find(f"{{{RTP}}}description").get("media") == "audio"
        assert content.find(f"{{{ICE}}}transport").get("ufrag") == "q1Wz"
        socket.command("call.signal", call_id=sid, type="ice_candidate", data=candidate())
        info = expect_action(bob, "transport-info", sid)
        assert info.find(f".//{{{ICE}}}candidate").get("ip") == "203.0.113.7"
        bob.send_raw(said("in-changes-session-accept-in", bob, alice, sid))
        answer = socket.expect("call.signal", call_id=sid, type="answer")["payload"]["data"]["sdp"]
        assert "a=mid:0" in answer and "a=setup:active" in answer and "m=audio" in answer and "\r\n" in answer
        socket.command("call.state", call_id=sid, muted=True)
        expect_action(bob, "session-info", sid)
        socket.command("call.signal", call_id=sid, type="ice_restart", data=sdp(ufrag="neww"))
        again = expect_action(bob, "transport-info", sid).find(f".//{{{ICE}}}transport")
        assert again.get("ufrag") == "neww" and not list(again.iter(f"{{{ICE}}}candidate"))
        socket.command("call.end", call_id=sid)
        over = expect_action(bob, "session-terminate", sid)
        assert over.find(f"{{{JINGLE}}}reason/{{{JINGLE}}}success") is not None
        expect_jm(bob, "finish", sid)
        bob.expect_presence(f"{alice.jid}/rest", "unavailable")


@pytest.mark.parametrize("kind, inside, status, reason", [
    ("reject", "", "declined", "declined"),
    ("reject", f"<reason xmlns='{JINGLE}'><busy/></reason>", "declined", "busy")])
def test_bob_declines(alice, bob, talk, kind, inside, status, reason):
    with alice.ws() as socket:
        call = initiate(alice, talk, call_type="audio")
        expect_jm(bob, "propose", call["id"])
        jm(bob, alice, kind, call["id"], inside)
        socket.expect("call.declined", call_id=call["id"], status=status, reason=reason)
        bob.expect_presence(f"{alice.jid}/rest", "unavailable")


def test_alice_gives_up(alice, bob, talk):
    call = initiate(alice, talk)
    propose = expect_jm(bob, "propose", call["id"])
    assert [d.get("media") for d in propose.child(JM, "propose")] == ["audio", "video"]
    alice.call(200, "POST", f"/api/calls/{call['id']}/end", {})
    retract = expect_jm(bob, "retract", call["id"])
    assert retract.child(JM, "retract").find(f"{{{JINGLE}}}reason/{{{JINGLE}}}cancel") is not None


def test_bob_calls_and_alice_accepts(alice, bob, talk):
    sid = str(uuid.uuid4())
    with alice.ws() as socket:
        jm(bob, alice, "propose", sid, f"<description xmlns='{RTP}' media='audio'/>", resource=False, id="p1")
        rung = socket.expect("call.ringing", call_type="audio")["payload"]
        assert rung["call"]["caller"]["jid"] == bob.bare
        expect_jm(bob, "ringing", sid)
        bob.expect_stanza("receipt", lambda s: s.child(RECEIPTS, "received") is not None
                          and s.child(RECEIPTS, "received").get("id") == "p1")
        socket.command("call.accept", call_id=rung["call_id"])
        expect_jm(bob, "proceed", sid)
        bob.send_raw(said("out-audio-mute-addvideo-hangup-session-initiate-in", bob, alice, sid))
        offer = socket.expect("call.signal", type="offer")["payload"]["data"]["sdp"]
        assert "m=audio" in offer and "a=setup:actpass" in offer and "crypto" not in offer and "192.0.2.2" in offer
        mid = re.search(r"a=mid:(\S+)", offer)[1]
        answer = sdp("active").replace("a=mid:0", f"a=mid:{mid}").replace("BUNDLE 0", f"BUNDLE {mid}")
        socket.command("call.signal", call_id=rung["call_id"], type="answer", data=answer)
        accepted = expect_action(bob, "session-accept", sid)
        assert accepted.find(f"{{{JINGLE}}}content").get("name") == "audio"
        bob.send_raw(said("out-audio-mute-addvideo-hangup-session-info-in", bob, alice, sid))
        socket.expect("call.state", muted=True)
        stranger = said("out-audio-mute-addvideo-hangup-session-info-in", bob, alice, str(uuid.uuid4()))
        bob.send_raw(stranger)
        error = bob.expect_stanza("unknown session", lambda s: s.name == "iq" and s.type == "error")
        assert error.xml.find(".//{urn:xmpp:jingle:errors:1}unknown-session") is not None
        bob.send_raw(f"<iq type='set' id='t1' to='{alice.jid}/rest'><jingle xmlns='{JINGLE}' action='session-terminate' "
                     f"sid='{sid}'><reason><success/></reason></jingle></iq>")
        socket.expect("call.ended", call_id=rung["call_id"], status="ended", reason="hangup")


def test_bob_gives_up_and_alice_is_busy_or_declines(alice, bob, talk):
    description = f"<description xmlns='{RTP}' media='audio'/>"
    first, second, third = (str(uuid.uuid4()) for _ in range(3))
    with alice.ws() as socket:
        jm(bob, alice, "propose", first, description)
        rung = socket.expect("call.ringing")["payload"]
        jm(bob, alice, "propose", second, description)
        busy = expect_jm(bob, "reject", second)
        assert busy.child(JM, "reject").find(f"{{{JINGLE}}}reason/{{{JINGLE}}}busy") is not None
        jm(bob, alice, "retract", first)
        socket.expect("call.ended", call_id=rung["call_id"], status="missed")
        jm(bob, alice, "propose", third, description)
        rung = socket.expect("call.ringing")["payload"]
        socket.command("call.decline", call_id=rung["call_id"])
        expect_jm(bob, "reject", third)


@pytest.mark.parametrize("lower", ["ours", "theirs"])
def test_both_call_at_once(alice, bob, talk, lower):
    """The lower id goes on; the other is rejected, or retracted."""
    with alice.ws() as socket:
        ours = initiate(alice, talk, call_type="audio")["id"]
        theirs = ("z" if lower == "ours" else "!") + ours
        expect_jm(bob, "propose", ours)
        jm(bob, alice, "propose", theirs, f"<description xmlns='{RTP}' media='audio'/>", resource=False)
        if lower == "ours":
            rejected = expect_jm(bob, "reject", theirs).child(JM, "reject")
            assert rejected.find(f"{{{JM}}}tie-break") is not None
            jm(bob, alice, "proceed", ours)
            socket.expect("call.answered", call_id=ours)
            assert not socket.frames("call.ringing")
        else:
            expect_jm(bob, "retract", ours)
            socket.expect("call.ended", call_id=ours, status="missed", reason="cancelled")
            rung = socket.expect("call.ringing")["payload"]
            socket.command("call.accept", call_id=rung["call_id"])
            expect_jm(bob, "proceed", theirs)


def test_a_peer_whose_clients_cannot_call_is_not_rung(alice, bob, talk):
    """As long as that is known; one client that may be able is enough."""
    bob.describes_itself = True
    with database(alice.stack) as query:
        query("INSERT INTO contacts (user_id, peer, to_peer) VALUES (%s, %s, true)", alice.me()["id"], bob.bare)
    with open_socket(alice) as socket:
        describe(bob, alice, [JINGLE])
        socket.sync()
        assert initiate(alice, talk, 409)["error_reason"] == "offline"
        bob.send_raw(f"<presence to='{alice.jid}'/>")
        bob.barrier(alice.jid)
        initiate(alice, talk)


def test_bob_calls_without_a_message_before(alice, bob, talk):
    sid = str(uuid.uuid4())
    with alice.ws() as socket:
        bob.send_raw(said("out-without-jmi-session-initiate-in", bob, alice, sid))
        rung = socket.expect("call.ringing")["payload"]
        expect_action(bob, "session-info", sid)
        socket.sync()
        assert not socket.frames("call.signal")
        socket.command("call.accept", call_id=rung["call_id"])
        offer = socket.expect("call.signal", type="offer")["payload"]["data"]["sdp"]
        mid = re.search(r"a=mid:(\S+)", offer)[1]
        answer = sdp("active").replace("a=mid:0", f"a=mid:{mid}").replace("BUNDLE 0", f"BUNDLE {mid}")
        socket.command("call.signal", call_id=rung["call_id"], type="answer", data=answer)
        expect_action(bob, "session-accept", sid)
        socket.command("call.end", call_id=rung["call_id"])
        expect_action(bob, "session-terminate", sid)


@pytest.fixture
def without_jmi(alice, bob):
    """Alice's socket, where it is known that Bob's client calls, and cannot be rung by message."""
    features = sorted(feature for feature in FEATURES if feature != JM)
    bob.describes_itself = True
    with database(alice.stack) as query:
        query("INSERT INTO contacts (user_id, peer, to_peer) VALUES (%s, %s, true)", alice.me()["id"], bob.bare)
    with open_socket(alice) as socket:
        describe(bob, alice, features)
        socket.sync()
        yield socket


def test_a_peer_without_messages_of_calls_rings_by_the_offer(alice, bob, talk, without_jmi):
    socket = without_jmi
    call = socket.command("call.initiate", conversation_id=talk["id"], call_type="audio")
    sid = call["id"]
    socket.expect("call.offer_needed", call_id=sid)
    socket.command("call.signal", call_id=sid, type="ice_candidate", data=candidate())
    socket.command("call.signal", call_id=sid, type="offer", data=sdp())
    content = expect_action(bob, "session-initiate", sid).find(f"{{{JINGLE}}}content")
    assert content.get("name") == "0"
    assert expect_action(bob, "transport-info", sid).find(f".//{{{ICE}}}candidate").get("ip") == "203.0.113.7"
    bob.send_raw(f"<iq type='set' id='r1' to='{alice.jid}/rest'><jingle xmlns='{JINGLE}' action='session-info' sid='{sid}'>"
                 f"<ringing xmlns='{RTP[:-1]}info:1'/></jingle></iq>")
    socket.expect("call.remote_ringing", call_id=sid)
    early = (f"<iq type='set' id='c1' to='{alice.jid}/rest'><jingle xmlns='{JINGLE}' action='transport-info' sid='{sid}'>"
             f"<content creator='initiator' name='0'><transport xmlns='{ICE}'><candidate component='1' foundation='1' "
             "generation='0' id='c' ip='192.0.2.9' network='0' port='{}' priority='9' protocol='udp' type='host'/></transport>"
             "</content></jingle></iq>")
    bob.send_raw(early.format(4001))
    bob.send_raw(said("in-changes-session-accept-in", bob, alice, sid))
    bob.send_raw(early.format(4002).replace("'c1'", "'c2'"))
    ports = [re.search(r"192.0.2.9 (\d+)", socket.expect("call.signal", type="ice_candidate")["payload"]["data"]["candidate"])[1]
             for _ in range(2)]
    assert ports == ["4001", "4002"], "what came before the answer has waited"
    told = [f["payload"].get("type") for f in socket.frames("call.answered", "call.signal")]
    assert told == [None, "answer", "ice_candidate", "ice_candidate"], told
    socket.command("call.end", call_id=sid)
    expect_action(bob, "session-terminate", sid)
    assert not bob.inbox.count(lambda s: s.name == "message" and s.has(JM, "propose"))


@pytest.mark.parametrize("who", ["declines", "gives up", "gives up early"])
def test_a_call_by_an_offer_that_is_not_taken(alice, bob, talk, without_jmi, who):
    socket = without_jmi
    sid = socket.command("call.initiate", conversation_id=talk["id"], call_type="audio")["id"]
    socket.expect("call.offer_needed", call_id=sid)
    if who == "gives up early":
        socket.command("call.end", call_id=sid)
        socket.expect("call.ended", call_id=sid, status="missed")
        return
    socket.command("call.signal", call_id=sid, type="offer", data=sdp())
    expect_action(bob, "session-initiate", sid)
    if who == "gives up":
        socket.command("call.end", call_id=sid)
        over = expect_action(bob, "session-terminate", sid)
        assert over.find(f"{{{JINGLE}}}reason/{{{JINGLE}}}cancel") is not None
    else:
        bob.send_raw(f"<iq type='set' id='t1' to='{alice.jid}/rest'><jingle xmlns='{JINGLE}' action='session-terminate' "
                     f"sid='{sid}'><reason><decline/></reason></jingle></iq>")
        socket.expect("call.declined", call_id=sid, reason="declined")


def test_what_is_no_call_does_not_ring(alice, bob, talk):
    with alice.ws() as socket:
        jm(bob, alice, "propose", "f1", "<description xmlns='urn:xmpp:jingle:apps:file-transfer:5'/>")
        refused = expect_jm(bob, "reject", "f1").child(JM, "reject")
        assert refused.find(f"{{{JINGLE}}}reason/{{{JINGLE}}}unsupported-applications") is not None
        bob.send_raw(f"<message to='{alice.jid}' type='chat'><propose xmlns='{JM}' id='late'><description xmlns='{RTP}' "
                     "media='audio'/></propose><delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/></message>")
        bob.send_raw(said("in-changes-session-accept-in", bob, alice, "nowhere"))
        bob.expect_stanza("error", lambda s: s.name == "iq" and s.type == "error")
        bare = said("out-without-jmi-session-initiate-in", bob, alice, "bare")
        bob.send_raw(re.sub(r"<fingerprint.*?</fingerprint>", "", bare))
        over = expect_action(bob, "session-terminate", "bare")
        assert over.find(f"{{{JINGLE}}}reason/{{{JINGLE}}}security-error") is not None
        bob.barrier(alice.jid)
        socket.sync()
        assert not socket.frames("call.ringing")
