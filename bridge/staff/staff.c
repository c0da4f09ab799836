/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who works for the deployment: roles that the backend gives to users. */
#include "config.h"

#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"

static const char *const roles[] = {"moderator", "auditor", "admin", NULL};

static const struct field staff_fields[] = {
    FIELD_ID_IN_PATH("user_id"),
    {.name = "roles",
     .type = FIELD_CHOICES,
     .flags = FIELD_REQUIRED,
     .maximum = 3,
     .choices = roles},
    {0},
};

static void staff_answer(const struct change_result *result, void *data)
{
    change_reply(data, 200, result);
}

static void staff_put(struct request *request)
{
    const struct field_value *wanted = field_value(staff_fields, request->values, "roles");
    json_t *arguments =
        json_pack("{ss, sO}", "user_id", request_text(request, "user_id"), "roles", wanted->list);
    change_submit(request->core, "staff", NULL, arguments, staff_answer, request);
}

static const struct operation operations[] = {
    {.method = "PUT",
     .path = "/api/users/:user_id/staff",
     .fields = staff_fields,
     .handle = staff_put,
     .audit = "user.staff",
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .reply = "Staff",
     .summary = "Gives a user these roles of staff, and no others"},
    {0},
};

const struct feature feature_staff = {.name = "staff", .operations = operations};
