# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of staff: whoever has one, and who is told."""
import json

import pytest

from conftest import new_id
from test_profile import change


def roles(db, user):
    return json.loads(db.one("SELECT user_self(%s)", user))["staff"]


def test_roles_are_given_once_and_told_to_the_user_alone(db):
    alice, bob = (db.provision(str(i), n)["id"] for i, n in enumerate(["alice", "bob"]))
    db.store(dict(conversation=db.conversation(alice, bob), sender=alice))
    assert roles(db, alice) == []
    outcome, result, events = change(db, "staff", None, user_id=alice, roles=["moderator", "auditor", "moderator"])
    assert (outcome, result["staff"]) == (0, ["auditor", "moderator"])
    assert [(e["type"], e["users"]) for e in events] == [("user.updated", [alice])]
    assert roles(db, alice) == ["auditor", "moderator"] and roles(db, bob) == []
    assert change(db, "staff", None, user_id=alice, roles=["moderator", "auditor"])[::2] == (1, [])
    assert change(db, "staff", None, user_id=alice, roles=[])[0] == 0 and roles(db, alice) == []


def test_admin_stands_for_every_role(db):
    alice, bob = (db.provision(str(i), n)["id"] for i, n in enumerate(["alice", "bob"]))
    change(db, "staff", None, user_id=alice, roles=["admin"])
    change(db, "staff", None, user_id=bob, roles=["auditor"])

    def has(user):
        return [role for role in ("moderator", "auditor", "admin") if db.one("SELECT staff_has(%s, %s)", user, role)]
    assert has(alice) == ["moderator", "auditor", "admin"]
    assert has(bob) == ["auditor"]
    assert has(new_id()) == []


def test_only_hosted_users_have_roles(db):
    remote = db.one("SELECT user_remote('romeo@example.org')")
    for user in (remote, new_id()):
        assert change(db, "staff", None, user_id=str(user), roles=["admin"])[0] == 2
    alice = db.provision("1", "alice")["id"]
    with pytest.raises(Exception):
        change(db, "staff", None, user_id=alice, roles=["king"])
