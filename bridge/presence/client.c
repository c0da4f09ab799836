/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing of it is a user's own, so one set and one hash serve all; features come from
 * xep/registry.c. */
#include "config.h"

#include "bridge/base/options.h"
#include "bridge/presence/client.h"
#include "xep/registry.h"

static struct {
    struct caps caps;
    char *program; /* https://<domain> */
    char *ver;
    char *node;
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

struct disco_info *client_info(void)
{
    static const struct disco_identity web = {"client", "web", NULL, "Trestle"};
    struct disco_info *info = disco_info_new(NULL);
    disco_info_put_identity(info, &web);
    xep_registry_put_features(info, XEP_ENTITY_CLIENT);
    disco_info_put_feature(info, NS_IN_CALL);
    disco_info_take_form(info, software_form());
    return info;
}

const struct caps *client_caps(void)
{
    return &client.caps;
}

const char *client_node(void)
{
    return client.node;
}

void client_start(const struct options *options)
{
    g_autoptr(disco_info) info = client_info();
    client.program = g_strconcat("https://", options->xmpp_domain, NULL);
    client.ver = caps_ver(info);
    client.node = g_strconcat(client.program, "#", client.ver, NULL);
    client.caps = (struct caps){.hash = "sha-1", .node = client.program, .ver = client.ver};
}

void client_stop(void)
{
    g_clear_pointer(&client.program, g_free);
    g_clear_pointer(&client.ver, g_free);
    g_clear_pointer(&client.node, g_free);
    client.caps = (struct caps){0};
}
