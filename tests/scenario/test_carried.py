# SPDX-License-Identifier: GPL-3.0-or-later
"""Polls, places, mentions, timers and payloads of messages: between app users, and with somebody in slixmpp."""
import datetime
import json
import uuid

from harness import fault
from harness.database import database
from harness.load import wait_outbox_empty
from harness.xmpp import CLIENT

REPLY, REACTIONS, GEOLOC = "urn:xmpp:reply:0", "urn:xmpp:reactions:0", "http://jabber.org/protocol/geoloc"
EPHEMERAL, REFERENCE, PAYLOAD = "urn:xmpp:ephemeral:0", "urn:xmpp:reference:0", "urn:trestle:payload:0"
JSON, POLL, REPLACE = "urn:xmpp:json:0", "urn:trestle:poll:0", "urn:xmpp:message-correct:0"
LUNCH = {"question": "Lunch?", "options": ["🍕", "Noon", "Late"]}


def ahead(**delta):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)).isoformat(timespec="milliseconds")


def carry(user, talk, status=201, **body):
    return user.call(status, "POST", f"/api/conversations/{talk['id']}/messages", {"client_id": str(uuid.uuid4()), **body})


def refused(user, talk, **body):
    problem = carry(user, talk, status=422, **body)
    return problem["errors"][0]["pointer"]


def group(owner, *others):
    return owner.call(201, "POST", "/api/groups", {"name": "Us", "members": [{"user_id": u.me()["id"]} for u in others]})


def send_raw(client, to, inner, id=None):
    id = id or str(uuid.uuid4())
    client.send_raw(f"<message xmlns='{CLIENT}' to='{to}' type='chat' id='{id}'>{inner}</message>")
    return id


def votes(message):
    return [o["votes"] for o in message["metadata"]["poll"]["options"]]


def mine(message):
    return [o["id"] for o in message["metadata"]["poll"]["options"] if o["me"]]


def get(user, message):
    shown = user.call(200, "GET", f"/api/messages/{message['id']}")
    item, = (m for m in user.messages({"id": message["conversation_id"]})["items"] if m["id"] == message["id"])
    marks = dict.fromkeys(("status", "delivered_at", "read_at"))  # which may come in between
    assert {**item, **marks} == {**shown, **marks}
    return shown


def due_now(stack, kind):
    """What is to happen to messages happens, whenever it was to be."""
    with database(stack) as query:
        query("UPDATE deadlines SET due_at = now() WHERE kind = %s RETURNING 1", kind)
        query("SELECT 1 FROM job_add('message.deadline', '', now())")


# ---- Polls

def test_a_poll_in_a_group(app):
    alice, bella, cleo = app("alice"), app("bella"), app("cleo")
    talk = group(alice, bella, cleo)
    with alice.ws() as socket, bella.ws() as own, cleo.ws() as other:
        cursor = socket.hello["cursor"]
        message = carry(alice, talk, poll=LUNCH)
        assert (message["message_type"], message["content"]) == ("poll", None) and votes(message) == [0, 0, 0]
        assert other.expect("message.new", id=message["id"])["payload"]["metadata"] == message["metadata"]
        path = f"/api/messages/{message['id']}/vote"
        done = bella.call(200, "PUT", path, {"options": [2]})
        assert votes(done) == [0, 1, 0] and mine(done) == [2]
        assert mine(own.expect("message.updated", id=message["id"])["payload"]) == [2]
        told = other.expect("message.updated", id=message["id"])["payload"]
        assert votes(told) == [0, 1, 0] and mine(told) == []
        assert told["metadata"]["poll"]["options"][1]["users"] == [bella.me()["id"]]
        ack = other.command("message.vote", message_id=message["id"], options=[3])
        assert votes(ack) == [0, 1, 1] and mine(ack) == [3]
        while votes(socket.expect("message.updated", id=message["id"])["payload"]) != [0, 1, 1]:
            pass
        assert votes(other.command("message.unvote", message_id=message["id"])) == [0, 1, 0]
        assert bella.call(403, "POST", f"/api/messages/{message['id']}/close")["code"] == "forbidden"
        polls = f"/api/conversations/{talk['id']}/polls"
        assert bella.call(200, "GET", polls, state="open")["items"] == [get(bella, message)]
        closed = socket.command("message.close", message_id=message["id"])
        assert closed["metadata"]["poll"]["closed"] and votes(closed) == [0, 1, 0]
        while not own.expect("message.updated", id=message["id"])["payload"]["metadata"]["poll"]["closed"]:
            pass
        assert cleo.call(409, "PUT", path, {"options": [1]})["code"] == "conflict"
        assert bella.call(200, "GET", polls, state="open")["items"] == [] == bella.call(200, "GET", polls, before=message["seq"])["items"]
        assert [m["id"] for m in bella.call(200, "GET", polls, state="closed")["items"]] == [message["id"]]
        assert bella.call(422, "GET", polls, state="half")["errors"][0]["pointer"] == "/state"
        assert votes(get(cleo, message)) == [0, 1, 0] and mine(get(bella, message)) == [2]
    with cleo.ws(resume=cursor) as socket:
        socket.expect("resumed")
        last = socket.frames("message.updated")[-1]["payload"]
        assert last["metadata"] == get(cleo, message)["metadata"]
    assert cleo.conversation(talk)["last_message"]["metadata"] == last["metadata"]


def test_polls_that_are_none(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    for bad, pointer in (
            ({"question": ""}, "question"), ({"question": "\u200b"}, "question"), ({"question": 7}, "question"), ({"question": "x" * 1025}, "question"),
            ({"options": ["a"]}, "options"), ({"options": [str(n) for n in range(21)]}, "options"), ({"options": "ab"}, "options"),
            ({"options": ["a", "A"]}, "options/1"), ({"options": ["ﬁ", "fi"]}, "options/1"), ({"options": ["a", " "]}, "options/1"),
            ({"options": ["a", 1]}, "options/1"), ({"options": ["a", "b\nc"]}, "options/1"), ({"options": ["a", "x" * 257]}, "options/1"),
            ({"multiple": "yes"}, "multiple"), ({"anonymous": 1}, "anonymous"), ({"closes_at": "soon"}, "closes_at"), ({"closes_at": 5}, "closes_at")):
        assert refused(alice, talk, poll={**LUNCH, **bad}) == f"/poll/{pointer}", bad
    for bad in ([], "x", {"question": "Only"}, {**LUNCH, "extra": 1}, {**LUNCH, "closes_at": ahead(hours=-1)}, {**LUNCH, "closes_at": "9999-12-31T23:59:59Z"}):
        assert refused(alice, talk, poll=bad).startswith("/poll")
    assert refused(alice, talk, poll=LUNCH, content="x") == "/content" and refused(alice, talk, poll=LUNCH, location={"lat": 1, "lon": 1})
    assert refused(alice, talk, poll=LUNCH, message_type="text") == "/message_type"
    message = carry(alice, talk, poll=LUNCH)
    for bad in ([], [0], [4], ["1"], [1.5], [1, 2], "1", {}, [1] * 21, [10**20]):
        assert alice.call((422, 400), "PUT", f"/api/messages/{message['id']}/vote", {"options": bad})["code"] in ("unprocessable", "bad_request")
    assert votes(get(alice, message)) == [0, 0, 0] and len(alice.messages(talk)["items"]) == 1


def test_votes_come_by_answer_and_reaction_and_the_result_goes(stack, app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        message = carry(alice, talk, poll=LUNCH)
        got = bob.expect_stanza("the poll", lambda s: s.has(POLL, "poll"))
        assert got.body == "Lunch?\n1. 🍕\n2. Noon\n3. Late\nReply with the number of your choice."
        said = json.loads(got.child(POLL, "poll").find(f"{{{JSON}}}json").text)
        assert (said["question"], said["options"], got.id) == (LUNCH["question"], LUNCH["options"], message["id"])
        quoted = "> Lunch?\n"
        send_raw(bob, name, f"<body>&gt; Lunch?\n2</body><reply xmlns='{REPLY}' to='{name}' id='{message['id']}'/>"
                 f"<fallback xmlns='urn:xmpp:fallback:0' for='{REPLY}'><body start='0' end='{len(quoted)}'/></fallback>")
        answer = socket.expect("message.new", content="2")["payload"]
        assert answer["reply_to"] == message["id"]
        assert votes(socket.expect("message.updated", id=message["id"])["payload"]) == [0, 1, 0]
        send_raw(bob, name, f"<reactions xmlns='{REACTIONS}' id='{message['id']}'><reaction>3️⃣</reaction></reactions>")
        while votes(socket.expect("message.updated", id=message["id"])["payload"]) != [0, 0, 1]:
            pass
        send_raw(bob, name, f"<body>no number</body><reply xmlns='{REPLY}' to='{name}' id='{message['id']}'/>")
        socket.expect("message.new", content="no number")
        alice.call(200, "POST", f"/api/messages/{message['id']}/close")
        edit = bob.expect_stanza("the result", lambda s: s.has(REPLACE, "replace") and s.child(REPLACE, "replace").get("id") == message["id"])
        assert edit.body == "Lunch?\n1. 🍕: 0\n2. Noon: 0\n3. Late: 1\nThe poll is closed."


def test_a_poll_closes_when_it_is_time_though_nobody_was_there(stack, app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    message = carry(alice, talk, poll={**LUNCH, "closes_at": ahead(seconds=2), "anonymous": True, "multiple": True})
    bella.call(200, "PUT", f"/api/messages/{message['id']}/vote", {"options": [1, 3]})
    stack.kill("bridge")
    stack.restart("bridge")
    fault.wait_ready(stack)
    fault.wait_for("the poll is closed", lambda: get(bella, message)["metadata"]["poll"]["closed"])
    shown = get(bella, message)
    assert votes(shown) == [1, 0, 1] and mine(shown) == [1, 3] and "users" not in shown["metadata"]["poll"]["options"][0]


# ---- Places

def test_places_both_ways(stack, app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        place = {"lat": 52.520008, "lon": 13.404954, "accuracy": 12.5, "label": "Alexanderplatz"}
        message = carry(alice, talk, location=place)
        assert (message["message_type"], message["content"]) == ("location", None)
        assert message["metadata"]["location"] == {**place, "live": False}
        socket.expect("message.new", id=message["id"])
        got = bob.expect_stanza("a place", lambda s: s.has(GEOLOC, "geoloc"))
        element = {child.tag.rpartition("}")[2]: child.text for child in got.child(GEOLOC, "geoloc")}
        assert element == {"lat": "52.520008", "lon": "13.404954", "accuracy": "12.5", "text": "Alexanderplatz"}
        assert got.body == "geo:52.520008,13.404954;u=12.5"
        for inner, wanted, content in (
                ("<body>geo:1.5,-2.25</body>", {"lat": 1.5, "lon": -2.25}, None),
                (f"<body>geo:1,2</body><geoloc xmlns='{GEOLOC}'><lat>1</lat><lon>2</lon><text>Here</text></geoloc>", {"lat": 1, "lon": 2, "label": "Here"}, None),
                (f"<body>Meet me here</body><geoloc xmlns='{GEOLOC}'><lat>3</lat><lon>4</lon></geoloc>", {"lat": 3, "lon": 4}, "Meet me here")):
            send_raw(bob, name, inner)
            new = socket.expect("message.new", message_type="location")["payload"]
            assert new["metadata"]["location"] == {**wanted, "live": False} and new["content"] == content
        send_raw(bob, name, f"<body>Not there</body><geoloc xmlns='{GEOLOC}'><lat>91</lat><lon>4</lon></geoloc>")
        assert socket.expect("message.new", content="Not there")["payload"]["message_type"] == "text"
    for bad, pointer in (({"lat": 91}, "lat"), ({"lat": "1"}, "lat"), ({"lon": -180.01}, "lon"), ({"accuracy": -1}, "accuracy"), ({"label": ""}, "label"),
                         ({"label": "a\nb"}, "label"), ({"live_until": "x"}, "live_until")):
        assert refused(alice, talk, location={"lat": 1, "lon": 2, **bad}) == f"/location/{pointer}"
    for bad in ({"lat": 1}, [], {"lat": 1, "lon": 2, "x": 1}, {"lat": 1, "lon": 2, "live_until": ahead(days=2)}):
        assert refused(alice, talk, location=bad).startswith("/location")
    for lat in (b"NaN", b"1e999", b"-Infinity", b"1e400", b"9" * 400):
        body = b'{"location": {"lat": ' + lat + b', "lon": 1}}'
        assert alice.request("POST", f"/api/conversations/{talk['id']}/messages", body, {"Content-Type": "application/json"}).status in (400, 422)


def test_a_place_that_moves(app, xmpp):
    alice, bella, bob = app("alice"), app("bella"), xmpp("bob")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    message = carry(alice, talk, location={"lat": 1, "lon": 2, "live_until": ahead(hours=1)})
    assert message["metadata"]["location"]["live"]
    path = f"/api/messages/{message['id']}/location"
    with bella.ws() as socket, alice.ws() as own:
        moved = alice.call(200, "PUT", path, {"location": {"lat": 3, "lon": 4}})
        assert socket.expect("message.updated", id=message["id"])["payload"]["metadata"] == moved["metadata"]
        own.command("message.location", message_id=message["id"], location={"lat": 5, "lon": 6, "accuracy": 1})
        assert bella.call(403, "PUT", path, {"location": {"lat": 3, "lon": 4}})["code"] == "forbidden"
        assert alice.call(422, "PUT", path, {"location": {"lat": 3}})["errors"][0]["pointer"] == "/location/lon"
        stopped = own.command("message.location.stop", message_id=message["id"])
        assert not stopped["metadata"]["location"]["live"] and stopped["metadata"]["location"]["lat"] == 5
        told = socket.expect("message.updated", id=message["id"])["payload"]
        while told["metadata"]["location"]["live"]:
            told = socket.expect("message.updated", id=message["id"])["payload"]
        assert alice.call(200, "DELETE", path)["metadata"] == told["metadata"] == get(bella, message)["metadata"]
        assert alice.call(409, "PUT", path, {"location": {"lat": 3, "lon": 4}})["code"] == "conflict"
    alice.call(200, "PATCH", "/api/settings/privacy", {"location": "nobody"})
    assert carry(alice, talk, status=403, location={"lat": 1, "lon": 2})["code"] == "forbidden"
    assert alice.call(200, "GET", "/api/settings/privacy")["location"] == "nobody"
    with_bob = alice.conversation_with(jid=bob.bare)
    alice.call(200, "PATCH", "/api/settings/privacy", {"location": "everyone"})
    live = carry(alice, with_bob, location={"lat": 1, "lon": 2, "live_until": ahead(hours=1)})
    alice.call(200, "PUT", f"/api/messages/{live['id']}/location", {"location": {"lat": 7, "lon": 8}})
    alice.call(200, "DELETE", f"/api/messages/{live['id']}/location")
    edit = bob.expect_stanza("the end", lambda s: s.has(REPLACE, "replace") and s.child(REPLACE, "replace").get("id") == live["id"])
    assert edit.body == "geo:7,8"
    assert len([s for s in bob.inbox.received if s.name == "message" and s.has(GEOLOC, "geoloc") and live["id"] in (
        s.id, (s.child(REPLACE, "replace") if s.has(REPLACE, "replace") else {}).get("id"))]) == 2


# ---- Mentions

def test_who_is_mentioned(app, xmpp):
    alice, bella, cleo, bob = app("alice"), app("bella"), app("cleo"), xmpp("bob")
    talk = group(alice, bella, cleo)
    text = "😀 @Bella and all"
    mentions = [{"user_id": bella.me()["id"], "start": 2, "end": 8}]
    with bella.ws() as socket:
        message = carry(alice, talk, content=text, mentions=mentions)
        assert message["mentions"] == mentions and text[2:8] == "@Bella"
        assert socket.expect("message.new", id=message["id"])["payload"]["mentions"] == mentions
        ack = carry(alice, talk, content=text, mentions=[{"user_id": "all", "start": 13, "end": 16}])
        assert get(cleo, ack)["mentions"][0]["user_id"] == "all"
        assert [user.conversation(talk)["unread_mentions"] for user in (alice, bella, cleo)] == [0, 2, 1]
        bella.read(talk)
        assert bella.conversation(talk)["unread_mentions"] == 0
    assert carry(bella, talk, status=403, content=text, mentions=[{"user_id": "all", "start": 0, "end": 1}])["code"] == "forbidden"
    one = lambda **more: {**mentions[0], **more}
    for bad in ([], [one(start=-1)], [one(start=8)], [one(end=18)], [one(end=2.5)], [one(user_id="x")], [one(user_id=str(uuid.uuid4()))], [one(), one()],
                [one(extra=1)], "x", [one(start=0, end=1)] * 51, [{"user_id": bella.me()["id"]}]):
        assert refused(alice, talk, content=text, mentions=bad).startswith("/mentions"), bad
    assert refused(alice, talk, location={"lat": 1, "lon": 1}, mentions=mentions) == "/mentions"
    name, with_bob = alice.me()["jid"], alice.conversation_with(jid=bob.bare)
    id = next(p["user"]["id"] for p in with_bob["participants"] if p["user"]["jid"] == bob.bare)
    with alice.ws() as socket:
        carry(alice, with_bob, content="😀 @bob", mentions=[{"user_id": id, "start": 2, "end": 6}])
        got = bob.expect_message("😀 @bob").child(REFERENCE, "reference")
        assert {key: got.get(key) for key in ("type", "begin", "end", "uri")} == {"type": "mention", "begin": "2", "end": "6", "uri": f"xmpp:{bob.bare}"}
        send_raw(bob, name, f"<body>Hi 😀 Alice</body><reference xmlns='{REFERENCE}' type='mention' begin='5' end='10' uri='xmpp:{name}'/>"
                 f"<reference xmlns='{REFERENCE}' type='mention' begin='0' end='2' uri='xmpp:somebody@else.example'/>")
        assert socket.expect("message.new", content="Hi 😀 Alice")["payload"]["mentions"] == [{"user_id": alice.me()["id"], "start": 5, "end": 10}]


# ---- Timers

def test_messages_disappear(stack, app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    talk = alice.conversation_with(jid=bob.bare)
    path = f"/api/conversations/{talk['id']}"
    with alice.ws() as socket:
        cursor = socket.hello["cursor"]
        own = carry(alice, talk, content="A minute", expires_in=60)
        assert own["metadata"]["expires_in"] == 60 and own["expires_at"] > own["created_at"]
        assert bob.expect_message("A minute").child(EPHEMERAL, "ephemeral").get("timer") == "60"
        assert alice.call(200, "PATCH", path, {"disappearing_seconds": 3600})["disappearing_seconds"] == 3600
        system = socket.expect("message.new", message_type="system")["payload"]
        assert (system["metadata"]["system_type"], system["metadata"]["seconds"]) == ("disappearing_changed", 3600)
        socket.expect("conversation.updated", disappearing_seconds=3600)
        timer = bob.expect_stanza("the timer", lambda s: s.has(EPHEMERAL, "ephemeral") and not s.body)
        assert timer.child(EPHEMERAL, "ephemeral").get("timer") == "3600" and timer.has("urn:xmpp:hints", "store")
        plain = alice.send(talk, "An hour")
        assert bob.expect_message("An hour").child(EPHEMERAL, "ephemeral").get("timer") == "3600" and plain["metadata"]["expires_in"] == 3600
        send_raw(bob, name, f"<ephemeral xmlns='{EPHEMERAL}' timer='0'/><store xmlns='urn:xmpp:hints'/>")
        socket.expect("conversation.updated", disappearing_seconds=0)
        send_raw(bob, name, f"<body>Theirs</body><ephemeral xmlns='{EPHEMERAL}' timer='60'/>")
        theirs = socket.expect("message.new", content="Theirs")["payload"]
        assert theirs["metadata"]["expires_in"] == 60
        alice.call(200, "PUT", f"/api/messages/{theirs['id']}/star")
        wait_outbox_empty(stack)
        stack.kill("bridge")
        with database(stack) as query:
            query("UPDATE messages SET created_at = created_at - interval '3 minutes' WHERE id = ANY (%s::uuid[]) RETURNING 1",
                  [own["id"], theirs["id"]])
        due_now(stack, "expiry")
        stack.restart("bridge")
        fault.wait_ready(stack)
    fault.wait_for("both are gone", lambda: not {"A minute", "Theirs"} & {m["content"] for m in alice.messages(talk)["items"]})
    for message in (own, theirs):
        shown = get(alice, message)
        assert shown["deleted_at"] and shown["seq"] == message["seq"] and shown["metadata"] is None
    assert get(alice, plain)["content"] == "An hour" and alice.call(200, "GET", "/api/messages/starred")["items"] == []
    assert alice.call(200, "GET", "/api/messages/search", q="minute")["items"] == []
    with alice.ws(resume=cursor) as socket:
        socket.expect("resumed")
        gone = [f["payload"] for f in socket.frames("message.deleted")]
        assert {(g["message_id"], g["reason"], g["by"]) for g in gone} == {(own["id"], "expired", None), (theirs["id"], "expired", None)}
    for bad in (29, -1, 7776001, "x", 1.5):
        assert alice.call(422, "PATCH", path, {"disappearing_seconds": bad})["errors"][0]["pointer"] == "/disappearing_seconds"
    assert refused(alice, talk, content="x", expires_in=29) == "/expires_in"


# ---- Payloads

def test_an_applications_own_data(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    talk = alice.conversation_with(jid=bob.bare)
    payload = {"type": "service-booking", "data": {"seats": 2, "note": "<b>&amp;", "when": None, "more": [1.5, {"deep": True}]}}
    with alice.ws() as socket:
        message = carry(alice, talk, content="Table for two", payload=payload)
        assert message["metadata"]["payload"] == payload and message["message_type"] == "text"
        got = bob.expect_message("Table for two").child(PAYLOAD, "payload")
        assert got.get("type") == payload["type"] and json.loads(got.find(f"{{{JSON}}}json").text) == payload["data"]
        for inner, wanted in ((f"<payload xmlns='{PAYLOAD}' type='x'><json xmlns='{JSON}'>[1]</json></payload>", {"payload": {"type": "x", "data": [1]}}),
                              (f"<payload xmlns='{PAYLOAD}' type='x'><json xmlns='{JSON}'>{{</json></payload>", None),
                              (f"<payload xmlns='{PAYLOAD}' type='x'><json xmlns='{JSON}'>\"\\u0000\"</json></payload>", None),
                              (f"<payload xmlns='{PAYLOAD}' type='x y'><json xmlns='{JSON}'>1</json></payload>", None)):
            body = str(uuid.uuid4())
            send_raw(bob, name, f"<body>{body}</body>{inner}")
            assert socket.expect("message.new", content=body)["payload"]["metadata"] == wanted
    for bad in ({"type": "x"}, {"data": 1}, {"type": "", "data": 1}, {"type": "a b", "data": 1}, {"type": "x" * 65, "data": 1}, {"type": "x", "data": "y" * 16384},
                {"type": "x", "data": {"\ufffe": 1}}, {"type": "x", "data": ["a\u0000"]}, {"type": "x", "data": 1, "z": 1}, [], "x"):
        assert refused(alice, talk, content="x", payload=bad).startswith("/payload"), bad
    assert refused(alice, talk, payload=payload) == "/content"


def test_what_is_planned_carries_as_much(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    path = f"/api/conversations/{talk['id']}/scheduled"
    with alice.ws() as socket:
        for carried in ({"poll": LUNCH}, {"location": {"lat": 1, "lon": 2}}, {"content": "x", "expires_in": 60}):
            made = alice.call(201, "POST", path, {**carried, "scheduled_for": ahead(seconds=1)})
            new = socket.expect("message.new", id=made["message_id"])["payload"]
            assert new["metadata"]["scheduled_id"] == made["id"] and new["message_type"] == made["message_type"]
            assert set(carried) - {"content"} <= set(new["metadata"])
        made = alice.call(201, "POST", path, {"poll": LUNCH, "scheduled_for": ahead(hours=1)})
        assert alice.call(422, "PATCH", f"/api/scheduled/{made['id']}", {"content": "x"})["errors"][0]["pointer"] == "/content"
        assert alice.call(422, "POST", path, {"poll": {}, "scheduled_for": ahead(hours=1)})["errors"][0]["pointer"].startswith("/poll")
        alice.call(404, "POST", path, {"content": "x", "reply_to": str(uuid.uuid4()), "scheduled_for": ahead(hours=1)})
        assert bob.expect_stanza("the poll", lambda s: s.has(POLL, "poll"))
