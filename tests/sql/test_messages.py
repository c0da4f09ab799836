# SPDX-License-Identifier: GPL-3.0-or-later
"""What is stored, for whom, in which order; repetitions; arrivals by XMPP; bounces; pages."""
import json
import time

import psycopg2
import pytest

from conftest import DOMAIN, new_id


@pytest.fixture
def pair(db):
    """Two hosted users and their conversation, and a stranger."""
    alice, bob, mallory = db.user("alice"), db.user("bob"), db.user("mallory")
    return alice, bob, mallory, db.conversation(alice, reference="bob")


def test_members_store_and_nobody_else(db, pair):
    alice, bob, mallory, conversation = pair
    mine, theirs, stranger, random = db.store(
        {"conversation": conversation, "sender": alice}, {"conversation": conversation, "sender": bob},
        {"conversation": conversation, "sender": mallory}, {"conversation": new_id(), "sender": mallory})
    assert [mine["outcome"], theirs["outcome"]] == [0, 0] and [mine["seq"], theirs["seq"]] == [1, 2]
    assert mine["created_at"] == theirs["created_at"] and mine["position"] < theirs["position"]
    assert set(mine["member_ids"]) == {alice, bob} and mine["direct"] and not mine["outbox"]
    # Nothing tells a conversation of others from one that does not exist.
    tell = ("outcome", "conversation_id", "member_ids", "direct", "remote_jid", "outbox")
    assert [stranger[key] for key in tell] == [random[key] for key in tell] == [2, None, None, None, None, False]
    assert db.one("SELECT count(*) FROM messages") == 2


def test_repetition_yields_the_first_row(db, pair):
    alice, _, _, conversation = pair
    dedupe = new_id()
    first, = db.store({"conversation": conversation, "sender": alice, "dedupe": dedupe, "client_id": "c"})
    again, = db.store({"conversation": conversation, "sender": alice, "dedupe": dedupe, "client_id": "c"})
    assert again["outcome"] == 1 and not again["outbox"]
    for key in ("id", "seq", "position", "created_at", "conversation_id"):
        assert again[key] == first[key]


def test_repetition_without_care_fails_the_batch_and_stores_nothing(db, pair):
    alice, _, _, conversation = pair
    dedupe = new_id()
    db.store({"conversation": conversation, "sender": alice, "dedupe": dedupe})
    with pytest.raises(psycopg2.errors.UniqueViolation):
        db.store({"conversation": conversation, "sender": alice, "body": "neighbour"},
                 {"conversation": conversation, "sender": alice, "dedupe": dedupe}, careful=False)
    assert db.one("SELECT count(*) FROM messages") == 1
    outcomes = [row["outcome"] for row in
                db.store({"conversation": conversation, "sender": alice, "body": "neighbour"},
                         {"conversation": conversation, "sender": alice, "dedupe": dedupe})]
    assert outcomes == [0, 1]
    assert db.rows("SELECT seq FROM messages ORDER BY seq") == [{"seq": 1}, {"seq": 2}]


def test_same_client_id_for_another_message_is_told_apart(db, pair):
    alice, _, _, conversation = pair
    other = db.conversation(alice, jid="romeo@example.org")
    dedupe = new_id()
    db.store({"conversation": conversation, "sender": alice, "dedupe": dedupe, "body": "one"})
    assert db.store({"conversation": conversation, "sender": alice, "dedupe": dedupe,
                     "body": "two"})[0]["outcome"] == 6
    assert db.store({"conversation": other, "sender": alice, "dedupe": dedupe,
                     "body": "one"})[0]["outcome"] == 6
    assert db.one("SELECT count(*) FROM messages") == 1


def test_two_senders_may_use_one_key(db, pair):
    alice, bob, _, conversation = pair
    dedupe = new_id()
    rows = db.store({"conversation": conversation, "sender": alice, "dedupe": dedupe}) + \
        db.store({"conversation": conversation, "sender": bob, "dedupe": dedupe})
    assert [row["outcome"] for row in rows] == [0, 0]


def test_seq_is_gapless_across_refusals_and_repetitions(db, pair):
    alice, bob, mallory, conversation = pair
    other = db.conversation(alice, jid="romeo@example.org")
    key = new_id()
    db.store({"conversation": conversation, "sender": alice, "dedupe": key})
    rows = db.store(
        {"conversation": conversation, "sender": bob}, {"conversation": conversation, "sender": mallory},
        {"conversation": other, "sender": alice}, {"conversation": conversation, "sender": alice, "dedupe": key},
        {"conversation": conversation, "sender": alice}, {"conversation": other, "sender": alice})
    assert [row["outcome"] for row in rows] == [0, 2, 0, 1, 0, 0]
    stored = db.rows("SELECT conversation_id, seq, position FROM messages ORDER BY position")
    assert [(r["conversation_id"], r["seq"]) for r in stored] == [
        (conversation, 1), (conversation, 2), (other, 1), (conversation, 3), (other, 2)]
    assert len({r["position"] for r in stored}) == 5
    assert db.head() >= stored[-1]["position"]


def test_seq_goes_on_where_retention_has_removed(db, pair):
    alice, _, _, conversation = pair
    db.store(*[{"conversation": conversation, "sender": alice}] * 3)
    db.rows("DELETE FROM messages")
    db.rows("UPDATE conversations SET base_seq = 3 WHERE id = %s", conversation)
    assert db.store({"conversation": conversation, "sender": alice})[0]["seq"] == 4


@pytest.mark.parametrize("body", ["null byte: \\000", "bad utf-8: \\377"])
def test_poison_row_fails_the_batch_whole(db, pair, body):
    alice, _, _, conversation = pair
    with pytest.raises(psycopg2.Error) as caught:
        db.rows("SELECT * FROM message_store(ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[],"
                " ARRAY[convert_from(%s::bytea, 'UTF8')], NULL, ARRAY[gen_random_uuid()], false)",
                new_id(), conversation, alice, body)
    assert caught.value.pgcode.startswith("22")
    assert db.one("SELECT count(*) FROM messages") == 0


def test_id_used_twice_fails_the_batch_whole(db, pair):
    alice, _, _, conversation = pair
    first, = db.store({"conversation": conversation, "sender": alice})
    with pytest.raises(psycopg2.errors.UniqueViolation):
        db.store({"conversation": conversation, "sender": alice},
                 {"conversation": conversation, "sender": alice, "id": first["id"], "dedupe": new_id()})
    assert db.one("SELECT count(*) FROM messages") == 1


def test_optional_arrays_may_be_null_as_a_whole(db, pair):
    alice, _, _, conversation = pair
    row, = db.rows("SELECT * FROM message_store(ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[],"
                   " ARRAY['x'], NULL, NULL, false, NULL, NULL, NULL, NULL, NULL)", new_id(), conversation, alice)
    assert row["outcome"] == 0 and row["seq"] == 1


def test_copy_for_a_remote_member_waits_in_the_outbox(db):
    alice = db.user("alice")
    conversation = db.conversation(alice, jid="romeo@example.org")
    row, = db.store({"conversation": conversation, "sender": alice, "body": "hi"})
    assert row["outbox"] and row["remote_jid"] == "romeo@example.org"
    waiting = db.outbox()
    assert abs(waiting[0].pop("created") / 1_000_000 - time.time()) < 3600
    assert waiting == [{"position": row["position"], "n": 0, "kind": "message", "from_jid": f"alice@{DOMAIN}",
                            "to_address": "romeo@example.org", "message_id": row["id"], "reference": None,
                            "payload": "hi"}]


def test_outbox_pages_in_sending_order_and_is_cleared_up_to_a_position(db):
    alice = db.user("alice")
    conversation = db.conversation(alice, jid="romeo@example.org")
    rows = db.store(*[{"conversation": conversation, "sender": alice, "body": str(n)} for n in range(7)])
    db.receive({"to": f"alice@{DOMAIN}", "receipt": True})
    first = db.outbox(limit=5)
    assert [e["payload"] for e in first] == ["0", "1", "2", "3", "4"]
    rest = db.outbox(after=first[-1]["position"], limit=5)
    assert [e["kind"] for e in rest] == ["message", "message", "received"] and rest[2]["payload"] is None
    assert db.outbox(after=rest[-1]["position"]) == []
    db.rows("DELETE FROM outbox WHERE position <= %s", rows[4]["position"])
    assert [e["payload"] for e in db.outbox()] == ["5", "6", None]


# -- arrivals by XMPP

def test_arrival_makes_the_remote_user_and_the_conversation_once(db):
    alice = db.user("alice")
    rows = db.receive({"to": f"alice@{DOMAIN}", "body": "one"}, {"to": f"alice@{DOMAIN}", "body": "two"},
                      {"to": f"alice@{DOMAIN}", "sender": "juliet@example.org", "body": "three"})
    assert [row["outcome"] for row in rows] == [0, 0, 0] and [row["seq"] for row in rows] == [1, 2, 1]
    assert rows[0]["conversation_id"] == rows[1]["conversation_id"] != rows[2]["conversation_id"]
    assert rows[0]["sender"]["jid"] == "romeo@example.org"
    assert not any(row["outbox"] for row in rows) and db.outbox() == []
    assert db.one("SELECT count(*) FROM users WHERE kind = 'remote'") == 2
    again, = db.receive({"to": f"alice@{DOMAIN}", "body": "four"})
    assert again["conversation_id"] == rows[0]["conversation_id"] and again["seq"] == 3
    assert alice in again["member_ids"]


def test_arrival_for_nobody_stores_nothing_and_spares_its_neighbours(db):
    db.user("alice")
    rows = db.receive({"to": f"nobody@{DOMAIN}"}, {"to": f"alice@{DOMAIN}"}, {"to": "romeo@example.org"},
                      {"to": f"nobody@{DOMAIN}", "receipt": True})
    assert [row["outcome"] for row in rows] == [2, 0, 2, 2]
    assert db.one("SELECT count(*) FROM messages") == 1 and db.outbox() == []
    assert db.one("SELECT count(*) FROM conversations") == 1


def test_receipts_are_owed_for_repetitions_too(db):
    db.user("alice")
    key = new_id()
    first, = db.receive({"to": f"alice@{DOMAIN}", "dedupe": key, "receipt": True, "foreign_id": "x1"})
    again, = db.receive({"to": f"alice@{DOMAIN}", "dedupe": key, "receipt": True, "foreign_id": "x1"})
    assert [first["outcome"], again["outcome"]] == [0, 1] and again["id"] == first["id"]
    assert again["position"] == first["position"] and again["outbox_position"] > first["position"]
    entries = db.outbox()
    assert [e["kind"] for e in entries] == ["received", "received"]
    assert [e["position"] for e in entries] == [first["outbox_position"], again["outbox_position"]]
    assert {(e["from_jid"], e["to_address"], e["reference"], e["message_id"]) for e in entries} == {
        (f"alice@{DOMAIN}", "romeo@example.org/phone", "x1", first["id"])}


def test_no_receipt_for_a_text_that_was_not_stored(db):
    db.user("alice")
    key = new_id()
    db.receive({"to": f"alice@{DOMAIN}", "dedupe": key, "body": "one"})
    other, = db.receive({"to": f"alice@{DOMAIN}", "dedupe": key, "body": "two", "receipt": True})
    assert other["outcome"] == 6 and db.outbox() == []


def test_a_repetition_of_the_period_before_counts_for_ten_minutes(db):
    db.user("alice")
    before, now, text = new_id(), new_id(), {"to": f"alice@{DOMAIN}", "body": "again"}
    first, = db.receive({**text, "dedupe": before})
    again, = db.receive({**text, "dedupe": now, "earlier": before})
    assert (again["outcome"], again["id"]) == (1, first["id"])
    db.rows("UPDATE messages SET created_at = created_at - interval '11 minutes'")
    later, = db.receive({**text, "dedupe": now, "earlier": before})
    assert later["outcome"] == 0 and later["seq"] == 2
    assert db.receive({**text, "dedupe": now, "earlier": before})[0]["id"] == later["id"]


# -- bounces

def test_bounce_counts_only_from_the_remote_member(db):
    alice, bob = db.user("alice"), db.user("bob")
    conversation = db.conversation(alice, jid="romeo@example.org")
    other = db.conversation(bob, jid="juliet@example.org")
    sent, = db.store({"conversation": conversation, "sender": alice, "client_id": "c"})
    theirs, = db.store({"conversation": other, "sender": bob})
    arrived, = db.receive({"to": f"alice@{DOMAIN}"})
    assert db.fail(sent["id"], "juliet@example.org")["outcome"] == 2
    assert db.fail(sent["id"], f"alice@{DOMAIN}")["outcome"] == 2
    assert db.fail(new_id(), "romeo@example.org")["outcome"] == 2
    assert db.fail(arrived["id"], "romeo@example.org")["outcome"] == 2
    assert db.fail(theirs["id"], "romeo@example.org")["outcome"] == 2
    row = db.fail(sent["id"], "romeo@example.org", "item-not-found")
    assert row["outcome"] == 0 and row["sender_id"] == alice and row["client_id"] == "c"
    again = db.fail(sent["id"], "romeo@example.org", "gone")
    assert again["outcome"] == 1
    assert db.one("SELECT failed_condition FROM messages WHERE id = %s", sent["id"]) == "item-not-found"
    assert db.page(alice, conversation)["items"][0]["status"] == "failed"


def views(db, user, conversation, message):
    """The message as each way of reading shows it."""
    found = [item for item in db.page(user, conversation)["items"] if item["id"] == message]
    found.append(db.message(user, message))
    found += db.search(user, "hello", limit=50)["items"]
    found += [json.loads(row["payload"]) for row in db.resume(user, 0) if row["type"] == "message.new"]
    found.append(db.get(user, conversation)["last_message"])
    found += [item["last_message"] for item in db.conversations(user)["items"]]
    return [(item["status"], item["delivered_at"], item["read_at"]) for item in found if item["id"] == message]


@pytest.mark.parametrize("kind", ["delivered", "read"])
def test_a_failure_outranks_a_watermark_that_comes_later(db, kind):
    alice = db.user("alice")
    conversation = db.conversation(alice, jid="romeo@example.org")
    first, = db.store({"conversation": conversation, "sender": alice})
    assert db.fail(first["id"], "romeo@example.org")["outcome"] == 0
    assert views(db, alice, conversation, first["id"]) == [("failed", None, None)] * 6
    second, = db.store({"conversation": conversation, "sender": alice})
    assert db.mark(kind, jid="romeo@example.org", message=second["id"])["outcome"] == 0
    assert views(db, alice, conversation, first["id"]) == [("failed", None, None)] * 4
    assert {status for status, _, _ in views(db, alice, conversation, second["id"])} == {kind}


def test_a_mark_that_names_what_has_failed_counts_for_nothing(db):
    alice = db.user("alice")
    conversation = db.conversation(alice, jid="romeo@example.org")
    sent, = db.store({"conversation": conversation, "sender": alice})
    db.fail(sent["id"], "romeo@example.org")
    assert db.mark("delivered", jid="romeo@example.org", message=sent["id"])["outcome"] == 2
    assert views(db, alice, conversation, sent["id"]) == [("failed", None, None)] * 6
    assert [row["type"] for row in db.resume(alice, sent["position"]) if row["type"]] == ["message.failed"]
    assert db.mark("read", user=alice, message=sent["id"])["outcome"] == 0, "the sender's own mark"


@pytest.mark.parametrize("kind", ["delivered", "read"])
def test_an_error_after_the_mark_is_no_failure(db, kind):
    """One resource has it, another cannot take it."""
    alice = db.user("alice")
    conversation = db.conversation(alice, jid="romeo@example.org")
    sent, = db.store({"conversation": conversation, "sender": alice})
    db.mark(kind, jid="romeo@example.org", message=sent["id"])
    assert db.fail(sent["id"], "romeo@example.org")["outcome"] == 2
    assert {status for status, _, _ in views(db, alice, conversation, sent["id"])} == {kind}
    assert [row["type"] for row in db.resume(alice, sent["position"]) if row["type"]] == [f"message.{kind}"]


# -- pages

@pytest.fixture
def history(db, pair):
    alice, bob, _, conversation = pair
    ids = [row["id"] for row in db.store(*[
        {"conversation": conversation, "sender": alice if n % 3 else bob, "body": str(n)} for n in range(20)])]
    return alice, conversation, ids


def ids_of(page):
    return [item["id"] for item in page["items"]]


def test_newest_page_is_oldest_first(db, history):
    alice, conversation, ids = history
    page = db.page(alice, conversation, 5)
    assert ids_of(page) == ids[-5:] and page["has_more"] and page["next"] == ids[-5]
    whole = db.page(alice, conversation, 20)
    assert ids_of(whole) == ids and not whole["has_more"] and whole["next"] is None
    assert [item["seq"] for item in whole["items"]] == list(range(1, 21))


@pytest.mark.parametrize("direction", ["before", "after"])
@pytest.mark.parametrize("limit", [1, 3, 7, 19])
def test_paging_visits_every_message_once(db, history, direction, limit):
    alice, conversation, ids = history
    cursor = ids[-1] if direction == "before" else ids[0]
    seen = []
    while cursor:
        page = db.page(alice, conversation, limit, **{direction: cursor})
        assert len(page["items"]) <= limit and page["has_more"] == (page["next"] is not None)
        seen = ids_of(page) + seen if direction == "before" else seen + ids_of(page)
        cursor = page["next"]
    assert seen == (ids[:-1] if direction == "before" else ids[1:])


def test_around_holds_its_message_with_both_sides(db, history):
    alice, conversation, ids = history
    for anchor in range(20):
        page = db.page(alice, conversation, 5, around=ids[anchor])
        shown = ids_of(page)
        assert ids[anchor] in shown and len(shown) <= 5
        assert shown == [i for i in ids if i in shown]
    assert ids_of(db.page(alice, conversation, 5, around=ids[10])) == ids[8:13]
    assert ids_of(db.page(alice, conversation, 1, around=ids[10])) == [ids[10]]


def test_ends_of_the_conversation(db, history):
    alice, conversation, ids = history
    empty = {"items": [], "has_more": False, "next": None, "has_more_before": False, "has_more_after": False}
    assert db.page(alice, conversation, 5, before=ids[0]) == empty | {"has_more_after": True}
    assert db.page(alice, conversation, 5, after=ids[-1]) == empty | {"has_more_before": True}
    quiet = db.conversation(alice, jid="romeo@example.org")
    assert db.page(alice, quiet) == empty
    for place in ("seq:0", "seq:1", "seq:9", "unread", "time:2020-01-01T00:00:00Z", "time:2100-01-01T00:00:00Z"):
        for cursor in ("before", "after", "around"):
            assert db.page(alice, quiet, **{cursor: place}) == empty, (cursor, place)


def sides(page):
    return page["has_more_before"], page["has_more_after"]


def test_pages_begin_at_a_number(db, history):
    alice, conversation, ids = history
    assert ids_of(db.page(alice, conversation, 5, after="seq:0")) == ids[:5]
    assert ids_of(db.page(alice, conversation, 5, after="seq:7")) == ids[7:12] == ids_of(db.page(alice, conversation, 5, after=ids[6]))
    assert ids_of(db.page(alice, conversation, 5, before="seq:7")) == ids[1:6]
    assert ids_of(db.page(alice, conversation, 5, around="seq:7")) == ids[4:9]
    assert ids_of(db.page(alice, conversation, 5, around="seq:999")) == ids[-5:] == ids_of(db.page(alice, conversation, 5, before="seq:999"))
    assert sides(db.page(alice, conversation, 5, around="seq:7")) == (True, True)
    assert sides(db.page(alice, conversation, 5, around="seq:1")) == (False, True)
    assert sides(db.page(alice, conversation, 5, around="seq:999")) == (True, False)
    assert sides(db.page(alice, conversation, 5, before="seq:6")) == (False, True)
    assert sides(db.page(alice, conversation, 5, after="seq:0")) == (False, True)
    assert sides(db.page(alice, conversation, 5, after="seq:999")) == (True, False)
    assert sides(db.page(alice, conversation, 50, around="seq:7")) == (False, False)


def test_pages_begin_at_a_time(db, history):
    alice, conversation, ids = history
    db.rows("UPDATE messages SET created_at = '2026-01-01T00:00:00Z'::timestamptz + seq * interval '1 minute' WHERE conversation_id = %s",
            conversation)
    at = "time:2026-01-01T00:{:02}:{:02}.000Z".format
    assert ids_of(db.page(alice, conversation, 5, after=at(7, 0))) == ids[6:11]
    assert ids_of(db.page(alice, conversation, 5, after=at(6, 1))) == ids[6:11]
    assert ids_of(db.page(alice, conversation, 5, before=at(7, 0))) == ids[1:6]
    assert ids_of(db.page(alice, conversation, 5, around=at(7, 0))) == ids[4:9]
    assert ids_of(db.page(alice, conversation, 5, after="time:2020-01-01T00:00:00Z")) == ids[:5]
    assert ids_of(db.page(alice, conversation, 5, after="time:2100-01-01T00:00:00Z")) == []
    assert ids_of(db.page(alice, conversation, 5, around="time:2100-01-01T00:00:00Z")) == ids[-5:]
    db.rows("DELETE FROM messages WHERE conversation_id = %s AND seq <= 4", conversation)  # as retention does
    assert ids_of(db.page(alice, conversation, 5, after=at(3, 0))) == ids[4:9]


def test_a_page_begins_at_the_first_unread_message(db, history):
    alice, conversation, ids = history
    db.rows("UPDATE members SET read_seq = 12 WHERE conversation_id = %s AND user_id = %s", conversation, alice)
    page = db.page(alice, conversation, 5, around="unread")
    assert ids_of(page) == ids[10:15] and ids[12] == page["items"][2]["id"]
    db.rows("UPDATE members SET read_seq = 20 WHERE conversation_id = %s AND user_id = %s", conversation, alice)
    assert ids_of(db.page(alice, conversation, 5, around="unread")) == ids[-5:]


def test_strangers_and_foreign_cursors_get_nothing(db, history):
    alice, conversation, ids = history
    mallory = db.user("mallory")
    other = db.conversation(alice, jid="romeo@example.org")
    theirs, = db.store({"conversation": other, "sender": alice})
    assert db.page(mallory, conversation) is None
    assert db.page(alice, new_id()) is None
    for cursor in ("before", "after", "around"):
        assert db.page(mallory, conversation, **{cursor: ids[3]}) is None
        assert db.page(alice, conversation, **{cursor: theirs["id"]}) is None
        assert db.page(alice, conversation, **{cursor: new_id()}) is None


def test_message_object_has_the_contracts_members(db, pair):
    alice, bob, _, conversation = pair
    db.store({"conversation": conversation, "sender": alice, "body": "hi", "client_id": "c-1"})
    item, = db.page(bob, conversation)["items"]
    assert item["client_id"] == "c-1" and item["sender"]["id"] == item["sender_id"] == alice
    assert item["created_at"].endswith("Z") and len(item["created_at"]) == 24
    assert {key: item[key] for key in ("content", "message_type", "status", "reactions", "is_edited", "read_at")} \
        == {"content": "hi", "message_type": "text", "status": "sent", "reactions": [], "is_edited": False,
            "read_at": None}


# -- the limit of messages to strangers

def test_a_message_to_who_has_not_written_yet_is_unanswered(db, pair):
    alice, bella, _, conversation = pair
    assert [row["unanswered"] for row in db.store({"conversation": conversation, "sender": alice},
                                                  {"conversation": conversation, "sender": alice})] == [True, True]
    row, = db.store({"conversation": conversation, "sender": bella})
    assert not row["unanswered"], "she answers"
    for sender in (alice, bella):
        row, = db.store({"conversation": conversation, "sender": sender})
        assert not row["unanswered"]


@pytest.mark.parametrize("careful", [True, False])
def test_who_is_limited_writes_to_strangers_no_more(db, pair, careful):
    alice, bella, _, conversation = pair
    rows = db.store({"conversation": conversation, "sender": alice}, {"conversation": conversation, "sender": alice},
                    {"conversation": conversation, "sender": alice}, careful=careful, limited=[False, True, False])
    assert [row["outcome"] for row in rows] == [0, 7, 0]
    assert [row["seq"] for row in (rows[0], rows[2])] == [1, 2], "what is not stored takes no place"
    assert db.one("SELECT count(*) FROM messages") == 2
    db.store({"conversation": conversation, "sender": bella}, careful=careful, limited=[True])
    row, = db.store({"conversation": conversation, "sender": alice}, careful=careful, limited=[True])
    assert (row["outcome"], row["seq"]) == (0, 4), "who has answered is no stranger"


def test_a_repetition_is_one_whatever_the_limit(db, pair):
    alice, _, _, conversation = pair
    first = {"conversation": conversation, "sender": alice, "dedupe": new_id(), "body": "x"}
    stored, = db.store(first)
    with pytest.raises(psycopg2.errors.UniqueViolation):
        db.store({**first, "id": new_id()}, careful=False, limited=[True])
    row, = db.store({**first, "id": new_id()}, limited=[True])
    assert (row["outcome"], row["id"]) == (1, stored["id"])


def test_contacts_and_who_has_accepted_are_no_strangers(db, pair):
    alice, bella, _, conversation = pair

    def outcome():
        row, = db.store({"conversation": conversation, "sender": alice}, limited=[True])
        return row["outcome"]
    assert outcome() == 7
    db.change("contact_add", bella, user_id=alice)
    assert outcome() == 0, "her contact"
    carol = db.user("carol")
    db.rows("UPDATE users SET privacy_messages = 'contacts' WHERE id = %s RETURNING id", carol)
    waiting = db.conversation(alice, carol)
    message = {"conversation": waiting, "sender": alice}
    assert [row["outcome"] for row in (*db.store(message), *db.store(message, limited=[True]))] == [0, 7]
    db.change("request_accept", carol, conversation_id=waiting)
    row, = db.store(message, limited=[True])
    assert row["outcome"] == 0, "she has accepted"


def test_a_remote_user_who_shows_presence_is_no_stranger(db):
    alice = db.user("alice")
    conversation = db.conversation(alice, jid="romeo@example.org")
    message = {"conversation": conversation, "sender": alice}
    row, = db.store(message, limited=[True])
    assert row["outcome"] == 7 and db.outbox() == []
    db.rows("INSERT INTO contacts (user_id, peer, to_peer) VALUES (%s, 'romeo@example.org', true) RETURNING peer", alice)
    row, = db.store(message, limited=[True])
    assert row["outcome"] == 0 and len(db.outbox()) == 1
