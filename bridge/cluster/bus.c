/* SPDX-License-Identifier: GPL-3.0-or-later */
/* On the wire a message is 32 hexadecimal characters, a space, and
 * {"from","number","topic","message"}. The characters are a keyed digest of what follows the space:
 * Redis is shared by those who can reach it, and what others write there must not look like ours.
 * The key is made from the component's secret, which all instances have. Numbers rise with each
 * message of an instance, and are the time if that does: so what was heard before, or comes from an
 * instance of long ago, is not heard again. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/id.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/base/text.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/core.h"
#include "bridge/core/part.h"

#define DIGEST_CHARACTERS 32
#define HEARTBEAT_MILLISECONDS 500
#define SILENCE (3 * G_USEC_PER_SEC)
/* A heartbeat of each, and some time on the way. */
#define SETTLING (gint64)(HEARTBEAT_MILLISECONDS + 100) * 1000
#define HANDLERS_MAX 64
#define STALE (300 * G_USEC_PER_SEC) /* clocks of instances may differ so much */
#define TOPIC_HERE "bus.here"
#define TOPIC_LEFT "bus.left"

struct handler {
    const char *topic;
    bus_handler handle;
    void *data;
};

struct watcher {
    bus_changed changed;
    void *data;
};

struct instance {
    gint64 when;   /* clock_monotonic, last heard */
    gint64 number; /* of its last message */
};

/* One that was here. */
struct gone {
    gint64 number;
    bool left; /* said good-bye; what it still says does not bring it back */
};

struct bus {
    struct bus_transport transport;
    bool up;
    char *instance;
    gint64 number; /* of the last message that was sent */
    gint64 warned; /* clock_monotonic */
    guint8 key[32];
    GArray *handlers;      /* struct handler */
    GArray *watchers;      /* struct watcher */
    GHashTable *instances; /* char * → struct instance * */
    GHashTable *gone;      /* char * → struct gone * */
    bool leaving;
    bool joined; /* the sender, by this very message */
    const char *sender;
    gint64 heard_self;
    gint64 came_up; /* clock_monotonic */
    guint timer;
};

static bool is_name(const char *text, size_t most)
{
    size_t length = text ? strlen(text) : 0;
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isalnum(text[i]) && !strchr("-._", text[i]))
            return false;
    }
    return length > 0 && length <= most;
}

/* ---- Wire ------------------------------------------------------------------------------------ */

static void make_digest(const struct bus *bus, const char *bytes, size_t length,
                        char ret_digest[DIGEST_CHARACTERS + 1])
{
    g_autofree char *hex = g_compute_hmac_for_data(G_CHECKSUM_SHA256, bus->key, sizeof bus->key,
                                                   (const guchar *)bytes, length);
    g_strlcpy(ret_digest, hex, DIGEST_CHARACTERS + 1);
}

/* The text after the digest, or NULL if it is not from one of us. */
static const char *check_digest(const struct bus *bus, const char *bytes, size_t length)
{
    char digest[DIGEST_CHARACTERS + 1];
    if (length < DIGEST_CHARACTERS + 2 || length > BUS_MESSAGE_MAX ||
        bytes[DIGEST_CHARACTERS] != ' ')
        return NULL;
    const char *text = bytes + DIGEST_CHARACTERS + 1;
    make_digest(bus, text, length - DIGEST_CHARACTERS - 1, digest);
    unsigned different = 0;
    for (size_t i = 0; i < DIGEST_CHARACTERS; i++)
        different |= (unsigned char)(digest[i] ^ bytes[i]);
    return different == 0 ? text : NULL;
}

static bool message_publish(struct bus *bus, const char *topic, const json_t *message)
{
    g_autofree char *quoted = json_dumps(message, JSON_COMPACT);
    bus->number = MAX(bus->number + 1, clock_wall());
    g_autofree char *text =
        quoted ? g_strdup_printf("%*s {\"from\":\"%s\",\"number\":%" G_GINT64_FORMAT
                                 ",\"topic\":\"%s\",\"message\":%s}",
                                 DIGEST_CHARACTERS, "", bus->instance, bus->number, topic, quoted)
               : NULL;
    size_t length = text ? strlen(text) : 0;
    bool sent = false;
    if (text && length <= BUS_MESSAGE_MAX) {
        char digest[DIGEST_CHARACTERS + 1];
        size_t head = DIGEST_CHARACTERS + 1;
        make_digest(bus, text + head, length - head, digest);
        memcpy(text, digest, DIGEST_CHARACTERS);
        sent = bus->transport.publish(bus->transport.data, text, length);
    }
    metric_add(sent ? METRIC_BUS_PUBLISHED : METRIC_BUS_DROPPED, 1);
    return sent;
}

static const struct part part = {.name = "bus"};

static struct bus *bus_of(const struct core *core)
{
    return part_state(core, &part);
}

bool bus_is_up(const struct core *core)
{
    return bus_of(core) && bus_of(core)->up;
}

bool bus_is_heard(const struct core *core)
{
    return bus_is_up(core);
}

bool bus_has_left(const struct core *core)
{
    return bus_of(core) && bus_of(core)->leaving;
}

bool bus_publish(struct core *core, const char *topic, json_t *message)
{
    bool sent = false;
    if (bus_is_up(core)) {
        g_return_val_if_fail(is_name(topic, BUS_TOPIC_MAX) && json_is_object(message), false);
        sent = message_publish(bus_of(core), topic, message);
    }
    json_decref(message);
    return sent;
}

/* ---- Others ---------------------------------------------------------------------------------- */

static void tell_watchers(struct core *core, const char *instance, bool here)
{
    for (guint i = 0; i < bus_of(core)->watchers->len; i++) {
        struct watcher watcher = g_array_index(bus_of(core)->watchers, struct watcher, i);
        watcher.changed(core, instance, here, watcher.data);
    }
}

static void bus_greet(struct core *core)
{
    bus_publish(core, TOPIC_HERE, json_object());
}

/* It has missed what was said meanwhile: it is told everything again. */
static void on_here(struct core *core, const json_t *message, void *data)
{
    g_autofree char *instance = g_strdup(bus_of(core)->sender);
    (void)data;
    if (!bus_of(core)->joined && json_is_true(json_object_get(message, "missed")))
        tell_watchers(core, instance, true);
}

/* Both ways, after Redis was away. */
static void catch_up(struct core *core)
{
    g_autofree char **names =
        (char **)g_hash_table_get_keys_as_array(bus_of(core)->instances, NULL);
    bus_publish(core, TOPIC_HERE, json_pack("{s:b}", "missed", 1));
    for (guint i = 0; names[i]; i++)
        tell_watchers(core, names[i], true);
}

/* False: not one more. */
static bool instance_heard(struct core *core, const char *instance, gint64 number)
{
    GHashTable *instances = bus_of(core)->instances;
    struct instance *known = g_hash_table_lookup(instances, instance);
    if (known) {
        *known = (struct instance){clock_monotonic(), number};
        return true;
    }
    if (g_hash_table_size(instances) >= BUS_INSTANCES_MAX)
        return false;
    known = g_new(struct instance, 1);
    *known = (struct instance){clock_monotonic(), number};
    g_hash_table_insert(instances, g_strdup(instance), known);
    log_info(AREA_CORE, "instance-joined", "instance=%s", instance);
    metric_set(METRIC_BUS_INSTANCES, bus_others(core));
    bus_greet(core); /* before anything that the watchers tell it */
    tell_watchers(core, instance, true);
    bus_of(core)->joined = true;
    return true;
}

static void note_gone(struct bus *bus, const char *instance, gint64 number, bool left)
{
    struct gone *gone = g_new(struct gone, 1);
    *gone = (struct gone){number, left};
    if (g_hash_table_size(bus->gone) >= BUS_INSTANCES_MAX)
        g_hash_table_remove_all(bus->gone);
    g_hash_table_replace(bus->gone, g_strdup(instance), gone);
}

static void instance_forget(struct core *core, const char *instance)
{
    g_autofree char *name = g_strdup(instance);
    const struct instance *known = g_hash_table_lookup(bus_of(core)->instances, name);
    if (!known)
        return;
    note_gone(bus_of(core), name, known->number, false);
    g_hash_table_remove(bus_of(core)->instances, name);
    log_info(AREA_CORE, "instance-gone", "instance=%s", name);
    metric_set(METRIC_BUS_INSTANCES, bus_others(core));
    tell_watchers(core, name, false);
}

static void forget_silent(struct core *core)
{
    gint64 now = clock_monotonic();
    g_autoptr(GPtrArray) silent = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer name, known;
    g_hash_table_iter_init(&iter, bus_of(core)->instances);
    while (g_hash_table_iter_next(&iter, &name, &known)) {
        if (now - ((struct instance *)known)->when > SILENCE)
            g_ptr_array_add(silent, g_strdup(name));
    }
    for (guint i = 0; i < silent->len; i++)
        instance_forget(core, silent->pdata[i]);
}

static gboolean on_timer(gpointer data)
{
    struct core *core = data;
    struct bus *bus = bus_of(core);
    if (!bus->up)
        return G_SOURCE_CONTINUE; /* whoever is not heard now may well be there */
    if (!bus->leaving && clock_monotonic() - bus->heard_self > SILENCE) {
        log_warning(AREA_CORE, "bus-silent", NULL);
        bus->transport.reset(bus->transport.data);
        return G_SOURCE_CONTINUE;
    }
    forget_silent(core);
    if (!bus->leaving)
        bus_greet(core);
    return G_SOURCE_CONTINUE;
}

void bus_watch_instances(struct core *core, bus_changed changed, void *data)
{
    struct watcher watcher = {changed, data};
    if (bus_of(core))
        g_array_append_val(bus_of(core)->watchers, watcher);
}

unsigned bus_others(const struct core *core)
{
    return bus_of(core) ? g_hash_table_size(bus_of(core)->instances) : 0;
}

char **bus_instance_names(const struct core *core)
{
    GPtrArray *names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name;
    if (bus_of(core)) {
        g_hash_table_iter_init(&iter, bus_of(core)->instances);
        while (g_hash_table_iter_next(&iter, &name, NULL))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

unsigned bus_settling(const struct core *core)
{
    const struct bus *bus = bus_of(core);
    gint64 left = bus ? bus->came_up + SETTLING - clock_monotonic() : 0;
    return left > 0 ? (unsigned)(left / 1000) + 1 : 0;
}

const char *bus_instance(const struct core *core)
{
    return bus_of(core) ? bus_of(core)->instance : NULL;
}

/* ---- Receiving ------------------------------------------------------------------------------- */

void bus_subscribe(struct core *core, const char *topic, bus_handler handler, void *data)
{
    struct handler entry = {topic, handler, data};
    g_return_if_fail(is_name(topic, BUS_TOPIC_MAX));
    if (!bus_of(core))
        return;
    g_return_if_fail(bus_of(core)->handlers->len < HANDLERS_MAX);
    g_array_append_val(bus_of(core)->handlers, entry);
}

const char *bus_sender(const struct core *core)
{
    return bus_of(core) ? bus_of(core)->sender : NULL;
}

static void message_handle(struct core *core, const char *topic, const json_t *message)
{
    for (guint i = 0; i < bus_of(core)->handlers->len; i++) {
        struct handler entry = g_array_index(bus_of(core)->handlers, struct handler, i);
        if (strcmp(entry.topic, topic) == 0)
            entry.handle(core, message, entry.data);
    }
}

/* The number of what FROM said last, or below which nothing is believed. */
static gint64 last_number(const struct bus *bus, const char *from)
{
    const struct instance *known = g_hash_table_lookup(bus->instances, from);
    const struct gone *gone = g_hash_table_lookup(bus->gone, from);
    if (known)
        return known->number;
    return gone ? gone->number : clock_wall() - STALE;
}

/* Whether NUMBER is news. What is old is a repetition, or the clocks are too far apart. */
static bool is_news(struct bus *bus, const char *from, gint64 number)
{
    if (number > last_number(bus, from))
        return true;
    metric_add(METRIC_BUS_REFUSED, 1);
    if (bus->warned == 0 || clock_monotonic() - bus->warned > STALE) {
        bus->warned = clock_monotonic();
        log_warning(AREA_CORE, "bus-stale", "instance=%s", from);
    }
    return false;
}

static void message_take(struct core *core, const char *from, gint64 number, const json_t *envelope)
{
    struct bus *bus = bus_of(core);
    const char *topic = json_string_value(json_object_get(envelope, "topic"));
    struct gone *gone = g_hash_table_lookup(bus->gone, from);
    bool left = gone && gone->left;
    metric_add(METRIC_BUS_RECEIVED, 1);
    if (strcmp(topic, TOPIC_LEFT) == 0) {
        instance_forget(core, from);
        note_gone(bus, from, number, true);
        return;
    }
    if (left)
        gone->number = number;
    if (left || instance_heard(core, from, number)) {
        bus->sender = from;
        message_handle(core, topic, json_object_get(envelope, "message"));
        bus->sender = NULL;
        bus->joined = false;
    }
}

static void message_dispatch(struct core *core, const json_t *envelope)
{
    struct bus *bus = bus_of(core);
    const char *from = json_string_value(json_object_get(envelope, "from"));
    const char *topic = json_string_value(json_object_get(envelope, "topic"));
    const json_t *message = json_object_get(envelope, "message");
    gint64 number = json_integer_value(json_object_get(envelope, "number"));
    if (!is_name(from, BUS_TOPIC_MAX * 2) || !is_name(topic, BUS_TOPIC_MAX) ||
        !json_is_object(message)) {
        metric_add(METRIC_BUS_REFUSED, 1);
        return;
    }
    if (strcmp(from, bus->instance) == 0)
        bus->heard_self = clock_monotonic();
    else if (is_news(bus, from, number))
        message_take(core, from, number, envelope);
}

void bus_received(struct core *core, const char *bytes, size_t length)
{
    const char *text = bus_of(core) ? check_digest(bus_of(core), bytes, length) : NULL;
    json_t *envelope = text ? json_loadb(text, length - (size_t)(text - bytes), 0, NULL) : NULL;
    if (envelope)
        message_dispatch(core, envelope);
    else
        metric_add(METRIC_BUS_REFUSED, 1);
    json_decref(envelope);
}

/* ---- Coming and going ------------------------------------------------------------------------ */

void bus_up(struct core *core)
{
    struct bus *bus = bus_of(core);
    GHashTableIter iter;
    gpointer known;
    bus->up = true;
    bus->heard_self = bus->came_up = clock_monotonic();
    g_hash_table_iter_init(&iter, bus->instances);
    while (g_hash_table_iter_next(&iter, NULL, &known))
        ((struct instance *)known)->when = bus->heard_self;
    metric_set(METRIC_BUS_CONNECTED, 1);
    catch_up(core);
}

void bus_down(struct core *core)
{
    bus_of(core)->up = false;
    metric_set(METRIC_BUS_CONNECTED, 0);
}

void bus_leave(struct core *core)
{
    if (!bus_of(core))
        return;
    bus_of(core)->leaving = true;
    bus_publish(core, TOPIC_LEFT, json_object());
}

static char *make_instance(const struct options *options)
{
    g_autofree char *random = random_hex(6);
    const char *name = options->cluster_instance;
    return name && *name ? g_strconcat(name, ".", random, NULL) : g_strdup(random);
}

void bus_init(struct core *core, const struct bus_transport *transport)
{
    static const char purpose[] = "trestle bus 1";
    if (!transport)
        return;
    struct bus *bus = g_new0(struct bus, 1);
    const char *secret = core->options->xmpp_secret;
    g_autoptr(GHmac) hmac = g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)secret, strlen(secret));
    gsize length = sizeof bus->key;
    g_hmac_update(hmac, (const guchar *)purpose, sizeof purpose);
    g_hmac_get_digest(hmac, bus->key, &length);
    bus->transport = *transport;
    bus->instance = make_instance(core->options);
    bus->handlers = g_array_new(FALSE, FALSE, sizeof(struct handler));
    bus->watchers = g_array_new(FALSE, FALSE, sizeof(struct watcher));
    bus->instances = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    bus->gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    bus->timer = g_timeout_add(HEARTBEAT_MILLISECONDS, on_timer, core);
    part_add(core, &part, bus);
    bus_subscribe(core, TOPIC_HERE, on_here, NULL);
}

void bus_clear(struct core *core)
{
    struct bus *bus = part_remove(core, &part);
    if (!bus)
        return;
    g_source_remove(bus->timer);
    g_array_unref(bus->handlers);
    g_array_unref(bus->watchers);
    g_hash_table_unref(bus->instances);
    g_hash_table_unref(bus->gone);
    g_free(bus->instance);
    explicit_bzero(bus->key, sizeof bus->key);
    g_free(bus);
}
