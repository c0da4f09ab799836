/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a user is here besides sessions by cookie, which the database knows: open sockets and
 * streams, tokens, the session by which the user is in XMPP. */
#pragma once

struct core;
struct json_writer;
struct uuid;

/* Members for an object that is open. Of this instance alone, but for `elsewhere`: whether others
 * have sockets of USER. */
void user_devices_members(struct json_writer *json, const struct core *core,
                          const struct uuid *user);
