/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0215 External Service Discovery. */
#include "config.h"

#include <string.h>

#include "xep/0215_external_services.h"

void external_services_add_request(xmpp_stanza_t *iq)
{
    stanza_add(iq, "services", NS_EXTDISCO);
}

static bool is_one_of(const char *text, const char *const *list)
{
    return text && g_strv_contains(list, text);
}

/* Letters, digits and what stands in names and numeric addresses: nothing that could end the host.
 */
static bool is_host(const char *text)
{
    size_t length = text ? strlen(text) : 0;
    return length > 0 && length <= 255 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-") ==
               length;
}

static bool service_parse(xmpp_stanza_t *element, struct external_service *ret)
{
    static const char *const types[] = {"stun", "stuns", "turn", "turns", NULL};
    static const char *const transports[] = {"udp", "tcp", NULL};
    guint64 port = 0;
    const char *port_text = stanza_attr(element, "port");
    struct external_service service = {.type = stanza_attr(element, "type"),
                                       .host = stanza_attr(element, "host"),
                                       .transport = stanza_attr(element, "transport"),
                                       .username = stanza_attr(element, "username"),
                                       .password = stanza_attr(element, "password"),
                                       .expires = stanza_attr(element, "expires")};
    if (!stanza_is(element, "service", NS_EXTDISCO) || !is_one_of(service.type, types) ||
        !is_host(service.host) ||
        (service.transport && !is_one_of(service.transport, transports)) ||
        (port_text && !g_ascii_string_to_unsigned(port_text, 10, 1, 65535, &port, NULL)))
        return false;
    const char *restricted = stanza_attr(element, "restricted");
    service.port = (unsigned)port;
    service.restricted =
        restricted && (strcmp(restricted, "true") == 0 || strcmp(restricted, "1") == 0);
    *ret = service;
    return true;
}

GArray *external_services_parse(xmpp_stanza_t *iq)
{
    xmpp_stanza_t *services = stanza_child(iq, "services", NS_EXTDISCO);
    if (!services || g_strcmp0(stanza_attr(iq, "type"), "result") != 0)
        return NULL;
    GArray *found = g_array_new(FALSE, FALSE, sizeof(struct external_service));
    for (xmpp_stanza_t *child = stanza_first(services); child && found->len < EXTERNAL_SERVICES_MAX;
         child = stanza_next(child)) {
        struct external_service service;
        if (service_parse(child, &service))
            g_array_append_val(found, service);
    }
    return found;
}

char *external_service_uri(const struct external_service *service)
{
    bool is_v6 = strchr(service->host, ':') != NULL;
    bool is_turn = g_str_has_prefix(service->type, "turn");
    GString *uri = g_string_new(service->type);
    g_string_append_printf(uri, is_v6 ? ":[%s]" : ":%s", service->host);
    if (service->port > 0)
        g_string_append_printf(uri, ":%u", service->port);
    if (is_turn && service->transport) /* RFC 7064 has no transport */
        g_string_append_printf(uri, "?transport=%s", service->transport);
    return g_string_free(uri, FALSE);
}
