/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users, as administrators see them and what they do to them: by REST, and as commands (XEP-0133
 * where it has one). A user is named by id, by address or by the app's own id. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/revocation.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/archive/archive.h"

#define USERS_MAX 100

/* Who is not let in any more is told by the time of the answer. */
static void revoke_now(struct request *request, const struct change_result *result)
{
    (void)result;
    revocations_added(request->core->sessions, NULL, NULL);
}

#define FIELD_ONE                                                                                  \
    {                                                                                              \
        .name = "user", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_IN_PATH, .minimum = 1, \
        .maximum = 3071, .label = "User (address or id)", .var = "accountjid"                      \
    }
#define FIELD_SEVERAL                                                                              \
    {                                                                                              \
        .name = "users", .type = FIELD_TEXTS, .flags = FIELD_REQUIRED, .minimum = 1,               \
        .maximum = USERS_MAX, .label = "Users (addresses or ids)", .var = "accountjids"            \
    }

static const char *const states[] = {"all", "suspended", "staff", NULL};

static const struct field list_fields[] = {
    {.name = "q",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 255,
     .label = "Beginning of the address or of a name, or the app's own id"},
    {.name = "state",
     .type = FIELD_CHOICE,
     .flags = FIELD_IN_QUERY,
     .choices = states,
     .fallback = "all",
     .label = "Which users"},
    FIELD_PAGE_LIMIT(100),
    {.name = "after",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 3071,
     .label = "Go on after"},
    {0},
};

static const struct field show_fields[] = {FIELD_ONE, {0}};

static const struct field suspend_fields[] = {
    FIELD_SEVERAL,
    {.name = "reason",
     .type = FIELD_TEXT,
     .minimum = 1,
     .maximum = 1000,
     .label = "Reason, which the users are told"},
    {.name = "until",
     .type = FIELD_TEXT,
     .flags = FIELD_UNTIL,
     .label = "Until (2026-05-04T09:00:00Z; empty: until it is taken back)"},
    {0},
};

static const struct field several_fields[] = {FIELD_SEVERAL, {0}};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/admin/users",
     .fields = list_fields,
     .read = QUERY_ADMIN_USER_LIST,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "admin",
     .role = "admin",
     .audit = "user.list",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:users", .name = "Users: find"},
     .reply = "AdminUserPage",
     .summary = "Users by address: all, those who are suspended, or staff"},
    {.method = "GET",
     .path = "/api/admin/users/:user",
     .fields = show_fields,
     .read = QUERY_ADMIN_USER_SHOW,
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "user.show",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#user-stats",
                                    .name = "Users: show one"},
     .reply = "AdminUserShown",
     .summary = "What there is of a user: roles, suspension, sessions, how many conversations"},
    {.method = "POST",
     .path = "/api/admin/users/suspend",
     .fields = suspend_fields,
     .change = "users_suspend",
     .changed = revoke_now,
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "user.suspend",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#disable-user",
                                    .name = "Users: suspend",
                                    .confirm = "They are signed out at once, and not let in."},
     .reply = "Suspensions",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary =
         "Signs users out and lets nobody in as them, for a while or until it is taken back"},
    {.method = "POST",
     .path = "/api/admin/users/restore",
     .fields = several_fields,
     .change = "users_restore",
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "user.restore",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#reenable-user",
                                    .name = "Users: end a suspension"},
     .reply = "Suspensions",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary = "Ends suspensions"},
    {.method = "POST",
     .path = "/api/admin/users/sign-out",
     .fields = several_fields,
     .change = "users_sign_out",
     .changed = revoke_now,
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "user.sign_out",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#end-user-session",
                                    .name = "Users: sign out"},
     .reply = "SignedOut",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary = "Ends all that these users have been let in by until now"},
    {0},
};

const struct feature feature_admin_user = {.name = "admin_user", .operations = operations};
