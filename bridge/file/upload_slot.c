/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Places to upload to for people on XMPP (XEP-0363): accounts of the XMPP server that may, as
 * media.slots says. A slot is a file like others, whose owner is that account; where its bytes go
 * is a link that is signed and ends, and is not the one that others get. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/file_link.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/stanza_out.h"
#include "bridge/file/upload_part.h"
#include "bridge/media/media.h"
#include "bridge/media/type.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0363_upload.h"
#include "xep/name.h"

#define NAME_MAX_BYTES 255
#define PART_MAX (5LL * 1024 * 1024 * 1024)
#define WAITING_MAX 64 /* requests that the database has not answered */

struct asking {
    struct core *core;
    xmpp_stanza_t *iq; /* reference */
    char *name;
    char *path;
    struct uuid id;
};

static unsigned waiting;

static void answer_send(struct core *core, xmpp_stanza_t *answer)
{
    g_autoptr(xmpp_stanza_t) owned = answer;
    if (owned)
        stanza_out(core, owned);
}

static void asking_free(struct asking *asking)
{
    waiting--;
    xmpp_stanza_release(asking->iq);
    g_free(asking->name);
    g_free(asking->path);
    g_free(asking);
}

static void asking_answer(struct asking *asking)
{
    g_autofree char *put = file_link_direct(&asking->id, UPLOAD_SLOT_PART, asking->name);
    g_autofree char *get = file_link_public(asking->path, "", asking->name);
    answer_send(asking->core,
                put && get ? upload_slot_build(asking->iq, put, get)
                           : stanza_reply_error(asking->iq, "wait", "resource-constraint", NULL));
}

static void asking_refuse(struct asking *asking, gint64 outcome)
{
    bool stranger = outcome == OUTCOME_FORBIDDEN;
    answer_send(asking->core,
                stranger ? stanza_reply_error(asking->iq, "auth", "forbidden",
                                              "only for accounts that use the app")
                         : stanza_reply_error(asking->iq, "wait", "resource-constraint",
                                              outcome == OUTCOME_CONFLICT
                                                  ? "100 uploads of yours are not complete yet"
                                                  : "there is no room left for your files"));
}

static void slot_created(const struct rows *rows, enum error_code error, void *data)
{
    struct asking *asking = data;
    gint64 outcome = error == ERROR_NONE ? rows_integer(rows, 0, SLOT_CREATE_OUTCOME) : 0;
    if (!asking->core->archive) {
        asking_free(asking);
        return;
    }
    if (error != ERROR_NONE)
        answer_send(asking->core,
                    stanza_reply_error(asking->iq, "wait", "internal-server-error", NULL));
    else if (outcome == OUTCOME_DONE)
        asking_answer(asking);
    else
        asking_refuse(asking, outcome);
    asking_free(asking);
}

/* The media type that is said, or that of any bytes. Caller frees. */
static char *type_of(const struct upload_request *wanted)
{
    char *plain = wanted->content_type ? media_type_plain(wanted->content_type) : NULL;
    return plain ? plain : g_strdup("application/octet-stream");
}

/* Why it cannot be; NULL: it can. The caller owns it. */
static xmpp_stanza_t *request_objection(struct core *core, xmpp_stanza_t *iq,
                                        const struct upload_request *wanted, const char *type)
{
    const struct options *options = core->options;
    gint64 most = options->media_size_max;
    if (media_type_kind(type) == MEDIA_IMAGE)
        most = MIN(most, options->media_image_max);
    if (wanted->size > (uint64_t)most)
        return upload_too_large_build(iq, (uint64_t)most);
    if (!media_type_allowed(options->media_types, type))
        return stanza_reply_error(iq, "modify", "not-acceptable",
                                  "files of that type are not taken here");
    return waiting >= WAITING_MAX ? stanza_reply_error(iq, "wait", "resource-constraint", NULL)
                                  : NULL;
}

static void slot_create(struct core *core, const struct stanza_context *context,
                        const struct upload_request *wanted, const char *type)
{
    const struct options *options = core->options;
    g_autofree char *clean = name_clean(wanted->filename, NAME_MAX_BYTES, NAME_LINE);
    struct asking *asking = g_new0(struct asking, 1);
    const char *slash = clean ? strrchr(clean, '/') : NULL;
    waiting++;
    asking->core = core;
    asking->iq = xmpp_stanza_clone(context->stanza);
    asking->name = g_strdup(slash ? slash + 1 : clean ? clean : "file");
    json_t *arguments = upload_arguments_new(&asking->id, &asking->path);
    if (!arguments) {
        asking_free(asking);
        return;
    }
    json_t *more =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "name", asking->name, "type", type,
                  "kind", media_kinds[media_type_kind(type)], "purpose", "attachment", "size",
                  (json_int_t)wanted->size, "seconds", (json_int_t)options->media_link_time * 2,
                  "quota_user", (json_int_t)options->media_quota_user, "quota_total",
                  (json_int_t)options->media_quota_total);
    json_object_update(arguments, more);
    char *text = json_dumps(arguments, JSON_COMPACT);
    const char *values[] = {context->from_bare,
                            strcmp(options->media_slots, "bound") == 0 ? "true" : "false", text};
    archive_query_binary(core->archive, QUERY_SLOT_CREATE, values, slot_created, asking);
    free(text);
    json_decref(more);
    json_decref(arguments);
}

/* Whose accounts they are: of the server that we are a component of. */
static bool is_of_server(const struct options *options, const char *jid)
{
    const char *at = strchr(jid, '@');
    g_auto(GStrv) hosts = g_strsplit(options->bound_hosts, " ", -1);
    return at && (strcmp(at + 1, options->xmpp_server_domain) == 0 ||
                  g_strv_contains((const char *const *)hosts, at + 1));
}

static bool on_request(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct upload_request wanted;
    if (!upload_slots_are_on(core->options) || !core->archive)
        return false;
    if (!is_of_server(core->options, context->from_bare)) {
        answer_send(core, stanza_reply_error(context->stanza, "auth", "forbidden", NULL));
        return true;
    }
    if (!upload_request_parse(context->stanza, &wanted)) {
        answer_send(core, stanza_reply_error(context->stanza, "modify", "bad-request", NULL));
        return true;
    }
    g_autofree char *type = type_of(&wanted);
    xmpp_stanza_t *objection = request_objection(core, context->stanza, &wanted, type);
    if (objection)
        answer_send(core, objection);
    else
        slot_create(core, context, &wanted, type);
    return true;
}

static const struct stanza_handler stanzas[] = {
    {"iq", "get", "request", NS_HTTP_UPLOAD, TARGET_DOMAIN, .claim = on_request},
    {0},
};

/* ---- The bytes ------------------------------------------------------------------------------- */

static const struct field slot_fields[] = {
    FIELD_TEXT_IN_PATH("token", 128),
    FIELD_TEXT_IN_PATH("name", 255),
    {0},
};

static void slot_put(struct request *request)
{
    struct file_link link;
    request->data = NULL;
    if (!media_is_on() || !file_link_read(request_text(request, "token"), &link) || link.path[0] ||
        strcmp(link.part, UPLOAD_SLOT_PART) != 0)
        request_fail(request, ERROR_NOT_FOUND, NULL);
    else
        upload_slot_begin(request, &link.id);
}

static const struct operation operations[] = {
    {.method = "PUT",
     .path = "/f/:token/:name",
     .fields = slot_fields,
     .handle = slot_put,
     .flags = OPERATION_ANONYMOUS | OPERATION_MAKES,
     .limit = LIMIT_NONE,
     .raw_stream = PART_MAX,
     .reply = "File",
     .errors = OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(GONE) | OPERATION_ERROR(QUOTA),
     .summary = "The bytes of a file for which somebody on XMPP has got a slot (XEP-0363)"},
    {0},
};

const struct feature feature_upload_slot = {
    .name = "upload_slot", .operations = operations, .stanzas = stanzas};
