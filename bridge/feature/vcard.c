/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vcard-temp (XEP-0054) of hosted users: name and nickname, to those who may
 * see the profile; written by nobody. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/core/account.h"
#include "bridge/feature/feature.h"
#include "bridge/feature/hosted.h"
#include "xep/0054_vcard.h"

static void serve_get(struct hosted_call *call)
{
    const struct account *account = call->account;
    if (!call->side.profile) {
        hosted_refuse(call, ERROR_FORBIDDEN);
        return;
    }
    json_t *user = json_loads(account->json ? account->json : "{}", 0, NULL);
    const char *username = json_string_value(json_object_get(user, "username"));
    g_autofree char *local = g_strndup(account->jid, strcspn(account->jid, "@"));
    const char *nickname = username ? username : local;
    struct vcard card = {.full_name = account->name ? account->name : nickname,
                         .nickname = nickname};
    hosted_answer(call, vcard_build_result(call->stanza, &card));
    json_decref(user);
}

static bool on_get(const struct stanza_context *context)
{
    return hosted_serve(context, serve_get);
}

static void serve_set(struct hosted_call *call)
{
    hosted_refuse(call, ERROR_FORBIDDEN);
}

static bool on_set(const struct stanza_context *context)
{
    return hosted_serve(context, serve_set);
}

static const struct stanza_handler stanzas[] = {
    {"iq", "get", "vCard", NS_VCARD, TARGET_USER, on_get},
    {"iq", "set", "vCard", NS_VCARD, TARGET_USER, on_set},
    {0},
};

const struct feature feature_vcard = {.name = "vcard", .stanzas = stanzas};
