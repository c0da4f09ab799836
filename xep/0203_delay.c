/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0203 delayed delivery. */
#include "config.h"

#include <string.h>

#include "xep/0203_delay.h"
#include "xep/jid.h"
#include "xep/time.h"

bool delay_parse(xmpp_stanza_t *stanza, struct delay *ret)
{
    for (xmpp_stanza_t *child = stanza_first(stanza); child; child = stanza_next(child)) {
        const char *stamp =
            stanza_is(child, "delay", NS_DELAY) ? stanza_attr(child, "stamp") : NULL;
        int64_t us;
        if (stamp && xep_time_parse(stamp, &us)) {
            *ret = (struct delay){.stamp_us = us, .from = stanza_attr(child, "from")};
            return true;
        }
    }
    return false;
}

#define WITNESSES_MAX 8 /* delays that are looked at: each server on the way may add one */

struct witness {
    const char *from; /* "": nobody */
    char *prepared;   /* owned; NULL: no address */
    int64_t us;
};

static unsigned find_witnesses(xmpp_stanza_t *stanza, int64_t latest_us,
                               struct witness ret_witnesses[WITNESSES_MAX])
{
    unsigned count = 0;
    for (xmpp_stanza_t *child = stanza_first(stanza); child && count < WITNESSES_MAX;
         child = stanza_next(child)) {
        const char *stamp =
            stanza_is(child, "delay", NS_DELAY) ? stanza_attr(child, "stamp") : NULL;
        const char *from = stanza_attr(child, "from");
        int64_t us;
        if (!stamp || !xep_time_parse(stamp, &us) || us < XEP_TIME_EARLIEST || us > latest_us)
            continue;
        ret_witnesses[count++] = (struct witness){
            .from = from ? from : "", .prepared = from ? jid_prepare(from) : NULL, .us = us};
    }
    return count;
}

static bool is_by(const struct witness *witness, const char *by)
{
    return strcmp(witness->from, by) == 0 ||
           (witness->prepared && strcmp(witness->prepared, by) == 0);
}

static bool earliest_of(const struct witness *witnesses, unsigned count, const char *by,
                        int64_t *ret_us)
{
    bool found = false;
    for (unsigned i = 0; i < count; i++) {
        if (!is_by(&witnesses[i], by) || (found && witnesses[i].us >= *ret_us))
            continue;
        *ret_us = witnesses[i].us;
        found = true;
    }
    return found;
}

bool delay_choose(xmpp_stanza_t *stanza, const char *const *by, int64_t latest_us, int64_t *ret_us)
{
    struct witness witnesses[WITNESSES_MAX];
    unsigned count = find_witnesses(stanza, latest_us, witnesses);
    bool found = false;
    for (; *by && !found; by++)
        found = earliest_of(witnesses, count, *by, ret_us);
    for (unsigned i = 0; i < count; i++)
        g_free(witnesses[i].prepared);
    return found;
}

void delay_add(xmpp_stanza_t *stanza, const struct delay *delay)
{
    g_autofree char *stamp = xep_time_format(delay->stamp_us);
    xmpp_stanza_t *element = stanza_add(stanza, "delay", NS_DELAY);
    stanza_set(element, "from", delay->from);
    stanza_set(element, "stamp", stamp);
}
