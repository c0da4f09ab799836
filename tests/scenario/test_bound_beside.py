# SPDX-License-Identifier: GPL-3.0-or-later
"""One account in the app and in XMPP clients at once: what is written anywhere is everywhere, once, with one id, also after
parts were away. Real servers with their module and our archive."""
import os
import uuid
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import pytest
from conftest import stack_of
from harness import fault
from harness.administer import administer
from harness.dino import Dino
from harness.files import get, upload
from harness.gajim import Gajim
from harness.inbox import wait_for
from harness.mam import everything, is_open, plain
from harness.pictures import png
from harness.profanity import Profanity
from harness.stack import TOP
from harness.xmpp import CLIENT
from test_bound_accounts import Person, bob, carol  # noqa: F401
from test_files import attach, oob
from test_upload_slots import ask, put

PLUGIN = Path(os.environ.get("TRESTLE_BUILD") or TOP / "build").absolute() / "plugin" / "profanity" / "trestle.so"
OOB, SFS = "jabber:x:oob", "urn:xmpp:sfs:0"
BLOCKING, CARBONS = "urn:xmpp:blocking", "urn:xmpp:carbons:2"
REACTIONS, CORRECT, RETRACT = "urn:xmpp:reactions:0", "urn:xmpp:message-correct:0", "urn:xmpp:message-retract:1"


@pytest.fixture(scope="module")
def running_stack(request):
    yield from stack_of(request, "--plugin", "--archive")


@pytest.fixture
def phone(xmpp):
    phone = xmpp("bob")
    phone.iq(None, Element(f"{{{CARBONS}}}enable"), "set")
    wait_for("the archive is open", lambda: is_open(phone))
    return phone


def words(what):
    return f"{what} {uuid.uuid4().hex[:8]}"


def shown(person, peer, *texts):
    """(id, content, jid of who said it) of these messages in the app, in order."""
    talk = person.conversation_with(peer)
    return [(m["id"], m["content"], m["sender"]["jid"]) for m in person.messages(talk, limit=100)["items"]
            if m["content"] in texts]


def kept(client, *texts):
    """(id, body) of these messages in the account's archive, in order."""
    return [(plain(id), body) for id, body in zip(*everything(client, max=50)) if body in texts]


def agree(person, client, peer, *texts):
    """The app and the archive have these messages, each once, in this order, with the same ids."""
    wait_for("the app has all", lambda: [m[1] for m in shown(person, peer, *texts)] == list(texts))
    assert [m[:2] for m in shown(person, peer, *texts)] == kept(client, *texts)


def test_written_anywhere_it_is_everywhere_once(phone, bob, carol):
    texts = [words(place) for place in ("app", "phone", "carol", "carol to the phone")]
    bob.send(bob.conversation_with(carol.bare), texts[0])
    carol.expect_message(texts[0])
    phone.expect_stanza("the carbon", lambda s: s.has(CARBONS, "sent") and texts[0] in repr(s))
    phone.send_message(carol.bare, texts[1])
    carol.expect_message(texts[1])
    bob.socket.expect("message.new", content=texts[1])
    carol.send_message(bob.jid, texts[2])
    bob.socket.expect("message.new", content=texts[2])
    phone.expect_stanza("the message", lambda s: texts[2] in repr(s))
    carol.send_message(phone.jid, texts[3])
    phone.expect_message(texts[3])
    bob.socket.expect("message.new", content=texts[3])
    agree(bob, phone, carol.bare, *texts)
    assert [m[2] for m in shown(bob, carol.bare, *texts)] == [bob.jid, bob.jid, carol.bare, carol.bare]
    bob.socket.sync()
    for text in texts[1:]:
        assert bob.socket.inbox.count(lambda f: f.get("type") == "message.new" and f["payload"]["content"] == text) == 1


def test_what_is_said_between_two_apps_is_told_once(bob, phone, app):
    """It also takes the way by the account's server, and comes back from there."""
    alice = app("alice")
    hers = alice.conversation_with(bob.jid)
    alice.send(hers, words("hello"))
    with alice.ws() as socket:
        said = [bob.send(hers, words(n))["id"] for n in range(8)]
        phone.expect_stanza("the last one's copy", lambda s: s.has(CARBONS, "sent") and said[-1] in repr(s))
        phone.barrier(alice.me()["jid"])
        last = alice.send(hers, words("last"))["id"]
        for heard in (socket, bob.socket):
            heard.expect("message.new", id=last)
            heard.sync()
            told = [f["payload"]["id"] for f in heard.inbox.received if isinstance(f, dict) and f["type"] == "message.new"]
            assert [id for id in told if id in said] == said


def test_reactions_edits_and_retractions_are_whose_they_are(bob, phone, carol):
    theirs, ours = words("theirs"), words("ours")
    id = carol.send_message(bob.jid, theirs)
    message = bob.socket.expect("message.new", content=theirs)["payload"]
    phone.send_raw(f"<message to='{carol.bare}' type='chat' id='{uuid.uuid4()}'><reactions xmlns='{REACTIONS}' id='{id}'>"
                   "<reaction>👍</reaction></reactions><store xmlns='urn:xmpp:hints'/></message>")
    event = bob.socket.expect("message.reaction", message_id=message["id"], emoji="👍")
    assert event["payload"]["user_id"] == bob.me()["id"]
    id = phone.send_message(carol.bare, ours)
    message = bob.socket.expect("message.new", content=ours)["payload"]
    phone.send_message(carol.bare, ours + "!", extra=[Element(f"{{{CORRECT}}}replace", {"id": id})])
    bob.socket.expect("message.updated", id=message["id"], content=ours + "!")
    phone.send_raw(f"<message to='{carol.bare}' type='chat' id='{uuid.uuid4()}'><body>/me took it back</body>"
                   f"<retract xmlns='{RETRACT}' id='{id}'/><fallback xmlns='urn:xmpp:fallback:0' for='{RETRACT}'/></message>")
    bob.socket.expect("message.deleted", message_id=message["id"])


def test_files_go_both_ways(bob, phone, carol, app):
    """By XEP-0066 and XEP-0447, wherever the bytes lie: what the account's other clients send, and get to see."""
    talk = bob.conversation_with(carol.bare)

    def shared(sender, to, *inside):
        id = str(uuid.uuid4())
        sender.send_raw(f"<message xmlns='{CLIENT}' to='{to}' type='chat' id='{id}'>{''.join(inside)}</message>")

    def attached():
        came = bob.socket.expect("message.new", conversation_id=talk["id"])["payload"]
        file, = came["attachments"]
        assert bob.messages(talk)["items"][-1]["attachments"][0]["remote_url"] == file["remote_url"]
        return came["sender"]["jid"], came["message_type"], file["status"], file["filename"], file["remote_url"]

    for sender, to in ((phone, carol.bare), (carol, bob.jid)):
        link = f"https://upload.example.org/{uuid.uuid4().hex[:8]}/dog.jpg"
        shared(sender, to, f"<body>{link}</body><x xmlns='{OOB}'><url>{link}</url></x>")
        assert attached() == (sender.bare, "media", "remote", "dog.jpg", link)
        link = f"https://upload.example.org/{uuid.uuid4().hex[:8]}/talk.ogg"
        shared(sender, to, f"<body>{link}</body><file-sharing xmlns='{SFS}'><file xmlns='urn:xmpp:file:metadata:0'><name>talk.ogg</name>"
               "<size>4711</size><media-type>audio/ogg</media-type></file><sources><url-data xmlns='http://jabber.org/protocol/url-data' "
               f"target='{link}'/></sources></file-sharing><store xmlns='urn:xmpp:hints'/>")
        assert attached() == (sender.bare, "file", "remote", "talk.ogg", link)
    data = png(64, 48)
    said = bob.call(201, "POST", f"/api/conversations/{talk['id']}/messages", {"attachments": [upload(bob, data)["id"]], "content": "A cat"})
    got = carol.expect_stanza("the file", lambda s: s.id == said["id"] and s.name == "message")
    assert got.child(OOB, "x").findtext(f"{{{OOB}}}url") == got.body and got.has(SFS, "file-sharing") and get(got.body).raw == data
    carol.expect_message("A cat")
    phone.expect_stanza("the copy", lambda s: s.has(CARBONS, "sent") and f"{OOB}" in repr(s) and got.body in repr(s))
    bob.socket.sync()
    assert [len(m["attachments"]) for m in bob.messages(talk)["items"][-5:]] == [1] * 5
    # What is several stanzas is one message, here and with a user of the app.
    alice = app("alice")
    hers = bob.conversation_with(alice.me()["jid"])
    bob.call(201, "POST", f"/api/conversations/{hers['id']}/messages",
             {"attachments": [upload(bob, png(n, n))["id"] for n in (50, 51)], "content": "Two cats"})
    copy = phone.expect_stanza("the copy of the text", lambda s: s.has(CARBONS, "sent") and "Two cats" in repr(s))
    later = words("later")
    phone.send_message(alice.me()["jid"], later)
    bob.socket.expect("message.new", content=later)
    for user in (bob, alice):
        assert [(len(m["attachments"]), m["content"]) for m in user.messages(hers)["items"]] == [(2, "Two cats"), (0, later)], copy


def test_what_the_phone_reads_is_read_in_the_app(bob, phone, carol):
    text = words("unread")
    carol.send_message(bob.jid, text, markable=True)
    seen = phone.expect_message(text)
    bob.socket.expect("message.new", content=text)
    talk = bob.conversation_with(carol.bare)
    assert bob.conversation(talk)["unread_count"] > 0
    phone.send_displayed(seen)
    wait_for("it is read", lambda: bob.conversation(talk)["unread_count"] == 0)


def test_blocking_is_one_list(bob, phone, carol):
    def change(user, action):
        element = Element(f"{{{BLOCKING}}}{action}")
        SubElement(element, f"{{{BLOCKING}}}item", {"jid": carol.bare})
        user.iq(None, element, "set")

    def blocked():
        return [entry["user"]["jid"] if "user" in entry else entry["jid"]
                for entry in bob.call(200, "GET", "/api/users/blocked")["items"]]
    phone.iq(None, Element(f"{{{BLOCKING}}}blocklist"))
    change(phone, "block")
    wait_for("the app knows", lambda: blocked() == [carol.bare])
    change(phone, "unblock")
    wait_for("the app knows", lambda: blocked() == [])
    peer = next(p["user"]["id"] for p in bob.conversation_with(carol.bare)["participants"] if p["user"]["jid"] == carol.bare)
    bob.call(200, "POST", f"/api/users/{peer}/block")
    phone.expect_stanza("the push", lambda s: s.name == "iq" and s.type == "set" and s.has(BLOCKING, "block"))
    bob.call(200, "DELETE", f"/api/users/{peer}/block")
    phone.expect_stanza("the push", lambda s: s.name == "iq" and s.type == "set" and s.has(BLOCKING, "unblock"))


def test_while_the_bridge_is_away_the_rest_goes_on(stack, phone, carol):
    texts = [words(n) for n in ("first", "second", "third")]
    stack.kill("bridge")
    carol.send_message(phone.bare, texts[0])
    phone.expect_message(texts[0])
    phone.send_message(carol.bare, texts[1])
    carol.expect_message(texts[1])
    assert [body for _, body in kept(phone, *texts)] == texts[:2]
    stack.restart("bridge")
    fault.wait_ready(stack)
    bob = Person(stack, "bob")
    with bob.ws() as socket:
        carol.send_message(phone.bare, texts[2])
        socket.expect("message.new", content=texts[2])
        agree(bob, phone, carol.bare, *texts)


def test_while_postgres_is_away_the_clients_go_on(stack, bob, phone, carol):
    before, during, after = words("before"), words("during"), words("after")
    carol.send_message(phone.bare, before)
    bob.socket.expect("message.new", content=before)
    stack.stop("postgres")
    carol.send_message(phone.bare, during)
    phone.expect_message(during)
    stack.restart("postgres")
    fault.wait_ready(stack)
    wait_for("the archive is open again", lambda: is_open(phone))
    carol.send_message(phone.bare, after)
    phone.expect_message(after)
    agree(bob, phone, carol.bare, before, during, after)


def test_after_the_server_was_away_the_account_is_bound_again(stack, bob, xmpp):
    outbox, back = words("meanwhile"), words("back")
    stack.stop("xmpp")
    wait_for("the app is told", lambda: not bob.call(200, "GET", "/api/session")["host_up"])
    bob.send(bob.conversation_with("carol@example.org"), outbox)
    stack.restart("xmpp")
    carol, phone = xmpp("carol"), xmpp("bob")
    carol.expect_message(outbox)
    wait_for("the session is bound", lambda: bob.call(200, "GET", "/api/session")["host_up"])
    carol.send_message(bob.jid, back)
    bob.socket.expect("message.new", content=back)
    wait_for("the archive is open", lambda: is_open(phone))
    wait_for("it has both, with the app's ids", lambda: sorted(kept(phone, outbox, back))
             == sorted(m[:2] for m in shown(bob, carol.bare, outbox, back)))  # in the order in which it took them


def test_a_deleted_account_is_signed_out(stack, xmpp):
    admin = administer(stack)
    admin.register("grace", "secret")
    stack.info["accounts"].append({"jid": "grace@example.org", "password": "secret"})
    phone, grace = xmpp("grace"), Person(stack, "grace")
    with grace.ws() as socket:
        phone.expect_stanza("the app's presence", lambda s: s.name == "presence" and "/trestle-" in s.sender and not s.type)
        admin.unregister("grace")
        socket.expect_close()
    grace.call(401, "GET", "/api/users/me")


def test_profanity_beside_the_app(stack, bob, carol):
    said, typed = words("app"), words("profanity")
    talk = bob.conversation_with(carol.bare)
    with Profanity(stack, "bob") as screen:
        screen.type("/carbons on")
        screen.type(f"/msg {carol.bare}")
        bob.send(talk, said)
        screen.expect(said)
        screen.type(typed)
        carol.expect_message(typed)
        bob.socket.expect("message.new", content=typed)
        back = words("carol")
        carol.send_message(bob.jid, back)
        screen.expect(back)
        bob.socket.expect("message.new", content=back)
    wait_for("all, once", lambda: [m[1] for m in shown(bob, carol.bare, said, typed, back)] == [said, typed, back])


@pytest.fixture
def screen(stack):
    """Profanity of bob's, with Trestle's plugin."""
    if not PLUGIN.exists():
        pytest.skip(f"{PLUGIN} was not built")
    with Profanity(stack, "bob") as screen:
        screen.type("/carbons on")
        screen.type(f"/plugins install {PLUGIN}")
        screen.expect("Plugin installed and loaded: trestle.so")
        screen.type("/trestle service app.example.org")
        screen.expect("Commands of yours go to app.example.org.")
        yield screen


def test_polls_and_what_is_said_later_from_profanity(bob, app, screen):
    alice = app("alice")
    talk = bob.conversation_with(alice.me()["jid"])
    alice.send(alice.conversation_with(bob.jid), "hello")
    with alice.ws() as socket:
        screen.type(f"/msg {alice.me()['jid']}")
        screen.type("/trestle poll Lunch")
        screen.expect("/trestle poll QUESTION | OPTION")
        screen.type('/trestle poll Lunch \\ today? | Pizza & pasta | Soup')
        asked = socket.expect("message.new", sender_id=bob.me()["id"])["payload"]
        poll = asked["metadata"]["poll"]
        assert (poll["question"], [each["text"] for each in poll["options"]]) == ("Lunch \\ today?", ["Pizza & pasta", "Soup"])
        screen.expect("The poll is asked")
        alice.call(200, "PUT", f"/api/messages/{asked['id']}/vote", {"options": [1]})
        screen.expect("Soup")
        screen.type("/trestle vote 1 2")
        wait_for("both have voted", lambda: bob.call(200, "GET", f"/api/messages/{asked['id']}")["metadata"]["poll"]["voters"] == 2)
        screen.type("/trestle close 1")
        screen.expect("The poll is closed.")
        assert bob.call(200, "GET", f"/api/messages/{asked['id']}")["metadata"]["poll"]["closed"]
        # Later.
        screen.type("/trestle schedule soon Good evening")
        screen.expect("/trestle schedule TIME TEXT")
        screen.type("/trestle schedule +2h Good evening, all")
        screen.expect("It will be said then.")
        planned, = bob.call(200, "GET", f"/api/conversations/{talk['id']}/scheduled")["items"]
        assert planned["content"] == "Good evening, all"
        screen.type("/trestle scheduled")
        screen.expect("  Good evening, all")
        screen.type("/trestle unschedule 2")
        screen.expect("There is no such number")
        screen.type("/trestle unschedule 1")
        screen.expect("It will not be said.")
        assert bob.call(200, "GET", f"/api/conversations/{talk['id']}/scheduled")["items"] == []


def test_requests_and_calls_from_profanity(bob, app, screen):
    alice = app("alice")
    screen.type("/trestle requests")
    screen.expect("There is nothing.")
    groups = [alice.call(201, "POST", "/api/groups", {"name": name, "members": [{"jid": bob.jid}]}) for name in ("Choir", "Chess")]
    for group in groups:
        bob.socket.inbox.expect("the invitation", lambda f, group=group: f.get("type") == "request.new" and
                                f["payload"]["conversation"]["id"] == group["id"])
    screen.type("/trestle requests")
    text = screen.expect("* 2  ")
    assert "Choir" in text and "Chess" in text
    first = next(name for name in ("Choir", "Chess") if f"* 1  {name}" in text)
    screen.type("/trestle accept 1")
    screen.expect("You talk to each other now.")
    screen.type("/trestle decline 2")
    screen.expect("That will not come again.")
    joined = {c["name"] for c in bob.conversations()["items"] if c["id"] in {g["id"] for g in groups}}
    assert joined == {first} and bob.conversations(filter="requests")["items"] == []
    talk = alice.conversation_with(bob.jid)
    alice.send(talk, "hello")
    bob.send(talk, "hello, alice")
    with alice.ws() as socket:
        call = socket.command("call.initiate", conversation_id=talk["id"], call_type="audio")
        bob.socket.expect("call.ringing", call_id=call["id"])
        socket.command("call.end", call_id=call["id"])
    screen.type("/trestle calls")
    screen.expect(f"from {alice.me()['jid']}  audio, missed")


@pytest.mark.long
@pytest.mark.parametrize("client", [Dino, Gajim])
def test_a_desktop_client_beside_the_app(stack, bob, carol, client):
    said, back, typed = words("app"), words("carol"), words("desktop")
    talk = bob.conversation_with(carol.bare)
    with client(stack, "bob") as desktop:
        desktop.open(carol.bare)
        bob.send(talk, said)
        carol.expect_message(said)
        carol.send_message(bob.jid, back)
        bob.socket.expect("message.new", content=back)
        if client is Dino:
            desktop.expect_message(carol.bare, True, said)
            desktop.expect_message(carol.bare, False, back)
        else:
            desktop.expect_row(carol.bare, said)
            desktop.expect_row(carol.bare, back)
        desktop.send(typed)
        carol.expect_message(typed)
        bob.socket.expect("message.new", content=typed)
    wait_for("all, once", lambda: [m[1] for m in shown(bob, carol.bare, said, back, typed)] == [said, back, typed])


def test_files_of_the_phone_and_of_the_app_are_the_accounts(stack, bob, phone, carol):
    data, used = png(320, 200), bob.call(200, "GET", "/api/limits")["storage"]["used_bytes"]
    target, link = ask(phone, stack.app_domain, "holiday.png", len(data))
    made = put(target, data)
    assert made.status == 201 and bob.call(200, "GET", "/api/limits")["storage"]["used_bytes"] == used + len(data)
    phone.send_raw(f"<message xmlns='{CLIENT}' to='{carol.bare}' type='chat' id='{uuid.uuid4()}'>"
                   f"<body>{link}</body><x xmlns='jabber:x:oob'><url>{link}</url></x></message>")
    assert carol.expect_stanza("the link", lambda s: s.name == "message" and s.body == link)
    seen = bob.socket.expect("message.new", message_type="media")["payload"]
    file, = seen["attachments"]
    assert (file["id"], file["remote_url"], seen["sender"]["jid"]) == (made.json["id"], None, bob.jid)
    assert get(wait_for("it has been looked at", lambda: bob.call(200, "GET", f"/api/files/{file['id']}")["download_url"])[0]).raw == data
    talk = bob.conversation_with(carol.bare)
    said = attach(bob, talk, upload(bob, data, "back.png"))
    heard = carol.expect_stanza("the app's file", lambda s: s.name == "message" and s.body and s.body.endswith("/back.png"))
    copy = phone.expect_stanza("a carbon of it", lambda s: s.has(CARBONS, "sent") and "/back.png" in str(s))
    assert oob(heard) == heard.body and get(heard.body).raw == data and said["id"] in str(copy)
    assert bob.call(200, "DELETE", f"/api/files/{file['id']}")["status"] == "removed" and get(link).status == 410
