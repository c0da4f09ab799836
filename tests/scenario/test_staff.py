# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of staff: given by the backend's key, told to the user alone, asked by what needs one."""
import uuid

from harness.daemon import run_trestle
from harness.rest import http_request


def test_roles_open_what_needs_them(stack, app):
    status, key, _ = run_trestle("token", "--config", stack.info["config"], "--server-key", "staff",
                                 "--scopes", "admin,moderate,audit,analytics")
    assert status == 0
    alice, bella = app("alice"), app("bella")
    ids = alice.me()["id"], bella.me()["id"]

    def give(user, roles, key=key.strip()):
        return http_request(stack.info["rest"], "PUT", f"/api/users/{user}/staff", {"roles": roles},
                            headers={"Authorization": f"Bearer {key}"})
    assert alice.myself()["staff"] == []
    alice.conversation_with(participant_id=ids[1])
    with alice.ws() as socket, bella.ws() as other:
        assert give(ids[0], ["moderator"]).json == {"user_id": ids[0], "staff": ["moderator"]}
        told = socket.expect("user.updated")["payload"]
        assert (told["id"], told["staff"]) == (ids[0], ["moderator"])
        assert alice.myself()["staff"] == ["moderator"]
        assert alice.request("GET", "/api/admin/jobs").status == 403, "that is no moderator's"
        what_happened = f"/api/admin/calls/{uuid.uuid4()}/events"
        assert alice.request("GET", what_happened).status == 403, "nor that"
        assert give(ids[0], ["auditor"]).status == 200
        assert alice.request("GET", what_happened).status == 404, "an auditor may look; there is no such call"
        assert give(ids[0], ["admin"]).status == 200
        assert "items" in alice.call(200, "GET", "/api/admin/jobs")
        socket.sync()
        other.sync()
        assert other.count("user.updated") == 0, "nobody else hears of roles"
    assert "staff" not in bella.call(200, "GET", f"/api/users/{ids[0]}")
    assert bella.request("GET", "/api/admin/jobs").status == 403
    for roles in (["king"], "admin", [1], ["admin"] * 4):
        assert give(ids[0], roles).status == 422, roles
    assert alice.request("PUT", f"/api/users/{ids[0]}/staff", {"roles": ["admin"]}).status == 403
    assert give(ids[0], []).json["staff"] == [] and alice.request("GET", "/api/admin/jobs").status == 403
