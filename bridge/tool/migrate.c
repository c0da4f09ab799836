/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The work is done in the archive; here is what the administrator is told. */
#include "config.h"

#include <stdio.h>

#include "bridge/archive/archive.h"
#include "bridge/archive/migrate.h"
#include "bridge/tool/admin_sql.h"
#include "bridge/tool/migrate.h"

int migrate_run(const struct options *options)
{
    g_autoptr(GError) error = NULL;
    if (schema_migrate(options->database_uri, &error))
        return 0;
    g_autofree char *message = admin_sql_explain(error->message);
    fprintf(stderr, "trestle: %s\n", message);
    return 1;
}
