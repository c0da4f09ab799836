# SPDX-License-Identifier: GPL-3.0-or-later
"""What change_apply says that follows a change."""
from conftest import DOMAIN

PEER = "bob@elsewhere.example"


def watched(db, user):
    """A user whose presence PEER sees."""
    db.change("contact_stanza", user, type="subscribe", peer=PEER)
    return db.change("contact_add", user, jid=PEER, domain=DOMAIN)


def test_what_waits_in_the_outbox_is_told(db):
    alice = db.user("alice")
    asked = db.change("contact_stanza", alice, type="subscribe", peer=PEER)
    assert asked["follows"]["relations"] == [alice] and "outbox" not in asked["follows"]
    added = db.change("contact_add", alice, jid=PEER, domain=DOMAIN)
    newest = db.one("SELECT max(position) FROM outbox")
    assert added["outcome"] == 0 and added["follows"]["outbox"] == newest
    again = db.change("contact_add", alice, jid=PEER, domain=DOMAIN)
    assert again["outcome"] == 1 and again["follows"]["outbox"] == newest, "its first answer may have been lost"
    assert "follows" not in added["result"] and "follows" not in again["result"]


def test_who_is_to_see_the_presence_anew_is_told(db):
    alice = db.user("alice")
    watched(db, alice)
    for name, shown in (("block", False), ("unblock", True), ("block", False)):
        follows = db.change(name, alice, jid=PEER, domain=DOMAIN)["follows"]
        assert (follows["relations"], follows["watchers"], follows["shown"]) == ([alice], [PEER], shown), name
    db.change("unblock", alice, jid=PEER, domain=DOMAIN)
    for setting, shown in (("nobody", False), ("everyone", True)):
        follows = db.change("privacy", alice, presence=setting)["follows"]
        assert (follows["relations"], follows["watchers"], follows["shown"]) == ([alice], [PEER], shown), setting
    assert db.change("privacy", alice, receipts=False)["follows"]["watchers"] == []
    bob = db.one("SELECT id::text FROM users WHERE jid = %s", PEER)
    follows = db.change("contact_remove", alice, user_id=bob)["follows"]
    assert (follows["watchers"], follows["shown"]) == ([PEER], False) and follows["outbox"] > 0


def test_nothing_follows_what_concerns_only_the_user(db):
    alice, bob = db.user("alice"), db.user("bob")
    talk = db.conversation(alice, bob)
    assert db.change("conversation_update", alice, conversation_id=talk, pinned=True)["follows"] is None
    assert db.change("conversation_update", bob, conversation_id=alice, pinned=True)["follows"] is None
