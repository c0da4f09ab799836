/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON as it comes from outside, read with the same strictness on every transport. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "bridge/base/error.h"

#define BODY_DEPTH_MAX 32    /* nesting of arrays and objects */
#define BODY_VALUES_MAX 4096 /* members, elements and containers together */

/* Parses the LENGTH bytes at TEXT: UTF-8, one JSON value, no member twice. True and *ret_json
 * (caller owns). Otherwise false with *ret_code, ERROR_BAD_REQUEST for what is not JSON and
 * ERROR_UNPROCESSABLE for strings no text can be (lone surrogates, NUL in a member's name), and
 * *ret_detail, static text. Strings may hold NUL; fields_check refuses those. */
bool body_parse(const char *text, size_t length, json_t **ret_json, enum error_code *ret_code,
                const char **ret_detail);
