# SPDX-License-Identifier: GPL-3.0-or-later
"""Search: the index and what is not in it yet give one answer, newest first, and only of one's own."""
import json
import random

import pytest

from conftest import DOMAIN, new_id

WORDS = "apple apples banana cherry date elder fig grape hazel iris".split()


@pytest.fixture
def people(db):
    ids = {}
    for name in ("ann", "ben", "cat"):
        ids[name] = db.one("SELECT id FROM user_provision(%s, %s, %s, NULL, NULL, NULL)", name, name, DOMAIN)
    return ids


def talk(db, one, other):
    return db.conversation(one, other)


def say(db, conversation, sender, text):
    message = new_id()
    db.rows("SELECT * FROM message_store(ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s],"
            " ARRAY[NULL]::text[], ARRAY[%s]::uuid[], false)", message, conversation, sender, text, message)
    return message


def index(db, step=500):
    while db.one("SELECT search_index(%s)", step) > 0:
        pass


def search(db, user, query, conversation=None, limit=50, before=None):
    text = db.one("SELECT message_search(%s, %s, %s, %s, %s)", user, conversation, query, limit, before)
    return text and json.loads(text)


def contents(page):
    return [item["content"] for item in page["items"]]


def test_words_and_prefixes_newest_first(db, people):
    one = talk(db, people["ann"], "ben")
    for text in ("An apple a day", "two APPLES", "a pineapple", "nothing", "über Äpfel"):
        say(db, one, people["ann"], text)
    for indexed in (False, True):
        assert contents(search(db, people["ann"], "apple")) == ["two APPLES", "An apple a day"]
        assert contents(search(db, people["ben"], "app day")) == ["An apple a day"]
        assert contents(search(db, people["ben"], "äpf")) == ["über Äpfel"]
        assert contents(search(db, people["ben"], "apple", one)) == ["two APPLES", "An apple a day"]
        assert contents(search(db, people["ann"], "apple nothing")) == []
        index(db)


def test_nobody_finds_what_others_say(db, people):
    one, other = talk(db, people["ann"], "ben"), talk(db, people["ann"], "cat")
    say(db, one, people["ann"], "secret for ben")
    say(db, other, people["ann"], "secret for cat")
    for indexed in (False, True):
        assert contents(search(db, people["ben"], "secret")) == ["secret for ben"]
        assert contents(search(db, people["ann"], "secret", other)) == ["secret for cat"]
        assert search(db, people["ben"], "secret", other) is None
        assert search(db, people["ben"], "secret", new_id()) is None
        index(db)


@pytest.mark.parametrize("query", ["'", "\\", "a & !b", "(((", ":*", "'':*'", "%", "\\'", "<-> | !", "' | '", "🦊", "\t \n", "é" * 200])
def test_odd_queries_are_only_words(db, people, query):
    one = talk(db, people["ann"], "ben")
    say(db, one, people["ann"], "plain text")
    index(db)
    say(db, one, people["ann"], "more plain text")
    assert search(db, people["ann"], query) == {"items": [], "has_more": False, "next": None}


def test_words_end_at_punctuation(db, people):
    """Addresses and paths are found by their parts, and words that are longer than a key."""
    one = talk(db, people["ann"], "ben")
    for text in ("Ask bob@example.org, please!", "see <https://Example.net/some/path?x=1>", "(brackets)«quoted»…done",
                 "tab\tand\nline", "5kg of 1.5", "x" * 5000 + "tail", "…"):
        say(db, one, people["ann"], text)
    for indexed in (False, True):
        for query, count in (("bob", 1), ("example", 2), ("bob@example.org", 1), ("path", 1), ("brackets quoted done", 1),
                             ("and line", 1), ("5kg", 1), ("1.5", 1), ("x" * 60, 1), ("x" * 200, 1), ("tail", 0)):
            assert len(search(db, people["ben"], query)["items"]) == count, (query, indexed)
        index(db)


def test_only_whole_blocks_when_asked(db, people):
    """What does not fill a block waits for more, and is found all the same."""
    one = talk(db, people["ann"], "ben")
    position = db.one("SELECT position FROM log_head")
    db.rows("UPDATE log_head SET position = %s", position // 64 * 64 + 127)
    db.one("SELECT search_index(100000)")
    for number in range(100):
        say(db, one, people["ann"], f"word{number:02} same")
    ahead = db.one("SELECT position FROM log_head") % 64 + 1
    assert db.one("SELECT search_index(1024, true)") == ahead
    assert db.one("SELECT search_index(1024, true)") == ahead
    assert db.one("SELECT count(*) FROM search_blocks") == 1
    for number in (0, 50, 99):
        assert contents(search(db, people["ben"], f"word{number:02}")) == [f"word{number:02} same"]
    assert len(search(db, people["ann"], "same", limit=100)["items"]) == 100
    assert db.one("SELECT search_index(1024)") == 0


def test_indexing_does_not_wait_for_a_vacuum(db, people):
    """Nor takes it the lock away: who waits for an autovacuum ends it after a second."""
    say(db, talk(db, people["ann"], "ben"), people["ann"], "found all the same")
    other = db.connect(autocommit=False)
    db.rows("LOCK TABLE messages IN SHARE UPDATE EXCLUSIVE MODE", on=other) # as a vacuum does
    db.rows("SET lock_timeout = '1s'")
    index(db)
    other.rollback()
    assert db.one("SELECT count(*) FROM search_blocks") == 1
    assert len(search(db, people["ben"], "found")["items"]) == 1


def test_lost_index_is_worth_no_flush(db, people):
    """Sends must not wait for the disk behind the index."""
    connection = db.connect(autocommit=False)
    db.one("SELECT search_index(100)", on=connection)
    assert db.one("SELECT current_setting('synchronous_commit')", on=connection) == "off"
    connection.rollback()
    assert db.one("SELECT current_setting('synchronous_commit')", on=connection) == "on"
    connection.rollback()


def test_what_a_member_has_cleared_is_not_found(db, people):
    one = talk(db, people["ann"], "ben")
    say(db, one, people["ann"], "old apple")
    say(db, one, people["ann"], "new apple")
    db.rows("UPDATE members SET cleared_seq = 1 WHERE user_id = %s", people["ann"])
    for indexed in (False, True):
        assert contents(search(db, people["ann"], "apple")) == ["new apple"]
        assert contents(search(db, people["ben"], "apple")) == ["new apple", "old apple"]
        index(db)


def test_block_of_too_many_words_is_made_smaller(db, people):
    one = talk(db, people["ann"], "ben")
    for part in range(20):
        say(db, one, people["ann"], " ".join(f"{part}w{n}" for n in range(9000)))
    index(db)
    assert len(search(db, people["ann"], "7w8999")["items"]) == 1


def test_message_of_too_many_words_does_not_stop_the_index(db, people):
    one = talk(db, people["ann"], "ben")
    say(db, one, people["ann"], "before")
    say(db, one, people["ann"], " ".join(f"{n}w" for n in range(200_000)))
    say(db, one, people["ann"], "after")
    index(db)
    assert contents(search(db, people["ann"], "after")) == ["after"]
    assert contents(search(db, people["ann"], "before")) == ["before"]
@pytest.mark.parametrize("unit", ["a_", "_1", "./", "~/", "/.", "a-", "<!--", "http://a.b/", "a@b.", "\u00ad1 "])
def test_no_text_keeps_the_index_busy(db, people, unit):
    """PostgreSQL's own parser needs a minute for some of these; then the index would never get past them."""
    one = talk(db, people["ann"], "ben")
    say(db, one, people["ann"], "fig " + unit * (65_000 // len(unit.encode())))
    db.rows("SET statement_timeout = '5s'")
    for indexed in (False, True):
        assert len(search(db, people["ben"], "fig")["items"]) == 1
        index(db)


def test_long_messages_are_indexed_in_small_batches(db, people):
    one = talk(db, people["ann"], "ben")
    for number in range(40):
        say(db, one, people["ann"], f"fig{number} " + "grape " * 10_000)
    behind = db.one("SELECT search_index(1000)")
    assert 0 < behind < 40
    index(db)
    assert len(search(db, people["ann"], "fig39")["items"]) == 1


@pytest.mark.parametrize("text, query", [
    ("see bob@example.org", "bob@example.org"), ("see bob@example.org", "example"), ("a well-known fact", "well-known"),
    ("a well-known fact", "known"), ("https://example.org/a/b?c=d", "example.org/a"), ("O'Brien said", "o'brien"),
    ("snake_case_name", "snake_case"), ("v1.2.3", "v1.2"), ("C++ & C#", "c")])
def test_punctuation_only_ends_words(db, people, text, query):
    one = talk(db, people["ann"], "ben")
    say(db, one, people["ann"], text)
    for indexed in (False, True):
        assert contents(search(db, people["ben"], query)) == [text]
        index(db)


def test_pages_are_those_of_a_plain_scan(db, people):
    """Random texts over three conversations and several buckets, indexed up to a random place."""
    chance = random.Random(5)
    talks = [talk(db, people["ann"], "ben"), talk(db, people["ann"], "cat"), talk(db, people["ben"], "cat")]
    said = []
    for number in range(300):
        where = chance.randrange(3)
        text = " ".join(chance.choices(WORDS, k=3)) + f" {number}"
        say(db, talks[where], people["ben" if where == 2 else "ann"], text)
        said.append((where, text))
        if number % 60 == 59: # another bucket
            index(db, chance.choice([7000, 40000]))
            db.rows("UPDATE log_head SET position = position + 50000")
            index(db, 40000)
        if number in (100, 220):
            db.one("SELECT search_index(%s)", chance.choice([7, 20]))
    for user, mine in (("ann", (0, 1)), ("ben", (0, 2)), ("cat", (1, 2))):
        for query in ("apple", "apples", "ba", "fig grape", "iris 2"):
            for only in (None, *mine):
                wanted = [text for where, text in reversed(said) if where in (mine if only is None else (only,))
                          and all(any(word.startswith(term) for word in text.split()) for term in query.split())]
                got, before = [], None
                while True:
                    page = search(db, people[user], query, None if only is None else talks[only], 7, before)
                    assert len(page["items"]) <= 7
                    got += contents(page)
                    if not page["has_more"]:
                        break
                    before = page["next"]
                assert got == wanted, (user, query, only)


def test_a_page_of_long_texts_ends_early(db, people):
    """What came before a bound was set is found page by page; 40 such texts would be 20 MB of JSON."""
    one = talk(db, people["ann"], "ben")
    for n in range(40):
        say(db, one, people["ann"], f"needle {n} " + "\\" * 255000)
    seen, before, pages = [], None, 0
    while True:
        page = search(db, people["ben"], "needle", before=before)
        seen += [text.split()[1] for text in contents(page)]
        pages += 1
        if not page["has_more"]:
            break
        before = int(page["next"])
    assert seen == [str(n) for n in reversed(range(40))] and pages == 3
