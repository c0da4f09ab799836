/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A set of WebSocket connections; see receivers.h. */
#include "tests/bench/receivers.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/scan.h"
#include "tests/bench/schedule.h"

#define HANDSHAKES_MAX 64
#define STORM_MAX 512 /* of them while all come back at once */
#define STALL_NS 15000000000u
#define PER_ADDRESS 20000u        /* sockets per source address: well below the port range */
#define FIRST_ADDRESS 0x7f000002u /* 127.0.0.2 */

static bool is_type(const char *text, size_t length, const char *type)
{
    struct scan_field field = {.key = "type", .depth = 1};
    return scan_json(text, length, &field, 1) && field.length == strlen(type) &&
           memcmp(field.value, type, field.length) == 0;
}

static void take_greeting(struct receivers *receivers, struct ws_client *client, const char *text,
                          size_t length)
{
    struct scan_field cursor = {.key = "cursor", .depth = 2};
    client->greeted = true;
    if (scan_json(text, length, &cursor, 1) && cursor.length < sizeof receivers->cursor)
        g_snprintf(receivers->cursor, sizeof receivers->cursor, "%.*s", (int)cursor.length,
                   cursor.value);
    if (!receivers->resumes) {
        receivers->opened++;
        return;
    }
    g_autofree char *resume = g_strdup_printf(
        "{\"type\":\"resume\",\"id\":\"1\",\"payload\":{\"cursor\":\"%s\"}}", receivers->resumes);
    ws_send_text(client, resume, strlen(resume));
}

static void take_text(struct ws_client *client, const char *text, size_t length)
{
    static const char pong[] = "{\"type\":\"pong\"}";
    struct receivers *receivers = client->owner;
    if (!client->greeted && is_type(text, length, "hello")) {
        take_greeting(receivers, client, text, length);
    } else if (receivers->resumes && is_type(text, length, "resumed")) {
        receivers->opened++;
    } else if (is_type(text, length, "ping")) {
        ws_send_text(client, pong, sizeof pong - 1);
    } else if (receivers->text != NULL) {
        receivers->text(receivers->context, text, length);
    }
}

static void take_gone(struct ws_client *client)
{
    struct receivers *receivers = client->owner;
    receivers->lost++;
    receivers->last_close_code = client->close_code;
}

/* Opens socket INDEX; several source addresses once one has no ports left. */
static bool open_one(struct receivers *receivers, unsigned index, const char *token)
{
    struct ws_client *client = &receivers->clients[index];
    uint32_t address = receivers->count > PER_ADDRESS ? FIRST_ADDRESS + index / PER_ADDRESS : 0;
    client->engine = receivers->engine;
    client->text = take_text;
    client->gone = take_gone;
    client->owner = receivers;
    return ws_open(client, receivers->target, token, address);
}

struct receivers *receivers_new(struct engine *engine, const struct ws_target *target,
                                unsigned count,
                                const char *(*token_of)(void *context, unsigned index),
                                void *context)
{
    return receivers_resumed(engine, target, count, token_of, context, NULL);
}

struct receivers *receivers_resumed(struct engine *engine, const struct ws_target *target,
                                    unsigned count,
                                    const char *(*token_of)(void *context, unsigned index),
                                    void *context, const char *cursor)
{
    unsigned most = cursor ? STORM_MAX : HANDSHAKES_MAX;
    struct receivers *receivers = g_new0(struct receivers, 1);
    receivers->engine = engine;
    receivers->target = target;
    receivers->count = count;
    receivers->resumes = cursor;
    receivers->clients = g_new0(struct ws_client, count);
    for (unsigned i = 0; i < count; i++)
        receivers->clients[i].source.fd = -1;
    unsigned started = 0;
    unsigned seen = 0;
    uint64_t progress = now_ns();
    while (receivers->opened < count) {
        bool fine = receivers->lost == 0;
        for (; fine && started < count && started - receivers->opened < most; started++)
            fine = open_one(receivers, started, token_of(context, started));
        engine_wait(engine, now_ns() + 10000000u);
        if (receivers->opened > seen) {
            seen = receivers->opened;
            progress = now_ns();
        }
        if (fine && now_ns() - progress < STALL_NS)
            continue;
        fprintf(stderr, "sockets: %u of %u greeted, %u refused (close code %u)\n",
                receivers->opened, count, receivers->lost, receivers->last_close_code);
        receivers_free(receivers);
        return NULL;
    }
    return receivers;
}

void receivers_free(struct receivers *receivers)
{
    if (receivers == NULL)
        return;
    for (unsigned i = 0; i < receivers->count; i++)
        if (receivers->clients[i].source.fd >= 0)
            ws_close(&receivers->clients[i]);
    g_free(receivers->clients);
    g_free(receivers);
}

void receivers_idle(struct receivers *receivers, uint64_t nanoseconds)
{
    uint64_t end = now_ns() + nanoseconds;
    while (now_ns() < end)
        engine_wait(receivers->engine, end);
}
