/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks against request smuggling. libmicrohttpd 0.9.75 takes bare LF for a line end, folded
 * lines, a space before the colon, and cuts a line at NUL. It keeps the head where it was received
 * and only overwrites line ends and colons, so whether every line was terminated by CRLF and
 * nothing was left out can be told from the addresses of the pieces alone, without looking at the
 * bytes. */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "bridge/http/head.h"

#define HEADERS_MAX 64

struct scan {
    struct head *head;
    const char *fault;
    uintptr_t expected; /* address of the next name; 0: not checked */
    unsigned count;
    bool has_length, has_coding;
};

static bool is_token_char(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *text, size_t length)
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

/* The member of HEAD that keeps header NAME; NULL: of no interest. */
static const char **member_of(struct head *head, const char *name)
{
    const struct {
        const char *name;
        const char **member;
    } members[] = {
        {"Host", &head->host},
        {"Authorization", &head->authorization},
        {"Accept", &head->accept},
        {"Content-Type", &head->content_type},
        {"Origin", &head->origin},
        {"Idempotency-Key", &head->idempotency_key},
        {"Last-Event-ID", &head->last_event_id},
        {"Trestle-User", &head->on_behalf},
        {"If-None-Match", &head->if_none_match},
        {"Cookie", &head->cookie},
        {"X-CSRF-Token", &head->csrf_token},
        {"X-Forwarded-For", &head->forwarded},
        {"Connection", &head->connection},
        {"Upgrade", &head->upgrade},
        {"Access-Control-Request-Method", &head->request_method},
        {"Sec-WebSocket-Key", &head->websocket_key},
        {"Sec-WebSocket-Version", &head->websocket_version},
        {"Sec-WebSocket-Protocol", &head->websocket_protocol},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        if ((name[0] | 0x20) == (members[i].name[0] | 0x20) &&
            g_ascii_strcasecmp(name, members[i].name) == 0)
            return members[i].member;
    }
    return NULL;
}

static void keep(struct scan *scan, const char *name, const char *value, size_t length)
{
    if (g_ascii_strcasecmp(name, "Content-Length") == 0) {
        read_length(scan, value, length);
        return;
    }
    if (g_ascii_strcasecmp(name, "Transfer-Encoding") == 0) {
        scan->has_coding = true;
        return;
    }
    const char **member = member_of(scan->head, name);
    if (!member)
        return;
    /* Lists may be spread over several lines; the rest must be there once. */
    bool is_last = member == &scan->head->forwarded;
    bool is_list = is_last || member == &scan->head->connection ||
                   member == &scan->head->accept ||
                   member == &scan->head->websocket_protocol ||
                   member == &scan->head->if_none_match;
    if (*member && !is_list)
        scan->fault = "a header that may appear once appears twice";
    if (!*member || is_last)
        *member = value;
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

static enum MHD_Result on_header(void *data, enum MHD_ValueKind kind, const char *key,
                                 size_t key_size, const char *value, size_t value_size)
{
    (void)kind;
    struct scan *scan = data;
    if (!value)
        value = "";
    check_place(scan, key, key_size, value, value_size);
    if (!is_token(key, key_size) || !is_field_value(value, value_size))
        scan->fault = "malformed header line";
    else if (++scan->count > HEADERS_MAX)
        scan->fault = "too many headers";
    else
        keep(scan, key, value, value_size);
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
    return url[0] == '/';
}

/* After the last header only the empty line may follow. */
static bool end_is_right(struct MHD_Connection *connection, const struct scan *scan)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return scan->expected == 0 || !info ||
           (uintptr_t)scan->head->method + info->header_size == scan->expected + 2;
}

static const char *check_body(const struct scan *scan)
{
    if (scan->has_coding && scan->has_length)
        return "both Content-Length and Transfer-Encoding";
    /* RFC 9112 section 6.3 lets a server insist on Content-Length. The library takes bare LF inside
     * of chunked bodies, where nothing can be checked from outside. */
    return scan->has_coding ? "send Content-Length instead of Transfer-Encoding" : NULL;
}

const char *head_read(struct MHD_Connection *connection, struct head *head)
{
    struct scan scan = {.head = head};
    bool is_1_1 = strcmp(head->version, "HTTP/1.1") == 0;
    if (!is_1_1 && strcmp(head->version, "HTTP/1.0") != 0)
        return "unknown version of HTTP";
    if (!is_token(head->method, strlen(head->method)) || !url_is_clean(head->url))
        return "malformed request line";
    /* From 1.0 on the library is strict by itself, and need not keep the head in place. */
    if (MHD_get_version()[0] == '0') {
        if ((uintptr_t)head->version != (uintptr_t)head->url + head->target_length + 1)
            return "malformed request line";
        scan.expected = (uintptr_t)head->version + strlen(head->version) + 2;
    }
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &scan);
    if (scan.fault)
        return scan.fault;
    if (!end_is_right(connection, &scan))
        return "malformed header line";
    if (is_1_1 && !head->host)
        return "Host is missing";
    return check_body(&scan);
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

const char *head_bearer(const char *authorization)
{
    if (!authorization || g_ascii_strncasecmp(authorization, "Bearer ", 7) != 0)
        return NULL;
    const char *token = authorization + 7;
    return token + strspn(token, " ");
}
