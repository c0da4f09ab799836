/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One row for each type of option values. */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include "bridge/base/ice_uri.h"
#include "bridge/base/log.h"
#include "bridge/base/options_table.h"
#include "bridge/base/options_type.h"
#include "bridge/base/origin.h"
#include "bridge/base/rate.h"
#include "bridge/base/redis_url.h"
#include "bridge/base/rollout.h"

#define NAME_MAX_LENGTH 32

struct type {
    /* True: VALUE is of the type. */
    bool (*accepts)(const struct option_info *info, const char *value);
    /* The one spelling of VALUE, newly allocated; NULL: it stays as it is. Comes first; may be
     * NULL. */
    char *(*spell)(const char *value);
    const char *expected;  /* "must be …"; NULL: made from the row */
    const char *described; /* as option_type_describe() has it; may be NULL */
};

static bool accept_any(const struct option_info *info, const char *value)
{
    (void)info;
    (void)value;
    return true;
}

static bool accept_line(const struct option_info *info, const char *value)
{
    (void)info;
    return strpbrk(value, "\r\n") == NULL;
}

static bool accept_choice(const struct option_info *info, const char *value)
{
    g_auto(GStrv) words = g_strsplit(info->choices, "|", -1);
    return g_strv_contains((const char *const *)words, value);
}

static bool accept_rate(const struct option_info *info, const char *value)
{
    struct rate rate;
    (void)info;
    return rate_parse(value, &rate);
}

static bool accept_rollout(const struct option_info *info, const char *value)
{
    unsigned percent;
    (void)info;
    return rollout_parse(value, &percent);
}

static char *spell_domain(const char *value)
{
    char *lower = g_ascii_strdown(value, -1);
    size_t length = strlen(lower);
    if (length > 1 && lower[length - 1] == '.')
        lower[length - 1] = '\0';
    char *letters = g_hostname_to_unicode(lower);
    if (!letters)
        return lower;
    g_free(lower);
    return letters;
}

static bool accept_domain(const struct option_info *info, const char *value)
{
    size_t length = strlen(value);
    (void)info;
    return length > 0 && length <= 1023 && strpbrk(value, "@/\\ \t\r\n\"'<>&:,") == NULL &&
           *value != '.' && value[length - 1] != '.' && strstr(value, "..") == NULL;
}

static char *spell_domains(const char *value)
{
    g_auto(GStrv) words = g_strsplit_set(value, " \t", -1);
    GString *spelt = g_string_new(NULL);
    for (guint i = 0; words[i]; i++) {
        g_autofree char *domain = *words[i] ? spell_domain(words[i]) : NULL;
        if (domain)
            g_string_append_printf(spelt, "%s%s", spelt->len > 0 ? " " : "", domain);
    }
    return g_string_free(spelt, FALSE);
}

static bool accept_domains(const struct option_info *info, const char *value)
{
    g_auto(GStrv) words = g_strsplit(value, " ", -1);
    for (guint i = 0; words[i]; i++) {
        if (*words[i] && !accept_domain(info, words[i]))
            return false;
    }
    return true;
}

/* The one name that needs no look-up, so that users of the options find only numbers. */
static char *spell_address(const char *value)
{
    return g_ascii_strcasecmp(value, "localhost") == 0 ? g_strdup("127.0.0.1") : NULL;
}

static bool accept_address(const struct option_info *info, const char *value)
{
    struct in6_addr address;
    (void)info;
    return inet_pton(AF_INET, value, &address) == 1 || inet_pton(AF_INET6, value, &address) == 1;
}

static bool accept_addresses(const struct option_info *info, const char *value)
{
    g_auto(GStrv) words = g_strsplit_set(value, " \t", -1);
    for (guint i = 0; words[i]; i++) {
        if (*words[i] && !accept_address(info, words[i]))
            return false;
    }
    return true;
}

/* By their shape; whoever compares them prepares them. */
static bool accept_jids(const struct option_info *info, const char *value)
{
    g_auto(GStrv) words = g_strsplit_set(value, " \t,", -1);
    (void)info;
    for (guint i = 0; words[i]; i++) {
        const char *at = strchr(words[i], '@');
        if (*words[i] && (!at || at == words[i] || !at[1] || strpbrk(at + 1, "@/")))
            return false;
    }
    return true;
}

static bool accept_name(const struct option_info *info, const char *value)
{
    static const char letters[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_";
    (void)info;
    return strlen(value) <= NAME_MAX_LENGTH && strspn(value, letters) == strlen(value);
}

static bool accept_origins(const struct option_info *info, const char *value)
{
    g_auto(GStrv) origins = g_strsplit_set(value, " \t,", -1);
    (void)info;
    for (guint i = 0; origins[i]; i++) {
        g_autofree char *normal = origin_normal(origins[i]);
        if (*origins[i] && !normal)
            return false;
    }
    return true;
}

static bool accept_stun(const struct option_info *info, const char *value)
{
    (void)info;
    return ice_uri_list_is_good(value, false);
}

static bool accept_turn(const struct option_info *info, const char *value)
{
    (void)info;
    return ice_uri_list_is_good(value, true);
}

static bool accept_database_uri(const struct option_info *info, const char *value)
{
    (void)info;
    return (g_str_has_prefix(value, "postgresql://") || g_str_has_prefix(value, "postgres://")) &&
           strpbrk(value, " \t\n\v\f\r") == NULL;
}

static bool accept_redis_url(const struct option_info *info, const char *value)
{
    (void)info;
    g_autoptr(redis_servers) servers = redis_servers_new(value);
    return servers != NULL;
}

static bool accept_areas(const struct option_info *info, const char *value)
{
    guint32 areas;
    (void)info;
    return log_parse_areas(value, &areas);
}

static const struct type types[OPTION_TYPE_MAX] = {
    [OPTION_TEXT] = {.accepts = accept_any},
    [OPTION_LINE] = {.accepts = accept_line, .expected = "must have one line only"},
    [OPTION_CHOICE] = {.accepts = accept_choice},
    [OPTION_INTEGER] = {.accepts = accept_any},
    [OPTION_RATE] = {.accepts = accept_rate,
                     .expected = "must be count/seconds such as 100/60, or 0 for no limit",
                     .described = "count/seconds"},
    [OPTION_ROLLOUT] = {.accepts = accept_rollout,
                        .expected = "must be on, off, or a share of users such as 25%",
                        .described = "on, off or a percentage of users"},
    [OPTION_DOMAIN] = {.accepts = accept_domain,
                       .spell = spell_domain,
                       .expected = "must be a domain name such as app.example.org"},
    [OPTION_DOMAINS] = {.accepts = accept_domains,
                        .spell = spell_domains,
                        .expected = "must be domain names, separated by spaces"},
    [OPTION_ADDRESS] = {.accepts = accept_address,
                        .spell = spell_address,
                        .expected = "must be a numeric IPv4 or IPv6 address, or localhost (names "
                                    "are not looked up)"},
    [OPTION_ADDRESSES] = {.accepts = accept_addresses,
                          .expected = "must be numeric addresses, separated by spaces"},
    [OPTION_JIDS] = {.accepts = accept_jids,
                     .expected = "must be addresses such as admin@example.org, separated by "
                                 "spaces, without resources"},
    [OPTION_FILE] = {.accepts = accept_any},
    [OPTION_NAME] = {.accepts = accept_name,
                     .expected = "must have at most 32 letters, digits, - and _"},
    [OPTION_ORIGINS] = {.accepts = accept_origins,
                        .expected = "must be origins such as https://app.example.org or "
                                    "capacitor://localhost, separated by spaces: scheme and host, "
                                    "perhaps a port, no path and no wildcard"},
    [OPTION_STUN] = {.accepts = accept_stun,
                     .expected = "must be addresses such as stun:stun.example.org:3478, separated "
                                 "by spaces, at most 16"},
    [OPTION_TURN] = {.accepts = accept_turn,
                     .expected = "must be addresses such as "
                                 "turn:turn.example.org:3478?transport=udp or "
                                 "turns:turn.example.org:443, separated by spaces, at most 16"},
    [OPTION_DATABASE_URI] = {.accepts = accept_database_uri,
                             .expected = "must look like postgresql://user@host/database"},
    [OPTION_REDIS_URL] = {.accepts = accept_redis_url,
                          .expected = "must look like redis://:password@127.0.0.1:6379 or "
                                      "sentinel://127.0.0.1:26379/name, or several of one kind "
                                      "separated by spaces (names are not looked up)"},
    [OPTION_AREAS] = {.accepts = accept_areas,
                      .expected = "must be all, or some of main, config, link, stanza, archive, "
                                  "http, ws, core, auth, separated by commas"},
};

bool option_type_settle(const struct option_info *info, char **value)
{
    const struct type *type = &types[info->type];
    bool may_be_empty = info->need != OPTIONAL || !info->fallback || !*info->fallback;
    if (!**value && may_be_empty)
        return true; /* one that is required is missed later */
    char *spelt = type->spell ? type->spell(*value) : NULL;
    if (spelt) {
        g_free(*value);
        *value = spelt;
    }
    return type->accepts(info, *value);
}

bool option_type_read_integer(const struct option_info *info, const char *value, gint64 *ret_number)
{
    return *value != '+' &&
           g_ascii_string_to_signed(value, 10, info->minimum, info->maximum, ret_number, NULL);
}

/* "native, s0 or s1" */
static char *choices_text(const char *choices)
{
    g_auto(GStrv) words = g_strsplit(choices, "|", -1);
    GString *text = g_string_new(NULL);
    for (guint i = 0; words[i]; i++)
        g_string_append_printf(text, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
    return g_string_free(text, FALSE);
}

char *option_type_expected(const struct option_info *info)
{
    if (info->type == OPTION_INTEGER)
        return g_strdup_printf("must be a whole number from %" G_GINT64_FORMAT
                               " to %" G_GINT64_FORMAT "%s%s",
                               info->minimum, info->maximum, *info->unit ? " " : "", info->unit);
    if (info->type == OPTION_CHOICE) {
        g_autofree char *choices = choices_text(info->choices);
        return g_strdup_printf("must be %s", choices);
    }
    return g_strdup(types[info->type].expected);
}

char *option_type_describe(const struct option_info *info)
{
    if (info->type == OPTION_INTEGER)
        return g_strdup_printf("from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, info->minimum,
                               info->maximum);
    return info->type == OPTION_CHOICE ? choices_text(info->choices)
                                       : g_strdup(types[info->type].described);
}
