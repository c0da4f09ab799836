# SPDX-License-Identifier: GPL-3.0-or-later
"""Every route and command that names something of a group × {stranger, removed, banned, member, admin, owner}. Routes and
commands come from the descriptions; one that is not in the table here fails. Who is not in the group gets the bytes of an
id that never was."""
import uuid

import pytest
from harness.described import commands, operations
from harness.pictures import png
from harness.rest import Api
from test_authorisation import PLAIN, ROWS, SOCKET_ITSELF, ask, in_an_hour, names_of, outcome_of, same

pytestmark = [pytest.mark.generated, pytest.mark.one_server]

OUTSIDE, INSIDE = ("stranger", "removed", "banned"), ("member", "admin", "owner")
NAMING = {"conversation_id", "message_id", "thread_id", "scheduled_id"}
ALL, MANAGE, OWNER, NOBODY = ("ok",) * 3, ("forbidden", "ok", "ok"), ("forbidden", "forbidden", "ok"), ("forbidden",) * 3
NO_SUCH, CONFLICT = ("not_found",) * 3, ("conflict",) * 3

# What member, admin and owner may do with what a plain member, the author, has said and planned. A body that is a function is
# given the cast and who asks.
TABLE = {
    "DELETE /api/groups/{conversation_id}": (OWNER, None),
    "PUT /api/conversations/{conversation_id}/icon": (MANAGE, png()),
    "DELETE /api/conversations/{conversation_id}/icon": (MANAGE, None),
    "POST /api/conversations/{conversation_id}/join": (ALL, {}),
    "POST /api/conversations/{conversation_id}/leave": (ALL, {}),
    "GET /api/conversations/{conversation_id}/members": (ALL, None),
    "POST /api/conversations/{conversation_id}/members": (MANAGE, lambda cast, user: {"members": [{"user_id": cast.more.me()["id"]}]}),
    "GET /api/conversations/{conversation_id}/members/{user_id}": (ALL, None),
    "PUT /api/conversations/{conversation_id}/members/{user_id}": (OWNER, {"role": "admin"}),
    "DELETE /api/conversations/{conversation_id}/members/{user_id}": (MANAGE, None),
    "GET /api/conversations/{conversation_id}": (ALL, None),
    "GET /api/conversations/{conversation_id}/messages": (ALL, None),
    "POST /api/conversations/{conversation_id}/messages": (ALL, {"content": "Hello"}),
    "PUT /api/conversations/{conversation_id}/read": (ALL, {}),
    "PATCH /api/conversations/{conversation_id}": (MANAGE, {"name": "Ours"}),
    "DELETE /api/conversations/{conversation_id}": (ALL, None),
    "PUT /api/conversations/{conversation_id}/draft": (ALL, {"content": "Hel"}),
    "DELETE /api/conversations/{conversation_id}/draft": (ALL, None),
    "GET /api/conversations/{conversation_id}/scheduled": (ALL, None),
    "POST /api/conversations/{conversation_id}/scheduled": (ALL, lambda cast, user: in_an_hour(None, None)),
    "PATCH /api/scheduled/{scheduled_id}": (NO_SUCH, {"content": "Changed"}),
    "DELETE /api/scheduled/{scheduled_id}": (NO_SUCH, None),
    "GET /api/conversations/{conversation_id}/threads": (ALL, None),
    "GET /api/conversations/{conversation_id}/polls": (ALL, None),
    "GET /api/conversations/{conversation_id}/media": (ALL, None),
    "GET /api/conversations/{conversation_id}/reports": (("not_found", "ok", "ok"), None),
    "POST /api/conversations/{conversation_id}/export": (("ok", "conflict", "conflict"), None),
    "GET /api/conversations/{conversation_id}/export": (ALL, None), # of the one that was just asked for
    "POST /api/conversations/{conversation_id}/export/consent": (NO_SUCH, {"export_id": str(uuid.uuid4()), "consent": True}),
    "GET /api/conversations/{conversation_id}/analytics": (("not_found", "ok", "ok"), None),
    "PATCH /api/threads/{thread_id}": (ALL, {"is_resolved": True}),
    "GET /api/messages/{message_id}": (ALL, None),
    "GET /api/messages/{message_id}/thread": (ALL, None),
    "GET /api/messages/{message_id}/receipts": (ALL, None),
    "GET /api/messages/{message_id}/history": (ALL, None),
    "PATCH /api/messages/{message_id}": (NOBODY, {"content": "Changed"}),
    "DELETE /api/messages/{message_id}": (MANAGE, None),
    "POST /api/messages/{message_id}/transcribe": (("conflict",) * 3, None),
    "POST /api/messages/{message_id}/translate": (("not_available",) * 3, {"to": "de"}),
    "POST /api/messages/{message_id}/forward": (ALL, lambda cast, user: {"conversation_ids": [cast.own(user)]}),
    "POST /api/messages/{message_id}/report": (ALL, {"reason": "spam"}),
    "PUT /api/messages/{message_id}/star": (ALL, None),
    "DELETE /api/messages/{message_id}/star": (ALL, None),
    "PUT /api/messages/{message_id}/reactions/{emoji}": (ALL, None),
    "DELETE /api/messages/{message_id}/reactions/{emoji}": (ALL, None),
    "PUT /api/messages/{message_id}/location": (NOBODY, {"location": {"lat": 1, "lon": 2}}),
    "DELETE /api/messages/{message_id}/location": (NOBODY, None),
    "PUT /api/messages/{message_id}/vote": (CONFLICT, {"options": [1]}),
    "DELETE /api/messages/{message_id}/vote": (CONFLICT, None),
    "POST /api/messages/{message_id}/close": (CONFLICT, {}),
    "POST /api/conversations/{conversation_id}/accept": (NO_SUCH, {}),  # nobody asks them
    "POST /api/conversations/{conversation_id}/decline": (NO_SUCH, {}),
    "GET /api/calls/active/{conversation_id}": (ALL, None),
    "GET /api/messages/conversations/{conversation_id}": (ALL, None),
    "PATCH /api/messages/conversations/{conversation_id}": (MANAGE, {"name": "Ours"}),
    "DELETE /api/messages/conversations/{conversation_id}": (ALL, None),
    "GET /api/messages/conversations/{conversation_id}/messages": (ALL, None),
    "POST /api/messages/conversations/{conversation_id}/messages": (ALL, {"content": "Hello"}),
}
# Commands that are no routes too.
COMMANDS = {"typing": {"active": True}, "call.initiate": {"call_type": "audio"}}
BY_NAME = {str(o): o for o in operations()}
BY_COMMAND = {o.row["x-command"]: o for o in operations() if "x-command" in o.row}


class Cast:
    """A group of owner, admin, member and author; removed and banned were in it. The author has said something, of which there is a
    thread, and plans something."""

    def __init__(self, app):
        self.users = {name: app(name) for name in (*OUTSIDE, *INSIDE)}
        self.author, self.more = app("author"), app("more")
        self.ids = {name: user.me()["id"] for name, user in self.users.items()}
        self._own = {}
        self.make()

    def __getitem__(self, name):
        return self.users[name]

    def own(self, user):
        """A conversation of the user's, to forward to."""
        if user not in self._own:
            self._own[user] = user.conversation_with(participant_id=self.author.me()["id"])["id"]
        return self._own[user]

    def make(self):
        owner = self["owner"]
        made = owner.call(201, "POST", "/api/groups", {"name": "Us", "members": [
            {"user_id": id} for id in (*(self.ids[n] for n in ("removed", "banned", "member", "admin")), self.author.me()["id"])]})
        self.conversation = f"/api/conversations/{made['id']}"
        owner.call(200, "PUT", f"{self.conversation}/members/{self.ids['admin']}", {"role": "admin"})
        message = self.author.send(made, "Not for strangers")
        self.author.call(201, "POST", f"{self.conversation}/messages", {"content": "So?", "thread_id": message["id"]})
        planned = self.author.call(201, "POST", f"{self.conversation}/scheduled", in_an_hour(None, None))
        owner.call(200, "DELETE", f"{self.conversation}/members/{self.ids['removed']}")
        owner.call(200, "PUT", f"{self.conversation}/members/{self.ids['banned']}", {"banned": True})
        self.things = {"conversation_id": made["id"], "message_id": message["id"], "thread_id": message["id"],
                       "scheduled_id": planned["id"], "user_id": self.author.me()["id"], **PLAIN}

    def body(self, row, name):
        return row[1](self, self[name]) if callable(row[1]) else row[1]

    def view(self):
        """What the owner sees of it."""
        owner = self["owner"]
        return (owner.call(200, "GET", self.conversation), owner.call(200, "GET", f"{self.conversation}/messages"),
                owner.call(200, "GET", f"{self.conversation}/members"))


@pytest.fixture
def cast(app):
    return Cast(app)


def named(operation):
    return NAMING & set(names_of(operation))


def test_the_table_is_complete():
    wanted = {name for name, operation in BY_NAME.items()
              if named(operation) and any("token" in way for way in operation.row["security"]) and "/admin/" not in name}
    wanted -= {name for name in wanted if ROWS[name].outcome("member", "own") == "forbidden"}  # for staff
    assert wanted == set(TABLE), (sorted(wanted - set(TABLE)), sorted(set(TABLE) - wanted))
    of_groups = {name for name, (schema, _) in commands().items() if NAMING & set(schema["properties"]) and name not in SOCKET_ITSELF}
    missing = {name for name in of_groups if str(BY_COMMAND.get(name)) not in TABLE and name not in COMMANDS and not name.startswith("call.")
               and name != "private_message"} # of two
    assert not missing, missing


def test_who_is_outside_is_told_what_a_random_id_is(stack, cast):
    before = cast.view()
    wrong = []
    for name, row in TABLE.items():
        operation = BY_NAME[name]
        nothing = {n: cast.things[n] if n in PLAIN else str(uuid.uuid4()) for n in names_of(operation)}
        here = {n: cast.things[n] for n in names_of(operation)}
        for who in OUTSIDE:
            body = cast.body(row, who)
            got, random = ask(cast[who], operation, here, body), ask(cast[who], operation, nothing, body)
            if outcome_of(got) != "not_found" or same(got) != same(random):
                wrong.append((name, who, got, random))
        anonymous = ask(Api(stack), operation, here, cast.body(row, "stranger"))
        if outcome_of(anonymous) != "unauthenticated":
            wrong.append((name, "anonymous", anonymous))
    assert not wrong, wrong
    assert cast.view() == before


def test_and_by_the_socket(cast):
    before = cast.view()
    wrong = []
    for who in OUTSIDE:
        with cast[who].ws() as socket:
            for name in (*BY_COMMAND, *COMMANDS):
                schema = commands()[name][0]
                row = TABLE.get(str(BY_COMMAND.get(name))) or (None, COMMANDS.get(name))
                names = [n for n in (*NAMING, "user_id", *PLAIN) if n in schema["properties"]]
                if not NAMING & set(names) or (row[0] is None and name not in COMMANDS) or name == "call.initiate":
                    continue
                required = [n for n in names if n in schema.get("required", ()) or n in ("conversation_id", "scheduled_id")]
                body = {k: v for k, v in (cast.body(row, who) or {}).items()} if not isinstance(row[1], bytes) else {}
                answers = []
                for things in (cast.things, {n: cast.things[n] if n in PLAIN else str(uuid.uuid4()) for n in cast.things}):
                    frame = socket.ask(name, **{**body, **{n: things[n] for n in required}})
                    answers.append({k: v for k, v in frame["payload"].get("problem", {"code": "ok"}).items() if k != "request_id"})
                if answers[0] != answers[1] or answers[0]["code"] not in ("not_found", "ok" if name == "typing" else "not_found"):
                    wrong.append((name, who, answers))
            told = [f for f in socket.inbox.received if cast.things["conversation_id"] in str(f) or "Not for strangers" in str(f)]
            wrong += [(who, f) for f in told]
    assert not wrong, wrong
    assert cast.view() == before


# What leaves the group otherwise than it was.
CHANGES = {"DELETE /api/groups/{conversation_id}", "POST /api/conversations/{conversation_id}/leave", "DELETE /api/messages/{message_id}",
           "DELETE /api/conversations/{conversation_id}", "DELETE /api/messages/conversations/{conversation_id}",
           "PUT /api/conversations/{conversation_id}/members/{user_id}", "DELETE /api/conversations/{conversation_id}/members/{user_id}"}


def test_who_is_inside_may_do_what_the_role_says(app):
    cast, wrong = Cast(app), []
    for name, row in TABLE.items():
        operation = BY_NAME[name]
        for who, wanted in zip(INSIDE, row[0]):
            got = ask(cast[who], operation, {n: cast.things[n] for n in names_of(operation)}, cast.body(row, who))
            if outcome_of(got) != wanted:
                wrong.append((name, who, wanted, got))
            if name in CHANGES and outcome_of(got) == "ok":
                cast = Cast(app)
    assert not wrong, "\n".join(map(str, wrong))
