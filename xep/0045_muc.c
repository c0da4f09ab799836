/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0045 multi-user chat: entering a room, its subject. */
#include "config.h"

#include <string.h>

#include "xep/0045_muc.h"
#include "xep/time.h"

static const char *const affiliations[AFFILIATIONS] = {
    [AFFILIATION_OUTCAST] = "outcast", [AFFILIATION_NONE] = "none",
    [AFFILIATION_MEMBER] = "member",   [AFFILIATION_ADMIN] = "admin",
    [AFFILIATION_OWNER] = "owner",
};

static const char *const roles[ROLES] = {
    [ROLE_NONE] = "none",
    [ROLE_VISITOR] = "visitor",
    [ROLE_PARTICIPANT] = "participant",
    [ROLE_MODERATOR] = "moderator",
};

const char *muc_affiliation_name(enum muc_affiliation affiliation)
{
    return affiliations[affiliation];
}

const char *muc_role_name(enum muc_role role)
{
    return roles[role];
}

/* Where NAME is in NAMES, 0 for NULL; COUNT: nowhere. */
static unsigned find_name(const char *const *names, unsigned count, const char *name)
{
    if (!name)
        return 0;
    for (unsigned i = 1; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return count;
}

bool muc_affiliation_find(const char *name, enum muc_affiliation *ret)
{
    unsigned found = find_name(affiliations, AFFILIATIONS, name);
    if (found < AFFILIATIONS)
        *ret = (enum muc_affiliation)found;
    return found < AFFILIATIONS;
}

bool muc_role_find(const char *name, enum muc_role *ret)
{
    unsigned found = find_name(roles, ROLES, name);
    if (found < ROLES)
        *ret = (enum muc_role)found;
    return found < ROLES;
}

static int32_t read_limit(xmpp_stanza_t *history, const char *name)
{
    uint64_t value;
    return stanza_attr_number(history, name, INT32_MAX, &value) ? (int32_t)value : -1;
}

static void read_history(xmpp_stanza_t *element, struct muc_history *history)
{
    const char *since = stanza_attr(element, "since");
    history->max_chars = read_limit(element, "maxchars");
    history->max_stanzas = read_limit(element, "maxstanzas");
    history->seconds = read_limit(element, "seconds");
    if (since)
        xep_time_parse(since, &history->since_us);
}

bool muc_join_parse(xmpp_stanza_t *presence, struct muc_join *ret)
{
    xmpp_stanza_t *x = stanza_child(presence, "x", NS_MUC);
    if (!stanza_is(presence, "presence", NS_CLIENT) || stanza_attr(presence, "type") || !x)
        return false;
    struct muc_join join = {.password = stanza_child_text(x, "password", NS_MUC),
                            .history = {-1, -1, -1, 0}};
    xmpp_stanza_t *history = stanza_child(x, "history", NS_MUC);
    if (history)
        read_history(history, &join.history);
    *ret = join;
    return true;
}

static void set_limit(xmpp_stanza_t *element, const char *name, int32_t limit)
{
    if (limit >= 0)
        stanza_set_number(element, name, (uint64_t)limit);
}

void muc_join_add(xmpp_stanza_t *presence, const struct muc_join *join)
{
    const struct muc_history *history = &join->history;
    xmpp_stanza_t *x = stanza_add(presence, "x", NS_MUC);
    if (join->password)
        stanza_add_text(x, "password", NS_MUC, join->password);
    if (history->max_chars < 0 && history->max_stanzas < 0 && history->seconds < 0 &&
        !history->since_us)
        return;
    xmpp_stanza_t *element = stanza_add(x, "history", NS_MUC);
    g_autofree char *since = history->since_us ? xep_time_format(history->since_us) : NULL;
    set_limit(element, "maxchars", history->max_chars);
    set_limit(element, "maxstanzas", history->max_stanzas);
    set_limit(element, "seconds", history->seconds);
    stanza_set(element, "since", since);
}

const char *muc_subject_parse(xmpp_stanza_t *message)
{
    if (stanza_child(message, "body", NS_CLIENT) || stanza_child(message, "thread", NS_CLIENT))
        return NULL;
    return stanza_child_text(message, "subject", NS_CLIENT);
}

void muc_subject_add(xmpp_stanza_t *message, const char *subject)
{
    stanza_add_text(message, "subject", NULL, subject);
}
