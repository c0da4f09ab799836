/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who gives commands. Addresses are compared in the one form in which they are prepared, whole:
 * what only looks like an administrator's address is another one. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/adhoc/caller.h"
#include "bridge/archive/archive.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/request.h"
#include "xep/jid.h"

#define FINDING_MAX 200 /* callers that are being looked up */

static GHashTable *operators; /* prepared bare JIDs, a set; NULL: none */
static unsigned finding;

void callers_clear(void)
{
    g_clear_pointer(&operators, g_hash_table_unref);
}

void callers_read(const struct options *options)
{
    g_auto(GStrv) words = g_strsplit_set(options->admin_jids, " \t,", -1);
    callers_clear();
    operators = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; words[i]; i++) {
        char *jid = *words[i] ? jid_prepare_bare(words[i]) : NULL;
        if (jid)
            g_hash_table_add(operators, jid);
        else if (*words[i])
            log_error(AREA_CONFIG, "admin-jid-unreadable", "number=%u", i + 1);
    }
}

void adhoc_caller_free(struct adhoc_caller *caller)
{
    if (!caller)
        return;
    account_unref(caller->account);
    g_free(caller->address);
    g_free(caller->bare);
    g_free(caller->staff);
    g_free(caller);
}

/* ---- Finding --------------------------------------------------------------------------------- */

struct search {
    struct core *core;
    struct adhoc_caller *caller;
    caller_found found;
    void *data;
};

static void row_take(struct search *search, const struct rows *rows)
{
    struct adhoc_caller *caller = search->caller;
    struct account_row row = {.jid = rows_text(rows, 0, ADMIN_BY_JID_JID),
                              .name = rows_text(rows, 0, ADMIN_BY_JID_NAME),
                              .facts = rows_text(rows, 0, ADMIN_BY_JID_FACTS),
                              .number = rows_integer(rows, 0, ADMIN_BY_JID_NUMBER),
                              .bound = true};
    caller->is_suspended = rows_boolean(rows, 0, ADMIN_BY_JID_SUSPENDED);
    if (strcmp(rows_text(rows, 0, ADMIN_BY_JID_KIND), "bound") != 0 ||
        !rows_uuid(rows, 0, ADMIN_BY_JID_ID, &row.id))
        return;
    caller->staff = g_strdup(rows_text(rows, 0, ADMIN_BY_JID_STAFF));
    caller->account = account_ref(account_learn(search->core->accounts, &row));
}

static void caller_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct search *search = data;
    finding--;
    if (error == ERROR_NONE && rows_count(rows) == 1 && search->core->archive)
        row_take(search, rows);
    search->found(search->caller, search->data);
}

bool caller_find(struct core *core, const char *address, caller_found found, void *data)
{
    char *bare = jid_prepare_bare(address);
    if (!bare || finding >= FINDING_MAX) {
        g_free(bare);
        return false;
    }
    struct search *search = g_new0(struct search, 1);
    struct adhoc_caller *caller = g_new0(struct adhoc_caller, 1);
    caller->address = g_strdup(address);
    caller->bare = bare;
    caller->is_operator = operators && g_hash_table_contains(operators, bare);
    *search = (struct search){core, caller, found, data};
    finding++;
    const char *values[] = {bare};
    archive_query(core->archive, QUERY_ADMIN_BY_JID, values, caller_read, search);
    return true;
}

/* ---- Rights ---------------------------------------------------------------------------------- */

static bool has_role(const struct adhoc_caller *caller, const char *role)
{
    g_auto(GStrv) roles = g_strsplit(caller->staff ? caller->staff : "", " ", -1);
    const char *const *words = (const char *const *)roles;
    return g_strv_contains(words, role) || g_strv_contains(words, "admin");
}

bool caller_may(const struct adhoc_caller *caller, const struct operation *operation)
{
    if (!operation->adhoc || caller->is_suspended)
        return false;
    if (!operation->role) /* for everybody who is a user */
        return caller->account != NULL;
    return caller->is_operator || has_role(caller, operation->role);
}

bool caller_is_somebody(const struct core *core, const struct adhoc_caller *caller)
{
    struct operation_walk walk = {core->operations, NULL};
    const struct operation *row;
    while ((row = operation_next(&walk))) {
        if (caller_may(caller, row))
            return true;
    }
    return false;
}
