/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading of origins and hosts. */
#include "config.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

#include "bridge/base/origin.h"

#define HOST_MAX 255
#define PORT_MAX 65535

struct authority {
    char *host;    /* normal form; an IPv6 address in brackets */
    unsigned port; /* 0: none is named */
};
typedef struct authority authority;

static void authority_clear(struct authority *self)
{
    g_clear_pointer(&self->host, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(authority, authority_clear)

static unsigned default_port(const char *scheme)
{
    if (strcmp(scheme, "https") == 0)
        return 443;
    return strcmp(scheme, "http") == 0 ? 80 : 0;
}

/* Nothing that is shown to people comes from these, or its origin is "null". */
static bool has_pages(const char *scheme)
{
    static const char *const without[] = {"about",      "blob", "data", "file", "ftp",
                                          "javascript", "ws",   "wss",  NULL};
    return !g_strv_contains(without, scheme);
}

/* "" or ":port". An empty port is none (RFC 3986 section 3.2.3). */
static bool port_read(const char *text, unsigned *ret_port)
{
    *ret_port = 0;
    if (*text == '\0' || strcmp(text, ":") == 0)
        return true;
    for (const char *p = text + 1; *p; p++) {
        if (!g_ascii_isdigit(*p))
            return false;
        *ret_port = *ret_port * 10 + (unsigned)(*p - '0');
        if (*ret_port > PORT_MAX)
            return false;
    }
    return *text == ':' && *ret_port > 0;
}

/* "[…]" in the one spelling that RFC 5952 gives it. */
static char *v6_normal(const char *text, size_t length)
{
    struct in6_addr address;
    char spelling[INET6_ADDRSTRLEN];
    g_autofree char *inner = length > 2 ? g_strndup(text + 1, length - 2) : NULL;
    if (!inner || inet_pton(AF_INET6, inner, &address) != 1 ||
        !inet_ntop(AF_INET6, &address, spelling, sizeof spelling))
        return NULL;
    return g_strconcat("[", spelling, "]", NULL);
}

static bool is_name(const char *name)
{
    const char *p = name;
    while (g_ascii_isalnum(*p) || *p == '-' || *p == '.' || *p == '_')
        p++;
    return *p == '\0' && p > name && name[0] != '.' && p[-1] != '.' && !strstr(name, "..");
}

/* Letters that IDNA2003, which GLib has, and browsers encode otherwise: there is no one xn-- form.
 */
static bool has_deviation(const char *name)
{
    return strstr(name, "\303\237") || strstr(name, "\317\202") || strstr(name, "\342\200\214") ||
           strstr(name, "\342\200\215");
}

static char *name_normal(const char *text, size_t length)
{
    g_autofree char *name = g_strndup(text, length);
    if (g_hostname_is_non_ascii(name)) {
        char *ascii = has_deviation(name) || !g_utf8_validate(name, -1, NULL)
                          ? NULL
                          : g_hostname_to_ascii(name);
        g_free(name);
        name = ascii;
    }
    if (!name)
        return NULL;
    size_t end = strlen(name);
    if (end > 1 && name[end - 1] == '.')
        name[end - 1] = '\0';
    /* An xn-- form is longer than what it was made of. */
    return is_name(name) && end <= HOST_MAX ? g_ascii_strdown(name, -1) : NULL;
}

static bool authority_read(const char *text, struct authority *ret_authority)
{
    const char *bracket = text[0] == '[' ? strchr(text, ']') : NULL;
    size_t length = bracket ? (size_t)(bracket + 1 - text) : strcspn(text, ":");
    *ret_authority = (struct authority){0};
    if (length > HOST_MAX || !port_read(text + length, &ret_authority->port))
        return false;
    ret_authority->host = bracket ? v6_normal(text, length) : name_normal(text, length);
    return ret_authority->host != NULL;
}

/* The normal scheme, and what stands behind "://" in *ret_rest; NULL if there is none. */
static char *scheme_read(const char *origin, const char **ret_rest)
{
    const char *p = origin;
    while (g_ascii_isalnum(*p) || (p > origin && *p && strchr("+-.", *p)))
        p++;
    if (!g_ascii_isalpha(*origin) || strncmp(p, "://", 3) != 0)
        return NULL;
    *ret_rest = p + 3;
    return g_ascii_strdown(origin, p - origin);
}

char *origin_normal(const char *origin)
{
    g_auto(authority) named = {0};
    const char *rest = NULL;
    g_autofree char *scheme = scheme_read(origin, &rest);
    if (!scheme || !has_pages(scheme) || !authority_read(rest, &named))
        return NULL;
    if (named.port == 0 || named.port == default_port(scheme))
        return g_strconcat(scheme, "://", named.host, NULL);
    return g_strdup_printf("%s://%s:%u", scheme, named.host, named.port);
}

bool origin_host_is_good(const char *host)
{
    g_auto(authority) named = {0};
    return !g_hostname_is_non_ascii(host) && authority_read(host, &named);
}

bool origin_host_equal(const char *a, const char *b, unsigned default_port_of_both)
{
    g_auto(authority) one = {0};
    g_auto(authority) other = {0};
    if (!authority_read(a, &one) || !authority_read(b, &other))
        return false;
    unsigned port = one.port ? one.port : default_port_of_both;
    return strcmp(one.host, other.host) == 0 &&
           port == (other.port ? other.port : default_port_of_both);
}

bool origin_is_of_host(const char *origin, const char *host)
{
    const char *rest = NULL;
    g_autofree char *scheme = scheme_read(origin, &rest);
    bool is_web = scheme && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    return is_web && origin_host_equal(rest, host, default_port(scheme));
}
