/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding users: by the beginnings of their names, or by address.
 *
 * An address elsewhere is a candidate when its domain answers at all: whether the user exists, a
 * server does not say. What domains answered is remembered for a while. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/core/account.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/xmpp/link.h"
#include "xep/0030_disco.h"
#include "xep/jid.h"

#define LEAST_CHARACTERS 3
#define DOMAINS_MAX 10000
#define DOMAIN_PATIENCE (300 * G_USEC_PER_SEC) /* how long an answer is believed */
#define ASK_SECONDS 5
#define LOOKUPS_MAX 200 /* at a time */

struct domain {
    bool answers;
    gint64 asked;
};

static struct {
    GHashTable *domains; /* char * → struct domain * */
    unsigned running;
} lookups;

struct lookup {
    struct request *request;
    char *jid;
    char *domain;
};

static const struct field search_fields[] = {
    {"q", FIELD_TEXT, FIELD_REQUIRED | FIELD_IN_QUERY, 1, 3071, NULL},
    {0},
};

static void query(struct request *request, enum query query, const char *text)
{
    const char *values[] = {request->account->id_text, text};
    archive_query(request->core->archive, query, values, request_reply_row, request);
}

static void reply_nothing(struct request *request)
{
    g_auto(buffer) buf = BUFFER_INIT(64);
    buffer_append_string(&buf, "{\"items\":[]}");
    request_reply(request, 200, &buf);
}

static void answer_candidate(struct request *request, const char *jid, bool domain_answers)
{
    if (domain_answers)
        query(request, QUERY_USER_CANDIDATE, jid);
    else
        reply_nothing(request);
}

static void lookup_free(struct lookup *lookup)
{
    lookups.running--;
    g_free(lookup->jid);
    g_free(lookup->domain);
    g_free(lookup);
}

static void remember(const char *name, bool answers)
{
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
    struct request *request = lookup->request;
    bool answers = answer && is_there(answer);
    remember(lookup->domain, answers);
    if (request->core->archive)
        answer_candidate(request, lookup->jid, answers);
    else
        request_fail(request, ERROR_UNAVAILABLE, NULL);
    lookup_free(lookup);
}

static void ask_domain(struct request *request, const char *jid, const char *domain)
{
    g_autoptr(xmpp_stanza_t) iq =
        stanza_new_iq("get", NULL, request->core->options->xmpp_domain, domain);
    disco_info_add_request(iq, NULL);
    struct lookup *lookup = g_new0(struct lookup, 1);
    *lookup = (struct lookup){request, g_strdup(jid), g_strdup(domain)};
    lookups.running++;
    if (lookups.running <= LOOKUPS_MAX &&
        link_request(request->core->link, iq, ASK_SECONDS, domain_answered, lookup))
        return;
    lookup_free(lookup);
    request_fail(request, ERROR_UNAVAILABLE, NULL);
}

static void search_address(struct request *request, const char *jid)
{
    const char *domain = strchr(jid, '@') + 1;
    if (strcmp(domain, request->core->options->xmpp_domain) == 0) {
        query(request, QUERY_USER_AT, jid);
        return;
    }
    const struct domain *known = g_hash_table_lookup(lookups.domains, domain);
    if (known && clock_monotonic() - known->asked < DOMAIN_PATIENCE)
        answer_candidate(request, jid, known->answers);
    else
        ask_domain(request, jid, domain);
}

static void user_search(struct request *request)
{
    static const struct field_problem short_text = {ERROR_UNPROCESSABLE, "/q",
                                                    "needs at least 3 characters"};
    g_autofree char *text = g_strstrip(g_strdup(request->values[0].text));
    g_autofree char *jid = strchr(text, '@') ? jid_prepare_bare(text) : NULL;
    if (g_utf8_strlen(text, -1) < LEAST_CHARACTERS)
        request_fail_field(request, &short_text);
    else if (jid && strchr(jid, '@'))
        search_address(request, jid);
    else
        query(request, QUERY_USER_SEARCH, text);
}

static void start(struct core *core)
{
    (void)core;
    lookups.domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static void stop(struct core *core)
{
    (void)core;
    g_clear_pointer(&lookups.domains, g_hash_table_unref);
}

static const struct operation operations[] = {
    {.method = "GET", .path = "/api/users/search", .fields = search_fields, .handle = user_search,
     .limit = LIMIT_SEARCH, .reply = "UserList", .flags = OPERATION_LISTS,
     .summary = "Finds users by the beginning of a name, or by address"},
    {0},
};

const struct feature feature_user_search = {
    .name = "user_search", .operations = operations, .start = start, .stop = stop};
