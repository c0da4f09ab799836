/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks against request smuggling. libmicrohttpd 0.9.75 takes bare LF for a line end, folded
 * lines, a space before the colon, and cuts a line at NUL. It keeps the head where it was received
 * and only overwrites line ends and colons, so whether every line was terminated by CRLF and
 * nothing was left out can be told from the addresses of the pieces alone, without looking at the
 * bytes. */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "bridge/base/origin.h"
#include "bridge/http/head.h"

#define HEADERS_MAX 64

struct scan {
    struct head *head;
    const char *fault;
    enum error_code code; /* of the fault */
    uintptr_t expected;   /* address of the next name; 0: not checked */
    unsigned count;
    bool has_length, has_coding;
};

static bool is_token_char(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

bool head_is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!is_token_char(text[i]))
            return false;
    }
    return length > 0;
}

static bool is_field_value(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static void read_length(struct scan *scan, const char *value, size_t length)
{
    guint64 number = 0;
    if (scan->has_length)
        scan->fault = "more than one Content-Length";
    scan->has_length = true;
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isdigit(value[i]) || number > G_MAXUINT64 / 10 - 1)
            scan->fault = "malformed Content-Length";
        else
            number = number * 10 + (guint64)(value[i] - '0');
    }
    if (length == 0)
        scan->fault = "malformed Content-Length";
    scan->head->content_length = number;
}

/* The headers that are kept. A list may be spread over several lines; the others must be there
 * once. */
static const struct kept {
    const char *name;
    size_t member;         /* offset in struct head */
    const char *separator; /* of a list, else NULL */
} kept[] = {
#define KEPT(name, member, separator)                                                              \
    {                                                                                              \
        name, offsetof(struct head, member), separator                                             \
    }
    KEPT("Host", host, NULL),
    KEPT("Authorization", authorization, NULL),
    KEPT("Accept", accept, ", "),
    KEPT("Content-Type", content_type, NULL),
    KEPT("Content-Encoding", content_encoding, ", "),
    KEPT("Origin", origin, NULL),
    KEPT("Idempotency-Key", idempotency_key, NULL),
    KEPT("Last-Event-ID", last_event_id, NULL),
    KEPT("Trestle-User", on_behalf, NULL),
    KEPT("Trestle-Dialect", dialect, NULL),
    KEPT("If-None-Match", if_none_match, ", "),
    KEPT("Cookie", cookie, "; "), /* as HTTP/2 splits it, RFC 9113 section 8.2.3 */
    KEPT("X-CSRF-Token", csrf_token, NULL),
    KEPT("X-Forwarded-For", forwarded, ", "),
    KEPT("Connection", connection, ", "),
    KEPT("Upgrade", upgrade, ", "),
    KEPT("Access-Control-Request-Method", request_method, NULL),
    KEPT("Access-Control-Request-Headers", request_headers, ", "),
    KEPT("Sec-WebSocket-Key", websocket_key, NULL),
    KEPT("Sec-WebSocket-Version", websocket_version, NULL),
    KEPT("Sec-WebSocket-Protocol", websocket_protocol, ", "),
    KEPT("Sec-WebSocket-Extensions", websocket_extensions, ", "),
#undef KEPT
};

/* NULL: of no interest. */
static const struct kept *kept_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
        if ((name[0] | 0x20) == (kept[i].name[0] | 0x20) &&
            g_ascii_strcasecmp(name, kept[i].name) == 0)
            return &kept[i];
    }
    return NULL;
}

/* One more line of a list. */
static const char *list_join(struct head *head, const char *list, const char *separator,
                             const char *value)
{
    if (!head->joined)
        head->joined = g_ptr_array_new_with_free_func(g_free);
    char *text = g_strconcat(list, separator, value, NULL);
    g_ptr_array_add(head->joined, text);
    return text;
}

/* "chunked", once and alone, is the only coding that is read; with HTTP/1.0 not even that (RFC 9112
 * section 6.1). */
static void read_coding(struct scan *scan, const char *value)
{
    if (scan->has_coding)
        scan->fault = "more than one Transfer-Encoding";
    else if (g_ascii_strcasecmp(value, "chunked") != 0)
        scan->fault = "the only Transfer-Encoding that is read is chunked";
    else if (strcmp(scan->head->version, "HTTP/1.0") == 0)
        scan->fault = "HTTP/1.0 has no Transfer-Encoding";
    scan->has_coding = scan->head->chunked = true;
}

static void scan_keep(struct scan *scan, const char *name, const char *value, size_t length)
{
    if (g_ascii_strcasecmp(name, "Content-Length") == 0) {
        read_length(scan, value, length);
        return;
    }
    if (g_ascii_strcasecmp(name, "Transfer-Encoding") == 0) {
        read_coding(scan, value);
        return;
    }
    const struct kept *row = kept_find(name);
    if (!row)
        return;
    const char **member = (const char **)(void *)((char *)scan->head + row->member);
    if (!*member)
        *member = value;
    else if (row->separator)
        *member = list_join(scan->head, *member, row->separator, value);
    else
        scan->fault = "a header that may appear once appears twice";
}

static void check_place(struct scan *scan, const char *key, size_t key_size, const char *value,
                        size_t value_size)
{
    if (scan->expected == 0)
        return;
    if ((uintptr_t)key != scan->expected || (uintptr_t)value < (uintptr_t)key + key_size + 1)
        scan->fault = "malformed header line";
    scan->expected = (uintptr_t)value + value_size + 2;
}

static void fail_for_number(struct scan *scan)
{
    scan->fault = "there are more than 64 of them";
    scan->code = ERROR_HEADERS_TOO_LARGE;
}

static enum MHD_Result on_header(void *data, enum MHD_ValueKind kind, const char *key,
                                 size_t key_size, const char *value, size_t value_size)
{
    (void)kind;
    struct scan *scan = data;
    if (!value)
        value = "";
    check_place(scan, key, key_size, value, value_size);
    if (!head_is_token(key, key_size) || !is_field_value(value, value_size))
        scan->fault = "malformed header line";
    else if (++scan->count > HEADERS_MAX)
        fail_for_number(scan);
    else
        scan_keep(scan, key, value, value_size);
    return scan->fault ? MHD_NO : MHD_YES;
}

static bool url_is_clean(const char *url)
{
    for (const char *p = url; *p; p++) {
        if (*p <= 0x20 || *p == 0x7f)
            return false;
        if (*p == '%' && !(g_ascii_isxdigit(p[1]) && g_ascii_isxdigit(p[2])))
            return false;
    }
    return true;
}

/* "http://host/path" (RFC 9112 section 3.2.2): the path, when the host is that of the header; else
 * NULL. */
static const char *absolute_path(const char *url, const char *host)
{
    size_t scheme = g_ascii_strncasecmp(url, "http://", 7) == 0    ? 7
                    : g_ascii_strncasecmp(url, "https://", 8) == 0 ? 8
                                                                   : 0;
    size_t length = strcspn(url + scheme, "/");
    g_autofree char *named = g_strndup(url + scheme, length);
    if (scheme == 0 || !host || !origin_host_equal(named, host, scheme == 8 ? 443 : 80))
        return NULL;
    return url[scheme + length] ? url + scheme + length : "/";
}

static bool is_unreserved(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("-._~", c));
}

/* An encoded character that needs no encoding is that character (RFC 3986 section 6.2.2.2). */
static char *decode_unreserved(const char *path)
{
    char *decoded = g_malloc(strlen(path) + 1);
    char *end = decoded;
    for (const char *p = path; *p; p++) {
        int c = *p == '%' ? g_ascii_xdigit_value(p[1]) << 4 | g_ascii_xdigit_value(p[2]) : '\0';
        bool plain = is_unreserved((char)c);
        *end++ = plain ? (char)c : *p;
        p += plain ? 2 : 0;
    }
    *end = '\0';
    return decoded;
}

/* Makes head->url the path in its plain form. False if that is no path. */
static bool read_path(struct head *head)
{
    const char *path = head->url;
    if (strcmp(path, "*") == 0 && strcmp(head->method, "OPTIONS") == 0)
        return true;
    if (path[0] != '/')
        path = absolute_path(path, head->host);
    if (!path)
        return false;
    head->url = strchr(path, '%') ? head->path = decode_unreserved(path) : path;
    return true;
}

/* After the last header only the empty line may follow. */
static bool end_is_right(const struct scan *scan, size_t size)
{
    return scan->expected == 0 || size == 0 ||
           (uintptr_t)scan->head->method + size == scan->expected + 2;
}

static size_t head_size(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

/* What is wrong, or NULL. */
static const char *read_all(struct MHD_Connection *connection, struct scan *scan, size_t size)
{
    struct head *head = scan->head;
    bool is_1_1 = strcmp(head->version, "HTTP/1.1") == 0;
    if (!is_1_1 && strcmp(head->version, "HTTP/1.0") != 0)
        return "unknown version of HTTP";
    if (!head_is_token(head->method, strlen(head->method)) || !url_is_clean(head->url))
        return "malformed request line";
    /* From 1.0 on the library is strict by itself, and need not keep the head in place. */
    if (MHD_get_version()[0] == '0') {
        if ((uintptr_t)head->version != (uintptr_t)head->url + head->target_length + 1)
            return "malformed request line";
        scan->expected = (uintptr_t)head->version + strlen(head->version) + 2;
    }
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, scan);
    if (scan->fault)
        return scan->fault;
    if (!end_is_right(scan, size))
        return "malformed header line";
    if (is_1_1 && !head->host)
        return "Host is missing";
    if (head->host && !origin_host_is_good(head->host))
        return "malformed Host";
    if (scan->has_coding && scan->has_length)
        return "both Content-Length and Transfer-Encoding";
    return read_path(head) ? NULL : "malformed request line";
}

enum error_code head_read(struct MHD_Connection *connection, struct head *head,
                          const char **ret_detail)
{
    struct scan scan = {.head = head, .code = ERROR_BAD_REQUEST};
    size_t size = head_size(connection);
    *ret_detail = NULL;
    if (head->target_length > HEAD_TARGET_MAX)
        return ERROR_TARGET_TOO_LONG;
    if (size > HEAD_MAX)
        return ERROR_HEADERS_TOO_LARGE;
    *ret_detail = read_all(connection, &scan, size);
    return *ret_detail ? scan.code : ERROR_NONE;
}

void head_clear(struct head *head)
{
    g_clear_pointer(&head->joined, g_ptr_array_unref);
    g_clear_pointer(&head->path, g_free);
}

bool head_has_token(const char *list, const char *token)
{
    size_t length = strlen(token);
    while (list && *list) {
        list += strspn(list, " \t,");
        size_t size = strcspn(list, " \t,");
        if (size == length && g_ascii_strncasecmp(list, token, length) == 0)
            return true;
        list += size;
    }
    return false;
}

char *head_idempotency_key(const char *text)
{
    g_autoptr(GString) key = g_string_new(NULL);
    const char *p = text + strspn(text, " \t");
    if (*p != '"')
        return g_strchomp(g_strdup(p));
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && p[1] != '"' && p[1] != '\\')
            return NULL;
        p += *p == '\\';
        g_string_append_c(key, *p);
    }
    if (*p != '"')
        return NULL;
    p += 1 + strspn(p + 1, " \t");
    return *p == '\0' || *p == ';' ? g_strdup(key->str) : NULL;
}

const char *head_bearer(const char *authorization)
{
    const size_t length = strlen("Bearer");
    if (!authorization || g_ascii_strncasecmp(authorization, "Bearer", length) != 0 ||
        !strchr(" \t", authorization[length])) /* its NUL is one, too */
        return NULL;
    const char *token = authorization + length;
    return token + strspn(token, " \t");
}
