-- SPDX-License-Identifier: GPL-3.0-or-later
-- Stanzas that wait for the session of their account have an end: bound_expired() looks for the oldest.
CREATE INDEX bound_outbox_age ON bound_outbox (created_at);
