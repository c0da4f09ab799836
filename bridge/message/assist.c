/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

#include <string.h>

#include "bridge/base/options.h"
#include "bridge/base/text.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request.h"
#include "bridge/loop/http_client.h"
#include "bridge/message/assist.h"

#define ASKED_MAX 32 /* at a time */
#define FAILURES_MAX 5
#define PAUSE (10 * G_USEC_PER_SEC)

static struct {
    struct http_client *client; /* NULL: there is no such service */
    struct hook hook;
    const char *callback; /* origin of its later answers, borrowed; "": there are none */
} service;

bool assist_is_there(void)
{
    return service.client != NULL;
}

bool assist_ask(const char *kind, json_t *data, hook_answer done, void *user_data)
{
    json_object_set_new(data, "kind", json_string(kind));
    json_t *question = json_pack("{s:s, s:o}", "type", "assist", "data", data);
    if (service.client)
        return hook_ask(&service.hook, question, done, user_data);
    json_decref(question);
    return false;
}

char *assist_callback(const char *token)
{
    return *service.callback ? g_strconcat(service.callback, "/api/assist/", token, NULL) : NULL;
}

const char *assist_refused(const char *who)
{
    return strcmp(who, "own") == 0 ? "your settings of data sharing do not let it"
                                   : "its author does not let it";
}

const char *assist_text(const json_t *value, size_t most)
{
    const char *text = text_bounded(json_string_value(value), most);
    return text && text_is_xml_safe(text, strlen(text)) ? text : NULL;
}

static void assist_start(struct core *core)
{
    const struct options *options = core->options;
    if (!options->assist_url || !*options->assist_url)
        return;
    service.callback = options->assist_callback ? options->assist_callback : "";
    service.client = http_client_new(ASKED_MAX);
    service.hook = (struct hook){
        .client = service.client,
        .url = options->assist_url,
        .secret = options->assist_secret,
        .timeout = (unsigned)options->assist_timeout,
        .defers = *service.callback != '\0',
        .breaker = {.failures_max = FAILURES_MAX, .pause = PAUSE, .gauge = METRIC_ASSIST_BREAKER},
        .asked = METRIC_ASSIST_ASKED,
        .failed = METRIC_ASSIST_FAILED};
}

bool assist_language_is_good(struct request *request, const char *name)
{
    const char *language = request_text(request, name);
    if (!language || text_is_language(language))
        return true;
    struct field_problem wrong = {ERROR_UNPROCESSABLE, "",
                                  "is no language tag, such as de or pt-BR"};
    g_snprintf(wrong.pointer, sizeof wrong.pointer, "/%s", name);
    request_fail_field(request, &wrong);
    return false;
}

/* Nobody is waited for any more: who has asked is told that there was no answer. */
static void assist_drain(struct core *core)
{
    (void)core;
    g_clear_pointer(&service.client, http_client_free);
}

static void assist_secrets_read(struct core *core, const struct options *fresh)
{
    hook_renew(&service.hook, fresh->assist_secret, core->options->assist_secret);
}

static const struct part part = {
    .name = "assist", .secrets_read = assist_secrets_read, .drain = assist_drain};

const struct feature feature_assist = {
    .name = "assist", .part = &part, .start = assist_start, .stop = assist_drain};
