-- SPDX-License-Identifier: GPL-3.0-or-later
-- What functions of archives (sql/function/archive.sql) hand to each other.

-- Of one conversation the messages with low < seq <= high, and the entries with after < position <= before, but for those
-- about messages up to base, which were kept for long enough.
CREATE TYPE archive_window AS (conversation_id uuid, low bigint, high bigint, after bigint, before bigint, base bigint);

-- Where a message or entry stands. seq: its own, or that of the newest message before it. about: the message that the entry
-- is about; NULL: none.
CREATE TYPE archive_place AS (conversation_id uuid, position bigint, seq bigint, is_message boolean, shown boolean, about uuid);
