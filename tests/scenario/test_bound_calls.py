# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of existing accounts: the app and the account's other XMPP clients ring together, and all stop when one of them
answers or declines. Real servers with their module."""
import contextlib
import re
import uuid
from xml.etree.ElementTree import Element

import pytest
from conftest import stack_of
from harness import fault
from harness.caps import answer_caps, caps_of
from harness.dino_calls import CallingDino
from harness.inbox import wait_for
from harness.jingle_agent import FEATURES
from harness.xmpp import JINGLE
from test_bound_accounts import Person
from test_calls import candidate, sdp
from test_calls_xmpp import JM, RTP, VECTORS, expect_action, expect_jm

AUDIO = f"<description xmlns='{RTP}' media='audio'/>"


@pytest.fixture(scope="module")
def running_stack(request):
    yield from stack_of(request, "--plugin", "--archive")


def person_of(stack, name):
    person = Person(stack, name)
    person.socket = person.ws()
    wait_for("the session is bound", lambda: person.call(200, "GET", "/api/session")["host_up"])
    return person


@pytest.fixture
def bob(stack):
    person = person_of(stack, "bob")
    yield person
    person.socket.close()


@pytest.fixture
def carol(xmpp):
    return xmpp("carol")


def phone_of(xmpp, name):
    """A client of the account that can be called, and wants copies of everything."""
    phone = xmpp(name)
    phone.iq(None, Element("{urn:xmpp:carbons:2}enable"), "set")
    answer_caps(phone, FEATURES)
    phone.send_raw(f"<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test' ver='{caps_of(FEATURES)}'/>"
                   "</presence>")
    return phone


@pytest.fixture
def phone(xmpp):
    return phone_of(xmpp, "bob")


def talked(person, peer):
    """The conversation of two of whom each has said something, so that a call is none of strangers."""
    talk = person.conversation_with(peer.bare)
    word, back = (f"hello {uuid.uuid4().hex[:6]}" for _ in range(2))
    person.send(talk, word)
    peer.expect_message(word)
    peer.send_message(person.jid, back)
    person.socket.expect("message.new", content=back)
    return talk


def say(client, to, kind, sid, inside="", id=None):
    client.send_raw(f"<message to='{to}' type='chat'{f' id={chr(39)}{id}{chr(39)}' if id else ''}>"
                    f"<{kind} xmlns='{JM}' id='{sid}'>{inside}</{kind}><store xmlns='urn:xmpp:hints'/></message>")


def said(name, client, to, sid):
    """A stanza of Dino's, as this client's, to a full address."""
    text = (VECTORS / f"dino-{name}.xml").read_text()
    text = re.sub(r"sid='[^']*'", f"sid='{sid}'", text)
    text = re.sub(r" from='[^']*'", "", text)
    text = re.sub(r"(<iq[^>]*) to='[^']*'", rf"\1 to='{to}'", text)
    text = re.sub(r"(initiator|responder)='carol@[^']*'", rf"\1='{client.jid}'", text)
    return re.sub(r"(<iq[^>]*) id='[^']*'", rf"\1 id='{uuid.uuid4()}'", text)


def call_texts(person, talk):
    """What the messages of calls say."""
    return [m["content"] for m in person.messages(talk, limit=100)["items"] if (m.get("metadata") or {}).get("system_type") == "call"]


def elsewhere(socket, call_id, **more):
    """The app stops ringing: another device of this user has answered."""
    return socket.expect("call.ended", call_id=call_id, reason="answered_elsewhere", **more)


def test_the_app_calls_somebody_on_xmpp(bob, carol):
    talk = talked(bob, carol)
    call = bob.socket.command("call.initiate", conversation_id=talk["id"], call_type="audio")
    sid = call["id"]
    propose = expect_jm(carol, "propose", sid)
    session = propose.sender
    assert session.startswith("bob@example.org/trestle-")
    say(carol, session, "ringing", sid)
    bob.socket.expect("call.remote_ringing", call_id=sid)
    say(carol, session, "proceed", sid)
    bob.socket.expect("call.answered", call_id=sid)
    bob.socket.command("call.signal", call_id=sid, type="offer", data=sdp())
    offer = expect_action(carol, "session-initiate", sid)
    assert offer.get("initiator") == session
    bob.socket.command("call.signal", call_id=sid, type="ice_candidate", data=candidate())
    expect_action(carol, "transport-info", sid)
    carol.send_raw(said("in-changes-session-accept-in", carol, session, sid))
    assert "a=setup:active" in bob.socket.expect("call.signal", call_id=sid, type="answer")["payload"]["data"]["sdp"]
    bob.socket.command("call.end", call_id=sid)
    expect_action(carol, "session-terminate", sid)
    expect_jm(carol, "finish", sid)
    assert call_texts(bob, talk)


def rung(bob, phone, carol):
    """Carol calls; app and phone ring."""
    talk = talked(bob, carol)
    sid = str(uuid.uuid4())
    say(carol, bob.jid, "propose", sid, AUDIO, id="p-" + sid)
    ringing = bob.socket.expect("call.ringing", call_type="audio")["payload"]
    assert ringing["call"]["caller"]["jid"] == carol.bare
    expect_jm(carol, "ringing", sid)
    phone.expect_stanza("the proposal", lambda s: sid in repr(s) and "propose" in repr(s))
    return talk, sid, ringing["call_id"]


def test_it_rings_everywhere_and_the_app_answers(bob, phone, carol):
    _, sid, call_id = rung(bob, phone, carol)
    bob.socket.command("call.accept", call_id=call_id)
    session = expect_jm(carol, "proceed", sid).sender
    stop = expect_jm(phone, "accept", sid)
    assert stop.sender == session
    carol.send_raw(said("out-audio-mute-addvideo-hangup-session-initiate-in", carol, session, sid))
    offer = bob.socket.expect("call.signal", type="offer")["payload"]["data"]["sdp"]
    mid = re.search(r"a=mid:(\S+)", offer)[1]
    bob.socket.command("call.signal", call_id=call_id, type="answer",
                       data=sdp("active").replace("a=mid:0", f"a=mid:{mid}").replace("BUNDLE 0", f"BUNDLE {mid}"))
    assert expect_action(carol, "session-accept", sid).get("responder") == session
    carol.send_raw(f"<iq type='set' id='t-{sid}' to='{session}'><jingle xmlns='{JINGLE}' action='session-terminate' sid='{sid}'>"
                   "<reason><success/></reason></jingle></iq>")
    bob.socket.expect("call.ended", call_id=call_id, status="ended", reason="hangup")


def test_it_rings_everywhere_and_the_app_declines(bob, phone, carol):
    _, sid, call_id = rung(bob, phone, carol)
    bob.socket.command("call.decline", call_id=call_id)
    expect_jm(carol, "reject", sid)
    expect_jm(phone, "reject", sid)


@pytest.mark.parametrize("way", ["accept", "proceed", "both"])
def test_the_phone_answers_and_the_app_stops(bob, phone, carol, way):
    """Clients tell all of the account's others (accept), or leave it to copies of what they tell the caller."""
    talk, sid, call_id = rung(bob, phone, carol)
    if way != "proceed":
        say(phone, bob.jid, "accept", sid)
    if way != "accept":
        say(phone, carol.jid, "proceed", sid)
    elsewhere(bob.socket, call_id, status="ended")
    call = bob.call(200, "GET", f"/api/calls/{call_id}")
    assert (call["status"], call["end_reason"], call["duration_seconds"]) == ("ended", "answered_elsewhere", None)
    assert "Audio call, answered elsewhere" in call_texts(bob, talk)
    carol.barrier(bob.jid)
    assert not carol.inbox.count(lambda s: s.name == "message" and s.has(JM, "reject") and sid in repr(s))


@pytest.mark.parametrize("copy", [False, True])
def test_the_phone_declines_and_the_app_stops(bob, phone, carol, copy):
    _, sid, call_id = rung(bob, phone, carol)
    say(phone, carol.jid if copy else bob.jid, "reject", sid)
    bob.socket.expect("call.declined", call_id=call_id, status="declined")


def test_the_caller_gives_up_and_all_stop(bob, phone, carol):
    _, sid, call_id = rung(bob, phone, carol)
    say(carol, bob.jid, "retract", sid)
    bob.socket.expect("call.ended", call_id=call_id, status="missed")


@pytest.fixture
def alice_ready(alice, bob):
    """A user of ours who has talked with the account, her socket, and their conversation."""
    talk = alice.conversation_with(bob.jid)
    with alice.ws() as socket:
        alice.send(talk, "hello")
        bob.socket.expect("message.new", conversation_id=talk["id"])
        bob.send(talk, "hello, alice")
        socket.expect("message.new", content="hello, alice")
        alice.socket = socket
        alice.talk = talk
        yield alice


def test_an_app_user_calls_an_account_in_its_app(alice_ready, bob, phone):
    alice = alice_ready
    call = alice.socket.command("call.initiate", conversation_id=alice.talk["id"], call_type="audio")
    bob.socket.expect("call.ringing", call_id=call["id"])
    alice.socket.expect("call.remote_ringing", call_id=call["id"])
    expect_jm(phone, "propose", call["id"])
    bob.socket.command("call.accept", call_id=call["id"])
    alice.socket.expect("call.answered", call_id=call["id"])
    expect_jm(phone, "accept", call["id"])
    alice.socket.command("call.signal", call_id=call["id"], type="offer", data=sdp())
    bob.socket.expect("call.signal", call_id=call["id"], type="offer")
    bob.socket.command("call.signal", call_id=call["id"], type="answer", data=sdp("active"))
    alice.socket.expect("call.signal", call_id=call["id"], type="answer")
    bob.socket.command("call.end", call_id=call["id"])
    alice.socket.expect("call.ended", call_id=call["id"], status="ended")


def test_an_app_user_calls_an_account_and_its_phone_answers(alice_ready, bob, phone):
    alice = alice_ready
    call = alice.socket.command("call.initiate", conversation_id=alice.talk["id"], call_type="audio")
    sid = call["id"]
    bob.socket.expect("call.ringing", call_id=sid)
    caller = expect_jm(phone, "propose", sid).sender
    say(phone, bob.jid, "accept", sid)
    say(phone, caller, "proceed", sid)
    alice.socket.expect("call.answered", call_id=sid)
    elsewhere(bob.socket, sid)
    alice.socket.command("call.signal", call_id=sid, type="offer", data=sdp())
    expect_action(phone, "session-initiate", sid)
    phone.send_raw(said("in-changes-session-accept-in", phone, caller, sid))
    alice.socket.expect("call.signal", call_id=sid, type="answer")
    phone.send_raw(f"<iq type='set' id='t-{sid}' to='{caller}'><jingle xmlns='{JINGLE}' action='session-terminate' sid='{sid}'>"
                   "<reason><success/></reason></jingle></iq>")
    alice.socket.expect("call.ended", call_id=sid, status="ended")


@pytest.mark.parametrize("who", ["app", "phone", "caller"])
def test_a_call_of_an_app_user_is_declined_or_given_up(alice_ready, bob, phone, who):
    alice = alice_ready
    call = alice.socket.command("call.initiate", conversation_id=alice.talk["id"], call_type="audio")
    sid = call["id"]
    bob.socket.expect("call.ringing", call_id=sid)
    caller = expect_jm(phone, "propose", sid).sender
    if who == "app":
        bob.socket.command("call.decline", call_id=sid)
        expect_jm(phone, "reject", sid)
        alice.socket.expect("call.declined", call_id=sid)
    elif who == "phone":
        say(phone, caller, "reject", sid)
        alice.socket.expect("call.declined", call_id=sid)
        bob.socket.expect("call.declined", call_id=sid)
    else:
        alice.socket.command("call.end", call_id=sid)
        expect_jm(phone, "retract", sid)
        bob.socket.expect("call.ended", call_id=sid, status="missed")


def test_two_accounts_call_each_other(stack, bob, phone, xmpp):
    """Both in their apps; the phone of who is called rings, too, and may answer."""
    carol = person_of(stack, "carol")
    hers = phone_of(xmpp, "carol")
    try:
        talk = bob.conversation_with(carol.jid)
        before = len(call_texts(bob, talk))
        bob.send(talk, "hello")
        carol.socket.expect("message.new", content="hello")
        carol.send(talk, "hello, bob")
        bob.socket.expect("message.new", content="hello, bob")
        call = bob.socket.command("call.initiate", conversation_id=talk["id"], call_type="audio")
        carol.socket.expect("call.ringing", call_id=call["id"])
        expect_jm(hers, "propose", call["id"])
        carol.socket.command("call.accept", call_id=call["id"])
        bob.socket.expect("call.answered", call_id=call["id"])
        expect_jm(hers, "accept", call["id"])
        bob.socket.command("call.end", call_id=call["id"])
        carol.socket.expect("call.ended", call_id=call["id"])
        sid = str(uuid.uuid4())  # from phone to account: the app rings as well
        say(phone, carol.jid, "propose", sid, AUDIO)
        ringing = carol.socket.expect("call.ringing")["payload"]
        assert ringing["call"]["caller"]["jid"] == bob.jid
        say(hers, phone.jid, "proceed", sid)
        elsewhere(carol.socket, ringing["call_id"], status="ended")
        assert len(call_texts(bob, talk)) == before + 2
    finally:
        carol.socket.close()


def test_a_call_outlives_the_bridge(stack, bob, carol):
    talk = talked(bob, carol)
    call = bob.socket.command("call.initiate", conversation_id=talk["id"], call_type="audio")
    sid = call["id"]
    session = expect_jm(carol, "propose", sid).sender
    say(carol, session, "proceed", sid)
    bob.socket.expect("call.answered", call_id=sid)
    stack.kill("bridge")
    stack.restart("bridge")
    fault.wait_ready(stack)
    with bob.ws() as socket:
        wait_for("the host is there", lambda: bob.call(200, "GET", "/api/session")["host_up"])
        socket.command("call.signal", call_id=sid, type="offer", data=sdp())
        expect_action(carol, "session-initiate", sid)
        socket.command("call.end", call_id=sid)
        expect_action(carol, "session-terminate", sid)


def test_who_is_blocked_rings_nowhere(bob, phone, carol):
    talked(bob, carol)
    peer = next(p["user"]["id"] for p in bob.conversation_with(carol.bare)["participants"] if p["user"]["jid"] == carol.bare)
    bob.call(200, "POST", f"/api/users/{peer}/block")
    sid = str(uuid.uuid4())
    wait_for("the server knows", lambda: phone.iq(None, Element("{urn:xmpp:blocking}blocklist")).xml.find(
        ".//{urn:xmpp:blocking}item") is not None)
    say(carol, bob.jid, "propose", sid, AUDIO)
    carol.barrier(bob.jid)
    bob.socket.sync()
    assert not bob.socket.inbox.count(lambda f: f.get("type") == "call.ringing")
    bob.call(200, "DELETE", f"/api/users/{peer}/block")


OTHER_DEVICE, GOES_ON, DECLINED = 3, 4, 5  # as Dino's database has calls; what has not ended looks ended there, should Dino crash


def befriend(xmpp, name, peer):
    """Dino rings for contacts only."""
    with contextlib.closing(xmpp(name)) as phone:
        for user in (phone, peer):
            user.iq(None, Element("{jabber:iq:roster}query"))
        for one, other in ((phone, peer), (peer, phone)):
            one.send_presence(to=other.bare, type="subscribe")
            other.expect_presence(one.bare, "subscribe")
            other.send_presence(to=one.bare, type="subscribed")
            one.expect_presence(other.bare, "subscribed")


@pytest.mark.long
@pytest.mark.timeout(180)
def test_dino_rings_with_the_app_and_stops_when_the_app_answers(stack, bob, carol, xmpp):
    """And the other way round; a call that one declines is declined at both."""
    befriend(xmpp, "bob", carol)
    with CallingDino(stack, "bob") as dino:
        def ring():
            known, sid = dino.calls(), str(uuid.uuid4())
            say(carol, bob.jid, "propose", sid, AUDIO, id="p-" + sid)
            ringing = bob.socket.expect("call.ringing", call_type="audio")["payload"]
            dino.rings(known)
            assert state() == GOES_ON
            return sid, ringing["call_id"]

        def state():
            return dino.query("SELECT state FROM call ORDER BY id DESC LIMIT 1")[0][0]
        talked(bob, carol)
        sid, call_id = ring()
        bob.socket.command("call.accept", call_id=call_id)
        session = expect_jm(carol, "proceed", sid).sender
        assert "/trestle-" in session
        dino.expect("it to stop", lambda: state() == OTHER_DEVICE)
        carol.send_raw(said("out-audio-mute-addvideo-hangup-session-initiate-in", carol, session, sid))
        bob.socket.expect("call.signal", call_id=call_id, type="offer")
        assert state() == OTHER_DEVICE and not dino.in_call()
        bob.socket.command("call.end", call_id=call_id)
        sid, call_id = ring()
        dino.accept()
        assert "/trestle-" not in expect_jm(carol, "proceed", sid).sender
        elsewhere(bob.socket, call_id, status="ended")
        say(carol, dino.jid, "finish", sid)
        sid, call_id = ring()
        bob.socket.command("call.decline", call_id=call_id)
        expect_jm(carol, "reject", sid)
        dino.expect("it to stop", lambda: state() in (OTHER_DEVICE, DECLINED))
