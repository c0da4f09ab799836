/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The types of option values: what each accepts, how it says no, how it is described. For the
 * files of the options only. */
#pragma once

#include <glib.h>
#include <stdbool.h>

enum option_type {
    OPTION_TEXT,         /* anything without control characters */
    OPTION_LINE,         /* likewise, if it comes from a file: on one line */
    OPTION_CHOICE,       /* one of some words */
    OPTION_INTEGER,      /* a number within bounds, of some unit */
    OPTION_RATE,         /* count/seconds, as rate_parse() has it */
    OPTION_ROLLOUT,      /* whom something is on for, as rollout_parse() has it */
    OPTION_DOMAIN,       /* in one spelling: U-labels in lower case, without a final dot */
    OPTION_DOMAINS,      /* several, likewise, separated by single spaces */
    OPTION_ADDRESS,      /* numeric; localhost becomes 127.0.0.1 */
    OPTION_ADDRESSES,    /* several, numeric, separated by spaces */
    OPTION_JIDS,         /* bare addresses of XMPP, separated by spaces */
    OPTION_FILE,         /* a path, relative to the configuration file; empty: none */
    OPTION_NAME,         /* letters, digits, - and _ */
    OPTION_ORIGINS,      /* as origin_normal() has them */
    OPTION_STUN,         /* as ice_uri_list_is_good() has them */
    OPTION_TURN,         /* likewise */
    OPTION_DATABASE_URI, /* of PostgreSQL */
    OPTION_REDIS_URL,    /* with a numeric host */
    OPTION_AREAS,        /* as log_parse_areas() has them */
    OPTION_TYPE_MAX
};

struct option_info;

/* Brings *VALUE (not NULL) of INFO into its one spelling. False: it is not of that type. An empty
 * value is of any type whose option needs not be given and has none by default, or an empty one. */
bool option_type_settle(const struct option_info *info, char **value);

/* Likewise a number. */
bool option_type_read_integer(const struct option_info *info, const char *value,
                              gint64 *ret_number);

/* What a value of INFO must be: "must be one or each". The caller frees it. */
char *option_type_expected(const struct option_info *info);

/* For help, sample and manual: "one or each", "count/seconds"; NULL: nothing to be said beyond the
 * option's own text. The caller frees it. */
char *option_type_describe(const struct option_info *info);
