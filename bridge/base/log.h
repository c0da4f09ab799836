/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Structured log: one line of key=value pairs per event, written to stderr or a file.
 *
 *   ts=… level=info area=link event=connected domain=app.example.org
 *
 * Never put message bodies, tokens, secrets, full JIDs of peers or IP addresses into a line; user
 * and conversation ids (UUIDs) and JID domains are fine. Control characters are written as '?'. A
 * full disk, a closed pipe or a reader that does not read loses lines, never the process and never
 * time; how many were lost is written once there is room again. What is there of a line that did
 * not fit is taken back, or at least ended before the next. Programs ignore SIGPIPE.
 *
 * Of one kind (EVENT), LOG_BURST lines are written at once and then five a second, but for the
 * level debug: strangers can cause some of them. Of the level error, the first LOG_ERRORS_WHOLE of
 * a kind in a minute are, and then one of a hundred. The next one that is written says before it
 * how many of its kind were held back. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define LOG_BURST 50
#define LOG_ERRORS_WHOLE 10

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Areas can be switched on and off at run time (option log.areas, SIGHUP). Errors are always
 * written. */
enum log_area {
    AREA_MAIN,
    AREA_CONFIG,
    AREA_LINK,
    AREA_STANZA,
    AREA_ARCHIVE,
    AREA_HTTP,
    AREA_WS,
    AREA_CORE,
    AREA_AUTH,
    AREA_MAX
};

/* Sets level, areas ("all", or a comma-separated list of names) and file (NULL or empty: stderr).
 * May be called again at any time. False (with a line on stderr) if a name is unknown or the file
 * cannot be opened; the former settings then stay. */
bool log_configure(const char *level, const char *areas, const char *file);

/* Likewise level and areas (NULL: as they are) alone; the file stays as it is. */
bool log_switch(const char *level, const char *areas);
/* What is set. */
const char *log_level_text(void);
bool log_area_is_on(enum log_area area);

/* A further file (NULL or empty: none), opened anew at each call: LOG_ACCESS has the lines of
 * log_access(), LOG_ERRORS those of the level error once more. False (with a line on stderr): it
 * cannot be opened, and the former one stays. */
enum log_extra { LOG_ACCESS, LOG_ERRORS, LOG_EXTRAS };
bool log_extra_file(enum log_extra extra, const char *file);

/* From now on what looks like a UUID is written as "id-" and a digest of it by KEY, but for the ids
 * of requests; NULL: as it is. The same id is the same text as long as the key is. */
void log_hash_ids(const char *key);
/* ID (UUID) as it stands in the log. The caller frees it. */
char *log_id_text(const char *id);

/* The same names, for checking a configuration. False: unknown, output untouched. */
bool log_parse_areas(const char *list, guint32 *ret_areas); /* bit 1 << AREA_x per area */

bool log_enabled(enum log_level level, enum log_area area);

/* One line a request or socket, into the access file alone, without areas, levels or limits. */
bool log_access_is_on(void);
void log_access(const char *event, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* EVENT is a fixed word with dashes, static; FORMAT yields `key=value key="quoted value"` pairs, or
 * is NULL. */
void log_event(enum log_level level, enum log_area area, const char *event, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

#define log_error(area, ...) log_event(LOG_ERROR, (area), __VA_ARGS__)
#define log_warning(area, ...) log_event(LOG_WARNING, (area), __VA_ARGS__)
#define log_info(area, ...) log_event(LOG_INFO, (area), __VA_ARGS__)
#define log_debug(area, ...)                                                                       \
    do {                                                                                           \
        if (log_enabled(LOG_DEBUG, (area)))                                                        \
            log_event(LOG_DEBUG, (area), __VA_ARGS__);                                             \
    } while (0)
