# SPDX-License-Identifier: GPL-3.0-or-later
"""Search: the index and what is not in it yet give one answer, newest first, and only of one's own."""
import json
import random
import unicodedata

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
    while db.one("SELECT behind FROM search_index(%s)", step) > 0:
        pass


def search(db, user, query, conversation=None, limit=50, before=None):
    return db.search(user, query, conversation, limit, before)


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
    db.one("SELECT behind FROM search_index(100000)")
    for number in range(100):
        say(db, one, people["ann"], f"word{number:02} same")
    ahead = db.one("SELECT position FROM log_head") % 64 + 1
    assert db.one("SELECT behind FROM search_index(1024, true)") == ahead
    assert db.one("SELECT behind FROM search_index(1024, true)") == ahead
    assert db.one("SELECT count(*) FROM search_blocks") == 1
    for number in (0, 50, 99):
        assert contents(search(db, people["ben"], f"word{number:02}")) == [f"word{number:02} same"]
    assert len(search(db, people["ann"], "same", limit=100)["items"]) == 100
    assert db.one("SELECT behind FROM search_index(1024)") == 0


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
    db.one("SELECT behind FROM search_index(100)", on=connection)
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
    behind = db.one("SELECT behind FROM search_index(1000)")
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


# What is said, and what finds it.
FOLDED = [
    ("🎉party", "party"), ("costs €50", "50"), ("नमस्ते।दुनिया", "दुनिया"), ("nai\u0308ve cafe\u0301", "naïve café"),
    ("naïve café", "nai\u0308ve cafe\u0301"), ("ＦＵＬＬ　ｗｉｄｔｈ", "full width"), ("Straße", "STRASSE"), ("STRASSE", "straße"),
    ("GROẞ", "groß"), ("ΟΔΟΣ", "οδος"), ("οδός", "ΟΔΌΣ"), ("ﬁne oﬃce", "fine office"), ("İSTANBUL", "istanbul"), ("ISPARTA", "ısparta"),
    ("co\u00adoperate", "cooperate"), ("می\u200cخواهم", "میخواهم"), ("\u202eabc", "abc"), ("5 ㎏", "5 kg"), ("don’t", "don't"),
    ("1️⃣go", "go"), ("👨‍👩‍👧family", "family"), ("Привет,мир", "МИР"), ("①st", "1st"), ("Ǆungla", "ǆungla"), ("עברית־טובה", "טובה"),
    ("한국어", "한국"), ("\u1112\u1161\u11ab\u1100\u116e\u11a8", "한국"), ("x²", "x2"), ("per\u200bhaps", "haps"), ("Ⅷ", "viii"),
]
# Scripts without spaces: any part is found.
PARTS = [
    ("我喜欢北京烤鸭", "北京"), ("我喜欢北京烤鸭", "烤"), ("我喜欢北京烤鸭", "鸭"), ("我喜欢北京烤鸭", "喜欢北京"), ("我的iPhone手机", "手机"),
    ("我的iPhone手机", "iphone"), ("東京都に住んでいます", "住んで"), ("東京都に住んでいます", "に"), ("ｶﾀｶﾅ", "カタ"), ("カタカナ", "タカ"),
    ("สวัสดีชาวโลก", "ชาวโลก"), ("ສະບາຍດີ", "ບາຍ"), ("សួស្តីពិភពលោក", "ពិភពលោក"), ("မင်္ဂလာပါ", "ဂလာပါ"), ("𠮷野家", "野家"), ("𠮷野家", "𠮷"),
]


def test_one_folding_for_what_is_said_and_asked(db, people):
    one = talk(db, people["ann"], "ben")
    for text, _ in (*FOLDED, *PARTS):
        say(db, one, people["ann"], text)
    for indexed in (False, True):
        missed = [(text, query) for text, query in (*FOLDED, *PARTS) if text not in contents(search(db, people["ben"], query))]
        assert missed == [], f"indexed: {indexed}"
        index(db)


def test_parts_of_unspaced_scripts_are_parts(db, people):
    """Neighbours in the query are neighbours in the text; in other scripts words are found by their beginnings only."""
    one = talk(db, people["ann"], "ben")
    for text in ("東京と京都", "北京", "abc"):
        say(db, one, people["ann"], text)
    for indexed in (False, True):
        assert [contents(search(db, people["ben"], query)) for query in ("東京都", "京", "東京 京都", "京北", "bc")] == [
            [], ["北京", "東京と京都"], ["東京と京都"], [], []]
        index(db)


def test_the_longest_texts_without_spaces_are_indexed(db, people):
    """Each character makes a key; 85,000 of them are 255,000 bytes, what a stanza holds at most."""
    one = talk(db, people["ann"], "ben")
    chance = random.Random(7)
    natural = "".join(chr(0x4e00 + int(chance.paretovariate(0.7)) % 2500) for _ in range(85_000))
    say(db, one, people["ann"], natural)
    say(db, one, people["ann"], "之后")
    db.rows("SET statement_timeout = '5s'")
    index(db)
    assert len(search(db, people["ben"], natural[40_000:40_010])["items"]) == 1
    assert contents(search(db, people["ben"], "之后"))[0] == "之后"


def test_folding_agrees_with_unicode(db):
    """toNFKC_Casefold of Python's data, for each character: the same there is the same here, and twice is once."""
    characters = [c for c in map(chr, range(1, 0x110000)) if unicodedata.category(c) not in ("Cn", "Cs")]

    def fold(texts):
        return db.one("SELECT array_agg(text_fold(t) ORDER BY n) FROM unnest(%s::text[]) WITH ORDINALITY AS x (t, n)", texts)

    def casefold(text):
        for _ in range(2):
            text = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
        return text

    folded = dict(zip(characters, fold(characters)))
    groups = {}
    for c, text in folded.items():
        groups.setdefault(casefold(c), set()).add(text)
    assert {key: texts for key, texts in groups.items() if len(texts) > 1} == {}
    assert fold(list(folded.values())) == list(folded.values())
    # Marks in another order and spelling, letters in the other case, in the middle of others.
    chance = random.Random(11)
    letters = [c for c in characters if unicodedata.category(c)[0] in "LMN" and c not in "\u0345İ"][:4000]
    texts = ["".join(chance.choices(letters, k=6)) for _ in range(5000)]
    assert fold([unicodedata.normalize("NFD", t) for t in texts]) == fold(texts)
    assert fold([casefold(t) for t in texts]) == fold(texts)


def test_words_end_by_property(db):
    """Letters, marks and digits are in words, all else is not, and nothing that can be seen is lost."""
    characters = [c for c in map(chr, range(1, 0x110000)) if unicodedata.category(c) not in ("Cn", "Cs")
                  and unicodedata.normalize("NFKC", c) == c]
    words = db.one("SELECT array_agg(text_words(t) ORDER BY n) FROM unnest(%s::text[]) WITH ORDINALITY AS x (t, n)",
                   ["a" + c + "b" for c in characters])
    unseen = set(map(chr, (0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x17b5, *range(0x180b, 0x1810))))
    wrong = []
    for c, text in zip(characters, words):
        kind = unicodedata.category(c)
        ends = " " in text
        if kind in ("Lu", "Ll", "Lt", "Lm", "Mn", "Nd") and not "\u0e00" < c < "\u1b00" and not c > "\u3000" and c not in unseen:
            wrong += [c] if ends else []
        elif kind[0] in "PSZ" or kind in ("Cc", "Co"):
            wrong += [c] if text.split() != ["a", "b"] else []
    assert wrong == []


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
            db.one("SELECT behind FROM search_index(%s)", chance.choice([7, 20]))
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
