-- SPDX-License-Identifier: GPL-3.0-or-later
-- What functions of galleries (sql/function/gallery.sql) hand to each other.

-- The n-th file or link of a message.
CREATE TYPE gallery_item AS (message_id uuid, seq bigint, n int, file_id uuid, url text);
