/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding users: by the beginnings of their names, by whole names, or by address.
 *
 * An address elsewhere that nobody is known at is a candidate when its domain answers at all:
 * whether the user exists, a server does not say. The network is asked only for an address that may
 * be complete, when the user types nothing more for a moment, and a few times a minute; what
 * domains answered is remembered for a while. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request_row.h"
#include "bridge/core/stanza_out.h"
#include "bridge/view/rows.h"
#include "xep/0030_disco.h"
#include "xep/jid.h"

#define DOMAINS_MAX 10000
#define DOMAIN_PATIENCE (300 * G_USEC_PER_SEC) /* how long an answer is believed */
#define ASK_SECONDS 5
#define LOOKUPS_MAX 200 /* at a time */
#define PAUSE_MILLISECONDS                                                                         \
    400 /* without another search of the same user, until the network is asked */
#define ASKERS_MAX 10000
#define ASKER_LOOKUPS 10 /* of one user within a minute */
#define ITEMS_MAX (2 * 1024 * 1024)

struct domain {
    bool answers;
    gint64 asked;
};

/* A search for an address at which nobody is known to who asks. It waits, is then in `waiting`, or
 * has asked. */
struct lookup {
    struct request *request;
    struct uuid user;
    char *jid;
    const char *domain; /* in jid */
    char *items;        /* the reply without the candidate */
    guint timer;
};

/* A user whose searches have asked the network. */
struct asker {
    gint64 since;
    unsigned count;
};

static struct {
    GHashTable *domains; /* char * → struct domain * */
    GHashTable *waiting; /* struct uuid * → struct lookup *, which holds its key; one a user */
    GHashTable *askers;  /* struct uuid * → struct asker * */
    unsigned running;
} lookups;

static const struct field search_fields[] = {
    {.name = "q",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 3071},
    {0},
};

/* ---- Asking a domain ------------------------------------------------------------------------- */

static void lookup_free(struct lookup *lookup)
{
    lookups.running--;
    g_free(lookup->jid);
    g_free(lookup->items);
    g_free(lookup);
}

static void lookup_fail(struct lookup *lookup)
{
    request_fail(lookup->request, ERROR_UNAVAILABLE, NULL);
    lookup_free(lookup);
}

static void lookup_answer(struct lookup *lookup, bool domain_answers)
{
    struct request *request = lookup->request;
    if (domain_answers) {
        const char *values[] = {request->account->id_text, lookup->jid};
        archive_query_binary(request->core->archive, QUERY_USER_CANDIDATE, values,
                             request_reply_view, request);
    } else {
        g_auto(buffer) buf = BUFFER_INIT(ITEMS_MAX);
        buffer_append_string(&buf, lookup->items);
        request_reply(request, 200, &buf);
    }
    lookup_free(lookup);
}

static void domain_remember(const char *name, bool answers)
{
    if (!lookups.domains)
        return;
    if (g_hash_table_size(lookups.domains) >= DOMAINS_MAX)
        g_hash_table_remove_all(lookups.domains);
    struct domain *domain = g_new(struct domain, 1);
    *domain = (struct domain){answers, clock_monotonic()};
    g_hash_table_replace(lookups.domains, g_strdup(name), domain);
}

/* An error may come from our own server, in the other's name; a server tells what it is. */
static bool is_there(xmpp_stanza_t *answer)
{
    g_autoptr(disco_info) info = disco_info_parse(answer);
    return info && g_strcmp0(stanza_attr(answer, "type"), "result") == 0;
}

static void domain_answered(xmpp_stanza_t *answer, void *data)
{
    struct lookup *lookup = data;
    bool answers = answer && is_there(answer);
    /* Without an answer nothing is known of the domain when our own link has gone. */
    if (answer || stanza_may_ask(lookup->request->core))
        domain_remember(lookup->domain, answers);
    if (lookup->request->core->archive)
        lookup_answer(lookup, answers);
    else
        lookup_fail(lookup);
}

static void ask_domain(struct lookup *lookup)
{
    struct core *core = lookup->request->core;
    g_autoptr(xmpp_stanza_t) iq =
        stanza_new_iq("get", NULL, core->options->xmpp_domain, lookup->domain);
    disco_info_add_request(iq, NULL);
    if (!stanza_ask(core, iq, ASK_SECONDS, domain_answered, lookup))
        lookup_answer(lookup, false);
}

/* Whether the user may have the network asked once more. */
static bool take_turn(const struct uuid *user)
{
    gint64 now = clock_monotonic();
    struct asker *asker = g_hash_table_lookup(lookups.askers, user);
    if (!asker) {
        if (g_hash_table_size(lookups.askers) >= ASKERS_MAX)
            g_hash_table_remove_all(lookups.askers);
        asker = g_new0(struct asker, 1);
        g_hash_table_insert(lookups.askers, g_memdup2(user, sizeof *user), asker);
    }
    if (now - asker->since > 60 * G_USEC_PER_SEC)
        *asker = (struct asker){.since = now};
    return asker->count++ < ASKER_LOOKUPS;
}

/* ---- Waiting for more to be typed ------------------------------------------------------------ */

static gboolean on_pause(gpointer data)
{
    struct lookup *lookup = data;
    lookup->timer = 0;
    g_hash_table_remove(lookups.waiting, &lookup->user);
    const struct domain *known = g_hash_table_lookup(lookups.domains, lookup->domain);
    if (!lookup->request->core->archive)
        lookup_fail(lookup);
    else if (known && clock_monotonic() - known->asked < DOMAIN_PATIENCE)
        lookup_answer(lookup, known->answers);
    else if (take_turn(&lookup->user))
        ask_domain(lookup);
    else
        lookup_answer(lookup, false);
    return G_SOURCE_REMOVE;
}

/* The user goes on typing: what waits is not asked for. */
static void lookup_supersede(const struct uuid *user)
{
    struct lookup *lookup = g_hash_table_lookup(lookups.waiting, user);
    if (!lookup)
        return;
    g_hash_table_remove(lookups.waiting, user);
    g_source_remove(lookup->timer);
    lookup_answer(lookup, false);
}

static void lookup_start(struct request *request, const char *jid, const char *items)
{
    lookup_supersede(&request->account->id);
    struct lookup *lookup = g_new0(struct lookup, 1);
    *lookup = (struct lookup){.request = request,
                              .user = request->account->id,
                              .jid = g_strdup(jid),
                              .items = g_strdup(items)};
    lookup->domain = strchr(lookup->jid, '@') + 1;
    if (++lookups.running > LOOKUPS_MAX) {
        lookup_answer(lookup, false);
        return;
    }
    lookup->timer = g_timeout_add(PAUSE_MILLISECONDS, on_pause, lookup);
    g_hash_table_insert(lookups.waiting, &lookup->user, lookup);
}

/* ---- The search ------------------------------------------------------------------------------ */

/* Whether JID may be all of an address elsewhere: the domain has a dot with something behind it, or
 * is the server's own. */
static bool may_be_complete(const struct core *core, const char *jid)
{
    const char *domain = strchr(jid, '@') + 1;
    const char *dot = strrchr(domain, '.');
    if (jid[0] == '@' || strcmp(domain, core->options->xmpp_domain) == 0)
        return false;
    return strcmp(domain, core->options->xmpp_server_domain) == 0 ||
           (dot && dot > domain && g_utf8_strlen(dot + 1, -1) >= 2);
}

/* What is looked for: the address in Q as servers spell it; else, when it is none yet, as it was
 * typed. */
static char *address_of(const char *q)
{
    g_autofree char *jid = jid_prepare_bare(q);
    return jid && strchr(jid, '@') ? g_steal_pointer(&jid) : g_utf8_strdown(q, -1);
}

static void candidate_read(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    if (error != ERROR_NONE || rows_count(rows) != 1) {
        request_fail(request, error != ERROR_NONE ? error : ERROR_INTERNAL, NULL);
        return;
    }
    g_autofree char *q = g_strstrip(g_strdup(request_text(request, "q")));
    g_autofree char *jid = jid_prepare_bare(q);
    bool ask = jid && strchr(jid, '@') && !rows_boolean(rows, 0, USER_ADDRESSED_COMPLETE) &&
               may_be_complete(request->core, jid) && lookups.waiting;
    g_auto(buffer) list = BUFFER_INIT(ITEMS_MAX);
    view_reply(&list, request->operation->reply, rows);
    if (ask)
        lookup_start(request, jid, list.data);
    else
        request_reply(request, 200, &list);
}

static void user_search(struct request *request)
{
    static const struct field_problem empty = {ERROR_UNPROCESSABLE, "/q",
                                               "has nothing to look for"};
    g_autofree char *text = g_strstrip(g_strdup(request_text(request, "q")));
    g_autofree char *address = strchr(text, '@') ? address_of(text) : NULL;
    const char *values[] = {request->account->id_text, address ? address : text};
    lookup_supersede(&request->account->id);
    if (!*text)
        request_fail_field(request, &empty);
    else if (address)
        archive_query_binary(request->core->archive, QUERY_USER_ADDRESSED, values, candidate_read,
                             request);
    else
        archive_query_binary(request->core->archive, QUERY_USER_SEARCH, values, request_reply_view,
                             request);
}

static void user_search_start(struct core *core)
{
    (void)core;
    lookups.domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    lookups.waiting = g_hash_table_new(uuid_hash, uuid_equal);
    lookups.askers = g_hash_table_new_full(uuid_hash, uuid_equal, g_free, g_free);
}

/* Nobody waits for the network any more. */
static void lookups_drain(struct core *core)
{
    GHashTableIter iter;
    gpointer value;
    (void)core;
    g_hash_table_iter_init(&iter, lookups.waiting);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct lookup *lookup = value;
        g_source_remove(lookup->timer);
        g_hash_table_iter_remove(&iter);
        lookup_answer(lookup, false);
    }
}

static void user_search_stop(struct core *core)
{
    (void)core;
    g_clear_pointer(&lookups.domains, g_hash_table_unref);
    g_clear_pointer(&lookups.waiting, g_hash_table_unref);
    g_clear_pointer(&lookups.askers, g_hash_table_unref);
}

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/users/search",
     .fields = search_fields,
     .handle = user_search,
     .limit = LIMIT_SEARCH,
     .reply = "UserList",
     .flags = OPERATION_LISTS,
     .summary = "Finds users by a name or the beginning of one, or by address"},
    {0},
};

static const struct part part = {.name = "user_search", .drain = lookups_drain};

const struct feature feature_user_search = {.name = "user_search",
                                            .part = &part,
                                            .operations = operations,
                                            .start = user_search_start,
                                            .stop = user_search_stop};
