/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The special-purpose registries of IANA (RFC 6890 and what came after it), as tables of prefixes.
 */
#include "config.h"

#include <arpa/inet.h>
#include <glib.h>
#include <netinet/in.h>
#include <string.h>

#include "bridge/base/fetch.h"

struct prefix {
    guint8 bytes[8];
    unsigned bits;
};

static const struct prefix near_4[] = {
    {{0}, 8},             /* this network */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* shared by customers of a provider */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local, and where clouds tell secrets */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 31, 196}, 24}, /* AS112 */
    {{192, 52, 193}, 24}, /* AMT */
    {{192, 88, 99}, 24},  /* relays of 6to4 */
    {{192, 168}, 16},     /* private */
    {{192, 175, 48}, 24}, /* AS112 */
    {{198, 18}, 15},      /* benchmarks */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 4},           /* multicast */
    {{240}, 4},           /* reserved, and broadcast */
};

/* Of IPv6 only 2000::/3 is public, without these. */
static const struct prefix near_6[] = {
    {{0x20, 0x01, 0x00}, 23},             /* protocol assignments: Teredo, ORCHID, benchmarks */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},       /* documentation */
    {{0x20, 0x02}, 16},                   /* 6to4: an address of IPv4 is in it */
    {{0x26, 0x20, 0x00, 0x4f, 0x80}, 48}, /* AS112 */
    {{0x3f, 0xfe}, 16},                   /* 6bone */
    {{0x3f, 0xff}, 20},                   /* documentation */
};

static bool prefix_has(const struct prefix *prefix, const guint8 *bytes)
{
    unsigned whole = prefix->bits / 8;
    unsigned rest = prefix->bits % 8;
    if (memcmp(prefix->bytes, bytes, whole) != 0)
        return false;
    guint8 mask = (guint8)(0xff << (8 - rest));
    return rest == 0 || ((prefix->bytes[whole] ^ bytes[whole]) & mask) == 0;
}

static bool table_has(const struct prefix *table, size_t count, const guint8 *bytes)
{
    for (size_t i = 0; i < count; i++) {
        if (prefix_has(&table[i], bytes))
            return true;
    }
    return false;
}

bool fetch_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        guint8 bytes[8] = {0};
        memcpy(&in, address, sizeof in);
        memcpy(bytes, &in.sin_addr, 4);
        return !table_has(near_4, G_N_ELEMENTS(near_4), bytes);
    }
    if (address->sa_family == AF_INET6) {
        static const struct prefix public = {{0x20}, 3};
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        const guint8 *bytes = in.sin6_addr.s6_addr;
        return prefix_has(&public, bytes) && !table_has(near_6, G_N_ELEMENTS(near_6), bytes);
    }
    return false;
}

/* ---- What is allowed all the same ------------------------------------------------------------ */

struct endpoint {
    int family;
    guint8 bytes[16];
    guint16 port; /* 0: any */
};

static bool endpoint_read(const char *word, struct endpoint *ret)
{
    bool wrapped = *word == '[';
    const char *close = wrapped ? strchr(word, ']') : NULL;
    const char *colon = wrapped ? (close ? close + 1 : NULL) : strchr(word, ':');
    if (wrapped && !close)
        return false;
    bool bare_6 = !wrapped && colon && strchr(colon + 1, ':');
    g_autofree char *host = wrapped            ? g_strndup(word + 1, (size_t)(close - word - 1))
                            : colon && !bare_6 ? g_strndup(word, (size_t)(colon - word))
                                               : g_strdup(word);
    *ret = (struct endpoint){.family = strchr(host, ':') ? AF_INET6 : AF_INET};
    if (inet_pton(ret->family, host, ret->bytes) != 1)
        return false;
    if (!colon || bare_6 || *colon == '\0')
        return true;
    char *end = NULL;
    guint64 port = g_ascii_strtoull(colon + 1, &end, 10);
    ret->port = (guint16)port;
    return *colon == ':' && g_ascii_isdigit(colon[1]) && *end == '\0' && port > 0 && port <= 65535;
}

static struct endpoint endpoint_of(const struct sockaddr *address)
{
    struct endpoint endpoint = {.family = address->sa_family};
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        memcpy(endpoint.bytes, &in.sin_addr, 4);
        endpoint.port = ntohs(in.sin_port);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        memcpy(endpoint.bytes, &in.sin6_addr, 16);
        endpoint.port = ntohs(in.sin6_port);
    }
    return endpoint;
}

unsigned short fetch_port(const struct sockaddr *address)
{
    return endpoint_of(address).port;
}

bool fetch_allowed(const char *list, const struct sockaddr *address)
{
    struct endpoint wanted = endpoint_of(address);
    g_auto(GStrv) words = g_strsplit_set(list ? list : "", " \t", -1);
    for (guint i = 0; words[i]; i++) {
        struct endpoint one;
        if (*words[i] && endpoint_read(words[i], &one) && one.family == wanted.family &&
            memcmp(one.bytes, wanted.bytes, sizeof one.bytes) == 0 &&
            (one.port == 0 || one.port == wanted.port))
            return true;
    }
    return false;
}

bool fetch_list_is_good(const char *list)
{
    g_auto(GStrv) words = g_strsplit_set(list, " \t", -1);
    for (guint i = 0; words[i]; i++) {
        struct endpoint one;
        if (*words[i] && !endpoint_read(words[i], &one))
            return false;
    }
    return true;
}
