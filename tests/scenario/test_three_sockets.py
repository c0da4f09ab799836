# SPDX-License-Identifier: GPL-3.0-or-later
"""One app user with three sockets."""


def messages(socket):
    socket.sync()
    return [f["payload"]["id"] for f in socket.frames("message.new")]


def test_each_socket_sees_each_event_once_own_sends_included(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    with alice.ws() as one, alice.ws() as two, alice.ws() as three:
        talk = alice.conversation_with(jid=bob.bare)
        by_socket = one.message(talk, "By socket")
        by_rest = alice.send(talk, "By REST")
        for socket in (one, two, three):
            socket.expect("message.new", id=by_rest["id"])
        bob.expect_message("By REST")
        bob.send_message(alice.me()["jid"], "By XMPP")
        for socket in (one, two, three):
            last = socket.expect("message.new", content="By XMPP")["payload"]["id"]
            assert messages(socket) == [by_socket["id"], by_rest["id"], last]
        assert alice.read(talk)["unread_count"] == 0
        for socket in (one, two, three):
            socket.expect("message.read", user_id=alice.me()["id"])
            socket.sync()
            assert len(socket.frames("message.read")) == 1


def test_when_one_closes_the_others_go_on(app):
    alice, bella = app("alice"), app("bella")
    talk = bella.conversation_with(participant_id=alice.me()["id"])
    with alice.ws() as one, alice.ws() as two, alice.ws() as three:
        first = bella.send(talk, "All three")
        for socket in (one, two, three):
            socket.expect("message.new", id=first["id"])
        two.close()
        second = bella.send(talk, "Two of them")
        for socket in (one, three):
            socket.expect("message.new", id=second["id"])
            assert messages(socket) == [first["id"], second["id"]]
        assert two.inbox.count(lambda f: isinstance(f, dict) and f["payload"].get("id") == second["id"]) == 0
