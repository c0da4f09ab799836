# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of other servers used here, too: sessions, what goes into them, what comes, and hosts that lie.

The host is a fake one, so that a test decides what it says and when.
"""
import contextlib
import uuid

import pytest

from harness.daemon import Daemon, psql, run_trestle
from harness.fake_host import BIND, BLOCKING, ROSTER, FakeHost
from harness.inbox import wait_for
from harness.rest import App, Backend
from harness.watch import metrics

DISCO = "http://jabber.org/protocol/disco#info"
RECEIPTS = "urn:xmpp:receipts"
SID = "urn:xmpp:sid:0"


@contextlib.contextmanager
def make_world(stack, options=None, **fake):
    with FakeHost(**fake) as host:
        settings = {"bound": {"hosts": "example.org other.example", "grace": 1, "rate": 1000}, "xmpp": {"presence_grace": 0}}
        for section, values in (options or {}).items():
            settings.setdefault(section, {}).update(values)
        with Daemon(stack, host.port, settings, secret=host.secret) as daemon:
            status, key, text = run_trestle("token", "--config", daemon.config, "--server-key", "all", "--scopes",
                                            "users,send,tickets,bound")
            assert status == 0, text
            daemon.info["server_key"] = key.strip()
            daemon.wait_ready()
            yield host, daemon


def sign_in(daemon, name):
    """The account NAME of the host, by a token of the app's."""
    jid = f"{name}@example.org"
    Backend(daemon).call(204, "PUT", "/api/bound/login", {"external_id": f"app-{name}", "jid": jid})
    user = App(daemon, f"app-{name}")
    user.jid, user.id, user.name = jid, user.me()["id"], name
    return user


@pytest.fixture(scope="module")
def bridge(running_stack):
    with make_world(running_stack) as world:
        yield world


@pytest.fixture
def world(bridge):
    """The fake host, the daemon, and an account that nobody has used yet."""
    host, daemon = bridge
    return host, daemon, sign_in(daemon, "b" + uuid.uuid4().hex[:8])


def priority(stanza):
    return int(stanza.xml.findtext("{jabber:client}priority") or 0)


def presence_of(user, wanted):
    return lambda s: s.name == "presence" and s.user == user.name and s.type is None and priority(s) == wanted


def count(daemon, name):
    return metrics(daemon)[name]


def test_an_account_of_another_server_is_one(world):
    _, daemon, user = world
    assert user.me()["kind"] == "bound" and user.me()["jid"] == user.jid
    # The same id of the app's own is nobody else's, and no account has two.
    backend = Backend(daemon)
    backend.call(204, "PUT", "/api/bound/login", {"external_id": f"app-{user.name}", "jid": user.jid})
    backend.call(409, "PUT", "/api/bound/login", {"external_id": f"app-{user.name}", "jid": "eve@example.org"})
    backend.call(409, "PUT", "/api/bound/login", {"external_id": "another", "jid": user.jid})
    backend.call(422, "PUT", "/api/bound/login", {"external_id": "another", "jid": "bob@elsewhere.example"})


def test_what_is_for_users_who_live_here_is_refused(world):
    _, _, user = world
    for method, path, body in (("PATCH", "/api/users/me", {"name": "me"}), ("PATCH", "/api/settings/privacy", {"presence": "nobody"})):
        assert user.call(501, method, path, body)["code"] == "not_available"


def test_a_session_begins_with_a_socket_and_ends_after_the_grace(world):
    host, _, user = world
    with user.ws():
        host.expect_bound(user.name)
        for what in ((ROSTER, "query"), ("urn:xmpp:carbons:2", "enable"), (BLOCKING, "blocklist")):
            host.expect_injected(what, lambda s, what=what: s.user == user.name and s.has(*what))
        host.expect_injected("presence", presence_of(user, 0))
    host.expect_injected("presence of nobody", presence_of(user, -1))
    host.asked.expect("unbind", lambda s: s.has(BIND, "unbind") and s.child(BIND, "unbind").get("user") == user.name)


def test_a_watched_account_stays_bound(world):
    host, _, user = world
    state = user.call(200, "POST", "/api/bound")
    assert state == {"host_up": True, "features": ["full", "bind", "uid", "password_changed"]}
    host.expect_bound(user.name)
    host.expect_injected("presence of nobody", presence_of(user, -1))
    user.call(204, "DELETE", "/api/bound")
    host.asked.expect("unbind", lambda s: s.has(BIND, "unbind") and s.child(BIND, "unbind").get("user") == user.name)


def test_what_an_app_sends_is_injected_under_its_id(world):
    host, _, user = world
    with user.ws() as socket:
        host.expect_bound(user.name)
        talk = user.conversation_with("carol@example.org")
        sent = user.send(talk, "hello")
        came = host.expect_injected("the message", lambda s: s.user == user.name and s.body == "hello")
        assert (came.uid, came.id, came.to, came.sender) == (sent["id"], sent["id"], "carol@example.org", "")
        assert sent["sender"]["jid"] == user.jid
        # A receipt for it, as for users of our own.
        host.to_session(user.name, f"<message xmlns='jabber:client' from='carol@example.org/x' to='{user.jid}' type='chat'>"
                        f"<received xmlns='{RECEIPTS}' id='{sent['id']}'/></message>")
        socket.expect("message.delivered", message_id=sent["id"])
        # And an error of the peer's.
        lost = user.send(talk, "lost")
        host.to_session(user.name, f"<message xmlns='jabber:client' from='carol@example.org' to='{user.jid}' type='error' "
                        f"id='{lost['id']}'><error type='cancel'><service-unavailable "
                        "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
        socket.expect("message.failed", message_id=lost["id"])


def message(user, id, inside, sender="carol@example.org/x"):
    return (f"<message xmlns='jabber:client' from='{sender}' to='{user.jid}' type='chat' id='{id}'>{inside}</message>")


def contents(user, talk):
    return [m["content"] for m in user.messages(talk)["items"]]


def test_what_comes_is_there_once_however_often_it_comes(world):
    host, _, user = world
    uid = uuid.uuid4()
    with user.ws() as socket:
        host.expect_injected("presence", presence_of(user, 0))
        # The same id in both spellings; one that somebody else gave is none.
        for spelt in (str(uid), str(uid.int)):
            host.to_session(user.name, message(user, "m1", f"<body>hi</body><stanza-id xmlns='{SID}' by='{user.jid}' id='{spelt}'/>"
                                               f"<stanza-id xmlns='{SID}' by='example.org' id='{uuid.uuid4()}'/>"))
        told = socket.expect("message.new", content="hi")["payload"]
        assert told["id"] == str(uid) and told["sender"]["jid"] == "carol@example.org"
        host.to_session(user.name, message(user, "m2", f"<body>there</body><stanza-id xmlns='{SID}' by='{user.jid}' id='{uuid.uuid4()}'/>"))
        socket.expect("message.new", content="there")
        assert contents(user, told["conversation_id"]) in (["hi", "there"], ["there", "hi"])


def test_without_an_archive_of_ours_what_is_heard_is_kept(running_stack):
    with make_world(running_stack, archive="other") as (host, daemon):
        user = sign_in(daemon, "bob")
        with user.ws() as socket:
            host.expect_injected("presence", presence_of(user, 0))
            for _ in range(2):
                host.to_session("bob", message(user, "m1", "<body>hi</body>"))
            talk = socket.expect("message.new", content="hi")["payload"]["conversation_id"]
            own = (f"<message xmlns='jabber:client' from='{user.jid}' to='{user.jid}/x' type='chat'><sent xmlns='urn:xmpp:carbons:2'>"
                   "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' to='carol@example.org' type='chat' id='p1' "
                   f"from='{user.jid}/phone'><body>from the phone</body></message></forwarded></sent></message>")
            for _ in range(2):
                host.to_session("bob", own)
            told = socket.expect("message.new", content="from the phone")["payload"]
            assert told["sender"]["jid"] == user.jid and told["conversation_id"] == talk
            host.to_session("bob", message(user, "m2", "<body>last</body>"))
            socket.expect("message.new", content="last")
            assert sorted(contents(user, talk)) == ["from the phone", "hi", "last"]


def test_without_a_socket_a_message_waits_for_its_session_and_keeps_order(world):
    host, _, user = world
    talk = user.conversation_with("carol@example.org")
    for n in range(5):
        user.send(talk, f"n{n}")
    host.expect_bound(user.name)
    wait_for("all of them", lambda: host.injected.count(lambda s: s.user == user.name and s.body) == 5)
    assert [s.body for s in host.injected.received if s.user == user.name and s.body] == [f"n{n}" for n in range(5)]


def test_requests_to_a_session_are_answered(world):
    host, _, user = world
    with user.ws():
        host.expect_injected("presence", presence_of(user, 0))
        asks = {"d": f"<query xmlns='{DISCO}'/>", "p": "<ping xmlns='urn:xmpp:ping'/>", "v": "<query xmlns='jabber:iq:version'/>",
                "u": "<query xmlns='urn:example:unknown'/>"}
        for id, inside in asks.items():
            host.to_session(user.name, f"<iq xmlns='jabber:client' from='carol@example.org/x' to='{user.jid}/{host.bound[user.name]}' "
                            f"type='get' id='{id}'>{inside}</iq>")
        answers = {id: host.expect_injected(id, lambda s, id=id: s.name == "iq" and s.id == id and s.user == user.name) for id in asks}
        assert {id: s.type for id, s in answers.items()} == {"d": "result", "p": "result", "v": "result", "u": "error"}
        assert answers["d"].to == "carol@example.org/x" and answers["d"].has(DISCO, "query")


def test_contacts_and_blocks_are_the_servers(world):
    host, _, user = world
    host.roster[user.name] = ("<item jid='carol@example.org' subscription='both'/>"
                              "<item jid='dave@example.org' subscription='none' ask='subscribe'/>"
                              "<item jid='none@example.org' subscription='none'/>")

    def contacts():
        return {c["user"]["jid"]: (c["subscription"], c["ask"]) for c in user.call(200, "GET", "/api/contacts")["items"]}
    with user.ws():
        host.expect_bound(user.name)
        wait_for("the contacts", lambda: contacts() == {"carol@example.org": ("both", False), "dave@example.org": ("none", True)})
        host.to_session(user.name, f"<iq xmlns='jabber:client' type='set' id='push' from='{user.jid}'><query xmlns='{ROSTER}'>"
                        "<item jid='carol@example.org' subscription='remove'/></query></iq>")
        host.expect_injected("an answer", lambda s: s.user == user.name and s.id == "push" and s.type == "result")
        wait_for("one contact less", lambda: set(contacts()) == {"dave@example.org"})
        # Somebody else's push is none.
        host.to_session(user.name, f"<iq xmlns='jabber:client' type='set' id='forged' from='eve@example.org'><query xmlns='{ROSTER}'>"
                        "<item jid='eve@example.org' subscription='both'/></query></iq>")
        host.expect_injected("a refusal", lambda s: s.user == user.name and s.id == "forged" and s.type == "error")
        assert "eve@example.org" not in contacts()
        # Blocking goes to the server, and comes from it.
        talk = user.conversation_with("mallory@example.org")
        peer = next(p["user"]["id"] for p in talk["participants"] if p["user"]["jid"] == "mallory@example.org")
        user.call(200, "POST", f"/api/users/{peer}/block")
        host.expect_injected("the block", lambda s: s.user == user.name and s.has(BLOCKING, "block"))
        host.to_session(user.name, f"<iq xmlns='jabber:client' type='set' id='b' from='{user.jid}'><unblock xmlns='{BLOCKING}'/></iq>")
        wait_for("nobody is blocked", lambda: user.call(200, "GET", "/api/users/blocked")["items"] == [])


def test_a_resource_that_another_client_has_is_left_to_it(world):
    host, _, user = world
    host.refuse[user.name] = "conflict"
    user.call(200, "POST", "/api/bound")
    first = host.expect_bound(user.name).child(BIND, "bind").get("resource")
    second = host.expect_bound(user.name).child(BIND, "bind").get("resource")
    assert second != first
    host.expect_injected("presence", presence_of(user, -1))
    host.unbound(user.name, "conflict")
    assert host.expect_bound(user.name).child(BIND, "bind").get("resource") not in (first, second)
    user.call(204, "DELETE", "/api/bound")


def test_a_session_that_the_host_ends_is_bound_again(world):
    host, _, user = world
    with user.ws():
        host.expect_bound(user.name)
        host.expect_injected("presence", presence_of(user, 0))
        host.unbound(user.name, "kicked")
        host.expect_bound(user.name)
        host.expect_injected("presence", presence_of(user, 0))


def test_a_message_on_its_way_into_a_session_that_is_gone_goes_into_the_next(world):
    host, _, user = world
    with user.ws():
        host.expect_bound(user.name)
        talk = user.conversation_with("carol@example.org")
        user.send(talk, "before")
        host.expect_injected("the first", lambda s: s.body == "before" and s.user == user.name)
        del host.bound[user.name]  # and the bridge does not know
        sent = user.send(talk, "after")
        host.expect_bound(user.name)
        came = host.expect_injected("the second", lambda s: s.body == "after" and s.user == user.name)
        assert came.uid == sent["id"]


def test_what_waits_for_a_session_ends_as_failed_where_it_is_too_much_or_too_old(running_stack):
    with make_world(running_stack, {"bound": {"waiting_max": 10}}) as (host, daemon):
        user = sign_in(daemon, "bob")
        host.refuse["bob"] = "not-allowed"
        with user.ws() as socket:
            host.expect_bound("bob")
            talk = user.conversation_with("carol@example.org")
            sent = [user.send(talk, f"n{n}")["id"] for n in range(12)]
            failed = [socket.expect("message.failed", message_id=id)["payload"] for id in sent[10:]]
            assert {each["xmpp_condition"] for each in failed} == {"resource-constraint"}
            # A week later nobody waits for the rest any more.
            uri = daemon.info["database"]
            psql(uri, "UPDATE bound_outbox SET created_at = created_at - interval '14 days 1 hour'")
            psql(uri, "UPDATE jobs SET due_at = now() WHERE kind = 'reap.bound'")
            for id in sent[:10]:
                assert socket.expect("message.failed", message_id=id)["payload"]["xmpp_condition"] == "remote-server-timeout"
            psql(uri, "UPDATE jobs SET due_at = now() WHERE kind = 'reap.bound'")
            wait_for("nothing waits", lambda: psql(uri, "SELECT count(*) FROM bound_outbox") == "0")
            assert not host.injected.count(lambda s: s.body)


def test_a_changed_password_ends_what_was_signed_in(world):
    host, _, user = world
    with user.ws() as socket:
        host.expect_bound(user.name)
        host.expect_injected("presence", presence_of(user, 0))
        host.unbound(user.name, "password-changed")
        socket.expect_close()
    user.call(401, "GET", "/api/users/me")


def test_only_the_host_speaks_for_its_sessions(world):
    host, daemon, user = world
    with user.ws() as socket:
        host.expect_bound(user.name)
        talk = user.conversation_with("carol@example.org")
        sent = user.send(talk, "hi")
        host.expect_injected("the message", lambda s: s.user == user.name and s.body == "hi")
        resource = host.bound[user.name]
        receipt = (f"<message xmlns='jabber:client' from='carol@example.org/x' to='{user.jid}' type='chat'>"
                   f"<received xmlns='{RECEIPTS}' id='{sent['id']}'/></message>")
        carbon = ("<message xmlns='jabber:client' from='{}' to='" + user.jid + "' type='chat'><{} xmlns='urn:xmpp:carbons:2'>"
                  "<forwarded xmlns='urn:xmpp:forward:0'>" + receipt + "</forwarded></{}></message>")
        before = count(daemon, "trestle_bound_refused_total")
        for sender in ("elsewhere.example", "other.example", f"{user.jid}", "example.org/x", "carol@example.org/x"):
            host.to_session(user.name, receipt, sender=sender)
        host.to_session(user.name, receipt, resource="phone")
        host.to_session("somebody", receipt, resource=resource)
        host.to_session(user.name, receipt + receipt)
        host.to_session(user.name, "")
        host.to_session(user.name, "<stream xmlns='jabber:client'/>")
        host.to_session(user.name, receipt.replace("jabber:client", "jabber:server"))
        host.to_session(user.name, receipt.replace(f"to='{user.jid}'", "to='eve@example.org'"))
        host.to_session(user.name, carbon.format("eve@example.org", "received", "received"))
        host.to_session(user.name, carbon.format(user.jid, "sent", "sent"))
        host.send(f"<message from='example.org' to='app.example.org'><stanza xmlns='{BIND}'>{receipt}</stanza></message>")
        host.send(f"<message from='carol@example.org/x' to='app.example.org'><unbound xmlns='{BIND}' user='{user.name}' "
                  f"resource='{resource}' reason='deleted'/></message>")
        wait_for("all were dropped", lambda: count(daemon, "trestle_bound_refused_total") - before == 16)
        user.send(talk, "still here")
        host.expect_injected("the session is there", lambda s: s.user == user.name and s.body == "still here")
        socket.sync()
        assert socket.inbox.count(lambda f: f.get("type") == "message.delivered") == 0


def test_after_the_link_was_lost_or_the_module_loaded_anew_all_are_bound_again_and_nothing_is_lost(running_stack):
    with make_world(running_stack) as (host, daemon):
        users = [sign_in(daemon, f"u{n}") for n in range(20)]
        for user in users:
            user.call(200, "POST", "/api/bound")
        wait_for("20 sessions", lambda: len(host.bound) == 20)
        talks = [user.conversation_with("carol@example.org") for user in users]
        host.bound.clear()
        host.hang_up()
        for user, talk in zip(users, talks):
            user.send(talk, f"from {user.name}")
        host.wait_stream(2)
        for user in users:
            host.expect_injected(user.name, lambda s, user=user: s.user == user.name and s.body == f"from {user.name}")
        # Another life of the module: it knows no session.
        host.bound.clear()
        host.epoch = "e2"
        for user, talk in zip(users, talks):
            user.send(talk, f"again from {user.name}")
        for user in users:
            host.expect_injected(user.name, lambda s, user=user: s.user == user.name and s.body == f"again from {user.name}")
        assert all(host.injected.count(lambda s, user=user: s.user == user.name and s.body == f"again from {user.name}") == 1
                   for user in users)
        # A restart of the bridge.
        host.bound.clear()
        daemon.terminate()
        daemon.start()
        daemon.wait_ready()
        wait_for("20 sessions", lambda: len(host.bound) == 20)


@pytest.mark.long
def test_five_hundred_sessions_are_bound_again_in_their_pace_after_a_restart(running_stack):
    with make_world(running_stack, {"bound": {"rate": 50}}) as (host, daemon):
        users = [sign_in(daemon, f"m{n}") for n in range(500)]
        for user in users:
            user.call(200, "POST", "/api/bound")
        wait_for("500 sessions", lambda: len(host.bound) == 500, 60)
        host.bound.clear()
        daemon.process.kill()
        daemon.process.wait()
        daemon.start()
        daemon.wait_ready()
        _, took = wait_for("500 sessions again", lambda: len(host.bound) == 500, 60)
        assert took > 5  # 50 a second, and not at once
        assert count(daemon, "trestle_bound_sessions") == 500
        for user in users[::50]:
            talk = user.conversation_with("carol@example.org")
            user.send(talk, f"here is {user.name}")
            host.expect_injected(user.name, lambda s, user=user: s.user == user.name and s.body == f"here is {user.name}")
        # The test has killed it.
        daemon.terminate()
        daemon.start()


def test_a_server_without_the_module_has_limited_accounts(running_stack):
    fake = make_world(running_stack)
    with fake as (host, daemon):
        user = sign_in(daemon, "bob")
        host.hello = False
        host.hang_up()
        host.wait_stream(2)
        wait_for("the host is known to lack it", lambda: user.request("POST", "/api/bound").status == 501)
        talk = user.conversation_with("carol@example.org")
        user.send(talk, "hello", status=501)
        assert user.messages(talk)["items"] == []
        with user.ws() as socket:
            socket.sync()
            host.hello, host.archive = True, "other"
            host.hang_up()
            host.wait_stream(3)
            socket.expect("account.state", host_up=True, features=["limited", "bind", "uid", "password_changed"])
            host.archive = "trestle"
            host.announce()
            socket.expect("account.state", host_up=True, features=["full", "bind", "uid", "password_changed"])
