# SPDX-License-Identifier: GPL-3.0-or-later
"""Smack's integration tests of MUC and MAM against our rooms."""
import pytest
from harness import smack

PACKAGE = "org.jivesoftware.smackx.muc."
# MultiUserChatLowLevelIntegrationTest makes accounts by itself, which our servers let nobody do. MamIntegrationTest asks
# the archive of an account, never that of a room, and so says something of the host server only.
CLASSES = [PACKAGE + name for name in (
    "MultiUserChatIntegrationTest", "MultiUserChatEntityIntegrationTest", "MultiUserChatOccupantIntegrationTest",
    "MultiUserChatRolesAffiliationsPrivilegesIntegrationTest", "ParticipantStatusIntegrationTest",
    "UserStatusIntegrationTest")]

NO_PASSWORDS = "rooms have no passwords (decision 0066); the rooms of this test stay behind"
MEMBERS_BY_ENTERING = "who enters a public room is its member, and who is none is not in it (decision 0066)"
# What fails, and why.
FAILING = {
    "MultiUserChatOccupantIntegrationTest.mucJoinPasswordProtectedWithoutPasswordRoomTest": NO_PASSWORDS,
    "MultiUserChatOccupantIntegrationTest.mucJoinPasswordProtectedRoomWrongPasswordTest": NO_PASSWORDS,
    "MultiUserChatOccupantIntegrationTest.mucJoinPasswordProtectedRoomCorrectPasswordTest": NO_PASSWORDS,
    "MultiUserChatIntegrationTest.mucDestroyOwnerTest": NO_PASSWORDS,
    "MultiUserChatOccupantIntegrationTest.mucJoinPresenceInformationTest": MEMBERS_BY_ENTERING,
    "UserStatusIntegrationTest.testMembershipRevokedInOpenRoom": MEMBERS_BY_ENTERING,
    "ParticipantStatusIntegrationTest.testMembershipRevokedInOpenRoom": MEMBERS_BY_ENTERING,
    "MultiUserChatOccupantIntegrationTest.mucJoinNonAnonymousRoomTest": "public rooms show addresses to moderators alone",
    "MultiUserChatOccupantIntegrationTest.mucMaxUsersLimitAdminCanStillJoinRoomTest": "members count, not visits: nobody is added to a full group",
    "MultiUserChatOccupantIntegrationTest.mucMaxUsersLimitOwnerCanStillJoinRoomTest": "members count, not visits: nobody is added to a full group",
    "MultiUserChatEntityIntegrationTest.mucTestForDiscoveringRoomItems": "who is in a room is told to those who enter it",
}


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_smack(stack, tmp_path):
    outcomes, impossible, printed = smack.run(stack, tmp_path, CLASSES)
    assert len(outcomes) > 40, f"{impossible}\n{printed[-3000:]}"
    failed = {name for name, succeeded in outcomes.items() if not succeeded}
    assert failed <= set(FAILING), f"{sorted(failed - set(FAILING))}\n{printed[-20000:]}"
