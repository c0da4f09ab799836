# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of the server with several instances of the bridge: with one link (Prosody) sessions are at the instance that has it, whichever
instance sockets are at; with a link at each (ejabberd) at the instance of the socket."""
import pytest
from harness import cluster
from harness.account import Person
from harness.administer import administer
from harness.inbox import wait_for
from harness.rest import App
from harness.xmpp import CHATSTATES
from test_bound_beside import words

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def two(request):
    yield from cluster.two_for_module(request, "--plugin", "--archive")


@pytest.fixture
def stack(two, request):
    yield from cluster.whole_for_test(two, request)


def wait_bound(person):
    wait_for("the host is up, as the app is told",
             lambda: (lambda s: s["host_up"] and s["features"][0] == "full")(person.call(200, "GET", "/api/session")))


def bound_sessions(stack):
    return sum(cluster.metric(stack, n, "trestle_bound_sessions") for n in cluster.instances(stack))


def is_session_of(person, stanza):
    return stanza.name == "presence" and stanza.type is None and stanza.sender.startswith(f"{person.jid}/trestle-")


def priority(presence):
    return int(presence.xml.findtext("{jabber:client}priority") or 0)


def sign_out(stack, person):
    person.call(204, "DELETE", "/api/session")
    wait_for("its session has ended", lambda: bound_sessions(stack) == 0)


def test_hosts_are_known_where_a_link_is(stack, request):
    """Who has no link does not take them for gone."""
    def states():
        return sorted(cluster.admin(stack, n, "/hosts").json["hosts"][0]["state"] for n in cluster.instances(stack))
    one = request.config.getoption("--server") == "prosody"
    wait_for("both say so", lambda: states() == (["elsewhere", "up"] if one else ["up", "up"]))


def test_wherever_a_token_comes_the_accounts_server_is_asked(stack):
    for where in cluster.instances(stack):
        for name, status in (("dave", 200), ("erin", 403), ("nobody", 403)):  # erin may not be bound
            api = App(stack, f"sso-{name}-{name != 'dave' and where}", int(where), account=f"{name}@example.org")
            reply = api.request("GET", "/api/users/me")
            assert (reply.status, reply.json.get("jid")) == (status, "dave@example.org" if status == 200 else None), (where, name)


@pytest.mark.parametrize("where", [0, 1])
def test_wherever_the_socket_is_the_account_is_used_whole(stack, xmpp, where):
    bob, carol, phone = Person(stack, "bob", where), xmpp("carol"), xmpp("bob")
    with bob.ws() as socket:
        wait_bound(bob)
        wait_for("its session is bound", lambda: bound_sessions(stack) == 1)
        phone.expect_stanza("somebody reads there", lambda s: is_session_of(bob, s) and priority(s) == 0)
        text = words("to the app")
        carol.send_message(bob.jid, text, receipt=True, id=words("c"))
        came = socket.expect("message.new", content=text)["payload"]
        talk = {"id": came["conversation_id"]}
        sent = bob.send(talk, words("from the app"))
        got = carol.expect_message(sent["content"])
        assert got.id == sent["id"] and got.sender.startswith(f"{bob.jid}/trestle-")
        carol.send_receipt(got)
        socket.expect("message.delivered", message_id=sent["id"])
        carol.send_displayed(got)
        socket.expect("message.read", message_id=sent["id"])
        carol.send_raw(f"<message to='{bob.jid}' type='chat'><composing xmlns='{CHATSTATES}'/></message>")
        socket.expect("typing", conversation_id=talk["id"], active=True)
        socket.command("typing", conversation_id=talk["id"], active=True)
        carol.expect_stanza("typing", lambda s: s.name == "message" and s.has(CHATSTATES, "composing"))
        texts = [m["content"] for m in bob.messages(talk, limit=100)["items"]]
        assert texts.count(text) == texts.count(sent["content"]) == 1
    wait_for("nobody reads there", lambda: priority([s for s in phone.inbox.received if is_session_of(bob, s)][-1]) == -1)
    sign_out(stack, bob)


@pytest.mark.parametrize("where", ["at the holder", "at the other"])
def test_killing_the_holder_of_the_link_binds_again_elsewhere_and_loses_nothing(stack, xmpp, where):
    holder = cluster.wait_holder(stack)
    other = 1 - holder
    bob, carol = Person(stack, "bob", holder if where == "at the holder" else other), xmpp("carol")
    texts = [words(f"n{n}") for n in range(4)]
    with bob.ws() as socket:
        wait_bound(bob)
        wait_for("its session is bound", lambda: bound_sessions(stack) == 1)
        carol.send_message(bob.jid, texts[0])
        talk = {"id": socket.expect("message.new", content=texts[0])["payload"]["conversation_id"]}
        stack.kill(f"bridge.{holder}")
        carol.send_message(bob.jid, texts[1])
        if where == "at the holder":
            bob = Person(stack, "bob", other)
        sent = bob.send(talk, texts[2])
    with bob.ws() as socket:
        assert carol.expect_message(texts[2], timeout=60).id == sent["id"]
        wait_for("the session is bound again", lambda: cluster.metric(stack, other, "trestle_bound_sessions") == 1, 60)
        carol.send_message(bob.jid, texts[3])
        socket.expect("message.new", content=texts[3])
        wait_for("all is there", lambda: sorted(m["content"] for m in bob.messages(talk, limit=100)["items"] if m["content"] in texts)
                 == sorted(texts), 40)
        assert carol.inbox.count(lambda s: s.body == texts[2]) == 1
    bob.call(204, "DELETE", "/api/session")
    wait_for("its session has ended", lambda: cluster.metric(stack, other, "trestle_bound_sessions") == 0)


def test_a_changed_password_ends_what_was_signed_in_at_either(stack, request):
    if request.config.getoption("--server") == "ejabberd":
        pytest.skip("ejabberd does not tell")
    people = [Person(stack, "dave", n) for n in (0, 1)]
    with people[0].ws(), people[1].ws():
        wait_for("the session is bound", lambda: bound_sessions(stack) == 1)
        administer(stack).change_password("dave", stack.account("dave")["password"])
        for person in people:
            wait_for("it is out", lambda person=person: person.request("GET", "/api/users/me").status == 401)
