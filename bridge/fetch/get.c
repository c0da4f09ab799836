/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libcurl looks names up, and asks for a socket for each address that it found: there the address
 * is looked at, the one that the connection then goes to, so that a name which means something else
 * a moment later gains nothing. Every hop goes through the same. */
#include "config.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "bridge/fetch/get.h"
#include "bridge/image/sandbox.h"

#define HOPS_MAX 4
#define CONNECT_SECONDS 5L
#define SLOW_SECONDS 10L /* with less than SLOW_BYTES a second it is given up */
#define SLOW_BYTES 100L
#define HEAD_MAX (64 * 1024) /* bytes of all header fields of an answer */
#define SKIPPED_MAX (256 * 1024)
#define OUTPUT_FD 4

struct getting {
    const struct get_plan *plan;
    struct got *got;
    CURL *handle;
    size_t head_length;
    size_t skipped; /* bytes of what came with redirects */
    bool met_forbidden, too_large, other_type, broken;
};

/* ---- Where it may go ------------------------------------------------------------------------- */

/* Other services than those of the web are none of ours, however they would take what we say. */
static bool port_is_of_web(const struct sockaddr *address)
{
    static const guint16 ports[] = {80, 443, 8080, 8443};
    guint16 port = fetch_port(address);
    for (size_t i = 0; i < G_N_ELEMENTS(ports); i++) {
        if (ports[i] == port)
            return true;
    }
    return false;
}

static curl_socket_t socket_open(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct getting *getting = data;
    bool web = fetch_is_public(&address->addr) && port_is_of_web(&address->addr);
    bool may = purpose == CURLSOCKTYPE_IPCXN &&
               (web || fetch_allowed(getting->plan->allowed, &address->addr));
    if (!may) {
        getting->met_forbidden = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool url_has(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK && *text;
    curl_free(text);
    return has;
}

/* TEXT as a URL to which we go; NULL: we do not. SECURE: what led there was. */
static CURLU *url_read(const char *text, bool secure)
{
    CURLU *url = curl_url();
    char *scheme = NULL;
    bool fine = strlen(text) <= FETCH_URL_MAX && url &&
                curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK &&
                curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                (strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && !secure)) &&
                url_has(url, CURLUPART_HOST);
    curl_free(scheme);
    if (fine)
        return url;
    curl_url_cleanup(url);
    return NULL;
}

/* ---- What comes ------------------------------------------------------------------------------ */

static bool type_is(const char *type, const char *wanted)
{
    size_t length = strlen(wanted);
    return strncasecmp(type, wanted, length) == 0 &&
           (wanted[length - 1] == '/' || type[length] == '\0' || type[length] == ';' ||
            type[length] == ' ');
}

static bool type_fits(const char *type, enum get_kind kind)
{
    if (kind == GET_PAGE)
        return type && (type_is(type, "text/html") || type_is(type, "application/xhtml+xml"));
    return kind == GET_FILE || (type && type_is(type, "image/"));
}

static size_t head_take(char *line, size_t size, size_t count, void *data)
{
    struct getting *getting = data;
    (void)line;
    getting->head_length += size * count;
    return getting->head_length <= HEAD_MAX ? size * count : 0;
}

static long status_of(struct getting *getting)
{
    long status = 0;
    curl_easy_getinfo(getting->handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool is_redirect(long status)
{
    return status >= 300 && status < 400;
}

/* Whether what comes is the answer, and may be. */
static bool answer_is_fine(struct getting *getting)
{
    const char *type = NULL;
    if (status_of(getting) != 200)
        return false;
    curl_easy_getinfo(getting->handle, CURLINFO_CONTENT_TYPE, &type);
    getting->other_type = !type_fits(type, getting->plan->kind);
    return !getting->other_type;
}

static size_t body_take(char *bytes, size_t size, size_t count, void *data)
{
    struct getting *getting = data;
    struct got *got = getting->got;
    size_t length = size * count;
    gint64 room = getting->plan->most - got->length;
    if (is_redirect(status_of(getting))) {
        /* libcurl says where it leads only once all of it has come. */
        getting->skipped += length;
        return getting->skipped <= SKIPPED_MAX ? length : 0;
    }
    if (got->length == 0 && !answer_is_fine(getting))
        return 0;
    if ((gint64)length > room) {
        /* What a page says of itself stands at its beginning. */
        getting->too_large = getting->plan->kind != GET_PAGE;
        if (getting->too_large)
            return 0;
        g_byte_array_append(got->bytes, (const guint8 *)bytes, (guint)room);
        got->length += room;
        return 0;
    }
    got->length += (gint64)length;
    if (getting->plan->kind == GET_FILE)
        getting->broken = !sandbox_write_to(OUTPUT_FD, bytes, length);
    else
        g_byte_array_append(got->bytes, (const guint8 *)bytes, (guint)length);
    return getting->broken ? 0 : length;
}

/* ---- One hop --------------------------------------------------------------------------------- */

static void handle_prepare(struct getting *getting, CURLU *url, long seconds)
{
    CURL *handle = getting->handle;
    curl_easy_reset(handle);
    curl_easy_setopt(handle, CURLOPT_CURLU, url);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NETRC, CURL_NETRC_IGNORED);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, socket_open);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, getting);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, head_take);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, getting);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, body_take);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, getting);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT, seconds);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
    if (getting->plan->kind != GET_PAGE)
        curl_easy_setopt(handle, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)getting->plan->most);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "Mozilla/5.0 (compatible; Trestle; link preview)");
}

static enum fetch_outcome hop_outcome(const struct getting *getting, CURLcode code, long status)
{
    bool whole = code == CURLE_OK ||
                 (getting->plan->kind == GET_PAGE && getting->got->length == getting->plan->most);
    if (getting->met_forbidden && code != CURLE_OK)
        return FETCH_FORBIDDEN;
    if (getting->broken)
        return FETCH_BROKEN;
    if (getting->too_large || code == CURLE_FILESIZE_EXCEEDED)
        return FETCH_TOO_LARGE;
    if (getting->other_type)
        return FETCH_OTHER_TYPE;
    if (status >= 300)
        return FETCH_REFUSED;
    return whole && status == 200 && getting->got->length > 0 ? FETCH_DONE : FETCH_UNREACHABLE;
}

/* RET_NEXT: where to go on; the caller frees it. NULL: it ended here, with what is returned. */
static enum fetch_outcome hop_run(struct getting *getting, CURLU *url, long seconds,
                                  char **ret_next)
{
    const char *next = NULL;
    const char *type = NULL;
    getting->head_length = getting->skipped = 0;
    handle_prepare(getting, url, seconds);
    CURLcode code = curl_easy_perform(getting->handle);
    long status = status_of(getting);
    if (is_redirect(status))
        curl_easy_getinfo(getting->handle, CURLINFO_REDIRECT_URL, &next);
    curl_easy_getinfo(getting->handle, CURLINFO_CONTENT_TYPE, &type);
    if (next) {
        *ret_next = g_strdup(next);
        return FETCH_REFUSED;
    }
    getting->got->type = g_strdup(type);
    return hop_outcome(getting, code, status);
}

static bool url_is_secure(const char *text)
{
    return g_ascii_strncasecmp(text, "https:", 6) == 0;
}

static enum fetch_outcome hops_run(struct getting *getting, char **at)
{
    gint64 deadline = g_get_monotonic_time() + getting->plan->seconds * G_USEC_PER_SEC;
    bool secure = false;
    for (unsigned hop = 0; hop < HOPS_MAX; hop++) {
        char *next = NULL;
        long left = (long)((deadline - g_get_monotonic_time()) / G_USEC_PER_SEC);
        CURLU *url = url_read(*at, secure);
        if (!url)
            return FETCH_FORBIDDEN;
        enum fetch_outcome outcome =
            left > 0 ? hop_run(getting, url, left, &next) : FETCH_UNREACHABLE;
        curl_url_cleanup(url);
        if (!next)
            return outcome;
        secure = secure || url_is_secure(*at);
        g_free(*at);
        *at = next;
    }
    return FETCH_REFUSED;
}

enum fetch_outcome get_run(const struct get_plan *plan, struct got *ret)
{
    struct getting getting = {.plan = plan, .got = ret, .handle = curl_easy_init()};
    *ret = (struct got){.bytes = g_byte_array_new(), .url = g_strdup(plan->url)};
    if (!getting.handle)
        return FETCH_BROKEN;
    enum fetch_outcome outcome = hops_run(&getting, &ret->url);
    curl_easy_cleanup(getting.handle);
    return outcome;
}

void got_clear(struct got *got)
{
    g_clear_pointer(&got->bytes, g_byte_array_unref);
    g_clear_pointer(&got->type, g_free);
    g_clear_pointer(&got->url, g_free);
}
