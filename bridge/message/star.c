/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stars: messages that a user wants to find again. Nobody else is told. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request.h"

static const struct field star_fields[] = {FIELD_ID_IN_PATH("message_id"), {0}};

static const struct field list_fields[] = {
    FIELD_PAGE_LIMIT(100),
    {.name = "before", .type = FIELD_INTEGER, .flags = FIELD_IN_QUERY, .maximum = G_MAXINT64},
    {.name = "conversation_id", .type = FIELD_UUID, .flags = FIELD_IN_QUERY},
    {0},
};

static const struct operation operations[] = {
    {.method = "PUT",
     .path = "/api/messages/:message_id/star",
     .command = "message.star",
     .fields = star_fields,
     .change = "star",
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Star",
     .summary = "Stars a message"},
    {.method = "DELETE",
     .path = "/api/messages/:message_id/star",
     .command = "message.unstar",
     .fields = star_fields,
     .change = "unstar",
     .reply = "Star",
     .summary = "Takes the star off a message"},
    {.method = "GET",
     .path = "/api/messages/starred",
     .limit = LIMIT_PAGES,
     .fields = list_fields,
     .read = QUERY_STAR_PAGE,
     .reply = "MessagePage",
     .flags = OPERATION_LISTS,
     .summary = "Messages that the caller has starred, of one conversation or all, the last first"},
    {0},
};

const struct feature feature_star = {.name = "star", .operations = operations};
