/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two descriptions share. */
#include "config.h"

#include <glib.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/core/request.h"
#include "bridge/describe/describe.h"

bool describe_is_silent(const struct operation *operation)
{
    return !operation->reply || strcmp(operation->reply, "Nothing") == 0;
}

json_t *describe_info(const char *description)
{
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "title", "Trestle", "version",
                     PACKAGE_VERSION, "description", description, "license", "name",
                     "GNU General Public License v3.0 or later", "url",
                     "https://www.gnu.org/licenses/gpl-3.0.html");
}

json_t *describe_reference(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *target = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return json_pack("{s:s}", "$ref", target);
}

char *describe_text(json_t *document, enum describe_form form)
{
    if (!document)
        g_error("a description could not be put together");
    char *text = json_dumps(document, form == DESCRIBE_READABLE ? JSON_INDENT(1) : JSON_COMPACT);
    char *copy = g_strdup(text);
    free(text);
    json_decref(document);
    return copy;
}
