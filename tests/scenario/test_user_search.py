# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding users by the beginnings of their names, and people elsewhere by address."""
import uuid

import pytest

pytestmark = pytest.mark.one_server


@pytest.fixture
def alice(app):
    return app("alice", name="Alice")


def search(user, q, status=200):
    reply = user.call(status, "GET", "/api/users/search", q=q)
    return reply["items"] if status == 200 else reply


def names(found):
    return [user["name"] for user in found]


def test_names_are_found_by_the_beginning_of_a_word(alice, app):
    word = "q" + uuid.uuid4().hex[:10]
    bella = app("bella", name=f"Bella {word.title()}-Ötzi")
    me = bella.me()
    for q in (word, word[:3].upper() + word[3:6], f" {word} öt ", f"bel {word}", f"{word[:7]}"):
        assert me in search(alice, q), q
    assert search(alice, word[1:]) == [] and search(alice, word + "x") == []
    assert me in search(alice, me["username"] or me["jid"].partition("@")[0]) if me["username"] else True
    assert search(bella, word) == []


@pytest.mark.parametrize("q", ["", "   ", "\u0000abc", "x" * 4000, "\ufffe\ufffe\ufffe"])
def test_bad_questions(alice, q):
    assert search(alice, q, 422)["code"] == "unprocessable"


@pytest.mark.parametrize("q", ["ab", "  ŋ ", "%%%", "___", "\\\\\\", "'; DROP", "a&b|c:*", "***", "@@@", "@example.org", "zqx@", "a b@c",
                               "a@b@c", "☃☃☃", "a@☃", "x@-"])
def test_odd_questions_find_nothing(alice, q):
    assert search(alice, q) == []


def test_there_is_no_question_without_q(alice):
    assert alice.request("GET", "/api/users/search").status == 422
    assert alice.request("GET", "/api/users/search?q=abc&limit=5").status == 422


def test_users_of_our_domain_by_address(alice, app, stack):
    bella = app("bella")
    me = bella.me()
    assert search(alice, me["jid"]) == [me]
    assert search(alice, me["jid"].upper()) == [me] and search(alice, me["jid"] + "/phone") == [me]
    assert search(alice, f"nobody-{uuid.uuid4().hex}@{stack.app_domain}") == []
    assert search(alice, alice.me()["jid"]) == []


def test_people_elsewhere_are_candidates(alice, app, stack):
    domain = stack.info["c2s"]["domain"]
    name = f"somebody-{uuid.uuid4().hex[:8]}"
    found = search(alice, f"{name.upper()}@{domain.upper()}")
    assert [(u["jid"], u["kind"]) for u in found] == [(f"{name}@{domain}", "remote")]
    assert search(app("bella"), f"{name}@{domain}") == found
    talk = alice.conversation_with(participant_id=found[0]["id"])
    assert {p["user"]["jid"] for p in talk["participants"]} == {alice.me()["jid"], f"{name}@{domain}"}
    assert found[0] in search(alice, name) and found[0] not in search(app("bella"), name)


def test_a_domain_that_does_not_answer_has_no_candidates(alice):
    assert search(alice, f"somebody@{uuid.uuid4().hex}.invalid") == []
