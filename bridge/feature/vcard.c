/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The vCards of hosted users: vcard-temp (XEP-0054) with names, note and photo, and vCard4
 * (XEP-0292) without; to everybody whom the profile is open to, written by nobody. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/presence/hosted.h"
#include "bridge/profile/profile.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0054_vcard.h"
#include "xep/0292_vcard4.h"

/* PHOTO may be NULL. */
static void vcard_answer(struct hosted_call *call, const char *photo)
{
    struct profile_names names;
    profile_names_read(call->account, &names);
    struct vcard card = {.full_name = names.full_name,
                         .nickname = names.nickname,
                         .description = names.note,
                         .photo_type = photo ? "image/png" : NULL,
                         .photo = photo};
    xmpp_stanza_t *result = vcard_build_result(call->stanza, &card);
    profile_names_clear(&names);
    hosted_answer(call, result);
}

static void picture_read(const struct rows *rows, enum error_code error, void *data)
{
    struct hosted_call *call = data;
    if (error != ERROR_NONE)
        hosted_refuse(call, ERROR_UNAVAILABLE);
    else
        vcard_answer(call, rows_count(rows) == 1 ? rows_text(rows, 0, PICTURE_PNG_PNG) : NULL);
}

static void serve_card(struct hosted_call *call)
{
    const char *photo = call->account->photo;
    if (!call->side.profile)
        hosted_refuse(call, ERROR_REFUSED);
    else if (*photo)
        archive_query(call->core->archive, QUERY_PICTURE_PNG, &photo, picture_read, call);
    else
        vcard_answer(call, NULL);
}

static bool on_get(const struct stanza_context *context)
{
    return hosted_serve(context, serve_card);
}

static void serve_card4(struct hosted_call *call)
{
    if (!call->side.profile) {
        hosted_refuse(call, ERROR_REFUSED);
        return;
    }
    struct profile_names names;
    profile_names_read(call->account, &names);
    struct vcard4 card = {names.full_name, names.nickname, names.note};
    xmpp_stanza_t *result = stanza_reply_result(call->stanza);
    vcard4_add(result, &card);
    profile_names_clear(&names);
    hosted_answer(call, result);
}

static bool on_get4(const struct stanza_context *context)
{
    return hosted_serve(context, serve_card4);
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
    {"iq", "get", "vCard", NS_VCARD, TARGET_USER, .claim = on_get},
    {"iq", "set", "vCard", NS_VCARD, TARGET_USER, .claim = on_set},
    {"iq", "get", "vcard", NS_VCARD4, TARGET_USER, .claim = on_get4},
    {"iq", "set", "vcard", NS_VCARD4, TARGET_USER, .claim = on_set},
    {0},
};

const struct feature feature_vcard = {.name = "vcard", .stanzas = stanzas};
