/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a stanza asks a room to change. */
#pragma once

#include <jansson.h>

#include "bridge/base/error.h"
#include "bridge/xmpp/dispatch.h"

/* Bytes of why something is asked for; a longer one is not passed on. */
#define ROOM_REASON_MAX 1000

/* Carries out change NAME (static text) with ARGUMENTS (taken; NULL: none of its own), which get
 * who asks, in which room, and our users' domain (sql/function/room_admin.sql). Answers an IQ when
 * it is done, and a stanza of any kind with an error when it is not. Always true, for use in a
 * handler's return. */
bool room_demand(const struct stanza_context *context, const char *name, json_t *arguments);
/* Takes COUNT people whom who asks brings into rooms from the limit of invitations; false: that is
 * too many, and the stanza is answered. */
bool room_take_people(const struct stanza_context *context, size_t count);
/* Answers a stanza with an error at once; TEXT may be NULL. Always true. */
bool room_reject(const struct stanza_context *context, const char *type, const char *condition,
                 const char *text);
/* The same later, of a stanza that was kept. */
void room_reject_later(struct core *core, xmpp_stanza_t *stanza, const struct error_info *info,
                       const char *text);
