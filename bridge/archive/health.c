/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Said once when it changes; the reason is the newest. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive_part.h"
#include "bridge/archive/health.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"

void health_proven(struct health *health)
{
    health->proven = clock_monotonic();
    if (health->refused)
        log_info(AREA_ARCHIVE, "writes-accepted", NULL);
    health->refused = false;
}

void health_refused(struct health *health, const char *reason)
{
    if (!health->refused)
        log_warning(AREA_ARCHIVE, "writes-refused", "reason=%s", reason);
    health->refused = true;
}

/* Out of room or memory, an operator or a time limit, the system, a lock, a session that may not
 * write: whoever writes next fares the same. A deadlock or a bad row concerns one statement. */
void health_note_error(struct health *health, const PGresult *result)
{
    static const char *const classes[] = {"53", "57", "58", "55", "25", "XX"};
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    for (size_t i = 0; state && i < G_N_ELEMENTS(classes); i++) {
        if (strncmp(state, classes[i], 2) == 0)
            health_refused(health, state);
    }
}
