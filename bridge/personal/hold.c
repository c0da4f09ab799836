/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Legal holds: while there is one on a user, nothing of theirs is removed for good. Whatever
 * removes something asks sql/function/hold.sql. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/core/feature.h"

#define OWN "urn:trestle:admin:"
#define REASON_MAX 1000

static const struct field list_fields[] = {
    FIELD_PAGE_LIMIT(100),
    FIELD_PAGE_AFTER(FIELD_USERS_JID_MAX),
    {0},
};
static const struct field user_fields[] = {FIELD_NAMED_USER, {0}};
static const struct field hold_fields[] = {
    FIELD_NAMED_USER,
    {.name = "reason",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = REASON_MAX,
     .label = "Reason, which staff is shown"},
    {0},
};
static const struct field release_fields[] = {
    FIELD_NAMED_USER,
    {.name = "reason",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = REASON_MAX,
     .label = "Reason, for the audit"},
    {0},
};

#define BY_ADMIN .scope = "admin", .role = "admin"

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/moderation/holds",
     .fields = list_fields,
     .read = QUERY_HOLD_LIST,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     BY_ADMIN,
     .audit = "hold.list",
     .adhoc = &(const struct adhoc){.node = OWN "holds", .name = "Legal holds: list"},
     .reply = "HoldPage",
     .summary = "Users whose data is kept, whatever else would remove it"},
    {.method = "GET",
     .path = "/api/moderation/holds/:user",
     .fields = user_fields,
     .read = QUERY_HOLD_SHOW,
     .flags = OPERATION_SERVER_KEY,
     BY_ADMIN,
     .audit = "hold.show",
     .reply = "Hold",
     .summary = "The hold on a user"},
    {.method = "PUT",
     .path = "/api/moderation/holds/:user",
     .fields = hold_fields,
     .change = "hold",
     .flags = OPERATION_SERVER_KEY,
     BY_ADMIN,
     .audit = "hold.place",
     .adhoc = &(const struct adhoc){.node = OWN "hold",
                                    .name = "Legal holds: place one",
                                    .confirm = "Nothing of the user's is removed for good then."},
     .reply = "Hold",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary = "Keeps the data of a user until the hold ends, or gives another reason"},
    {.method = "DELETE",
     .path = "/api/moderation/holds/:user",
     .fields = release_fields,
     .change = "hold_release",
     .flags = OPERATION_SERVER_KEY,
     BY_ADMIN,
     .audit = "hold.release",
     .adhoc = &(const struct adhoc){.node = OWN "release",
                                    .name = "Legal holds: end one",
                                    .confirm = "What has waited for that is removed."},
     .reply = "Hold",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary = "Ends the hold on a user; the answer is the hold that there was"},
    {0},
};

const struct feature feature_hold = {.name = "hold", .operations = operations};
