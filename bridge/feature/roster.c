/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contacts: whose presence the user sees or asks for, and who sees the user's. What peers send is
 * in subscription.c; both change the same rows, see sql/function/contact.sql. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/base64url.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request_row.h"
#include "xep/jid.h"
#include "xep/name.h"
#include "xep/roster.h"

#define CURSOR_MARK 'p' /* no UUID begins with it */
#define CURSOR_MAX (1 + ((2 * JID_PART_MAX + 1) * 4 + 2) / 3)

static const struct field list_fields[] = {
    FIELD_PAGE_LIMIT(100),
    FIELD_PAGE_AFTER(CURSOR_MAX),
    {0},
};

/* The address that AFTER, the `next` of a page, holds (see contact_list() in SQL); NULL: it is
 * none. */
static char *address_of(const struct field_value *after)
{
    size_t length = 0;
    bool marked = after->text[0] == CURSOR_MARK;
    guchar *bytes = marked ? base64url_decode(after->text + 1, after->length - 1, &length) : NULL;
    g_autofree char *address = (char *)bytes;
    bool good = address && strlen(address) == length && jid_is_valid_bare(address);
    return good ? g_steal_pointer(&address) : NULL;
}

static void contact_list(struct request *request)
{
    const struct field_value *after = request_value(request, "after");
    static const struct field_problem bad = {ERROR_UNPROCESSABLE, "/after",
                                             "is not the `next` of a page"};
    char count[24];
    g_snprintf(count, sizeof count, "%d", (int)request_integer(request, "limit"));
    g_autofree char *address = after->present ? address_of(after) : NULL;
    if (after->present && !address) {
        request_fail_field(request, &bad);
        return;
    }
    const char *values[] = {request->account->id_text, count, address};
    archive_query(request->core->archive, QUERY_CONTACT_LIST, values, request_reply_row, request);
}

/* ---- Adding ---------------------------------------------------------------------------------- */

static const struct field add_fields[] = {
    {.name = "user_id", .type = FIELD_TEXT, .flags = FIELD_ONE_OF, .minimum = 1, .maximum = 255},
    {.name = "jid",
     .type = FIELD_TEXT,
     .flags = FIELD_ONE_OF | FIELD_JID,
     .minimum = 1,
     .maximum = JID_MAX},
    {0},
};

struct adding {
    struct request *request;
    bool reserved; /* one of LIMIT_STRANGERS, until it is known whether this counts */
};

static void contact_added(const struct change_result *result, void *data)
{
    g_autofree struct adding *adding = data;
    struct request *request = adding->request;
    bool counts =
        change_succeeded(result) && json_is_true(json_object_get(result->json, "stranger"));
    if (adding->reserved && !counts)
        limit_release(request->core->limiter, request->account, LIMIT_STRANGERS);
    change_reply_member(request, 201, result, "contact");
}

static void contact_add(struct request *request)
{
    g_autofree char *jid = request_jid(request, "jid");
    struct adding *adding = g_new0(struct adding, 1);
    adding->request = request;
    adding->reserved = !request->by_key &&
                       limit_reserve(request->core->limiter, request->account, LIMIT_STRANGERS);
    json_t *arguments = json_pack(
        "{s:s, s:s, s:b, s:o*}", jid ? "jid" : "user_id",
        jid ? jid : request_text(request, "user_id"), "domain", request->core->options->xmpp_domain,
        "limited", !request->by_key && !adding->reserved, "once", change_once(request));
    change_submit(request->core, "contact_add", &request->account->id, arguments, contact_added,
                  adding);
}

/* ---- Changing, removing ---------------------------------------------------------------------- */

static const struct field update_fields[] = {
    FIELD_ID_IN_PATH("user_id"),
    {.name = "name",
     .type = FIELD_TEXT,
     .flags = FIELD_LINE | FIELD_NULLABLE,
     .minimum = 1,
     .maximum = NAME_BYTES_MAX},
    {.name = "groups", .type = FIELD_TEXTS, .flags = FIELD_LINE, .maximum = ROSTER_GROUPS_MAX},
    {0},
};

static const struct field remove_fields[] = {FIELD_ID_IN_PATH("user_id"), {0}};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/contacts",
     .fields = list_fields,
     .handle = contact_list,
     .reply = "ContactPage",
     .flags = OPERATION_LISTS,
     .summary = "The user's contacts, by address"},
    {.method = "POST",
     .path = "/api/contacts",
     .fields = add_fields,
     .handle = contact_add,
     .flags = OPERATION_CREATES | OPERATION_ONCE,
     .reply = "Contact",
     .errors = OPERATION_ERROR(REFUSED) | OPERATION_ERROR(CONFLICT),
     .summary = "Adds a contact and asks to see their presence"},
    {.method = "PATCH",
     .path = "/api/contacts/:user_id",
     .fields = update_fields,
     .change = "contact_update",
     .member = "contact",
     .reply = "Contact",
     .summary = "Says what the caller calls a contact, and in which groups that one is; null takes "
                "the name away"},
    {.method = "DELETE",
     .path = "/api/contacts/:user_id",
     .fields = remove_fields,
     .change = "contact_remove",
     .member = "contact",
     .reply = "Contact",
     .summary = "Removes a contact: neither sees the other any longer"},
    {0},
};

const struct feature feature_roster = {.name = "contact", .operations = operations};
