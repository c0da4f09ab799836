-- SPDX-License-Identifier: GPL-3.0-or-later
-- What one user has done, in an order in which it can be read page by page.

CREATE INDEX reactions_by ON reactions (user_id, message_id);
DROP INDEX reactions_user;
CREATE INDEX votes_by ON votes (user_id, message_id);
DROP INDEX votes_user;
CREATE INDEX reports_by ON reports (reporter, id) WHERE reporter IS NOT NULL;
DROP INDEX reports_reporter;
CREATE INDEX activity_by ON activity (who, day, conversation_id) WHERE named;
DROP INDEX activity_named;
CREATE INDEX export_consents_by ON export_consents (user_id, export_id);
DROP INDEX export_consents_user;
