# SPDX-License-Identifier: GPL-3.0-or-later
"""A page in a real browser: what CORS, cookies, sockets and streams let it do, and what they do not."""
import re

import pytest

from harness.browser import Chromium, Failed, Origin
from harness.daemon import Daemon
from harness.rest import App
from harness.stack import TOP

pytestmark = pytest.mark.one_server


@pytest.fixture(scope="module")
def chromium():
    browser = Chromium()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def own():
    """The origin that is listed."""
    origin = Origin()
    yield origin
    origin.close()


@pytest.fixture(scope="module", params=["localhost", "127.0.0.1"])
def foreign(request):
    """One that is not: on another site, and on the same one, to which browsers do send the cookie."""
    origin = Origin(request.param)
    yield origin
    origin.close()


@pytest.fixture
def bridge(stack, own):
    with Daemon(stack, options={"http": {"origins": own.url}, "session": {"cookie_secure": "false"},
                                "limits": {"search": "1/60"}, "websocket": {"deflate": "on"}}) as daemon:
        yield daemon


@pytest.fixture
def alice(bridge):
    return App(bridge, "alice", username="alice")


@pytest.fixture
def bella(bridge):
    return App(bridge, "bella", username="bella")


@pytest.fixture
def page(chromium, own, bridge, alice):
    """A page of the listed origin, in which alice is signed in."""
    chromium.open(own, bridge)
    assert chromium.run("return chat.signIn(args[0])", alice.token)["status"] == 201
    yield chromium
    chromium.run("if (chat.stream) chat.stream.close(); if (chat.socket) chat.socket.close()")


@pytest.fixture
def talk(alice, bella):
    return alice.conversation_with(participant_id=bella.me()["id"])["id"]


def test_a_page_signs_in_by_cookie_and_writes_with_its_csrf_token(page, alice, bella, talk):
    assert page.call("GET", "/api/users/me")["json"] == alice.myself()
    assert page.run("return document.cookie") == ""
    path = f"/api/conversations/{talk}/messages"
    assert page.call("POST", path, {"content": "From a page"})["status"] == 201
    assert page.call("POST", path, {"content": "Once"}, {"Idempotency-Key": "once"})["status"] == 201
    assert page.call("POST", path, {"content": "Once"}, {"Idempotency-Key": "once"})["status"] == 200
    page.run("chat.csrf = 'guessed'")
    assert page.call("POST", path, {"content": "Forged"})["json"]["code"] == "forbidden"
    assert [m["content"] for m in bella.messages(talk)["items"]] == ["From a page", "Once"]


@pytest.mark.parametrize("name", ["index.html", "chat.js"])
def test_a_page_that_could_not_be_got_is_loaded_again(chromium, own, bridge, name):
    own.missing.append(name)
    with pytest.warns(UserWarning, match="did not load"):
        chromium.open(own, bridge)
    assert own.missing == []


def test_a_page_may_use_a_token_instead(chromium, own, bridge, alice):
    chromium.open(own, bridge)
    headers = {"Authorization": f"Bearer {alice.token}"}
    assert chromium.call("PATCH", "/api/users/me", {"name": "Alice P."}, headers)["json"]["name"] == "Alice P."
    refused = chromium.call("GET", "/api/users/me")
    assert (refused["status"], refused["json"]["code"]) == (401, "unauthenticated")


def test_the_page_of_the_documentation_works(chromium, own, bridge, alice):
    text = (TOP / "docs" / "api.md").read_text()
    script = re.search(r"```js\n(.*?)```", text, re.S).group(1)
    script = script.replace("https://app.example.org", bridge.info["rest"])
    other = App(bridge, "user-2")
    other.me()
    chromium.open(own, bridge)
    with other.ws() as socket:
        types = chromium.run("const told = []; const console = {log: (type) => told.push(type)}; const token = args[0];"
                             + script + "while (!told.includes('ack')) await new Promise((done) => setTimeout(done, 10));"
                             "socket.close(); return told", alice.token)
        socket.expect("message.new", content="Hello!")
    assert types == ["hello", "message.new", "ack"]


def test_a_page_reads_the_headers_that_it_needs(page):
    search = "/api/users/search?q=bel"
    first, second = page.call("GET", search), page.call("GET", search)
    assert first["status"] == 200 and second["status"] == 429 and second["json"]["code"] == "rate_limited"
    for reply in (first, second):
        assert {"request-id", "ratelimit", "ratelimit-policy"} <= set(reply["headers"]), reply
    assert int(second["headers"]["retry-after"]) > 0


def test_a_page_can_read_why_something_was_too_large(page, talk):
    reply = page.call("POST", f"/api/conversations/{talk}/messages", {"content": "x" * 300000})
    assert (reply["status"], reply["json"]["code"]) == (413, "too_large")
    reply = page.run("return chat.call('PUT', '/api/users/me/avatar', new Blob([new Uint8Array(600000)], "
                     "{type: 'image/png'}))")
    assert (reply["status"], reply["json"]["code"]) == (413, "too_large")


def test_a_socket_by_ticket_sends_and_receives(page, bridge, bella, talk):
    assert page.run("return chat.connectByTicket(args[0])", bridge.info["ws"]) == "open"
    assert page.until("hello")["payload"]["user"]["username"] == "alice"
    assert "permessage-deflate" in page.run("return chat.socket.extensions")
    with bella.ws() as socket:
        page.run("chat.say('message', {conversation_id: args[0], content: 'By socket', client_id: 'c1'}, 7)", talk)
        assert page.until("ack")["payload"]["message"]["content"] == "By socket"
        socket.expect("message.new", content="By socket")
        page.run("chat.say('typing', {conversation_id: args[0], active: true})", talk)
        socket.expect("typing", conversation_id=talk, active=True)
        long = "Back to the page. " * 100
        bella.send(talk, long)
        assert page.until("message.new", content=long)["cursor"]
        page.run("chat.say('message', {conversation_id: args[0], content: args[1], client_id: 'c2'}, 8)", talk, long)
        socket.expect("message.new", content=long)
        socket.command("typing", conversation_id=talk, active=True)
        page.until("typing", conversation_id=talk, active=True, user_id=bella.me()["id"])


def test_a_socket_by_cookie_ends_with_the_session(page, bridge):
    assert page.run("return chat.connect(args[0])", bridge.info["ws"]) == "open"
    page.until("hello")
    assert page.call("DELETE", "/api/session")["status"] == 204
    assert page.until("closed")["payload"] == {"code": 4401, "reason": "signed out"}
    assert page.call("GET", "/api/users/me")["status"] == 401


def test_a_picture_is_uploaded_and_shown(page, bella, alice):
    user = page.run("return chat.call('PUT', '/api/users/me/avatar', await chat.picture(96))")["json"]
    assert user["avatar_url"] == alice.me()["avatar_url"] is not None
    assert page.run("return chat.show(args[0])", user["avatar_url"]) == 96
    assert page.run("const reply = await fetch(chat.api + args[0]); return (await reply.blob()).type",
                    user["avatar_url"]).startswith("image/")


def test_an_event_stream_comes_back_with_what_was_missed(page, bridge, bella, talk):
    assert page.run("return chat.follow(['hello', 'message.new', 'resumed'])") == "open"
    bella.send(talk, "While it listens")
    page.until("message.new", content="While it listens")
    assert bridge.terminate()[0] == 0
    bridge.start()
    bridge.wait_ready(link=False)
    bella.send(talk, "While it was away")
    page.until("message.new", content="While it was away")
    page.until("resumed")
    contents = page.run("return chat.events.filter((e) => e.type === 'message.new').map((e) => e.payload.content)")
    assert contents == ["While it listens", "While it was away"]


def test_a_page_of_another_origin_gets_nothing(chromium, foreign, bridge, alice, talk):
    page = chromium.open(foreign, bridge)
    for call in (("GET", "/api/users/me", None, {"Authorization": f"Bearer {alice.token}"}),
                 ("POST", "/api/session", {"token": alice.token}), ("GET", "/api/capabilities")):
        with pytest.raises(Failed, match="Failed to fetch"):
            page.call(*call)
    assert page.run("return chat.connect(args[0])", bridge.info["ws"]) == 1006
    assert page.run("return chat.follow([])") == "error"
    assert page.run("return chat.events.length") == 1  # the close


def test_a_page_of_another_origin_cannot_use_the_session_of_a_user(page, foreign, own, bridge, alice, talk):
    """The cookie is there; a foreign page does what needs no permission of the browser."""
    page.visit(foreign, bridge)
    path = f"{bridge.info['rest']}/api/conversations/{talk}/messages"
    page.run("await fetch(args[0], {method: 'POST', mode: 'no-cors', credentials: 'include', body: args[1]})",
             path, '{"content":"Forged"}')
    assert page.run("return chat.connect(args[0])", bridge.info["ws"]) == 1006
    with pytest.raises(Failed, match="Failed to fetch"):
        page.call("GET", "/api/users/me")
    page.visit(own, bridge)
    assert page.call("GET", "/api/users/me")["json"] == alice.myself()
    assert alice.messages(talk)["items"] == []
