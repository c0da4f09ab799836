/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses: no crash, and every form that is given out is itself valid. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xep/jid.h"
#include "xep/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_time(const char *text)
{
    int64_t us;
    int64_t again;
    if (!xep_time_parse(text, &us))
        return;
    g_autofree char *formatted = xep_time_format(us);
    if (!xep_time_parse(formatted, &again) || again > us)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *bare = jid_bare(text);
    g_autofree char *prepared = jid_prepare(text);
    g_autofree char *again = prepared ? jid_prepare(prepared) : NULL;
    g_autofree char *local = jid_local(text);
    g_autofree char *domain = jid_domain(text);
    g_autofree char *resource = jid_resource(text);
    g_autofree char *settled = jid_settle(text);
    g_autofree char *settled_again = settled ? jid_settle(settled) : NULL;
    struct jid_parts parts;

    if (settled_again ||
        (settled && !g_utf8_validate(text, -1, NULL) != !g_utf8_validate(settled, -1, NULL)))
        abort();
    if (jid_split(text, &parts) != (bare != NULL))
        abort();
    if (bare && (!jid_is_valid_bare(bare) || !jid_same_bare(bare, text) || !domain))
        abort();
    if (prepared && (!jid_is_valid(prepared) || g_strcmp0(prepared, again) != 0))
        abort();
    if (local && jid_is_hosted_local(local) && !bare)
        abort();
    if (resource && jid_is_valid_bare(text))
        abort();
    check_time(text);
    return 0;
}
