/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pictures of rooms, which are the icons of groups: as the photo of a vCard that a room has
 * (XEP-0054), with its digest in a presence of the room itself (XEP-0153, XEP-0486). */
#include "config.h"

#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "bridge/profile/picture.h"
#include "bridge/profile/profile.h"
#include "bridge/room/demand.h"
#include "bridge/room/scene.h"
#include "xep/0054_vcard.h"
#include "xep/0153_vcard_avatar.h"

/* ---- Asked ----------------------------------------------------------------------------------- */

/* A card while its photo is read: what the scene says of the room is borrowed until then only. */
struct asking {
    struct room_call *call;
    char *name, *description;
};

static void card_answer(struct room_call *call, const struct vcard *card)
{
    room_answer(call, vcard_build_result(call->stanza, card));
}

static void photo_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct asking *asking = data;
    g_autofree char *name = asking->name;
    g_autofree char *description = asking->description;
    const struct error_info *info = error_info(ERROR_UNAVAILABLE);
    struct vcard card = {.full_name = name, .description = description};
    if (error != ERROR_NONE || !asking->call->core->archive) {
        room_refuse(asking->call, info->type, info->condition, NULL);
        return;
    }
    if (rows_count(rows) == 1) {
        card.photo_type = "image/png";
        card.photo = rows_text(rows, 0, PICTURE_PNG_PNG);
    }
    card_answer(asking->call, &card);
}

static void photo_ask(struct room_call *call)
{
    struct asking *asking = g_new0(struct asking, 1);
    asking->call = call;
    asking->name = g_strdup(call->scene.name);
    asking->description = g_strdup(call->scene.description);
    archive_query(call->core->archive, QUERY_PICTURE_PNG, &call->scene.photo, photo_read, asking);
}

static void serve_card(struct room_call *call)
{
    const struct room_scene *scene = &call->scene;
    struct vcard card = {.full_name = scene->name, .description = scene->description};
    if (!scene->is_public && scene->affiliation < AFFILIATION_MEMBER)
        room_refuse(call, "auth", "forbidden", NULL);
    else if (scene->photo)
        photo_ask(call);
    else
        card_answer(call, &card);
}

static bool on_get(const struct stanza_context *context)
{
    return room_serve(context, serve_card);
}

/* ---- Set ------------------------------------------------------------------------------------- */

/* A picture that is made anew for a room: what the request says of who wants it in which room is
 * read from it again when the picture is there. */
struct setting {
    struct stanza_context context;
    xmpp_stanza_t *stanza; /* reference */
    char *from, *from_bare, *to, *to_bare;
    char hash[PICTURE_HASH_SIZE];
};

static struct setting *setting_new(const struct stanza_context *context)
{
    struct setting *setting = g_new0(struct setting, 1);
    setting->context = *context;
    setting->stanza = xmpp_stanza_clone(context->stanza);
    setting->from = g_strdup(context->from);
    setting->from_bare = g_strdup(context->from_bare);
    setting->to = g_strdup(context->to);
    setting->to_bare = g_strdup(context->to_bare);
    setting->context.stanza = setting->stanza;
    setting->context.payload = NULL;
    setting->context.from = setting->from;
    setting->context.from_bare = setting->from_bare;
    setting->context.to = setting->to;
    setting->context.to_bare = setting->to_bare;
    return setting;
}

static void setting_free(struct setting *setting)
{
    xmpp_stanza_release(setting->stanza);
    g_free(setting->from);
    g_free(setting->from_bare);
    g_free(setting->to);
    g_free(setting->to_bare);
    g_free(setting);
}

static void icon_demand(const struct stanza_context *context, const char *hash)
{
    room_demand(context, "room_icon", json_pack("{s:s?}", "icon_hash", hash));
}

static void picture_stored(const struct rows *rows, enum error_code error, void *data)
{
    struct setting *setting = data;
    const struct core *core = setting->context.data;
    const struct error_info *info = error_info(ERROR_UNAVAILABLE);
    (void)rows;
    if (error == ERROR_NONE && core->archive)
        icon_demand(&setting->context, setting->hash);
    else
        room_reject(&setting->context, info->type, info->condition, NULL);
    setting_free(setting);
}

static void picture_made(const struct picture *picture, enum error_code error, void *data)
{
    struct setting *setting = data;
    struct core *core = setting->context.data;
    if (picture && core->archive) {
        g_strlcpy(setting->hash, picture->hash, sizeof setting->hash);
        picture_store(core, picture, picture_stored, setting);
        return;
    }
    const struct error_info *info =
        error_info(error == ERROR_UNPROCESSABLE ? error : ERROR_UNAVAILABLE);
    room_reject(&setting->context, info->type, info->condition, NULL);
    setting_free(setting);
}

/* Of the rest of the card, nothing is taken: a room has its name by its configuration. */
static bool on_set(const struct stanza_context *context)
{
    const struct core *core = context->data;
    struct uuid subject = limit_subject_of(context->from_bare);
    struct limit_state state;
    struct vcard card;
    gsize length = 0;
    if (!vcard_parse(context->stanza, &card))
        return room_reject(context, "modify", "bad-request", NULL);
    if (!card.photo) {
        icon_demand(context, NULL);
        return true;
    }
    if (!limiter_take(core->limiter, &subject, LIMIT_UPLOADS, &state)) {
        const struct error_info *info = error_info(ERROR_RATE_LIMITED);
        return room_reject(context, info->type, info->condition, NULL);
    }
    guchar *data = g_base64_decode(card.photo, &length);
    g_autoptr(GBytes) bytes = g_bytes_new_take(data, length);
    struct picture_origin origin = {.owner = context->from_bare, .foreign = true};
    picture_make(bytes, &origin, picture_made, setting_new(context));
    return true;
}

/* ---- Told ------------------------------------------------------------------------------------ */

/* The payload is { hash }. */
static xmpp_stanza_t *build_photo(const struct outbox_entry *entry)
{
    json_t *facts = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    const char *hash = json_string_value(json_object_get(facts, "hash"));
    xmpp_stanza_t *presence = stanza_new("presence", NULL);
    xmpp_stanza_set_from(presence, entry->from);
    xmpp_stanza_set_to(presence, entry->to);
    vcard_update_add(presence, hash ? hash : "");
    json_decref(facts);
    return presence;
}

static const struct outgoing outgoing[] = {
    {"room_photo", SERVICE_ROOMS, .build = build_photo},
    {0},
};

static const struct stanza_handler stanzas[] = {
    {"iq", "get", "vCard", NS_VCARD, TARGET_ROOM, .claim = on_get},
    {"iq", "set", "vCard", NS_VCARD, TARGET_ROOM, .claim = on_set},
    {0},
};

const struct feature feature_room_avatar = {
    .name = "room_avatar", .stanzas = stanzas, .outgoing = outgoing};
