/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0441 message archive management preferences. */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "xep/0441_mam_preferences.h"

static const char *const defaults[] = {
    [MAM_DEFAULT_ALWAYS] = "always",
    [MAM_DEFAULT_NEVER] = "never",
    [MAM_DEFAULT_ROSTER] = "roster",
};

bool mam_preferences_is_request(xmpp_stanza_t *iq)
{
    return stanza_is(iq, "iq", NS_CLIENT) && g_strcmp0(stanza_attr(iq, "type"), "get") == 0 &&
           stanza_child(iq, "prefs", NS_MAM);
}

struct mam_preferences *mam_preferences_new(enum mam_default otherwise)
{
    struct mam_preferences *preferences = g_new0(struct mam_preferences, 1);
    preferences->otherwise = otherwise;
    preferences->always = g_ptr_array_new();
    preferences->never = g_ptr_array_new();
    return preferences;
}

void mam_preferences_free(struct mam_preferences *preferences)
{
    if (!preferences)
        return;
    g_ptr_array_unref(preferences->always);
    g_ptr_array_unref(preferences->never);
    g_free(preferences);
}

/* False: there are more than fit. */
static bool read_list(xmpp_stanza_t *prefs, const char *name, GPtrArray *list)
{
    xmpp_stanza_t *element = stanza_child(prefs, name, NS_MAM);
    for (xmpp_stanza_t *child = element ? stanza_first(element) : NULL; child;
         child = stanza_next(child)) {
        const char *address = stanza_is(child, "jid", NS_MAM) ? stanza_text(child) : "";
        if (!*address)
            continue;
        if (list->len == MAM_PREFERENCES_MAX)
            return false;
        g_ptr_array_add(list, (gpointer)(uintptr_t)address);
    }
    return true;
}

struct mam_preferences *mam_preferences_parse(xmpp_stanza_t *iq)
{
    const char *type = stanza_attr(iq, "type");
    xmpp_stanza_t *prefs = stanza_child(iq, "prefs", NS_MAM);
    const char *said = prefs ? stanza_attr(prefs, "default") : NULL;
    if (!said || !type || (strcmp(type, "set") != 0 && strcmp(type, "result") != 0))
        return NULL;
    for (unsigned i = 0; i < G_N_ELEMENTS(defaults); i++) {
        if (strcmp(said, defaults[i]) != 0)
            continue;
        struct mam_preferences *preferences = mam_preferences_new((enum mam_default)i);
        bool all_always = read_list(prefs, "always", preferences->always);
        bool all_never = read_list(prefs, "never", preferences->never);
        preferences->has_more = !all_always || !all_never;
        return preferences;
    }
    return NULL;
}

static void add_list(xmpp_stanza_t *prefs, const char *name, const GPtrArray *list)
{
    xmpp_stanza_t *element = stanza_add(prefs, name, NS_MAM);
    for (guint i = 0; i < list->len; i++)
        stanza_add_text(element, "jid", NS_MAM, list->pdata[i]);
}

void mam_preferences_add(xmpp_stanza_t *iq, const struct mam_preferences *preferences)
{
    xmpp_stanza_t *prefs = stanza_add(iq, "prefs", NS_MAM);
    stanza_set(prefs, "default", defaults[preferences->otherwise]);
    add_list(prefs, "always", preferences->always);
    add_list(prefs, "never", preferences->never);
}
