/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happened, told to sockets. An event is serialised once per dialect and delivered N times. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/account/subscriber.h"
#include "bridge/base/buffer.h"
#include "bridge/base/clock.h"
#include "bridge/base/id.h"
#include "bridge/base/words.h"

struct account;
struct core;

enum event_type {
#define TRESTLE_EVENT(symbol, name, payload, flags, summary) EVENT_##symbol,
#include "bridge/core/event.def"
    EVENT_TYPE_MAX
};

enum event_flag {
    EVENT_LOGGED = 1 << 0, /* has a position in the log, and comes again to whoever was away */
    EVENT_SHOWS_CONVERSATION = 1 << 1, /* the payload is a Conversation, or has one */
    EVENT_PASSING = 1 << 2 /* of those of the log, some are told to a device alone, and pass */
};

/* A row of event.def. */
struct event_info {
    const char *name;    /* native: "message.new" */
    const char *payload; /* type of view/schema.def */
    unsigned flags;      /* enum event_flag */
    const char *summary;
};

/* The row of TYPE; static. */
const struct event_info *event_info(enum event_type type);

/* The native name ("message.new") of TYPE. */
const char *event_type_name(enum event_type type);

/* The type called NAME, or EVENT_TYPE_MAX; NAME may be NULL. */
enum event_type event_type_from_name(const char *name);

/* The rows of DIALECTS. */
enum event_dialect {
#define INDEX_OF(symbol, name, subprotocol) DIALECT_##symbol,
    DIALECTS(INDEX_OF, INDEX_OF)
#undef INDEX_OF
        DIALECT_MAX
};

/* Whom an event is about, for dialects that name it otherwise than the payload does. */
struct event_parties {
    struct uuid conversation; /* nil: none */
    struct uuid message;      /* message.new, delivered, read, failed; else nil */
    struct uuid actor;   /* who wrote, read, types, is present; nil when the log does not say */
    gint64 actor_number; /* account numbers; 0: unknown */
    gint64 peer_number;  /* the other one of a direct conversation; 0: none */
    bool many;           /* the conversation is not a direct one */
};

struct event {
    int references;
    enum event_type type;
    struct event_parties parties;
    gint64 position; /* in the log; 0 for events that are not in it (typing, presence) */
    gint64 accepted; /* clock_monotonic: when what it tells came here; 0: that does not count */
    bool active;     /* typing: whether the actor does */
    bool split;      /* a signal once more, for dialects that name it by what it says */
    bool repeat;     /* nothing new: only for subscribers with `repeats` */
    char stamp[CLOCK_TIMESTAMP_SIZE];
    char *payload; /* JSON object, native form */
    size_t payload_length;
    /* Made on first use; owned: the text in each dialect, and the WebSocket frame with that text.
     */
    GBytes *texts[DIALECT_MAX];
    GBytes *frames[DIALECT_MAX];
    GBytes *deflated[DIALECT_MAX]; /* the frame once more, for sockets that take it compressed */
};
typedef struct event trestle_event;

/* PAYLOAD's content is taken. The event starts with one reference and without parties. */
struct event *event_new(enum event_type type, gint64 position, gint64 wall, struct buffer *payload);
struct event *event_ref(struct event *event);
void event_unref(struct event *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(trestle_event, event_unref)

void subscriber_add(struct core *core, struct subscriber *subscriber, struct account *account);
void subscriber_remove(struct core *core, struct subscriber *subscriber);

/* Whether there are MAXIMUM of this kind already. 0: there is no limit. */
bool subscriber_is_one_too_many(const struct account *account,
                                void (*deliver)(struct subscriber *subscriber, struct event *event),
                                gint64 maximum);

/* Delivers EVENT to every subscriber of ACCOUNT (borrowed). */
void event_deliver(struct account *account, struct event *event);

/* Whether anybody would hear an event for these users: what need not be told need not be built. */
bool event_is_wanted(const struct core *core, const struct uuid *users, size_t count);

/* Delivers EVENT to the subscribers of USERS, on all instances if it is one of the log, and notes
 * that what others wrote was delivered. Events of the log are published in the completion of the
 * write that caused them, in log order. */
void event_publish(struct core *core, struct event *event, const struct uuid *users, size_t count);

/* Like event_publish, for one that comes behind others of its transaction, which are still to be
 * published: it is told before the next one with a higher position, at the latest when the loop
 * turns. */
void event_publish_later(struct core *core, struct event *event, const struct uuid *users,
                         size_t count);

/* Like event_publish, for this instance alone, at once. */
void event_hand_out(struct core *core, struct event *event, const struct uuid *users, size_t count);

/* A write of this instance took the log up to POSITION, whether anybody was to be told or not. */
void event_passed(struct core *core, gint64 position);

/* Events of ACCOUNT after this position are still to come. */
gint64 event_position(const struct core *core, const struct account *account);

/* Several instances: events of the log do not go to subscribers at once (see fanout.h). */
struct event_router {
    void (*take)(struct core *core, struct event *event, const struct uuid *users, size_t count);
    /* ACCOUNT got its first subscriber, or lost its last one. */
    void (*subscribed)(struct core *core, struct account *account, bool first);
    gint64 (*position)(const struct core *core, const struct account *account);
};

/* Tells every subscriber of ACCOUNT that too much was missed up to POSITION. */
void event_missed(struct account *account, gint64 position);
