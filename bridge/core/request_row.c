/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers to requests that one query has all of; apart from request.c, which needs no archive. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/core/request.h"
#include "bridge/core/request_row.h"
#include "bridge/view/rows.h"

#define ROW_MAX (32 * 1024 * 1024) /* bytes: as a page of messages, MESSAGE_PAGE_MAX */

void request_reply_row(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    const char *json = error == ERROR_NONE && rows_count(rows) == 1 ? rows_text(rows, 0, 0) : NULL;
    if (!json) {
        request_fail(request, error == ERROR_NONE ? ERROR_NOT_FOUND : error, NULL);
        return;
    }
    g_auto(buffer) buf = BUFFER_INIT(ROW_MAX);
    buffer_append(&buf, json, rows_length(rows, 0, 0));
    request_reply(request, 200, &buf);
}

void request_reply_view(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    g_auto(buffer) buf = BUFFER_INIT(VIEW_OBJECT_MAX);
    if (error != ERROR_NONE || !view_reply(&buf, request->operation->reply, rows))
        request_fail(request, error == ERROR_NONE ? ERROR_NOT_FOUND : error, NULL);
    else
        request_reply(request, 200, &buf);
}
