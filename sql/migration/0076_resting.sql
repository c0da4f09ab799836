-- SPDX-License-Identifier: GPL-3.0-or-later
-- The order of long lists of conversations is kept for those that have long been quiet. See decision 0117.

-- What is known of the newest message, as long as nothing has been said since: the conversation rests for this member. Whoever stores
-- a message wakes it, see conversation_wake(). NULL: look.
ALTER TABLE members
  ADD rested bigint,                   -- its position; of the conversation, where nothing was said
  ADD rested_seq bigint,
  ADD rested_others bigint;            -- how many messages others had written by then
-- It rests for one of its members at least.
ALTER TABLE conversations ADD rested boolean NOT NULL DEFAULT false;

CREATE INDEX members_rested ON members (user_id, (archived_at IS NOT NULL), rested);
