/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses of STUN and TURN servers. */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include "bridge/base/ice_uri.h"

#define PORT 3478
#define PORT_TLS 5349

static const struct {
    const char *name;
    enum ice_scheme scheme;
    bool tls;
} schemes[] = {{"stun:", ICE_STUN, false},
               {"stuns:", ICE_STUNS, true},
               {"turn:", ICE_TURN, false},
               {"turns:", ICE_TURNS, true}};

bool ice_uri_is_turn(const struct ice_uri *uri)
{
    return uri->scheme == ICE_TURN || uri->scheme == ICE_TURNS;
}

/* Takes the scheme off; NULL: another one. */
static const char *read_scheme(const char *text, struct ice_uri *ret)
{
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++) {
        size_t length = strlen(schemes[i].name);
        if (g_ascii_strncasecmp(text, schemes[i].name, length) != 0)
            continue;
        ret->scheme = schemes[i].scheme;
        ret->port = schemes[i].tls ? PORT_TLS : PORT;
        ret->tcp = schemes[i].tls;
        return text + length;
    }
    return NULL;
}

/* Copies LENGTH bytes if they are a host. */
static bool take_host(const char *host, size_t length, bool bracketed, struct ice_uri *ret)
{
    struct in6_addr address;
    if (length == 0 || length >= sizeof ret->host)
        return false;
    memcpy(ret->host, host, length);
    ret->host[length] = '\0';
    if (bracketed)
        return inet_pton(AF_INET6, ret->host, &address) == 1;
    return strspn(ret->host, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-.") == length &&
           *ret->host != '.' && *ret->host != '-';
}

/* The host; what follows it, or NULL when there is none. */
static const char *read_host(const char *text, struct ice_uri *ret)
{
    if (*text == '[') {
        const char *end = strchr(text, ']');
        return end && take_host(text + 1, (size_t)(end - text - 1), true, ret) ? end + 1 : NULL;
    }
    size_t length = strcspn(text, ":?");
    return take_host(text, length, false, ret) ? text + length : NULL;
}

static const char *read_port(const char *text, struct ice_uri *ret)
{
    guint64 port;
    if (*text != ':')
        return text;
    size_t length = strspn(text + 1, G_CSET_DIGITS);
    if (length == 0 || length > 5)
        return NULL;
    g_autofree char *number = g_strndup(text + 1, length);
    if (!g_ascii_string_to_unsigned(number, 10, 1, 65535, &port, NULL))
        return NULL;
    ret->port = (unsigned)port;
    return text + 1 + length;
}

bool ice_uri_parse(const char *text, struct ice_uri *ret)
{
    struct ice_uri uri = {0};
    const char *rest = read_scheme(text, &uri);
    rest = rest ? read_host(rest, &uri) : NULL;
    rest = rest ? read_port(rest, &uri) : NULL;
    if (!rest)
        return false;
    if (*rest != '\0') {
        bool tcp = strcmp(rest, "?transport=tcp") == 0;
        bool udp = strcmp(rest, "?transport=udp") == 0;
        if (!ice_uri_is_turn(&uri) || !(tcp || udp) || (udp && uri.scheme == ICE_TURNS))
            return false; /* DTLS is what no browser speaks to a server */
        uri.tcp = tcp;
    }
    *ret = uri;
    return true;
}

bool ice_uri_list_is_good(const char *list, bool turn)
{
    g_auto(GStrv) words = g_strsplit_set(list, " \t,", -1);
    struct ice_uri uri;
    unsigned count = 0;
    for (guint i = 0; words[i]; i++) {
        if (!*words[i])
            continue;
        if (++count > ICE_URIS_MAX || !ice_uri_parse(words[i], &uri) ||
            ice_uri_is_turn(&uri) != turn)
            return false;
    }
    return true;
}

char *ice_credential(const char *secret, const char *username)
{
    guint8 digest[20];
    gsize length = sizeof digest;
    g_autoptr(GHmac) hmac = g_hmac_new(G_CHECKSUM_SHA1, (const guchar *)secret, strlen(secret));
    g_hmac_update(hmac, (const guchar *)username, -1);
    g_hmac_get_digest(hmac, digest, &length);
    return g_base64_encode(digest, length);
}
