/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The domains that this program serves, each with a component link of its own. */
#pragma once

#include <stdbool.h>

struct options;

enum service {
    SERVICE_USERS, /* [xmpp] domain */
    SERVICE_ROOMS, /* [xmpp] rooms_domain, if there is one */
    SERVICE_MAX
};

/* NULL: this installation does not have it. */
const char *service_domain(const struct options *options, enum service service);
/* The component secret of its link. */
const char *service_secret(const struct options *options, enum service service);
/* Which one serves ADDRESS, a JID of any form; SERVICE_MAX: none of ours. */
enum service service_of(const struct options *options, const char *address);
