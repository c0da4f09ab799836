/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a configuration file: options or an error, never both, never neither. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/log.h"
#include "bridge/base/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A value may name a file; only inputs that name none are run, so that nothing on disk is opened.
 */
static bool names_a_file(const char *text)
{
    return strstr(text, "secret_file") || strstr(text, "key_file") || strstr(text, "jwks_file");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    if (names_a_file(text))
        return 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(trestle_options) options = options_parse("fuzz.ini", text, &error);
    if ((options == NULL) != (error != NULL))
        abort();
    if (error && !g_utf8_validate(error->message, -1, NULL))
        abort();
    return 0;
}
