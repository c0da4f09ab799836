/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding the addressed account and keeping the request meanwhile. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/lookup.h"
#include "bridge/archive/archive.h"
#include "bridge/core/core.h"
#include "bridge/presence/hosted.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/stanza.h"
#include "xep/stanza_text.h"

#define CALLS_MAX 1000 /* that wait; each holds a whole request */

static unsigned calls;

static void call_free(struct hosted_call *call)
{
    calls--;
    account_unref(call->account);
    xmpp_stanza_release(call->stanza);
    g_free(call->from_bare);
    g_free(call->to_bare);
    g_free(call);
}

void hosted_answer(struct hosted_call *call, xmpp_stanza_t *reply)
{
    g_autoptr(xmpp_stanza_t) owned = reply;
    if (owned)
        stanza_out(call->core, owned);
    call_free(call);
}

void hosted_refuse(struct hosted_call *call, enum error_code code)
{
    const struct error_info *info = error_info(code);
    hosted_answer(call, stanza_reply_error(call->stanza, info->type, info->condition, NULL));
}

static void account_found(struct account *account, enum error_code error, void *data)
{
    struct hosted_call *call = data;
    if (error == ERROR_NONE && !account)
        error = ERROR_REFUSED;
    else if (error != ERROR_NONE || !call->core->archive) /* the latter: going down */
        error = ERROR_UNAVAILABLE;
    if (error != ERROR_NONE) {
        hosted_refuse(call, error);
        return;
    }
    call->account = account_ref(account);
    call->serve(call);
}

static void relation_found(struct relation *relation, enum error_code error, void *data)
{
    struct hosted_call *call = data;
    if (error == ERROR_NONE && relation_is_silent(relation))
        error = ERROR_REFUSED;
    else if (error != ERROR_NONE || !call->core->archive)
        error = ERROR_UNAVAILABLE;
    if (error != ERROR_NONE) {
        hosted_refuse(call, error);
        return;
    }
    call->side = relation->party[RELATION_USER].allows;
    account_lookup_jid(call->core->accounts, call->to_bare, account_found, call);
}

static void relation_ask(struct hosted_call *call)
{
    struct relation_key key = {.user = call->to_bare, .peer = call->from_bare};
    relation_find(call->core, &key, relation_found, call);
}

bool hosted_serve(const struct stanza_context *context, void (*serve)(struct hosted_call *call))
{
    struct hosted_call *call = g_new0(struct hosted_call, 1);
    calls++;
    call->core = context->data;
    call->stanza = xmpp_stanza_clone(context->stanza);
    call->target = context->target;
    call->from_bare = g_strdup(context->from_bare);
    call->to_bare = g_strdup(context->to_bare);
    call->serve = serve;
    const char *resource = strchr(context->to, '/');
    if (resource && strcmp(resource, "/" ACCOUNT_RESOURCE) != 0)
        hosted_refuse(call, ERROR_REFUSED);
    else if (calls > CALLS_MAX)
        hosted_refuse(call, ERROR_UNAVAILABLE);
    else
        relation_ask(call);
    return true;
}

static void idle_read(const struct rows *rows, enum error_code error, void *data)
{
    struct hosted_call *call = data;
    if (error != ERROR_NONE || rows_count(rows) != 1) {
        hosted_refuse(call, error != ERROR_NONE ? ERROR_UNAVAILABLE : ERROR_REFUSED);
        return;
    }
    call->idle_seconds = rows_integer(rows, 0, CONTACT_IDLE_SECONDS);
    call->serve(call);
}

void hosted_ask_idle(struct hosted_call *call, void (*next)(struct hosted_call *call))
{
    const char *values[] = {call->account->id_text};
    call->serve = next;
    archive_query(call->core->archive, QUERY_CONTACT_IDLE, values, idle_read, call);
}
