/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Address checks, then the phases. Rows are found by stanza and namespace; of one namespace there
 * are few, which are looked through, the most particular first. */
#include "config.h"

#include <string.h>

#include "bridge/base/error.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/0280_carbons.h"
#include "xep/jid.h"
#include "xep/ns.h"
#include "xep/stanza.h"

static enum stanza_target target_of(enum service service, const char *to)
{
    bool rooms = service == SERVICE_ROOMS;
    if (strchr(to, '/'))
        return rooms ? TARGET_OCCUPANT : TARGET_RESOURCE;
    if (strchr(to, '@'))
        return rooms ? TARGET_ROOM : TARGET_USER;
    return rooms ? TARGET_ROOMS : TARGET_DOMAIN;
}

/* Why STANZA must not go any further; NULL: it may. */
static const char *stanza_objection(const struct options *options, enum service service,
                                    xmpp_stanza_t *stanza)
{
    const char *from = stanza_attr(stanza, "from");
    const char *to = stanza_attr(stanza, "to");
    struct jid_parts parts;
    if (!g_str_equal(stanza_ns(stanza), NS_CLIENT))
        return "foreign-namespace"; /* no stanza, whatever its name is */
    if (!from || !jid_split(from, &parts))
        return "no-sender";
    if (service_of(options, from) != SERVICE_MAX)
        return "our-own-sender";
    if (!to || !jid_split(to, &parts) || service_of(options, to) != service)
        return "not-for-us";
    if (g_str_equal(stanza_name(stanza), "message") && carbon_parse(stanza) != CARBON_NONE)
        return "carbon";
    return NULL;
}

static void answer_error(struct link *link, xmpp_stanza_t *stanza, const char *type,
                         const char *condition)
{
    g_autoptr(xmpp_stanza_t) reply = stanza_reply_error(stanza, type, condition, NULL);
    if (reply)
        link_send(link, reply);
}

/* ---- The table ------------------------------------------------------------------------------- */

enum phase { PHASE_ADMIT, PHASE_OBSERVE, PHASE_CLAIM, PHASE_FALLBACK, PHASE_MAX };

static const char *const phase_names[PHASE_MAX] = {"admit", "observe", "claim", "fallback"};

/* One row for one type. */
struct entry {
    const struct stanza_handler *handler;
    const char *owner;
    const char *type; /* interned; NULL: any */
    enum phase phase;
    guint64 seen; /* the last stanza that it was called for */
};

/* What finds a row. NS is empty for whole stanzas. */
struct key {
    const char *stanza, *ns;
};

struct dispatch {
    const struct options *options;
    void *data;
    GHashTable *buckets; /* struct key → GPtrArray of struct entry, the most particular first */
    guint64 stanzas;     /* counts them */
};

static guint key_hash(gconstpointer data)
{
    const struct key *key = data;
    return g_str_hash(key->stanza) * 31 + g_str_hash(key->ns);
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
    const struct key *first = a;
    const struct key *second = b;
    return strcmp(first->stanza, second->stanza) == 0 && strcmp(first->ns, second->ns) == 0;
}

struct dispatch *dispatch_new(const struct options *options, void *data)
{
    struct dispatch *dispatch = g_new0(struct dispatch, 1);
    dispatch->options = options;
    dispatch->data = data;
    dispatch->buckets =
        g_hash_table_new_full(key_hash, key_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    return dispatch;
}

void dispatch_free(struct dispatch *dispatch)
{
    if (!dispatch)
        return;
    g_hash_table_unref(dispatch->buckets);
    g_free(dispatch);
}

/* The one phase that HANDLER has a function for; PHASE_MAX: none, or several. */
static enum phase phase_of(const struct stanza_handler *handler)
{
    const bool has[PHASE_MAX] = {handler->admit != NULL, handler->observe != NULL,
                                 handler->claim != NULL, handler->fallback != NULL};
    enum phase found = PHASE_MAX;
    for (enum phase phase = PHASE_ADMIT; phase < PHASE_MAX; phase++) {
        if (has[phase] && found != PHASE_MAX)
            return PHASE_MAX;
        if (has[phase])
            found = phase;
    }
    return found;
}

/* NULL: HANDLER makes sense. */
static const char *handler_nonsense(const struct stanza_handler *handler)
{
    static const char *const stanzas[] = {"iq", "message", "presence", NULL};
    enum phase phase = phase_of(handler);
    if (!g_strv_contains(stanzas, handler->stanza))
        return "there is no such stanza";
    if (phase == PHASE_MAX)
        return "must have one function";
    if (!handler->targets)
        return "has no targets";
    if (handler->name && !handler->ns)
        return "has a name without namespace";
    if ((phase == PHASE_CLAIM) != (handler->ns != NULL) && phase != PHASE_OBSERVE)
        return "claims are of payloads, admit and fallback of whole stanzas";
    return NULL;
}

static bool entries_collide(const struct entry *a, const struct entry *b)
{
    return a->phase == b->phase && a->phase != PHASE_OBSERVE &&
           (a->handler->targets & b->handler->targets) && g_strcmp0(a->type, b->type) == 0 &&
           g_strcmp0(a->handler->name, b->handler->name) == 0;
}

static unsigned entry_particularity(const struct entry *entry)
{
    return (entry->type ? 2u : 0) + (entry->handler->name ? 1 : 0);
}

static GPtrArray *bucket_of(struct dispatch *dispatch, const struct stanza_handler *handler)
{
    struct key key = {handler->stanza, handler->ns ? handler->ns : ""};
    GPtrArray *bucket = g_hash_table_lookup(dispatch->buckets, &key);
    if (!bucket) {
        bucket = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(dispatch->buckets, g_memdup2(&key, sizeof key), bucket);
    }
    return bucket;
}

static bool refuse_row(const struct entry *entry, const char *why, GError **error)
{
    const struct stanza_handler *handler = entry->handler;
    g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_INTERNAL,
                "feature %s: %s of %s, type %s, payload {%s}%s: %s", entry->owner,
                entry->phase < PHASE_MAX ? phase_names[entry->phase] : "row", handler->stanza,
                entry->type ? entry->type : "any", handler->ns ? handler->ns : "",
                handler->name ? handler->name : "", why);
    return false;
}

static bool add_entry(struct dispatch *dispatch, const struct entry *entry, GError **error)
{
    GPtrArray *bucket = bucket_of(dispatch, entry->handler);
    guint place = bucket->len;
    for (guint i = 0; i < bucket->len; i++) {
        const struct entry *other = g_ptr_array_index(bucket, i);
        if (entries_collide(entry, other)) {
            g_autofree char *why = g_strdup_printf("feature %s has that already", other->owner);
            return refuse_row(entry, why, error);
        }
        if (place == bucket->len && entry_particularity(other) < entry_particularity(entry))
            place = i;
    }
    g_ptr_array_insert(bucket, (gint)place, g_memdup2(entry, sizeof *entry));
    return true;
}

bool dispatch_add(struct dispatch *dispatch, const char *owner, const struct stanza_handler *rows,
                  GError **error)
{
    for (; rows->stanza; rows++) {
        struct entry entry = {.handler = rows, .owner = owner, .phase = phase_of(rows)};
        const char *why = handler_nonsense(rows);
        if (why)
            return refuse_row(&entry, why, error);
        if (!rows->type && !add_entry(dispatch, &entry, error))
            return false;
        g_auto(GStrv) types = g_strsplit(rows->type ? rows->type : "", "|", -1);
        for (guint i = 0; types[i]; i++) {
            entry.type = g_intern_string(types[i]);
            if (!add_entry(dispatch, &entry, error))
                return false;
        }
    }
    return true;
}

/* ---- The walk -------------------------------------------------------------------------------- */

/* Whether the stanza is dealt with. */
static bool handler_call(const struct entry *entry, const struct stanza_context *context)
{
    switch (entry->phase) {
    case PHASE_ADMIT:
        return entry->handler->admit(context);
    case PHASE_OBSERVE:
        entry->handler->observe(context);
        return false;
    case PHASE_CLAIM:
        return entry->handler->claim(context);
    case PHASE_FALLBACK:
        return entry->handler->fallback(context);
    case PHASE_MAX:
        break;
    }
    return false;
}

static bool entry_fits(const struct entry *entry, const struct stanza_context *context)
{
    const struct stanza_handler *handler = entry->handler;
    return (handler->targets & context->target) &&
           (!entry->type || strcmp(entry->type, context->type) == 0) &&
           (!handler->name || strcmp(handler->name, stanza_name(context->payload)) == 0);
}

/* Offers the payload of CONTEXT, or the whole stanza, in PHASE. */
static bool stanza_offer(struct dispatch *dispatch, struct stanza_context *context,
                         enum phase phase)
{
    struct key key = {stanza_name(context->stanza),
                      context->payload ? stanza_ns(context->payload) : ""};
    const GPtrArray *bucket = g_hash_table_lookup(dispatch->buckets, &key);
    for (guint i = 0; bucket && i < bucket->len; i++) {
        struct entry *entry = g_ptr_array_index(bucket, i);
        if (entry->phase != phase || entry->seen == dispatch->stanzas ||
            !entry_fits(entry, context))
            continue;
        entry->seen = dispatch->stanzas;
        if (handler_call(entry, context))
            return true;
    }
    return false;
}

static bool offer_payloads(struct dispatch *dispatch, struct stanza_context *context,
                           enum phase phase)
{
    xmpp_stanza_t *child = stanza_first(context->stanza);
    bool taken = false;
    for (; child && !taken; child = stanza_next(child)) {
        context->payload = *stanza_ns(child) ? child : NULL;
        taken = context->payload && stanza_offer(dispatch, context, phase);
    }
    context->payload = NULL;
    return taken;
}

static bool pass_through(struct dispatch *dispatch, struct stanza_context *context)
{
    dispatch->stanzas++;
    return stanza_offer(dispatch, context, PHASE_ADMIT) ||
           stanza_offer(dispatch, context, PHASE_OBSERVE) ||
           offer_payloads(dispatch, context, PHASE_OBSERVE) ||
           offer_payloads(dispatch, context, PHASE_CLAIM) ||
           stanza_offer(dispatch, context, PHASE_FALLBACK);
}

/* An IQ request must have an id to be answered to and exactly one payload (RFC 6120 section
 * 8.2.3). */
static bool is_legal_request(xmpp_stanza_t *stanza, const char *type)
{
    xmpp_stanza_t *payload = stanza_first(stanza);
    return (g_str_equal(type, "get") || g_str_equal(type, "set")) && stanza_attr(stanza, "id") &&
           payload && !stanza_next(payload);
}

static const char *effective_type(xmpp_stanza_t *stanza)
{
    static const char *const messages[] = {"normal",   "chat",  "groupchat",
                                           "headline", "error", NULL};
    const char *type = stanza_attr(stanza, "type");
    const char *name = stanza_name(stanza);
    if (g_str_equal(name, "message"))
        return type && g_strv_contains(messages, type) ? type : "normal";
    if (type)
        return type;
    return g_str_equal(name, "presence") ? "available" : "";
}

/* Fills in what CONTEXT still lacks. Whether the stanza was dealt with. */
static bool stanza_pass(struct dispatch *dispatch, struct stanza_context *context)
{
    context->from = stanza_attr(context->stanza, "from");
    context->to = stanza_attr(context->stanza, "to");
    g_autofree char *from_bare = jid_cut(context->from);
    g_autofree char *to_bare = jid_cut(context->to);
    context->from_bare = from_bare;
    context->to_bare = to_bare;
    context->dispatch = dispatch;
    context->data = dispatch->data;
    return pass_through(dispatch, context);
}

void dispatch_stanza(struct dispatch *dispatch, enum service service, struct link *link,
                     xmpp_stanza_t *stanza)
{
    const char *wrong = stanza_objection(dispatch->options, service, stanza);
    if (wrong) {
        metric_add(METRIC_STANZAS_REFUSED, 1);
        log_debug(AREA_STANZA, "dropped", "reason=%s", wrong);
        return;
    }
    const char *type = effective_type(stanza);
    bool iq = g_str_equal(stanza_name(stanza), "iq");
    if (iq && (g_str_equal(type, "result") || g_str_equal(type, "error")))
        return;
    if (iq && !is_legal_request(stanza, type)) {
        answer_error(link, stanza, "modify", "bad-request");
        return;
    }
    struct stanza_context context = {.stanza = stanza,
                                     .type = type,
                                     .service = service,
                                     .target = target_of(service, stanza_attr(stanza, "to")),
                                     .link = link};
    if (!stanza_pass(dispatch, &context) && iq)
        answer_error(link, stanza, "cancel", "service-unavailable");
}

void dispatch_archived(const struct stanza_context *context, xmpp_stanza_t *message,
                       const char *archive_id)
{
    struct dispatch *dispatch = context->dispatch;
    struct stanza_context inner = *context;
    const char *from = stanza_attr(message, "from");
    if (!from)
        return;
    g_autofree char *from_bare = jid_cut(from);
    inner.stanza = message;
    inner.payload = NULL;
    inner.type = effective_type(message);
    inner.from = from;
    inner.from_bare = from_bare;
    inner.archive_id = archive_id;
    dispatch->stanzas++;
    if (!stanza_offer(dispatch, &inner, PHASE_OBSERVE) &&
        !offer_payloads(dispatch, &inner, PHASE_OBSERVE) &&
        !offer_payloads(dispatch, &inner, PHASE_CLAIM))
        stanza_offer(dispatch, &inner, PHASE_FALLBACK);
}

static bool session_dispatch(const struct stanza_context *outer, xmpp_stanza_t *stanza,
                             enum stanza_target target)
{
    struct stanza_context context = {.stanza = stanza,
                                     .type = effective_type(stanza),
                                     .service = outer->service,
                                     .target = target,
                                     .link = outer->link};
    return stanza_pass(outer->dispatch, &context);
}

bool dispatch_account(const struct stanza_context *outer, xmpp_stanza_t *stanza)
{
    return session_dispatch(outer, stanza, TARGET_ACCOUNT);
}

void dispatch_guest(const struct stanza_context *outer, xmpp_stanza_t *stanza)
{
    struct stanza_context inner = *outer;
    inner.link = NULL;
    session_dispatch(&inner, stanza, TARGET_RESOURCE);
}

void dispatch_sent(const struct stanza_context *outer, xmpp_stanza_t *stanza)
{
    session_dispatch(outer, stanza, TARGET_SENT);
}

void dispatch_filed(struct dispatch *dispatch, xmpp_stanza_t *stanza,
                    const struct stanza_filed *filed)
{
    struct stanza_context context = {.stanza = stanza,
                                     .type = effective_type(stanza),
                                     .service = SERVICE_USERS,
                                     .target = TARGET_FILED,
                                     .filed = filed};
    stanza_pass(dispatch, &context);
}
