/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Create-or-get. Whether one has to be made is known in the database, what is left of the limit is
 * known here: one is reserved while the change is under way, which is told whether it may. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/core/conversation.h"
#include "bridge/core/core.h"
#include "bridge/core/request.h"

struct opening {
    struct request *request;
    change_done done;
    bool reserved; /* one of LIMIT_CONVERSATIONS, until it is known whether this counts */
};

static void conversation_opened(const struct change_result *result, void *data)
{
    g_autofree struct opening *opening = data;
    struct request *request = opening->request;
    if (opening->reserved && (result->error != ERROR_NONE || result->outcome != OUTCOME_DONE))
        limit_release(request->core->limiter, request->account, LIMIT_CONVERSATIONS);
    opening->done(result, request);
}

void conversation_submit_open(struct request *request, json_t *arguments, change_done done)
{
    struct opening *opening = g_new0(struct opening, 1);
    bool counts = !request->by_key &&
                  !limit_is_waived(request->core->limiter, request->account, LIMIT_CONVERSATIONS);
    *opening = (struct opening){
        request, done,
        counts && limit_reserve(request->core->limiter, request->account, LIMIT_CONVERSATIONS)};
    if (counts && !opening->reserved)
        json_object_set_new(arguments, "may_make", json_false());
    change_submit(request->core, "conversation_open", &request->account->id, arguments,
                  conversation_opened, opening);
}
