# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls: who may begin one, the steps, what is told, the message, history, what is kept, row security."""
import json

import psycopg2
import pytest

from conftest import DOMAIN, event_object, new_id

LIVE = {"caller": {"session": None}, "callee": {"session": None}}


def initiate(db, user, conversation, call_type="video", **more):
    return db.change("call_initiate", user, id=new_id(), message_id=new_id(), conversation_id=conversation,
                     call_type=call_type, live=LIVE, seconds=45, **more)


def arrive(db, sender="romeo@example.org", to="alice", sid="sid-1", **more):
    return db.change("call_arrive", None, id=new_id(), message_id=new_id(), **{"from": sender}, to=f"{to}@{DOMAIN}",
                     address=f"{sender}/phone", sid=sid, call_type="audio", live=LIVE, seconds=60, **more)


def step(db, row, status, user=None, **more):
    live = None if status not in ("ringing", "active") else LIVE
    return db.change("call_step", user, id=row["id"], version=row["version"], status=status, live=live,
                     **({"seconds": 30} if live else {}), **more)


def events(db, position):
    """What the last change told, as change_apply() hands it to the daemon."""
    text = db.one("SELECT event_list(%s)", position)
    return [(e["type"], e["users"], event_object(e["type"], e["payload"])) for e in json.loads(text or "[]")
            if e["type"] != "conversation.new"]


@pytest.fixture
def pair(db):
    alice, bob = db.user("alice"), db.user("bob")
    conversation = db.opened(alice, bob)["result"]["id"]
    return alice, bob, conversation


@pytest.fixture
def ringing(db, pair):
    alice, _, conversation = pair
    done = initiate(db, alice, conversation)
    assert done["outcome"] == 0
    return done["result"]["row"]


def test_a_call_rings_is_accepted_and_ends(db, pair):
    alice, bob, conversation = pair
    before = db.head()
    done = initiate(db, alice, conversation)
    call, row = done["result"]["call"], done["result"]["row"]
    assert done["outcome"] == 0 and call["status"] == "ringing" and call["direction"] == "outgoing"
    assert call["caller"]["id"] == alice and call["callee"]["id"] == bob and row["callee"]["hosted"]
    told = events(db, before)
    assert [(t, set(u)) for t, u, _ in told] == [("message.new", {alice, bob}), ("call.ringing", {bob})]
    assert told[0][2]["message_type"] == "call" and told[0][2]["content"] == "Video call"
    assert told[0][2]["metadata"]["call_id"] == call["id"] and told[1][2]["call"]["direction"] == "incoming"
    assert not db.outbox()

    before = db.head()
    accepted = step(db, row, "active", user=bob, event="accept", actor=bob)
    assert accepted["outcome"] == 0 and accepted["result"]["call"]["started_at"]
    assert [(t, u[0]) for t, u, _ in events(db, before) if t == "call.answered"] \
        == sorted([("call.answered", alice), ("call.answered", bob)])
    assert json.loads(db.one("SELECT call_active(%s, %s)", bob, conversation))["call"]["id"] == call["id"]
    db.rows("UPDATE calls SET started_at = started_at - interval '323 seconds'")

    before = db.head()
    over = step(db, accepted["result"]["row"], "ended", user=alice, reason="hangup", event="end", actor=alice)
    assert over["outcome"] == 0 and over["result"]["call"]["duration_seconds"] == 323
    assert over["result"]["call"]["end_reason"] == "hangup" and over["result"]["call"]["error_reason"] is None
    told = events(db, before)
    assert sorted(t for t, _, _ in told) == ["call.ended"] * 2 + ["message.updated"] * 2
    assert {p["content"] for t, _, p in told if t == "message.updated"} == {"Video call - 5:23"}
    assert db.one("SELECT live IS NULL AND due_at IS NULL FROM calls")
    assert json.loads(db.one("SELECT call_active(%s, %s)", alice, conversation))["call"] is None
    page = db.page(bob, conversation)["items"]
    assert len(page) == 1 and page[0]["metadata"]["status"] == "ended" and page[0]["metadata"]["duration_seconds"] == 323
    log = json.loads(db.one("SELECT call_event_list(%s, %s)", bob, call["id"]))["items"]
    assert [(e["event"], e["actor"]) for e in log] == [("initiate", alice), ("accept", bob), ("end", alice)]


def test_a_missed_call_is_unread_and_an_answered_one_is_not(db, pair):
    alice, bob, conversation = pair

    def unread(user=bob):
        return db.get(user, conversation)["unread_count"]
    missed = initiate(db, alice, conversation)["result"]["row"]
    assert step(db, missed, "missed", reason="no_answer")["outcome"] == 0
    assert (unread(), unread(alice)) == (1, 0)
    answered = step(db, initiate(db, alice, conversation)["result"]["row"], "active", user=bob)["result"]["row"]
    assert step(db, answered, "ended", user=bob, reason="hangup")["outcome"] == 0
    assert unread() == 2, "what is older was not seen"
    assert db.mark("read", user=bob, conversation=conversation)["unread"] == 0
    before = db.head()
    ringing = initiate(db, alice, conversation)["result"]["row"]
    assert unread() == 1
    answered = step(db, ringing, "active", user=bob)["result"]["row"]
    assert unread() == 0
    assert [p["unread_count"] for t, u, p in events(db, before) if t == "conversation.updated"] == [0]
    assert step(db, answered, "ended", user=bob, reason="hangup")["outcome"] == 0
    missed = initiate(db, alice, conversation)["result"]["row"]
    assert step(db, missed, "missed", reason="no_answer")["outcome"] == 0 and unread() == 1
    assert db.mark("read", user=bob, conversation=conversation)["unread"] == 0


@pytest.mark.parametrize("status, reason, text", [
    ("declined", "declined", "Declined video call"), ("missed", "no_answer", "Missed video call"),
    ("failed", "unreachable", "Failed video call")])
def test_other_ends(db, pair, ringing, status, reason, text):
    alice, bob, conversation = pair
    before = db.head()
    assert step(db, ringing, status, reason=reason)["outcome"] == 0
    kind = "call.declined" if status == "declined" else "call.ended"
    assert {(t, u[0]) for t, u, _ in events(db, before) if t == kind} == {(kind, alice), (kind, bob)}
    assert db.page(alice, conversation)["items"][0]["content"] == text
    call = json.loads(db.one("SELECT call_get(%s, %s)", alice, ringing["id"]))
    assert call["error_reason"] == (reason if status == "failed" else None) and call["duration_seconds"] is None
    assert initiate(db, bob, conversation)["outcome"] == 0  # both are free again


def test_a_step_on_an_old_row_changes_nothing(db, pair, ringing):
    _, bob, _ = pair
    assert step(db, ringing, "active", user=bob)["outcome"] == 0
    late = step(db, ringing, "declined", user=bob, reason="declined")
    assert late["outcome"] == 3 and late["result"]["row"]["status"] == "active"
    assert db.one("SELECT status FROM calls") == "active"
    assert step(db, late["result"]["row"], "ended", user=db.user("mallory"), reason="hangup")["outcome"] == 2


def test_one_call_at_a_time(db, pair, ringing):
    alice, bob, conversation = pair
    carol = db.user("carol")
    with_carol = db.opened(alice, carol)["result"]["id"]
    again = initiate(db, alice, with_carol)
    assert again["outcome"] == 3 and again["result"]["error_reason"] == "busy"
    assert initiate(db, bob, conversation)["result"]["error_reason"] == "busy"
    before = db.head()
    busy = initiate(db, carol, with_carol)
    assert busy["outcome"] == 0 and busy["result"]["call"]["status"] == "declined"
    assert busy["result"]["call"]["error_reason"] == "busy"
    assert [(t, u) for t, u, _ in events(db, before) if t.startswith("call.")] == [("call.declined", [carol])]


def test_who_may_not_call(db, pair):
    alice, bob, conversation = pair
    mallory = db.user("mallory")
    assert initiate(db, mallory, conversation)["outcome"] == 2
    assert initiate(db, alice, new_id())["outcome"] == 2
    offline = initiate(db, alice, conversation, reachable=False)
    assert offline["outcome"] == 3 and offline["result"]["error_reason"] == "offline"
    db.rows("INSERT INTO blocks (user_id, peer) VALUES (%s, %s)", bob, f"alice@{DOMAIN}")
    db.one("SELECT relation_guard(%s, false)", conversation)
    refused = initiate(db, alice, conversation, reachable=False)
    assert refused["outcome"] == 4 and not db.rows("SELECT FROM calls") and not db.rows("SELECT FROM messages")
    theirs = initiate(db, bob, conversation)
    assert theirs["outcome"] == 3 and not theirs["result"], "whom one blocks oneself: as with a message"


def test_a_strangers_call_does_not_ring(db, pair):
    alice, bob, conversation = pair
    db.rows("UPDATE users SET privacy_messages = 'contacts' WHERE id = %s", bob)
    before = db.head()
    done = initiate(db, alice, conversation)
    assert done["outcome"] == 0 and done["result"]["call"]["status"] == "ringing" and done["result"]["row"]["silent"]
    assert [(t, u) for t, u, _ in events(db, before) if t != "request.new"] == [("message.new", [alice])]
    assert db.one("SELECT call_get(%s, %s)", bob, done["result"]["row"]["id"]) is None
    assert not db.one("SELECT call_is_busy(%s)", bob)
    before = db.head()
    step(db, done["result"]["row"], "missed", reason="no_answer")
    assert {u[0] for t, u, _ in events(db, before)} == {alice}


def test_whether_a_held_callee_is_there_cannot_be_seen(db, pair):
    alice, bob, conversation = pair
    db.rows("UPDATE users SET privacy_messages = 'contacts' WHERE id = %s", bob)
    seen = []
    for reachable in (True, False):
        done = initiate(db, alice, conversation, reachable=reachable)
        assert done["outcome"] == 0 and done["result"]["row"]["silent"]
        seen.append((done["result"]["call"]["status"], done["result"]["row"]["live"]["strangers"]))
        step(db, done["result"]["row"], "missed", reason="no_answer")
    assert seen == [("ringing", True)] * 2
    db.rows("UPDATE members SET request = 'declined' WHERE user_id = %s", bob)
    declined = initiate(db, alice, conversation, reachable=False)
    assert declined["outcome"] == 0
    step(db, declined["result"]["row"], "missed", reason="no_answer")
    db.rows("UPDATE members SET request = 'accepted' WHERE user_id = %s", bob)
    assert initiate(db, alice, conversation, reachable=False)["result"]["error_reason"] == "offline"


def test_whether_the_two_know_each_other(db, pair):
    alice, bob, conversation = pair

    def strangers():
        row = initiate(db, alice, conversation)["result"]["row"]
        step(db, row, "missed", reason="cancelled")
        return row["live"]["strangers"]

    assert strangers(), "to have called before is no acquaintance"
    db.rows("INSERT INTO contacts (user_id, peer, ask) VALUES (%s, %s, true)", alice, f"bob@{DOMAIN}")
    assert strangers(), "nor is what the caller alone has done"
    db.rows("INSERT INTO contacts (user_id, peer, from_peer) VALUES (%s, %s, true)", bob, f"alice@{DOMAIN}")
    assert not strangers()
    db.rows("DELETE FROM contacts")
    assert strangers()
    step(db, initiate(db, bob, conversation)["result"]["row"], "missed", reason="cancelled")
    assert not strangers(), "who has called is no stranger"


def test_whether_somebody_on_xmpp_is_known(db):
    alice = db.user("alice")
    first = arrive(db)["result"]["row"]
    assert first["live"]["strangers"]
    step(db, first, "missed", reason="cancelled")
    conversation = first["conversation_id"]
    back = initiate(db, alice, conversation)["result"]["row"]
    assert not back["live"]["strangers"], "romeo has called"
    step(db, back, "missed", reason="cancelled")
    assert not arrive(db, sid="sid-2")["result"]["row"]["live"]["strangers"], "alice has called"


def test_somebody_on_xmpp_calls(db):
    alice = db.user("alice")
    assert arrive(db, to="nobody")["outcome"] == 2
    before = db.head()
    done = arrive(db)
    row = done["result"]["row"]
    assert done["outcome"] == 0 and row["status"] == "ringing" and not row["caller"]["hosted"]
    assert [(t, u) for t, u, _ in events(db, before) if t in ("message.new", "call.ringing")] \
        == [("message.new", [alice]), ("call.ringing", [alice])]
    again = arrive(db)
    assert again["outcome"] == 1 and again["result"]["row"]["id"] == row["id"]
    assert db.one("SELECT call_load(NULL, %s, 'romeo@example.org', 'sid-1')", f"alice@{DOMAIN}")
    busy = arrive(db, sender="juliet@example.org")
    assert busy["outcome"] == 0 and busy["result"]["row"]["status"] == "declined"
    assert arrive(db, sid="sid-2")["result"]["row"]["reason"] == "busy"
    step(db, row, "missed", reason="cancelled")
    db.rows("UPDATE users SET privacy_messages = 'contacts' WHERE id = %s", alice)
    stranger = arrive(db, sender="tybalt@example.org")
    assert stranger["result"]["row"]["status"] == "missed" and stranger["result"]["row"]["silent"]


def test_who_is_suspended_is_not_called_by_people_on_xmpp(db, pair):
    """As if nobody was there; who uses the app is told nothing, and calls in vain. Afterwards it is as before."""
    alice, bob, conversation = pair
    db.one("SELECT user_suspend(%s, 'why', NULL)", alice)
    assert arrive(db)["outcome"] == 2 and not db.rows("SELECT FROM calls") and not db.rows("SELECT FROM messages")
    assert initiate(db, bob, conversation)["result"]["call"]["status"] == "ringing"
    db.one("SELECT user_restore(%s)", alice)
    assert arrive(db)["outcome"] == 0


def test_resuming_shows_what_still_holds(db, pair, ringing):
    alice, bob, _ = pair
    kinds = [row["type"] for row in db.resume(bob, 0) if row["type"]]
    assert "call.ringing" in kinds and kinds.count("message.new") == 1
    accepted = step(db, ringing, "active", user=bob)["result"]["row"]
    assert [row["type"] for row in db.resume(bob, 0) if (row["type"] or "").startswith("call.")] == ["call.answered"]
    step(db, accepted, "ended", reason="hangup")
    found = [row for row in db.resume(alice, 0) if (row["type"] or "").startswith("call.")]
    assert [row["type"] for row in found] == ["call.ended"] and json.loads(found[0]["payload"])["status"] == "ended"


def test_history_is_paged(db, pair):
    alice, bob, conversation = pair
    made = []
    for _ in range(5):
        row = initiate(db, alice, conversation)["result"]["row"]
        step(db, row, "missed", reason="cancelled")
        made.append(row["id"])
    made.sort(reverse=True)
    first = json.loads(db.one("SELECT call_list(%s, 3, NULL)", bob))
    assert [c["id"] for c in first["items"]] == made[:3] and first["has_more"]
    rest = json.loads(db.one("SELECT call_list(%s, 3, %s)", bob, first["next"]))
    assert [c["id"] for c in rest["items"]] == made[3:] and not rest["has_more"] and rest["next"] is None
    assert json.loads(db.one("SELECT call_list(%s, 3, NULL)", db.user("mallory")))["items"] == []


def test_what_is_open_is_found_again(db, pair, ringing):
    row, = [json.loads(text["call_open"]) for text in db.rows("SELECT * FROM call_open(NULL, 10)")]
    assert row["id"] == ringing["id"] and row["live"].items() >= LIVE.items() and row["due"] > 0
    assert not db.rows("SELECT * FROM call_open(0, 10)")
    db.rows("UPDATE calls SET due_at = now() - interval '1 second'")
    assert len(db.rows("SELECT * FROM call_open(0, 10)")) == 1


def test_state_samples_and_report(db, pair, ringing):
    alice, bob, _ = pair
    said = {"user_id": alice, "muted": True, "quality": {"level": 3}}
    row = step(db, ringing, "ringing", user=alice, participant=said)["result"]
    mine, = [p for p in row["call"]["participants"] if p["user_id"] == alice]
    assert mine["muted"] and mine["quality"] == {"level": 3} and mine["video"]
    samples = [{"at": f"2026-01-01T00:00:0{n}Z", "rtt_ms": 10 * n, "loss": 0.01, "jitter_ms": 1, "bitrate": 1000}
               for n in range(1, 4)]
    assert db.one("SELECT call_sample_add(%s, %s, %s)", alice, ringing["id"], json.dumps(samples)) == 3
    assert db.one("SELECT call_sample_add(%s, %s, %s)", alice, ringing["id"], json.dumps(samples)) == 0
    assert db.one("SELECT call_sample_add(%s, %s, %s)", db.user("mallory"), ringing["id"], "[]") is None
    side, = json.loads(db.one("SELECT call_report(%s, %s)", bob, ringing["id"]))["sides"]
    assert side["user_id"] == alice and side["samples"] == 3 and side["rtt_ms"] == {"mean": 20.0, "max": 30}


def test_samples_are_numbers_of_any_spelling(db, pair, ringing):
    alice, bob, _ = pair
    samples = ('[{"at": "2026-01-01T00:00:01Z", "bitrate": 123456.7, "rtt_ms": 1e-50, "loss": 1e-300},'
               ' {"at": "2026-01-01T00:00:02Z", "bitrate": 1000000.0, "jitter_ms": 0.00012345678901234567},'
               ' {"at": "2026-01-01T00:00:03Z", "bitrate": 1e12, "rtt_ms": 6e5}]')
    assert db.one("SELECT call_sample_add(%s, %s, %s)", alice, ringing["id"], samples) == 3
    assert [r["bitrate"] for r in db.rows("SELECT bitrate FROM call_samples ORDER BY at")] == [123457, 1000000, 10 ** 12]
    side, = json.loads(db.one("SELECT call_report(%s, %s)", bob, ringing["id"]))["sides"]
    assert side["rtt_ms"] == {"mean": 300000.0, "max": 600000}


def test_what_happened_stays(db, pair, ringing):
    db.rows("UPDATE call_events SET event = 'forged'")
    db.rows("DELETE FROM call_events")
    assert db.one("SELECT event FROM call_events") == "initiate"
    step(db, ringing, "missed", reason="cancelled")
    for table in ("calls", "call_events"):
        assert db.rows("SELECT FROM " + table)
    removed, = db.rows("SELECT * FROM reap_calls(0, 100)")
    assert removed["removed"] == 1 and not db.rows("SELECT FROM calls") and db.rows("SELECT FROM call_events")


def test_row_security(db, pair, ringing):
    alice, _, _ = pair
    db.rows("CREATE ROLE reader_of_calls")
    try:
        db.rows("GRANT SELECT, INSERT, UPDATE ON calls, call_participants, call_events TO reader_of_calls")
        reader = db.connect()
        db.rows("SET ROLE reader_of_calls", on=reader)
        tables = ("calls", "call_participants", "call_events")
        assert not any(db.rows("SELECT FROM " + table, on=reader) for table in tables)
        db.rows("SELECT set_config('trestle.user', %s, false)", alice, on=reader)
        assert all(db.rows("SELECT FROM " + table, on=reader) for table in tables)
        db.rows("SELECT set_config('trestle.user', %s, false)", db.user("mallory"), on=reader)
        assert not any(db.rows("SELECT FROM " + table, on=reader) for table in tables)
        db.rows("UPDATE calls SET status = 'ended'", on=reader)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            db.rows("INSERT INTO call_events (call_id, at, event) VALUES (%s, now(), 'x')", ringing["id"], on=reader)
        assert db.one("SELECT status FROM calls") == "ringing"
        reader.close()
    finally:
        db.rows("DROP OWNED BY reader_of_calls")
        db.rows("DROP ROLE reader_of_calls")


@pytest.mark.parametrize("profile", ["everyone", "contacts"])
def test_the_message_of_a_call_shows_a_closed_profile_to_nobody(db, pair, profile):
    alice, bob, conversation = pair
    db.change("profile", alice, bio="mine")
    db.change("privacy", alice, profile=profile)
    done = initiate(db, alice, conversation)
    assert done["outcome"] == 0
    shown = {user: event["payload"]["sender"]["bio"] for event in done["events"] if event["type"] == "message.new"
             for user in event["users"]}
    assert shown == {alice: "mine", bob: "mine" if profile == "everyone" else None}


def test_the_message_of_a_call_names_the_parties_as_whoever_resumes_is_told(db, pair):
    alice, bob, conversation = pair
    before = db.head()
    done = initiate(db, alice, conversation)
    numbers = {str(row["id"]): row["number"] for row in db.rows("SELECT id, number FROM users")}
    live, = (event for event in done["events"] if event["type"] == "message.new")
    late, = (row for row in db.resume(bob, before) if row["type"] == "message.new")
    for told in (live, late):
        assert (told["actor"], told["peer"], told["many"]) == (numbers[alice], numbers[bob], False)


def test_a_step_goes_on_from_the_one_it_was_decided_on(db, pair, ringing):
    """Two instances decide two steps each on the same row: those behind the one that lost are not written."""
    alice, bob, _ = pair
    mine, theirs = [{**LIVE, "step": new_id()} for _ in range(2)], {**LIVE, "step": new_id()}
    row = ringing

    def write(version, after, status, live):
        return db.change("call_step", None, id=row["id"], version=version, after=after, status=status, live=live,
                         seconds=30)

    assert write(1, None, "active", theirs)["outcome"] == 0
    assert write(1, None, "ringing", mine[0])["outcome"] == 3
    second = write(2, mine[0]["step"], "active", mine[1])
    assert second["outcome"] == 3 and second["result"]["row"]["live"]["step"] == theirs["step"]
    assert write(2, theirs["step"], "active", mine[1])["outcome"] == 0


def test_an_accepted_call_does_not_ring_again_and_one_that_is_over_stays_so(db, pair, ringing):
    _, bob, _ = pair
    accepted = step(db, ringing, "active", user=bob)["result"]["row"]
    assert step(db, accepted, "ringing")["outcome"] == 3
    over = step(db, accepted, "ended", user=bob, reason="hangup")["result"]["row"]
    for status in ("ringing", "active", "failed"):
        late = step(db, over, status, reason="timeout")
        assert late["outcome"] == 3 and late["result"]["row"]["status"] == "ended"
    assert db.one("SELECT end_reason FROM calls") == "hangup"


# ---- Handed on to somebody else


@pytest.fixture
def three(db, pair):
    """Alice, Bob and Carol, who all know each other; the first two are in a call, as its row is."""
    alice, bob, conversation = pair
    carol = db.user("carol")
    for one, other in ((alice, bob), (alice, carol), (bob, carol)):
        for contact, of in ((one, other), (other, one)):
            db.rows("INSERT INTO contacts (user_id, peer, to_peer, from_peer) SELECT %s, jid, true, true FROM users WHERE id = %s", of, contact)
    row = initiate(db, alice, conversation)["result"]["row"]
    return alice, bob, carol, step(db, row, "active", bob, event="accept", actor=bob)["result"]["row"]


def offer(db, row, mover, guest, **more):
    """The mover, the callee, asks the guest."""
    return db.change("call_step", mover, id=row["id"], version=row["version"], status="active", event="transfer", actor=mover,
                     live={**LIVE, "moving": "callee", "guest": guest}, seconds=45, **more)


def take(db, row, guest, other, **more):
    """The guest accepts."""
    return db.change("call_step", guest, id=row["id"], version=row["version"], status="ended", reason="transferred", event="accept",
                     actor=guest, next={"id": new_id(), "message_id": new_id(), "caller": guest, "callee": other, "guest": guest,
                                        "live": LIVE, "seconds": 45}, **more)


def test_a_guest_takes_the_call_over(db, three):
    alice, bob, carol, row = three
    before = db.head()
    offered = offer(db, row, bob, carol)
    assert offered["outcome"] == 0 and offered["result"]["call"]["status"] == "active"
    (type, users, payload), = events(db, before)
    assert (type, users, payload["status"]) == ("call.transfer", [carol], "offered")
    assert [payload[name]["id"] for name in ("from", "to", "with")] == [bob, carol, alice]
    assert db.one("SELECT call_get(%s, %s)", carol, row["id"]) is None, "the call of the two is not hers to see"
    before = db.head()
    taken = take(db, offered["result"]["row"], carol, alice)
    call = taken["result"]["call"]
    assert taken["outcome"] == 0 and taken["result"]["row"]["status"] == "ended" and taken["result"]["next"]["id"] == call["id"]
    assert (call["status"], call["direction"], call["replaces"]) == ("ringing", "outgoing", row["id"])
    told = {(t, u): p for t, users, p in events(db, before) for u in users}
    assert told["call.ended", alice]["next_call_id"] == call["id"] and told["call.ended", alice]["reason"] == "transferred"
    assert "next_call_id" not in told["call.ended", bob] and told["call.transfer", carol]["status"] == "accepted"
    assert told["call.ringing", alice]["call"]["replaces"] == row["id"]
    busy = {u: db.one("SELECT call_is_busy(%s)", u) for u in (alice, bob, carol)}
    assert busy == {alice: True, bob: False, carol: True}


@pytest.mark.parametrize("event, status", [("decline", "declined"), ("timeout", "expired"), ("transfer", "withdrawn")])
def test_an_offer_ends_without_a_guest(db, three, event, status):
    alice, bob, carol, row = three
    row = offer(db, row, bob, carol)["result"]["row"]
    before = db.head()
    by = {"decline": carol, "transfer": bob}.get(event)
    done = step(db, row, "active", by, event=event, actor=by)
    told = [(u, p["status"]) for t, users, p in events(db, before) if t == "call.transfer" for u in users]
    assert done["outcome"] == 0 and told == [(carol, status)] + ([] if event == "transfer" else [(bob, status)])
    if event == "decline":
        assert done["result"]["call"]["status"] == "declined" and "participants" not in done["result"]["call"]
    assert take(db, done["result"]["row"], carol, alice)["outcome"] == 2, "not asked any more"


def test_who_may_not_be_handed_a_call(db, three):
    alice, bob, carol, row = three
    dave = db.user("dave")
    assert offer(db, row, carol, dave)["outcome"] == 2, "she takes no part"
    refused = [offer(db, row, bob, guest) for guest in (dave, new_id())]
    assert [r["outcome"] for r in refused] == [4, 4] and refused[0]["result"] == refused[1]["result"]
    assert offer(db, row, bob, alice)["outcome"] == 6
    assert offer(db, row, bob, carol, reachable=False)["result"]["error_reason"] == "offline"
    db.change("block", carol, user_id=alice)
    assert offer(db, row, bob, carol)["outcome"] == 4, "she would not talk to whom she would be handed"
    db.change("unblock", carol, user_id=alice)
    with_carol = db.opened(carol, dave)["result"]["id"]
    busy = initiate(db, carol, with_carol)["result"]["row"]
    assert offer(db, row, bob, carol)["result"]["error_reason"] == "busy"
    step(db, busy, "missed", carol, reason="cancelled")
    row = offer(db, row, bob, carol)["result"]["row"]
    db.change("block", alice, user_id=carol)
    assert take(db, row, carol, alice)["outcome"] == 4
    assert db.one("SELECT status FROM calls WHERE id = %s", row["id"]) == "active", "nothing has happened"


def test_a_call_is_not_handed_round_for_ever(db, three):
    alice, bob, carol, row = three
    for n in range(5):
        earlier = new_id()
        db.rows("INSERT INTO calls SELECT (c).* FROM (SELECT jsonb_populate_record(c, jsonb_build_object('id', %s, 'status', 'ended', "
                "'live', NULL, 'replaces', NULL)) AS c FROM calls c WHERE c.id = %s) x", earlier, row["id"])
        db.rows("UPDATE calls SET replaces = %s WHERE replaces IS NULL AND id <> %s", earlier, earlier)
    assert offer(db, row, bob, carol)["result"]["error_reason"] == "hops"
