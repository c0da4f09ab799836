/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The structured log. A line is at most PIPE_BUF bytes and is only written to a descriptor that
 * says it has room for that, so a reader that stopped reading costs lines and never a turn of the
 * loop. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/buffer.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"

#define ALL_AREAS ((1u << AREA_MAX) - 1)
#define LINE_MAX_BYTES (PIPE_BUF - 1) /* and the newline */

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

static const char *const area_names[AREA_MAX] = {
    [AREA_MAIN] = "main",     [AREA_CONFIG] = "config",   [AREA_LINK] = "link",
    [AREA_STANZA] = "stanza", [AREA_ARCHIVE] = "archive", [AREA_HTTP] = "http",
    [AREA_WS] = "ws",         [AREA_CORE] = "core",       [AREA_AUTH] = "auth"};

static enum log_level current_level = LOG_INFO;
static guint32 current_areas = ALL_AREAS;
static char *hash_key; /* of log_hash_ids() */

struct sink {
    int fd; /* negative: there is none */
    guint64 lost;
    bool torn; /* the last line was written in part */
};

static struct sink main_sink = {.fd = STDERR_FILENO};
static struct sink extras[LOG_EXTRAS] = {{.fd = -1}, {.fd = -1}};

#define KIND_INTERVAL (G_USEC_PER_SEC / 5) /* between two lines of one kind, in the long run */

#define MINUTE (60 * G_USEC_PER_SEC)
#define SAMPLE 100 /* of errors beyond the first of a minute, one in so many is written */

struct kind {
    gint64 due;         /* when the lines so far are paid for, clock_monotonic */
    gint64 minute;      /* of errors: when it began */
    guint64 in_minute;  /* and how many came since */
    guint64 suppressed; /* back since the last that was written */
};

static GHashTable *kinds; /* event, static text → struct kind *, owned; as many as the source has */

static bool log_parse_level(const char *name, enum log_level *ret_level)
{
    for (guint i = 0; name && i < G_N_ELEMENTS(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static bool parse_area(const char *name, guint32 *areas)
{
    if (strcmp(name, "all") == 0) {
        *areas |= ALL_AREAS;
        return true;
    }
    for (guint i = 0; i < AREA_MAX; i++) {
        if (strcmp(name, area_names[i]) == 0) {
            *areas |= 1u << i;
            return true;
        }
    }
    return false;
}

bool log_parse_areas(const char *list, guint32 *ret_areas)
{
    if (!list)
        return false;
    guint32 areas = 0;
    g_auto(GStrv) names = g_strsplit(list, ",", -1);
    for (guint i = 0; names[i]; i++) {
        if (!parse_area(g_strstrip(names[i]), &areas))
            return false;
    }
    *ret_areas = areas;
    return areas != 0;
}

static int open_file(const char *file)
{
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (fd < 0)
        fprintf(stderr, "trestle: log file %s: %s\n", file, g_strerror(errno));
    return fd;
}

bool log_extra_file(enum log_extra extra, const char *file)
{
    int fd = -1;
    if (file && *file && (fd = open_file(file)) < 0)
        return false;
    if (extras[extra].fd >= 0)
        close(extras[extra].fd);
    extras[extra].fd = fd;
    return true;
}

bool log_configure(const char *level, const char *areas, const char *file)
{
    enum log_level new_level;
    guint32 new_areas;
    if (!log_parse_level(level, &new_level)) {
        fprintf(stderr, "trestle: log level must be error, warning, info or debug\n");
        return false;
    }
    if (!log_parse_areas(areas, &new_areas)) {
        fprintf(stderr, "trestle: log areas must be \"all\" or a list of area names\n");
        return false;
    }
    int fd = STDERR_FILENO;
    if (file && *file && (fd = open_file(file)) < 0)
        return false;
    if (main_sink.fd != STDERR_FILENO)
        close(main_sink.fd);
    main_sink.fd = fd;
    current_level = new_level;
    current_areas = new_areas;
    return true;
}

bool log_switch(const char *level, const char *areas)
{
    enum log_level new_level;
    guint32 new_areas = current_areas;
    if (!log_parse_level(level, &new_level) || (areas && !log_parse_areas(areas, &new_areas)))
        return false;
    current_level = new_level;
    current_areas = new_areas;
    return true;
}

const char *log_level_text(void)
{
    return level_names[current_level];
}

bool log_area_is_on(enum log_area area)
{
    return (current_areas & (1u << area)) != 0;
}

bool log_enabled(enum log_level level, enum log_area area)
{
    if (level == LOG_ERROR)
        return true;
    return level <= current_level && (current_areas & (1u << area)) != 0;
}

/* A value that came from outside must not be able to start a line of its own. */
static void blank_controls(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            text[i] = '?';
    }
}

/* ---- Ids ------------------------------------------------------------------------------------- */

#define ID_LENGTH 36 /* 8-4-4-4-12 */
#define ID_DIGITS 32 /* of the digest that are shown */
#define ID_PREFIX "id-"

void log_hash_ids(const char *key)
{
    g_free(hash_key);
    hash_key = key && *key ? g_strdup(key) : NULL;
}

static bool is_id(const char *text, size_t length)
{
    if (length < ID_LENGTH)
        return false;
    for (size_t i = 0; i < ID_LENGTH; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !g_ascii_isxdigit(text[i]))
            return false;
    }
    return true;
}

static void id_write(const char *id, char ret_text[sizeof ID_PREFIX + ID_DIGITS])
{
    g_autofree char *plain = g_ascii_strdown(id, ID_LENGTH);
    g_autofree char *digest = g_compute_hmac_for_string(G_CHECKSUM_SHA256, (const guchar *)hash_key,
                                                        strlen(hash_key), plain, ID_LENGTH);
    g_snprintf(ret_text, sizeof ID_PREFIX + ID_DIGITS, ID_PREFIX "%.*s", ID_DIGITS, digest);
}

char *log_id_text(const char *id)
{
    char text[sizeof ID_PREFIX + ID_DIGITS];
    if (!hash_key || !is_id(id, strlen(id)))
        return g_strdup(id);
    id_write(id, text);
    return g_strdup(text);
}

/* What is put in place of an id is no longer than it. */
static size_t hide_ids(char *line, size_t length)
{
    static const char kept[] = "request=";
    G_STATIC_ASSERT(sizeof ID_PREFIX - 1 + ID_DIGITS <= ID_LENGTH);
    size_t end = 0;
    for (size_t i = 0; i < length;) {
        bool is_request = end >= sizeof kept - 1 &&
                          memcmp(line + end - (sizeof kept - 1), kept, sizeof kept - 1) == 0;
        bool inside = end > 0 && g_ascii_isxdigit(line[end - 1]);
        if (inside || !is_id(line + i, length - i)) {
            line[end++] = line[i++];
            continue;
        }
        char text[sizeof ID_PREFIX + ID_DIGITS];
        id_write(line + i, text);
        size_t size = is_request ? ID_LENGTH : strlen(text);
        memmove(line + end, is_request ? line + i : text, size);
        end += size;
        i += ID_LENGTH;
    }
    return end;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static ssize_t write_text(const struct sink *sink, const char *text, size_t length)
{
    ssize_t written;
    do
        written = write(sink->fd, text, length);
    while (written < 0 && errno == EINTR);
    return written;
}

/* Takes back the last WRITTEN bytes, unless somebody else has written behind them. */
static bool take_back(const struct sink *sink, ssize_t written)
{
    struct stat status;
    off_t end = lseek(sink->fd, 0, SEEK_CUR);
    return end >= written && fstat(sink->fd, &status) == 0 && S_ISREG(status.st_mode) &&
           status.st_size == end && ftruncate(sink->fd, end - written) == 0 &&
           lseek(sink->fd, end - written, SEEK_SET) >= 0;
}

static bool write_line(struct sink *sink, char *line, size_t length)
{
    struct pollfd poll_fd = {.fd = sink->fd, .events = POLLOUT};
    if (poll(&poll_fd, 1, 0) != 1 || poll_fd.revents != POLLOUT)
        return false;
    if (sink->torn && write_text(sink, "\n", 1) != 1)
        return false;
    sink->torn = false;
    line[length] = '\n';
    ssize_t written = write_text(sink, line, length + 1);
    if (written == (ssize_t)(length + 1))
        return true;
    sink->torn = written > 0 && !take_back(sink, written);
    return false;
}

static size_t start_line(char *line, enum log_level level, enum log_area area, const char *event)
{
    char ts[CLOCK_TIMESTAMP_SIZE];
    clock_format(clock_wall(), ts);
    int length = g_snprintf(line, LINE_MAX_BYTES, "ts=%s level=%s area=%s event=%s", ts,
                            level_names[level], area_names[area], event);
    return MIN((size_t)length, LINE_MAX_BYTES - 1);
}

static void line_lost(struct sink *sink)
{
    sink->lost++;
    metric_add(METRIC_LOG_LINES_LOST, 1);
}

static void write_or_count(struct sink *sink, char *line, size_t length)
{
    if (sink->fd < 0)
        return;
    if (sink->lost > 0) {
        char note[256];
        size_t n = start_line(note, LOG_WARNING, AREA_MAIN, "log-lines-lost");
        n += (size_t)g_snprintf(note + n, sizeof note - n - 1, " lines=%" G_GUINT64_FORMAT,
                                sink->lost);
        if (!write_line(sink, note, n)) {
            line_lost(sink);
            return;
        }
        sink->lost = 0;
    }
    if (!write_line(sink, line, length))
        line_lost(sink);
}

/* The first of a minute, and then one of a hundred. */
static bool error_passes(struct kind *kind)
{
    gint64 now = clock_monotonic();
    if (kind->in_minute == 0 || now - kind->minute >= MINUTE) {
        kind->minute = now;
        kind->in_minute = 0;
    }
    kind->in_minute++;
    return kind->in_minute <= LOG_ERRORS_WHOLE ||
           (kind->in_minute - LOG_ERRORS_WHOLE) % SAMPLE == 0;
}

static bool burst_passes(struct kind *kind)
{
    gint64 now = clock_monotonic();
    gint64 due = MAX(kind->due, now) + KIND_INTERVAL;
    if (due - now > LOG_BURST * KIND_INTERVAL)
        return false;
    kind->due = due;
    return true;
}

/* Whether one more line of the kind EVENT may be written; *ret_suppressed: how many were not. */
static bool kind_passes(enum log_level level, const char *event, guint64 *ret_suppressed)
{
    if (!kinds)
        kinds = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    struct kind *kind = g_hash_table_lookup(kinds, event);
    if (!kind) {
        kind = g_new0(struct kind, 1);
        g_hash_table_insert(kinds, (gpointer)(guintptr)event, kind);
    }
    if (!(level == LOG_ERROR ? error_passes : burst_passes)(kind)) {
        kind->suppressed++;
        metric_add(METRIC_LOG_LINES_HELD, 1);
        return false;
    }
    *ret_suppressed = kind->suppressed;
    kind->suppressed = 0;
    return true;
}

static void write_suppressed(enum log_area area, const char *event, guint64 suppressed)
{
    char line[256];
    size_t length = start_line(line, LOG_WARNING, area, "log-lines-held");
    length += (size_t)g_snprintf(line + length, sizeof line - length - 1,
                                 " kind=%.60s lines=%" G_GUINT64_FORMAT, event, suppressed);
    write_or_count(&main_sink, line, length);
}

G_GNUC_PRINTF(3, 0)
static size_t finish_line(char *line, size_t length, const char *format, va_list arguments)
{
    if (format) {
        line[length++] = ' ';
        int more = g_vsnprintf(line + length, LINE_MAX_BYTES - length, format, arguments);
        length += MIN((size_t)MAX(more, 0), LINE_MAX_BYTES - length - 1);
    }
    blank_controls(line, length);
    return hash_key ? hide_ids(line, length) : length;
}

void log_event(enum log_level level, enum log_area area, const char *event, const char *format, ...)
{
    if (!log_enabled(level, area))
        return;
    int saved_errno = errno;
    guint64 suppressed = 0;
    if (level != LOG_DEBUG && !kind_passes(level, event, &suppressed))
        return;
    if (suppressed > 0)
        write_suppressed(area, event, suppressed);
    char line[LINE_MAX_BYTES + 1];
    size_t length = start_line(line, level, area, event);
    va_list arguments;
    va_start(arguments, format);
    length = finish_line(line, length, format, arguments);
    va_end(arguments);
    write_or_count(&main_sink, line, length);
    if (level == LOG_ERROR)
        write_or_count(&extras[LOG_ERRORS], line, length);
    errno = saved_errno;
}

bool log_access_is_on(void)
{
    return extras[LOG_ACCESS].fd >= 0;
}

void log_access(const char *event, const char *format, ...)
{
    int saved_errno = errno;
    char ts[CLOCK_TIMESTAMP_SIZE];
    char line[LINE_MAX_BYTES + 1];
    if (!log_access_is_on())
        return;
    clock_format(clock_wall(), ts);
    size_t length = MIN((size_t)g_snprintf(line, LINE_MAX_BYTES, "ts=%s event=%s", ts, event),
                        LINE_MAX_BYTES - 1);
    va_list arguments;
    va_start(arguments, format);
    length = finish_line(line, length, format, arguments);
    va_end(arguments);
    write_or_count(&extras[LOG_ACCESS], line, length);
    errno = saved_errno;
}
