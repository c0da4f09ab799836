/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of option values that type and bounds do not express. */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/error.h"
#include "bridge/base/ice_uri.h"
#include "bridge/base/log.h"
#include "bridge/base/options_check.h"
#include "bridge/base/origin.h"
#include "bridge/base/options_table.h"
#include "bridge/base/rate.h"
#include "bridge/base/text.h"

#define HS256_KEY_MIN 32 /* bytes; RFC 7518 section 3.2 */

static bool complain(GError **error, const char *option, const char *expected)
{
    g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE, "%s: %s", option, expected);
    return false;
}

static bool is_given(const char *value)
{
    return value && *value;
}

static bool check_required(const struct options *options, GError **error)
{
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option_info *info = &option_table[i];
        if (info->is_integer || info->need != REQUIRED)
            continue;
        const char *const *value = (gconstpointer)((const char *)options + info->offset);
        if (!is_given(*value)) {
            g_autofree char *label = g_strdup_printf("[%s] %s", info->section, info->name);
            return complain(error, label, "must be given");
        }
    }
    return true;
}

static void drop_empty(char **value)
{
    if (*value && !**value)
        g_clear_pointer(value, g_free);
}

/* Domains have one spelling inside: U-labels in lower case, without a final dot. */
static void settle_domain(char **domain)
{
    g_autofree char *lower = g_ascii_strdown(*domain, -1);
    size_t length = strlen(lower);
    if (length > 1 && lower[length - 1] == '.')
        lower[length - 1] = '\0';
    char *letters = g_hostname_to_unicode(lower);
    g_free(*domain);
    *domain = letters ? letters : g_steal_pointer(&lower);
}

/* The one name that needs no look-up, so that users of the options find only numbers. */
static void number_host(char **host)
{
    if (g_ascii_strcasecmp(*host, "localhost") != 0)
        return;
    g_free(*host);
    *host = g_strdup("127.0.0.1");
}

static bool check_privacy(const struct options *options, GError **error)
{
    static const char *const tiers[] = {"everyone", "contacts", "nobody", NULL};
    static const char *const profile_tiers[] = {"everyone", "contacts", NULL};
    static const char *const switches[] = {"on", "off", NULL};
    if (!g_strv_contains(tiers, options->privacy_messages))
        return complain(error, "[privacy] messages", "must be everyone, contacts or nobody");
    if (!g_strv_contains(tiers, options->privacy_presence))
        return complain(error, "[privacy] presence", "must be everyone, contacts or nobody");
    if (!g_strv_contains(tiers, options->privacy_last_seen))
        return complain(error, "[privacy] last_seen", "must be everyone, contacts or nobody");
    if (!g_strv_contains(profile_tiers, options->privacy_profile))
        return complain(error, "[privacy] profile", "must be everyone or contacts");
    if (!g_strv_contains(switches, options->privacy_receipts))
        return complain(error, "[privacy] receipts", "must be on or off");
    return true;
}

bool options_check_given(struct options *options, GError **error)
{
    static const char *const algorithms[] = {"HS256", "RS256", "ES256", NULL};
    if (!check_required(options, error))
        return false;
    settle_domain(&options->xmpp_domain);
    settle_domain(&options->xmpp_server_domain);
    if (!options->xmpp_rooms_domain)
        options->xmpp_rooms_domain = g_strconcat("rooms.", options->xmpp_domain, NULL);
    settle_domain(&options->xmpp_rooms_domain);
    number_host(&options->xmpp_host);
    number_host(&options->http_listen);
    number_host(&options->http_admin_listen);
    drop_empty(&options->xmpp_secret_file);
    drop_empty(&options->xmpp_rooms_secret);
    drop_empty(&options->xmpp_rooms_secret_file);
    drop_empty(&options->auth_key_file);
    drop_empty(&options->auth_jwks_file);
    drop_empty(&options->calls_turn_secret_file);
    if (is_given(options->xmpp_secret) == (options->xmpp_secret_file != NULL))
        return complain(error, "[xmpp] secret, secret_file",
                        "exactly one of the two must be given");
    if (options->xmpp_rooms_secret && options->xmpp_rooms_secret_file)
        return complain(error, "[xmpp] rooms_secret, rooms_secret_file",
                        "at most one of the two may be given");
    if (!g_strv_contains(algorithms, options->auth_algorithm))
        return complain(error, "[auth] algorithm", "must be HS256, RS256 or ES256");
    bool key = is_given(options->auth_key);
    bool key_file = options->auth_key_file != NULL;
    bool jwks = options->auth_jwks_file != NULL;
    if (strcmp(options->auth_algorithm, "HS256") == 0) {
        if (jwks)
            return complain(error, "[auth] jwks_file", "is for RS256 and ES256 only");
        if (key == key_file)
            return complain(error, "[auth] key, key_file", "exactly one of the two must be given");
    }
    if (key && key_file)
        return complain(error, "[auth] key, key_file", "at most one of the two may be given");
    if (!key && !key_file && !jwks)
        return complain(error, "[auth] key_file, jwks_file", "at least one must be given");
    if (is_given(options->calls_turn_secret) && options->calls_turn_secret_file)
        return complain(error, "[calls] turn_secret, turn_secret_file",
                        "at most one of the two may be given");
    return check_privacy(options, error);
}

static bool is_domain(const char *domain)
{
    size_t length = strlen(domain);
    return length <= 1023 && strpbrk(domain, "@/\\ \t\r\n\"'<>&:,") == NULL && *domain != '.' &&
           domain[length - 1] != '.' && strstr(domain, "..") == NULL;
}

static bool check_rooms(const struct options *options, GError **error)
{
    const char *domain = options->xmpp_rooms_domain;
    if (!*domain)
        return true;
    if (!is_domain(domain))
        return complain(error, "[xmpp] rooms_domain",
                        "must be a domain name such as rooms.app.example.org, or empty");
    if (strcmp(domain, options->xmpp_domain) == 0 ||
        strcmp(domain, options->xmpp_server_domain) == 0)
        return complain(error, "[xmpp] rooms_domain",
                        "must be another domain than domain and server_domain");
    if (options->xmpp_rooms_secret && !*options->xmpp_rooms_secret)
        return complain(error, "[xmpp] rooms_secret_file", "is empty");
    if (options->xmpp_rooms_secret && strpbrk(options->xmpp_rooms_secret, "\r\n"))
        return complain(error, "[xmpp] rooms_secret_file", "must have one line only");
    return true;
}

static bool check_xmpp(const struct options *options, GError **error)
{
    if (!is_domain(options->xmpp_domain))
        return complain(error, "[xmpp] domain", "must be a domain name such as app.example.org");
    if (!is_domain(options->xmpp_server_domain))
        return complain(error, "[xmpp] server_domain", "must be a domain name such as example.org");
    if (strcmp(options->xmpp_domain, options->xmpp_server_domain) == 0)
        return complain(error, "[xmpp] server_domain",
                        "must be a domain of the XMPP server itself, not the component's own");
    if (!is_given(options->xmpp_secret))
        return complain(error, "[xmpp] secret_file", "is empty");
    if (strpbrk(options->xmpp_secret, "\r\n"))
        return complain(error, "[xmpp] secret_file", "must have one line only");
    return check_rooms(options, error);
}

static bool is_address(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static bool check_addresses(const struct options *options, GError **error)
{
    static const char expected[] =
        "must be a numeric IPv4 or IPv6 address, or localhost (names are not looked up)";
    if (!is_address(options->xmpp_host))
        return complain(error, "[xmpp] host", expected);
    if (!is_address(options->http_listen))
        return complain(error, "[http] listen", expected);
    if (!is_address(options->http_admin_listen))
        return complain(error, "[http] admin_listen", expected);
    if (options->http_port == options->http_admin_port &&
        strcmp(options->http_listen, options->http_admin_listen) == 0)
        return complain(error, "[http] admin_port", "must differ from port");
    return true;
}

static bool is_database_uri(const char *uri)
{
    if (!g_str_has_prefix(uri, "postgresql://") && !g_str_has_prefix(uri, "postgres://"))
        return false;
    for (const char *p = uri; *p; p++) {
        if (g_ascii_isspace(*p))
            return false;
    }
    return true;
}

static bool check_origins(const char *list)
{
    g_auto(GStrv) origins = g_strsplit_set(list, " \t,", -1);
    for (guint i = 0; origins[i]; i++) {
        g_autofree char *normal = origin_normal(origins[i]);
        if (*origins[i] && !normal)
            return false;
    }
    return true;
}

static bool check_auth(const struct options *options, GError **error)
{
    if (strcmp(options->auth_algorithm, "HS256") == 0 && strlen(options->auth_key) < HS256_KEY_MIN)
        return complain(error, "[auth] key", "must have at least 32 bytes for HS256");
    if (strcmp(options->auth_algorithm, "HS256") != 0 && options->auth_key &&
        !strstr(options->auth_key, "-----BEGIN "))
        return complain(error, "[auth] key_file", "must be a PEM public key");
    if (strcmp(options->auth_algorithm, "HS256") != 0 && options->auth_key &&
        strstr(options->auth_key, "PRIVATE KEY"))
        return complain(error, "[auth] key_file",
                        "is a private key; give the public one (openssl pkey -pubout)");
    if (options->auth_jwks_file && access(options->auth_jwks_file, R_OK) != 0)
        return complain(error, "[auth] jwks_file", "cannot be read");
    return true;
}

static bool check_proxies(const char *list)
{
    g_auto(GStrv) words = g_strsplit_set(list, " \t", -1);
    for (guint i = 0; words[i]; i++) {
        if (*words[i] && !is_address(words[i]))
            return false;
    }
    return true;
}

static bool check_limits(const struct options *options, GError **error)
{
    const struct {
        const char *name, *value;
    } limits[] = {
        {"[limits] requests", options->limits_requests},
        {"[limits] messages", options->limits_messages},
        {"[limits] strangers", options->limits_strangers},
        {"[limits] conversations", options->limits_conversations},
        {"[limits] search", options->limits_search},
        {"[limits] uploads", options->limits_uploads},
        {"[limits] typing", options->limits_typing},
        {"[limits] frames", options->limits_frames},
        {"[limits] server", options->limits_server},
        {"[limits] signin", options->limits_signin},
        {"[limits] xmpp_messages", options->limits_xmpp_messages},
        {"[limits] xmpp_stanzas", options->limits_xmpp_stanzas},
        {"[limits] xmpp_domain", options->limits_xmpp_domain},
    };
    struct rate rate;
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        if (!rate_parse(limits[i].value, &rate))
            return complain(error, limits[i].name,
                            "must be count/seconds such as 100/60, or 0 for no limit");
    }
    return true;
}

static bool is_boolean(const char *text)
{
    return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static bool check_session(const struct options *options, GError **error)
{
    if (!is_boolean(options->session_cookie_secure))
        return complain(error, "[session] cookie_secure", "must be true or false");
    if (!check_proxies(options->http_proxies))
        return complain(error, "[http] proxies", "must be numeric addresses, separated by spaces");
    return check_limits(options, error);
}

/* The address is a number, as everywhere: names are not looked up. */
static bool is_redis_url(const char *url)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_HAS_PASSWORD, NULL);
    if (!uri || strcmp(g_uri_get_scheme(uri), "redis") != 0 || !is_given(g_uri_get_host(uri)) ||
        g_uri_get_query(uri) || g_uri_get_fragment(uri))
        return false;
    const char *host = g_uri_get_host(uri);
    return strcmp(host, "localhost") == 0 || is_address(host);
}

static bool check_cluster(const struct options *options, GError **error)
{
    const char *name = options->cluster_instance;
    if (strcmp(options->xmpp_links, "one") != 0 && strcmp(options->xmpp_links, "each") != 0)
        return complain(error, "[xmpp] links", "must be one or each");
    if (is_given(options->cluster_redis) && !is_redis_url(options->cluster_redis))
        return complain(
            error, "[cluster] redis",
            "must look like redis://:password@127.0.0.1:6379 (names are not looked up)");
    if (strlen(name) > 32 ||
        strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_") != strlen(name))
        return complain(error, "[cluster] instance",
                        "must have at most 32 letters, digits, - and _");
    return true;
}

static bool check_calls(const struct options *options, GError **error)
{
    static const char *const whose[] = {"strangers", "never", "always", NULL};
    bool secret = is_given(options->calls_turn_secret);
    bool turn = strspn(options->calls_turn, " \t,") != strlen(options->calls_turn);
    if (!ice_uri_list_is_good(options->calls_stun, false))
        return complain(error, "[calls] stun",
                        "must be addresses such as stun:stun.example.org:3478, separated by "
                        "spaces, at most 16");
    if (!ice_uri_list_is_good(options->calls_turn, true))
        return complain(error, "[calls] turn",
                        "must be addresses such as turn:turn.example.org:3478?transport=udp or "
                        "turns:turn.example.org:443, separated by spaces, at most 16");
    if (options->calls_turn_secret_file && !secret)
        return complain(error, "[calls] turn_secret_file", "is empty");
    if (secret && strpbrk(options->calls_turn_secret, "\r\n"))
        return complain(error, "[calls] turn_secret_file", "must have one line only");
    if (turn && !secret)
        return complain(error, "[calls] turn_secret_file",
                        "must be given with turn: credentials are made from it");
    if (!g_strv_contains(whose, options->calls_relay_only))
        return complain(error, "[calls] relay_only", "must be strangers, never or always");
    return true;
}

bool options_check_values(struct options *options, GError **error)
{
    enum log_level level;
    guint32 areas;
    if (!check_xmpp(options, error) || !check_addresses(options, error))
        return false;
    if (!is_database_uri(options->database_uri))
        return complain(error, "[database] uri", "must look like postgresql://user@host/database");
    if (!check_origins(options->http_origins))
        return complain(error, "[http] origins",
                        "must be origins such as https://app.example.org or capacitor://localhost, "
                        "separated by "
                        "spaces: scheme and host, perhaps a port, no path and no wildcard");
    if (!check_auth(options, error) || !check_session(options, error) ||
        !check_cluster(options, error) || !check_calls(options, error))
        return false;
    static const char *const dialects[] = {"native", "s0", "s1", NULL};
    if (!g_strv_contains(dialects, options->websocket_dialect))
        return complain(error, "[websocket] dialect", "must be native, s0 or s1");
    if (!is_boolean(options->websocket_token_in_address))
        return complain(error, "[websocket] token_in_address", "must be true or false");
    if (!text_is_xml_safe(options->websocket_welcome, strlen(options->websocket_welcome)))
        return complain(error, "[websocket] welcome", "must be UTF-8 without control characters");
    if (!log_parse_level(options->log_level, &level))
        return complain(error, "[log] level", "must be error, warning, info or debug");
    if (!log_parse_areas(options->log_areas, &areas))
        return complain(error, "[log] areas",
                        "must be all, or some of main, config, link, stanza, archive, http, ws, "
                        "core, auth, separated by commas");
    return true;
}
