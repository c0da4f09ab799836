/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may give commands by XMPP: the addresses of the option [admin] jids, and accounts of a server
 * that have a role of staff here. */
#pragma once

#include <stdbool.h>

#include "bridge/base/error.h"

struct account;
struct core;
struct operation;
struct options;

/* Takes the addresses of OPTIONS in place of those that were read before. */
void callers_read(const struct options *options);
void callers_clear(void);

struct adhoc_caller {
    char *address;     /* as delivered, with the resource */
    char *bare;        /* prepared */
    bool is_operator;  /* an address of the options */
    bool is_suspended; /* nothing is for this one */
    struct account
        *account; /* a reference; of an account of a server that is a user here; or NULL */
    char *staff;  /* its roles, separated by spaces; or NULL */
};

void adhoc_caller_free(struct adhoc_caller *caller); /* NULL is fine */

/* CALLER is taken over. It is nobody of any rights when the database could not be asked, unless the
 * options name the address. */
typedef void (*caller_found)(struct adhoc_caller *caller, void *data);

/* Finds out who ADDRESS (a full or bare JID, as a server delivered it) is, and calls FOUND once,
 * later. False: too many are being asked for. */
bool caller_find(struct core *core, const char *address, caller_found found, void *data);

/* Whether CALLER may run OPERATION as a command. */
bool caller_may(const struct adhoc_caller *caller, const struct operation *operation);

/* Whether there is any command for CALLER. */
bool caller_is_somebody(const struct core *core, const struct adhoc_caller *caller);
