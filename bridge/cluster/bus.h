/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small typed messages among the instances that share one database: typing, presence, wake-ups,
 * revocations. Best effort: what is published may be lost, and arrives at most once, in the order
 * of its publisher, even if somebody repeats it on the wire. Whatever must not be lost is in
 * PostgreSQL first.
 *
 * Without [cluster] redis there is nobody else: publishing does nothing, handlers are never called.
 * An instance does not hear what it publishes itself. */
#pragma once

#include <jansson.h>

#include <glib.h>
#include <stdbool.h>

struct core;

#define BUS_MESSAGE_MAX (4 * 1024 * 1024) /* bytes on the wire; larger ones are not published */
#define BUS_TOPIC_MAX 32                  /* characters */
#define BUS_INSTANCES_MAX 64

/* Tells the other instances MESSAGE, a JSON object (the reference is taken), under TOPIC: letters,
 * digits and "-._". False when it was dropped: alone, Redis away or too far behind, too large. */
bool bus_publish(struct core *core, const char *topic, json_t *message);

/* Whether bus_publish could reach anybody: saves building a message in vain. */
bool bus_is_heard(const struct core *core);

/* Whether this instance has said good-bye: the others keep nothing of it any more, though they hear
 * it. */
bool bus_has_left(const struct core *core);

/* MESSAGE is borrowed and always an object. It comes from another instance of this program, perhaps
 * of another version: check its members. */
typedef void (*bus_handler)(struct core *core, const json_t *message, void *data);

/* Calls HANDLER for each message under TOPIC (static). In a feature's start; for the life of CORE.
 */
void bus_subscribe(struct core *core, const char *topic, bus_handler handler, void *data);

/* While a handler runs: the instance that published the message. */
const char *bus_sender(const struct core *core);

/* CHANGED is called when another INSTANCE is seen for the first time, or again after messages were
 * lost on the way (`here`: tell it what it has to know; it does the same), and when it has said
 * good-bye or has been silent for three seconds. */
typedef void (*bus_changed)(struct core *core, const char *instance, bool here, void *data);
void bus_watch_instances(struct core *core, bus_changed changed, void *data);

/* How many other instances are here. */
unsigned bus_others(const struct core *core);

/* Their names, ended by NULL; the caller frees them. */
char **bus_instance_names(const struct core *core);

/* In how many milliseconds every other instance that is here has been heard: 0 unless the bus has
 * just come up. */
unsigned bus_settling(const struct core *core);

/* The name of this one, new at each start; NULL without a bus. */
const char *bus_instance(const struct core *core);

/* ---- For the wiring -------------------------------------------------------------------------- */

struct bus_transport {
    void *data;
    bool (*publish)(void *data, const char *bytes, size_t length);
    void (*reset)(void *data); /* nothing comes through: connect anew */
};

/* TRANSPORT is NULL for a single instance; else it is copied. Before the features start. */
void bus_init(struct core *core, const struct bus_transport *transport);
void bus_clear(struct core *core);
void bus_up(struct core *core); /* the transport carries messages */
void bus_down(struct core *core);
bool bus_is_up(const struct core *core);
void bus_received(struct core *core, const char *bytes, size_t length);
/* Says good-bye: the others need not wait for the silence. */
void bus_leave(struct core *core);
