-- SPDX-License-Identifier: GPL-3.0-or-later
-- Rooms that are made and managed by XMPP. See decision 0066.

ALTER TABLE rooms
  ADD locked boolean NOT NULL DEFAULT false; -- made by XMPP and not configured yet: its owner alone may enter
