# SPDX-License-Identifier: GPL-3.0-or-later
"""What strangers' messages are taken for, and what becomes of them; who may begin conversations; whom users restrict."""
import json

import pytest

from conftest import new_id

RULES = {"checks": "on", "filter_at": 50, "block_at": 90, "links": 2, "repeats": 3, "verify_reports": 0, "hook": "no",
         "failure": "filter", "restrict_after": 3}
LONG = "You have won a prize, answer now with your address to get it"


def rules(db, **changed):
    db.rows("SELECT set_config('trestle.spam', %s, false)", "/".join(str(v) for v in {**RULES, **changed}.values()))


@pytest.fixture
def cast(db):
    rules(db)
    return [db.provision(str(i), n)["id"] for i, n in enumerate(["sam", *(f"peer{n}" for n in range(8))])]


def send(db, sender, conversation, body="hello", verdict=None, judging="ask", dedupe=None):
    row, = db.rows("SELECT * FROM message_store(ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s], NULL, ARRAY[%s]::uuid[],"
                   " true, p_judging => %s, p_verdicts => ARRAY[%s]::jsonb[])", new_id(), conversation, sender, body, dedupe or new_id(),
                   judging, verdict and json.dumps(verdict))
    return row


def checked(db, message):
    rows = db.rows("SELECT action, confidence, reasons, source, body FROM spam_checks WHERE id = %s", message)
    return rows[0] if rows else None


def guarded(db, conversation):
    return db.one("SELECT guarded FROM conversations WHERE id = %s", conversation)


def request_of(db, user, conversation):
    return db.one("SELECT request FROM members WHERE user_id = %s AND conversation_id = %s", user, conversation)


@pytest.mark.parametrize("body, verdict, reasons", [
    ("hello", "allow", []),
    ("look: https://a.example", "allow", ["young"]),
    ("https://a.example https://b.example", "allow", ["young"]),
    ("https://a.example https://b.example www.c.example", "filter", ["links", "young"]),
    ("see http://user@sub.evil.example:80/x", "block", ["domain", "young"]),
    ("see HTTPS://EVIL.EXAMPLE.", "block", ["domain", "young"]),
    ("see https://notevil.example", "allow", ["young"]),
    ("evil.example is no link", "allow", []),
    ("", "allow", []),
])
def test_what_a_first_message_is_taken_for(db, cast, body, verdict, reasons):
    sam, peer = cast[:2]
    db.rows("INSERT INTO spam_domains (domain, added_by) VALUES ('evil.example', '')")
    talk = db.conversation(sam, peer)
    sent = send(db, sam, talk, body)
    assert sent["outcome"] == (10 if verdict == "block" else 0)
    row = checked(db, sent["id"])
    assert (row["action"], row["reasons"]) == (verdict, reasons)
    assert sent["held"] == (verdict == "filter") and request_of(db, peer, talk) == ("pending" if verdict == "filter" else None)
    assert row["body"] == (body if verdict == "block" else None), "of what was stored, the message is there"
    assert db.one("SELECT count(*) FROM messages") == (verdict != "block")


def test_repetition_filters_and_then_blocks(db, cast):
    sam = cast[0]
    outcomes = [send(db, sam, db.conversation(sam, peer), LONG + "!" * n) for n, peer in enumerate(cast[1:8])]
    assert [(o["outcome"], o["held"]) for o in outcomes] == [(0, False)] * 3 + [(0, True)] * 3 + [(10, False)]
    assert checked(db, outcomes[3]["id"])["reasons"] == ["repetition"]


def test_a_repetition_to_the_same_or_of_a_greeting_is_none(db, cast):
    sam = cast[0]
    talk = db.conversation(sam, cast[1])
    assert not any(send(db, sam, talk, LONG)["held"] for _ in range(9))
    assert not any(send(db, sam, db.conversation(sam, peer), "Hi there!")["held"] for peer in cast[2:8])


def test_the_same_from_many_senders(db, cast):
    for sender in cast[1:4]:
        assert not send(db, sender, db.conversation(sender, cast[0]), LONG)["held"]
    assert send(db, cast[4], db.conversation(cast[4], cast[0]), LONG)["held"]


def test_only_strangers_are_looked_at_and_only_at_first(db, cast):
    sam, peer = cast[:2]
    bad = "https://a.example https://b.example https://c.example"
    talk = db.conversation(sam, peer)
    for _ in range(10):
        assert guarded(db, talk) and send(db, sam, talk)["outcome"] == 0
    send(db, sam, talk)
    assert not guarded(db, talk), "ten messages are enough"
    assert not send(db, sam, talk, bad)["held"]
    other = db.conversation(sam, cast[2])
    send(db, sam, other)
    assert guarded(db, other)
    send(db, cast[2], other)
    assert not guarded(db, other) and not send(db, sam, other, bad)["held"], "who was answered is no stranger"
    assert db.one("SELECT accepted FROM standings WHERE user_id = %s", sam) == 1
    db.rows("INSERT INTO contacts (user_id, peer, to_peer) SELECT %s, jid, true FROM users WHERE id = %s", cast[3], sam)
    assert not send(db, sam, db.conversation(sam, cast[3]), bad)["held"], "nor is a contact"


def test_what_is_trusted_or_off_is_not_looked_at(db, cast):
    sam, bad = cast[0], "https://a.example https://b.example https://c.example"
    assert not send(db, sam, db.conversation(sam, cast[1]), bad, verdict={"trusted": True})["held"]
    assert not send(db, sam, db.conversation(sam, cast[2]), bad, judging=None)["held"], "a call"
    rules(db, checks="off")
    talk = db.conversation(sam, cast[3])
    assert not send(db, sam, talk, bad)["held"] and not guarded(db, talk)
    assert db.one("SELECT count(*) FROM spam_checks") == 0


def test_a_filtered_conversation_is_a_request_and_accepting_it_ends_that(db, cast):
    sam, peer = cast[:2]
    talk = db.conversation(sam, peer)
    send(db, sam, talk, "good day")
    send(db, sam, talk, "https://a.example https://b.example https://c.example")
    assert [c["id"] for c in db.conversations(peer)["items"]] == []
    assert db.change("request_accept", peer, conversation_id=talk)["outcome"] == 0
    assert not guarded(db, talk) and request_of(db, peer, talk) == "accepted"
    assert db.one("SELECT accepted FROM standings WHERE user_id = %s", sam) == 1


def test_a_repeated_message_is_not_judged_anew(db, cast):
    sam, peer = cast[:2]
    talk, key = db.conversation(sam, peer), new_id()
    first = send(db, sam, talk, "see https://evil.example", dedupe=key)
    assert checked(db, first["id"])["action"] == "allow"
    db.rows("INSERT INTO spam_domains (domain, added_by) VALUES ('evil.example', '')")
    again = send(db, sam, talk, "see https://evil.example", dedupe=key)
    assert (again["outcome"], again["id"]) == (1, first["id"]) and db.one("SELECT count(*) FROM spam_checks") == 1
    assert send(db, sam, talk, "see https://evil.example")["outcome"] == 10, "another one is"


def test_edits_cannot_bring_it_in(db, cast):
    sam, peer = cast[:2]
    talk = db.conversation(sam, peer)
    sent = send(db, sam, talk, "hello")
    edit = {"message_id": str(sent["id"]), "window": 900, "stanza": "s1"}
    bad = db.change("message_edit", sam, content="https://a.example https://b.example https://c.example", **edit)
    assert bad["outcome"] == 10 and db.one("SELECT body FROM messages") == "hello"
    assert db.change("message_edit", sam, content="hello!", **edit)["outcome"] == 0


# ---- The hook ------------------------------------------------------------------------------------------------------

def test_the_hook_is_asked_first(db, cast):
    sam, peer = cast[:2]
    rules(db, hook="ask")
    talk = db.conversation(sam, peer)
    asked = send(db, sam, talk)
    assert asked["outcome"] == 11 and db.one("SELECT count(*) FROM messages") == 0 == db.one("SELECT count(*) FROM spam_checks")
    question = json.loads(asked["refusal"])
    assert question["sender"]["jid"] == "sam@app.example.org" and question["recipient"]["jid"] == "peer0@app.example.org"
    assert question["first"] is True and question["sender"]["reputation"] == 50 and question["conversation_id"] == talk


@pytest.mark.parametrize("answer, body, outcome, held", [
    ("allow", "hello", 0, False), ("filter", "hello", 0, True), ("block", "hello", 10, False),
    ("allow", "https://a.example https://b.example https://c.example", 0, True)])
def test_the_stricter_of_checks_and_hook_counts(db, cast, answer, body, outcome, held):
    rules(db, hook="ask")
    sent = send(db, cast[0], db.conversation(cast[0], cast[1]), body,
                verdict={"action": answer, "confidence": 70, "reasons": ["said so"], "source": "hook"})
    assert (sent["outcome"], sent["held"]) == (outcome, held)
    row = checked(db, sent["id"])
    assert "said so" in row["reasons"] and row["source"] == "hook" and row["confidence"] >= 70


@pytest.mark.parametrize("failure, outcome, held", [("filter", 0, True), ("allow", 0, False), ("refuse", 11, False)])
def test_who_cannot_ask_does_as_if_there_was_no_answer(db, cast, failure, outcome, held):
    rules(db, hook="ask", failure=failure)
    sent = send(db, cast[0], db.conversation(cast[0], cast[1]), judging="alone")
    assert (sent["outcome"], sent["held"], sent["refusal"]) == (outcome, held, None)


def test_what_comes_by_xmpp_is_asked_about_and_what_nobody_can_read_is_not(db, cast):
    rules(db, hook="ask")
    asked, = db.receive({"to": "sam@app.example.org", "stanza": "<message/>"})
    assert asked["outcome"] == 11 and json.loads(asked["refusal"])["sender"]["kind"] == "remote"
    hidden, = db.receive({"to": "sam@app.example.org", "body": LONG, "stanza": "<message><encryption xmlns='urn:xmpp:eme:0'/></message>"})
    assert hidden["outcome"] == 0 and db.one("SELECT count(*) FROM spam_checks WHERE words IS NOT NULL") == 0


def test_strangers_on_xmpp_are_filtered_and_blocked(db, cast):
    rules(db)
    db.rows("INSERT INTO spam_domains (domain, added_by) VALUES ('evil.example', '')")
    bad, = db.receive({"to": "sam@app.example.org", "body": "https://evil.example"})
    assert bad["outcome"] == 10
    held, = db.receive({"to": "sam@app.example.org", "foreign_id": "f-2", "receipt": True,
                        "body": "https://a.example https://b.example https://c.example"})
    assert (held["outcome"], held["held"], held["receipt"]) == (0, True, False)


# ---- Reputation, phones, restricting -------------------------------------------------------------------------------

def report(db, offender, *reporters, state="open"):
    for reporter in reporters:
        db.rows("INSERT INTO reports (id, at, origin, reporter_jid, target_type, target, offender, reason, evidence, state)"
                " VALUES (gen_random_uuid(), now(), 'app', %s, 'user', %s, %s, 'spam', '{}', %s)", reporter, offender, offender, state)


def reputation(db, user):
    return db.one("SELECT spam_reputation(u) FROM users u WHERE u.id = %s", user)


def test_reputation(db, cast):
    sam = cast[0]
    assert reputation(db, sam) == 50
    report(db, sam, "a", "b")
    report(db, sam, "c", state="dismissed")
    assert reputation(db, sam) == 30
    db.rows("INSERT INTO blocks (user_id, peer) VALUES (%s, 'sam@app.example.org')", cast[1])
    assert reputation(db, sam) == 25
    assert send(db, sam, db.conversation(sam, cast[2]), "hello")["held"] is False
    assert db.one("SELECT reasons FROM spam_checks") == ["reputation"]
    report(db, sam, "d", "e", "f", "g")
    assert reputation(db, sam) == 0, "no less than nothing"
    assert send(db, sam, db.conversation(sam, cast[3]), "hello")["held"] is True
    db.rows("INSERT INTO standings VALUES (%s, 100)", cast[4])
    assert reputation(db, cast[4]) == 90


def test_whom_many_report_needs_a_phone(db, cast):
    sam = cast[0]
    rules(db, verify_reports=2)
    talk = db.conversation(sam, cast[1])
    report(db, sam, "a")
    assert send(db, sam, talk)["outcome"] == 0
    report(db, sam, "b")
    refused = send(db, sam, talk)
    assert refused["outcome"] == 5 and json.loads(refused["refusal"])["detail"] == "verification_required"
    assert json.loads(db.one("SELECT user_self(%s)", sam))["verification_required"] is True
    done = db.change("verify_phone", None, user_id=sam, verified_at="2026-05-04T09:00:00Z")
    assert done["result"]["phone_verified_at"] == "2026-05-04T09:00:00.000Z"
    assert json.loads(db.one("SELECT user_self(%s)", sam))["verification_required"] is False
    assert send(db, sam, talk)["outcome"] == 0
    assert db.change("verify_phone", None, user_id=sam)["outcome"] == 0 and send(db, sam, talk)["outcome"] == 5
    assert db.change("verify_phone", None, user_id=new_id(), verified_at="2026-05-04T09:00:00Z")["outcome"] == 2


def test_who_goes_on_is_restricted_and_then_suspended(db, cast):
    sam = cast[0]
    db.rows("SELECT set_config('trestle.strikes', '1/30/7', false)")
    db.rows("INSERT INTO spam_domains (domain, added_by) VALUES ('evil.example', '')")
    talk = db.conversation(sam, cast[1])
    for n in range(3):
        assert db.one("SELECT count(*) FROM jobs WHERE kind = 'spam.restrict'") == 0
        send(db, sam, talk, f"https://evil.example/{n}")
    assert db.rows("SELECT key FROM jobs WHERE kind = 'spam.restrict'") == [{"key": str(sam)}]
    done = db.change("spam_restrict", None, user_id=sam, seconds=3600)
    assert done["outcome"] == 0 and [e["type"] for e in done["events"]] == ["moderation.action"] * 2
    assert [tuple(r.values()) for r in db.rows("SELECT type, actor_name FROM moderation_actions ORDER BY at")] == [
        ("restrict", "the spam checks"), ("suspend", "the rule of strikes")]
    assert db.change("spam_restrict", None, user_id=sam, seconds=3600)["outcome"] == 1
    assert db.one("SELECT count(*) FROM audit WHERE action IN ('moderation.restrict', 'moderation.suspend')") == 2


def test_an_action_restricts_who_begins_but_not_who_goes_on(db, cast):
    sam, peer = cast[:2]
    old, begun = db.conversation(sam, peer), db.conversation(sam, cast[2])
    send(db, sam, old)
    act = db.change("moderation_act", None, type="restrict", user=sam, reason="Spam", duration_seconds=60, actor="root")
    assert act["outcome"] == 0 and act["result"]["state"] == "active"
    assert db.change("moderation_act", None, type="restrict", user=sam, reason="Spam", actor="root")["outcome"] == 3
    assert send(db, sam, old)["outcome"] == 0
    refused = send(db, sam, begun)
    assert refused["outcome"] == 5 and "begin" in json.loads(refused["refusal"])["detail"]
    assert db.opened(sam, cast[3])["outcome"] == 5 and db.opened(sam, cast[2])["outcome"] == 5
    group = db.change("group_create", sam, id=new_id(), name="x", members=[{"user_id": cast[4]}], domain="app.example.org", strangers_max=9)
    assert group["outcome"] != 0, "nor by a group"
    assert db.change("moderation_undo", None, action_id=act["result"]["id"], actor="root")["outcome"] == 0
    assert db.opened(sam, cast[3])["outcome"] == 0 and send(db, sam, begun)["outcome"] == 0
    db.change("moderation_act", None, type="restrict", user=sam, reason="Spam", duration_seconds=60, actor="root")
    db.rows("UPDATE moderation_actions SET ends_at = clock_timestamp() - interval '1 second' WHERE state = 'active'")
    assert db.opened(sam, cast[5])["outcome"] == 0, "its time is over, whether or not the job has run"


def test_people_elsewhere_can_be_restricted_by_moderators(db, cast):
    rules(db)
    db.one("SELECT user_remote('romeo@example.org')")
    db.change("moderation_act", None, type="restrict", user="romeo@example.org", reason="Spam", actor="root")
    assert db.receive({"to": "sam@app.example.org"})[0]["outcome"] == 2
    assert db.receive({"to": "nobody@app.example.org"})[0]["outcome"] == 2, "as to nobody"


def test_whom_a_user_restricts_does_not_learn_it(db, cast):
    sam, peer = cast[:2]
    talk = db.conversation(sam, peer)
    send(db, sam, talk)
    send(db, peer, talk)
    done = db.change("restrict", peer, user_id=sam)
    assert done["outcome"] == 0 and done["result"]["restriction"]["restricted"] is True
    assert db.change("restrict", peer, user_id=sam)["outcome"] == 1
    sent = send(db, sam, talk, "are you there?")
    assert (sent["outcome"], sent["held"], sent["events"]) == (0, True, None)
    assert db.conversations(peer)["items"] == [] and len(db.conversations(sam)["items"]) == 1
    assert [r["user"]["id"] for r in json.loads(db.one("SELECT restriction_list(%s, 10, NULL)", peer))["items"]] == [sam]
    assert db.change("unrestrict", peer, user_id=sam)["outcome"] == 0 and db.change("unrestrict", peer, user_id=sam)["outcome"] == 1
    assert request_of(db, peer, talk) is None and len(db.conversations(peer)["items"]) == 1
    assert not send(db, sam, talk)["held"]


def relations(done):
    return [e["payload"] for e in done["events"] or () if e["type"] == "relation.updated"]


def test_ones_own_devices_hear_whom_one_restricts_and_blocks(db, cast):
    sam, peer = cast[:2]
    talk = db.conversation(sam, peer)
    send(db, sam, talk)
    for change, blocked, restricted in (("restrict", False, True), ("block", True, True), ("unrestrict", True, False), ("unblock", False, False)):
        done = db.change(change, peer, user_id=sam)
        told, = [e for e in done["events"] if e["type"] == "relation.updated"]
        assert told["users"] == [str(peer)], change
        assert told["payload"]["user"]["id"] == str(sam)
        assert (told["payload"]["blocked"], told["payload"]["restricted"]) == (blocked, restricted), change
        assert relations(db.change(change, peer, user_id=sam)) == [], "nothing has changed"
    db.change("restrict", peer, user_id=sam)
    assert [r["restricted"] for r in relations(db.change("request_accept", peer, conversation_id=talk))] == [False]
    told, = relations(db.change("block", peer, jid="evil.example", domain="app.example.org"))
    assert told == {"jid": "evil.example", "user": None, "blocked": True, "restricted": False}


def test_restricting_once_more_is_possible_at_the_ceiling_too(db, cast):
    sam, peer = cast[:2]
    db.rows("INSERT INTO restrictions (user_id, peer) SELECT %s, n || '@example.org' FROM generate_series(1, 9999) n", peer)
    assert [db.change("restrict", peer, user_id=u)["outcome"] for u in (sam, sam, cast[2])] == [0, 1, 3]
    assert db.change("restrict", peer, user_id=peer)["outcome"] == 6 and db.change("restrict", peer, user_id=new_id())["outcome"] == 2


def test_a_restriction_comes_before_the_first_word_and_ends_with_an_answer(db, cast):
    sam, peer = cast[:2]
    db.change("restrict", peer, user_id=sam)
    talk = db.conversation(sam, peer)
    sent = send(db, sam, talk)
    assert (sent["outcome"], sent["held"]) == (0, True) and request_of(db, peer, talk) == "declined"
    assert not [e for e in json.loads(sent["events"] or "[]") if e["type"] == "request.new"], "nobody is told"
    send(db, peer, talk)
    assert request_of(db, peer, talk) == "accepted" and db.one("SELECT count(*) FROM restrictions") == 0
    assert not send(db, sam, talk)["held"]


@pytest.mark.parametrize("tier, contact, outcome, held", [
    ("everyone", {}, 0, False), ("contacts", {}, 0, True), ("requests", {}, 0, True), ("nobody", {}, 4, None), ("no_one", {}, 4, None),
    ("friends", {}, 4, None), ("friends", {"to_peer"}, 4, None), ("friends", {"from_peer"}, 4, None),
    ("friends", {"to_peer", "from_peer"}, 0, False), ("following", {}, 4, None), ("following", {"from_peer"}, 4, None),
    ("following", {"to_peer"}, 0, False), ("following", {"to_peer", "from_peer"}, 0, False)])
def test_tiers(db, cast, tier, contact, outcome, held):
    sam, peer = cast[:2]
    shown = db.change("privacy", peer, messages=tier)["result"]["privacy"]["messages"]
    assert shown == {"requests": "contacts", "no_one": "nobody"}.get(tier, tier)
    if contact:
        db.rows("INSERT INTO contacts (user_id, peer, to_peer, from_peer) VALUES (%s, 'sam@app.example.org', %s, %s)", peer,
                "to_peer" in contact, "from_peer" in contact)
    opened = db.opened(sam, peer)
    assert opened["outcome"] == outcome
    if outcome == 0:
        assert send(db, sam, opened["result"]["id"])["held"] == held


# ---- Lists ---------------------------------------------------------------------------------------------------------

def test_moderators_see_what_was_taken_for_spam_page_by_page(db, cast):
    sam = cast[0]
    for peer in cast[1:7]:
        send(db, sam, db.conversation(sam, peer), LONG)
    page = json.loads(db.one("SELECT spam_list(NULL, NULL, 2, NULL)"))
    rest = json.loads(db.one("SELECT spam_list(NULL, 'sam@app.example.org', 2, %s)", page["next"]))
    items = page["items"] + rest["items"]
    assert [i["recipient_jid"].split("@")[0] for i in items] == ["peer5", "peer4", "peer3"] and not rest["has_more"]
    assert items[0] == {**items[0], "is_spam": True, "action": "filter", "reasons": ["repetition"], "confidence": 0.6, "content": LONG}
    assert json.loads(db.one("SELECT spam_list('block', NULL, 2, NULL)"))["items"] == []


def test_domains(db, cast):
    added = db.change("spam_domains_add", None, domains=["Evil.Example.", "bad.example"], actor="root")
    assert [d["domain"] for d in added["result"]["items"]] == ["bad.example", "evil.example"]
    assert db.change("spam_domains_add", None, domains=["bad.example"], actor="root")["outcome"] == 1
    for wrong in ("", "x", "a b.example", "https://x.example", "x" * 250 + ".example", ".example"):
        assert db.change("spam_domains_add", None, domains=[wrong], actor="root")["outcome"] == 6, wrong
    page = json.loads(db.one("SELECT spam_domain_list(1, NULL)"))
    assert page["has_more"] and json.loads(db.one("SELECT spam_domain_list(1, %s)", page["next"]))["items"][0]["domain"] == "evil.example"
    assert db.change("spam_domains_remove", None, domains=["evil.example"])["outcome"] == 0
    assert db.change("spam_domains_remove", None, domains=["evil.example"])["outcome"] == 2


@pytest.mark.parametrize("url, verdict, reasons", [
    ("https://good.example/x", "unknown", []), ("https://x.evil.example", "blocked", ["listed"]),
    ("http://192.0.2.1/", "suspicious", ["numeric_address", "not_encrypted"]), ("https://bank@b.example", "suspicious", ["user_in_address"]),
    ("https://xn--bnk-0na.example", "suspicious", ["lookalike_letters"]), ("https://bаnk.example", "suspicious", ["lookalike_letters"]),
    ("javascript:alert(1)", "suspicious", ["no_host"]), ("", "suspicious", ["no_host"])])
def test_links_before_they_are_sent(db, cast, url, verdict, reasons):
    db.rows("INSERT INTO spam_domains (domain, added_by) VALUES ('evil.example', '')")
    item, = json.loads(db.one("SELECT spam_links(%s)", json.dumps([url])))["items"]
    assert (item["verdict"], item["reasons"]) == (verdict, reasons)


def test_what_is_kept_ends(db, cast):
    sam = cast[0]
    for peer in cast[1:6]:
        send(db, sam, db.conversation(sam, peer), LONG)
    db.rows("UPDATE spam_checks SET at = at - interval '3 days'")
    assert db.rows("SELECT removed FROM reap_spam(2592000, 100)") == [{"removed": 3}]
    db.rows("UPDATE spam_checks SET at = at - interval '30 days'")
    assert db.rows("SELECT removed FROM reap_spam(2592000, 100)") == [{"removed": 2}]
