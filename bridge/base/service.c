/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which domain is whose. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/base/options.h"
#include "bridge/base/service.h"

const char *service_domain(const struct options *options, enum service service)
{
    const char *rooms = options->xmpp_rooms_domain;
    if (service == SERVICE_ROOMS)
        return rooms && *rooms ? rooms : NULL;
    return options->xmpp_domain;
}

const char *service_secret(const struct options *options, enum service service)
{
    if (service == SERVICE_ROOMS && options->xmpp_rooms_secret)
        return options->xmpp_rooms_secret;
    return options->xmpp_secret ? options->xmpp_secret : "";
}

enum service service_of(const struct options *options, const char *address)
{
    size_t bare = strcspn(address, "/");
    const char *at = memchr(address, '@', bare);
    const char *domain = at ? at + 1 : address;
    size_t length = bare - (size_t)(domain - address);
    for (enum service service = SERVICE_USERS; service < SERVICE_MAX; service++) {
        const char *ours = service_domain(options, service);
        if (ours && strlen(ours) == length && g_ascii_strncasecmp(ours, domain, length) == 0)
            return service;
    }
    return SERVICE_MAX;
}
