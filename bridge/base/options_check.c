/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What concerns two options at once, or a file that an option names. */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/error.h"
#include "bridge/base/fetch.h"
#include "bridge/base/options_check.h"
#include "bridge/base/options_table.h"

#define HS256_KEY_MIN 32 /* bytes; RFC 7518 section 3.2 */

static bool option_refuse(GError **error, const char *option, const char *expected)
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
        if (info->type == OPTION_INTEGER || info->need != REQUIRED)
            continue;
        const char *const *value = (gconstpointer)((const char *)options + info->offset);
        if (!is_given(*value)) {
            g_autofree char *label = g_strdup_printf("[%s] %s", info->section, info->name);
            return option_refuse(error, label, "must be given");
        }
    }
    return true;
}

/* Of a secret and its file. */
static bool check_secrets(const struct options *options, GError **error)
{
    if (is_given(options->xmpp_secret) == (options->xmpp_secret_file != NULL))
        return option_refuse(error, "[xmpp] secret, secret_file",
                             "exactly one of the two must be given");
    if (is_given(options->xmpp_rooms_secret) && options->xmpp_rooms_secret_file)
        return option_refuse(error, "[xmpp] rooms_secret, rooms_secret_file",
                             "at most one of the two may be given");
    if (is_given(options->calls_turn_secret) && options->calls_turn_secret_file)
        return option_refuse(error, "[calls] turn_secret, turn_secret_file",
                             "at most one of the two may be given");
    return true;
}

/* Whether passwords of HOST are tried at an address of this machine; a name only if it is
 * localhost. */
static bool login_is_local(const struct options *options, const char *host)
{
    guint64 port;
    struct in_addr parsed;
    g_autofree char *address = options_login_server(options, host, &port);
    if (inet_pton(AF_INET, address, &parsed) == 1)
        return ntohl(parsed.s_addr) >> 24 == 127;
    return strcmp(address, "localhost") == 0 || strcmp(address, "::1") == 0;
}

/* A password is told to this instance's own link only: the bus is no place for it. */
static bool check_bound_login(const struct options *options, const char *const *hosts,
                              GError **error)
{
    if (strcmp(options->bound_login_by, "module") == 0 && is_given(options->cluster_redis) &&
        strcmp(options->xmpp_links, "each") != 0)
        return option_refuse(error, "[bound] login_by",
                             "module needs [xmpp] links = each where there are several instances");
    if (is_given(options->bound_login_domain) &&
        !g_strv_contains(hosts, options->bound_login_domain))
        return option_refuse(error, "[bound] login_domain", "must be one of [bound] hosts");
    if (is_given(options->bound_login_domain) && !is_given(options->bound_login_claim))
        return option_refuse(error, "[bound] login_domain", "is for [bound] login_claim");
    return true;
}

/* Accounts of our own domains are hosted. */
static bool check_bound(const struct options *options, GError **error)
{
    bool plain = strcmp(options->bound_login_tls, "none") == 0;
    g_auto(GStrv) hosts = g_strsplit(options->bound_hosts, " ", -1);
    for (guint i = 0; hosts[i]; i++) {
        if (strcmp(hosts[i], options->xmpp_domain) == 0 ||
            g_strcmp0(hosts[i], options->xmpp_rooms_domain) == 0)
            return option_refuse(error, "[bound] hosts",
                                 "must not name xmpp.domain or xmpp.rooms_domain");
        if (plain && *hosts[i] && !login_is_local(options, hosts[i]))
            return option_refuse(error, "[bound] login_tls",
                                 "none is for servers that [bound] login_servers has on loopback "
                                 "(example.org=127.0.0.1:5222): passwords would be readable");
    }
    return check_bound_login(options, (const char *const *)hosts, error);
}

static bool check_keys(const struct options *options, GError **error)
{
    bool key = is_given(options->auth_key);
    bool key_file = options->auth_key_file != NULL;
    bool jwks = options->auth_jwks_file != NULL;
    if (strcmp(options->auth_algorithm, "HS256") == 0) {
        if (jwks)
            return option_refuse(error, "[auth] jwks_file", "is for RS256 and ES256 only");
        if (key == key_file)
            return option_refuse(error, "[auth] key, key_file",
                                 "exactly one of the two must be given");
    }
    if (key && key_file)
        return option_refuse(error, "[auth] key, key_file", "at most one of the two may be given");
    if (!key && !key_file && !jwks)
        return option_refuse(error, "[auth] key_file, jwks_file", "at least one must be given");
    return true;
}

/* A service that is asked by questions which are signed. */
struct hook_given {
    const char *url, *secret, *secret_file;     /* as they were given */
    const char *url_name, *secrets, *file_name; /* how they are called */
};

static bool check_hook(const struct hook_given *hook, GError **error)
{
    if (is_given(hook->secret) && hook->secret_file)
        return option_refuse(error, hook->secrets, "at most one of the two may be given");
    if (!is_given(hook->url))
        return true;
    if (!g_str_has_prefix(hook->url, "https://") && !g_str_has_prefix(hook->url, "http://"))
        return option_refuse(error, hook->url_name, "must begin with https:// or http://");
    if (!is_given(hook->secret) && !hook->secret_file)
        return option_refuse(error, hook->url_name, hook->file_name);
    return true;
}

static bool check_hooks(const struct options *options, GError **error)
{
    const struct hook_given spam = {options->spam_hook_url,
                                    options->spam_hook_secret,
                                    options->spam_hook_secret_file,
                                    "[spam] hook_url",
                                    "[spam] hook_secret, hook_secret_file",
                                    "wants hook_secret_file, too"};
    const struct hook_given assist = {
        options->assist_url, options->assist_secret,         options->assist_secret_file,
        "[assist] url",      "[assist] secret, secret_file", "wants secret_file, too"};
    const struct hook_given classifier = {options->media_classifier_url,
                                          options->media_classifier_secret,
                                          options->media_classifier_secret_file,
                                          "[media] classifier_url",
                                          "[media] classifier_secret, classifier_secret_file",
                                          "wants classifier_secret_file, too"};
    const char *links = options->spam_links_url;
    if (is_given(options->spam_links_key) && options->spam_links_key_file)
        return option_refuse(error, "[spam] links_key, links_key_file",
                             "at most one of the two may be given");
    if (is_given(links) && !g_str_has_prefix(links, "https://") &&
        !g_str_has_prefix(links, "http://"))
        return option_refuse(error, "[spam] links_url", "must begin with https:// or http://");
    if (strcmp(options->spam_hook_scope, "all") == 0 && !is_given(options->spam_hook_url))
        return option_refuse(error, "[spam] hook_scope", "wants hook_url, too");
    return check_hook(&spam, error) && check_hook(&assist, error) && check_hook(&classifier, error);
}

static bool check_spam(const struct options *options, GError **error)
{
    if (options->spam_filter_at > options->spam_block_at)
        return option_refuse(error, "[spam] filter_at", "must not be above block_at");
    return true;
}

static bool check_media_given(const struct options *options, GError **error)
{
    if (is_given(options->media_key) && options->media_key_file)
        return option_refuse(error, "[media] key, key_file", "at most one of the two may be given");
    if (options->media_store && !is_given(options->media_key) && !options->media_key_file)
        return option_refuse(error, "[media] key_file",
                             "must be given with store: files are encrypted");
    if (is_given(options->media_s3_secret) && options->media_s3_secret_file)
        return option_refuse(error, "[media] s3_secret, s3_secret_file",
                             "at most one of the two may be given");
    bool secret = is_given(options->media_s3_secret) || options->media_s3_secret_file;
    if (is_given(options->media_s3_url) &&
        (!options->media_store || !is_given(options->media_s3_key) || !secret))
        return option_refuse(error, "[media] s3_url",
                             "wants store, s3_key and s3_secret_file, too");
    if (options->media_store && !is_given(options->media_url))
        return option_refuse(error, "[media] url", "must be given with store");
    if (is_given(options->media_cdn) && !options->media_store)
        return option_refuse(error, "[media] cdn", "wants store, too");
    return true;
}

static bool check_fetch(const struct options *options, GError **error)
{
    if (!fetch_list_is_good(options->fetch_allow))
        return option_refuse(
            error, "[fetch] allow",
            "must be numeric addresses, with a port or without, separated by spaces");
    return true;
}

static bool check_log(const struct options *options, GError **error)
{
    bool key = is_given(options->log_ids_key), file = options->log_ids_key_file != NULL;
    if (key && file)
        return option_refuse(error, "[log] ids_key, ids_key_file",
                             "at most one of the two may be given");
    if (strcmp(options->log_ids, "hash") == 0 && !key && !file)
        return option_refuse(error, "[log] ids_key_file", "must be given with ids = hash");
    return true;
}

bool options_check_given(struct options *options, GError **error)
{
    if (!check_required(options, error))
        return false;
    if (!options->xmpp_rooms_domain)
        options->xmpp_rooms_domain = g_strconcat("rooms.", options->xmpp_domain, NULL);
    return check_log(options, error) && check_secrets(options, error) &&
           check_bound(options, error) && check_keys(options, error) &&
           check_hooks(options, error) && check_spam(options, error) &&
           check_media_given(options, error) && check_fetch(options, error);
}

static bool check_domains(const struct options *options, GError **error)
{
    const char *rooms = options->xmpp_rooms_domain;
    if (strcmp(options->xmpp_domain, options->xmpp_server_domain) == 0)
        return option_refuse(error, "[xmpp] server_domain",
                             "must be a domain of the XMPP server itself, not the component's own");
    if (strcmp(rooms, options->xmpp_domain) == 0 || strcmp(rooms, options->xmpp_server_domain) == 0)
        return option_refuse(error, "[xmpp] rooms_domain",
                             "must be another domain than domain and server_domain");
    return true;
}

static bool check_listeners(const struct options *options, GError **error)
{
    if (options->http_port == options->http_admin_port &&
        strcmp(options->http_listen, options->http_admin_listen) == 0)
        return option_refuse(error, "[http] admin_port", "must differ from port");
    return true;
}

static bool check_auth(const struct options *options, GError **error)
{
    if (strcmp(options->auth_algorithm, "HS256") == 0 && strlen(options->auth_key) < HS256_KEY_MIN)
        return option_refuse(error, "[auth] key", "must have at least 32 bytes for HS256");
    if (strcmp(options->auth_algorithm, "HS256") != 0 && options->auth_key &&
        !strstr(options->auth_key, "-----BEGIN "))
        return option_refuse(error, "[auth] key_file", "must be a PEM public key");
    if (strcmp(options->auth_algorithm, "HS256") != 0 && options->auth_key &&
        strstr(options->auth_key, "PRIVATE KEY"))
        return option_refuse(error, "[auth] key_file",
                             "is a private key; give the public one (openssl pkey -pubout)");
    if (options->auth_jwks_file && access(options->auth_jwks_file, R_OK) != 0)
        return option_refuse(error, "[auth] jwks_file", "cannot be read");
    return true;
}

static bool check_calls(const struct options *options, GError **error)
{
    bool turn = strspn(options->calls_turn, " \t,") != strlen(options->calls_turn);
    if (turn && !is_given(options->calls_turn_secret))
        return option_refuse(error, "[calls] turn_secret_file",
                             "must be given with turn: credentials are made from it");
    return true;
}

/* Addresses that are put before a path: one each, where an option of their type may list many. */
static bool check_addresses(const struct options *options, GError **error)
{
    const struct {
        const char *name, *value;
    } addresses[] = {
        {"[media] url", options->media_url},
        {"[media] cdn", options->media_cdn},
        {"[assist] callback", options->assist_callback},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        const char *value = addresses[i].value;
        if (!is_given(value))
            continue;
        bool is_web = g_str_has_prefix(value, "https://") || g_str_has_prefix(value, "http://");
        if (!is_web || strpbrk(value, " \t,"))
            return option_refuse(error, addresses[i].name,
                                 "must be one address such as https://files.example.org");
    }
    return true;
}

/* It stands in a policy, whose own signs it must not have. */
static bool check_web_errors(const struct options *options, GError **error)
{
    const char *value = options->http_web_errors;
    bool is_web = g_str_has_prefix(value, "https://") || g_str_has_prefix(value, "http://");
    if (!is_given(value) || (is_web && !strpbrk(value, " \t,;'\"*?#")))
        return true;
    return option_refuse(error, "[http] web_errors",
                         "must be one address such as https://errors.example.org/web");
}

bool options_check_values(struct options *options, GError **error)
{
    return check_web_errors(options, error) && check_domains(options, error) &&
           check_listeners(options, error) && check_auth(options, error) &&
           check_calls(options, error) && check_addresses(options, error);
}
