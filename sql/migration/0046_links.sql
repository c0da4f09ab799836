-- SPDX-License-Identifier: GPL-3.0-or-later
-- Messages with links in them, for the list of those (gallery_links(), which repeats the condition).
CREATE INDEX messages_links ON messages (conversation_id, seq)
  WHERE strpos(body, '://') > 0 AND body ~* 'https?://[^\s<>"]';
