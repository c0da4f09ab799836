/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/hook.h"
#include "bridge/loop/http_client.h"
#include "bridge/message/link_check.h"

#define ASKED_MAX 32 /* at a time */
#define FAILURES_MAX 5
#define PAUSE (10 * G_USEC_PER_SEC)
#define LINKS_MAX 20
#define LINK_MAX 2048         /* bytes; nobody is asked about longer ones */
#define REMEMBERED_MAX 10000  /* links; then all are forgotten */
#define HARMLESS_SECONDS 300  /* for which that is remembered */
#define DANGEROUS_SECONDS 300 /* likewise, if the service does not say */
#define SECONDS_MAX 86400

struct known {
    const char *threat; /* interned; NULL: none */
    gint64 until;
};

struct asking {
    json_t *urls;    /* what the service is asked about */
    json_t *threats; /* what is known of the others */
    link_check_done done;
    void *data;
};

static struct {
    struct http_client *client; /* NULL: nobody is asked */
    struct hook hook;
    char *url;
    GHashTable *known; /* url → struct known */
    GRegex *pattern;
} check;

bool link_check_is_on(void)
{
    return check.known != NULL;
}

json_t *link_check_find(const char *text)
{
    g_autoptr(GMatchInfo) match = NULL;
    json_t *urls = json_array();
    if (!text || !check.pattern)
        return urls;
    for (g_regex_match(check.pattern, text, 0, &match);
         g_match_info_matches(match) && json_array_size(urls) < LINKS_MAX;
         g_match_info_next(match, NULL)) {
        g_autofree char *url = g_match_info_fetch(match, 0);
        if (strlen(url) <= LINK_MAX)
            json_array_append_new(urls, json_string(url));
    }
    return urls;
}

/* ---- What is remembered ---------------------------------------------------------------------- */

static void known_put(const char *url, const char *threat, gint64 seconds)
{
    if (!check.known)
        return;
    if (g_hash_table_size(check.known) >= REMEMBERED_MAX)
        g_hash_table_remove_all(check.known);
    struct known *known = g_new0(struct known, 1);
    *known = (struct known){threat ? g_intern_string(threat) : NULL,
                            clock_monotonic() + seconds * G_USEC_PER_SEC};
    g_hash_table_replace(check.known, g_strdup(url), known);
}

/* What THREAT is called, of those that there are: what comes is not kept for ever. */
static const char *threat_name(const char *threat)
{
    static const char *const names[] = {"MALWARE", "SOCIAL_ENGINEERING", "UNWANTED_SOFTWARE",
                                        "POTENTIALLY_HARMFUL_APPLICATION"};
    for (size_t i = 0; threat && i < G_N_ELEMENTS(names); i++) {
        if (strcmp(threat, names[i]) == 0)
            return names[i];
    }
    return "THREAT";
}

/* "300s", "12.5s" */
static gint64 seconds_of(const json_t *match)
{
    const char *text = json_string_value(json_object_get(match, "cacheDuration"));
    gint64 seconds = text ? g_ascii_strtoll(text, NULL, 10) : 0;
    return seconds > 0 ? MIN(seconds, SECONDS_MAX) : DANGEROUS_SECONDS;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void asking_end(struct asking *asking)
{
    asking->done(asking->threats, asking->data);
    json_decref(asking->urls);
    json_decref(asking->threats);
    g_free(asking);
}

static bool was_asked(const struct asking *asking, const char *url)
{
    size_t i;
    const json_t *asked;
    json_array_foreach(asking->urls, i, asked)
    {
        if (strcmp(json_string_value(asked), url) == 0)
            return true;
    }
    return false;
}

static void on_answer(const json_t *answer, void *data)
{
    struct asking *asking = data;
    size_t i;
    const json_t *match, *asked;
    const json_t *matches = json_object_get(answer, "matches");
    if (answer) {
        json_array_foreach(asking->urls, i, asked)
            known_put(json_string_value(asked), NULL, HARMLESS_SECONDS);
    }
    json_array_foreach(matches, i, match)
    {
        const char *url =
            json_string_value(json_object_get(json_object_get(match, "threat"), "url"));
        const char *threat = threat_name(json_string_value(json_object_get(match, "threatType")));
        if (!url || !was_asked(asking, url))
            continue;
        known_put(url, threat, seconds_of(match));
        json_object_set_new(asking->threats, url, json_string(threat));
    }
    asking_end(asking);
}

static json_t *question_of(const json_t *urls)
{
    json_t *entries = json_array();
    size_t i;
    const json_t *url;
    json_array_foreach(urls, i, url)
        json_array_append_new(entries, json_pack("{s:s}", "url", json_string_value(url)));
    return json_pack("{s:{s:s, s:s}, s:{s:[s,s,s,s], s:[s], s:[s], s:o}}", "client", "clientId",
                     "trestle", "clientVersion", PACKAGE_VERSION, "threatInfo", "threatTypes",
                     "MALWARE", "SOCIAL_ENGINEERING", "UNWANTED_SOFTWARE",
                     "POTENTIALLY_HARMFUL_APPLICATION", "platformTypes", "ANY_PLATFORM",
                     "threatEntryTypes", "URL", "threatEntries", entries);
}

/* Takes from URLS what is remembered. */
static json_t *urls_unknown(json_t *urls, json_t *threats)
{
    json_t *unknown = json_array();
    size_t i;
    json_t *url;
    json_array_foreach(urls, i, url)
    {
        const char *text = json_string_value(url);
        const struct known *known = g_hash_table_lookup(check.known, text);
        if (known && known->until > clock_monotonic() && known->threat)
            json_object_set_new(threats, text, json_string(known->threat));
        else if (!(known && known->until > clock_monotonic()) && strlen(text) <= LINK_MAX)
            json_array_append(unknown, url);
    }
    json_decref(urls);
    return unknown;
}

void link_check_ask(json_t *urls, link_check_done done, void *data)
{
    struct asking *asking = g_new0(struct asking, 1);
    *asking = (struct asking){.threats = json_object(), .done = done, .data = data};
    asking->urls = check.known ? urls_unknown(urls, asking->threats) : urls;
    bool asks = check.client && json_array_size(asking->urls) > 0;
    if (!asks || !hook_ask(&check.hook, question_of(asking->urls), on_answer, asking))
        asking_end(asking);
}

/* ---- Begin and end --------------------------------------------------------------------------- */

static char *url_with_key(const char *url, const char *key)
{
    return key && *key ? g_strconcat(url, "?key=", key, NULL) : g_strdup(url);
}

void link_check_start(struct core *core)
{
    const struct options *options = core->options;
    if (!options->spam_links_url || !*options->spam_links_url)
        return;
    check.url = url_with_key(options->spam_links_url, options->spam_links_key);
    check.client = http_client_new(ASKED_MAX);
    check.known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    check.pattern =
        g_regex_new("\\bhttps?://[^\\s<>\"']*[^\\s<>\"'.,;:!?)]", G_REGEX_CASELESS, 0, NULL);
    check.hook = (struct hook){
        .client = check.client,
        .url = check.url,
        .secret = "",
        .timeout = (unsigned)options->spam_links_timeout,
        .breaker = {.failures_max = FAILURES_MAX, .pause = PAUSE, .gauge = METRIC_LINKS_BREAKER},
        .asked = METRIC_LINKS_ASKED,
        .failed = METRIC_LINKS_FAILED};
}

void link_check_renew(struct core *core, const struct options *fresh)
{
    const struct options *first = core->options;
    if (!check.url)
        return;
    g_free(check.url);
    check.url = url_with_key(first->spam_links_url,
                             fresh->spam_links_key ? fresh->spam_links_key : first->spam_links_key);
    check.hook.url = check.url;
}

void link_check_drain(void)
{
    g_clear_pointer(&check.client, http_client_free);
}

void link_check_stop(void)
{
    link_check_drain();
    g_clear_pointer(&check.known, g_hash_table_unref);
    g_clear_pointer(&check.pattern, g_regex_unref);
    g_clear_pointer(&check.url, g_free);
}
