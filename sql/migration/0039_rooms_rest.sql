-- SPDX-License-Identifier: GPL-3.0-or-later
-- Groups that have ended go; what was scheduled goes with the message that it became. See decision 0070.

CREATE INDEX conversations_ended ON conversations (destroyed_at) WHERE destroyed_at IS NOT NULL;
CREATE INDEX scheduled_message ON scheduled (message_id);
