/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses of callers. Whoever may write X-Forwarded-For decides where its failed sign-ins are
 * counted: only the configured proxies may, and what they write is never read as "nowhere". */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/http/caller.h"

/* A piece of a header's value. */
struct span {
    const char *text;
    size_t length;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct span last_entry(const char *header)
{
    const char *comma = strrchr(header, ',');
    struct span entry = {comma ? comma + 1 : header, 0};
    entry.length = strlen(entry.text);
    for (; entry.length > 0 && is_blank(entry.text[0]); entry.length--)
        entry.text++;
    while (entry.length > 0 && is_blank(entry.text[entry.length - 1]))
        entry.length--;
    return entry;
}

static struct span span_unquoted(struct span entry)
{
    if (entry.length >= 2 && entry.text[0] == '"' && entry.text[entry.length - 1] == '"')
        return (struct span){entry.text + 1, entry.length - 2};
    return entry;
}

/* Nothing, or ":8080", or an obfuscated ":_port" (RFC 7239 section 6.2). */
static bool is_port(const char *text, size_t length)
{
    if (length == 0)
        return true;
    if (text[0] != ':' || length == 1 || length > 64)
        return false;
    for (size_t i = 1; i < length; i++) {
        if (!g_ascii_isalnum(text[i]) && !strchr("._-", text[i]))
            return false;
    }
    return text[1] == '_' || strspn(text + 1, G_CSET_DIGITS) >= length - 1;
}

/* The address alone; of length 0 if what stands around it is nothing known. */
static struct span bare_address(struct span entry)
{
    static const struct span nothing = {"", 0};
    const char *end = entry.text + entry.length;
    if (entry.length > 0 && entry.text[0] == '[') {
        const char *close = memchr(entry.text, ']', entry.length);
        if (!close || !is_port(close + 1, (size_t)(end - close - 1)))
            return nothing;
        return (struct span){entry.text + 1, (size_t)(close - entry.text - 1)};
    }
    const char *colon = memchr(entry.text, ':', entry.length);
    if (!colon || memchr(colon + 1, ':', (size_t)(end - colon - 1)))
        return entry; /* no port: IPv4, or IPv6 as it is */
    if (!is_port(colon, (size_t)(end - colon)))
        return nothing;
    return (struct span){entry.text, (size_t)(colon - entry.text)};
}

guint64 caller_of_forwarded(const char *header)
{
    struct span address = bare_address(span_unquoted(last_entry(header)));
    const char *zone = memchr(address.text, '%', address.length);
    if (zone && memchr(address.text, ':', address.length))
        address.length = (size_t)(zone - address.text);
    return limit_address_text(address.text, address.length);
}

/* ---- Proxies --------------------------------------------------------------------------------- */

/* IPv4 as IPv6 writes it, so that both spellings of one are equal. */
static struct in6_addr address_mapped(struct in_addr v4)
{
    struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(address.s6_addr + 12, &v4, sizeof v4);
    return address;
}

static bool peer_address(const struct sockaddr *peer, struct in6_addr *ret_address)
{
    if (peer && peer->sa_family == AF_INET)
        *ret_address = address_mapped(((const struct sockaddr_in *)(const void *)peer)->sin_addr);
    else if (peer && peer->sa_family == AF_INET6)
        *ret_address = ((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    else
        return false;
    return true;
}

GArray *proxies_new(const char *const *words)
{
    GArray *proxies = g_array_new(FALSE, FALSE, sizeof(struct in6_addr));
    for (; *words; words++) {
        struct in_addr v4;
        struct in6_addr address;
        if (inet_pton(AF_INET, *words, &v4) == 1)
            address = address_mapped(v4);
        else if (inet_pton(AF_INET6, *words, &address) != 1)
            continue; /* options_check has refused it */
        g_array_append_val(proxies, address);
    }
    return proxies;
}

/* By the whole address: neighbours in a network of IPv6 are not the proxy. */
bool proxies_have(const GArray *proxies, const struct sockaddr *peer)
{
    struct in6_addr address;
    if (!peer_address(peer, &address))
        return false;
    for (guint i = 0; i < proxies->len; i++) {
        if (IN6_ARE_ADDR_EQUAL(&g_array_index(proxies, struct in6_addr, i), &address))
            return true;
    }
    return false;
}

guint64 caller_address(const GArray *proxies, const struct sockaddr *peer, const char *forwarded,
                       bool *ret_silent)
{
    guint64 own = limit_address(peer);
    *ret_silent = false;
    if (!proxies_have(proxies, peer))
        return limit_address_is_loopback(own) ? 0 : own;
    guint64 client = forwarded ? caller_of_forwarded(forwarded) : 0;
    *ret_silent = client == 0;
    return client ? client : own;
}
