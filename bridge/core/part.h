/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of the process: what struct core does not know by name. Each has state that is its own, one
 * per core, and hears of what happens to all. A part is a static const struct of the file that has
 * the state, so that nobody else can ask for it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct account;
struct change_watcher;
struct core;
struct options;
struct event;
struct subscriber;
struct uuid;

/* What a part hears of; members may be NULL. Parts are told in the order in which they were added;
 * none may be added or removed meanwhile. */
struct part {
    const char *name;
    /* SUBSCRIBER of ACCOUNT was added, or has been removed. */
    void (*subscriber_changed)(struct core *core, struct subscriber *subscriber,
                               struct account *account, bool added);
    /* ACCOUNT got its first subscriber, or lost its last one. */
    void (*online_changed)(struct core *core, struct account *account, bool online);
    /* EVENT of the log is about to be told to USERS. */
    void (*publishing)(struct core *core, const struct event *event, const struct uuid *users,
                       size_t count);
    /* A message of somebody else was handed to a socket of USER. */
    void (*delivered)(struct core *core, const struct uuid *conversation, const struct uuid *user,
                      const struct uuid *message);
    /* USER, of a conversation of many, has read up to MESSAGE, and the other members may know. Told
     * to the instance that has stored it. */
    void (*member_read)(struct core *core, const struct uuid *conversation, const struct uuid *user,
                        const struct uuid *message);
    /* USER has read up to MESSAGE in an app. Told likewise. */
    void (*app_read)(struct core *core, const struct uuid *conversation, const struct uuid *user,
                     const struct uuid *message);
    /* How USER stands to others may have changed. */
    void (*related)(struct core *core, const struct uuid *user);
    /* The same when it was changed by this process: other instances do not know yet. */
    void (*related_here)(struct core *core, const struct uuid *user);
    /* A change of USER's lets or makes WATCHER see USER's presence anew. */
    void (*watched)(struct core *core, const struct uuid *user,
                    const struct change_watcher *watcher);
    /* The outbox has rows up to NEWEST, added by this process. */
    void (*outbox_grew)(struct core *core, gint64 newest);
    void (*toggled)(struct core *core); /* features were switched on or off */
    /* Secrets of other services were read again: those in FRESH, which live until they are read
     * once more or the process ends. One that is not there (NULL) is what it was at the start. */
    void (*secrets_read)(struct core *core, const struct options *fresh);
    void (*link_up)(struct core *core); /* the component link was established */
    void (*link_down)(struct core *core);
    /* Something is to be done about rooms elsewhere that our users are in. */
    void (*guests_due)(struct core *core);
    /* The link of rooms was established, and this instance sends what goes by it. */
    void (*rooms_up)(struct core *core);
    /* The process is about to stop: what waits for events is answered, streams end. May be told
     * more than once. */
    void (*drain)(struct core *core);
};

/* PART hears from now on, if it does not already, and its state is STATE (borrowed; may be NULL).
 */
void part_add(struct core *core, const struct part *part, void *state);
/* Ends that; returns the state. */
void *part_remove(struct core *core, const struct part *part);
/* NULL also when the part is not there. */
void *part_state(const struct core *core, const struct part *part);

/* Calls HOOK of every part that has one with the arguments that follow. */
#define PARTS_TELL(core, hook, ...)                                                                \
    for (const struct part *part_, *const *at_ = parts_of(core); at_ && (part_ = *at_); at_++) {   \
        if (part_->hook)                                                                           \
            part_->hook(__VA_ARGS__);                                                              \
    }

/* All of them, ended by NULL; NULL: none. For PARTS_TELL. */
const struct part *const *parts_of(const struct core *core);
