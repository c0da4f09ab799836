/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Look-ups in the error table. */
#include "config.h"

#include <string.h>

#include "bridge/base/error.h"

static const struct error_info error_table[ERROR_MAX] = {
    [ERROR_NONE] = {"none", 200, "", "", ""},
#define TRESTLE_ERROR(symbol, code, http, type, condition, title)                                  \
    [ERROR_##symbol] = {code, http, type, condition, title},
#include "bridge/base/error.def"
};

const struct error_info *error_info(enum error_code code)
{
    g_return_val_if_fail(code > ERROR_NONE && code < ERROR_MAX, &error_table[ERROR_INTERNAL]);
    return &error_table[code];
}

G_DEFINE_QUARK(trestle - error, trestle_error)
