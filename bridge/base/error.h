/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Error codes shared by every entrance; see error.def for the table and docs of each column. */
#pragma once

#include <glib.h>

enum error_code {
    ERROR_NONE = 0,
#define TRESTLE_ERROR(symbol, code, http, type, condition, title) ERROR_##symbol,
#include "bridge/base/error.def"
    ERROR_MAX
};

struct error_info {
    const char *code; /* the `code` member of problem+json */
    unsigned http_status;
    const char *type;      /* stanza error type: modify, auth, cancel, wait */
    const char *condition; /* defined condition of RFC 6120 section 8.3.3 */
    const char *title;
};

/* The row of CODE; CODE must be a real error (not ERROR_NONE). Static storage. */
const struct error_info *error_info(enum error_code code);

/* GError domain; the GError code is an enum error_code. */
#define TRESTLE_ERROR_DOMAIN (trestle_error_quark())
GQuark trestle_error_quark(void);
