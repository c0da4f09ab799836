/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A table of verified hashes. A wrong answer, or none, blames nobody but who owes it: the next one
 * who shows the hash is asked, and nobody twice within a minute. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/core/core.h"
#include "bridge/core/stanza_out.h"
#include "bridge/presence/caps.h"
#include "bridge/presence/contact_presence.h"
#include "xep/0115_caps.h"
#include "xep/jid.h"

#define KNOWN_MAX 2000   /* hashes; when there are more, all are asked for anew */
#define FEATURES_MAX 200 /* kept of one; longer answers are not believed */
#define ASKED_MAX 16     /* people asked for one hash within a minute */
#define ASKED_MEMORY (60 * G_USEC_PER_SEC)
#define TIMEOUT_SECONDS 30

struct caps_entry {
    GHashTable *features; /* a set of text; NULL: not known */
    GHashTable *asked;    /* a set of bare JIDs */
    gint64 since;         /* clock_monotonic, when the first of them was asked */
};

static GHashTable *table; /* ver → struct known * */

struct question {
    char *hash, *node, *ver;
    caps_done done; /* NULL: it is for the table alone */
    void *data;
};

static void known_free(gpointer data)
{
    struct caps_entry *entry = data;
    g_clear_pointer(&entry->features, g_hash_table_unref);
    g_hash_table_unref(entry->asked);
    g_free(entry);
}

void caps_start(void)
{
    table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
}

void caps_stop(void)
{
    g_clear_pointer(&table, g_hash_table_unref);
}

static char *bare_jid(const struct available_resource *resource)
{
    return jid_cut(resource->full_jid);
}

static bool may_be_asked(const struct caps_entry *entry, const char *bare)
{
    return clock_monotonic() - entry->since >= ASKED_MEMORY ||
           (g_hash_table_size(entry->asked) < ASKED_MAX &&
            !g_hash_table_contains(entry->asked, bare));
}

bool caps_is_unknown(const struct available_resource *resource)
{
    if (!resource->caps_ver)
        return false;
    g_autofree char *bare = bare_jid(resource);
    const struct caps_entry *entry = g_hash_table_lookup(table, resource->caps_ver);
    return !entry || (!entry->features && may_be_asked(entry, bare));
}

/* NULL: not known. */
static GHashTable *features_known(const struct available_resource *resource)
{
    const struct caps_entry *entry =
        resource->caps_ver && table ? g_hash_table_lookup(table, resource->caps_ver) : NULL;
    return entry ? entry->features : NULL;
}

bool caps_has(const struct available_resource *resource, const char *feature)
{
    GHashTable *features = features_known(resource);
    return features && g_hash_table_contains(features, feature);
}

bool caps_lacks(const struct available_resource *resource, const char *feature)
{
    GHashTable *features = features_known(resource);
    return features && !g_hash_table_contains(features, feature);
}

static GHashTable *features_of(const struct disco_info *info)
{
    GHashTable *features = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < info->features->len; i++)
        g_hash_table_add(features, g_strdup(info->features->pdata[i]));
    return features;
}

static void question_free(struct question *question)
{
    g_free(question->hash);
    g_free(question->node);
    g_free(question->ver);
    g_free(question);
}

static void question_answered(xmpp_stanza_t *result, void *data)
{
    struct question *question = data;
    struct caps_entry *entry = table ? g_hash_table_lookup(table, question->ver) : NULL;
    g_autoptr(disco_info) info = result ? disco_info_parse(result) : NULL;
    g_autoptr(GHashTable) features = info ? features_of(info) : NULL;
    struct caps caps = {question->hash, question->node, question->ver};
    if (entry && info && !entry->features && info->features->len <= FEATURES_MAX &&
        caps_verify(&caps, info))
        entry->features = g_hash_table_ref(features);
    if (question->done)
        question->done(features, question->data);
    question_free(question);
}

/* The entry of VER, with BARE among the asked. */
static void note_asked(const char *ver, char *bare)
{
    struct caps_entry *entry = g_hash_table_lookup(table, ver);
    if (!entry) {
        entry = g_new0(struct caps_entry, 1);
        entry->asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_insert(table, g_strdup(ver), entry);
    }
    if (clock_monotonic() - entry->since >= ASKED_MEMORY)
        g_hash_table_remove_all(entry->asked);
    if (g_hash_table_size(entry->asked) == 0)
        entry->since = clock_monotonic();
    if (g_hash_table_size(entry->asked) < ASKED_MAX)
        g_hash_table_add(entry->asked, g_steal_pointer(&bare));
    g_free(bare);
}

/* Takes QUESTION. */
static void question_ask(struct core *core, const char *from, const char *to,
                         struct question *question)
{
    g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("get", NULL, from, to);
    g_autofree char *node = g_strconcat(question->node, "#", question->ver, NULL);
    disco_info_add_request(iq, node);
    if (g_hash_table_size(table) >= KNOWN_MAX)
        g_hash_table_remove_all(table);
    note_asked(question->ver, jid_cut(to));
    if (!stanza_ask(core, iq, TIMEOUT_SECONDS, question_answered, question))
        question_answered(NULL, question);
}

void caps_ask(struct core *core, const char *from, const struct available_resource *resource)
{
    struct question *question = g_new0(struct question, 1);
    question->hash = g_strdup("sha-1");
    question->node = g_strdup(resource->caps_node);
    question->ver = g_strdup(resource->caps_ver);
    question_ask(core, from, resource->full_jid, question);
}

void caps_find(struct core *core, const struct caps_place *place, const struct caps *caps,
               caps_done done, void *data)
{
    const struct caps_entry *entry = table ? g_hash_table_lookup(table, caps->ver) : NULL;
    if (!table || (entry && entry->features)) {
        done(entry ? entry->features : NULL, data);
        return;
    }
    struct question *question = g_new0(struct question, 1);
    *question = (struct question){g_strdup(caps->hash), g_strdup(caps->node), g_strdup(caps->ver),
                                  done, data};
    question_ask(core, place->from, place->full_jid, question);
}
