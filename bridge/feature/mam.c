/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Archives of rooms, as XMPP reads them (XEP-0313): messages and entries, by the ids and in the
 * order that the API has them. What somebody may read is decided in SQL; a stranger is told what is
 * told of a room that there is not. Users of ours have no archive on XMPP: what they said is read
 * by the API. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/feature/mam_ids.h"
#include "bridge/feature/mam_link.h"
#include "bridge/feature/mam_queue.h"
#include "bridge/feature/mam_row.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/0313_mam_query.h"
#include "xep/0313_mam_result.h"
#include "xep/0441_mam_preferences.h"
#include "xep/jid.h"
#include "xep/message.h"

#define PAGE_BYTES (1024 * 1024) /* of texts; of more, a page has fewer messages */
#define ID_MAX 1024              /* bytes of the ids by which a request is answered, and of words */

/* Somebody asks. */
struct ask {
    struct mam_job job;
    struct core *core;
    const struct ask_kind *kind;
    xmpp_stanza_t *iq; /* addresses and id of the request; without what is asked */
    char *room;        /* the local part */
    /* of a page */
    char *query_id;
    json_t *query; /* as archive_page() has it */
    guint32 limit;
    bool flip_page;
};

/* How one kind of request is answered. */
struct ask_kind {
    enum query query;
    /* Adds what is told, the answer to the IQ last. The first row has said that ASK may know. */
    void (*tell)(const struct ask *ask, const struct rows *rows, GPtrArray *stanzas);
};

/* All queries have it in the first row. */
enum { COLUMN_OUTCOME = ARCHIVE_PAGE_OUTCOME };
ARCHIVE_SAME_COLUMN(COLUMN_OUTCOME, ARCHIVE_ACCESS_OUTCOME);
ARCHIVE_SAME_COLUMN(COLUMN_OUTCOME, ARCHIVE_METADATA_OUTCOME);

/* ---- Answers --------------------------------------------------------------------------------- */

static void reply_take(GPtrArray *stanzas, xmpp_stanza_t *reply)
{
    if (reply)
        g_ptr_array_add(stanzas, reply);
}

static void tell_form(const struct ask *ask, const struct rows *rows, GPtrArray *stanzas)
{
    (void)rows;
    reply_take(stanzas, mam_form_build_result(ask->iq));
}

/* A room keeps everything. */
static void tell_preferences(const struct ask *ask, const struct rows *rows, GPtrArray *stanzas)
{
    (void)rows;
    g_autoptr(mam_preferences) preferences = mam_preferences_new(MAM_DEFAULT_ALWAYS);
    xmpp_stanza_t *reply = stanza_reply_result(ask->iq);
    mam_preferences_add(reply, preferences);
    reply_take(stanzas, reply);
}

static void tell_fixed(const struct ask *ask, const struct rows *rows, GPtrArray *stanzas)
{
    (void)rows;
    reply_take(stanzas, stanza_reply_error(ask->iq, "cancel", "not-allowed", NULL));
}

static void tell_metadata(const struct ask *ask, const struct rows *rows, GPtrArray *stanzas)
{
    struct mam_metadata metadata = {0};
    struct mam_edge *edges[] = {&metadata.start, &metadata.end};
    for (int row = 1; row < rows_count(rows) && row <= (int)G_N_ELEMENTS(edges); row++)
        *edges[row - 1] =
            (struct mam_edge){.id = rows_text(rows, row, ARCHIVE_METADATA_ID),
                              .stamp_us = rows_integer(rows, row, ARCHIVE_METADATA_AT)};
    xmpp_stanza_t *reply = stanza_reply_result(ask->iq);
    mam_metadata_add(reply, &metadata);
    reply_take(stanzas, reply);
}

/* What the row of archive_page() has; what cannot be made a stanza is left out. */
static xmpp_stanza_t *result_build(const struct ask *ask, const struct rows *rows, int row)
{
    const char *id = rows_text(rows, row, ARCHIVE_PAGE_ID);
    struct mam_row entry = {
        .kind = rows_text(rows, row, ARCHIVE_PAGE_KIND),
        .envelope = {.room = xmpp_stanza_get_to(ask->iq),
                     .nick = rows_text(rows, row, ARCHIVE_PAGE_NICK),
                     .id = rows_text(rows, row, ARCHIVE_PAGE_WIRE),
                     .archive_id = id,
                     .occupant_id = rows_text(rows, row, ARCHIVE_PAGE_OCCUPANT)},
        .jid = rows_text(rows, row, ARCHIVE_PAGE_JID),
        .body = rows_text(rows, row, ARCHIVE_PAGE_BODY),
        .came = rows_text(rows, row, ARCHIVE_PAGE_STANZA),
        .details = rows_text(rows, row, ARCHIVE_PAGE_DETAILS),
    };
    xmpp_stanza_t *stanza = mam_row_build(&entry);
    if (!stanza)
        return NULL;
    struct mam_result result = {
        .query_id = ask->query_id,
        .id = id,
        .forward = {.stanza = stanza,
                    .delay = {.stamp_us = rows_integer(rows, row, ARCHIVE_PAGE_AT)},
                    .has_delay = true}};
    xmpp_stanza_t *message =
        message_new(NULL, NULL, xmpp_stanza_get_to(ask->iq), xmpp_stanza_get_from(ask->iq));
    mam_result_take(message, &result);
    return message;
}

static xmpp_stanza_t *fin_build(const struct ask *ask, const struct rows *rows)
{
    int last = rows_count(rows) - 1;
    struct mam_fin fin = {.is_complete = !rows_boolean(rows, 0, ARCHIVE_PAGE_MORE),
                          .page = {.first_index = -1, .count = -1}};
    if (last > 0) {
        fin.page.first = rows_text(rows, 1, ARCHIVE_PAGE_ID);
        fin.page.last = rows_text(rows, last, ARCHIVE_PAGE_ID);
    }
    xmpp_stanza_t *reply = stanza_reply_result(ask->iq);
    mam_fin_add(reply, &fin);
    return reply;
}

/* The page's ends are said as if it were not flipped (XEP-0313 section 4.3.4). */
static void tell_page(const struct ask *ask, const struct rows *rows, GPtrArray *stanzas)
{
    int count = rows_count(rows);
    for (int n = 1; n < count; n++)
        reply_take(stanzas, result_build(ask, rows, ask->flip_page ? count - n : n));
    reply_take(stanzas, fin_build(ask, rows));
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static struct ask *ask_of(struct mam_job *job)
{
    return (struct ask *)(void *)job;
}

static void ask_free(struct mam_job *job)
{
    struct ask *ask = ask_of(job);
    xmpp_stanza_release(ask->iq);
    json_decref(ask->query);
    g_free(ask->job.asker);
    g_free(ask->room);
    g_free(ask->query_id);
    g_free(ask);
}

static xmpp_stanza_t *error_build(xmpp_stanza_t *iq, enum error_code error)
{
    const struct error_info *info = error_info(error);
    return stanza_reply_error(iq, info->type, info->condition, NULL);
}

static void ask_read(const struct rows *rows, enum error_code error, void *data)
{
    struct ask *ask = data;
    GPtrArray *stanzas =
        g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))xmpp_stanza_release);
    gint64 outcome = error == ERROR_NONE ? rows_integer(rows, 0, COLUMN_OUTCOME) : OUTCOME_DONE;
    if (error != ERROR_NONE)
        reply_take(stanzas, error_build(ask->iq, ERROR_UNAVAILABLE));
    else if (outcome != OUTCOME_DONE)
        reply_take(stanzas, error_build(ask->iq, outcome == OUTCOME_FORBIDDEN ? ERROR_FORBIDDEN
                                                                              : ERROR_NOT_FOUND));
    else
        ask->kind->tell(ask, rows, stanzas);
    mam_queue_answer(&ask->job, stanzas);
}

static void ask_begin(struct mam_job *job)
{
    struct ask *ask = ask_of(job);
    g_autofree char *limit = g_strdup_printf("%u", ask->limit);
    g_autofree char *bytes = g_strdup_printf("%d", PAGE_BYTES);
    char *query = ask->query ? json_dumps(ask->query, JSON_COMPACT) : NULL;
    const char *values[] = {ask->room, ask->job.asker, query, limit, bytes};
    archive_query(ask->core->archive, ask->kind->query, values, ask_read, ask);
    free(query);
}

/* ---- What comes in --------------------------------------------------------------------------- */

static bool query_refuse(const struct stanza_context *context, const char *type,
                         const char *condition)
{
    g_autoptr(xmpp_stanza_t) reply = stanza_reply_error(context->stanza, type, condition, NULL);
    if (reply)
        link_send(context->link, reply);
    return true;
}

static bool query_refuse_by(const struct stanza_context *context, enum error_code error)
{
    const struct error_info *info = error_info(error);
    return query_refuse(context, info->type, info->condition);
}

static bool is_short(const char *id)
{
    return !id || strlen(id) <= ID_MAX;
}

/* Asks for what KIND is. QUERY (may be NULL) is copied but for its page, which is PAGE (taken). */
static bool ask_submit(const struct stanza_context *context, const struct ask_kind *kind,
                       const struct mam_query *query, json_t *page)
{
    struct core *core = context->data;
    struct limit_state state;
    struct uuid subject = limit_subject_of(context->from_bare);
    const char *id = xmpp_stanza_get_id(context->stanza);
    if (!is_short(id) || (query && (!is_short(query->query_id) || !is_short(query->fulltext)))) {
        json_decref(page);
        return query_refuse(context, "modify", "policy-violation");
    }
    if (!limiter_take(core->limiter, &subject, LIMIT_XMPP_ARCHIVE, &state)) {
        json_decref(page);
        return query_refuse_by(context, ERROR_RATE_LIMITED);
    }
    struct ask *ask = g_new0(struct ask, 1);
    ask->job = (struct mam_job){.asker = g_strdup(context->from_bare),
                                .link = context->link,
                                .begin = ask_begin,
                                .free = ask_free};
    ask->core = core;
    ask->kind = kind;
    ask->iq = stanza_new_iq("get", id, context->from, context->to);
    ask->room = jid_local(context->to_bare);
    if (query) {
        gint64 most = core->options->archive_page_max;
        ask->query_id = g_strdup(query->query_id);
        ask->query = page;
        ask->limit = (guint32)(query->page.has_max ? MIN(query->page.max, most) : most);
        ask->flip_page = query->flip_page;
    }
    if (!mam_queue_add(mam_queue_of(core), &ask->job)) {
        ask_free(&ask->job);
        return query_refuse_by(context, ERROR_RATE_LIMITED);
    }
    return true;
}

/* ---- A page ---------------------------------------------------------------------------------- */

/* In a room "with" is an occupant, or, for those who see who is who, an address; the room itself is
 * everybody's. False: it is no address. */
static bool put_with(json_t *query, const char *with, const char *room)
{
    if (!with)
        return true;
    g_autofree char *prepared = jid_prepare(with);
    g_autofree char *bare = prepared ? jid_bare(prepared) : NULL;
    g_autofree char *nick = prepared ? jid_resource(prepared) : NULL;
    if (!bare)
        return false;
    if (strcmp(bare, room) != 0)
        json_object_set_new(query, "with", json_pack("{s:s}", "jid", bare));
    else if (nick)
        json_object_set_new(query, "with", json_pack("{s:s}", "nick", nick));
    return true;
}

/* What is asked, as archive_page() has it; NULL and the stanza error: it cannot be had. */
static json_t *page_pack(const struct stanza_context *context, const struct mam_query *asked,
                         const char **ret_condition)
{
    json_t *query = json_pack("{s:b}", "backward", asked->page.before != NULL);
    if (asked->has_start)
        json_object_set_new(query, "start", json_integer(asked->start_us));
    if (asked->has_end)
        json_object_set_new(query, "end", json_integer(asked->end_us));
    *ret_condition = NULL;
    if (asked->fulltext)
        json_object_set_new(query, "fulltext", json_string(asked->fulltext));
    if (asked->page.has_index)
        *ret_condition = "feature-not-implemented";
    else if (!put_with(query, asked->with, context->to_bare))
        *ret_condition = "jid-malformed";
    else if (!mam_ids_put(query, asked, uuid_parse))
        *ret_condition = "item-not-found";
    if (*ret_condition)
        g_clear_pointer(&query, json_decref);
    return query;
}

static bool on_query(const struct stanza_context *context)
{
    static const struct ask_kind page = {QUERY_ARCHIVE_PAGE, tell_page};
    struct mam_query asked;
    const char *condition;
    enum mam_request request = mam_request_parse(context->stanza, &asked);
    if (request == MAM_UNKNOWN_FIELD)
        return query_refuse(context, "cancel", "feature-not-implemented");
    if (request != MAM_QUERY)
        return query_refuse(context, "modify", "bad-request");
    json_t *query = page_pack(context, &asked, &condition);
    if (!query)
        return query_refuse(context, strcmp(condition, "jid-malformed") == 0 ? "modify" : "cancel",
                            condition);
    return ask_submit(context, &page, &asked, query);
}

/* ---- All else -------------------------------------------------------------------------------- */

static bool on_form(const struct stanza_context *context)
{
    static const struct ask_kind form = {QUERY_ARCHIVE_ACCESS, tell_form};
    return ask_submit(context, &form, NULL, NULL);
}

static bool on_metadata(const struct stanza_context *context)
{
    static const struct ask_kind metadata = {QUERY_ARCHIVE_METADATA, tell_metadata};
    return ask_submit(context, &metadata, NULL, NULL);
}

static bool on_preferences(const struct stanza_context *context)
{
    static const struct ask_kind preferences = {QUERY_ARCHIVE_ACCESS, tell_preferences};
    static const struct ask_kind fixed = {QUERY_ARCHIVE_ACCESS, tell_fixed};
    bool asks = mam_preferences_is_request(context->stanza);
    return ask_submit(context, asks ? &preferences : &fixed, NULL, NULL);
}

/* Their archive is for nobody but themselves, and they read it by the API; whether there is such a
 * user does not matter. */
static bool on_user(const struct stanza_context *context)
{
    return query_refuse_by(context, ERROR_FORBIDDEN);
}

/* ---- The feature ----------------------------------------------------------------------------- */

static const struct stanza_handler stanzas[] = {
    {"iq", "set", "query", NS_MAM, TARGET_ROOM, .claim = on_query},
    {"iq", "get", "query", NS_MAM, TARGET_ROOM, .claim = on_form},
    {"iq", "get", "metadata", NS_MAM, TARGET_ROOM, .claim = on_metadata},
    {"iq", "get|set", "prefs", NS_MAM, TARGET_ROOM, .claim = on_preferences},
    {"iq", "get|set", "query", NS_MAM, TARGET_USER, .claim = on_user},
    {"iq", "get", "metadata", NS_MAM, TARGET_USER, .claim = on_user},
    {"iq", "get|set", "prefs", NS_MAM, TARGET_USER, .claim = on_user},
    {0},
};

const struct feature feature_mam = {
    .name = "mam", .stanzas = stanzas, .start = mam_link_start, .stop = mam_link_stop};
