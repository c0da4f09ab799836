/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing of it is a user's own but which features are switched off, so one set and one hash serve
 * all for whom the same ones are; features come from xep/registry.c. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/toggle.h"
#include "bridge/presence/client.h"
#include "xep/registry.h"

/* What is not announced when the switch is off. */
static const struct {
    enum toggle toggle;
    const char *ns;
} switched[] = {
    {TOGGLE_TYPING, NS_CHAT_STATES},  {TOGGLE_CALLS, NS_IN_CALL},
    {TOGGLE_REACTIONS, NS_REACTIONS}, {TOGGLE_GROUPS, NS_INVITATION},
    {TOGGLE_MESSAGES, NS_RECEIPTS},   {TOGGLE_MESSAGES, NS_MARKERS},
    {TOGGLE_MESSAGES, NS_CORRECTION}, {TOGGLE_MESSAGES, NS_OOB},
    {TOGGLE_MESSAGES, NS_GEOLOC},
};

/* Accounts of other servers hear what their other clients change. */
#define BOUND (1u << 31)
static const char *const of_bound[] = {NS_BOOKMARKS "+notify", NS_DISPLAYED_SYNC "+notify"};

struct variant {
    struct caps caps;
    char *ver;
    char *node;
};

static struct {
    char *program;        /* https://<domain> */
    GHashTable *variants; /* toggles that matter and are off → struct variant *; a handful */
} client;

/* Software information (XEP-0232); the operating system is nobody's business. */
static struct data_form *software_form(void)
{
    struct data_form *form = data_form_new("result");
    data_form_put(form, "FORM_TYPE", "hidden", FORM_SOFTWARE);
    data_form_put(form, "software", NULL, "Trestle");
    data_form_put(form, "software_version", NULL, PACKAGE_VERSION);
    return form;
}

static unsigned off_of(const struct core *core, const struct account *account)
{
    unsigned off = account->bound ? BOUND : 0;
    for (size_t i = 0; i < G_N_ELEMENTS(switched); i++) {
        if (!toggle_is_on(core, switched[i].toggle, &account->id))
            off |= TOGGLE_BIT(switched[i].toggle);
    }
    return off;
}

static void info_drop_feature(struct disco_info *info, const char *ns)
{
    for (guint i = info->features->len; i-- > 0;) {
        if (strcmp(info->features->pdata[i], ns) == 0)
            g_ptr_array_remove_index(info->features, i);
    }
}

static struct disco_info *info_make(unsigned off)
{
    static const struct disco_identity web = {"client", "web", NULL, "Trestle"};
    struct disco_info *info = disco_info_new(NULL);
    disco_info_put_identity(info, &web);
    xep_registry_put_features(info, XEP_ENTITY_CLIENT);
    disco_info_put_feature(info, NS_IN_CALL);
    disco_info_put_feature(info, NS_PAYLOAD);
    disco_info_put_feature(info, NS_POLL);
    disco_info_take_form(info, software_form());
    for (size_t i = 0; (off & BOUND) && i < G_N_ELEMENTS(of_bound); i++)
        disco_info_put_feature(info, of_bound[i]);
    for (size_t i = 0; off && i < G_N_ELEMENTS(switched); i++) {
        if (off & TOGGLE_BIT(switched[i].toggle))
            info_drop_feature(info, switched[i].ns);
    }
    return info;
}

struct disco_info *client_info(const struct core *core, const struct account *account)
{
    return info_make(off_of(core, account));
}

static const struct variant *variant_of(const struct core *core, const struct account *account)
{
    unsigned off = off_of(core, account);
    struct variant *variant = g_hash_table_lookup(client.variants, GUINT_TO_POINTER(off));
    if (variant)
        return variant;
    g_autoptr(disco_info) info = info_make(off);
    variant = g_new0(struct variant, 1);
    variant->ver = caps_ver(info);
    variant->node = g_strconcat(client.program, "#", variant->ver, NULL);
    variant->caps = (struct caps){.hash = "sha-1", .node = client.program, .ver = variant->ver};
    g_hash_table_insert(client.variants, GUINT_TO_POINTER(off), variant);
    return variant;
}

const struct caps *client_caps(const struct core *core, const struct account *account)
{
    return &variant_of(core, account)->caps;
}

const char *client_node(const struct core *core, const struct account *account)
{
    return variant_of(core, account)->node;
}

static void variant_free(gpointer data)
{
    struct variant *variant = data;
    g_free(variant->ver);
    g_free(variant->node);
    g_free(variant);
}

void client_start(const struct options *options)
{
    client.program = g_strconcat("https://", options->xmpp_domain, NULL);
    client.variants = g_hash_table_new_full(NULL, NULL, NULL, variant_free);
}

void client_stop(void)
{
    g_clear_pointer(&client.variants, g_hash_table_unref);
    g_clear_pointer(&client.program, g_free);
}
