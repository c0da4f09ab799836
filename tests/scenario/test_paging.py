# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of a conversation with 125 messages."""
import re
import urllib.parse

import pytest

pytestmark = pytest.mark.one_server

TOTAL = 125


@pytest.fixture
def both(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    with alice.ws() as socket:
        for number in range(TOTAL):
            socket.send("message", conversation_id=talk["id"], content=f"m{number}")
        socket.expect("message.new", seq=TOTAL)
    return alice, bella, talk


@pytest.fixture
def filled(both):
    return both[0], both[2]


def walk(user, talk, direction, limit, start=None):
    """All seqs in the order in which the pages bring them, and the sizes of the pages."""
    pages, query = [], {direction: start} if start else {}
    while True:
        page = user.messages(talk, limit=limit, **query)
        pages.append([m["seq"] for m in page["items"]])
        assert pages[-1] == sorted(pages[-1])
        assert page["has_more"] == (page["next"] is not None)
        if not page["has_more"]:
            return pages
        assert len(pages[-1]) == limit
        query = {direction: page["next"]}


def test_walking_both_ways_yields_everything_once(filled):
    alice, talk = filled
    everything = list(range(1, TOTAL + 1))
    for limit in (1, 7, 25, 100):
        backward = walk(alice, talk, "before", limit)
        assert [seq for page in reversed(backward) for seq in page] == everything
    oldest = walk(alice, talk, "before", 100)[-1][0]
    assert oldest == 1
    first = next(m for m in alice.messages(talk, limit=100, before=alice.messages(talk, limit=100)["next"])["items"]
                 if m["seq"] == 1)["id"]
    for limit in (1, 7, 25, 100):
        forward = walk(alice, talk, "after", limit, first)
        assert [seq for page in forward for seq in page] == everything[1:]


def test_the_newest_page_has_fifty_and_around_has_both_sides(filled):
    alice, talk = filled
    newest = alice.messages(talk)
    assert [m["seq"] for m in newest["items"]] == list(range(TOTAL - 49, TOTAL + 1))
    middle = newest["items"][0]
    around = [m["seq"] for m in alice.messages(talk, limit=11, around=middle["id"])["items"]]
    assert around == list(range(middle["seq"] - 5, middle["seq"] + 6))
    last = newest["items"][-1]
    assert alice.messages(talk, around=last["id"], limit=10)["items"][-1]["id"] == last["id"]
    assert alice.messages(talk, after=last["id"]) == {"items": [], "has_more": False, "next": None, "has_more_before": True,
                                                      "has_more_after": False}


def test_pages_begin_where_the_client_says(both):
    alice, bella, talk = both

    def seqs(user=alice, **query):
        return [m["seq"] for m in user.messages(talk, limit=5, **query)["items"]]
    assert seqs(around="seq:60") == [58, 59, 60, 61, 62] and seqs(before="seq:60") == [55, 56, 57, 58, 59]
    assert seqs(after="seq:0") == [1, 2, 3, 4, 5] and seqs(around="seq:9000000000000000000") == list(range(TOTAL - 4, TOTAL + 1))
    at = alice.messages(talk, around="seq:60", limit=1)["items"][0]["created_at"]
    assert 60 in range(seqs(after=f"time:{at}")[0], TOTAL)
    assert seqs(after="time:2020-01-01T02:00:00+02:00") == [1, 2, 3, 4, 5] and seqs(after="time:2199-01-01T00:00:00Z") == []
    assert seqs(bella, around="unread") == [1, 2, 3]
    bella.call(200, "PUT", f"/api/conversations/{talk['id']}/read", {"message_id": alice.messages(talk, around="seq:80", limit=1)["items"][0]["id"]})
    assert seqs(bella, around="unread") == [79, 80, 81, 82, 83]
    page = bella.messages(talk, around="unread", limit=5)
    assert page["has_more_before"] and page["has_more_after"]
    for place in ("seq:", "seq:-1", "seq:x", "seq:99999999999999999999", "time:", "time:yesterday", "read", "60", ""):
        reply = alice.request("GET", f"/api/conversations/{talk['id']}/messages?around={place}")
        assert reply.status == 422 and reply.json["errors"][0]["pointer"] == "/around", (place, reply)


def test_pages_come_compressed_to_who_takes_that(filled):
    alice, talk = filled
    path = f"/api/conversations/{talk['id']}/messages"
    plain, coded = (alice.request("GET", path, headers={"Accept-Encoding": accepted}) for accepted in ("identity", "br, gzip;q=0.5"))
    assert coded.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert coded.json == plain.json and len(coded.raw) < len(plain.raw) / 5
    assert coded.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert coded.headers["content-length"] == str(len(coded.raw)) and coded.headers["content-type"] == "application/json"
    gzip = {"Accept-Encoding": "gzip"}
    assert "content-encoding" not in alice.request("GET", f"{path}?limit=1", headers=gzip).headers, "it is short"
    sent = alice.request("POST", path, {"content": "x" * 5000}, headers=gzip)
    assert sent.status == 201 and "content-encoding" not in sent.headers
    lists = alice.request("GET", path, headers={**ARRAY, **gzip})
    assert lists.headers["content-encoding"] == "gzip" and isinstance(lists.json, list)


ARRAY = {"Accept": "application/json; profile=array"}


def follow(user, path):
    """The arrays of all pages, and how many requests it took; `path` has a query."""
    arrays = []
    while path:
        reply = user.request("GET", path, headers=ARRAY)
        assert reply.status == 200 and reply.headers["content-type"] == "application/json; profile=array"
        arrays.append(reply.json)
        link = re.fullmatch(r'<(\?[^>]*)>; rel="next"', reply.headers.get("link", ""))
        path = urllib.parse.urljoin(path, link.group(1)) if link else None
    return arrays


def test_arrays_are_walked_by_their_links(filled):
    alice, talk = filled
    path = f"/api/conversations/{talk['id']}/messages"
    arrays = follow(alice, path + "?limit=30")
    assert [len(array) for array in arrays] == [30, 30, 30, 30, 5]
    assert [m["seq"] for array in reversed(arrays) for m in array] == list(range(1, TOTAL + 1))
    assert arrays[0] == alice.messages(talk, limit=30)["items"]
    oldest = arrays[-1][0]["id"]
    forward = follow(alice, f"{path}?after={oldest}&limit=60")
    assert [m["seq"] for array in forward for m in array] == list(range(2, TOTAL + 1))


def test_conversations_contacts_and_searches_as_arrays(app):
    alice = app("alice")
    peers = [app("peer") for _ in range(5)]
    for number, peer in enumerate(peers):
        talk = alice.conversation_with(participant_id=peer.me()["id"])
        alice.send(talk, f'brackets ]}}"\\ {number} & more')
        alice.call((200, 201), "POST", "/api/contacts", {"user_id": peer.me()["id"]})
    listed = follow(alice, "/api/conversations?filter=all&limit=2&q=" + urllib.parse.quote("peer"))
    assert [len(array) for array in listed] == [2, 2, 1]
    assert [c for array in listed for c in array] == alice.conversations()["items"]
    contacts = follow(alice, "/api/contacts?limit=2")
    assert [len(array) for array in contacts] == [2, 2, 1]
    assert len({c["user"]["id"] for array in contacts for c in array}) == 5
    assert alice.call(200, "GET", "/api/messages/conversations", headers=ARRAY, limit=1)[0]["id"] == listed[0][0]["id"]


def test_an_array_is_for_who_asks_for_a_list(filled):
    alice, talk = filled
    path = f"/api/conversations/{talk['id']}/messages"
    for accept in ('application/json;profile="array"', "text/html, APPLICATION/JSON ; Profile=Array", "a/b,application/json;q=1;profile=array"):
        assert isinstance(alice.request("GET", path, headers={"Accept": accept}).json, list), accept
    for accept in ("*/*", "application/json", "application/json; profile=arrays", "text/html; profile=array",
                   "application/json, profile=array", "profile=array", ";" * 1000 + "profile", ""):
        reply = alice.request("GET", path, headers={"Accept": accept})
        assert isinstance(reply.json, dict) and reply.headers["content-type"] == "application/json", accept
    assert alice.request("GET", f"/api/conversations/{talk['id']}", headers=ARRAY).json["id"] == talk["id"]
    assert "cursor" in alice.request("GET", "/api/sync", headers=ARRAY).json, "a log without its cursor is no use"
    problem = alice.request("GET", path + "?limit=0", headers=ARRAY)
    assert problem.status == 422 and problem.headers["content-type"] == "application/problem+json"
    assert alice.request("HEAD", path, headers=ARRAY).status == 200


def test_limits_and_cursors_that_are_not_acceptable(filled, app):
    alice, talk = filled
    path = f"/api/conversations/{talk['id']}/messages"
    for query in ({"limit": 0}, {"limit": 101}, {"limit": -1}, {"limit": "ten"}, {"limit": ""}, {"limit": "1.5"},
                  {"limit": 10**30}, {"before": "x"}, {"after": ""}, {"sort": "up"},
                  {"before": talk["id"], "after": talk["id"]}):
        assert alice.request("GET", path, **query).status == 422, query
    assert alice.request("GET", path + "?limit=1&limit=2").status == 422
    for cursor in (talk["id"], "00000000-0000-7000-8000-000000000000"):
        assert alice.messages(talk, 404, before=cursor)["code"] == "not_found"
    cleo = app("cleo")
    foreign = cleo.send(alice.conversation_with(participant_id=cleo.me()["id"]), "elsewhere")
    for direction in ("before", "after", "around"):
        assert alice.messages(talk, 404, **{direction: foreign["id"]})["code"] == "not_found"


def test_pages_stay_stable_while_messages_arrive(filled):
    alice, talk = filled
    page = alice.messages(talk, limit=40)
    for number in range(5):
        alice.send(talk, f"new {number}")
    older = alice.messages(talk, limit=40, before=page["next"])
    assert [m["seq"] for m in older["items"]] == list(range(TOTAL - 79, TOTAL - 39))
    newer = alice.messages(talk, limit=40, after=page["items"][-1]["id"])
    assert [m["content"] for m in newer["items"]] == [f"new {n}" for n in range(5)]


def test_an_object_is_the_same_alone_in_a_page_and_in_a_list(app):
    """Pages are written by the daemon, what is shown alone by the database: the same object."""
    alice, bella, cleo = app("alice"), app("bella"), app("cleo")
    alice.call(200, "PATCH", "/api/users/me", {"name": 'A "quoted" \\ name, é 😀', "bio": "two\nlines\tand a tab"})
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    empty = alice.conversation_with(participant_id=cleo.me()["id"])
    sent = [writer.send(talk, f'{n} "said" \\ by\n\t/{n}\x7f é 😀', client_id=f'id-"{n}"' if n % 3 else None)
            for n, writer in enumerate([alice, alice, bella, alice, bella, bella, alice, alice])]
    bella.read(talk, sent[1])
    alice.read(talk, sent[2])
    bella.read(talk, sent[6])
    alice.call(200, "PATCH", f"/api/conversations/{empty['id']}", {"pinned": True, "muted_until": "2100-01-01T00:00:00Z"})
    alice.call(200, "PATCH", f"/api/conversations/{talk['id']}", {"muted_until": "forever"})
    for user in (alice, bella):
        items = user.messages(talk)["items"]
        assert [m["id"] for m in items] == [m["id"] for m in sent]
        assert {m["status"] for m in items} >= {"read", "sent"}
        for message in items:
            assert user.call(200, "GET", f"/api/messages/{message['id']}") == message
        for query in ({"after": sent[0]["id"]}, {"before": sent[7]["id"]}, {"around": sent[4]["id"]}):
            page = user.messages(talk, limit=4, **query)["items"]
            assert len(page) == 4 and all(m in items for m in page)
        for shown in user.conversations()["items"]:
            assert user.call(200, "GET", f"/api/conversations/{shown['id']}") == shown
    assert [c["id"] for c in alice.conversations()["items"]] == [empty["id"], talk["id"]]
