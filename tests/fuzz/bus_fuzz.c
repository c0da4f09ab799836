/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes from Redis. As it is, it must be nothing; signed rightly, as by another version of the
 * program, it may say what it likes, and what is kept because of it stays bounded. Lines of the
 * input are messages; one that begins with "!" is taken as it is. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"

#define SECRET "secret"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct options settings = {.xmpp_secret = (char[]){SECRET},
                                  .cluster_instance = (char[]){"me"}};
static unsigned heard;

static bool publish(void *data, const char *bytes, size_t length)
{
    (void)data;
    (void)bytes;
    if (length > BUS_MESSAGE_MAX)
        abort();
    return true;
}

static void reset(void *data)
{
    (void)data;
}

static void on_any(struct core *core, const json_t *message, void *data)
{
    (void)data;
    heard++;
    if (!json_is_object(message) || !bus_sender(core))
        abort();
}

static void sign(const char *text, size_t length, char ret_digest[33])
{
    static const char purpose[] = "trestle bus 1";
    guint8 key[32];
    gsize key_length = sizeof key;
    g_autoptr(GHmac) hmac = g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)SECRET, strlen(SECRET));
    g_hmac_update(hmac, (const guchar *)purpose, sizeof purpose);
    g_hmac_get_digest(hmac, key, &key_length);
    g_autofree char *hex =
        g_compute_hmac_for_data(G_CHECKSUM_SHA256, key, sizeof key, (const guchar *)text, length);
    g_strlcpy(ret_digest, hex, 33);
}

static void take_line(struct core *core, const char *line, size_t length)
{
    unsigned before = heard, others = bus_others(core);
    if (length > 0 && *line == '!') {
        bus_received(core, line + 1, length - 1);
        if (heard != before || bus_others(core) != others)
            abort();
        return;
    }
    char digest[33];
    sign(line, length, digest);
    GString *text = g_string_new(digest);
    g_string_append_c(text, ' ');
    g_string_append_len(text, line, (gssize)length);
    bus_received(core, text->str, text->len);
    others = bus_others(core);
    bus_received(core, text->str, text->len); /* once more: nothing */
    if (heard > before + 1 || bus_others(core) != others || others > BUS_INSTANCES_MAX)
        abort();
    g_string_free(text, TRUE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bus_transport transport = {NULL, publish, reset};
    struct core core = {.options = &settings};
    const char *line = (const char *)data;
    const char *end = line + size;
    core.accounts = accounts_new();
    bus_init(&core, &transport);
    elsewhere_init(&core);
    bus_subscribe(&core, "talk", on_any, NULL);
    bus_up(&core);
    while (line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        take_line(&core, line, (size_t)((next ? next : end) - line));
        line = next ? next + 1 : end;
    }
    bus_clear(&core);
    elsewhere_clear(&core);
    accounts_free(core.accounts);
    return 0;
}
