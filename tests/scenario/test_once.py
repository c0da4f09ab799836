# SPDX-License-Identifier: GPL-3.0-or-later
"""Idempotency-Key: what makes something happens once, and one request has one key."""
import uuid

import pytest

from harness.rest import Backend

pytestmark = pytest.mark.one_server


def key(value):
    return {"Idempotency-Key": value}


def test_a_conversation_is_opened_once(app):
    alice, bella, carol = app("alice"), app("bella"), app("carol")
    body = {"participant_id": bella.me()["id"]}
    first = alice.call(201, "POST", "/api/conversations", body, key("k1"))
    assert alice.call(200, "POST", "/api/conversations", body, key('"k1"'))["id"] == first["id"]
    wrong = alice.request("POST", "/api/conversations", {"participant_id": carol.me()["id"]}, key("k1"))
    assert (wrong.status, wrong.json["detail"]) == (422, "Idempotency-Key was used for another request")
    alice.call(200, "DELETE", f"/api/conversations/{first['id']}")
    alice.call(200, "POST", "/api/conversations", body, key("k1"))
    assert alice.conversations()["items"] == [], "a late repetition does not bring it back"
    assert carol.request("POST", "/api/conversations", body, key("k1")).status == 201, "somebody else's key"


def test_a_group_is_made_once(app):
    alice, bella = app("alice"), app("bella")
    body = {"name": "Two", "members": [{"user_id": bella.me()["id"]}]}
    first = alice.call(201, "POST", "/api/groups", body, key("g"))
    assert alice.call(200, "POST", "/api/groups", body, key("g"))["id"] == first["id"]
    assert alice.request("POST", "/api/groups", {**body, "name": "Other"}, key("g")).status == 422
    assert alice.call(201, "POST", "/api/groups", body)["id"] != first["id"]
    assert len(alice.conversations()["items"]) == len(bella.conversations()["items"]) == 2


def test_a_contact_is_asked_once(app):
    alice, bella = app("alice"), app("bella")
    body = {"user_id": bella.me()["id"]}
    assert alice.call(201, "POST", "/api/contacts", body, key("k"))["ask"]
    alice.call(200, "DELETE", f"/api/contacts/{bella.me()['id']}")
    again = alice.call(200, "POST", "/api/contacts", body, key("k"))
    assert (again["ask"], again["subscription"]) == (False, "none")
    assert alice.request("POST", "/api/conversations", {"participant_id": bella.me()["id"]}, key("k")).status == 422


def test_a_backend_that_repeats_itself_does_not_bring_back_an_old_name(stack):
    backend, external = Backend(stack), uuid.uuid4().hex
    old = {"external_id": external, "name": "Old"}
    assert backend.call(201, "POST", "/api/users", old, key(external))["name"] == "Old"
    assert backend.create_user(external, name="New")["name"] == "New"
    assert backend.call(200, "POST", "/api/users", old, key(external))["name"] == "New"
    assert backend.request("POST", "/api/users", {**old, "name": "Other"}, key(external)).status == 422


def test_a_message_has_one_key(app):
    alice, bella = app("alice"), app("bella")
    path = f"/api/conversations/{alice.conversation_with(participant_id=bella.me()['id'])['id']}/messages"
    body = {"content": "once"}
    wrong = alice.request("POST", path, {**body, "client_id": "a"}, key("b"))
    assert (wrong.status, wrong.json["errors"][0]["pointer"]) == (422, "/client_id")
    first = alice.call(201, "POST", path, {**body, "client_id": "a"}, key('"a"'))
    assert first["client_id"] == "a"
    for headers, more in ((key("a"), {}), (key('"a"'), {}), ({}, {"client_id": "a"})):
        assert alice.call(200, "POST", path, {**body, **more}, headers)["id"] == first["id"]
    assert alice.request("POST", path, body, key('"a')).status == 400
