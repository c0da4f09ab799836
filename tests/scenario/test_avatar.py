# SPDX-License-Identifier: GPL-3.0-or-later
"""Avatars: uploaded, made anew, shown to apps by path and to XMPP by vCard and event; and those of XMPP contacts."""
import base64
import hashlib
import http.client
import signal
import time
import urllib.parse
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.pictures import GIF, JPEG, SVG, WEBP, chunk, many_scans, png, size_of_png, turned, vector
from harness.rest import Api, App
from harness.xmpp import XmppError
from test_hosted_account import befriend
from test_profile import PUBSUB, VCARD, expect_event, items, watch

DATA = "urn:xmpp:avatar:data"
METADATA = "urn:xmpp:avatar:metadata"
NICK = "http://jabber.org/protocol/nick"
UPDATE = "vcard-temp:x:update"


def upload(user, data, type="image/png", status=200):
    return user.call(status, "PUT", "/api/users/me/avatar", data, {"Content-Type": type})


def hash_of(user_object):
    path = user_object["avatar_url"]
    assert path.startswith("/api/avatars/"), path
    return path.rpartition("/")[2]


def photo_of(client, jid):
    card = client.iq(jid, Element(f"{{{VCARD}}}vCard")).child(VCARD, "vCard")
    text = card.findtext(f"{{{VCARD}}}PHOTO/{{{VCARD}}}BINVAL")
    return base64.b64decode(text) if text else None


# -- apps


@pytest.mark.parametrize("data, type", [(png(), "image/png"), (png(700, 20), "image/png"), (png(alpha=100), "image/png"),
                                        (JPEG, "image/jpeg"), (GIF, "image/gif"), (WEBP, "image/webp; q=1"),
                                        (vector("animated.webp"), "image/webp")],
                         ids=["png", "wide", "transparent", "jpeg", "gif", "webp", "animated"])
def test_an_upload_is_made_anew_and_served_to_anybody(alice, stack, data, type):
    user = upload(alice, data, type)
    assert user == alice.me()
    nobody = Api(stack)
    reply = nobody.request("GET", user["avatar_url"])
    assert reply.status == 200 and reply.raw != data
    assert reply.headers["content-type"] in ("image/png", "image/jpeg")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["etag"] == f'"{hash_of(user)}"' and "immutable" in reply.headers["cache-control"]
    again = nobody.request("GET", user["avatar_url"], headers={"If-None-Match": reply.headers["etag"]})
    assert again.status == 304 and not again.raw
    if reply.headers["content-type"] == "image/png":
        assert max(size_of_png(reply.raw)) <= 512


def test_nothing_of_the_original_survives(alice, stack):
    data = png(extra=chunk(b"tEXt", b"Comment\0<script>")) + b"<script>trailing"
    reply = Api(stack).request("GET", upload(alice, data)["avatar_url"])
    assert b"script" not in reply.raw


def test_a_jpeg_may_be_called_jpg(alice):
    assert upload(alice, JPEG, "image/jpg")["avatar_url"]


def test_a_photo_is_turned_upright(alice, xmpp):
    upload(alice, turned(JPEG, 6), "image/jpeg")
    bob = xmpp("bob")
    assert size_of_png(photo_of(bob, alice.jid)) == (8, 16)
    for name, type in (("turned-6.png", "image/png"), ("turned-6.webp", "image/webp")):
        upload(alice, vector(name), type)
        assert size_of_png(photo_of(bob, alice.jid)) == (12, 16), name


@pytest.mark.parametrize("data, type, status", [
    (SVG, "image/svg+xml", 415), (SVG, "image/png", 422), (png(), "image/jpeg", 422), (png(), "application/json", 415),
    (b"", "image/png", 422), (b"GIF89a", "image/gif", 422), (png()[:60], "image/png", 422), (JPEG[:200], "image/jpeg", 422),
    (WEBP[:40], "image/webp", 422), (GIF[:20], "image/gif", 422), (png(claimed=(60000, 60000)), "image/png", 422),
    (png(claimed=(4000, 4000)), "image/png", 422), (png(1, 1, claimed=(0, 1)), "image/png", 422),
    (png(5000, 5000), "image/png", 422), (many_scans(5000), "image/jpeg", 422)],
    ids=["svg", "svg-as-png", "png-as-jpeg", "no-image", "empty", "head-only", "cut-png", "cut-jpeg", "cut-webp", "cut-gif",
         "huge", "more-claimed-than-there", "no-pixels", "bomb", "scans"])
def test_bad_files_change_nothing(alice, data, type, status):
    before = upload(alice, png())
    upload(alice, data, type, status)
    assert alice.me() == before


def test_a_large_file_is_refused_before_it_is_sent_if_the_client_asks(alice):
    reply = alice.request("PUT", "/api/users/me/avatar", b"", {
        "Content-Type": "image/png", "Content-Length": "524289", "Expect": "100-continue"})
    assert reply.status == 413 and reply.json["code"] == "too_large"


def test_a_large_file_is_refused_when_it_was_sent(alice):
    reply = alice.request("PUT", "/api/users/me/avatar", png() + bytes(524288), {"Content-Type": "image/png"})
    assert reply.status == 413 and reply.json["code"] == "too_large"


def test_an_avatar_covers_the_tokens_picture_until_it_is_removed(app):
    user = app("alice", picture="https://pictures.example/a.png")
    assert user.me()["avatar_url"] == "https://pictures.example/a.png"
    path = upload(user, png(color=(1, 2, 3)))["avatar_url"]
    assert user.request("GET", path).status == 200
    assert user.call(200, "DELETE", "/api/users/me/avatar")["avatar_url"] == "https://pictures.example/a.png"
    assert user.call(200, "DELETE", "/api/users/me/avatar") == user.me()


def test_unknown_pictures_are_not_found(alice):
    for path in ("0" * 40, "x", "A" * 40, "%00", "..", uuid.uuid4()):
        assert alice.request("GET", f"/api/avatars/{path}").status == 404, path


# -- shown to XMPP


def test_xmpp_sees_the_picture(alice, xmpp):
    bob = xmpp("bob")
    assert photo_of(bob, alice.jid) is None
    hash = hash_of(upload(alice, png(800, 600)))
    photo = photo_of(bob, alice.jid)
    assert hashlib.sha1(photo).hexdigest() == hash and len(base64.b64encode(photo)) <= 65536
    info = items(bob, alice.jid, METADATA)[hash][0]
    assert (info.get("id"), info.get("type"), int(info.get("bytes"))) == (hash, "image/png", len(photo))
    assert (int(info.get("width")), int(info.get("height"))) == size_of_png(photo)
    assert base64.b64decode(items(bob, alice.jid, DATA, hash)[hash].text) == photo
    assert items(bob, alice.jid, DATA, "0" * 40) == {}
    alice.call(200, "DELETE", "/api/users/me/avatar")
    with pytest.raises(XmppError):
        items(bob, alice.jid, METADATA)


def expect_photo_hash(client, sender, hash):
    return client.expect_stanza(
        f"presence of {sender} with photo {hash!r}",
        lambda s: s.name == "presence" and s.sender == sender and s.has(UPDATE, "x")
        and (s.child(UPDATE, "x").findtext(f"{{{UPDATE}}}photo") or "") == hash)


def test_a_change_is_announced(alice, xmpp):
    bob = xmpp("bob")
    with alice.ws() as socket:
        befriend(alice, bob)
        expect_photo_hash(bob, alice.jid + "/rest", "")
        watch(bob, alice.jid, METADATA)
        bob.barrier(alice.jid)
        # The capabilities may still be on their way: the item then comes as the last one.
        hash = hash_of(upload(alice, png(color=(9, 9, 200))))
        expect_photo_hash(bob, alice.jid + "/rest", hash)
        expect_event(bob, alice.jid, METADATA, lambda m: len(m) == 1 and m[0].get("id") == hash)
        socket.expect("user.updated", avatar_url=f"/api/avatars/{hash}") # an earlier one is about the contact
        alice.call(200, "DELETE", "/api/users/me/avatar")
        expect_photo_hash(bob, alice.jid + "/rest", "")
        expect_event(bob, alice.jid, METADATA, lambda m: len(m) == 0)


# -- contacts on XMPP


def set_photo(client, data, full_name):
    card = Element(f"{{{VCARD}}}vCard")
    SubElement(card, f"{{{VCARD}}}FN").text = full_name
    photo = SubElement(card, f"{{{VCARD}}}PHOTO")
    SubElement(photo, f"{{{VCARD}}}TYPE").text = "image/png"
    SubElement(photo, f"{{{VCARD}}}BINVAL").text = base64.b64encode(data).decode()
    client.iq(None, card, "set")


def show_hash(client, to, hash):
    presence = Element("{jabber:client}presence", {"to": to})
    SubElement(SubElement(presence, f"{{{UPDATE}}}x"), f"{{{UPDATE}}}photo").text = hash
    client.send_element(presence)


def expect_user(socket, fits):
    frame = socket.inbox.expect("user.updated", lambda f: isinstance(f, dict) and f["type"] == "user.updated"
                                and fits(f["payload"]))
    return frame["payload"]


def test_a_contacts_vcard_picture_reaches_the_app(alice, xmpp, stack):
    dave = xmpp("dave")
    data = png(300, 200, color=(0, 120, 7))
    set_photo(dave, data, "Dave D.")
    talk = alice.conversation_with(jid=dave.bare)
    with alice.ws() as socket:
        show_hash(dave, alice.jid, hashlib.sha1(data).hexdigest())
        user = expect_user(socket, lambda u: u["jid"] == dave.bare and u["avatar_url"])
        assert user["name"] == "Dave D."
        reply = Api(stack).request("GET", user["avatar_url"])
        assert reply.status == 200 and reply.raw != data
        shown = [p for p in alice.conversation(talk)["participants"] if p["user"]["jid"] == dave.bare][0]["user"]
        assert shown == user


def event_to(client, to, node, payload, item):
    """An event as a server sends it for its account, but from a resource."""
    message = Element("{jabber:client}message", {"to": to, "type": "headline"})
    event = SubElement(message, "{http://jabber.org/protocol/pubsub#event}event")
    holder = SubElement(event, "{http://jabber.org/protocol/pubsub#event}items", {"node": node})
    SubElement(holder, "{http://jabber.org/protocol/pubsub#event}item", {"id": item}).append(payload)
    client.send_element(message)


def test_events_of_a_resource_are_nobodys(alice, xmpp):
    """A client's own message carries its resource; only its server speaks for the account."""
    mallory = xmpp("carol")
    alice.conversation_with(jid=mallory.bare)
    nick = Element(f"{{{NICK}}}nick")
    nick.text = "Mallory " + uuid.uuid4().hex
    event_to(mallory, alice.jid, NICK, nick, "current")
    mallory.send_message(alice.jid, "done")
    with alice.ws(resume=None) as socket:
        socket.sync()
        assert not [f for f in socket.frames("user.updated") if f["payload"]["name"] == nick.text]


def test_a_stranger_cannot_make_the_bridge_fetch(alice, xmpp):
    erin = xmpp("erin")
    show_hash(erin, alice.jid, hashlib.sha1(uuid.uuid4().bytes).hexdigest())
    erin.barrier(alice.jid)
    bob = xmpp("bob")
    bob.barrier(alice.jid)
    assert not [s for s in erin.inbox.received if s.name == "iq" and s.type == "get" and s.sender.startswith(alice.jid)]


def test_pictures_that_are_not_what_was_announced_are_not_shown(alice, xmpp):
    carol = xmpp("carol")
    set_photo(carol, png(color=(4, 4, 4)), "Carol")
    alice.conversation_with(jid=carol.bare)
    with alice.ws() as socket:
        show_hash(carol, alice.jid, hashlib.sha1(uuid.uuid4().bytes).hexdigest())
        user = alice.call(200, "GET", "/api/users/search", q=carol.bare)["items"][0]
        socket.sync()
        assert user["avatar_url"] is None or user["avatar_url"].startswith("/api/avatars/")


# -- events of contacts; real servers send them to subscribers only, so a fake one passes them on


@pytest.fixture
def world(running_stack):
    with FakeXmpp() as server, Daemon(running_stack, server.port, secret=server.secret) as daemon:
        server.wait_stream()
        yield server, App(daemon, "alice")


def event(sender, node, payload, id="x"):
    return (f"<message from='{sender}' to='alice@app.example.org/rest' type='headline'><event xmlns='{PUBSUB}#event'>"
            f"<items node='{node}'><item id='{id}'>{payload}</item></items></event></message>")


def nick_event(sender, nick):
    return event(sender, NICK, f"<nick xmlns='{NICK}'>{nick}</nick>")


def avatar_event(sender, hash):
    return event(sender, METADATA, f"<metadata xmlns='{METADATA}'><info id='{hash}' type='image/png' bytes='9'/>"
                                   "</metadata>", hash)


def asked(server, hash):
    return server.expect(f"a request for {hash}", lambda s: s.name == "iq" and s.type == "get" and any(
        e.get("id") == hash for e in s.xml.iter(f"{{{PUBSUB}}}item")))


def answer(server, request, sender, data):
    item = f"<item id='x'><data xmlns='{DATA}'>{base64.b64encode(data).decode()}</data></item>"
    server.send(f"<iq type='result' id='{request.id}' from='{sender}' to='{request.sender}'><pubsub xmlns='{PUBSUB}'>"
                f"<items node='{DATA}'>{item}</items></pubsub></iq>")


def test_a_contacts_events_reach_the_app(world):
    server, alice = world
    peer, data = "dora@example.org", png(90, 60)
    hash = hashlib.sha1(data).hexdigest()
    alice.conversation_with(jid=peer)
    with alice.ws() as socket:
        server.send(avatar_event(peer, hash))
        request = asked(server, hash)
        assert request.sender == "alice@app.example.org/rest" and request.to == peer
        answer(server, request, "mallory@example.org", png(1, 1))  # not who was asked
        answer(server, request, peer, data)
        user = expect_user(socket, lambda u: u["jid"] == peer and u["avatar_url"])
        assert alice.request("GET", user["avatar_url"]).status == 200 and user["name"] == peer


def test_a_nickname_is_shown_and_forged_ones_are_not(world):
    server, alice = world
    alice.conversation_with(jid="dora@example.org")
    alice.conversation_with(jid="emil@example.org")
    with alice.ws() as socket:
        server.send(nick_event("dora@example.org/phone", "Forged") + nick_event("example.org", "Forged")
                    + nick_event("stranger@example.org", "Forged") + nick_event("bella@app.example.org", "Forged")
                    + nick_event("emil@example.org", " Emil\n" + "x" * 1000) + nick_event("dora@example.org", "Dora"))
        assert expect_user(socket, lambda u: u["jid"] == "dora@example.org")["name"] == "Dora"
        long = expect_user(socket, lambda u: u["jid"] == "emil@example.org")["name"]
        assert long.startswith("Emil x") and len(long) == 255
        assert len(socket.frames("user.updated")) == 2


def test_what_contacts_call_a_picture_is_distrusted(world):
    server, alice = world
    bad = {"nothing@example.org": b"", "text@example.org": b"no picture", "svg@example.org": SVG,
           "huge@example.org": png(claimed=(60000, 60000)), "cut@example.org": png()[:50]}
    for peer in bad:
        alice.conversation_with(jid=peer)
    with alice.ws() as socket:
        for peer, data in bad.items():
            hash = hashlib.sha1(data).hexdigest()
            server.send(avatar_event(peer, hash))
            answer(server, asked(server, hash), peer, data)
            server.send(nick_event(peer, "Looked at"))  # the next look at that person
        for peer in bad:
            assert expect_user(socket, lambda u: u["jid"] == peer and u["name"] == "Looked at")["avatar_url"] is None


def vcard_update(sender, hash):
    return (f"<presence from='{sender}/phone' to='alice@app.example.org'><x xmlns='{UPDATE}'><photo>{hash}</photo></x>"
            "</presence>")


def card_asked(server, sender):
    return server.expect(f"a request for the vCard of {sender}", lambda s: s.name == "iq" and s.type == "get"
                         and s.to == sender and s.has(VCARD, "vCard"))


def test_only_who_says_that_there_is_no_picture_loses_it(world):
    server, alice = world
    peer, data = "dora@example.org", png(30, 20)

    def iq(request, type, content):
        server.send(f"<iq type='{type}' id='{request.id}' from='{peer}' to='{request.sender}'>{content}</iq>")

    def card(request, content):
        iq(request, "result", f"<vCard xmlns='{VCARD}'>{content}</vCard>")

    def photo(data):
        return f"<PHOTO><TYPE>image/png</TYPE><BINVAL>{base64.b64encode(data).decode()}</BINVAL></PHOTO>"

    def error(condition):
        return f"<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    talk = alice.conversation_with(jid=peer)

    def shown():
        return next(p["user"] for p in alice.conversation(talk)["participants"] if p["user"]["jid"] == peer)["avatar_url"]
    with alice.ws() as socket:
        server.send(vcard_update(peer, hashlib.sha1(data).hexdigest()))
        card(card_asked(server, peer), photo(data))
        url = expect_user(socket, lambda u: u["avatar_url"])["avatar_url"]
        for n, condition in enumerate(("service-unavailable", "remote-server-timeout")):
            server.send(vcard_update(peer, hashlib.sha1(condition.encode()).hexdigest()) + nick_event(peer, f"Dora {n}"))
            iq(card_asked(server, peer), "error", error(condition))
            assert expect_user(socket, lambda u, n=n: u["name"] == f"Dora {n}")["avatar_url"] == shown() == url
    with alice.ws() as socket:
        server.send(vcard_update(peer, "0" * 40))
        iq(card_asked(server, peer), "error", error("item-not-found"))
        assert expect_user(socket, lambda u: u["jid"] == peer)["avatar_url"] is shown() is None
    # A picture that does not fit takes no name away, nor does a blank name another one.
    peer = "fay@example.org"
    alice.conversation_with(jid=peer)
    with alice.ws() as socket:
        server.send(vcard_update(peer, "1" * 40) + nick_event(peer, "\u200b"))
        card(card_asked(server, peer), "<FN> \u2800 </FN><NICKNAME>Fa\u202ey\nF.</NICKNAME>" + photo(png(9, 9)))
        assert expect_user(socket, lambda u: u["jid"] == peer)["name"] == "Fay F."


def test_a_new_picture_is_shown_at_once_and_a_flood_of_them_is_not_fetched(world):
    server, alice = world
    peer = "dora@example.org"
    alice.conversation_with(jid=peer)
    began = time.monotonic()
    with alice.ws() as socket:
        for n in range(3):
            data = png(10 + n, 10)
            hash = hashlib.sha1(data).hexdigest()
            server.send(avatar_event(peer, hash))
            answer(server, asked(server, hash), peer, data)
            expect_user(socket, lambda u: u["avatar_url"])
        for n in range(40):
            server.send(avatar_event(peer, hashlib.sha1(str(n).encode()).hexdigest()))
            server.send(f"<iq type='get' id='p{n}' from='{peer}' to='alice@app.example.org'><ping xmlns='urn:xmpp:ping'/></iq>")
            server.expect("a pong", lambda s, n=n: s.name == "iq" and s.id == f"p{n}")
    assert len([s for s in server.inbox.received if s.name == "iq" and s.type == "get" and s.to == peer]) \
        <= 5 + (time.monotonic() - began) // 10, "four at once, and one every ten seconds"


def test_an_end_in_the_middle_of_pictures_is_an_orderly_one(running_stack):
    """With sanitizers it is also shown that nothing of them stays behind."""
    data = png(3500, 3500)
    hash = hashlib.sha1(data).hexdigest()
    with FakeXmpp() as server, Daemon(running_stack, server.port, secret=server.secret) as daemon:
        server.wait_stream()
        alice = App(daemon, "alice")
        peers = [f"peer{n}@example.org" for n in range(5)]
        for peer in peers:
            alice.conversation_with(jid=peer)
            server.send(avatar_event(peer, hash))
        for _ in peers:
            request = asked(server, hash)
            answer(server, request, request.to, data)
        address = urllib.parse.urlsplit(alice.rest)
        waiting = [http.client.HTTPConnection(address.hostname, address.port) for _ in range(5)]
        for connection in waiting:
            connection.request("PUT", "/api/users/me/avatar", data, {**alice.headers(), "Content-Type": "image/png"})
        alice.me()  # the pictures have come
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.terminate()[0] == 0
        for connection in waiting:
            connection.close()
