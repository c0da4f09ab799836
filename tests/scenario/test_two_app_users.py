# SPDX-License-Identifier: GPL-3.0-or-later
"""Two app users talk to each other; no XMPP user takes part."""


def pair(app):
    alice, bella = app("alice"), app("bella")
    return alice, bella, alice.conversation_with(participant_id=bella.me()["id"])


def test_both_directions_are_seen_once_by_both(app):
    alice, bella, talk = pair(app)
    with alice.ws() as hers, bella.ws() as others:
        first = alice.send(talk, "Hello Bella", client_id="one")
        second = bella.send(talk, "Hello Alice", client_id="two")
        for socket in (hers, others):
            for sent in (first, second):
                assert socket.expect("message.new", id=sent["id"])["payload"] == sent
            socket.sync()
            assert len(socket.frames("message.new")) == 2
    assert (first["client_id"], second["client_id"]) == ("one", "two")
    assert [first["seq"], second["seq"]] == [1, 2]
    assert first["sender"] == alice.me() and second["sender_id"] == bella.me()["id"]
    for user in (alice, bella):
        items = user.messages(talk)["items"]
        assert [m["id"] for m in items] == [first["id"], second["id"]]


def test_a_hundred_rapid_messages_arrive_in_order_everywhere(app):
    alice, bella, talk = pair(app)
    with alice.ws() as hers, alice.ws() as mine, bella.ws() as others:
        for number in range(100):
            mine.send("message", str(number), conversation_id=talk["id"], content=f"n{number}",
                      client_id=f"c{number}")
        for socket in (hers, mine, others):
            socket.expect("message.new", content="n99")
            got = [f["payload"] for f in socket.frames("message.new")]
            assert [m["content"] for m in got] == [f"n{n}" for n in range(100)]
            assert [m["seq"] for m in got] == list(range(1, 101))
        mine.inbox.expect("last ack", lambda f: f.get("id") == "99" and f["type"] == "ack")
    stored = alice.messages(talk, limit=100)["items"]
    assert [(m["content"], m["seq"]) for m in stored] == [(f"n{n}", n + 1) for n in range(100)]


def test_both_send_at_once_and_see_the_same_order(app):
    alice, bella, talk = pair(app)
    with alice.ws() as hers, bella.ws() as others:
        for number in range(40):
            for socket in (hers, others):
                socket.send("message", str(number), conversation_id=talk["id"], content="x")
        seen = []
        for socket in (hers, others):
            socket.expect("message.new", seq=80)
            seen.append([f["payload"]["id"] for f in socket.frames("message.new")])
    assert seen[0] == seen[1] == [m["id"] for m in alice.messages(talk, limit=100)["items"]]


def test_a_retry_returns_the_first_result_and_makes_no_second_message(app):
    alice, bella, talk = pair(app)
    with bella.ws() as socket:
        first = alice.send(talk, "Once", client_id="same")
        assert alice.send(talk, "Once", client_id="same", status=200)["id"] == first["id"]
        with alice.ws() as hers:
            assert hers.message(talk, "Once", client_id="same")["id"] == first["id"]
        header = alice.request("POST", f"/api/conversations/{talk['id']}/messages", {"content": "Once"},
                               {"Idempotency-Key": "same"})
        assert header.status == 200 and header.json["id"] == first["id"]
        problem = alice.send(talk, "Other", client_id="same", status=422)
        assert problem["errors"][0]["pointer"] == "/client_id"
        bella.send(talk, "Once", client_id="same")
        socket.expect("message.new", sender_id=bella.me()["id"])
        assert len(socket.frames("message.new")) == 2
