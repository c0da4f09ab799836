# SPDX-License-Identifier: GPL-3.0-or-later
"""What was sent in a conversation beside the texts: links here; of files there is a scenario."""
import pytest

from test_groups import Group, rooms  # noqa: F401: a fixture


@pytest.mark.parametrize("text, links", [
    ("see https://a.example/x.", ["https://a.example/x"]),
    ("(HTTP://A.example) or http://b.example/w_(x)!", ["HTTP://A.example", "http://b.example/w_(x)"]),
    ("<https://a.example/?q=1&r=2>, https://a.example/?q=1&r=2", ["https://a.example/?q=1&r=2"]),
    ("xmpp:a@b ftp://c.example https:// http://\n", []),
    ("https://a.example\thttps://b.example\u2003https://c.example/\u00fc", ["https://a.example", "https://b.example", "https://c.example/\u00fc"]),
    (" ".join(f"http://a.example/{n}" for n in range(30)), [f"http://a.example/{n}" for n in range(20)]),
])
def test_links_in_a_text(db, text, links):
    assert [row["url"] for row in db.rows("SELECT url FROM text_links(%s) ORDER BY n", text)] == links


class Links:
    def __init__(self, db, conversation):
        self.db, self.conversation = db, conversation

    def page(self, user, limit=50, before=None):
        """None: there is no such conversation."""
        rows = self.db.rows("SELECT (item).url, (item).message_id, more, next FROM file_gallery(%s, %s, 'link', %s, %s)",
                            user, self.conversation, limit, before)
        return rows and ([row["url"] for row in rows[1:]], rows[0]["more"], rows[0]["next"])

    def all(self, user, limit):
        found, more, next = self.page(user, limit)
        while more:
            assert len(found) % limit == 0
            page, more, next = self.page(user, limit, next)
            found += page
        return found


@pytest.fixture
def group(db, rooms):  # noqa: F811
    return Group(db)


def test_pages_have_each_link_once_the_newest_first(db, group):
    links = Links(db, group.id)
    for n in range(4):
        group.say(group.alice, f"http://a.example/{n} and https://b.example/{n}, https://c.example/{n}")
        group.say(group.bob, f"no link {n}://")
    expected = [f"{start}.example/{n}" for n in (3, 2, 1, 0) for start in ("https://c", "https://b", "http://a")]
    for limit in (1, 2, 3, 5, 12, 100):
        assert links.all(group.carol, limit) == expected


def test_who_sees_the_message_sees_its_link(db, rooms):  # noqa: F811
    group = Group(db, history="hidden")
    links = Links(db, group.id)
    for n in range(3):
        group.say(group.alice, f"http://a.example/{n}")
    first, second, third = (row["id"] for row in db.rows("SELECT id FROM messages WHERE body LIKE 'http%%' ORDER BY seq"))
    late, stranger = db.user("late"), db.user("stranger")
    assert group.change("members_add", group.alice, members=[{"user_id": late}])["outcome"] == 0
    group.say(group.alice, "http://a.example/late")
    assert links.all(late, 10) == ["http://a.example/late"], "not what was said before"
    assert links.page(stranger) == []
    assert db.change("message_delete", group.bob, message_id=second, **{"for": "me"}, window=900)["outcome"] == 0
    assert links.all(group.bob, 10) == [f"http://a.example/{n}" for n in ("late", 2, 0)]
    assert db.change("message_delete", group.alice, message_id=third, **{"for": "everyone"}, window=900)["outcome"] == 0
    assert db.change("message_edit", group.alice, message_id=first, content="http://edited.example", window=900, stanza="e-1")["outcome"] == 0
    assert links.all(group.carol, 10) == ["http://a.example/late", "http://a.example/1", "http://edited.example"]
    assert group.outcome("member_remove", group.alice, user_id=group.carol) == 0
    assert links.page(group.carol) == [], "who is put out sees none"
