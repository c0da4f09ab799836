/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The features come from xep/registry.c alone, so one set and one hash serve all users. */
#include "config.h"

#include "bridge/base/options.h"
#include "bridge/feature/client.h"
#include "xep/registry.h"

static struct {
    struct caps caps;
    char *program;  /* https://<domain> */
    char *ver;
    char *node;
} client;

struct disco_info *client_info(void)
{
    static const struct disco_identity web = {"client", "web", NULL, "Trestle"};
    struct disco_info *info = disco_info_new(NULL);
    disco_info_put_identity(info, &web);
    xep_registry_put_features(info, XEP_ENTITY_CLIENT);
    disco_info_put_feature(info, NS_IN_CALL);
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
