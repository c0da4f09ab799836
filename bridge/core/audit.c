/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the audit says of requests. */
#include "config.h"

#include <string.h>

#include "bridge/account/secret.h"
#include "bridge/base/options.h"
#include "bridge/core/audit.h"
#include "bridge/core/core.h"
#include "bridge/core/request.h"

#define TEXT_MAX 1000 /* bytes of a value */

/* An address is personal: what is kept tells whether two requests came from the same one. */
json_t *audit_address(const struct options *options, guint64 address)
{
    if (!address)
        return json_null();
    char digest[UUID_TEXT_SIZE];
    g_autofree char *text =
        g_strdup_printf("%s\n%" G_GUINT64_FORMAT, options->xmpp_secret, address);
    struct uuid hash = secret_digest(text);
    uuid_format(&hash, digest);
    explicit_bzero(text, strlen(text));
    return json_string(digest);
}

static json_t *text_cut(const char *text)
{
    size_t length = strnlen(text, TEXT_MAX);
    const char *end;
    g_utf8_validate_len(text, length, &end);
    return json_stringn(text, (size_t)(end - text));
}

static json_t *value_shown(const struct field *field, const struct field_value *value)
{
    switch (field->type) {
    case FIELD_INTEGER:
        return json_integer(value->integer);
    case FIELD_BOOLEAN:
        return json_boolean(value->integer);
    case FIELD_CHOICES:
    case FIELD_TEXTS:
        return json_incref(value->list);
    case FIELD_USERS:
    case FIELD_JSON:
        return NULL; /* may be long */
    case FIELD_TEXT:
    case FIELD_UUID:
    case FIELD_CHOICE:
    case FIELD_USER:
    default:
        return value->text ? text_cut(value->text) : NULL;
    }
}

static json_t *fields_shown(const struct request *request)
{
    const struct field *fields = request->operation->fields;
    json_t *shown = json_object();
    for (size_t i = 0; fields && fields[i].name; i++) {
        json_t *value = request->values[i].present && !(fields[i].flags & FIELD_NOT_AUDITED)
                            ? value_shown(&fields[i], &request->values[i])
                            : NULL;
        if (value)
            json_object_set_new(shown, fields[i].name, value);
    }
    return shown;
}

json_t *audit_facts(const struct request *request)
{
    const struct operation *operation = request->operation;
    bool trusted = request->by_key || request->admin;
    char key[UUID_TEXT_SIZE];
    uuid_format(&request->grant.credential, key);
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s, s:o, s:o}", "action", operation->audit,
                     "door", request->transport->door, "role", trusted ? NULL : operation->role,
                     "key", request->by_key ? key : NULL, "operator", request->admin, "request_id",
                     request->id, "address",
                     audit_address(request->core->options, request->address), "fields",
                     fields_shown(request));
}
