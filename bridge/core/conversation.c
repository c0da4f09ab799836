/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Create-or-get. Whether one has to be made is known in the database, what is left of the limit is
 * known here: the change is told whether it may, and what it made is counted afterwards. */
#include "config.h"

#include "bridge/core/account.h"
#include "bridge/core/conversation.h"
#include "bridge/core/core.h"
#include "bridge/core/limit.h"
#include "bridge/core/request.h"

struct opening {
    struct request *request;
    change_done done;
};

static bool may_make(const struct request *request)
{
    struct limit_state state;
    if (request->by_key || limit_is_waived(request->core, request->account, LIMIT_CONVERSATIONS))
        return true;
    limiter_look(request->core->limiter, &request->account->id, LIMIT_CONVERSATIONS, &state);
    return state.count == 0 || state.remaining > 0;
}

static void opened(const struct change_result *result, void *data)
{
    g_autofree struct opening *opening = data;
    struct request *request = opening->request;
    if (result->error == ERROR_NONE && result->outcome == OUTCOME_LIMITED) {
        if (request_take(request, LIMIT_CONVERSATIONS)) /* there is one again just now */
            request_fail(request, ERROR_RATE_LIMITED, NULL);
        return;
    }
    if (result->error == ERROR_NONE && result->outcome == OUTCOME_DONE && !request->by_key)
        limit_take(request->core, request->account, LIMIT_CONVERSATIONS);
    opening->done(result, request);
}

void conversation_submit_open(struct request *request, json_t *arguments, change_done done)
{
    struct opening *opening = g_new0(struct opening, 1);
    *opening = (struct opening){request, done};
    if (!may_make(request))
        json_object_set_new(arguments, "may_make", json_false());
    change_submit(request->core, "conversation_open", &request->account->id, arguments, opened,
                  opening);
}
