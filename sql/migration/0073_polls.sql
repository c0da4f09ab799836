-- SPDX-License-Identifier: GPL-3.0-or-later
-- The polls of a conversation, for the list of those (poll_page(), which repeats the condition).
CREATE INDEX messages_polls ON messages (conversation_id, seq) WHERE kind = 'poll' AND deleted_at IS NULL;
