# SPDX-License-Identifier: GPL-3.0-or-later
"""Every route and socket command × who asks × what for. A stranger and a random id get the same bytes."""
import re
import uuid

import pytest

from harness.stack import TOP

# (method, path) → a good body (None: none). The one list; a route of the source that is missing here fails.
OPEN = {("GET", "/api/capabilities"): None}
OWN = {("GET", "/api/users/me"): None, ("GET", "/api/sync"): None, ("GET", "/api/conversations"): None,
       ("POST", "/api/conversations"): {"jid": "carol@example.org"}}
KEYS = {("POST", "/api/users"): {"external_id": "matrix"}}
CONVERSATION = {("GET", "/api/conversations/:conversation_id"): None,
                ("GET", "/api/conversations/:conversation_id/messages"): None,
                ("POST", "/api/conversations/:conversation_id/messages"): {"content": "Hello"},
                ("PUT", "/api/conversations/:conversation_id/read"): {}}
COMMANDS = {"message": {"content": "Hello"}, "read": {}}
MALFORMED = ("x", "0", "%00", "..", "%2e%2e%2f", "'--", "00000000-0000-7000-8000-00000000000g", "x" * 500, "%ff%fe",
             "{00000000-0000-7000-8000-000000000000}", "%E2%98%83", "null")


def source(member):
    """All values of `.member = "…"` in the operation tables of the features."""
    text = "\n".join(file.read_text() for file in sorted((TOP / "bridge" / "feature").glob("*.c")))
    return re.findall(rf'\.{member} = "([^"]+)"', text)


def same(reply):
    """Status, headers and body, without what may differ between any two replies."""
    id = reply.headers.get("request-id", "none").encode()
    headers = {k: v for k, v in reply.headers.items() if k not in ("request-id", "date")}
    return reply.status, headers, reply.raw.replace(id, b"ID")


@pytest.fixture
def people(app):
    alice, bella, stranger = app("alice"), app("bella"), app("stranger")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    message = alice.send(talk, "Not for strangers")
    return alice, bella, stranger, talk, message


def ask(user, route, id=None, body=None, **query):
    method, path = route
    return user.request(method, path.replace(":conversation_id", str(id)), body, **query)


def test_the_tables_here_are_complete():
    routes = set(zip(source("method"), source("path")))
    assert routes == {*OPEN, *OWN, *KEYS, *CONVERSATION}
    assert set(source("command")) == set(COMMANDS)


def test_anonymous_callers_get_one_answer(people, stack):
    from harness.rest import Api
    nobody = Api(stack)
    for route, body in OPEN.items():
        assert ask(nobody, route, body=body).status == 200
    answers = set()
    for route, body in {**OWN, **KEYS, **CONVERSATION}.items():
        for id in (people[3]["id"], uuid.uuid4(), "x"):
            reply = ask(nobody, route, id, body)
            assert reply.status == 401, (route, reply)
            answers.add(str(same(reply)))
    assert len(answers) == 1, answers


@pytest.mark.parametrize("route", CONVERSATION, ids=lambda route: " ".join(route))
def test_a_stranger_and_a_random_id_get_the_same_bytes(people, route):
    alice, bella, stranger, talk, _ = people
    body = CONVERSATION[route]
    for member in (alice, bella):
        assert ask(member, route, talk["id"], body).status in (200, 201)
    wanted = same(ask(stranger, route, uuid.uuid4(), body))
    assert wanted[0] == 404
    assert same(ask(stranger, route, talk["id"], body)) == wanted
    assert same(ask(alice, route, uuid.uuid4(), body)) == wanted
    assert ask(alice, route, talk["id"].upper(), body).status in (200, 201, 404)
    for id in MALFORMED:
        reply = ask(stranger, route, id, body)
        assert same(reply) == wanted, (id, reply)
        assert same(ask(alice, route, id, body)) == wanted, id


def test_foreign_and_random_message_ids_get_the_same_bytes(people, app):
    alice, bella, stranger, talk, message = people
    own = stranger.conversation_with(participant_id=app("other").me()["id"])
    stranger.send(own, "mine")
    read = ("PUT", "/api/conversations/:conversation_id/read")
    page = ("GET", "/api/conversations/:conversation_id/messages")
    assert same(ask(stranger, read, own["id"], {"message_id": message["id"]})) \
        == same(ask(stranger, read, own["id"], {"message_id": str(uuid.uuid4())}))
    for direction in ("before", "after", "around"):
        assert same(ask(stranger, page, own["id"], **{direction: message["id"]})) \
            == same(ask(stranger, page, own["id"], **{direction: uuid.uuid4()}))


@pytest.mark.parametrize("command", COMMANDS)
def test_socket_commands_of_strangers(people, command):
    alice, bella, stranger, talk, message = people
    with stranger.ws() as socket, bella.ws() as member:
        answers = []
        for id in (talk["id"], str(uuid.uuid4())):
            problem = socket.refused(command, conversation_id=id, **COMMANDS[command])
            answers.append({k: v for k, v in problem.items() if k != "request_id"})
        assert answers[0] == answers[1] and answers[0]["code"] == "not_found"
        assert member.command(command, conversation_id=talk["id"], **COMMANDS[command])
        socket.sync()
        assert not socket.frames("message.new", "message.read", "message.delivered")
    assert len(alice.messages(talk)["items"]) == (2 if command == "message" else 1)


def test_server_key_routes_refuse_users_alike(people):
    for route, body in KEYS.items():
        replies = [same(ask(user, route, body=body)) for user in people[:3]]
        assert replies[0] == replies[1] == replies[2] and replies[0][0] == 403


def test_other_methods_and_paths(people):
    alice = people[0]
    for method, path in {**OWN, **KEYS, **CONVERSATION}:
        for other in ("DELETE", "PATCH", "TRACE", "PROPFIND", "get"):
            reply = ask(alice, (other, path), people[3]["id"])
            assert reply.status in (400, 405, 501), (other, path, reply)
        assert ask(alice, (method, path + "/"), people[3]["id"]).status == 404
        assert ask(alice, (method, path + "/nothing"), people[3]["id"]).status in (404, 405)
    for path in ("/", "/api", "/api/", "//api/users/me", "/API/users/me", "/api/users/me%2f", "/api//users/me",
                 "/api/users/../users/me", "/metrics", "/readyz", "/livez"):
        assert alice.request("GET", path).status == 404, path
