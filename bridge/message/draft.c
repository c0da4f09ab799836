/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drafts: what a user has begun to write in a conversation, for the own devices. The last writer
 * wins; see sql/function/draft.sql. */
#include "config.h"

#include "bridge/account/limit.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request.h"

#define DRAFT_MAX 65536 /* bytes: what may not be sent in one piece may still be shortened */

#define FIELD_WRITTEN_AT(where)                                                                    \
    {                                                                                              \
        .name = "updated_at", .type = FIELD_TEXT, .flags = FIELD_TIME | (where), .minimum = 1,     \
        .maximum = 40                                                                              \
    }

static const struct field save_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    {.name = "content",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = DRAFT_MAX},
    {.name = "reply_to", .type = FIELD_UUID},
    FIELD_WRITTEN_AT(0),
    {0},
};

static const struct field remove_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"), FIELD_WRITTEN_AT(FIELD_IN_QUERY), {0}};

static const struct operation operations[] = {
    {.method = "PUT",
     .path = "/api/conversations/:conversation_id/draft",
     .command = "draft.save",
     .fields = save_fields,
     .change = "draft_save",
     .limit = LIMIT_DRAFTS,
     .reply = "ConversationDraft",
     .summary = "Keeps what the caller has begun to write, unless something newer is kept"},
    {.method = "DELETE",
     .path = "/api/conversations/:conversation_id/draft",
     .command = "draft.remove",
     .fields = remove_fields,
     .change = "draft_remove",
     .limit = LIMIT_DRAFTS,
     .reply = "ConversationDraft",
     .summary = "Keeps it no longer, unless something newer is kept"},
    {0},
};

const struct feature feature_draft = {.name = "draft", .operations = operations};
