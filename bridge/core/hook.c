/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/id.h"
#include "bridge/base/webhook.h"
#include "bridge/core/hook.h"
#include "bridge/loop/http_client.h"

struct asking {
    struct hook *hook;
    hook_answer done;
    void *data;
};

static void on_answer(long status, const char *body, size_t length, void *data)
{
    g_autofree struct asking *asking = data;
    struct hook *hook = asking->hook;
    bool later = status == 202 && hook->defers;
    json_t *json = status == 200 ? json_loadb(body, length, 0, NULL) : later ? json_null() : NULL;
    bool fine = later || json_is_object(json);
    breaker_tell(&hook->breaker, fine);
    if (!fine)
        metric_add(hook->failed, 1);
    asking->done(fine ? json : NULL, asking->data);
    json_decref(json);
}

static bool hook_post(struct hook *hook, const char *body, struct asking *asking)
{
    char id[UUID_TEXT_SIZE];
    gint64 seconds = clock_wall() / G_USEC_PER_SEC;
    uuid_generate_text(id);
    g_autofree char *signature =
        *hook->secret ? webhook_signature(hook->secret, id, seconds, body) : NULL;
    g_autofree char *id_header = g_strconcat("webhook-id: ", id, NULL);
    g_autofree char *time_header = g_strdup_printf("webhook-timestamp: %" G_GINT64_FORMAT, seconds);
    g_autofree char *signature_header =
        signature ? g_strconcat("webhook-signature: ", signature, NULL) : NULL;
    /* The list ends behind its first header where nothing is signed. */
    const char *headers[] = {"Content-Type: application/json", signature ? id_header : NULL,
                             time_header, signature_header, NULL};
    const struct http_post post = {hook->url, headers, body, strlen(body), hook->timeout};
    return http_client_post(hook->client, &post, on_answer, asking);
}

bool hook_ask(struct hook *hook, json_t *question, hook_answer done, void *data)
{
    char *body = json_dumps(question, JSON_COMPACT);
    /* That many ask at once says nothing about the hook, and nothing to its breaker. */
    bool asks = body && !http_client_is_full(hook->client) && breaker_admits(&hook->breaker);
    json_decref(question);
    if (asks) {
        struct asking *asking = g_new0(struct asking, 1);
        *asking = (struct asking){hook, done, data};
        metric_add(hook->asked, 1);
        asks = hook_post(hook, body, asking);
        if (!asks) {
            breaker_tell(&hook->breaker, false);
            g_free(asking);
        }
    }
    if (!asks)
        metric_add(hook->failed, 1);
    free(body);
    return asks;
}

void hook_renew(struct hook *hook, const char *fresh, const char *first)
{
    hook->secret = fresh ? fresh : first;
}
