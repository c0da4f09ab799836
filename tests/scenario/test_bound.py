# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of other servers used here, too: sessions, what goes into them, what comes, and hosts that lie.

The host is a fake one, so that a test decides what it says and when.
"""
import concurrent.futures
import contextlib
import time
import uuid

import pytest

from harness.daemon import Daemon, psql, run_trestle
from harness.fake_host import BIND, BLOCKING, ROSTER, FakeHost
from harness.inbox import wait_for
from harness.rest import Api, App, Backend
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


# ---- Tokens whose claim names an account

@pytest.fixture(scope="module")
def claiming(running_stack):
    allowed = " ".join(f"{name}@example.org" for name in ("ann", "ben", "cleo", "dan", "new", "old"))
    with make_world(running_stack, {"bound": {"login_claim": "email", "login_domain": "example.org", "allowed": allowed}}) as world:
        yield world


def who(daemon, sub, **claims):
    """The status of a request with such a token, and the address of who that is."""
    reply = App(daemon, sub, **claims).request("GET", "/api/users/me")
    return reply.status, reply.json.get("jid") or reply.json["code"]


def test_a_claim_says_which_account_a_token_is_for(claiming):
    host, daemon = claiming
    assert who(daemon, "sso-ann", email="Ann@Example.ORG", email_verified=True) == (200, "ann@example.org")
    assert App(daemon, "sso-ann", email="ann@example.org").me()["kind"] == "bound"
    assert who(daemon, "sso-ben", email="ben") == (200, "ben@example.org")
    host.asked.expect("the question", lambda s: s.has(BIND, "login") and s.child(BIND, "login").get("user") == "ben")
    # The same person by another token, and by the app's own id.
    assert who(daemon, "sso-ann", email="ann@example.org", iat=1000000000) == (200, "ann@example.org")
    assert App(daemon, "sso-ben", email="ben").call(201, "POST", "/api/session/ticket", {})["ticket"]


@pytest.mark.parametrize("claims", [{}, {"email": "ann@elsewhere.example"}, {"email": 5}, {"email": ["ann@example.org"]}, {"email": ""},
                                    {"email": "ann@example.org", "email_verified": False}, {"email": "ann@example.org@x"},
                                    {"email": "Ann <ann@example.org>"}, {"email": "xmpp:ann@example.org"}, {"email": "@example.org"},
                                    {"email": "ann@example.org/x"}, {"email": "x" * 4000}, {"email": "ann@app.example.org"}])
def test_a_claim_that_names_no_account_names_nobody(claiming, claims):
    sub = "app-" + uuid.uuid4().hex[:8]
    status, jid = who(claiming[1], sub, **claims)
    assert (status, jid.partition("@")[2]) == (200, "app.example.org")


def test_nobody_gets_an_account_that_is_not_to_be_had(claiming):
    host, daemon = claiming
    # By the options; by the server.
    assert who(daemon, "sso-eve", email="eve@example.org") == (403, "forbidden")
    for condition in ("not-allowed", "item-not-found"):
        host.login["cleo"] = condition
        assert who(daemon, "sso-cleo", email="cleo") == (403, "forbidden")
    for condition in ("resource-constraint", "internal-server-error"):
        host.login["cleo"] = condition
        assert who(daemon, "sso-cleo", email="cleo") == (503, "unavailable")
    del host.login["cleo"]
    assert who(daemon, "sso-cleo", email="cleo") == (200, "cleo@example.org")
    # One account is one id's, and one id's account is one.
    assert who(daemon, "sso-other", email="cleo") == (401, "unauthenticated")
    assert who(daemon, "sso-cleo", email="dan") == (401, "unauthenticated")
    old = App(daemon, "sso-old")
    assert old.me()["kind"] == "hosted"
    assert who(daemon, "sso-old", email="old") == (401, "unauthenticated")
    assert psql(daemon.info["database"], "SELECT count(*) FROM users WHERE kind = 'bound' AND jid ~ '^(eve|dan|old)@'") == "0"


def test_many_first_tokens_at_once_are_one_account(claiming):
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        found = set(pool.map(lambda n: who(claiming[1], "sso-new", email="new", n=n), range(6)))
    assert found == {(200, "new@example.org")}


def test_without_its_server_a_token_for_an_account_waits(running_stack):
    with make_world(running_stack, {"bound": {"login_claim": "preferred_username", "login_domain": "example.org"}}) as (host, daemon):
        user = App(daemon, "sso-uma", preferred_username="uma")
        assert user.me()["jid"] == "uma@example.org"
        host.has, host.epoch = ("bind", "uid"), "e2"  # of an older module
        host.announce()
        wait_for("nobody can say", lambda: who(daemon, "sso-vic", preferred_username="vic") == (503, "unavailable"))
        assert user.me()["jid"] == "uma@example.org"  # who is in stays in


# ---- Passwords, tried by the module

def test_the_module_tries_passwords(running_stack):
    with make_world(running_stack, {"bound": {"login_by": "module"}, "limits": {"signin": "4/3600"}}) as (host, daemon):
        host.passwords.update(bob="right & <wrong>", eve="right")
        host.login["eve"] = "not-allowed"
        api = Api(daemon)

        def attempt(jid, password):
            began = time.monotonic()
            reply = api.request("POST", "/api/session", {"jid": jid, "password": password})
            return reply.status, reply.json.get("detail"), time.monotonic() - began

        wait_for("the host is up", lambda: attempt("bob@example.org", "right & <wrong>")[0] == 201)
        wrong = (401, "the account or its password is not right")
        for jid, password in (("bob@example.org", "wrong"), ("eve@example.org", "right"), ("bob@elsewhere.example", "wrong")):
            *said, seconds = attempt(jid, password)
            # Never sooner than a second, so that none of them can be told from another.
            assert tuple(said) == wrong and seconds >= 1, (jid, said, seconds)
        assert attempt("bob@example.org", "right & <wrong>")[0] == 201
        assert [attempt("bob@example.org", "wrong")[0] for _ in range(3)] == [401] * 3
        asked = host.asked.count(lambda s: s.has(BIND, "login"))
        assert attempt("bob@example.org", "right & <wrong>")[0] == 429  # four were wrong: nobody is asked any more
        assert host.asked.count(lambda s: s.has(BIND, "login")) == asked
        assert "right &" not in daemon.logged() and "wrong>" not in daemon.logged()


def memory_has(pid, what):
    """Where a process has these bytes: what is around them."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            low, high = (int(end, 16) for end in span.split("-"))
            if not rights.startswith("rw") or "[vvar" in line or high - low > 1 << 32:  # the last: a sanitizer's shadow
                continue
            memory.seek(low)
            data = memory.read(high - low)
            at = data.find(what)
            while at >= 0:
                found.append(data[max(0, at - 60):at + 60])
                at = data.find(what, at + 1)
    return found


@pytest.mark.parametrize("password", ["the-right-one-%s", "the-wrong-one-%s"])
def test_a_password_that_was_tried_is_forgotten(running_stack, password):
    """No buffer has it once the answer is there and the connection has gone on to something else."""
    with make_world(running_stack, {"bound": {"login_by": "module"}}) as (host, daemon):
        secret = uuid.uuid4().hex
        password %= secret
        host.passwords["bob"] = password if "right" in password else "another"
        api, status = Api(daemon), 201 if "right" in password else 401
        wait_for("the host is up", lambda: api.request("POST", "/api/session", {"jid": "bob@example.org", "password": password}).status == status)
        for _ in range(3):
            api.request("GET", "/api/users/me")
        assert memory_has(daemon.process.pid, secret.encode()) == []


def test_a_module_that_cannot_say_is_no_wrong_password(running_stack):
    with make_world(running_stack, {"bound": {"login_by": "module", "login_timeout": 2}}) as (host, daemon):
        api = Api(daemon)

        def attempt():
            return api.request("POST", "/api/session", {"jid": "bob@example.org", "password": "x"}).status

        host.passwords["bob"] = "y"
        wait_for("the host is up", lambda: attempt() == 401)
        host.login["bob"] = "internal-server-error"
        assert attempt() == 503
        host.has, host.epoch = ("bind",), "e2"
        host.announce()
        host.login["bob"] = "not-authorized"
        wait_for("it has no such question", lambda: attempt() == 503)


def test_what_is_for_users_who_live_here_is_refused(world):
    _, _, user = world
    assert user.call(501, "PATCH", "/api/settings/privacy", {"presence": "nobody"})["code"] == "not_available"
    assert user.call(501, "PATCH", "/api/settings/retention", {"messages_days": 7})["code"] == "not_available"
    user.call(422, "PATCH", "/api/users/me", {"bio": "of me"})


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


def test_copies_of_bounces_and_of_what_rooms_say_are_no_messages(world):
    """Servers send copies of them to all clients of the account; no archive keeps them."""
    host, daemon, user = world

    def kept():
        return psql(daemon.info["database"], "SELECT count(*) FROM mam_holders h JOIN mam_owners o ON o.id = h.owner_id "
                    f"WHERE o.jid = '{user.jid}'")
    with user.ws() as socket:
        host.expect_injected("presence", presence_of(user, 0))
        for type, inside in (("error", "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"),
                             ("groupchat", "<subject>forged</subject>"), ("headline", "<subject>news</subject>")):
            for way, sender, to in (("received", "carol@example.org/x", f"{user.jid}/phone"), ("sent", f"{user.jid}/phone", "carol@example.org")):
                host.to_session(user.name, f"<message xmlns='jabber:client' from='{user.jid}' to='{user.jid}/x'><{way} xmlns='urn:xmpp:carbons:2'>"
                                f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{sender}' to='{to}' type='{type}' "
                                f"id='c1'>{inside}</message></forwarded></{way}></message>")
        last = message(user, "m1", f"<body>last</body><stanza-id xmlns='{SID}' by='{user.jid}' id='{uuid.uuid4()}'/>")
        host.to_session(user.name, last)
        told = socket.expect("message.new", content="last")["payload"]
        assert contents(user, told["conversation_id"]) == ["last"] and kept() == "1"


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


def test_names_and_groups_of_contacts_are_the_servers(world):
    host, _, user = world
    many = "".join(f"<group>g{n:04}</group>" for n in range(900))
    host.roster[user.name] = (
        "<item jid='carol@example.org' subscription='both' name='Carol &lt;b&gt;&#x202e;'><group>Work</group><group>Work</group><group/><group> Kin </group></item>"
        "<item jid='none@example.org' subscription='none' name='Nobody'/>"
        f"<item jid='many@example.org' subscription='to' name='{'n' * 3000}'>{many}</item>")

    def contacts():
        return {c["user"]["jid"]: c for c in user.call(200, "GET", "/api/contacts")["items"]}

    def known(jid):
        return contacts().get(jid) and (contacts()[jid]["name"], contacts()[jid]["groups"])

    def push(id, item, sender=user.jid):
        host.to_session(user.name, f"<iq xmlns='jabber:client' type='set' id='{id}' from='{sender}'><query xmlns='{ROSTER}'>{item}</query></iq>")
        return host.expect_injected("an answer", lambda s: s.user == user.name and s.id == id).type

    def written():
        told = host.expect_injected("a change of the list", lambda s: s.user == user.name and s.type == "set" and s.has(ROSTER, "query"))
        item, = told.child(ROSTER, "query")
        return told, (item.get("jid"), item.get("name"), item.get("subscription"), [g.text for g in item])

    with user.ws() as socket:
        host.expect_bound(user.name)
        wait_for("the contacts", lambda: set(contacts()) == {"carol@example.org", "none@example.org", "many@example.org"})
        assert known("carol@example.org") == ("Carol <b>", ["Kin", "Work"]) and known("none@example.org") == ("Nobody", [])
        assert known("many@example.org") == ("n" * 255, [f"g{n:04}" for n in range(32)])
        # What the app does not change stays as the server has it, also what is not shown of it.
        path = f"/api/contacts/{contacts()['carol@example.org']['user']['id']}"
        user.call(200, "PATCH", path, {"groups": ["Kin"]})
        assert written()[1] == ("carol@example.org", "Carol <b>\u202e", None, ["Kin"])
        user.call(200, "PATCH", path, {"name": "Carola & <co>"})
        asked, item = written()
        assert item == ("carol@example.org", "Carola & <co>", None, ["Kin"])
        # Of what is too much to keep nothing is lost: both have to be given.
        large = f"/api/contacts/{contacts()['many@example.org']['user']['id']}"
        for body, pointer in (({"name": "M"}, "/groups"), ({"groups": ["M"]}, "/name")):
            reply = user.request("PATCH", large, body)
            assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, pointer)
        user.call(200, "PATCH", large, {"name": "M", "groups": ["M"]})
        assert written()[1] == ("many@example.org", "M", None, ["M"])
        # A push moves them; the same one twice, or one of somebody else, does not.
        socket.expect("user.updated", contact={"name": "M", "groups": ["M"]})
        changed = "<item jid='carol@example.org' subscription='both' name='C.'><group>Work</group></item>"
        assert push("p1", changed) == "result"
        socket.expect("user.updated", contact={"name": "C.", "groups": ["Work"]})
        assert push("p2", changed) == "result"
        for number, sender in enumerate(("eve@example.org", f"{user.jid}/phone", "carol@example.org", host.domain)):
            assert push(f"f{number}", "<item jid='carol@example.org' subscription='both' name='forged'/>", sender) == "error"
        assert push("p3", "<item jid='none@example.org' subscription='none' name='Somebody'/>") == "result"
        socket.expect("user.updated", contact={"name": "Somebody"})
        assert socket.count("user.updated", contact={"name": "C."}) == 1 and socket.count("user.updated", contact={"name": "forged"}) == 0
        assert known("carol@example.org") == ("C.", ["Work"])
        # What the server refuses is taken back.
        host.roster[user.name] = changed
        user.call(200, "PATCH", path, {"name": "refused"})
        asked, _ = written()
        host.to_session(user.name, f"<iq xmlns='jabber:client' type='error' id='{asked.id}' from='eve@example.org'><error type='cancel'/></iq>")
        host.to_session(user.name, f"<iq xmlns='jabber:client' type='error' id='{asked.id}' from='{user.jid}'><error type='cancel'>"
                        "<not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
        socket.expect("user.updated", contact={"name": "C.", "groups": ["Work"]})
        # Who is removed goes from the server's list, name and all.
        user.call(200, "DELETE", path)
        assert written()[1] == ("carol@example.org", None, "remove", [])
        assert push("p4", "<item jid='carol@example.org' subscription='remove' name='C.'><group>Work</group></item>") == "result"
        wait_for("no contact", lambda: "carol@example.org" not in contacts())


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


def test_what_is_said_again_has_its_id_before_the_host_has_answered(running_stack):
    """Else it is another message in the archive, which has the first already."""
    with make_world(running_stack) as (host, daemon):
        user, alice = sign_in(daemon, "bob"), App(daemon, "alice")
        talk = alice.conversation_with(user.jid)

        def said(id):
            return host.expect("the message", lambda s: s.name == "message" and s.id == id).child(BIND, "uid")
        first = alice.send(talk, "first")["id"]
        assert said(first).get("id") == first
        host.hello = None
        host.hang_up()
        host.wait_stream(2)
        later = alice.send(talk, "later")["id"]
        assert said(later).get("id") == later


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
