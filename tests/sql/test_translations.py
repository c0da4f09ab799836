# SPDX-License-Identifier: GPL-3.0-or-later
"""Translations of messages: who may have one, what is kept of it, and for how long."""
import json

import pytest

from conftest import new_id
from test_reactions import Talk

DE = {"language": "de", "content": "hallo", "source": "en", "provider": "acme"}


@pytest.fixture
def two(db):
    return Talk(db, "alice", "bella")


def find(db, user, message, language="de"):
    row, = db.rows("SELECT * FROM translation_find(%s, %s, %s)", user, message, language)
    return row["outcome"], row["shown"] and row["shown"]["content"], row["body"], row["version"]


def put(db, user, message, version=0, **more):
    return db.change("translation_put", user, message_id=message, version=version, **{**DE, **more})


def edit(db, user, message, content):
    assert db.change("message_edit", user, message_id=message, content=content, window=900, stanza=new_id())["outcome"] == 0


def test_what_was_said_once_is_kept_for_this_version(db, two):
    alice, bella = two.users
    assert find(db, bella, two.message) == (0, None, "hi", 0)
    done = put(db, bella, two.message)
    assert done["result"] == {"message_id": two.message, "language": "de", "content": "hallo", "source_language": "en", "provider": "acme"}
    assert find(db, alice, two.message)[1] == "hallo" and find(db, alice, two.message, "fr")[1] is None
    edit(db, alice, two.message, "bye")
    assert find(db, bella, two.message) == (0, None, "bye", 1)
    assert put(db, bella, two.message)["result"]["content"] == "hallo", "told, though it is of an older version"
    assert find(db, bella, two.message)[1] is None, "and not kept"
    put(db, bella, two.message, version=1, content="tschüss")
    assert find(db, bella, two.message)[1] == "tschüss"


def test_who_does_not_see_the_message_has_none(db, two):
    alice, bella = two.users
    stranger = db.user("mallory")
    put(db, bella, two.message)
    for user, message in ((stranger, two.message), (bella, new_id())):
        assert find(db, user, message)[:2] == (2, None) and put(db, user, message)["outcome"] == 2
    db.change("message_delete", bella, message_id=two.message, **{"for": "me"}, window=900)
    assert find(db, bella, two.message)[:2] == (2, None) and find(db, alice, two.message)[1] == "hallo"
    db.change("message_delete", alice, message_id=two.message, **{"for": "everyone"}, window=900)
    assert find(db, alice, two.message)[:2] == (3, None) and db.rows("SELECT FROM translations") == []
    assert put(db, alice, two.message)["outcome"] == 2


def share(db, user, **settings):
    return db.change("sharing", user, **settings)


def test_nothing_goes_to_the_service_of_whoever_does_not_want_that(db, two):
    alice, bella = two.users
    put(db, bella, two.message)
    row = lambda user: db.rows("SELECT outcome, refused FROM translation_find(%s, %s, 'de')", user, two.message)[0]
    assert row(bella) == {"outcome": 0, "refused": None}
    assert share(db, bella, assist=False)["result"] == {"analytics": False, "assist": False, "personalisation": False}
    assert share(db, bella, assist=False)["outcome"] == 1
    assert row(bella) == {"outcome": 5, "refused": "own"} and row(alice) == {"outcome": 0, "refused": None}
    share(db, bella, assist=True), share(db, alice, assist=False)
    assert row(bella) == {"outcome": 5, "refused": "author"} and row(alice) == {"outcome": 5, "refused": "own"}
    share(db, alice, assist=True)
    assert row(bella)["outcome"] == 0
    assert db.rows("SELECT outcome FROM translation_find(%s, %s, 'de')", db.user("mallory"), two.message)[0]["outcome"] == 2


def test_who_has_said_nothing_shares_what_the_deployment_says(db, two):
    alice = two.users[0]
    assert json.loads(db.one("SELECT sharing_get(%s)", alice)) == {"analytics": False, "assist": True, "personalisation": False}
    db.rows("SET trestle.sharing_analytics = 'on'")
    assert json.loads(db.one("SELECT sharing_get(%s)", alice))["analytics"] is True
    assert db.one("SELECT user_shares(%s, 'analytics')", alice) and not db.one("SELECT user_shares(%s, 'personalisation')", alice)
    assert share(db, alice, analytics=False)["result"]["analytics"] is False and not db.one("SELECT user_shares(%s, 'analytics')", alice)


def test_a_message_has_no_more_than_fifty(db, two):
    for n in range(51):
        assert put(db, two.users[0], two.message, language=f"x-{n}")["outcome"] == 1
    assert db.one("SELECT count(*) FROM translations") == 50
    put(db, two.users[0], two.message, language="x-3", content="other")
    assert find(db, two.users[0], two.message, "x-3")[1] == "other"
