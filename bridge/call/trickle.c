/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "bridge/call/jingle.h"
#include "bridge/call/trickle.h"
#include "bridge/loop/loop.h"
#include "xep/jingle/candidate.h"
#include "xep/jingle/content.h"

/* Of one call. */
struct trickle {
    struct call *call;               /* reference */
    struct media_description *local; /* the app's, with no candidates but those that wait */
};

/* struct call * → struct trickle *; at most as many as calls that have said something in this turn.
 */
static GHashTable *trickles;

static void trickle_free(gpointer data)
{
    struct trickle *trickle = data;
    media_description_free(trickle->local);
    call_unref(trickle->call);
    g_free(trickle);
}

static void trickle_send(const struct trickle *trickle)
{
    static const struct jingle info = {.action = JINGLE_TRANSPORT_INFO};
    for (guint i = 0; i < trickle->local->contents->len; i++) {
        const struct media_content *content = trickle->local->contents->pdata[i];
        if (content->transport.candidates->len > 0)
            jingle_content_out(trickle->call, &info, content, CONTENT_TRANSPORT, NULL);
    }
}

void trickle_flush(struct call *call)
{
    struct trickle *trickle;
    if (!g_hash_table_steal_extended(trickles, call, NULL, (gpointer *)&trickle))
        return;
    trickle_send(trickle);
    trickle_free(trickle);
}

static void turn_ends(void *data)
{
    g_autoptr(trestle_call) call = data;
    if (trickles)
        trickle_flush(call);
}

static struct trickle *trickle_of(struct call *call)
{
    struct trickle *trickle = g_hash_table_lookup(trickles, call);
    struct media_description *local = trickle ? NULL : jingle_description(call, "local");
    if (!local)
        return trickle;
    for (guint i = 0; i < local->contents->len; i++) {
        const struct media_content *content = local->contents->pdata[i];
        g_array_set_size(content->transport.candidates, 0);
    }
    trickle = g_new0(struct trickle, 1);
    *trickle = (struct trickle){call_ref(call), local};
    g_hash_table_insert(trickles, call, trickle);
    loop_defer(turn_ends, call_ref(call));
    return trickle;
}

static struct media_content *content_meant(const struct media_description *local,
                                           const json_t *data)
{
    const char *mid = json_string_value(json_object_get(data, "sdpMid"));
    gsize n = (gsize)json_integer_value(json_object_get(data, "sdpMLineIndex"));
    if (mid && *mid)
        return media_content_by_mid(local, mid);
    return n < local->contents->len ? local->contents->pdata[n] : NULL;
}

void trickle_out(struct call *call, const json_t *signal)
{
    const json_t *data = json_object_get(signal, "data");
    const char *line = json_string_value(json_object_get(data, "candidate"));
    const struct trickle *trickle = line && *line ? trickle_of(call) : NULL;
    struct media_content *content = trickle ? content_meant(trickle->local, data) : NULL;
    struct candidate candidate;
    if (!content || content->rejected ||
        !candidate_read_line(trickle->local, line, strlen(line), &candidate) ||
        !candidate_may_pass(&candidate, jingle_is_relayed(call)))
        return;
    candidate = candidate_shown(&candidate, jingle_is_relayed(call));
    media_append(content->transport.candidates, &candidate);
}

void trickle_start(void)
{
    trickles = g_hash_table_new_full(NULL, NULL, NULL, trickle_free);
}

void trickle_stop(void)
{
    g_clear_pointer(&trickles, g_hash_table_unref);
}
