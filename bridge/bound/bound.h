/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accounts of other hosts that are used here, too. The host's server lets the bridge bind a session
 * for such an account and carries that session's stanzas over the component link
 * (docs/bound-sessions.md): the bridge is one of the account's clients. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/buffer.h"

struct account;
struct bound;
struct bound_host;
struct core;
struct json_writer;

/* Whether JID (bare) is an account of a configured host, and one that the options let in. */
bool bound_may_enter(const struct core *core, const char *jid);

/* How the host of an account is. */
enum bound_state {
    BOUND_STATE_AWAY,    /* it does not answer: what is sent waits */
    BOUND_STATE_LACKING, /* it has no module that binds */
    BOUND_STATE_LIMITED, /* it has, but keeps its archive elsewhere */
    BOUND_STATE_FULL
};
enum bound_state bound_state_of(const struct core *core, const struct account *account);
/* The same as AccountState, with what the host has. */
void bound_state_write(struct buffer *json, const struct core *core, const struct account *account);

/* Its members, for an object that is open. */
void bound_state_members(struct json_writer *json, const struct core *core,
                         const struct account *account);

/* ACCOUNT is here: its session is bound for a while, or, WATCHED, for good. */
void bound_account_here(struct core *core, struct account *account);
void bound_account_watch(struct core *core, struct account *account, bool watched);
/* ACCOUNT has signed out, EVERYWHERE or at one device: unless it is here otherwise, or is watched
 * and has not signed out everywhere, its session ends. */
void bound_account_left(struct core *core, struct account *account, bool everywhere);
/* Its host says that nobody may use it as until now: signs it out. */
void bound_account_ended(struct core *core, struct account *account);

/* The state of all this; NULL: no host is configured. */
struct bound *bound_of(const struct core *core);
/* Tells the users of HOST what it has now. */
void bound_host_tell(struct bound_host *host);
