# SPDX-License-Identifier: GPL-3.0-or-later
"""What strangers write: built-in checks, the hook and its breaker, what moderators see; whom users restrict; verified phones."""
import base64
import hashlib
import hmac
import signal
import threading
import uuid

import pytest

from harness.adhoc import OWN, Commands
from harness.daemon import Daemon, psql
from harness.fake_xmpp import FakeXmpp
from harness.hook import SECRET, Hook
from harness.inbox import wait_for
from harness.rest import App
from harness.watch import metrics

pytestmark = pytest.mark.one_server

LINKS = "see https://a.example https://b.example https://c.example"


@pytest.fixture
def mona(stack, app):
    """A moderator of the staff."""
    user = app("mona")
    user.id = user.me()["id"]
    psql(stack.info["database"], f"UPDATE users SET staff = '{{moderator}}' WHERE id = '{user.id}'")
    return user


def requests(user):
    return [c["id"] for c in user.conversations(filter="requests")["items"]]


def test_many_links_of_a_stranger_make_a_request_that_moderators_see(alice, bella, mona):
    talk = alice.conversation_with(participant_id=bella.id)
    with bella.ws() as socket:
        sent = alice.send(talk, LINKS)
        asked = socket.expect("request.new")["payload"]
    assert asked["conversation"]["id"] == talk["id"] and requests(bella) == [talk["id"]]
    found = mona.call(200, "GET", "/api/moderation/spam", user=alice.id)["items"]
    assert [(f["message_id"], f["action"], f["is_spam"]) for f in found] == [(sent["id"], "filter", True)]
    assert "links" in found[0]["reasons"] and found[0]["content"] == LINKS
    reported = bella.call(201, "POST", f"/api/messages/{sent['id']}/report", {"reason": "spam"})
    shown = mona.call(200, "GET", f"/api/moderation/reports/{reported['id']}")
    assert shown["spam"]["message_id"] == sent["id"] and shown["reputation"] == 40
    assert alice.request("GET", "/api/moderation/spam").status == 403


def test_links_to_listed_domains_are_refused_in_words_a_client_can_read(alice, bella, mona, xmpp):
    domain = f"evil-{uuid.uuid4().hex[:8]}.example"
    added = mona.call(200, "POST", "/api/moderation/spam/domains", {"domains": [domain.upper()]})
    assert added["items"][0]["domain"] == domain and added["items"][0]["added_by"] == mona.me()["jid"]
    talk = alice.conversation_with(participant_id=bella.id)
    refused = alice.request("POST", f"/api/conversations/{talk['id']}/messages", {"content": f"https://www.{domain}/"})
    assert (refused.status, refused.json["code"]) == (403, "spam")
    with alice.ws() as socket:
        refused = socket.refused("message", conversation_id=talk["id"], content=f"https://{domain}", client_id=str(uuid.uuid4()))
        assert refused["code"] == "spam"
    checked = alice.call(200, "POST", "/api/links/check", {"urls": [f"https://{domain}", "https://good.example"]})
    assert [i["verdict"] for i in checked["items"]] == ["blocked", "unknown"]
    admin = Commands(xmpp("admin"))
    assert domain in [r["domain"] for r in admin.go(OWN + "spam-domains", {"limit": "1000"}).rows]
    assert domain in [i["domain"] for i in mona.call(200, "GET", "/api/moderation/spam/domains", limit=1000)["items"]]
    mona.call(200, "POST", "/api/moderation/spam/domains/remove", {"domains": [domain]})
    assert mona.request("POST", "/api/moderation/spam/domains/remove", {"domains": [domain]}).status == 404
    alice.send(talk, f"https://{domain}/now")


def test_whom_a_user_restricts_notices_nothing(alice, bella):
    talk = alice.conversation_with(participant_id=bella.id)
    alice.send(talk, "Hello")
    bella.send(talk, "Hi")
    bella.call(200, "PUT", f"/api/users/{alice.id}/restrict")
    with bella.ws() as socket:
        sent = alice.send(talk, "Are you there?")
        assert sent["status"] == "sent"
        bella.call(200, "DELETE", f"/api/users/{alice.id}/restrict")
        after = alice.send(talk, "And now?")
        assert socket.expect("message.new")["payload"]["id"] == after["id"], "what was held told nobody"
    bella.call(200, "PUT", f"/api/users/{alice.id}/restrict")
    assert [r["user"]["id"] for r in bella.call(200, "GET", "/api/users/restricted")["items"]] == [alice.id]
    assert bella.request("PUT", f"/api/users/{bella.id}/restrict").status == 422
    assert bella.request("PUT", f"/api/users/{uuid.uuid4()}/restrict").status == 404


def test_another_device_hears_whom_one_restricts_and_blocks(alice, bella):
    alice.send(alice.conversation_with(participant_id=bella.id), "hello")
    with bella.ws() as socket, alice.ws() as hers:
        for method, path, blocked, restricted in (("PUT", "restrict", False, True), ("POST", "block", True, True),
                                                  ("DELETE", "block", False, True), ("DELETE", "restrict", False, False)):
            bella.call(200, method, f"/api/users/{alice.id}/{path}")
            told = socket.expect("relation.updated", jid=alice.me()["jid"], blocked=blocked, restricted=restricted)
            assert told["payload"]["user"]["id"] == alice.id and told["cursor"]
        alice.send(alice.conversation_with(participant_id=bella.id), "still here")
        hers.expect("message.new", content="still here")
        assert not hers.frames("relation.updated"), "nobody else is told"


def test_staff_restricts_who_then_may_not_begin_conversations(alice, bella, app, mona):
    other = app("other")
    act = mona.call(201, "POST", "/api/moderation/actions", {"type": "restrict", "user": alice.id, "reason": "Spam", "duration_seconds": 3600})
    refused = alice.request("POST", "/api/conversations", {"participant_id": other.me()["id"]})
    assert (refused.status, refused.json["detail"]) == (403, "you may not begin conversations")
    assert alice.call(200, "GET", "/api/moderation/mine")["items"][0]["type"] == "restrict"
    alice.call(200, "POST", f"/api/moderation/actions/{act['id']}/appeal", {"text": "It was not me"})
    mona.call(200, "PATCH", f"/api/moderation/actions/{act['id']}/appeal", {"decision": "granted"})
    alice.conversation_with(participant_id=other.me()["id"])


def test_the_backend_verifies_phones(alice, backend):
    assert alice.myself()["phone_verified_at"] is None and alice.myself()["verification_required"] is False
    backend.call(200, "PUT", f"/api/users/{alice.id}/verifications/phone", {"verified_at": "2026-05-04T09:00:00Z"})
    assert alice.myself()["phone_verified_at"] == "2026-05-04T09:00:00.000Z"
    backend.call(200, "DELETE", f"/api/users/{alice.id}/verifications/phone")
    assert alice.myself()["phone_verified_at"] is None
    assert alice.request("PUT", f"/api/users/{alice.id}/verifications/phone", {"verified_at": "2026-05-04T09:00:00Z"}).status == 403


def test_tiers_of_privacy(alice, bella):
    for name, shown in (("friends", "friends"), ("following", "following"), ("requests", "contacts"), ("no_one", "nobody")):
        assert bella.call(200, "PATCH", "/api/settings/privacy", {"messages": name})["messages"] == shown
    bella.call(200, "PATCH", "/api/settings/privacy", {"messages": "friends"})
    assert alice.request("POST", "/api/conversations", {"participant_id": bella.id}).status == 403


# ---- The hook ------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def hook():
    with Hook() as hook:
        yield hook


@pytest.fixture(scope="module")
def server():
    with FakeXmpp(secret="hooked") as server:
        yield server


@pytest.fixture(scope="module")
def hooked(running_stack, hook, server):
    """A bridge that asks the hook; its time is long, so that only what is held is late."""
    with Daemon(running_stack, server.port, secret="hooked", options={"spam": {
            "hook_url": hook.url, "hook_secret": SECRET, "hook_timeout": 5000}}) as daemon:
        server.wait_stream()
        yield daemon.wait_ready()


def pair(daemon, *names):
    users = [App(daemon, f"{name}-{uuid.uuid4().hex[:6]}") for name in names or ("ann", "ben")]
    for user in users:
        user.id = user.me()["id"]
    return users


@pytest.mark.parametrize("answer, status", [("allow", 201), ("filter", 201), ("block", 403)])
def test_the_hook_is_asked_about_a_stranger_and_its_answer_counts(hooked, hook, answer, status):
    ann, ben = pair(hooked)
    talk = ann.conversation_with(participant_id=ben.id)
    content = f"{answer} {uuid.uuid4()}"
    hook.answers[content] = {"action": answer, "confidence": 0.7, "reasons": ["seen before"]}
    sent = ann.request("POST", f"/api/conversations/{talk['id']}/messages", {"content": content})
    assert sent.status == status and not hook.wrong
    asked = hook.asked(content)
    assert asked["type"] == "message.check" and asked["data"]["sender"]["id"] == ann.id and asked["data"]["first"] is True
    assert requests(ben) == ([talk["id"]] if answer == "filter" else [])
    row = psql(hooked.info["database"], f"SELECT action, source, confidence FROM spam_checks WHERE sender = '{ann.id}'")
    assert row.strip().split("|") == [answer, "hook", "70"]


def test_answered_conversations_are_nobodys_business(hooked, hook):
    ann, ben = pair(hooked)
    talk = ann.conversation_with(participant_id=ben.id)
    first, answer, more = (f"{word} {uuid.uuid4()}" for word in ("first", "answer", "more"))
    ann.send(talk, first)
    ben.send(talk, answer)
    ann.send(talk, more)
    assert first in hook.contents() and answer not in hook.contents() and more not in hook.contents()


def test_order_is_kept_while_the_hook_thinks_and_others_do_not_wait(hooked, hook):
    ann, ben, cyd = pair(hooked, "ann", "ben", "cyd")
    talk, other = ann.conversation_with(participant_id=ben.id), ann.conversation_with(participant_id=cyd.id)
    texts = [f"{n} {uuid.uuid4()}" for n in range(4)]
    hook.release.clear()
    hook.hold.add(texts[0])
    with ann.ws() as socket:
        socket.send("message", "0", conversation_id=talk["id"], content=texts[0], client_id=str(uuid.uuid4()))
        hook.asked(texts[0])
        for n in (1, 2, 3):
            socket.send("message", str(n), conversation_id=talk["id"], content=texts[n], client_id=str(uuid.uuid4()))
        assert ann.send(other, "Hello")["content"] == "Hello", "another conversation goes on"
        assert ann.me()["id"] == ann.id and metrics(hooked)["trestle_spam_hook_waiting"] >= 1
        assert ann.messages(talk)["items"] == []
        hook.release.set()
        for text in texts:
            assert socket.expect("message.new", content=text)
    assert [m["content"] for m in ben.messages(talk)["items"]] == texts


def test_people_on_xmpp_are_asked_about_and_told_without_detail(hooked, hook, server):
    ben, = pair(hooked, "ben")
    name = ben.me()["jid"]
    good, bad = f"good {uuid.uuid4()}", f"bad {uuid.uuid4()}"
    hook.answers[bad] = {"action": "block", "confidence": 1}
    for n, text in enumerate((good, bad)):
        server.send(f"<message from='romeo@elsewhere.example/x' to='{name}' type='chat' id='m{n}-{uuid.uuid4()}'><body>{text}</body></message>")
    refused = server.expect("the refusal", lambda s: s.type == "error" and s.to == "romeo@elsewhere.example/x")
    said = [child.tag.rpartition("}")[2] for child in refused.xml.find("{*}error")]
    assert said == ["policy-violation"], "and not why"
    wait_for("the good one is there", lambda: [m["content"] for c in ben.conversations()["items"] for m in ben.messages(c)["items"]] == [good])


@pytest.mark.parametrize("failure", ["filter", "allow", "refuse"])
def test_a_hook_that_fails_opens_its_breaker_and_nobody_waits(stack, hook, failure):
    with Daemon(stack, options={"spam": {"hook_url": hook.url, "hook_secret": SECRET, "hook_timeout": 5000,
                                         "hook_failure": failure}}) as daemon:
        ann, *others = pair(daemon, "ann", *(f"o{n}" for n in range(7)))
        seen = len(hook.questions)
        for n, other in enumerate(others):
            content = f"broken {uuid.uuid4()}"
            hook.answers[content] = 500
            talk = ann.conversation_with(participant_id=other.id)
            sent = ann.request("POST", f"/api/conversations/{talk['id']}/messages", {"content": content})
            assert sent.status == (503 if failure == "refuse" else 201)
            assert requests(other) == ([talk["id"]] if failure == "filter" else [])
        assert len(hook.questions) - seen == 5, "then it was not asked any more"
        assert metrics(daemon)["trestle_spam_hook_breaker"] == 1 and metrics(daemon)["trestle_spam_hook_failed_total"] == 7


def test_an_answer_that_is_none_or_too_late_is_a_failure(stack, hook):
    with Daemon(stack, options={"spam": {"hook_url": hook.url, "hook_secret": SECRET, "hook_timeout": 100}}) as daemon:
        ann, *others = pair(daemon, "ann", "ben", "cyd", "dan")
        for other, answer in zip(others, ({"action": "perhaps"}, {"no": "action"}, None)):
            content = f"odd {uuid.uuid4()}"
            if answer is None:
                hook.release.clear()
                hook.hold.add(content)
            else:
                hook.answers[content] = answer
            talk = ann.conversation_with(participant_id=other.id)
            ann.send(talk, content)
            assert requests(other) == [talk["id"]]
        hook.release.set()


def test_a_secret_that_was_changed_is_read_again(stack, hook, tmp_path):
    """That of the hook, and that of the relays; a file that says nothing leaves all as it was."""
    secret, relays = tmp_path / "hook", tmp_path / "relays"
    for file, text in ((secret, "another one"), (relays, "first")):
        file.touch(0o600)
        file.write_text(text)
    with Daemon(stack, options={"spam": {"hook_url": hook.url, "hook_secret_file": secret, "hook_timeout": 5000},
                                "calls": {"turn": "turn:127.0.0.1:9", "turn_secret_file": relays, "probe_interval": 0}}) as daemon:
        ann, *others = pair(daemon, "ann", "ben", "cyd", "dan", "eva")
        wrong, hook.wrong = hook.wrong, []

        def asked(other):
            talk, content = ann.conversation_with(participant_id=other.id), f"signed {uuid.uuid4()}"
            before = len(hook.wrong)
            ann.send(talk, content)
            hook.asked(content)
            return len(hook.wrong) == before

        def renew(said):
            seen = daemon.logged().count(said)
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(said, lambda: daemon.logged().count(said) > seen)

        def relay_is(key):
            relay = ann.call(200, "GET", "/api/calls/ice-servers")["ice_servers"][0]
            right = hmac.digest(key.encode(), relay["username"].encode(), hashlib.sha1)
            return relay["credential"] == base64.b64encode(right).decode()
        assert not asked(others[0]) and relay_is("first")
        secret.write_text(SECRET)
        relays.write_text("second")
        renew("event=keys-read")
        assert asked(others[1]) and relay_is("second")
        secret.write_text("")
        relays.write_text("third")
        renew("event=reload-failed")
        assert asked(others[2]) and relay_is("second")
        secret.write_text(SECRET)
        renew("event=keys-read")
        assert asked(others[3]) and relay_is("third")
        hook.wrong = wrong


def test_a_bridge_that_ends_waits_for_no_hook(stack, hook):
    with Daemon(stack, options={"spam": {"hook_url": hook.url, "hook_secret": SECRET, "hook_timeout": 5000}}) as daemon:
        ann, ben = pair(daemon)
        talk = ann.conversation_with(participant_id=ben.id)
        content = f"late {uuid.uuid4()}"
        hook.release.clear()
        hook.hold.add(content)
        got = []
        sending = threading.Thread(target=lambda: got.append(ann.request("POST", f"/api/conversations/{talk['id']}/messages", {"content": content})))
        sending.start()
        hook.asked(content)
        status, _ = daemon.terminate()
        sending.join()
        hook.release.set()
        assert status == 0 and got[0].status == 201
        assert psql(daemon.info["database"], "SELECT source FROM spam_checks").strip() == "fallback"


def test_every_text_of_app_users_is_asked_about_if_that_is_wanted(stack, hook):
    with Daemon(stack, options={"spam": {"hook_url": hook.url, "hook_secret": SECRET, "hook_scope": "all", "hook_timeout": 5000}}) as daemon:
        ann, ben = pair(daemon)
        talk = ann.conversation_with(participant_id=ben.id)
        said = ann.send(talk, f"hello {uuid.uuid4()}")
        ben.send(talk, f"answer {uuid.uuid4()}")
        group = ann.call(201, "POST", "/api/groups", {"name": "Us", "members": [{"user_id": ben.id}]})
        for place in (talk, group):  # they talk with each other: nobody's business but that of such a hook
            secret = f"card 4111 {uuid.uuid4()}"
            hook.answers[secret] = {"action": "block", "reasons": ["card_number"]}
            refused = ann.request("POST", f"/api/conversations/{place['id']}/messages", {"content": secret})
            assert (refused.status, refused.json["code"], refused.json["detail"]) == (403, "forbidden", "card_number")
            asked = hook.asked(secret)["data"]
            assert (asked["scope"], asked["conversation_id"], asked["sender"]["id"]) == ("all", place["id"], ann.id)
            ann.send(place, f"fine {uuid.uuid4()}")
            edit = ann.request("PATCH", f"/api/messages/{said['id']}", {"content": secret})
            plan = ann.request("POST", f"/api/conversations/{place['id']}/scheduled",
                               {"content": secret, "scheduled_for": "2099-01-01T00:00:00Z"})
            assert [(r.status, r.json["code"], r.json["detail"]) for r in (edit, plan)] == [(403, "forbidden", "card_number")] * 2
            assert secret not in [m["content"] for m in ben.messages(place)["items"]]
        rows = psql(daemon.info["database"], f"SELECT action, reason FROM audit WHERE actor = '{ann.id}' AND action = 'message.blocked'")
        assert rows.split() == ["message.blocked|card_number"] * 6
        # What says something without a text, too.
        hook.answers[None] = {"action": "block", "reasons": ["poll"]}
        plan = ann.request("POST", f"/api/conversations/{talk['id']}/scheduled", {
            "poll": {"question": "card 4111?", "options": ["a", "b"]}, "scheduled_for": "2099-01-01T00:00:00Z"})
        assert (plan.status, plan.json["code"], plan.json["detail"]) == (403, "forbidden", "poll")
        assert hook.asked(None)["data"]["carries"]["poll"]["question"] == "card 4111?"
        # By the socket, and in order behind what is still thought about.
        slow = f"slow {uuid.uuid4()}"
        hook.hold.add(slow)
        with ann.ws() as socket, ben.ws() as told:
            socket.send("message", id="1", conversation_id=talk["id"], content=slow)
            socket.send("message", id="2", conversation_id=talk["id"], content="behind")
            hook.asked(slow)
            hook.release.set()
            assert [socket.expect("ack")["id"] for _ in range(2)] == ["1", "2"]
            heard = [told.expect("message.new")["payload"]["content"] for _ in range(2)]
        assert heard == [slow, "behind"]
        ann.call(200, "PATCH", f"/api/messages/{said['id']}", {"content": "fine as well"})
        assert not hook.wrong


def test_dangerous_links_are_refused_to_strangers_and_told_to_who_asks(stack, hook):
    bad, good = (f"https://{word}-{uuid.uuid4().hex}.example/a" for word in ("bad", "good"))
    hook.answers[bad] = {"matches": [{"threatType": "MALWARE", "threat": {"url": bad}, "cacheDuration": "300.5s"},
                                     {"threatType": "MALWARE", "threat": {"url": "https://not-asked.example/"}}]}
    with Daemon(stack, options={"spam": {"links_url": hook.url, "links_key": "k", "links_timeout": 5000}}) as daemon:
        ann, ben = pair(daemon)
        talk = ann.conversation_with(participant_id=ben.id)

        def sent(content):
            return ann.request("POST", f"/api/conversations/{talk['id']}/messages", {"content": content})
        assert "event=spam-hook" not in daemon.logged(), "there is none"
        assert sent("no link").status == 201
        refused = sent(f"see {bad}!")
        assert (refused.status, refused.json["code"]) == (403, "spam")
        assert sent(f"see ({good}).").status == 201
        row = psql(daemon.info["database"], f"SELECT reasons FROM spam_checks WHERE sender = '{ann.id}' AND action = 'block'")
        assert "unsafe_link" in row
        items = ann.call(200, "POST", "/api/links/check", {"urls": [bad, good, "https://not-asked.example/"]})["items"]
        assert [(i["verdict"], i["reasons"]) for i in items] == [("blocked", ["unsafe"]), ("unknown", []), ("unknown", [])]
        assert [hook.contents().count(url) for url in (bad, good)] == [1, 1], "what is known is not asked again"
        ben.send(talk, "hello")
        assert sent(bad).status == 201, "they talk with each other"
        assert not any("webhook-signature" in head for head in hook.wrong), "there is no secret that could sign"
        # Without an answer nothing is known, and nobody waits.
        hook.answers["https://down.example/"] = 503
        assert ann.call(200, "POST", "/api/links/check", {"urls": ["https://down.example/"]})["items"][0]["verdict"] == "unknown"
