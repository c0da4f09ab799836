# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes in a call with an XMPP client while it goes on: media added, refused, taken away and turned, by either side;
candidates and keys that do not belong to it. The client says what Dino's recordings say (tests/vectors/calls)."""
import contextlib
import re
import uuid

import pytest
from harness.xmpp import JINGLE
from test_calls import FINGERPRINT, sdp
from test_calls_xmpp import ICE, RTP, expect_action, expect_jm, jm, said, talk  # noqa: F401

PWD = "UWn0pZ1gJb3k9yFv2cXtLq0E"
ERRORS = "{urn:xmpp:jingle:errors:1}"


def video(mid, port=9, direction="sendrecv", ufrag="vid1", setup="actpass"):
    """An m-line with a transport of its own, as browsers have it towards a peer that bundles nothing."""
    return "\r\n".join([
        f"m=video {port} UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{PWD}",
        f"a=fingerprint:sha-256 {FINGERPRINT}", f"a=setup:{setup}", f"a=mid:{mid}", f"a={direction}", "a=rtcp-mux",
        "a=rtpmap:96 VP8/90000"]) + "\r\n"


class Session:
    """A call between Alice's socket and Bob that goes on, with sound."""

    def __init__(self, alice, bob, talk, socket):
        self.alice, self.bob, self.socket, self.talk = alice, bob, socket, talk

    def placed(self, accepted=()):
        """Alice has called; her m-line is "0". ACCEPTED: what is otherwise in Bob's answer."""
        call = self.socket.command("call.initiate", conversation_id=self.talk["id"], call_type="audio")
        self.id = self.sid = call["id"]
        expect_jm(self.bob, "propose", self.sid)
        jm(self.bob, self.alice, "proceed", self.sid)
        self.socket.expect("call.answered", call_id=self.id)
        self.signal("offer", sdp())
        expect_action(self.bob, "session-initiate", self.sid)
        self.repeat("in-changes-session-accept-in", accepted)
        self.first = self.told("answer")
        return self

    def taken(self):
        """Bob has called; the content is "audio"."""
        self.sid = str(uuid.uuid4())
        jm(self.bob, self.alice, "propose", self.sid, f"<description xmlns='{RTP}' media='audio'/>")
        self.id = self.socket.expect("call.ringing")["payload"]["call_id"]
        self.socket.command("call.accept", call_id=self.id)
        expect_jm(self.bob, "proceed", self.sid)
        self.bob.send_raw(said("out-audio-mute-addvideo-hangup-session-initiate-in", self.bob, self.alice, self.sid))
        self.told("offer")
        self.signal("answer", self.own("active"))
        expect_action(self.bob, "session-accept", self.sid)
        return self

    def own(self, setup="actpass", more=""):
        """Alice's description of a call that Bob has begun."""
        return sdp(setup).replace("a=mid:0", "a=mid:audio").replace("BUNDLE 0", "BUNDLE audio") + more

    def signal(self, type, data):
        self.socket.command("call.signal", call_id=self.id, type=type, data=data)

    def told(self, type):
        """The description that Alice is told."""
        return self.socket.expect("call.signal", call_id=self.id, type=type)["payload"]["data"]["sdp"]

    def expect(self, action):
        """What Bob is told, acknowledged: the content."""
        return expect_action(self.bob, action, self.sid).find(f"{{{JINGLE}}}content")

    def say(self, action, inside="", **attributes):
        """Bob says something; the answer."""
        id = str(uuid.uuid4())
        self.bob.send_raw(f"<iq type='set' id='{id}' to='{self.alice.jid}/rest'><jingle xmlns='{JINGLE}' action='{action}' "
                          f"sid='{self.sid}'>{inside}</jingle></iq>")
        return self.bob.expect_stanza(f"answer to {action}", lambda s: s.name == "iq" and s.id == id)

    def repeat(self, name, replace=()):
        """Bob says what Dino said."""
        text = said(name, self.bob, self.alice, self.sid)
        for old, new in replace:
            assert old in text, old
            text = text.replace(old, new)
        self.bob.send_raw(text)

    def refuse(self, action):
        """Bob does not know of ACTION."""
        def fits(stanza):
            found = stanza.child(JINGLE, "jingle") if stanza.name == "iq" else None
            return found is not None and found.get("action") == action and found.get("sid") == self.sid
        asked = self.bob.expect_stanza(action, fits)
        self.bob.send_raw(f"<iq type='error' id='{asked.id}' to='{asked.sender}'><error type='cancel'><feature-not-implemented "
                          "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")


@pytest.fixture
def session(alice, bob, talk):  # noqa: F811
    with contextlib.ExitStack() as opened:
        made = Session(alice, bob, talk, opened.enter_context(alice.ws()))
        yield made
        made.socket.command("call.end", call_id=made.id)
        expect_action(bob, "session-terminate", made.sid)


def content(name, senders=None, creator="initiator"):
    return f"<content creator='{creator}' name='{name}'{f' senders={chr(39)}{senders}{chr(39)}' if senders else ''}/>"


def test_the_app_adds_turns_and_takes_away_a_picture(session):
    session.placed()
    session.signal("offer", sdp(extra=video("1")))
    added = session.expect("content-add")
    assert (added.get("creator"), added.get("name"), added.get("senders")) == ("initiator", "1", "both")
    assert added.find(f"{{{RTP}}}description").get("media") == "video"
    assert added.find(f"{{{ICE}}}transport").get("ufrag") == "vid1"
    session.repeat("in-changes-content-modify-in")  # Dino says first that it sends no picture
    session.repeat("in-changes-content-accept-in")
    answer = session.told("answer")
    sound, picture = answer.split("m=video")
    assert "a=sendrecv" in sound and "a=recvonly" in picture and "a=setup:active" in picture and " 96" in picture
    assert "a=ice-ufrag:cAzt" in picture and "192.0.2.2 53833" in picture
    session.signal("offer", sdp(extra=video("1", direction="inactive")))
    assert session.expect("content-modify").get("senders") == "none"
    assert "a=inactive" in session.told("answer").split("m=video")[1]
    session.say("content-modify", content("1", "both"))  # Bob's camera is on now
    again = session.told("offer")
    assert "a=sendrecv" in again.split("m=video")[1] and "a=setup:actpass" in again
    session.signal("answer", sdp("active", extra=video("1", direction="recvonly", setup="active")))
    assert session.expect("content-modify").get("senders") == "responder"
    session.signal("offer", sdp(extra=video("1", port=0)))
    assert session.expect("content-modify").get("senders") == "none", "a content-remove would end the call at some clients"
    assert "m=video 0 " in session.told("answer")


def test_what_the_app_adds_before_the_answer_is_rejected_in_it(alice, bob, talk):  # noqa: F811
    with alice.ws() as socket:
        session = Session(alice, bob, talk, socket)
        session.id = session.sid = socket.command("call.initiate", conversation_id=talk["id"], call_type="audio")["id"]
        expect_jm(bob, "propose", session.sid)
        jm(bob, alice, "proceed", session.sid)
        socket.expect("call.answered", call_id=session.id)
        session.signal("offer", sdp())
        expect_action(bob, "session-initiate", session.sid)
        session.signal("offer", sdp(extra=video("1")))
        session.repeat("in-changes-session-accept-in")
        answer = session.told("answer")
        assert "m=audio 9" in answer and "m=video 0 " in answer
        socket.command("call.end", call_id=session.id)
        expect_action(bob, "session-terminate", session.sid)


def test_a_peer_that_bundles_need_not_repeat_its_transport(session):
    group = "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='0'/></group>"
    session.placed([("<content ", group + "<content ")])
    assert "a=group:BUNDLE 0\r\n" in session.first
    ufrag = re.search(r"a=ice-ufrag:(\S+)", session.first)[1]
    session.signal("offer", sdp(extra=video("1", ufrag="q1Wz")).replace("BUNDLE 0", "BUNDLE 0 1"))
    added = expect_action(session.bob, "content-add", session.sid)
    assert [c.get("name") for c in added.find("{urn:xmpp:jingle:apps:grouping:0}group")] == ["0", "1"]
    assert added.find(f".//{{{ICE}}}transport").get("ufrag") == "q1Wz"
    whole = said("in-changes-content-accept-in", session.bob, session.alice, session.sid)
    transport = re.search("<transport.*</transport>", whole)[0]
    session.repeat("in-changes-content-accept-in", [(transport, f"<transport xmlns='{ICE}'/>")])
    answer = session.told("answer")
    assert "a=group:BUNDLE 0 1\r\n" in answer and answer.count(f"a=ice-ufrag:{ufrag}\r\n") == 2


@pytest.mark.parametrize("how", ["rejected", "not known"])
def test_the_peer_takes_no_picture(session, how):
    session.placed()
    session.signal("offer", sdp(extra=video("1")))
    if how == "rejected":
        session.expect("content-add")
        session.say("content-reject", content("1") + "<reason><decline/></reason>")
    else:
        session.refuse("content-add")
    answer = session.told("answer")
    assert "m=audio 9" in answer and "m=video 0 " in answer


def test_the_peer_adds_a_picture_which_the_app_takes(session):
    session.taken()
    session.repeat("out-audio-mute-addvideo-hangup-content-add-in")
    offer = session.told("offer")
    sound, picture = offer.split("m=video")
    assert "a=mid:audio" in sound and "a=mid:video" in picture and "a=sendonly" in picture and "crypto" not in offer
    session.signal("answer", session.own("active", video("video", direction="recvonly", setup="active").replace(" 96", " 98")
                                         .replace(":96", ":98")))
    accepted = session.expect("content-accept")
    assert (accepted.get("creator"), accepted.get("name"), accepted.get("senders")) == ("initiator", "video", "initiator")
    assert accepted.find(f"{{{ICE}}}transport").get("ufrag") == "vid1"
    session.say("content-remove", content("video") + "<reason><success/></reason>")
    assert "m=video 0 " in session.told("offer")
    session.signal("answer", session.own("active", video("video", port=0)))
    # The app's turn: a name that is taken is not used again.
    session.signal("offer", session.own("actpass", video("video", port=0) + video("2", ufrag="vid2")))
    added = session.expect("content-add")
    assert (added.get("creator"), added.get("name")) == ("responder", "2")
    session.say("content-reject", content("2", creator="responder"))
    answer = session.told("answer")
    assert answer.count("m=video 0 ") == 2 and re.search(r"m=audio 9.*a=setup:passive", answer, re.S)


def test_the_peer_adds_what_the_app_does_not_take(session):
    session.taken()
    session.repeat("out-audio-mute-addvideo-hangup-content-add-in")
    session.told("offer")
    session.signal("answer", session.own("active", video("video", port=0)))
    rejected = expect_action(session.bob, "content-reject", session.sid)
    assert rejected.find(f"{{{JINGLE}}}content").get("name") == "video"
    assert rejected.find(f"{{{JINGLE}}}reason/{{{JINGLE}}}decline") is not None
    without = [("hash='sha-256'", "hash='md5'")]
    session.repeat("out-audio-mute-addvideo-hangup-content-add-in", without)
    insecure = expect_action(session.bob, "content-reject", session.sid)
    assert insecure.find(f"{{{JINGLE}}}reason/{{{JINGLE}}}security-error") is not None


def test_both_add_at_once(session):
    """The session's initiator, who is Bob, goes on; the app is offered his picture when its own offer is answered."""
    session.taken()
    session.signal("offer", session.own("actpass", video("2", ufrag="vid2")))
    session.repeat("out-audio-mute-addvideo-hangup-content-add-in")
    session.bob.barrier(session.alice.jid)
    session.refuse("content-add")
    assert "m=video 0 " in session.told("answer")
    offer = session.told("offer")
    assert re.findall(r"m=(\w+) (\d)", offer) == [("audio", "9"), ("video", "0"), ("video", "9")]
    assert re.findall(r"a=mid:(\S+)", offer) == ["audio", "2", "video"]
    session.signal("answer", session.own("active", video("2", port=0) + video("video", port=0)))
    session.expect("content-reject")


def test_what_does_not_belong_to_the_call_changes_nothing(session):
    session.placed()
    transport = "<content creator='initiator' name='0'><transport xmlns='{}' ufrag='{}'{}>{}</transport></content>"
    candidates = "".join(
        f"<candidate component='1' foundation='1' generation='0' id='c{port}' ip='192.0.2.9' network='0' port='{port}' "
        "priority='9' protocol='udp' type='host'/>" for port in (4001, 4002, 4003))
    known = re.search(r"ufrag='([^']*)'", said("in-changes-session-accept-in", session.bob, session.alice, session.sid))[1]
    assert session.say("transport-info", transport.format(ICE, "else", "", candidates)).type == "result"
    other = f"<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='active'>{':'.join(['00'] * 32)}</fingerprint>"
    refused = session.say("transport-info", transport.format(ICE, known, "", other + candidates))
    assert refused.type == "error" and refused.xml.find(".//{urn:ietf:params:xml:ns:xmpp-stanzas}not-acceptable") is not None
    assert session.say("transport-info", transport.format(ICE, known, "", candidates)).type == "result"
    told = [session.socket.expect("call.signal", type="ice_candidate")["payload"]["data"] for _ in range(3)]
    assert [re.search(r"192.0.2.9 (\d+)", one["candidate"])[1] for one in told] == ["4001", "4002", "4003"]
    assert {one["usernameFragment"] for one in told} == {known}
    assert session.say("content-accept", content("9")).xml.find(f".//{ERRORS}out-of-order") is not None
    session.signal("offer", sdp(extra=video("1")))
    session.expect("content-add")
    tied = session.say("content-add", content("video", creator="responder"))
    assert tied.type == "error" and tied.xml.find(f".//{ERRORS}tie-break") is not None, "the initiator's goes on"
    session.say("content-reject", content("1"))
    session.told("answer")
