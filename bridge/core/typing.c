/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One struct per typist and conversation, from the first report until a pace after the last change
 * was told. All deadlines are in one wheel. */
#include "config.h"

#include "bridge/base/wheel.h"
#include "bridge/core/typing.h"

#define TYPISTS_MAX 65536
#define TYPISTS_PER_USER 16 /* conversations in which one user types at a time */

struct typist {
    struct wheel_entry due;
    struct typist *next;       /* of the same user */
    struct relation *relation; /* reference; as last reported */
    unsigned side;
    const void *origin;
    bool wanted; /* as last reported */
    bool told;
    bool told_short;     /* what clients that forget by themselves were told */
    enum typing_end end; /* why it is not wanted any more */
    gint64 heard_at;
    gint64 told_at;
    gint64 repeated_at;
};

struct typing {
    struct typing_rules rules;
    struct wheel wheel;
    GHashTable *users; /* struct uuid * → struct user *, owned */
    unsigned count;
};

struct user {
    struct uuid id;
    struct typist *typists;
    unsigned count;
};

struct typing *typing_new(const struct typing_rules *rules, gint64 now)
{
    struct typing *typing = g_new0(struct typing, 1);
    typing->rules = *rules;
    wheel_init(&typing->wheel, now);
    typing->users = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, g_free);
    return typing;
}

static const struct relation_party *side_of(const struct typist *typist)
{
    return &typist->relation->party[typist->side];
}

static void typist_free(struct typing *typing, struct typist *typist)
{
    struct user *user = g_hash_table_lookup(typing->users, &side_of(typist)->id);
    struct typist **link = &user->typists;
    while (*link != typist)
        link = &(*link)->next;
    *link = typist->next;
    if (--user->count == 0)
        g_hash_table_remove(typing->users, &user->id);
    wheel_clear(&typist->due);
    relation_unref(typist->relation);
    g_free(typist);
    typing->count--;
}

void typing_free(struct typing *typing)
{
    if (!typing)
        return;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, typing->users);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct user *user = value;
        for (struct typist *next, *typist = user->typists; typist; typist = next) {
            next = typist->next;
            relation_unref(typist->relation);
            g_free(typist);
        }
    }
    g_hash_table_unref(typing->users);
    g_free(typing);
}

unsigned typing_count(const struct typing *typing)
{
    return typing->count;
}

/* ---- One typist ------------------------------------------------------------------------------ */

static void typist_tell(struct typing *typing, const struct typist *typist, bool active,
                        bool repeat)
{
    struct typing_change change = {.relation = typist->relation,
                                   .side = typist->side,
                                   .active = active,
                                   .repeat = repeat,
                                   .end = typist->end};
    typing->rules.tell(&change, typing->rules.data);
}

static void tell_change(struct typing *typing, struct typist *typist, gint64 now)
{
    typist->told = typist->told_short = typist->wanted;
    typist->told_at = typist->repeated_at = now;
    typist_tell(typing, typist, typist->wanted, false);
}

/* What clients that forget by themselves are to see now. */
static void typist_repeat(struct typing *typing, struct typist *typist, gint64 now)
{
    const struct typing_rules *rules = &typing->rules;
    bool shown =
        typist->told && (!side_of(typist)->hosted || now - typist->heard_at < rules->short_silence);
    if (shown == typist->told_short && !(shown && now - typist->repeated_at >= rules->repeat))
        return;
    typist->told_short = shown;
    typist->repeated_at = now;
    typist_tell(typing, typist, shown, true);
}

static gint64 silence_of(const struct typing *typing, const struct typist *typist)
{
    return side_of(typist)->hosted ? typing->rules.app_silence : typing->rules.peer_silence;
}

static gint64 next_due(const struct typing *typing, const struct typist *typist)
{
    const struct typing_rules *rules = &typing->rules;
    if (typist->wanted != typist->told || !typist->wanted)
        return typist->told_at + rules->pace;
    gint64 due = typist->heard_at + silence_of(typing, typist);
    if (typist->told_short) {
        due = MIN(due, typist->repeated_at + rules->repeat);
        if (side_of(typist)->hosted)
            due = MIN(due, typist->heard_at + rules->short_silence);
    }
    return due;
}

/* Does what is due and sets the next deadline; the typist may be gone afterwards. */
static void typist_step(struct typing *typing, struct typist *typist, gint64 now)
{
    if (typist->wanted && now - typist->heard_at >= silence_of(typing, typist)) {
        typist->wanted = false;
        typist->end = TYPING_PAUSED;
    }
    bool may_tell = now - typist->told_at >= typing->rules.pace;
    if (typist->wanted != typist->told && may_tell)
        tell_change(typing, typist, now);
    else
        typist_repeat(typing, typist, now);
    if (!typist->wanted && !typist->told && may_tell && typist->told_at != now)
        typist_free(typing, typist);
    else
        wheel_set(&typing->wheel, &typist->due, next_due(typing, typist));
}

/* ---- Reports --------------------------------------------------------------------------------- */

static struct typist *typist_find(const struct user *user, const struct uuid *conversation)
{
    for (struct typist *typist = user ? user->typists : NULL; typist; typist = typist->next) {
        if (uuid_equal(&typist->relation->conversation, conversation))
            return typist;
    }
    return NULL;
}

static struct typist *typist_add(struct typing *typing, struct user *user,
                                 const struct typing_report *report, gint64 now)
{
    if (typing->count >= TYPISTS_MAX || (user && user->count >= TYPISTS_PER_USER))
        return NULL;
    if (!user) {
        user = g_new0(struct user, 1);
        user->id = report->relation->party[report->side].id;
        g_hash_table_insert(typing->users, &user->id, user);
    }
    struct typist *typist = g_new0(struct typist, 1);
    typist->relation = relation_ref(report->relation);
    typist->side = report->side;
    typist->told_at = now - typing->rules.pace;
    typist->next = user->typists;
    user->typists = typist;
    user->count++;
    typing->count++;
    return typist;
}

void typing_set(struct typing *typing, const struct typing_report *report, gint64 now)
{
    struct user *user =
        g_hash_table_lookup(typing->users, &report->relation->party[report->side].id);
    struct typist *typist = typist_find(user, &report->relation->conversation);
    if (!typist && report->active)
        typist = typist_add(typing, user, report, now);
    if (!typist)
        return;
    relation_ref(report->relation);
    relation_unref(typist->relation);
    typist->relation = report->relation;
    typist->side = report->side;
    typist->wanted = report->active;
    typist->origin = report->origin;
    typist->heard_at = now;
    typist->end = TYPING_STOPPED;
    typist_step(typing, typist, now);
}

static void stop_one(struct typing *typing, struct typist *typist, enum typing_end end, gint64 now)
{
    typist->wanted = false;
    typist->end = end;
    typist->origin = NULL;
    if (typist->told)
        tell_change(typing, typist, now);
    wheel_set(&typing->wheel, &typist->due, next_due(typing, typist));
}

void typing_stop(struct typing *typing, const struct typing_stop *stop, gint64 now)
{
    struct user *user = g_hash_table_lookup(typing->users, stop->user);
    for (struct typist *typist = user ? user->typists : NULL; typist; typist = typist->next) {
        bool meant =
            !stop->conversation || uuid_equal(&typist->relation->conversation, stop->conversation);
        if (meant && (!stop->origin || typist->origin == stop->origin))
            stop_one(typing, typist, stop->end, now);
    }
}

struct advance {
    struct typing *typing;
    gint64 now;
};

static void on_due(struct wheel_entry *entry, void *data)
{
    const struct advance *advance = data;
    struct typist *typist =
        (struct typist *)(void *)((char *)entry - G_STRUCT_OFFSET(struct typist, due));
    typist_step(advance->typing, typist, advance->now);
}

void typing_advance(struct typing *typing, gint64 now)
{
    struct advance advance = {typing, now};
    wheel_advance(&typing->wheel, now, on_due, &advance);
}
