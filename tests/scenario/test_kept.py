# SPDX-License-Identifier: GPL-3.0-or-later
"""What users keep for their own devices: marks of unread, drafts, stars, and messages that are to be sent later."""
import datetime
import uuid

import pytest

from harness import fault
from harness.database import database

pytestmark = pytest.mark.one_server


def shown(user, talk):
    item, = (c for c in user.conversations()["items"] if c["id"] == talk["id"])
    # Marks may come in between.
    assert {**user.conversation(talk), "last_message": None, "participants": None} == {**item, "last_message": None, "participants": None}
    return item


def told(user, cursor, type):
    """What of that type whoever comes back is told, by the log as a stream and by polling."""
    with user.ws(resume=cursor) as socket:
        socket.expect("resumed")
        frames = [f["payload"] for f in socket.frames(type)]
    items = user.call(200, "GET", "/api/sync", since=cursor)["items"]
    assert [i["payload"] for i in items if i["type"] == type] == frames
    return frames


def two(app):
    alice, bella = app("alice"), app("bella")
    return alice, bella, alice.conversation_with(participant_id=bella.me()["id"])


def test_a_conversation_is_marked_as_unread_until_it_is_read(app):
    alice, bella, talk = two(app)
    alice.send(talk, "Hello")
    path = f"/api/conversations/{talk['id']}"
    with bella.ws() as socket, bella.ws() as other, alice.ws() as stranger:
        bella.read(talk)
        done = bella.call(200, "PATCH", path, {"unread": True})
        assert done["marked_unread"] and done["unread_count"] == 0
        other.expect("conversation.updated", id=talk["id"], marked_unread=True)
        assert shown(bella, talk)["marked_unread"] and [c["id"] for c in bella.conversations(filter="unread")["items"]] == [talk["id"]]
        bella.read(talk)  # nothing is new: the mark goes all the same
        other.expect("conversation.updated", id=talk["id"], marked_unread=False)
        assert not shown(bella, talk)["marked_unread"]
        assert socket.command("conversation.update", conversation_id=talk["id"], unread=True)["marked_unread"]
        bella.send(talk, "Hi")
        assert not shown(bella, talk)["marked_unread"] and bella.conversations(filter="unread")["items"] == []
        stranger.sync()
        assert not stranger.frames("conversation.updated") and not shown(alice, talk)["marked_unread"]


def test_a_draft_goes_to_the_own_devices_alone(app):
    alice, bella, talk = two(app)
    message = bella.send(talk, "Well?")
    path = f"/api/conversations/{talk['id']}/draft"
    with alice.ws() as socket, alice.ws() as other, bella.ws() as stranger:
        cursor = socket.hello["cursor"]
        draft = alice.call(200, "PUT", path, {"content": "Because", "reply_to": message["id"]})["draft"]
        assert other.expect("draft.updated", conversation_id=talk["id"])["payload"]["draft"] == draft
        assert shown(alice, talk)["draft"] == draft and (draft["content"], draft["reply_to"]) == ("Because", message["id"])
        saved = socket.command("draft.save", conversation_id=talk["id"], content="Because it is")
        assert alice.call(200, "PUT", path, {"content": "old", "updated_at": "2020-01-01T00:00:00Z"}) == saved
        assert saved["draft"]["content"] == "Because it is" and shown(alice, talk)["draft"] == saved["draft"]
        assert alice.call(200, "DELETE", path)["draft"] is None
        assert socket.command("draft.remove", conversation_id=talk["id"])["draft"] is None
        stranger.sync()
        assert not stranger.frames("draft.updated") and shown(bella, talk)["draft"] is None
    assert [t["draft"] for t in told(alice, cursor, "draft.updated")] == [None] * 3
    assert alice.call(422, "PUT", path, {"content": "x", "reply_to": str(uuid.uuid4())})["errors"][0]["pointer"] == "/reply_to"


def test_stars_are_found_again(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket, alice.ws() as other:
        cursor = socket.hello["cursor"]
        bob.send_message(alice.me()["jid"], "Theirs")
        theirs, ours = socket.expect("message.new", content="Theirs")["payload"], alice.send(talk, "Ours")
        done = alice.call(200, "PUT", f"/api/messages/{theirs['id']}/star")
        assert done["starred"] and other.expect("message.starred", message_id=theirs["id"])["payload"] == done
        assert socket.command("message.star", message_id=ours["id"])["starred"]
        assert [m["id"] for m in alice.call(200, "GET", "/api/messages/starred")["items"]] == [ours["id"], theirs["id"]]
        page = alice.call(200, "GET", "/api/messages/starred", limit=1, conversation_id=talk["id"])
        assert [m["content"] for m in page["items"]] == ["Ours"] and page["has_more"]
        page = alice.call(200, "GET", "/api/messages/starred", before=page["next"])
        assert [m["content"] for m in page["items"]] == ["Theirs"] and not page["has_more"]
        assert not socket.command("message.unstar", message_id=ours["id"])["starred"]
        assert alice.call(200, "DELETE", f"/api/messages/{ours['id']}/star")["starred_at"] is None
    assert [t["starred"] for t in told(alice, cursor, "message.starred")] == [True, False, False]


# ---- Later

def ahead(**delta):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)).isoformat(timespec="milliseconds")


def plan(user, talk, content, **more):
    when = {} if more.keys() & {"scheduled_for", "local_time"} else {"scheduled_for": ahead(seconds=1)}
    return user.call(201, "POST", f"/api/conversations/{talk['id']}/scheduled", {"content": content, **when, **more})


def test_a_message_is_sent_when_it_is_time(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    alice.send(talk, "Hello")
    with alice.ws() as socket:
        cursor = socket.hello["cursor"]
        made = plan(alice, talk, "Later", client_id="c-1")
        assert socket.expect("scheduled.updated", status="pending")["payload"] == made
        new = socket.expect("message.new", content="Later")["payload"]
        assert (new["id"], new["client_id"], new["metadata"]) == (made["message_id"], "c-1", {"scheduled_id": made["id"]})
        assert new["created_at"] >= made["scheduled_for"]
        socket.expect("scheduled.updated", id=made["id"], status="sent", reason=None)
        got = bob.expect_message("Later")
        assert got.id == made["message_id"] and not got.has("urn:xmpp:delay", "delay")
        path = f"/api/conversations/{talk['id']}/scheduled"
        assert alice.call(200, "GET", path)["items"] == []
        assert [s["id"] for s in alice.call(200, "GET", path + "?status=sent")["items"]] == [made["id"]]
        assert alice.call(409, "PATCH", f"/api/scheduled/{made['id']}", {"content": "x"})["code"] == "conflict"
        assert alice.messages(talk)["items"][-1]["metadata"] == new["metadata"]
    assert {t["status"] for t in told(alice, cursor, "scheduled.updated")} == {"sent"}  # as it is now


def test_a_plan_is_changed_and_dropped(app):
    alice, bella, talk = two(app)
    path = f"/api/conversations/{talk['id']}/scheduled"
    with alice.ws() as socket, bella.ws() as other:
        made = socket.command("message.schedule", conversation_id=talk["id"], content="Morning", client_id="c-1",
                              local_time=ahead(days=30)[:10] + "T09:00", time_zone="Europe/Berlin")
        assert (made["local_time"][10:], made["time_zone"], made["status"]) == ("T09:00:00", "Europe/Berlin", "pending")
        again = {"content": "Morning", "local_time": made["local_time"], "time_zone": made["time_zone"]}
        assert alice.call(200, "POST", path, again, {"Idempotency-Key": '"c-1"'}) == made
        changed = alice.call(200, "PATCH", f"/api/scheduled/{made['id']}", {"content": "Good morning", "time_zone": "Asia/Tokyo"})
        assert changed["content"] == "Good morning" and changed["scheduled_for"] < made["scheduled_for"]
        assert alice.call(200, "GET", path)["items"] == [changed] and bella.call(200, "GET", path)["items"] == []
        moved = socket.command("scheduled.update", scheduled_id=made["id"], scheduled_for=ahead(hours=2))
        assert moved["time_zone"] is None
        assert alice.call(200, "DELETE", f"/api/scheduled/{made['id']}")["status"] == "cancelled"
        assert socket.command("scheduled.cancel", scheduled_id=made["id"])["status"] == "cancelled"
        socket.expect("scheduled.updated", status="cancelled")
        other.sync()
        assert not other.frames("scheduled.updated")
    for bad, pointer in (({"scheduled_for": ahead(hours=-1)}, "/scheduled_for"), ({"scheduled_for": "9999-12-31T23:59:59Z"}, "/scheduled_for"),
                         ({"local_time": ahead(days=1)[:16], "time_zone": "Mars/Olympus"}, "/time_zone"), ({}, "/scheduled_for")):
        assert alice.call(422, "POST", path, {"content": "x", **bad})["errors"][0]["pointer"] == pointer


def test_whether_it_may_be_sent_is_decided_when_it_is_time(app):
    alice, bella, talk = two(app)
    alice.send(talk, "Hello"), bella.send(talk, "Hi")
    with alice.ws() as socket:
        made = plan(alice, talk, "Later", scheduled_for=ahead(hours=1))
        bella.call(200, "POST", f"/api/users/{alice.me()['id']}/block")
        alice.call(200, "PATCH", f"/api/scheduled/{made['id']}", {"scheduled_for": ahead(seconds=1)})
        failed = socket.expect("scheduled.updated", status="failed")["payload"]
        assert failed["reason"] == "refused" and len(alice.messages(talk)["items"]) == 2
        alice.call(403, "POST", f"/api/conversations/{talk['id']}/scheduled", {"content": "x", "scheduled_for": ahead(hours=1)})


def test_what_was_due_while_nobody_was_there_is_sent_once(stack, app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    alice.send(talk, "Hello")
    made = [plan(alice, talk, f"Later {n}", scheduled_for=ahead(hours=1))["message_id"] for n in range(70)]
    stack.kill("bridge")
    with database(stack) as query:  # the time passes: had one been sent before the end, XMPP might get it twice
        query("UPDATE scheduled SET due_at = due_at - interval '2 hours' WHERE message_id = ANY (%s::uuid[])", made)
        query("UPDATE jobs SET due_at = now() WHERE kind = 'scheduled.send'")
    stack.restart("bridge")
    fault.wait_ready(stack)
    with alice.ws() as socket:
        fault.wait_for("all are sent", lambda: len(alice.messages(talk, limit=100)["items"]) == 71)
        assert {m["id"] for m in alice.messages(talk, limit=100)["items"][1:]} == set(made)
        bob.expect_message("Later 69")
        assert sorted(s.id for s in bob.inbox.received if s.name == "message" and s.id in made) == sorted(made)
        socket.sync()
