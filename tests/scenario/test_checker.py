# SPDX-License-Identifier: GPL-3.0-or-later
"""The checker itself: a right history passes, and each kind of fault is found. Needs no stack."""
import copy

import pytest
from harness.checker import check
from harness.history import History

pytestmark = pytest.mark.one_server

ALICE, CAROL, BOB = "user-alice", "user-carol", "user-bob"
JIDS = {ALICE: "alice@app.example", CAROL: "carol@app.example", BOB: "bob@example.org"}
TALK, WITH_BOB = "talk-app", "talk-bob"


def tables():
    def row(n, talk, seq, sender, body, xmpp=False):
        return {"id": f"m{n}", "conversation_id": talk, "seq": seq, "position": n, "sender_id": sender,
                "client_id": None if xmpp else f"k{n}", "foreign_id": f"k{n}" if xmpp else None, "body": body}
    return {
        "users": [{"id": id, "jid": jid} for id, jid in JIDS.items()],
        "conversations": [
            {"id": TALK, "member_ids": [ALICE, CAROL], "remote_user": None, "remote_jid": None},
            {"id": WITH_BOB, "member_ids": [ALICE, BOB], "remote_user": BOB, "remote_jid": JIDS[BOB]}],
        "messages": [row(1, TALK, 1, ALICE, "one"), row(2, WITH_BOB, 1, ALICE, "two"),
                     row(3, TALK, 2, CAROL, "three"), row(4, WITH_BOB, 2, BOB, "four", True),
                     row(5, WITH_BOB, 3, ALICE, "five"), row(6, TALK, 3, ALICE, "six")],
        "members": [{"conversation_id": TALK, "user_id": ALICE, "delivered_seq": 2, "read_seq": 0},
                    {"conversation_id": TALK, "user_id": CAROL, "delivered_seq": 3, "read_seq": 1},
                    {"conversation_id": WITH_BOB, "user_id": ALICE, "delivered_seq": 2, "read_seq": 0},
                    {"conversation_id": WITH_BOB, "user_id": BOB, "delivered_seq": 0, "read_seq": 0}],
        "marks": [{"conversation_id": TALK, "user_id": CAROL, "kind": "read", "seq": 1, "at": 1}],
        "outbox": []}


def lines():
    """What four clients saw of those rows; alice's consumer was cut off after m3."""
    history, stored = History(), tables()["messages"]
    for user in (ALICE, CAROL):
        history.add(f"ws-{user}", "event", "start", user=user)
    history.add(JIDS[BOB], "event", "xmpp-start")
    for row in stored:
        xmpp = row["foreign_id"] is not None
        op, key = ("stanza" if xmpp else "send"), row["foreign_id"] or row["client_id"]
        history.add("sender", "invoke", op, key=key, sender=JIDS[row["sender_id"]], body=row["body"])
        history.add("sender", "info", op, key=key, why="timeout")
        answer = {} if xmpp else {"id": row["id"], "seq": row["seq"]}
        history.add("sender", "ok", op, key=key, **answer)
        for user in (ALICE, CAROL):
            if row["conversation_id"] == TALK or user == ALICE:
                history.add(f"ws-{user}", "event", "message.new", conversation=row["conversation_id"],
                            id=row["id"], seq=row["seq"], body=row["body"])
        if row["conversation_id"] == WITH_BOB and not xmpp:
            for _ in range(2):  # arriving again, identical, is allowed
                history.add(JIDS[BOB], "event", "arrive", id=row["id"], body=row["body"], via="live")
    history.add("carol", "ok", "read", conversation=TALK, user=CAROL, seq=1)
    for seq in (1, 1):
        history.add(f"ws-{ALICE}", "event", "message.read", conversation=TALK, user=CAROL, seq=seq)
    for direction in ("before", "after"):
        history.add("alice", "event", "pages", conversation=TALK, direction=direction, ids=["m1", "m3", "m6"])
    history.add("alice", "event", "unread", conversation=TALK, user=ALICE, unread=1)
    history.add("carol", "event", "unread", conversation=TALK, user=CAROL, unread=1)
    return history.lines


def find(history, kind, op, **values):
    return next(line for line in history if line["kind"] == kind and line["op"] == op
                and all(line.get(key) == value for key, value in values.items()))


def test_a_right_history_passes():
    report = check(lines(), tables())
    assert report.violations == []
    assert (report.numbers["acknowledged"], report.numbers["stored"]) == (6, 6)
    assert (report.numbers["duplicates"], report.numbers["lost"]) == (0, 0)
    assert report.numbers["xmpp_arrived_again"] == 2


def lost_ack(history, rows):
    rows["messages"] = [row for row in rows["messages"] if row["id"] != "m6"]


def lost_xmpp_receipt(history, rows):
    rows["messages"] = [row for row in rows["messages"] if row["id"] != "m4"]


def duplicate_row(history, rows):
    rows["messages"].append({**rows["messages"][0], "id": "m7", "seq": 4, "position": 7})


def duplicate_xmpp_row(history, rows):
    rows["messages"].append({**rows["messages"][3], "id": "m7", "seq": 4, "position": 7})


def retry_got_another_id(history, rows):
    history.append({**find(history, "ok", "send", key="k1"), "id": "m6", "seq": 3})


def never_acknowledged(history, rows):
    history.remove(find(history, "ok", "send", key="k6"))


def reordered(history, rows):
    one = find(history, "event", "message.new", client="ws-user-carol", id="m1")
    other = find(history, "event", "message.new", client="ws-user-carol", id="m3")
    a, b = history.index(one), history.index(other)
    history[a], history[b] = other, one


def gap_after_resume(history, rows):
    history.remove(find(history, "event", "message.new", client="ws-user-alice", id="m5"))


def gap_at_the_end(history, rows):
    history.remove(find(history, "event", "message.new", client="ws-user-alice", id="m6"))


def repeat_after_resume(history, rows):
    history.append(find(history, "event", "message.new", client="ws-user-alice", id="m3"))


def event_of_unstored(history, rows):
    history.append({**find(history, "event", "message.new", client="ws-user-alice", id="m6"), "id": "m9"})


def event_with_wrong_text(history, rows):
    find(history, "event", "message.new", client="ws-user-alice", id="m6")["body"] = "other"


def event_to_stranger(history, rows):
    history.append({**find(history, "event", "message.new", client="ws-user-alice", id="m2"),
                    "client": "ws-user-carol"})


def told_to_start_anew(history, rows):
    history.append({"t": 0, "client": "ws-user-alice", "kind": "event", "op": "resync"})


def read_event_went_back(history, rows):
    history.insert(0, {**find(history, "event", "message.read"), "seq": 3})


def stored_mark_went_back(history, rows):
    rows["marks"].append({**rows["marks"][0], "at": 2})


def acknowledged_mark_lost(history, rows):
    rows["members"][1]["read_seq"] = 0
    rows["marks"] = []


def page_misses_one(history, rows):
    find(history, "event", "pages", direction="before")["ids"] = ["m1", "m6"]


def page_repeats_one(history, rows):
    find(history, "event", "pages", direction="after")["ids"] = ["m1", "m3", "m3", "m6"]


def unread_is_wrong(history, rows):
    find(history, "event", "unread", user=CAROL)["unread"] = 2


def stored_by_nobody(history, rows):
    for line in [line for line in history if line.get("key") == "k6" and line["kind"] == "invoke"]:
        history.remove(line)


def stored_for_another_sender(history, rows):
    rows["messages"][0]["sender_id"] = CAROL


def never_arrived(history, rows):
    for line in [line for line in history if line["op"] == "arrive" and line["id"] == "m5"]:
        history.remove(line)


def arrived_out_of_order(history, rows):
    late = [line for line in history if line["op"] == "arrive" and line["id"] == "m2"]
    for line in late:
        history.remove(line)
    history.extend(late)


def arrived_with_another_id(history, rows):
    history.append({**find(history, "event", "arrive", id="m5"), "id": "m9"})


def arrived_again_changed(history, rows):
    history.append({**find(history, "event", "arrive", id="m5"), "body": "other"})


def left_in_the_outbox(history, rows):
    rows["outbox"].append({"position": 5, "kind": "message", "message_id": "m5"})


@pytest.mark.parametrize("mutant, code", [
    (lost_ack, "I1"), (lost_xmpp_receipt, "I1"), (never_acknowledged, "I1"), (duplicate_row, "I2"),
    (duplicate_xmpp_row, "I2"), (retry_got_another_id, "I2"), (reordered, "I3"), (gap_after_resume, "I3"),
    (gap_at_the_end, "I3"), (repeat_after_resume, "I3"), (event_of_unstored, "I3"),
    (event_with_wrong_text, "I3"), (event_to_stranger, "I4"), (told_to_start_anew, "I3"),
    (read_event_went_back, "I5"), (stored_mark_went_back, "I5"), (acknowledged_mark_lost, "I5"),
    (page_misses_one, "I6"), (page_repeats_one, "I6"), (stored_by_nobody, "I7"),
    (stored_for_another_sender, "I7"), (unread_is_wrong, "I8"), (never_arrived, "X1"),
    (arrived_with_another_id, "X1"), (left_in_the_outbox, "X1"), (arrived_out_of_order, "X2"),
    (arrived_again_changed, "X2")], ids=lambda value: getattr(value, "__name__", value))
def test_a_fault_is_found(mutant, code):
    history, rows = copy.deepcopy(lines()), tables()
    mutant(history, rows)
    found = check(history, rows).violations
    assert any(text.startswith(f"{code}:") for text in found), found


def test_only_what_was_acknowledged_around_a_kill_may_be_lost_by_the_server():
    history, rows = lines(), tables()
    never_arrived(history, rows)
    at = find(history, "ok", "send", key="k5")["t"]
    excused = check(history, rows, server_may_lose=[(at - 1, at + 1)])
    assert not excused.violations and excused.numbers["xmpp_lost_by_server"] == 1
    assert check(history, rows, server_may_lose=[(at + 1, at + 2)]).violations
