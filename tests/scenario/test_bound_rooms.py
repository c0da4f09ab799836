# SPDX-License-Identifier: GPL-3.0-or-later
"""Rooms of existing accounts: their bookmarks (XEP-0402) are groups in the app, whichever client changes them. Real servers with
their module, the server's own rooms and ours."""
import base64
import hashlib
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from conftest import stack_of
from harness import fault
from harness.inbox import wait_for
from harness.muc import MUC, Seat
from harness.pictures import png
from harness.profanity import Profanity
from harness.xmpp import XmppError
from test_bound_calls import person_of
from test_guests import Room, is_in, shown, texts

BOOKMARKS, PUBSUB = "urn:xmpp:bookmarks:1", "http://jabber.org/protocol/pubsub"
OPTIONS = (("FORM_TYPE", f"{PUBSUB}#publish-options"), ("pubsub#persist_items", "true"), ("pubsub#max_items", "max"),
           ("pubsub#send_last_published_item", "never"), ("pubsub#access_model", "whitelist"))


@pytest.fixture(scope="module")
def running_stack(request):
    yield from stack_of(request, "--plugin", "--archive")


@pytest.fixture
def bob(stack):
    person = person_of(stack, "bob")
    yield person
    person.socket.close()


@pytest.fixture
def carol(xmpp):
    return xmpp("carol")


@pytest.fixture
def phone(xmpp):
    return xmpp("bob")


@pytest.fixture
def room(stack, carol):
    return Room(stack, carol, "Carol", whois="anyone")


@pytest.fixture
def ejabberd(request):
    return request.config.getoption("--server") == "ejabberd"


def bookmark(client, room, autojoin=True, nick="Bob", extra=None):
    """What another client of the account does, whatever the server knows of how many items a node may have."""
    try:
        publish(client, room, autojoin, nick, extra, OPTIONS)
    except XmppError:
        publish(client, room, autojoin, nick, extra, ())


def publish(client, room, autojoin, nick, extra, options):
    pubsub = Element(f"{{{PUBSUB}}}pubsub")
    item = SubElement(SubElement(pubsub, f"{{{PUBSUB}}}publish", {"node": BOOKMARKS}), f"{{{PUBSUB}}}item", {"id": room})
    conference = SubElement(item, f"{{{BOOKMARKS}}}conference", {"name": "The room", "autojoin": str(autojoin).lower()})
    SubElement(conference, f"{{{BOOKMARKS}}}nick").text = nick
    if extra is not None:
        SubElement(conference, f"{{{BOOKMARKS}}}extensions").append(extra)
    form = SubElement(SubElement(pubsub, f"{{{PUBSUB}}}publish-options"), "{jabber:x:data}x", {"type": "submit"}) if options else None
    for name, value in options:
        SubElement(SubElement(form, "{jabber:x:data}field", {"var": name}), "{jabber:x:data}value").text = value
    client.iq(None, pubsub, "set")


def forget(client, room):
    pubsub = Element(f"{{{PUBSUB}}}pubsub")
    retract = SubElement(pubsub, f"{{{PUBSUB}}}retract", {"node": BOOKMARKS, "notify": "true"})
    SubElement(retract, f"{{{PUBSUB}}}item", {"id": room})
    client.iq(None, pubsub, "set")


def bookmarks(client):
    """{room: conference} as the server has them."""
    pubsub = Element(f"{{{PUBSUB}}}pubsub")
    SubElement(pubsub, f"{{{PUBSUB}}}items", {"node": BOOKMARKS})
    try:
        result = client.iq(None, pubsub)
    except XmppError:
        return {}
    return {item.get("id"): item.find(f"{{{BOOKMARKS}}}conference") for item in result.xml.iter(f"{{{PUBSUB}}}item")}


def known(person, room):
    """The bookmark as the app has it; None: it has none."""
    return next((b for b in person.call(200, "GET", "/api/bound/rooms")["items"] if b["jid"] == room), None)


def group_of(person, room):
    """The group in the app, with a place in the room."""
    wait_for(f"{room} to be a group", lambda: (known(person, room) or {}).get("conversation_id"))
    group = {"id": known(person, room)["conversation_id"]}
    is_in(person, group)
    return group


def older(client, *rooms):
    """All bookmarks of the account as XEP-0048 has them, in its private storage."""
    query = Element("{jabber:iq:private}query")
    storage = SubElement(query, "{storage:bookmarks}storage")
    for room in rooms:
        SubElement(SubElement(storage, "{storage:bookmarks}conference", {"jid": room, "autojoin": "true", "name": "The room"}),
                   "{storage:bookmarks}nick").text = "Bob"
    client.iq(None, query, "set")


def test_bookmarks_of_the_older_kind_are_seen_where_the_server_turns_them_into_newer_ones(stack, bob, phone, room, ejabberd):
    """Prosody by its mod_bookmarks, both ways; ejabberd 23.01 not: there, as in Prosody without it, the app goes by XEP-0402 alone."""
    bob.call(200, "GET", "/api/bound/rooms")
    older(phone, room.jid)
    if ejabberd:
        assert room.jid not in bookmarks(phone) and known(bob, room.jid) is None
        return
    group_of(bob, room.jid)
    older(phone)  # empties the node
    wait_for("it is gone", lambda: known(bob, room.jid) is None)


@pytest.mark.long
def test_without_mod_bookmarks_the_older_kind_is_another_list(stack, xmpp, ejabberd):
    if ejabberd:
        pytest.skip("ejabberd is always so, see above")
    stack.configure_prosody('    modules_disabled = { "bookmarks" }\n')
    try:
        fault.wait_ready(stack, 60)
        bob, phone = person_of(stack, "bob"), xmpp("bob")
        old, new = (f"{uuid.uuid4().hex[:8]}@{stack.conference}" for _ in range(2))
        older(phone, old)
        bookmark(phone, new, autojoin=False)
        wait_for("the newer one", lambda: known(bob, new))
        assert known(bob, old) is None and old not in bookmarks(phone)
        bob.socket.close()
    finally:
        stack.configure_prosody("")
        fault.wait_ready(stack, 60)


def test_a_bookmark_of_another_client_is_a_group_at_once(bob, phone, carol, room, ejabberd):
    room.say("before")
    room.seat.hear("before")
    bookmark(phone, room.jid)
    bob.socket.expect("conversation.new", jid=room.jid)
    assert room.seat.see("Bob")
    group = group_of(bob, room.jid)
    assert bob.socket.expect("message.new", content="before")["payload"]["conversation_id"] == group["id"]
    room.say("hello Bob")
    assert bob.socket.expect("message.new", content="hello Bob")["payload"]["sender"]["jid"] == carol.bare
    sent = bob.send(group, "hello Carol")
    assert room.seat.hear("hello Carol", "Bob").id == sent["id"]
    assert bob.socket.expect("message.updated", id=sent["id"])["payload"]["status"] == "sent"
    room.say("read this")
    message = bob.socket.expect("message.new", content="read this")["payload"]
    bob.call(200, "PUT", f"/api/conversations/{group['id']}/read", {"message_id": message["id"]})
    assert shown(bob, group)["unread_count"] == 0
    forget(phone, room.jid)
    if ejabberd:  # says nothing of what is removed: it is asked when somebody comes
        bob.socket.close()
        bob.socket = bob.ws()
    bob.socket.expect("conversation.removed", conversation_id=group["id"], reason="left")
    room.seat.see("Bob", "unavailable")
    assert known(bob, room.jid) is None


def test_autojoin_off_is_known_and_not_entered(bob, phone, room):
    bookmark(phone, room.jid, autojoin=False)
    told = bob.socket.expect("account.rooms")["payload"]["items"]
    entry = next(b for b in told if b["jid"] == room.jid)
    assert (entry["autojoin"], entry["conversation_id"], entry["name"], entry["nick"]) == (False, None, "The room", "Bob")
    bookmark(phone, room.jid)
    group = group_of(bob, room.jid)
    room.seat.see("Bob")
    bookmark(phone, room.jid, autojoin=False)
    bob.socket.expect("conversation.removed", conversation_id=group["id"])
    room.seat.see("Bob", "unavailable")
    assert known(bob, room.jid)["autojoin"] is False


def test_the_app_comes_and_goes_and_the_bookmark_says_so(bob, phone, room):
    keep = Element("{urn:test:keep}keep", {"me": "yes"})
    made = bob.call(201, "POST", "/api/groups/join", {"jid": room.jid, "nick": "Bobby"})
    room.seat.see("Bobby")
    is_in(bob, made)
    wait_for("the bookmark is there", lambda: room.jid in bookmarks(phone))
    conference = bookmarks(phone)[room.jid]
    assert (conference.get("autojoin"), conference.find(f"{{{BOOKMARKS}}}nick").text) == ("true", "Bobby")
    bookmark(phone, room.jid, nick="Bobby", extra=keep)
    bob.socket.sync()
    wait_for("the app to know", lambda: known(bob, room.jid)["name"] == "The room")
    bob.call(200, "POST", f"/api/conversations/{made['id']}/leave")
    room.seat.see("Bobby", "unavailable")
    wait_for("it is not entered by itself any more", lambda: bookmarks(phone)[room.jid].get("autojoin") in (None, "false"))
    assert bookmarks(phone)[room.jid].find(f"{{{BOOKMARKS}}}extensions/{{urn:test:keep}}keep").get("me") == "yes"


def test_two_clients_of_one_account_are_one_occupant(bob, phone, carol, room):
    """The app and the phone have the same nick: what either says is the account's."""
    bookmark(phone, room.jid)
    group = group_of(bob, room.jid)
    seat = Seat(phone, room.jid, "Bob")
    seat.enter()
    seat.say("from the phone")
    room.seat.hear("from the phone", "Bob")
    said = bob.socket.expect("message.new", content="from the phone")["payload"]
    assert said["sender"]["jid"] == bob.jid
    bob.send(group, "from the app")
    seat.hear("from the app", "Bob")
    room.seat.hear("from the app", "Bob")
    seat.leave()
    room.say("still there?")
    bob.socket.expect("message.new", content="still there?")
    assert texts(bob, group) == ["from the phone", "from the app", "still there?"]


def test_what_was_said_while_nobody_was_there_comes_from_the_rooms_archive(stack, bob, phone, carol, room):
    bookmark(phone, room.jid)
    group = group_of(bob, room.jid)
    room.say("first")
    bob.socket.expect("message.new", content="first")
    stack.kill("bridge")
    room.seat.see("Bob", "unavailable")
    room.say("meanwhile")
    room.seat.hear("meanwhile")
    stack.restart("bridge")
    fault.wait_ready(stack)
    with bob.ws() as socket:
        bob.socket = socket
        room.seat.see("Bob")
        wait_for("it to come", lambda: texts(bob, group) == ["first", "meanwhile"])
        sent = bob.send(group, "back")
        room.seat.hear("back", "Bob")
        socket.expect("message.updated", id=sent["id"])
        assert texts(bob, group) == ["first", "meanwhile", "back"]


def test_an_invitation_is_a_request(bob, carol, room):
    room.invite(bob)
    made = bob.socket.expect("request.new")["payload"]["conversation"]
    assert (made["jid"], made["request"]) == (room.jid, "pending")
    bob.call(200, "POST", f"/api/conversations/{made['id']}/accept")
    group_of(bob, room.jid)
    room.say("welcome")
    bob.socket.expect("message.new", content="welcome")


def test_a_room_that_lets_nobody_in_is_told(bob, phone, room):
    room.configure(membersonly="1")
    bookmark(phone, room.jid)
    bob.socket.expect("conversation.removed", condition="registration-required")
    assert known(bob, room.jid)["conversation_id"] is None


def test_a_room_of_an_app_user_and_an_account(alice, bob, phone, room):
    """Both hear it once, by one ear, and see each other."""
    with alice.ws() as hers:
        made = alice.call(201, "POST", "/api/groups/join", {"jid": room.jid, "nick": "Alice"})
        is_in(alice, made)
        bookmark(phone, room.jid)
        group = group_of(bob, room.jid)
        assert group["id"] == made["id"]
        alice.send(made, "to all")
        bob.socket.expect("message.new", content="to all")
        bob.send(group, "to all, too")
        hers.expect("message.new", content="to all, too")
        room.say("from the room")
        hers.expect("message.new", content="from the room")
        bob.socket.expect("message.new", content="from the room")
        for who in (alice, bob):
            assert texts(who, made) == ["to all", "to all, too", "from the room"]


def test_a_group_of_ours_is_in_the_accounts_app_and_at_its_clients(alice, bob, phone):
    with alice.ws() as hers:
        made = alice.call(201, "POST", "/api/groups", {"name": "Ours", "members": [{"jid": bob.jid}]})
        asked = bob.socket.expect("request.new")["payload"]["conversation"]
        assert asked["id"] == made["id"]
        phone.expect_stanza("the invitation", lambda s: s.name == "message" and made["jid"] in repr(s))
        bob.call(200, "POST", f"/api/conversations/{made['id']}/accept")
        wait_for("the bookmark is there", lambda: made["jid"] in bookmarks(phone))
        seat = Seat(phone, made["jid"], "Bob")
        seat.enter()
        sent = alice.send(made, "to the group")
        assert bob.socket.expect("message.new", id=sent["id"])
        seat.hear("to the group")
        seat.say("from the phone")
        assert hers.expect("message.new", content="from the phone")["payload"]["sender"]["jid"] == bob.jid
        bob.socket.expect("message.new", content="from the phone")
        bob.send(made, "from the app")
        hers.expect("message.new", content="from the app")
        seat.hear("from the app")
        assert texts(bob, made) == texts(alice, made) == ["to the group", "from the phone", "from the app"]
        bob.call(200, "POST", f"/api/conversations/{made['id']}/leave")
        hers.expect("member.removed", conversation_id=made["id"])
        wait_for("the bookmark is off", lambda: bookmarks(phone)[made["jid"]].get("autojoin") in (None, "false"))


def test_rooms_of_nobody_else(app, bob):
    assert app("anna").call(200, "GET", "/api/bound/rooms")["items"] == []
    assert bob.socket.command("bound.rooms")["items"] is not None
    bob.call(404, "POST", "/api/groups/join", {"jid": "nonsense"})


def test_profanity_and_the_app_are_in_one_room(stack, bob, phone, room, ejabberd):
    """A client as people have it, with the nick of the app."""
    bookmark(phone, room.jid)
    group = group_of(bob, room.jid)
    with Profanity(stack, "bob") as screen:
        if ejabberd:
            screen.type(f"/join {room.jid} nick Bob")
            screen.expect("You have joined the room as Bob")
        else:  # Prosody shows the bookmark to clients that know the older kind alone
            screen.expect(f"Autojoined {room.jid} as Bob (2)")
            screen.type("/win 2")
        screen.type("From the terminal")
        said = bob.socket.expect("message.new", content="From the terminal")["payload"]
        assert (said["conversation_id"], said["sender"]["jid"]) == (group["id"], bob.jid)
        room.seat.hear("From the terminal", "Bob")
        bob.send(group, "From the app")
        screen.expect("Bob: From the app")
        room.say("To both")
        screen.expect("Carol: To both")
        bob.socket.expect("message.new", content="To both")
    assert texts(bob, group) == ["From the terminal", "From the app", "To both"]


# ---- What clients of one account tell each other --------------------------------------------------------

MDS, SID = "urn:xmpp:mds:displayed:0", "urn:xmpp:sid:0"


def displayed(client, jid=None):
    """{conversation: (by, id)} as the server has them; with a conversation, that one."""
    pubsub = Element(f"{{{PUBSUB}}}pubsub")
    SubElement(pubsub, f"{{{PUBSUB}}}items", {"node": MDS})
    try:
        result = client.iq(None, pubsub)
    except XmppError:
        return None if jid else {}
    found = {item.get("id"): item.find(f".//{{{SID}}}stanza-id") for item in result.xml.iter(f"{{{PUBSUB}}}item")}
    found = {key: (e.get("by"), e.get("id")) for key, e in found.items()}
    return found.get(jid) if jid else found


def display(client, jid, by, id):
    pubsub = Element(f"{{{PUBSUB}}}pubsub")
    item = SubElement(SubElement(pubsub, f"{{{PUBSUB}}}publish", {"node": MDS}), f"{{{PUBSUB}}}item", {"id": jid})
    SubElement(SubElement(item, f"{{{MDS}}}displayed"), f"{{{SID}}}stanza-id", {"by": by, "id": id})
    client.iq(None, pubsub, "set")


def archive_id(stanza, by):
    return next(e.get("id") for e in stanza.xml.iter(f"{{{SID}}}stanza-id") if e.get("by") == by)


def test_read_state_is_one(bob, phone, carol):
    """XEP-0490: what another client has read is read in the app, and the other way, by the ids of the archive."""
    first, second = (f"unread {uuid.uuid4().hex[:6]}" for _ in range(2))
    carol.send_message(bob.jid, first)
    seen = phone.expect_message(first)
    bob.socket.expect("message.new", content=first)
    talk = bob.conversation_with(carol.bare)
    assert bob.conversation(talk)["unread_count"] > 0
    display(phone, carol.bare, bob.jid, archive_id(seen, bob.jid))
    wait_for("it is read", lambda: bob.conversation(talk)["unread_count"] == 0)
    carol.send_message(bob.jid, second)
    seen = phone.expect_message(second)
    told = bob.socket.expect("message.new", content=second)["payload"]
    bob.call(200, "PUT", f"/api/conversations/{talk['id']}/read", {"message_id": told["id"]})
    wait_for("the other clients know", lambda: displayed(phone, carol.bare) == (bob.jid, archive_id(seen, bob.jid)))


def test_what_is_read_right_after_a_start_is_published_by_the_servers_ids(stack, phone, carol):
    """No message has shown the bridge how the server spells them."""
    text = f"unread {uuid.uuid4().hex[:6]}"
    with person_of(stack, "bob").socket as socket:
        carol.send_message("bob@example.org", text)
        seen = phone.expect_message(text)
        told = socket.expect("message.new", content=text)["payload"]
    stack.kill("bridge")
    stack.restart("bridge")
    bob = person_of(stack, "bob")
    with bob.socket:
        bob.call(200, "PUT", f"/api/conversations/{told['conversation_id']}/read", {"message_id": told["id"]})
        wait_for("the other clients know", lambda: displayed(phone, carol.bare) == (bob.jid, archive_id(seen, bob.jid)))


def test_read_state_of_rooms_is_one(bob, phone, carol, room):
    bookmark(phone, room.jid)
    group = group_of(bob, room.jid)
    room.say("one")
    heard = room.seat.hear("one")
    bob.socket.expect("message.new", content="one")
    display(phone, room.jid, room.jid, archive_id(heard, room.jid))
    wait_for("it is read", lambda: shown(bob, group)["unread_count"] == 0)
    room.say("two")
    heard = room.seat.hear("two")
    told = bob.socket.expect("message.new", content="two")["payload"]
    bob.call(200, "PUT", f"/api/conversations/{group['id']}/read", {"message_id": told["id"]})
    wait_for("the other clients know", lambda: displayed(phone, room.jid) == (room.jid, archive_id(heard, room.jid)))


def test_a_contacts_name_is_shown(bob, phone, carol):
    """XEP-0172 by PEP, to who has the contact."""
    phone.send_raw("<presence to='carol@example.org' type='subscribe'/>")
    carol.expect_stanza("the request", lambda s: s.name == "presence" and s.type == "subscribe")
    carol.send_raw("<presence to='bob@example.org' type='subscribed'/>")
    talk = bob.conversation_with(carol.bare)
    nick = f"Carol {uuid.uuid4().hex[:4]}"
    pubsub = Element(f"{{{PUBSUB}}}pubsub")
    item = SubElement(SubElement(pubsub, f"{{{PUBSUB}}}publish", {"node": "http://jabber.org/protocol/nick"}), f"{{{PUBSUB}}}item")
    SubElement(item, "{http://jabber.org/protocol/nick}nick").text = nick

    def named():
        return [p["user"]["name"] for p in shown(bob, talk)["participants"] if p["user"]["jid"] == carol.bare] == [nick]
    wait_for("the contact is there", lambda: any(c["user"]["jid"] == carol.bare and c["subscription"] in ("to", "both")
             for c in bob.call(200, "GET", "/api/contacts")["items"]))
    carol.iq(None, pubsub, "set")
    wait_for("the app shows it", named)


NICK, AVATAR, DATA = "http://jabber.org/protocol/nick", "urn:xmpp:avatar:metadata", "urn:xmpp:avatar:data"


def own_item(phone, node, item=None):
    """The payload of the account's own node as its server has it; None: there is none."""
    pubsub = Element(f"{{{PUBSUB}}}pubsub")
    items = SubElement(pubsub, f"{{{PUBSUB}}}items", {"node": node})
    if item:
        SubElement(items, f"{{{PUBSUB}}}item", {"id": item})
    try:
        found = phone.iq(None, pubsub, "get").xml.find(f".//{{{PUBSUB}}}item")
    except XmppError:
        return None
    return None if found is None or not len(found) else found[0]


def publish_item(phone, node, id, payload):
    pubsub = Element(f"{{{PUBSUB}}}pubsub")
    item = SubElement(SubElement(pubsub, f"{{{PUBSUB}}}publish", {"node": node}), f"{{{PUBSUB}}}item", {"id": id})
    item.append(payload)
    phone.iq(None, pubsub, "set")


def test_name_and_picture_of_the_account_are_one(bob, phone, carol):
    """What the app says of them is published at the account's server, and what another client publishes is in the app."""
    name = f"Robert {uuid.uuid4().hex[:4]}"
    assert bob.call(200, "PATCH", "/api/users/me", {"name": name})["name"] == name
    wait_for("the server has the name", lambda: (lambda x: x is not None and x.text)(own_item(phone, NICK)) == name)
    picture = bob.call(200, "PUT", "/api/users/me/avatar", png(color=(9, 9, 200)), {"Content-Type": "image/png"})["avatar_url"]
    hash = picture.rpartition("/")[2]
    wait_for("the server has the picture", lambda: (lambda x: x is not None and [i.get("id") for i in x])(own_item(phone, AVATAR)) == [hash])
    data = base64.b64decode(own_item(phone, DATA, hash).text)
    assert hashlib.sha1(data).hexdigest() == hash and own_item(phone, AVATAR)[0].get("bytes") == str(len(data))
    assert bob.me()["avatar_url"] == picture and bob.me()["name"] == name
    # By another client.
    nick = Element(f"{{{NICK}}}nick")
    nick.text = f"Bob {uuid.uuid4().hex[:4]}"
    publish_item(phone, NICK, "current", nick)
    wait_for("the app has the name", lambda: bob.me()["name"] == nick.text)
    other = png(color=(200, 9, 9))
    id = hashlib.sha1(other).hexdigest()
    payload = Element(f"{{{DATA}}}data")
    payload.text = base64.b64encode(other).decode()
    publish_item(phone, DATA, id, payload)
    metadata = Element(f"{{{AVATAR}}}metadata")
    SubElement(metadata, f"{{{AVATAR}}}info", {"id": id, "type": "image/png", "bytes": str(len(other))})
    publish_item(phone, AVATAR, id, metadata)
    wait_for("the app has the picture", lambda: bob.me()["avatar_url"] not in (picture, None))
    # And none at all.
    assert bob.call(200, "DELETE", "/api/users/me/avatar")["avatar_url"] is None
    wait_for("the server has none", lambda: (lambda x: x is not None and len(x) == 0)(own_item(phone, AVATAR)))
    assert bob.call(200, "PATCH", "/api/users/me", {"name": None})["name"] != nick.text
    wait_for("nor a name", lambda: (lambda x: x is None or not x.text)(own_item(phone, NICK)))
    assert bob.me()["avatar_url"] is None
