/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Serves the descriptions of the API for machines. Made once, on first use. */
#include "config.h"

#include <string.h>

#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/describe/asyncapi.h"
#include "bridge/describe/describe.h"
#include "bridge/describe/openapi.h"

static char *openapi, *asyncapi; /* made on first use, then kept */

static void text_answer(struct request *request, const char *text)
{
    size_t length = strlen(text);
    g_auto(buffer) buf = BUFFER_INIT(length + 1);
    buffer_append(&buf, text, length);
    request_reply(request, 200, &buf);
}

static void show_openapi(struct request *request)
{
    if (!openapi)
        openapi = describe_openapi(request->core->operations, DESCRIBE_COMPACT);
    text_answer(request, openapi);
}

static void show_asyncapi(struct request *request)
{
    if (!asyncapi)
        asyncapi = describe_asyncapi(request->core->operations, DESCRIBE_COMPACT);
    text_answer(request, asyncapi);
}

static void description_stop(struct core *core)
{
    (void)core;
    g_clear_pointer(&openapi, g_free);
    g_clear_pointer(&asyncapi, g_free);
}

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/openapi.json",
     .handle = show_openapi,
     .flags = OPERATION_ANONYMOUS | OPERATION_CACHEABLE,
     .reply = "object",
     .summary = "This description (OpenAPI)"},
    {.method = "GET",
     .path = "/api/asyncapi.json",
     .handle = show_asyncapi,
     .flags = OPERATION_ANONYMOUS | OPERATION_CACHEABLE,
     .reply = "object",
     .summary = "The description of the WebSocket (AsyncAPI)"},
    {0},
};

const struct feature feature_description = {
    .name = "description", .operations = operations, .stop = description_stop};
