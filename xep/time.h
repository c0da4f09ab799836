/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0082 date-times, as microseconds since 1970-01-01T00:00:00Z. Years 0001 to 9999. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* 2000-01-01: XMPP is not much older; a clock that shows less is not right. */
#define XEP_TIME_EARLIEST (INT64_C(946684800) * 1000000)

/* Reads CCYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm); digits behind the sixth are cut off. *ret_us is
 * clamped to the years above. False, and *ret_us untouched, when TEXT is anything else. */
bool xep_time_parse(const char *text, int64_t *ret_us);

/* UTC with milliseconds, rounded down: "2026-05-04T09:00:00.123Z". Clamped to the years above.
 * The caller frees it with g_free(). */
char *xep_time_format(int64_t us);
