/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading of shares of users. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/base/rollout.h"

bool rollout_parse(const char *text, unsigned *ret_percent)
{
    unsigned percent = 0;
    size_t digits = strspn(text, "0123456789");
    if (strcmp(text, "on") == 0 || strcmp(text, "off") == 0) {
        *ret_percent = strcmp(text, "on") == 0 ? ROLLOUT_ALL : 0;
        return true;
    }
    if (digits == 0 || digits > 3 || strcmp(text + digits, "%") != 0)
        return false;
    for (size_t i = 0; i < digits; i++)
        percent = percent * 10 + (unsigned)(text[i] - '0');
    if (percent > ROLLOUT_ALL)
        return false;
    *ret_percent = percent;
    return true;
}
