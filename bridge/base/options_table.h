/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The option table as data, for the loader (options.c) and the printers (options_print.c) only. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/options_type.h"

enum option_need { REQUIRED, OPTIONAL, SECRET };

struct option_info {
    const char *section;
    const char *name;
    enum option_type type;
    enum option_need need;
    const char *fallback; /* NULL: none; of all but integers */
    gint64 integer_fallback, minimum, maximum;
    const char *unit;    /* of an integer; "" for none */
    const char *choices; /* "one|each", of a choice */
    const char *text;
    size_t offset; /* of the member in struct options */
};

extern const struct option_info option_table[];
extern const size_t option_table_length;
