# SPDX-License-Identifier: GPL-3.0-or-later
"""How long messages are kept: what has been kept for long enough is gone from the API, from archives of rooms and from those of
accounts of an XMPP server; a user may want the own words to go sooner; administrators see what waits and look now."""
import json

import pytest
from conftest import stack_of
from harness.daemon import run_trestle
from harness.database import database
from harness.inbox import wait_for
from harness.mam import everything, is_open
from test_bound_beside import Person, words
from test_mam import ids, invite, read, refused

DAYS = 30


@pytest.fixture(scope="module")
def running_stack(request, tmp_path_factory):
    conf = tmp_path_factory.mktemp("retention") / "retention.ini"
    conf.write_text(f"[retention]\nmessages = {DAYS}\nmedia = 20\n")
    yield from stack_of(request, "--plugin", "--archive", "--conf", str(conf))


@pytest.fixture
def shell(stack):
    def run(*fields, status=0):
        got, out, err = run_trestle("admin", "--config", stack.info["config"], *fields)
        assert got == status, (out, err)
        return json.loads(out) if status == 0 else err
    return run


def age(sql, conversation, seq, days=DAYS + 1):
    sql("UPDATE messages SET created_at = created_at - make_interval(days => %s) WHERE conversation_id = %s AND seq <= %s",
        days, conversation, seq)


def waiting(shell, kind):
    return next(row for row in shell("retention")["items"] if row["kind"] == kind)


def test_what_was_kept_for_long_enough_is_gone(stack, app, xmpp, shell):
    alice, bella, carol = app("alice"), app("bella"), xmpp("carol")
    carol.plugin("xep_0313")
    group = alice.call(201, "POST", "/api/groups", {"name": "Team", "members": [{"user_id": bella.me()["id"]}]})
    invite(alice, group, carol)
    text = words("xanadu")
    old = [alice.send(group, f"{text} {n}") for n in range(3)]
    young = alice.send(group, "young")
    assert set(ids(read(carol, group["jid"])[0])) >= {old[0]["id"], young["id"]}
    with database(stack) as sql:
        age(sql, group["id"], old[-1]["seq"])
        assert waiting(shell, "messages")["days"] == DAYS and waiting(shell, "messages")["waiting"] >= 3
        with bella.ws() as socket:
            assert shell("retention-run", "kind=messages")["kind"] == "retention.messages"
            gone = socket.expect("conversation.expired", conversation_id=group["id"])["payload"]
            assert gone["up_to_seq"] == old[-1]["seq"]
        for user in (alice, bella):
            shown = user.messages(group)["items"]
            assert young["id"] in {m["id"] for m in shown} and text not in json.dumps(shown)
            assert user.request("GET", f"/api/messages/{old[0]['id']}").status == 404
            assert not user.call(200, "GET", "/api/messages/search", q=text)["items"]
        assert user.call(200, "GET", f"/api/conversations/{group['id']}")["unread_count"] == 1
        assert ids(read(carol, group["jid"])[0]) == [young["id"]]
        assert refused(carol, group["jid"], ("ids", old[0]["id"])) == "item-not-found"
        sql("UPDATE jobs SET due_at = now() WHERE kind = 'reap.messages'")
        wait_for("the rows are gone", lambda: sql("SELECT count(*) FROM messages WHERE body LIKE %s", f"%{text}%") == [(0,)])
        assert not sql("SELECT FROM purges") and waiting(shell, "messages")["waiting"] == 0
        with bella.ws() as socket:
            after = alice.send(group, "after")
            assert socket.expect("message.new", id=after["id"])["payload"]["seq"] == young["seq"] + 1


def test_the_archive_of_an_account_keeps_no_more(stack, xmpp, shell):
    bob, phone, carol = Person(stack, "bob"), xmpp("bob"), xmpp("carol")
    with bob.ws():
        wait_for("the archive is open", lambda: is_open(phone))
        text, young = words("xanadu"), words("young")
        carol.send_message(phone.bare, text)
        phone.expect_message(text)
        carol.send_message(phone.bare, young)
        phone.expect_message(young)
        wait_for("both are in the archive", lambda: {text, young} <= set(everything(phone)[1]))
        with database(stack) as sql:
            stanza = "uid IN (SELECT uid FROM mam_stanzas WHERE stanza LIKE %s)"
            sql(f"UPDATE mam_holders SET stamp = stamp - interval '31 days' WHERE place <= (SELECT max(place) FROM mam_holders WHERE {stanza}"
                " AND owner_id = (SELECT id FROM mam_owners WHERE jid = %s)) AND owner_id = (SELECT id FROM mam_owners WHERE jid = %s)",
                f"%{text}%", phone.bare, phone.bare)
            sql("UPDATE jobs SET due_at = now() WHERE kind = 'reap.archives'")
            wait_for("it is gone", lambda: text not in everything(phone)[1])
        assert young in everything(phone)[1]


def test_what_a_user_wants_to_go_goes_for_everybody(stack, app, shell):
    alice, bella = app("alice"), app("bella")
    path = "/api/settings/retention"
    assert alice.call(200, "GET", path) == {"messages_days": 0, "messages_days_max": DAYS}
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    bella.send(talk, "hers")
    own = alice.send(talk, "own")
    with alice.ws() as other, bella.ws() as socket, database(stack) as sql:
        assert alice.call(200, "PATCH", path, {"messages_days": 7}) == {"messages_days": 7, "messages_days_max": DAYS}
        assert other.expect("settings.updated")["payload"] == {"setting": "retention", "value": alice.call(200, "GET", path)}
        refused_ = alice.call(422, "PATCH", path, {"messages_days": DAYS + 1})
        assert "/messages_days" in json.dumps(refused_)
        for bad in (-1, 36501, "7", 1.5):
            assert alice.request("PATCH", path, {"messages_days": bad}).status == 422
        age(sql, talk["id"], own["seq"], days=8)
        shell("retention-run", "kind=own")
        gone = socket.expect("message.deleted", message_id=own["id"])["payload"]
        assert (gone["reason"], gone["by"]) == ("expired", None)
        assert [m["content"] for m in bella.messages(talk)["items"]] == ["hers", None]
    assert alice.call(200, "PATCH", path, {"messages_days": 0})["messages_days"] == 0


def test_only_administrators_look(alice, backend, shell):
    assert backend.call(200, "GET", "/api/admin/retention")["items"][0]["kind"] == "messages"
    assert backend.call(200, "POST", "/api/admin/retention/run", {"kind": "media"})["kind"] == "retention.media"
    for method, path, body in (("GET", "/api/admin/retention", None), ("POST", "/api/admin/retention/run", {"kind": "own"})):
        assert alice.request(method, path, body).status == 403
    assert "kind" in shell("retention-run", "kind=audit", status=1)
    assert shell("retention-run", "kind=media")["kind"] == "retention.media"
    assert any(row["kind"] == "audit" and row["days"] == 366 and row["waiting"] is None for row in shell("retention")["items"])


def test_figures_of_a_group(stack, app, shell, backend):
    alice, bella, cleo = app("alice"), app("bella"), app("cleo")
    group = alice.call(201, "POST", "/api/groups", {"name": "Team", "members": [{"user_id": u.me()["id"]} for u in (bella, cleo)]})
    path = f"/api/conversations/{group['id']}/analytics"
    alice.call(200, "PATCH", "/api/settings/data-sharing", {"analytics": True})
    for user in (alice, bella, alice, cleo):
        user.send(group, words("xanadu"))
    assert alice.call(200, "GET", path)["message_count"] == 0, "today is not over"
    with database(stack) as sql:
        sql("UPDATE messages SET created_at = created_at - interval '1 day'")
        sql("UPDATE jobs SET due_at = now() WHERE kind = 'analytics.count'")
        wait_for("it is counted", lambda: alice.call(200, "GET", path)["message_count"] == 4)
    shown = alice.call(200, "GET", path)
    assert [(p["user_id"], p["messages"]) for p in shown["participants"]] == [(alice.me()["id"], 2)]
    assert shown["unnamed"] == {"messages": 2} and shown["response_time"]["count"] == 3 and 0 < shown["engagement_score"] <= 100
    assert alice.call(200, "GET", path, to="2020-01-01T00:00:00Z")["message_count"] == 0
    assert bella.request("GET", path).status == 404 and app("stranger").request("GET", path).status == 404
    for bad in ("yesterday", "2026-13-01T00:00:00Z", "9" * 70):
        assert alice.request("GET", path, **{"from": bad}).status == 422
    any_ = f"/api/admin/conversations/{group['id']}/analytics"
    assert alice.request("GET", any_).status == 403
    status, key, _ = run_trestle("token", "--config", stack.info["config"], "--server-key", "figures", "--scopes", "analytics")
    assert status == 0
    headers = {"Authorization": f"Bearer {key.strip()}"}
    assert backend.call(200, "GET", any_, headers=headers) == shown == shell("analytics", f"conversation_id={group['id']}")
    assert backend.request("GET", path, headers=headers).status == 403, "it acts for nobody"
    alice.call(200, "PATCH", "/api/settings/data-sharing", {"analytics": False})
    assert alice.call(200, "GET", path)["participants"] == []
