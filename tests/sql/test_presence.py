# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see whom: one row of either side says the same of both, as bridge/feature/visibility.c takes it."""
import itertools

import pytest


def seen_from(db, user, other):
    """(the user shows, and when last; the other shows, and when last), as the user's row has it."""
    rows = [row for row in db.rows("SELECT * FROM presence_partners(%s, NULL, 2000)", user) if row["id"] == other]
    return rows and tuple(rows[0][name] for name in ("sees", "sees_last", "seen", "seen_last")) or (False,) * 4


CHANGES = {
    "hide": lambda db, a, b, talk: db.change("conversation_hide", a, conversation_id=talk),
    "block": lambda db, a, b, talk: db.change("block", a, user_id=b),
    "unblock": lambda db, a, b, talk: db.change("unblock", a, user_id=b),
    "add": lambda db, a, b, talk: db.change("contact_add", a, user_id=b),
    "remove": lambda db, a, b, talk: db.change("contact_remove", a, user_id=b),
    "shut": lambda db, a, b, talk: db.change("privacy", a, presence="contacts"),
    "close": lambda db, a, b, talk: db.change("privacy", a, last_seen="nobody"),
}


@pytest.mark.parametrize("first", CHANGES)
def test_both_rows_say_the_same(db, first):
    told = 0
    for n, (second, third) in enumerate(itertools.product(CHANGES, CHANGES)):
        a, b = db.user(f"a{n}"), db.user(f"b{n}")
        talk = db.conversation(a, b)
        db.store({"conversation": talk, "sender": a}, {"conversation": talk, "sender": b})
        for who, whom, name in ((a, b, first), (b, a, second), (a, b, third)):
            CHANGES[name](db, who, whom, talk)
            mine, theirs = seen_from(db, a, b), seen_from(db, b, a)
            assert mine == theirs[2:] + theirs[:2], (first, second, third)
            told += sum(mine)
    assert told
