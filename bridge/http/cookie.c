/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading of cookies. Others' cookies are skipped, whatever they look like. */
#include "config.h"

#include <string.h>

#include "bridge/account/secret.h"
#include "bridge/http/cookie.h"

enum cookie_result cookie_find(const char *header, char *ret_value)
{
    const size_t name_length = strlen(COOKIE_NAME);
    enum cookie_result result = COOKIE_NONE;
    for (const char *p = header; p && *p;) {
        p += strspn(p, " \t;");
        size_t length = strcspn(p, ";");
        const char *next = p + length;
        while (length > 0 && (p[length - 1] == ' ' || p[length - 1] == '\t'))
            length--;
        if (length > name_length && memcmp(p, COOKIE_NAME, name_length) == 0 &&
            p[name_length] == '=') {
            const char *value = p + name_length + 1;
            length -= name_length + 1;
            /* Two of them: somebody else has set one, and there is no telling which. */
            if (result != COOKIE_NONE || !secret_is_possible(value, length))
                return COOKIE_BAD;
            memcpy(ret_value, value, length);
            ret_value[length] = '\0';
            result = COOKIE_FOUND;
        }
        p = next;
    }
    return result;
}
