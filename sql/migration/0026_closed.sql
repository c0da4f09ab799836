-- SPDX-License-Identifier: GPL-3.0-or-later
-- Whether a message of a direct conversation has to ask if its sender's profile is closed to the other: a member
-- has set who sees it. Never unset. A look at users for each message would cost the usual one a tenth of its work.
ALTER TABLE conversations ADD closed boolean NOT NULL DEFAULT false;
UPDATE conversations c SET closed = true
  WHERE EXISTS (SELECT FROM members m JOIN users u ON u.id = m.user_id
                  WHERE m.conversation_id = c.id AND u.privacy_profile IS NOT NULL);
