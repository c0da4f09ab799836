/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an archive replays besides messages. */
#include "config.h"

#include <string.h>

#include "bridge/core/entry.h"

static const struct entry_kind *const *kinds;

void entry_use(const struct entry_kind *const *tables)
{
    kinds = tables;
}

bool entry_add(xmpp_stanza_t *stanza, const char *kind, const struct entry *entry)
{
    for (const struct entry_kind *const *table = kinds; table && *table; table++) {
        for (const struct entry_kind *row = *table; row->kind; row++) {
            if (strcmp(row->kind, kind) == 0)
                return row->add(stanza, entry);
        }
    }
    return false;
}
