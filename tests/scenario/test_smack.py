# SPDX-License-Identifier: GPL-3.0-or-later
"""Smack's integration tests of MUC and MAM against our rooms."""
import pytest
from harness import smack

PACKAGE = "org.jivesoftware.smackx."
CLASSES = [PACKAGE + name for name in (
    "muc.MultiUserChatIntegrationTest", "muc.MultiUserChatEntityIntegrationTest",
    "muc.MultiUserChatOccupantIntegrationTest", "muc.MultiUserChatRolesAffiliationsPrivilegesIntegrationTest",
    "muc.MultiUserChatLowLevelIntegrationTest", "muc.ParticipantStatusIntegrationTest",
    "muc.UserStatusIntegrationTest", "mam.MamIntegrationTest")]

# What fails, and why that is as it should be.
FAILING = {}


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_smack(stack, tmp_path):
    outcomes, impossible, printed = smack.run(stack, tmp_path, CLASSES)
    assert len(outcomes) > 40, f"{impossible}\n{printed[-3000:]}"
    failed = {name for name, succeeded in outcomes.items() if not succeeded}
    assert failed == set(FAILING), f"{sorted(failed)}\n{printed[-20000:]}"
