# SPDX-License-Identifier: GPL-3.0-or-later
"""Search in messages: what was just said and what was said long ago, by both roads, and only one's own."""
import uuid
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.one_server


def search(user, query, **more):
    rest = "".join(f"&{name}={value}" for name, value in more.items())
    return user.request("GET", f"/api/messages/search?q={quote(query)}{rest}")


def contents(reply):
    assert reply.status == 200, reply
    return [item["content"] for item in reply.json["items"]]


def test_messages_of_both_roads_are_found_at_once_newest_first(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    mark = "w" + uuid.uuid4().hex[:10]
    talk = alice.conversation_with(jid=bob.bare)
    alice.send(talk, f"Pancakes {mark} tomorrow?")
    with alice.ws() as socket:
        bob.send_message(alice.me()["jid"], f"pancake {mark} TODAY")
        socket.expect("message.new")
    assert contents(search(alice, mark)) == [f"pancake {mark} TODAY", f"Pancakes {mark} tomorrow?"]
    assert contents(search(alice, f"tod {mark[:6]}", conversation_id=talk["id"])) == [f"pancake {mark} TODAY"]
    first = search(alice, mark, limit=1).json
    assert first["has_more"] and first["items"][0]["content"].endswith("TODAY")
    assert contents(search(alice, mark, limit=1, before=first["next"])) == [f"Pancakes {mark} tomorrow?"]
    assert first["items"][0]["id"] == alice.messages(talk)["items"][-1]["id"]


def test_others_find_nothing(app):
    alice, bella, eve = app("alice"), app("bella"), app("eve")
    mark = "w" + uuid.uuid4().hex[:10]
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    alice.send(talk, f"{mark} is between us")
    assert contents(search(bella, mark)) == [f"{mark} is between us"]
    assert contents(search(eve, mark)) == []
    foreign, random = (search(eve, mark, conversation_id=id) for id in (talk["id"], uuid.uuid4()))
    assert foreign.status == random.status == 404
    assert {**foreign.json, "request_id": 0} == {**random.json, "request_id": 0}


@pytest.mark.parametrize("query, status", [("", 422), ("x", 200), ("x" * 257, 422), ("a%00b", 422), ("%ff%fe", 400), ("ok&limit=0", 422),
                                           ("ok&limit=101", 422), ("ok&before=x", 422), ("ok&before=0", 422), ("ok&other=1", 422),
                                           ("ok&conversation_id=x", 422), ("'%20%26%20!%3A*%5C", 200)])
def test_bad_queries_are_refused_and_odd_ones_are_words(app, query, status):
    reply = app("alice").request("GET", f"/api/messages/search?q={query}")
    assert reply.status in ((400, 422) if status != 200 else (200,)), reply
