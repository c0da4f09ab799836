/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An offer that is not understood is passed over, as RFC 7692 section 7.1 has it. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/http/extension.h"

#define OFFERS_MAX 8
#define PARAMETERS_MAX 8

enum parameter {
    PARAMETER_SERVER_TAKEOVER = 1 << 0,
    PARAMETER_CLIENT_TAKEOVER = 1 << 1,
    PARAMETER_CLIENT_WINDOW = 1 << 2
};

/* Bits of a window as they are written: 8 to 15, perhaps in quotes; 0: they are not. */
static int window_bits(const char *text)
{
    g_autofree char *bare = g_strdup(text);
    size_t length = strlen(bare);
    if (length >= 2 && bare[0] == '"' && bare[length - 1] == '"') {
        bare[length - 1] = '\0';
        memmove(bare, bare + 1, length - 1);
    }
    if (strcmp(bare, "8") == 0 || strcmp(bare, "9") == 0)
        return bare[0] - '0';
    bool two = bare[0] == '1' && bare[1] >= '0' && bare[1] <= '5' && bare[2] == '\0';
    return two ? 10 + bare[1] - '0' : 0;
}

/* Which one it is; 0: none that can be taken. VALUE is NULL without one. */
static unsigned parameter_read(const char *name, const char *value)
{
    if (strcmp(name, "server_no_context_takeover") == 0)
        return value ? 0U : PARAMETER_SERVER_TAKEOVER;
    if (strcmp(name, "client_no_context_takeover") == 0)
        return value ? 0U : PARAMETER_CLIENT_TAKEOVER;
    if (strcmp(name, "client_max_window_bits") == 0)
        return !value || window_bits(value) > 0 ? PARAMETER_CLIENT_WINDOW : 0U;
    return 0; /* server_max_window_bits, too: it would have to be answered */
}

static bool offer_is_good(const char *offer)
{
    g_auto(GStrv) parts = g_strsplit(offer, ";", PARAMETERS_MAX);
    unsigned seen = 0;
    if (!parts[0] || g_ascii_strcasecmp(g_strstrip(parts[0]), "permessage-deflate") != 0)
        return false;
    for (char **part = parts + 1; *part; part++) {
        char *value = strchr(*part, '=');
        if (value)
            *value++ = '\0';
        unsigned one = parameter_read(g_strstrip(*part), value ? g_strstrip(value) : NULL);
        if (one == 0 || (seen & one))
            return false;
        seen |= one;
    }
    return true;
}

bool extension_asks_deflate(const char *offers)
{
    g_auto(GStrv) list = g_strsplit(offers ? offers : "", ",", OFFERS_MAX);
    for (char **offer = list; *offer; offer++) {
        if (offer_is_good(*offer))
            return true;
    }
    return false;
}
