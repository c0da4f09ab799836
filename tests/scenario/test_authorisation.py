# SPDX-License-Identifier: GPL-3.0-or-later
"""Every route and socket command × who asks × what for. Routes and commands come from the descriptions, the
expected outcomes from the table here; one that is not in it fails. A foreign thing and one that never was get
the same bytes."""
import re
import uuid
from urllib.parse import quote

import pytest

from harness.bad import bad_parameters
from harness.described import commands, operations
from harness.matrix import CALLERS, PLAIN, THINGS, NotYet, World, everybody, in_an_hour, members, server_key, signed_in, users
from harness.pictures import png
from harness.rest import Api
from test_calls import candidate, sdp

pytestmark = [pytest.mark.generated, pytest.mark.one_server]

OFFER = {"type": "offer", "data": sdp()}
SAMPLES = {"samples": [{"at": "2026-01-01T00:00:00.000Z", "rtt_ms": 20}]}


def call_with(**more):
    """A body that names the caller's call."""
    return lambda world, thing: {"call_id": world.id("call_id", thing), **more}


def calling(world, thing):
    return {"conversation_id": world.id("conversation_id", thing), "call_type": "audio"}


# The caller's own call: alice is busy with the foreign one, so that it is over.
OVER = {"own": "conflict", "deleted": "conflict", "anonymous": "unauthenticated", "anonymous_deleted": "unauthenticated"}
NO_SUCH = {"own": "conflict", "deleted": "not_found", "anonymous": "unauthenticated", "anonymous_deleted": "unauthenticated"}
# With nothing foreign there it rings, and only the callee can answer.
RINGING = {"own": "conflict", "anonymous": "unauthenticated"}

NO_GROUP = {"own": "not_found", "deleted": "not_found", "anonymous": "unauthenticated", "anonymous_deleted": "unauthenticated"}

NOBODYS = {"own": "not_found", "random": "not_found", "foreign": "not_found", "deleted": "not_found"}
UNASKED = {f"anonymous_{thing}": "unauthenticated" for thing in NOBODYS}

# The one table. `members(body, blocked="refused")`: what is not said follows from the kind of row; cells are
# named by the caller (for the caller's own thing), by the thing (for every caller), or `caller_thing`.
GONE = {"deleted": "not_found", "anonymous_deleted": "unauthenticated"}


def forwarding(world, thing):
    """To a group of the caller's, whoever blocks whom."""
    if world.name == "anonymous" or thing != "own":
        return {"conversation_ids": [str(uuid.uuid4())]}
    return {"conversation_ids": [world.caller.call(201, "POST", "/api/groups", {"name": "matrix", "members": [
        {"user_id": world.other.me()["id"]}]})["id"]]}


ROWS = {
    "GET /api/capabilities": everybody(),
    "GET /api/openapi.json": everybody(),
    "GET /api/asyncapi.json": everybody(),
    "POST /api/session": everybody({"token": "x.y.z"}, own="unauthenticated"),  # good ones: test_session.py
    "GET /api/session": signed_in(),
    "DELETE /api/session": signed_in(),
    "DELETE /api/session/all": signed_in(),
    "POST /api/session/ticket": signed_in({}),
    "POST /api/session/code": server_key({}),
    # Accounts of other servers: test_bound.py.
    "POST /api/bound": signed_in(own="not_available", anonymous="unauthenticated"),
    "DELETE /api/bound": signed_in(own="not_available", anonymous="unauthenticated"),
    "GET /api/bound/rooms": signed_in(anonymous="unauthenticated"),
    "PUT /api/bound/login": server_key({"external_id": "matrix-bound", "jid": "bob@no-such-host.example"}),
    "GET /api/limits": signed_in(),
    "GET /api/calls/ice-servers": signed_in(),
    "POST /api/calls/initiate": signed_in(calling, own="conflict", blocked="refused", anonymous="unauthenticated"),
    "POST /api/calls/{call_id}/accept": members({}, **OVER),
    "POST /api/calls/{call_id}/answer": members({}, **OVER),
    "POST /api/calls/{call_id}/decline": members({}, **OVER),
    "POST /api/calls/{call_id}/end": members({}),
    "POST /api/calls/{call_id}/signal": members(OFFER, **OVER),
    "POST /api/calls/{call_id}/state": members({"muted": True}, **OVER),
    "POST /api/calls/{call_id}/transfer": members({"session_id": str(uuid.uuid4())}, **OVER),
    "POST /api/calls/{call_id}/stats": members(SAMPLES),
    "POST /api/calls/answer": signed_in(call_with(), **RINGING),
    "POST /api/calls/decline": signed_in(call_with(), **RINGING),
    "POST /api/calls/end": signed_in(call_with()),
    "POST /api/calls/signal": signed_in(call_with(**OFFER)),
    "GET /api/calls/{call_id}": members(),
    "GET /api/calls/{call_id}/report": members(),
    "GET /api/calls/{call_id}/events": members(),
    "GET /api/admin/calls/{call_id}/events": server_key(),
    "GET /api/calls/active/{conversation_id}": members(),
    "GET /api/calls": signed_in(),
    "POST /api/users/{user_id}/suspend": server_key({}),
    "DELETE /api/users/{user_id}/suspend": server_key(),
    "PUT /api/users/{user_id}/staff": server_key({"roles": []}),
    "GET /api/admin/users": server_key(),
    "GET /api/admin/users/{user}": server_key(),
    "POST /api/admin/users/suspend": server_key({"users": ["nobody"]}),
    "POST /api/admin/users/restore": server_key({"users": ["nobody"]}),
    "POST /api/admin/users/sign-out": server_key({"users": ["nobody"]}),
    "GET /api/admin/users/{user}/last-login": server_key(),
    "POST /api/admin/users/delete": server_key({"users": ["nobody"]}),
    "POST /api/admin/users/{user}/reset": server_key({}),
    "POST /api/admin/users/{user}/token": server_key({}),
    "PUT /api/admin/users/{user}/staff": server_key({"roles": []}),
    "GET /api/admin/user-count": server_key(),
    "GET /api/admin/online-count": server_key(),
    "GET /api/admin/users/{user}/sessions": server_key(),
    "GET /api/admin/users/{user}/limits": server_key(),
    "PUT /api/admin/users/{user}/limits": server_key({"limit": "messages"}),
    "GET /api/admin/status": server_key(),
    "GET /api/admin/log": server_key(),
    "PUT /api/admin/log": server_key({"level": "info"}),
    "POST /api/admin/reload": server_key(),
    "POST /api/admin/announcements": server_key({"body": "Hello"}),
    "GET /api/admin/keys": server_key(),
    "POST /api/admin/keys": server_key({"name": "matrix", "scopes": ["send"]}),
    "DELETE /api/admin/keys/{name}": server_key(),
    "GET /api/admin/rooms": server_key(),
    "GET /api/audit": server_key(),
    "GET /api/audit/export": server_key(),
    "POST /api/reports": signed_in(lambda world, thing: {"user_id": world.alice.me()["id"], "reason": "spam"}),
    "POST /api/messages/{message_id}/report": members({"reason": "spam"}, own="not_found", anonymous="unauthenticated", **GONE),
    "GET /api/moderation/reports": server_key(),
    "GET /api/moderation/reports/{report_id}": server_key(),
    "PATCH /api/moderation/reports/{report_id}": server_key({"state": "taken"}),
    "GET /api/moderation/files": server_key(),
    "POST /api/moderation/files/{file_id}/look": server_key(),
    "POST /api/moderation/files/{file_id}/decide": server_key({"decision": "release"}),
    "POST /api/moderation/actions": server_key({"type": "warn", "user": "nobody", "reason": "x"}),
    "GET /api/moderation/actions": server_key(),
    "DELETE /api/moderation/actions/{action_id}": server_key(),
    "PATCH /api/moderation/actions/{action_id}/appeal": server_key({"decision": "denied"}),
    "POST /api/moderation/actions/{action_id}/appeal": signed_in({"text": "Why?"}, own="not_found", random="not_found", foreign="not_found",
                                                                 deleted="not_found", anonymous_own="unauthenticated",
                                                                 anonymous_random="unauthenticated", anonymous_foreign="unauthenticated",
                                                                 anonymous_deleted="unauthenticated"),
    "GET /api/moderation/mine": signed_in(),
    "GET /api/users/me": signed_in(),
    "GET /api/sync": signed_in(),
    "GET /api/events": signed_in(),
    "PATCH /api/users/me": signed_in({"bio": "matrix"}),
    "PUT /api/users/me/avatar": signed_in(png()),
    "DELETE /api/users/me/avatar": signed_in(),
    "POST /api/uploads": signed_in({"filename": "a.txt", "size": 4, "mime_type": "text/plain"}),
    "GET /api/uploads/{upload_id}": members(),
    "PUT /api/uploads/{upload_id}": members(b"text"),
    # Whoever it is: Upload-Offset is missing. test_files.py has better ones.
    "PATCH /api/uploads/{upload_id}": signed_in(b"text", own="unprocessable", foreign="unprocessable", random="unprocessable",
                                                **{f"anonymous_{thing}": "unauthenticated" for thing in THINGS}),
    "DELETE /api/uploads/{upload_id}": members(),
    "POST /api/uploads/{upload_id}/cancel": members(),
    "GET /api/files/{file_id}": members(),
    "DELETE /api/files/{file_id}": members(),
    "PATCH /api/files/{file_id}": members({"expires_at": "2999-01-01T00:00:00Z"}),
    "POST /api/files/{file_id}/transcribe": members({}, own="conflict", anonymous="unauthenticated"),
    "POST /api/files/{file_id}/unlock": members({"password": "x"}),
    "PUT /f/{token}/{name}": everybody(b"x", own="not_found", deleted="not_found", foreign="not_found", random="not_found"),
    "GET /f/{token}/{name}": everybody(own="not_found", deleted="not_found", foreign="not_found", random="not_found"),
    "POST /api/links/preview": signed_in({"url": "https://a.example/"}, own="not_available", anonymous="unauthenticated"),
    "GET /api/conversations/{conversation_id}/media": members(),
    "GET /api/avatars/{hash}": everybody(own="not_found", deleted="not_found", foreign="not_found", random="not_found"),
    "GET /api/users/search": signed_in({"q": "strangers"}),
    "GET /api/users/{user_id}": users(blocked_foreign="not_found"),
    "GET /api/users/{user_id}/presence": users(random="ok", anonymous_random="unauthenticated"),
    "POST /api/users": server_key({"external_id": "matrix"}),
    "GET /api/admin/jobs": server_key(),
    "GET /api/admin/retention": server_key(),
    "GET /api/admin/conversations/{conversation_id}/analytics": server_key(),
    "GET /api/conversations/{conversation_id}/analytics": members(**NO_GROUP),
    "POST /api/admin/retention/run": server_key({"kind": "media"}),
    "GET /api/conversations": signed_in(),
    "POST /api/conversations": signed_in({"jid": "carol@example.org"}),
    "POST /api/groups": signed_in({"name": "matrix", "members": [{"user_id": "nobody"}]}, own="refused", random="refused",
                                  foreign="refused", deleted="refused", anonymous_own="unauthenticated"),
    "POST /api/groups/join": signed_in({"jid": "matrix@nowhere.example"}),
    # Of groups, whose members and others test_groups.py has: none of these conversations is one.
    "DELETE /api/groups/{conversation_id}": members(**NO_GROUP),
    "PUT /api/conversations/{conversation_id}/icon": members(png(), **NO_GROUP),
    "DELETE /api/conversations/{conversation_id}/icon": members(**NO_GROUP),
    "POST /api/conversations/{conversation_id}/join": members({}, **NO_GROUP),
    "POST /api/conversations/{conversation_id}/leave": members({}, **NO_GROUP),
    "GET /api/conversations/{conversation_id}/members": members(),
    "GET /api/conversations/{conversation_id}/reports": members(**NO_GROUP),
    "POST /api/conversations/{conversation_id}/members": members({"members": [{"user_id": "nobody"}]}, **NO_GROUP),
    "GET /api/conversations/{conversation_id}/members/{user_id}": members(),
    "PUT /api/conversations/{conversation_id}/members/{user_id}": members({"role": "admin"}, **NO_GROUP),
    "DELETE /api/conversations/{conversation_id}/members/{user_id}": members(**NO_GROUP),
    "GET /api/messages/{message_id}/receipts": members(deleted="not_found", anonymous_deleted="unauthenticated"),
    "GET /api/conversations/{conversation_id}": members(),
    "GET /api/conversations/{conversation_id}/messages": members(),
    "POST /api/conversations/{conversation_id}/messages": members({"content": "Hello"}, blocked="refused"),
    "PUT /api/conversations/{conversation_id}/read": members({}),
    "PATCH /api/conversations/{conversation_id}": members({"pinned": True}),
    "PUT /api/conversations/{conversation_id}/draft": members({"content": "Hel"}),
    "DELETE /api/conversations/{conversation_id}/draft": members(),
    "GET /api/conversations/{conversation_id}/scheduled": members(),
    "POST /api/conversations/{conversation_id}/scheduled": members(in_an_hour, blocked="refused"),
    "PATCH /api/scheduled/{scheduled_id}": members({"content": "Changed"}),
    "DELETE /api/scheduled/{scheduled_id}": members(),
    "PUT /api/messages/{message_id}/star": members(deleted="not_found", anonymous_deleted="unauthenticated"),
    "DELETE /api/messages/{message_id}/star": members(deleted="not_found", anonymous_deleted="unauthenticated"),
    "GET /api/messages/starred": signed_in(),
    # The caller's own message is a text.
    "PUT /api/messages/{message_id}/location": members({"location": {"lat": 1, "lon": 2}}, **NO_SUCH),
    "DELETE /api/messages/{message_id}/location": members(**NO_SUCH),
    "PUT /api/messages/{message_id}/vote": members({"options": [1]}, blocked="refused", **NO_SUCH),
    "DELETE /api/messages/{message_id}/vote": members(blocked="refused", **NO_SUCH),
    "POST /api/messages/{message_id}/close": members(**NO_SUCH),
    "PATCH /api/messages/{message_id}": members({"content": "Changed"}, blocked="refused", **GONE),
    "DELETE /api/messages/{message_id}": members(**GONE),
    "GET /api/messages/{message_id}/history": members(**GONE),
    "POST /api/messages/{message_id}/forward": members(forwarding, **GONE),
    "POST /api/messages/{message_id}/transcribe": members({}, own="conflict", anonymous="unauthenticated", **GONE),
    "POST /api/assist/{token}": everybody({"error": "none"}, own="not_found", deleted="not_found", foreign="not_found", random="not_found"),
    "POST /api/messages/{message_id}/translate": members({"to": "de"}, own="not_available", anonymous="unauthenticated", **GONE),
    "GET /api/moderation/messages/{message_id}": server_key(),
    "GET /api/conversations/{conversation_id}/threads": members(),
    "GET /api/conversations/{conversation_id}/polls": members(),
    "GET /api/messages/{message_id}/thread": members(**GONE),
    "PATCH /api/threads/{thread_id}": members({"is_resolved": True}, **GONE),
    "DELETE /api/conversations/{conversation_id}": members(),
    "GET /api/messages/conversations": signed_in(),
    "GET /api/messages/conversations/{conversation_id}": members(),
    "PATCH /api/messages/conversations/{conversation_id}": members({"archived": True}),
    "DELETE /api/messages/conversations/{conversation_id}": members(),
    "GET /api/messages/conversations/{conversation_id}/messages": members(),
    "POST /api/messages/conversations/{conversation_id}/messages": members({"content": "Hello"}, blocked="refused"),
    "POST /api/messages": signed_in(lambda world, thing: {"receiver_id": world.other.me()["id"], "content": "Hello"}),
    "GET /api/messages/{message_id}": members(deleted="not_found", anonymous_deleted="unauthenticated"),
    "PUT /api/messages/{message_id}/reactions/{emoji}": members(
        deleted="not_found", anonymous_deleted="unauthenticated", blocked="refused"),
    "DELETE /api/messages/{message_id}/reactions/{emoji}": members(
        deleted="not_found", anonymous_deleted="unauthenticated", blocked="refused"),
    "POST /api/conversations/{conversation_id}/accept": members(),
    "POST /api/conversations/{conversation_id}/decline": members(  # it is no request
        own="conflict", deleted="conflict", anonymous="unauthenticated", anonymous_deleted="unauthenticated"),
    "POST /api/users/{user_id}/block": users(own="unprocessable", anonymous="unauthenticated"),
    "DELETE /api/users/{user_id}/block": users(),
    "POST /api/users/block": signed_in({"jid": "carol@example.org"}),
    "DELETE /api/users/block": signed_in({"jid": "carol@example.org"}),
    "GET /api/users/blocked": signed_in(),
    "PUT /api/users/{user_id}/restrict": users(own="unprocessable", anonymous="unauthenticated"),
    "DELETE /api/users/{user_id}/restrict": users(),
    "GET /api/users/restricted": signed_in(),
    "PUT /api/users/{user_id}/verifications/phone": server_key({"verified_at": "2026-05-04T09:00:00Z"}),
    "DELETE /api/users/{user_id}/verifications/phone": server_key(),
    "POST /api/links/check": signed_in({"urls": ["https://example.org"]}),
    "GET /api/moderation/spam": server_key(),
    "GET /api/moderation/holds": server_key(),
    "GET /api/moderation/holds/{user}": server_key(),
    "PUT /api/moderation/holds/{user}": server_key({"reason": "matrix"}),
    "DELETE /api/moderation/holds/{user}": server_key(),
    "GET /api/moderation/spam/domains": server_key(),
    "POST /api/moderation/spam/domains": server_key({"domains": ["matrix.example"]}),
    "POST /api/moderation/spam/domains/remove": server_key({"domains": ["matrix-none.example"]}),
    "GET /api/settings/privacy": signed_in(),
    "PATCH /api/settings/privacy": signed_in({"receipts": True}),
    "GET /api/account": signed_in(),
    "GET /api/account/sessions": signed_in(),
    "DELETE /api/account/sessions/{session_id}": signed_in(**NOBODYS, **UNASKED),
    "DELETE /api/account": signed_in(own="unprocessable", anonymous_own="unauthenticated"),  # test_erase.py
    "POST /api/account/restore": signed_in({}),
    "POST /api/account/exports": signed_in({}),
    "GET /api/account/exports": signed_in(),
    "GET /api/account/export-consents": signed_in(),
    "GET /api/account/exports/{export_id}": signed_in(**NOBODYS, **UNASKED),
    "DELETE /api/account/exports/{export_id}": signed_in(**NOBODYS, **UNASKED),
    "GET /api/exports/{path}": everybody(**NOBODYS),
    "POST /api/conversations/{conversation_id}/export": members(own="conflict", anonymous="unauthenticated"),  # the one before waits
    "GET /api/conversations/{conversation_id}/export": members(**NO_GROUP),
    "POST /api/conversations/{conversation_id}/export/consent": members(
        {"export_id": "00000000-0000-4000-8000-000000000000", "consent": True}, **NO_GROUP),
    "GET /api/admin/users/{user}/erasure": server_key(),
    "POST /api/admin/users/{user}/erasure": server_key({"reason": "matrix", "dry_run": True}),
    "POST /api/admin/users/{user}/export": server_key({"reason": "matrix"}),
    "GET /api/admin/exports": server_key(),
    "DELETE /api/admin/exports/{export_id}": server_key(),
    "GET /api/settings/data-sharing": signed_in(),
    "PATCH /api/settings/data-sharing": signed_in({"analytics": True}),
    "GET /api/settings/retention": signed_in(),
    "PATCH /api/settings/retention": signed_in({"messages_days": 90}),
    "GET /api/contacts": signed_in(),
    "POST /api/contacts": signed_in({"jid": "carol@example.org"}),
    "PATCH /api/contacts/{user_id}": users(
        {"name": "A friend", "groups": ["Friends"]}, own="not_found", foreign="not_found", anonymous="unauthenticated",
        anonymous_foreign="unauthenticated"),
    "DELETE /api/contacts/{user_id}": users(  # who is no contact is like nobody
        own="not_found", foreign="not_found", anonymous="unauthenticated", anonymous_foreign="unauthenticated"),
    "GET /api/messages/search": signed_in({"q": "strangers"}),
    "GET /api/unread": signed_in(),
}
# Commands that are no routes too, or meet another world, as "command NAME": …; and those of the socket itself.
COMMAND_ROWS = {
    "command typing": members({"active": True}),
    "command presence": signed_in({"status": "away"}),
    # By the socket, as alice hears it ring; the caller's second call is one too many.
    "command call.initiate": members({"call_type": "audio"}, own="conflict"),
    "command call.respond": members({"accepted": False}, **OVER),
    "command call.offer": members({"data": sdp()}, **OVER),
    "command call.answer": members({"data": sdp()}, **OVER),
    "command call.candidate": members({"data": candidate()}, **OVER),
}
SOCKET_ITSELF = {"auth", "ping", "resume"}

# Fields outside the path that name, by its id, a thing which only its members may know of → which.
NAMING = {"conversation_id": "conversation_id", "message_id": "message_id", "before": "message_id",
          "after": "message_id", "around": "message_id", "call_id": "call_id",
          "reply_to": "message_id", "thread_id": "message_id"}
OPAQUE = ("not_found", "refused")
ODD_IDS = ("..", "%2e%2e%2f", "'--", "x" * 500, "%E2%98%83", "null")

BY_NAME = {str(o): o for o in operations()}
BY_COMMAND = {o.row["x-command"]: o for o in operations() if "x-command" in o.row}


def row_of_command(command):
    return COMMAND_ROWS.get(f"command {command}") or ROWS.get(str(BY_COMMAND.get(command)))


def same(reply):
    """Status, headers and body, without what may differ between any two replies."""
    id = reply.headers.get("request-id", "none").encode()
    headers = {k: v for k, v in reply.headers.items()
               if k not in ("request-id", "date") and not k.startswith("ratelimit")}
    return reply.status, headers, reply.raw.replace(id, b"ID")


def names_of(operation):
    return [p["name"] for p in operation.parameters if p["in"] == "path"]


def ids_for(world, names, thing):
    """Parameter → id: the last one named in the path is of kind `thing`, the ones before are the caller's own."""
    if "user_id" in names and thing == "deleted":
        return None # nor need the conversation be
    plain = {name: PLAIN[name] for name in names if name in PLAIN}
    names = [name for name in names if name not in PLAIN]
    kinds = ["own"] * (len(names) - 1) + [thing] if names and thing == "random" else [thing] * len(names)
    ids = {name: world.id(name, kind) for name, kind in zip(names, kinds)}
    return None if None in ids.values() else ids | plain


def escaped(name, value):
    return quote(value) if name in PLAIN and value == PLAIN[name] else str(value)


def ask(user, operation, ids=None, body=None, **query):
    path = re.sub(r"\{(\w+)\}", lambda name: escaped(name[1], (ids or {}).get(name[1], "x")), operation.path)
    if operation.method in ("GET", "DELETE"):  # what a row gives as body is the query then
        return user.request(operation.method, path, **{**(body or {}), **query})
    if isinstance(body, bytes):
        return user.request(operation.method, path, body, {"Content-Type": "image/png"}, **query)
    return user.request(operation.method, path, body, **query)


def outcome_of(reply):
    return "ok" if reply.status < 300 else reply.json["code"]


def judge(title, row, caller, got, answers):
    """Fails unless each thing got the outcome that the row declares."""
    wrong = [f"  {thing}: wanted {row.outcome(caller, thing)}, got {outcome}: {str(answers[thing])[:500]}"
             for thing, outcome in got.items() if outcome != row.outcome(caller, thing)]
    if wrong:
        pytest.fail("\n".join([title + ":", *wrong]), pytrace=False)


def test_the_table_is_complete():
    missing = sorted(set(BY_NAME) - set(ROWS))
    assert not missing, "no row in tests/scenario/test_authorisation.py for: " + ", ".join(missing)
    assert not set(ROWS) - set(BY_NAME), "rows of routes that are gone"
    missing = sorted(c for c in commands() if c not in SOCKET_ITSELF and not row_of_command(c))
    assert not missing, "no row in tests/scenario/test_authorisation.py for the commands " + ", ".join(missing)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", [n for n in ROWS if n in BY_NAME])
def test_routes(app, stack, name, caller):
    operation, row = BY_NAME[name], ROWS[name]
    names = names_of(operation)
    world = World(app, stack, caller)
    got, skipped, replies = {}, [], {}
    for thing in THINGS if names else ("own",):
        try:
            ids = ids_for(world, names, thing)
            body = row.body(world, thing)
        except NotYet as reason:
            skipped.append(f"{thing}: {reason}")
            continue
        if ids is not None:
            before = bystanders_view(world, thing)
            replies[thing] = ask(world.caller, operation, ids, body)
            got[thing] = outcome_of(replies[thing])
            assert bystanders_view(world, thing) == before, f"{name} by {caller} changed what is not theirs"
    judge(f"{name} by {caller}", row, caller, got, replies)
    for thing in got:
        if got[thing] in OPAQUE:  # nothing in it that could tell one caller or thing from another
            assert set(replies[thing].json) == {"type", "title", "status", "code", "request_id"}
    if got.get("foreign") in OPAQUE:
        assert same(replies["foreign"]) == same(replies["random"])
    if skipped:
        pytest.skip("; ".join(skipped))


def bystanders_view(world, thing):
    """What alice sees of a conversation that is not the caller's."""
    if thing != "foreign" or "foreign" not in world._made:
        return None
    talk, *_ = world.talk("foreign")
    return world.alice.conversation(talk), world.alice.messages(talk)


def test_anonymous_callers_get_one_answer(app, stack):
    world = World(app, stack, "anonymous")
    answers = set()
    for name in [n for n in ROWS if n in BY_NAME and BY_NAME[n].row["security"]]:
        for id in (world.id("conversation_id", "foreign"), uuid.uuid4(), "x"):
            ids = dict.fromkeys(names_of(BY_NAME[name]), id)
            reply = ask(world.caller, BY_NAME[name], ids)
            assert reply.status == 401, (name, reply)
            answers.add(str(same(reply)))
    assert len(answers) == 1, answers


@pytest.mark.parametrize("name", [n for n in ROWS if n in BY_NAME and any(
    p["in"] == "path" and p["schema"].get("format") == "uuid" for p in BY_NAME[n].parameters)])
def test_malformed_ids_are_like_unknown_ones(app, stack, name):
    operation, row = BY_NAME[name], ROWS[name]
    if row.outcome("stranger", "random") != "not_found":
        pytest.skip("a random id is no secret here")
    world = World(app, stack, "stranger")
    names = [name for name in names_of(operation) if name not in PLAIN]
    plain = {name: PLAIN[name] for name in names_of(operation) if name in PLAIN}
    schema = next(p["schema"] for p in operation.parameters if p["in"] == "path" and p["name"] == names[-1])
    first = {n: world.id(n, "own") for n in names[:-1]} | plain
    wanted = same(ask(world.caller, operation, {**first, names[-1]: uuid.uuid4()}, row.body(world, "random")))
    assert wanted[0] == 404
    for id in (*(v for v in bad_parameters(schema).values() if v.isascii() and v.isalnum()), *ODD_IDS):
        reply = ask(world.caller, operation, {**first, names[-1]: id}, row.body(world, "random"))
        assert same(reply) == wanted, (id, reply)


def naming_fields():
    """(route, field) of fields outside the path that name a thing."""
    for name in ROWS:
        operation = BY_NAME.get(name)
        if operation and any("token" in way for way in operation.row["security"]):
            fields = {p["name"]: p["schema"] for p in operation.parameters if p["in"] == "query"}
            fields.update((operation.body or {}).get("properties", {}))
            yield from ((name, field) for field, schema in fields.items()
                        if field in NAMING and schema.get("format") == "uuid")


@pytest.mark.parametrize("name, field", naming_fields())
def test_foreign_and_random_ids_in_fields_get_the_same_bytes(app, stack, name, field):
    operation, row = BY_NAME[name], ROWS[name]
    world = World(app, stack, "stranger")
    ids = ids_for(world, names_of(operation), "own")
    replies = []
    for thing in ("foreign", "random"):
        value = world.id(NAMING[field], thing)
        if operation.body and field in operation.body["properties"]:
            replies.append(ask(world.caller, operation, ids, {**(row.body(world, "own") or {}), field: value}))
        else:
            replies.append(ask(world.caller, operation, ids, row.body(world, "own"), **{field: value}))
    assert same(replies[0]) == same(replies[1]), replies
    assert replies[0].status >= 400 or not names_of(operation), replies


@pytest.mark.parametrize("caller", [c for c in CALLERS if c != "anonymous"])
@pytest.mark.parametrize("command", [c for c in commands() if c not in SOCKET_ITSELF])
def test_socket_commands(app, stack, command, caller):
    row = row_of_command(command)
    schema = commands()[command][0]
    # In a call a user is the other way to name a socket.
    names = [n for n in ("conversation_id", "user_id") if n in schema["properties"] and (n, "call_id" in schema["properties"]) != ("user_id", True)]
    names += [n for n in ("message_id", *PLAIN) if n in schema.get("required", ())]
    names += [n for n in ("call_id", "scheduled_id") if n in schema["properties"]]
    names += [n for n in ("thread_id",) if n in schema.get("required", ())]
    world = World(app, stack, caller)
    got, skipped, problems = {}, [], {}
    for name in ("call_id", "scheduled_id", "thread_id", "conversation_id"):
        if name in (*names, "conversation_id"):
            world.id(name, "foreign")
    with world.caller.ws() as socket, world.alice.ws() as alice, world.other.ws() as other:
        for thing in THINGS:
            try:
                ids = ids_for(world, names, thing)
                payload = {**(row.body(world, thing) or {}), **(ids or {})}
            except NotYet as reason:
                skipped.append(f"{thing}: {reason}")
                continue
            if ids is None:
                continue
            frame = socket.ask(command, **payload)
            problem = frame["payload"].get("problem", {}) if frame["type"] == "error" else {}
            got[thing] = problem.get("code", "ok")
            problems[thing] = {k: v for k, v in problem.items() if k != "request_id"}
            if thing == "foreign":  # what the members hear of it
                alice.sync(), other.sync()
                foreign = world.talk("foreign")[0]["id"]
                heard = [f for s in (alice, other) for f in s.events() if f.get("payload", {}).get(
                    "conversation_id") == foreign and f["type"].partition(".")[2] not in ("delivered",)]
                assert got[thing] == "ok" or not heard, heard
    judge(f"{command} by {caller}", row, caller, got, problems)
    if got.get("foreign") in OPAQUE:
        assert problems["foreign"] == problems["random"]
    if skipped:
        pytest.skip("; ".join(skipped))


def test_socket_commands_before_signing_in(stack):
    from harness.ws import Socket
    for command in commands():
        if command == "auth":
            continue
        with Socket(Api(stack).ws_url) as socket:
            socket.send(command)
            assert socket.expect("error")["payload"]["problem"]["code"] == "unauthenticated", command
            socket.expect_close(4401)


def test_other_methods_and_paths(app, stack):
    world = World(app, stack, "member")
    id = world.id("conversation_id", "own")
    paths = {}
    for operation in operations():
        paths.setdefault(operation.path, set()).add(operation.method)
    for path, methods in paths.items():
        here = re.sub(r"\{\w+\}", id, path)
        for other in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get"} - methods:
            reply = world.caller.request(other, here)
            assert reply.status in (400, 404, 405, 501), (other, path, reply)
        for method in methods:
            assert world.caller.request(method, here + "/").status == 404, path
            assert world.caller.request(method, here + "/no/thing").status in (404, 405), path
    for path in ("/", "/api", "/api/", "//api/users/me", "/API/users/me", "/api/users/me%2f", "/api//users/me",
                 "/api/users/../users/me", "/metrics", "/readyz", "/livez"):
        assert world.caller.request("GET", path).status == 404, path
