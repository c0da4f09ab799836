/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a claim to the address of an account. */
#include "config.h"

#include <string.h>

#include "bridge/account/claimed.h"
#include "bridge/base/options.h"
#include "xep/jid.h"

static bool is_at_a_host(const struct options *options, const char *jid)
{
    g_auto(GStrv) hosts = g_strsplit(options->bound_hosts, " ", -1);
    g_autofree char *domain = jid_domain(jid);
    return domain && *domain && g_strv_contains((const char *const *)hosts, domain);
}

char *claimed_account(const struct options *options, const char *text)
{
    g_autofree char *address = NULL;
    /* jid_prepare_bare() is kind to what people paste; a claim is an address and nothing else. */
    if (!text || !*options->bound_hosts || text[strcspn(text, " <>/:?\"&'")])
        return NULL;
    const char *at = strchr(text, '@');
    if (at && (at == text || strchr(at + 1, '@')))
        return NULL;
    if (!at && !*options->bound_login_domain)
        return NULL;
    address = at ? g_strdup(text) : g_strconcat(text, "@", options->bound_login_domain, NULL);
    g_autofree char *jid = jid_prepare_bare(address);
    return jid && strchr(jid, '@') && is_at_a_host(options, jid) ? g_steal_pointer(&jid) : NULL;
}
