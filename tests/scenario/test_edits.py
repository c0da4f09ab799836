# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to a message: edits (XEP-0308), deletion (XEP-0424), threads, forwards; between app users, and with
somebody in slixmpp."""
import uuid

from harness.daemon import run_trestle
from harness.muc import Seat
from harness.rest import http_request
from harness.xmpp import CLIENT

CORRECT, RETRACT, FALLBACK = "urn:xmpp:message-correct:0", "urn:xmpp:message-retract:1", "urn:xmpp:fallback:0"
REACTIONS = "urn:xmpp:reactions:0"


def group(owner, *others):
    return owner.call(201, "POST", "/api/groups", {"name": "Us", "members": [
        {"user_id": user.me()["id"]} for user in others]})


def say(user, talk, content, status=201, **carried):
    return user.call(status, "POST", f"/api/conversations/{talk['id']}/messages", {"content": content, **carried})


def edit(user, message, content, status=200):
    return user.call(status, "PATCH", f"/api/messages/{message['id']}", {"content": content})


def delete(user, message, status=200, whom="everyone"):
    return user.call(status, "DELETE", f"/api/messages/{message['id']}?for={whom}")


def history(user, message):
    return [v["content"] for v in user.call(200, "GET", f"/api/messages/{message['id']}/history")["items"]]


def shown(user, talk):
    return [m["content"] for m in user.messages(talk)["items"]]


def send_raw(client, to, body, payload="", id=None, kind="chat"):
    id = id or str(uuid.uuid4())
    client.send_raw(f"<message xmlns='{CLIENT}' to='{to}' type='{kind}' id='{id}'><body>{body}</body>{payload}"
                    f"<origin-id xmlns='urn:xmpp:sid:0' id='{id}'/></message>")
    return id


def correct(client, to, first, body, **more):
    return send_raw(client, to, body, f"<replace xmlns='{CORRECT}' id='{first}'/>", **more)


def retract(client, to, id, **more):
    return send_raw(client, to, "/me retracted something", f"<retract xmlns='{RETRACT}' id='{id}'/>"
                    f"<fallback xmlns='{FALLBACK}' for='{RETRACT}'/>", **more)


def make_moderator(stack, user):
    status, key, _ = run_trestle("token", "--config", stack.info["config"], "--server-key", "staff-edits",
                                 "--scopes", "admin")
    assert status == 0
    reply = http_request(stack.info["rest"], "PUT", f"/api/users/{user.me()['id']}/staff", {"roles": ["moderator"]},
                         headers={"Authorization": f"Bearer {key.strip()}"})
    assert reply.status == 200


def test_an_author_edits_a_message_and_nobody_else_does(app):
    alice, bella, cleo = app("alice"), app("bella"), app("cleo")
    talk = group(alice, bella, cleo)
    message = alice.send(talk, "Lunhc at noon", client_id="m1")
    with bella.ws() as socket, alice.ws() as own:
        cursor = own.hello["cursor"]
        done = edit(alice, message, "Lunch at noon")
        assert (done["content"], done["is_edited"], done["seq"]) == ("Lunch at noon", True, message["seq"])
        told = socket.expect("message.updated", id=message["id"])["payload"]
        assert (told["content"], told["edited_at"]) == ("Lunch at noon", done["edited_at"])
        assert edit(alice, message, "Lunch at noon")["edited_at"] == done["edited_at"]
        own.command("message.edit", message_id=message["id"], content="Lunch at one")
        socket.expect("message.updated", content="Lunch at one")
        assert own.refused("message.edit", message_id=message["id"], content=" ")["code"] == "unprocessable"
    with alice.ws(resume=cursor) as socket:
        assert socket.expect("message.updated", id=message["id"])["payload"]["content"] == "Lunch at one"
    assert history(cleo, message) == ["Lunhc at noon", "Lunch at noon", "Lunch at one"]
    assert shown(bella, talk) == ["Lunch at one"] and bella.conversation(talk)["unread_count"] == 1
    assert bella.conversation(talk)["last_message"]["content"] == "Lunch at one"
    # What was sent is the same, whatever it says now.
    assert say(alice, talk, "Lunhc at noon", 200, client_id="m1")["id"] == message["id"]
    assert edit(bella, message, "Mine", 403)["code"] == "forbidden"
    stranger = app("dora")
    gone = stranger.call(404, "PATCH", f"/api/messages/{uuid.uuid4()}", {"content": "Mine"})
    assert {**edit(stranger, message, "Mine", 404), "request_id": 0} == {**gone, "request_id": 0}


def test_edits_go_both_ways_with_somebody_on_xmpp(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        ours = alice.send(talk, "Ours")
        bob.expect_message("Ours")
        edit(alice, ours, "Ours, better")
        got = bob.expect_stanza("a correction", lambda s: s.name == "message" and s.body == "Ours, better")
        assert got.child(CORRECT, "replace").get("id") == ours["id"] and got.sender == f"{name}/rest"
        assert got.id != ours["id"]
        first = send_raw(bob, name, "Theris")
        theirs = socket.expect("message.new", content="Theris")["payload"]
        second = correct(bob, name, first, "Theirs")
        assert socket.expect("message.updated", id=theirs["id"])["payload"]["content"] == "Theirs"
        correct(bob, name, second, "Theirs, again")  # names a later version
        assert socket.expect("message.updated", content="Theirs, again")["payload"]["id"] == theirs["id"]
        correct(bob, name, first, "Theirs, again", id=second)  # the same again
        correct(bob, name, ours["id"], "Not his to change")  # becomes a message of its own
        plain = socket.expect("message.new", content="Not his to change")["payload"]
        assert plain["metadata"] == {"correction_of": None}
        assert history(alice, theirs) == ["Theris", "Theirs", "Theirs, again"]
        assert CORRECT in bob.disco_info(f"{name}/rest")[1]
    assert shown(alice, talk) == ["Ours, better", "Theirs, again", "Not his to change"]


def test_what_is_deleted_for_everybody_is_gone_but_for_staff(stack, app):
    alice, bella, cleo = app("alice"), app("bella"), app("cleo")
    talk = group(alice, bella, cleo)
    message = bella.send(talk, "Oops xylophone")
    answer = say(cleo, talk, "What?", reply_to=message["id"])
    edit(bella, message, "Oops zither")
    alice.call(200, "PUT", f"/api/messages/{message['id']}/reactions/%F0%9F%91%8D")
    with cleo.ws() as socket:
        assert delete(cleo, message, 403)["code"] == "forbidden"
        assert delete(bella, message) == {"message_id": message["id"], "deleted": "everyone"}
        told = socket.expect("message.deleted", message_id=message["id"])["payload"]
        assert told == {"conversation_id": talk["id"], "message_id": message["id"], "seq": message["seq"],
                        "by": bella.me()["id"], "reason": "sender"}
        delete(bella, message)
    stone = cleo.call(200, "GET", f"/api/messages/{message['id']}")
    assert (stone["content"], stone["reactions"], stone["is_edited"]) == (None, [], False) and stone["deleted_at"]
    assert history(cleo, message) == []
    quote = cleo.call(200, "GET", f"/api/messages/{answer['id']}")["quote"]
    assert quote["deleted"] and quote["content"] is None
    assert edit(bella, message, "Back", 409)["code"] == "conflict"
    assert say(cleo, talk, "Hm", 409, reply_to=message["id"])["code"] == "conflict"
    # An admin takes away what others say, and staff may read it.
    other = cleo.send(talk, "Rude words")
    with bella.ws() as socket:
        delete(alice, other)
        assert socket.expect("message.deleted", message_id=other["id"])["payload"]["reason"] == "moderator"
    path = f"/api/moderation/messages/{message['id']}"
    assert bella.call(403, "GET", path)["code"] == "forbidden"
    make_moderator(stack, cleo)
    read = cleo.call(200, "GET", path)
    assert (read["content"], [v["content"] for v in read["versions"]]) \
        == ("Oops zither", ["Oops xylophone", "Oops zither"])


def test_retractions_go_both_ways_with_somebody_on_xmpp(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        ours = alice.send(talk, "Ours")
        bob.expect_message("Ours")
        delete(alice, ours)
        got = bob.expect_stanza("a retraction", lambda s: s.name == "message" and s.has(RETRACT, "retract"))
        assert got.child(RETRACT, "retract").get("id") == ours["id"]
        assert got.body.startswith("/me ") and got.child(FALLBACK, "fallback").get("for") == RETRACT
        first = send_raw(bob, name, "Theirs")
        theirs = socket.expect("message.new", content="Theirs")["payload"]
        retract(bob, name, first)
        assert socket.expect("message.deleted", message_id=theirs["id"])["payload"]["reason"] == "sender"
        second = send_raw(bob, name, "Old style")
        theirs = socket.expect("message.new", content="Old style")["payload"]
        send_raw(bob, name, "/me retracted", "<apply-to xmlns='urn:xmpp:fasten:0' id='%s'><retract "
                 "xmlns='urn:xmpp:message-retract:0'/></apply-to>" % second)
        socket.expect("message.deleted", message_id=theirs["id"])
        correct(bob, name, second, "Back again")  # what is gone stays so
        retract(bob, name, "nothing")
        socket.expect("message.new", content="/me retracted something")
        assert RETRACT in bob.disco_info(f"{name}/rest")[1]
    assert shown(alice, talk) == [None, None, None, "/me retracted something"]


def test_what_one_hides_others_still_see(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    messages = [alice.send(talk, text) for text in ("one", "two", "three")]
    with bella.ws() as socket:
        assert delete(bella, messages[2], whom="me")["deleted"] == "me"
        assert socket.expect("message.deleted", message_id=messages[2]["id"])["payload"]["reason"] == "me"
    delete(bella, messages[0], whom="me")
    assert shown(bella, talk) == ["two"] and shown(alice, talk) == ["one", "two", "three"]
    assert bella.conversation(talk)["last_message"]["content"] == "two"
    assert [c["last_message"]["content"] for c in bella.call(200, "GET", "/api/conversations")["items"]] == ["two"]
    bella.call(404, "GET", f"/api/messages/{messages[0]['id']}")
    page = bella.call(200, "GET", f"/api/conversations/{talk['id']}/messages?limit=1")
    assert page["items"] == [] and page["has_more"]


def test_threads_have_a_topic_and_their_own_page(app):
    alice, bella = app("alice"), app("bella")
    talk = group(alice, bella)
    first = alice.send(talk, "The roof leaks")
    with bella.ws() as socket:
        inside = say(bella, talk, "Where?", thread_id=first["id"])
        assert inside["thread_id"] == first["id"] and inside["reply_to"] is None
        told = socket.expect("thread.updated", id=first["id"])["payload"]
        assert (told["parent_message_id"], told["message_count"], told["is_resolved"]) == (first["id"], 1, False)
        say(alice, talk, "Here", thread_id=inside["id"])  # a thread has no threads
        done = alice.call(200, "PATCH", f"/api/threads/{first['id']}", {"topic": "Roof", "is_resolved": True})
        assert (done["topic"], done["is_resolved"], done["message_count"]) == ("Roof", True, 2)
        assert done["participants"] == [bella.me()["id"], alice.me()["id"]]
        socket.expect("thread.updated", topic="Roof", is_resolved=True)
    assert [t["id"] for t in bella.call(200, "GET", f"/api/conversations/{talk['id']}/threads")["items"]] == [first["id"]]
    page = bella.call(200, "GET", f"/api/messages/{first['id']}/thread?limit=1")
    assert [m["content"] for m in page["items"]] == ["Where?"] and page["has_more"]
    page = bella.call(200, "GET", f"/api/messages/{first['id']}/thread?after={page['next']}")
    assert [m["content"] for m in page["items"]] == ["Here"] and not page["has_more"]
    stranger = app("dora")
    stranger.call(404, "PATCH", f"/api/threads/{first['id']}", {"topic": "Mine"})
    stranger.call(404, "GET", f"/api/messages/{first['id']}/thread")


def test_a_message_is_forwarded_five_times_and_no_more(app, xmpp):
    alice, bella, bob = app("alice"), app("bella"), xmpp("bob")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    there = alice.conversation_with(jid=bob.bare)
    more = group(alice, bella)
    message = bella.send(talk, "Good news")
    path = f"/api/messages/{message['id']}/forward"
    with bella.ws() as socket:
        made = alice.call(201, "POST", path, {"conversation_ids": [there["id"], more["id"]], "client_id": "f"})["items"]
        assert [(m["conversation_id"], m["content"], m["is_forwarded"], m["forward_count"]) for m in made] \
            == [(there["id"], "Good news", True, 1), (more["id"], "Good news", True, 1)]
        told = socket.expect("message.new", conversation_id=more["id"])["payload"]
        assert told["is_forwarded"] and told["sender_id"] == alice.me()["id"]
        again = alice.call(200, "POST", path, {"conversation_ids": [there["id"], more["id"]], "client_id": "f"})["items"]
        assert [m["id"] for m in again] == [m["id"] for m in made]
    bob.expect_message("Good news")
    alice.call(422, "POST", path, {"conversation_ids": []})
    alice.call(422, "POST", path, {"conversation_ids": [more["id"]] * 2})
    alice.call(404, "POST", path, {"conversation_ids": [more["id"], str(uuid.uuid4())]})
    for _ in range(3):
        alice.call(201, "POST", path, {"conversation_ids": [more["id"]]})
    assert alice.call(409, "POST", path, {"conversation_ids": [more["id"]]})["code"] == "conflict"
    assert len(alice.messages(more)["items"]) == 4


def test_a_room_hears_of_all_that_and_its_people_do_it_too(app, xmpp):
    alice, ann, bob = app("alice"), app("ann"), xmpp("bob")
    talk = alice.call(201, "POST", "/api/groups", {"name": "Us", "members": [
        {"user_id": ann.me()["id"]}, {"jid": bob.bare}]})
    room = talk["jid"]
    seat = Seat(bob, room, "Bob")
    seat.enter()
    with ann.ws() as socket:
        ours = alice.send(talk, "Ours")
        seat.hear("Ours")
        own = send_raw(bob, room, "From bob", kind="groupchat")
        theirs = socket.expect("message.new", content="From bob")["payload"]
        # What bob does.
        correct(bob, room, own, "From Bob", kind="groupchat")
        assert socket.expect("message.updated", id=theirs["id"])["payload"]["content"] == "From Bob"
        assert expect_in(bob, CORRECT, "replace").get("id") == own
        send_raw(bob, room, "Yes", f"<reply xmlns='urn:xmpp:reply:0' id='{ours['id']}'/>", kind="groupchat")
        assert socket.expect("message.new", content="Yes")["payload"]["reply_to"] == ours["id"]
        bob.send_raw(f"<message xmlns='{CLIENT}' to='{room}' type='groupchat' id='{uuid.uuid4()}'>"
                     f"<reactions xmlns='{REACTIONS}' id='{ours['id']}'><reaction>👍</reaction></reactions></message>")
        socket.expect("message.reaction", message_id=ours["id"], emoji="👍", added=True)
        assert expect_in(bob, REACTIONS, "reactions").get("id") == ours["id"]
        # What app users do.
        edit(alice, ours, "Ours, better")
        assert expect_in(bob, CORRECT, "replace").get("id") == ours["id"]
        ann.call(200, "PUT", f"/api/messages/{theirs['id']}/reactions/%F0%9F%8E%89")
        assert [r.text for r in expect_in(bob, REACTIONS, "reactions")] == ["🎉"]
        say(ann, talk, "An answer", reply_to=theirs["id"])
        answer = bob.expect_stanza("an answer", lambda s: s.name == "message" and (s.body or "").endswith("An answer"))
        assert answer.child("urn:xmpp:reply:0", "reply").get("id") == theirs["id"]
        assert answer.child("urn:xmpp:reply:0", "reply").get("to") == f"{room}/Bob"
        assert answer.body == "> Bob: From Bob\nAn answer"
        delete(alice, ours)
        assert expect_in(bob, RETRACT, "retract").get("id") == ours["id"]
        delete(alice, theirs)  # she is the owner
        gone = bob.expect_stanza("a moderation", lambda s: s.name == "message" and s.sender == room and s.has(RETRACT, "retract"))
        assert gone.child(RETRACT, "retract").get("id") == theirs["id"]
        last = send_raw(bob, room, "Bye", kind="groupchat")
        said = socket.expect("message.new", content="Bye")["payload"]
        retract(bob, room, said["id"], kind="groupchat")
        assert socket.expect("message.deleted", message_id=said["id"])["payload"]["reason"] == "sender" and last
    assert shown(ann, talk)[-5:] == [None, None, "Yes", "An answer", None]


def expect_in(client, ns, name):
    return client.expect_stanza(f"<{name}/> in a room", lambda s: s.name == "message" and s.type == "groupchat"
                                and s.has(ns, name)).child(ns, name)
