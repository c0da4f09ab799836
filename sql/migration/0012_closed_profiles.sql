-- SPDX-License-Identifier: GPL-3.0-or-later
-- Each message that is stored asks whether its sender has a profile setting of their own: few have.
CREATE INDEX users_profile ON users (id) WHERE privacy_profile IS NOT NULL;
