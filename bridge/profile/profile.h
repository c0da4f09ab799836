/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hosted user's profile: changing it, and what XMPP is shown of it. */
#pragma once

#include <jansson.h>

#include "bridge/archive/archive.h"
#include "bridge/core/request.h"

struct account;
struct change_result;
struct core;
struct picture;

void profile_start(struct core *core); /* hears of changes by other instances */

/* What follows change "profile" of REQUEST's account: the account in memory shows its RESULT, and
 * XMPP contacts are told. */
void profile_changed(struct request *request, const struct change_result *result);

/* Carries out change "profile" of REQUEST's account with ARGUMENTS (taken), tells XMPP contacts,
 * and answers REQUEST with the User. */
void profile_change(struct request *request, json_t *arguments);

/* What XMPP calls a user. Strings live as long as `user`, which profile_names_clear drops. */
struct profile_names {
    json_t *user;
    const char *full_name; /* never NULL */
    const char *nickname;  /* never NULL */
    const char *note;      /* may be NULL */
    char *local;
};

void profile_names_read(const struct account *account, struct profile_names *ret);
void profile_names_clear(struct profile_names *names);

/* Keeps PICTURE in the database; DONE as of archive_query. */
void picture_store(struct core *core, const struct picture *picture, archive_done done, void *data);
