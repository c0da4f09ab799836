# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody learns of anybody by counting, asking or keeping a cursor: by every route, command and stanza. The SQL tests of
the same name have all relations; here are the ways there."""
import contextlib
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from xml.etree.ElementTree import Element, SubElement

import pytest

from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.rest import App
from harness.xmpp import XmppError

CLOSED = {"messages": "nobody", "presence": "nobody", "last_seen": "nobody", "profile": "contacts"}
NOT_A_NUMBER = 2 ** 52 + 12345  # nobody's
INFO, ITEMS = "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"
PUBSUB, AVATAR = "http://jabber.org/protocol/pubsub", "urn:xmpp:avatar:metadata"


@pytest.fixture
def cast(app, stack):
    """Alice talks to somebody on XMPP; Dora has closed everything. Mallory knows neither."""
    alice, dora, mallory = app("alice"), app("dora"), app("mallory")
    remote = f"remote-{uuid.uuid4().hex[:8]}@{stack.info['c2s']['domain']}"
    talk = alice.conversation_with(jid=remote)
    remote_id = next(p["user"] for p in talk["participants"] if p["user"]["jid"] == remote)
    dora.call(200, "PATCH", "/api/settings/privacy", CLOSED)
    return mallory, remote_id, dora.me()


def same(reply):
    body = {k: v for k, v in reply.json.items() if k != "request_id"}
    return reply.status, json.dumps(body, sort_keys=True)


NAMED_BY_NUMBER = {
    "conversation": ("POST", "/api/conversations", lambda n: {"participant_id": n}),
    "receiver": ("POST", "/api/messages", lambda n: {"receiver_id": n, "content": "x"}),
    "recipient": ("POST", "/api/messages", lambda n: {"recipient_id": n, "content": "x"}),
    "s1": ("POST", "/api/messages?dialect=s1", lambda n: {"receiver_id": n, "content": "x"})}


@pytest.mark.parametrize("way", NAMED_BY_NUMBER)
def test_a_number_that_one_may_not_know_is_nobodys(cast, way):
    mallory, *hidden = cast
    method, path, body = NAMED_BY_NUMBER[way]
    nobody = same(mallory.request(method, path, body(NOT_A_NUMBER)))
    assert nobody[0] == 403
    for user in hidden:
        assert same(mallory.request(method, path, body(user["number"]))) == nobody
    assert mallory.conversations()["items"] == []


def test_the_id_of_somebody_elsewhere_is_nobodys(cast):
    mallory, remote, _ = cast
    for method, path, body in (("POST", "/api/conversations", {"participant_id": "{}"}),
                               ("POST", "/api/messages", {"receiver_id": "{}", "content": "x"}),
                               ("POST", "/api/contacts", {"user_id": "{}"}),
                               ("DELETE", "/api/contacts/{}", None), ("GET", "/api/users/{}", None),
                               ("POST", "/api/users/{}/block", {}), ("DELETE", "/api/users/{}/block", None),
                               ("GET", "/api/contacts?after={}", None)):
        replies = [same(mallory.request(method, path.format(id), json.loads(json.dumps(body).replace('"{}"', f'"{id}"'))))
                   for id in (remote["id"], str(uuid.uuid4()))]
        assert replies[0] == replies[1] and replies[0][0] >= 400, (method, path)


@pytest.mark.parametrize("dialect", ["native", "s0", "s1"])
def test_commands_name_nobody_unknown_either(cast, dialect):
    mallory, remote, dora = cast
    with mallory.ws() as socket:
        for command, payload in (("private_message", {"recipient_id": None, "content": "x"}),
                                 ("typing", {"recipient_id": None, "active": True})):
            problems = []
            for name in (remote["number"], dora["number"], remote["id"], NOT_A_NUMBER):
                extra = {"dialect": dialect} if command == "private_message" else {}
                frame = socket.ask(command, **{**payload, "recipient_id": name, **extra})
                problems.append({k: v for k, v in frame["payload"]["problem"].items() if k != "request_id"})
            assert all(problem == problems[0] for problem in problems), problems


# -- on XMPP


def payload(namespace, name, **attributes):
    return Element(f"{{{namespace}}}{name}", attributes)


def pubsub(node, verb="items"):
    element = payload(PUBSUB, "pubsub")
    SubElement(element, f"{{{PUBSUB}}}{verb}", {"node": node})
    return element


REQUESTS = {
    "disco": ("get", lambda: payload(INFO, "query")), "disco of a node": ("get", lambda: payload(INFO, "query", node=AVATAR)),
    "items": ("get", lambda: payload(ITEMS, "query")), "items of a node": ("get", lambda: payload(ITEMS, "query", node=AVATAR)),
    "ping": ("get", lambda: payload("urn:xmpp:ping", "ping")), "version": ("get", lambda: payload("jabber:iq:version", "query")),
    "last": ("get", lambda: payload("jabber:iq:last", "query")), "vcard": ("get", lambda: payload("vcard-temp", "vCard")),
    "vcard set": ("set", lambda: payload("vcard-temp", "vCard")),
    "vcard4": ("get", lambda: payload("urn:ietf:params:xml:ns:vcard-4.0", "vcard")),
    "avatar": ("get", lambda: pubsub(AVATAR)), "no node": ("get", lambda: pubsub("x")),
    "publish": ("set", lambda: pubsub(AVATAR, "publish")), "unknown": ("get", lambda: payload("urn:x", "query"))}


def shape(element):
    """An element without the addresses and the id."""
    return (element.tag, sorted((k, v) for k, v in element.attrib.items() if k not in ("id", "to", "from")), element.text,
            [shape(child) for child in element])


@pytest.mark.parametrize("resource", ["", "/rest", "/other"])
def test_who_has_closed_everything_does_not_exist(cast, xmpp, stack, resource):
    _, _, dora = cast
    bob = xmpp("bob")
    nobody = f"nobody-{uuid.uuid4().hex[:8]}@{stack.app_domain}"
    for what, (kind, make) in REQUESTS.items():
        answers = [shape(ask(bob, jid + resource, make(), kind)) for jid in (dora["jid"], nobody)]
        assert answers[0] == answers[1], what
        assert "service-unavailable" in str(answers[0]), what


def ask(client, to, element, kind):
    try:
        return client.iq(to, element, kind).xml
    except XmppError as error:
        return error.stanza.xml


def test_presence_and_messages_meet_nobody_either(running_stack):
    """As the bridge says it: of what comes to a client, its own server takes away what it did not wait for just then. Stanzas
    of one pair are answered in order, so that the answer to a probe comes behind those to what was sent before."""
    with FakeXmpp() as server, Daemon(running_stack, server.port, secret=server.secret) as daemon:
        server.wait_stream()
        dora, mallory = App(daemon, "dora"), "mallory@elsewhere.example"
        dora.call(200, "PATCH", "/api/settings/privacy", CLOSED)
        for jid in (dora.me()["jid"], f"nobody@{running_stack.app_domain}"):
            answers = lambda: [s for s in server.inbox.received if s.sender and s.sender.startswith(jid)]
            for type in ("subscribe", "unsubscribe", "subscribed", "unsubscribed"):
                for each in (type, "probe"):
                    server.send(f"<presence from='{mallory}' to='{jid}' type='{each}'/>")
                server.expect("the answer to a probe", lambda s: s.type == "unsubscribed" and s in answers())
            server.send(f"<message from='{mallory}/x' to='{jid}' type='chat' id='m'><body>hello</body></message>")
            bounce = server.expect("a bounce", lambda s: s.type == "error" and s in answers())
            assert "service-unavailable" in str(shape(bounce.xml)), jid
            assert [(s.name, s.type, s.to) for s in answers()] == [
                *[("presence", "unsubscribed", mallory)] * 4, ("message", "error", f"{mallory}/x")], jid


# -- asking for more than there is


def test_asking_strangers_for_their_presence_is_limited_like_writing(running_stack):
    with FakeXmpp() as server, Daemon(running_stack, server.port, {"limits": {"strangers": "2/3600"}},
                                      secret=server.secret) as daemon:
        server.wait_stream()
        alice = App(daemon, "alice")
        for n in range(2):
            alice.call(201, "POST", "/api/contacts", {"jid": f"s{n}-{uuid.uuid4().hex}@example.org"})
        reply = alice.request("POST", "/api/contacts", {"jid": "one-more@example.org"})
        assert (reply.status, reply.json["code"]) == (429, "rate_limited") and reply.headers["retry-after"]


def is_question(stanza):
    return stanza.name == "iq" and stanza.type == "get" and stanza.has(INFO, "query")


def test_a_search_asks_the_network_once_the_address_is_typed(running_stack):
    with FakeXmpp() as server, Daemon(running_stack, server.port, secret=server.secret) as daemon:
        server.wait_stream()
        alice = App(daemon, "alice")
        search = lambda q: [u["jid"] for u in alice.call(200, "GET", "/api/users/search", q=q)["items"]]
        alice.conversation_with(jid="bob@known.example")
        for typed in ("bob@", "bob@k", "bob@known", "bob@known.", "bob@known.e", "bob@known.example"):
            assert search(typed) == ["bob@known.example"], typed
        with ThreadPoolExecutor() as pool:  # faster than anybody types
            typed = [f"bob@known.example.d{n}.example" for n in range(5)]
            answers = [pool.submit(search, q) for q in typed]
            asked = []
            while not all(answer.done() for answer in answers):
                with contextlib.suppress(AssertionError):  # none came: look again whether all have their answers
                    question = server.expect("a question", is_question, timeout=1)
                    server.send(f"<iq type='result' id='{question.id}' from='{question.to}' to='{question.sender}'>"
                                f"<query xmlns='{INFO}'><identity category='server' type='im'/></query></iq>")
                    asked.append(f"bob@{question.to}")
        found = [jid for answer in answers for jid in answer.result()]
        assert sorted(found) == sorted(asked) and 1 <= len(asked) < len(typed)


def test_somebody_of_whom_one_knows_is_found_by_an_exact_name(app):
    alice, name = app("alice"), "Li " + uuid.uuid4().hex[:2]
    li = app("li", name=name)
    li.me()
    search = lambda q: [u["id"] for u in alice.call(200, "GET", "/api/users/search", q=q)["items"]]
    assert li.me()["id"] in search(name) and search(name[:1]) == []
    li.call(200, "PATCH", "/api/settings/privacy", {"profile": "contacts"})
    assert li.me()["id"] not in search(name)


# -- a cursor is no right


@pytest.mark.parametrize("way", ["sync", "socket"])
def test_an_old_cursor_brings_back_nothing_that_was_taken_away(app, way):
    alice, bella = app("alice"), app("bella")
    with alice.ws() as socket:
        cursor = socket.cursor
    bella.call(200, "PATCH", "/api/users/me", {"bio": "secret bio"})
    talk = bella.conversation_with(participant_id=alice.me()["id"])
    bella.send(talk, "secret text")
    bella.call(200, "PATCH", "/api/users/me", {"bio": "secret bio, again"})

    def replay():
        if way == "sync":
            return json.dumps(alice.call(200, "GET", "/api/sync", since=cursor)["items"])
        with alice.ws(resume=cursor) as again:
            again.expect("resumed")
            return json.dumps(again.events())

    alice.call(200, "PATCH", f"/api/conversations/{talk['id']}", {"pinned": True})
    assert "secret text" in replay() and "secret bio, again" in replay()
    alice.call(200, "DELETE", f"/api/conversations/{talk['id']}")
    assert "secret text" not in replay()
    bella.call(200, "POST", f"/api/users/{alice.me()['id']}/block", {})
    assert "secret" not in replay()
