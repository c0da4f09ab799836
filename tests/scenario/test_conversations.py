# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversations: made once, found by every name of the other, listed by activity, counted exactly."""
import uuid

import pytest

LATER = ("status", "delivered_at", "read_at")  # as they are when asked


def test_create_or_get_finds_the_same_one_from_both_sides_and_by_every_name(app):
    alice, bella = app("alice"), app("bella", username=f"Bella.{uuid.uuid4().hex[:8]}")
    her = bella.me()
    made = alice.request("POST", "/api/conversations", {"participant_id": her["id"]})
    assert made.status == 201
    names = ({"participant_id": her["id"]}, {"participant_id": her["id"].upper()}, {"participant_id": bella.sub},
             {"jid": her["jid"]}, {"jid": her["jid"].upper()})
    for name in names:
        again = alice.request("POST", "/api/conversations", name)
        assert (again.status, again.json["id"]) == (200, made.json["id"]), name
    other_side = bella.conversation_with(participant_id=alice.sub, status=200)
    assert other_side["id"] == made.json["id"]
    assert other_side["jid"] == alice.me()["jid"] and made.json["jid"] == her["jid"]
    assert {p["user"]["id"] for p in made.json["participants"]} == {alice.me()["id"], her["id"]}
    assert alice.conversation(made.json) == made.json


def test_a_remote_user_is_one_whatever_the_spelling(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare, status=201)
    for jid in ("Bob@Example.ORG", "bob@example.org.", " bob@example.org\n", "xmpp:bob@example.org?message", "<bob@example.org>",
                "mailto:bob@example.org", "bob@example.org/"):
        assert alice.conversation_with(jid=jid, status=200)["id"] == talk["id"]
    bob.send_message(alice.me()["jid"], "Hello")
    alice.send(talk, "Hello Bob")
    bob.expect_message("Hello Bob")
    assert len(alice.conversations()["items"]) == 1


def test_many_at_once_make_one(app):
    from concurrent.futures import ThreadPoolExecutor
    alice, bella = app("alice"), app("bella")
    ids = {alice: bella.me()["id"], bella: alice.me()["id"]}
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda u: u.conversation_with(participant_id=ids[u])["id"], [alice, bella] * 8))
    assert len(set(made)) == 1


def test_with_oneself_is_unprocessable_and_with_nobody_is_refused(stack, app):
    alice = app("alice")
    me = alice.me()
    for name in ({"participant_id": me["id"]}, {"participant_id": alice.sub}, {"jid": me["jid"]}):
        reply = alice.request("POST", "/api/conversations", name)
        assert (reply.status, reply.json["code"]) == (422, "unprocessable"), name
    for name in ({"participant_id": str(uuid.uuid4())}, {"participant_id": "nobody"},
                 {"jid": f"nobody@{stack.app_domain}"}, {"jid": f"nobody@{stack.app_domain}."}):
        reply = alice.request("POST", "/api/conversations", name)
        assert (reply.status, reply.json["code"]) == (403, "refused"), name
    assert alice.conversations()["items"] == []


@pytest.mark.parametrize("jid", ["", "example.org", "bob@example.org/phone", "@example.org", "bob@", "a b@example.org",
                                 "bob@exa mple.org", "bob@@example.org", "bob\n@example.org", "<bob>@example.org",
                                 "x" * 1024 + "@example.org", "bob@" + "x" * 1024])
def test_what_is_not_a_bare_jid_is_unprocessable(app, jid):
    assert app("alice").request("POST", "/api/conversations", {"jid": jid}).status == 422


def test_the_list_is_ordered_by_activity_and_pages_yield_all_once(app):
    alice, others = app("alice"), [app(f"peer{n}") for n in range(7)]
    talks = [alice.conversation_with(participant_id=o.me()["id"]) for o in others]
    assert [c["id"] for c in alice.conversations()["items"]] == [t["id"] for t in reversed(talks)]
    others[2].send(talks[2], "newest")
    alice.send(talks[0], "newer still")
    order = [talks[n]["id"] for n in (0, 2, 6, 5, 4, 3, 1)]
    for limit in (1, 3, 7, 100):
        seen, query = [], {}
        while True:
            page = alice.conversations(limit=limit, **query)
            seen += [c["id"] for c in page["items"]]
            if not page["has_more"]:
                break
            query = {"before": page["next"]}
        assert seen == order
    back = alice.conversations(limit=2, after=page_position(alice, order[4]))
    assert [c["id"] for c in back["items"]] == order[2:4]
    for query in ({"limit": 0}, {"limit": 1001}, {"before": "x"}, {"filter": "nothing"}, {"q": ""}, {"q": "x" * 256}):
        assert alice.request("GET", "/api/conversations", **query).status == 422, query


def page_position(user, conversation):
    """The cursor that stands at this conversation."""
    for limit in range(1, 100):
        page = user.conversations(limit=limit)
        if page["items"][-1]["id"] == conversation:
            return page["next"]
    raise AssertionError("not in the list")


def test_unread_counts_are_exact(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        for number in range(12):
            bob.send_message(alice.me()["jid"], f"b{number}")
        items = [socket.expect("message.new", content=f"b{n}")["payload"] for n in range(12)]
    alice.send(talk, "my own does not count")
    assert alice.conversation(talk)["unread_count"] == 12
    assert alice.read(talk, items[4]) == {"conversation_id": talk["id"], "last_read_seq": items[4]["seq"],
                                          "unread_count": 7}
    assert alice.read(talk, items[1])["unread_count"] == 7
    assert alice.conversations()["items"][0]["unread_count"] == 7
    mine = next(p for p in alice.conversation(talk)["participants"] if p["user"]["id"] == alice.me()["id"])
    assert mine["last_read_seq"] == items[4]["seq"]
    assert alice.read(talk)["unread_count"] == 0
    empty = alice.conversation_with(jid="carol@example.org")
    assert alice.read(empty) == {"conversation_id": empty["id"], "last_read_seq": 0, "unread_count": 0}


def test_one_shape_in_reply_event_ack_page_and_list(app):
    alice, bella = app("alice", name="Alice \u2603"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    text = "a<b>&\"'\\/ \u00e9 \U0001f600 \u2028 line\nline\ttab"
    with alice.ws() as socket:
        reply = alice.send(talk, text, client_id="k\u00e9y")
        assert socket.expect("message.new", id=reply["id"])["payload"] == reply
        acked = socket.message(talk, text)
        assert socket.expect("message.new", id=acked["id"])["payload"] == acked
        assert set(acked) == set(reply)
    page = alice.messages(talk)["items"]
    last = alice.conversation(talk)["last_message"]
    assert page == [reply, acked] and last == acked == alice.conversations()["items"][0]["last_message"]
    assert reply["content"] == text and reply["sender"] == alice.me()
    assert all(key in reply for key in LATER)


def test_the_largest_message_and_one_more_byte(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    most = alice.capabilities()["limits"]["content_bytes"]
    assert alice.send(talk, "\u00e9" * (most // 2))["content"] == "\u00e9" * (most // 2)
    assert alice.send(talk, "x" * (most + 1), status=413)["code"] == "too_large"
    for text in ("", " \n", "\u200b\u2800\u00ad"):
        assert alice.send(talk, text, status=422)["errors"][0]["pointer"] == "/content"
