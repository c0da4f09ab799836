# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies (XEP-0461) and threads (XEP-0201): between app users, and with somebody in slixmpp."""
import uuid

from harness.xmpp import CLIENT

REPLY, FALLBACK = "urn:xmpp:reply:0", "urn:xmpp:fallback:0"


def group(owner, *others):
    return owner.call(201, "POST", "/api/groups", {"name": "Us", "members": [
        {"user_id": user.me()["id"]} for user in others]})


def say(user, talk, content, status=201, **carried):
    return user.call(status, "POST", f"/api/conversations/{talk['id']}/messages", {"content": content, **carried})


def quote(message, content=None):
    return {"message_id": message["id"], "sender_id": message["sender_id"], "content": content or message["content"],
            "message_type": "text", "deleted": False}


def raw_reply(client, to, target, body, quoted="", thread=None):
    """Answers TARGET (an id) as clients do, with the quote before the text."""
    id = str(uuid.uuid4())
    fallback = (f"<fallback xmlns='{FALLBACK}' for='{REPLY}'><body start='0' end='{len(quoted)}'/></fallback>"
                if quoted else "")
    threaded = f"<thread>{thread}</thread>" if thread else ""
    escaped = (quoted + body).replace(">", "&gt;")
    client.send_raw(f"<message xmlns='{CLIENT}' to='{to}' type='chat' id='{id}'><body>{escaped}</body>"
                    f"<reply xmlns='{REPLY}' to='{to}' id='{target}'/>{fallback}{threaded}"
                    f"<origin-id xmlns='urn:xmpp:sid:0' id='{id}'/></message>")
    return id


def expect_body(client, text):
    return client.expect_stanza(f"a message {text!r}", lambda s: s.name == "message" and s.body == text)


def test_app_users_answer_messages(app):
    alice, bella, cleo = app("alice"), app("bella"), app("cleo")
    talk = group(alice, bella, cleo)
    first = alice.send(talk, "Lunch at noon?")
    with cleo.ws() as socket:
        answer = say(bella, talk, "Fine", reply_to=first["id"], client_id="a")
        assert (answer["reply_to"], answer["quote"], answer["content"]) == (first["id"], quote(first), "Fine")
        told = socket.expect("message.new", content="Fine")["payload"]
        assert {key: told[key] for key in ("reply_to", "quote", "thread_id", "metadata", "sender_id")} \
            == {key: answer[key] for key in ("reply_to", "quote", "thread_id", "metadata", "sender_id")}
        # The same again is the same; without the answer it is another message.
        assert say(bella, talk, "Fine", 200, reply_to=first["id"], client_id="a")["id"] == answer["id"]
        assert say(bella, talk, "Fine", 422, client_id="a")["errors"][0]["pointer"] == "/client_id"
        ack = socket.command("message", conversation_id=talk["id"], content="Me too", reply_to=answer["id"])
        assert ack["message"]["quote"] == quote(answer)
    page = {m["content"]: m for m in alice.messages(talk)["items"]}
    assert page["Fine"]["quote"] == quote(first) and page["Me too"]["reply_to"] == answer["id"]
    assert page["Lunch at noon?"]["quote"] is None
    assert alice.conversation(talk)["last_message"]["quote"] == quote(answer)
    elsewhere = alice.send(alice.conversation_with(participant_id=bella.me()["id"]), "Psst")
    for wrong in (elsewhere["id"], str(uuid.uuid4())):
        assert say(bella, talk, "No", 404, reply_to=wrong)["code"] == "not_found"
    say(bella, talk, "No", 422, reply_to="first")
    assert len(alice.messages(talk)["items"]) == 3


def test_answers_go_both_ways_with_somebody_on_xmpp(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        ours = alice.send(talk, "Ours\nin two lines")
        bob.expect_message("Ours\nin two lines")
        id = bob.send_message(name, "Theirs ☀️")
        theirs = socket.expect("message.new", content="Theirs ☀️")["payload"]
        say(alice, talk, "An answer", reply_to=theirs["id"])
        # Other tests give bob a name, which is told when it has come.
        got = bob.expect_stanza("an answer", lambda s: s.name == "message" and (s.body or "").endswith(": Theirs ☀️\nAn answer"))
        quoted = got.body[:-len("An answer")]
        assert quoted.startswith("> ") and quoted.count("\n") == 1
        assert got.child(REPLY, "reply").get("id") == id
        assert got.child(REPLY, "reply").get("to").startswith(bob.bare)
        span, = got.child(FALLBACK, "fallback")
        assert got.child(FALLBACK, "fallback").get("for") == REPLY
        assert (span.get("start"), span.get("end")) == ("0", str(len(quoted)))
        # What is shown of an answer has no quote, when it is known what is quoted.
        raw_reply(bob, name, ours["id"], "Back to you", "> Alice: Ours\n> in two lines\n")
        told = socket.expect("message.new", content="Back to you")["payload"]
        assert told["quote"] == quote(ours)
        raw_reply(bob, name, "nowhere", "To what?", "> Lost\n")
        told = socket.expect("message.new", content="> Lost\nTo what?")["payload"]
        assert told["reply_to"] is None
        # A range beyond the text, and one that is everything.
        raw = raw_reply(bob, name, ours["id"], "Short")
        assert socket.expect("message.new", content="Short")["payload"]["reply_to"] == ours["id"] and raw
        bob.send_raw(f"<message xmlns='{CLIENT}' to='{name}' type='chat' id='{uuid.uuid4()}'><body>All of it</body>"
                     f"<reply xmlns='{REPLY}' id='{ours['id']}'/>"
                     f"<fallback xmlns='{FALLBACK}' for='{REPLY}'><body start='0' end='4000000000'/></fallback></message>")
        assert socket.expect("message.new", content="All of it")["payload"]["reply_to"] == ours["id"]
        assert REPLY in bob.disco_info(f"{name}/rest")[1]
    assert [m["reply_to"] for m in alice.messages(talk)["items"]] \
        == [None, None, theirs["id"], ours["id"], None, ours["id"], ours["id"]]
