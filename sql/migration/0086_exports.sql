-- SPDX-License-Identifier: GPL-3.0-or-later
-- Exports of a conversation that are not ready, by the conversation: what becomes of them when its members change.

DROP INDEX exports_conversation;
CREATE INDEX exports_conversation ON exports (conversation_id) WHERE state IN ('waiting', 'running');
