-- SPDX-License-Identifier: GPL-3.0-or-later
-- What people on XMPP say of their requests and messages.

ALTER TABLE contacts ADD note text;       -- what they wrote when they asked, while pending_in
ALTER TABLE messages ADD sent_at timestamptz; -- when it was sent, if that was long before it came; a
                                          -- claim of the sender's side, for display only
