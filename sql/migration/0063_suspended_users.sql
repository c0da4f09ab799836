-- SPDX-License-Identifier: GPL-3.0-or-later
-- Until when users are suspended, where what comes from XMPP looks: what user_access has, kept by user_suspension_keep().

ALTER TABLE users
  ADD suspended_until timestamptz;     -- infinity: until it is taken back
UPDATE users u SET suspended_until = coalesce(a.suspended_until, 'infinity')
  FROM user_access a WHERE a.user_id = u.id AND a.suspended_at IS NOT NULL;
