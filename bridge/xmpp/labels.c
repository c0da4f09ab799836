/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A table of the domains that were seen in another spelling than ours; it is nearly always empty.
 */
#include "config.h"

#include <string.h>

#include "bridge/xmpp/labels.h"
#include "xep/jid.h"

#define LABELS_MAX 4096

struct labels {
    GHashTable *theirs; /* char * our spelling → char * theirs */
};

struct labels *labels_new(void)
{
    struct labels *labels = g_new0(struct labels, 1);
    labels->theirs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return labels;
}

void labels_free(struct labels *labels)
{
    if (!labels)
        return;
    g_hash_table_unref(labels->theirs);
    g_free(labels);
}

static void label_remember(struct labels *labels, const char *ours, const char *theirs)
{
    g_autofree char *key = jid_domain(ours);
    g_autofree char *value = jid_domain(theirs);
    const char *known = key ? g_hash_table_lookup(labels->theirs, key) : NULL;
    if (!key || !value || g_strcmp0(known, value) == 0)
        return;
    if (!known && g_hash_table_size(labels->theirs) >= LABELS_MAX)
        g_hash_table_remove_all(labels->theirs);
    g_hash_table_replace(labels->theirs, g_steal_pointer(&key), g_steal_pointer(&value));
}

void labels_arrive(struct labels *labels, xmpp_stanza_t *stanza)
{
    static const char *const attributes[] = {"from", "to"};
    for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++) {
        const char *address = stanza_attr(stanza, attributes[i]);
        g_autofree char *settled = address ? jid_settle(address) : NULL;
        if (!settled)
            continue;
        if (i == 0)
            label_remember(labels, settled, address);
        stanza_set(stanza, attributes[i], settled);
    }
}

char *labels_leave(const struct labels *labels, const char *to)
{
    struct jid_parts parts;
    if (!to || g_hash_table_size(labels->theirs) == 0 || !jid_split(to, &parts))
        return NULL;
    g_autofree char *domain = g_strndup(parts.domain, parts.domain_length);
    const char *theirs = g_hash_table_lookup(labels->theirs, domain);
    if (!theirs)
        return NULL;
    size_t before = (size_t)(parts.domain - to);
    return g_strdup_printf("%.*s%s%s", (int)before, to, theirs, to + before + parts.domain_length);
}

/* Where the value of the attribute `to` of the start tag at XML begins, behind its quote, and its
 * length; NULL: there is none. */
static const char *find_to(const char *xml, const char *end, size_t *ret_length)
{
    const char *p = xml;
    while (p < end && !g_ascii_isspace(*p) && *p != '>')
        p++;
    while (p < end && *p != '>' && *p != '/') {
        while (p < end && g_ascii_isspace(*p))
            p++;
        const char *equals = memchr(p, '=', (size_t)(end - p));
        if (!equals || equals + 2 >= end || (equals[1] != '"' && equals[1] != '\''))
            return NULL;
        const char *value = equals + 2;
        const char *quote = memchr(value, equals[1], (size_t)(end - value));
        if (!quote)
            return NULL;
        *ret_length = (size_t)(quote - value);
        if (equals - p == 2 && memcmp(p, "to", 2) == 0)
            return value;
        p = quote + 1;
    }
    return NULL;
}

char *labels_leave_text(const struct labels *labels, const char *xml, size_t length)
{
    size_t size = 0;
    const char *end = xml + length;
    const char *value = g_hash_table_size(labels->theirs) > 0 ? find_to(xml, end, &size) : NULL;
    g_autofree char *to = value ? g_strndup(value, size) : NULL;
    g_autofree char *theirs = to && !strchr(to, '&') ? labels_leave(labels, to) : NULL;
    if (!theirs)
        return NULL;
    const char *after = value + size;
    return g_strdup_printf("%.*s%s%.*s", (int)(value - xml), xml, theirs, (int)(end - after),
                           after);
}
