/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The account in memory is brought up to date with the answer of the change, before contacts are
 * told and the app is answered. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/presence/announce.h"
#include "bridge/profile/pep.h"
#include "bridge/profile/picture.h"
#include "bridge/profile/profile.h"

#define PROFILE_TOPIC "profile"

/* The User object USER, which TEXT is too, is ACCOUNT's now. */
static void profile_show(struct core *core, struct account *account, const json_t *user,
                         const char *text)
{
    struct account_row row = {.id = account->id,
                              .jid = account->jid,
                              .name = json_string_value(json_object_get(user, "name")),
                              .facts = text,
                              .hosted = !account->bound,
                              .bound = account->bound,
                              .number = account->number};
    g_autofree char *photo = g_strdup(account->photo);
    account_learn(core->accounts, &row);
    if (account->bound) /* its server tells */
        return;
    bool other_photo = strcmp(photo, account->photo) != 0;
    if (other_photo)
        announce_again(core, account);
    pep_publish(core, account, other_photo ? PEP_ALL : PEP_NICK | PEP_VCARD4);
}

void profile_changed(struct request *request, const struct change_result *result)
{
    struct core *core = request->core;
    if (result->outcome != OUTCOME_DONE || !result->text || !core->archive)
        return;
    profile_show(core, request->account, result->json, result->text);
    bus_publish(core, PROFILE_TOPIC, json_deep_copy(result->json));
}

static void change_answer(const struct change_result *result, void *data)
{
    if (change_succeeded(result))
        profile_changed(data, result);
    change_reply(data, 200, result);
}

/* Another instance has changed a profile; whether this one has the link or sockets, it may know the
 * account. */
static void changed_elsewhere(struct core *core, const json_t *message, void *data)
{
    struct uuid id;
    const char *text = json_string_value(json_object_get(message, "id"));
    struct account *account =
        text && uuid_parse(text, &id) ? account_find(core->accounts, &id) : NULL;
    (void)data;
    if (!account || !(account->hosted || account->bound) || !core->archive)
        return;
    char *user = json_dumps(message, JSON_COMPACT);
    profile_show(core, account, message, user);
    free(user);
}

void profile_start(struct core *core)
{
    bus_subscribe(core, PROFILE_TOPIC, changed_elsewhere, NULL);
}

void profile_change(struct request *request, json_t *arguments)
{
    change_submit(request->core, "profile", &request->account->id, arguments, change_answer,
                  request);
}

void profile_names_read(const struct account *account, struct profile_names *ret)
{
    json_t *user = json_loads(account->json ? account->json : "{}", 0, NULL);
    const char *username = json_string_value(json_object_get(user, "username"));
    *ret = (struct profile_names){.user = user};
    ret->local = g_strndup(account->jid, strcspn(account->jid, "@"));
    ret->nickname = username ? username : ret->local;
    ret->full_name = account->name ? account->name : ret->nickname;
    ret->note = json_string_value(json_object_get(user, "bio"));
}

void profile_names_clear(struct profile_names *names)
{
    json_decref(names->user);
    g_free(names->local);
    *names = (struct profile_names){0};
}

static char *bytes_base64(GBytes *bytes)
{
    gsize length = 0;
    const guchar *data = g_bytes_get_data(bytes, &length);
    return g_base64_encode(data, length);
}

void picture_store(struct core *core, const struct picture *picture, archive_done done, void *data)
{
    g_autofree char *image = bytes_base64(picture->image);
    g_autofree char *png = bytes_base64(picture->png);
    char width[16];
    char height[16];
    g_snprintf(width, sizeof width, "%d", picture->width);
    g_snprintf(height, sizeof height, "%d", picture->height);
    const char *values[] = {picture->hash, picture->type, image, png, width, height};
    archive_query(core->archive, QUERY_PICTURE_STORE, values, done, data);
}
