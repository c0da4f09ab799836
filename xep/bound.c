/* SPDX-License-Identifier: GPL-3.0-or-later */
/* urn:trestle:bind:0 */
#include "config.h"

#include <string.h>

#include "xep/bound.h"

#define BIND_VERSION "1"
#define SESSIONS_MAX 1000000000
#define BYTES_MAX (UINT64_C(1) << 50)

xmpp_stanza_t *bound_hello_build(const char *from, const char *to)
{
    xmpp_stanza_t *iq = stanza_new_iq("get", NULL, from, to);
    xmpp_stanza_t *hello = stanza_add(iq, "hello", NS_BIND);
    stanza_set(hello, "min", BIND_VERSION);
    stanza_set(hello, "max", BIND_VERSION);
    return iq;
}

static unsigned has_parse(xmpp_stanza_t *hello)
{
    static const struct {
        const char *name;
        enum bound_has has;
    } known[] = {{"bind", BOUND_HAS_BIND},
                 {"uid", BOUND_HAS_UID},
                 {"offline-copy", BOUND_HAS_OFFLINE_COPY},
                 {"password-changed", BOUND_HAS_PASSWORD_CHANGED},
                 {"login", BOUND_HAS_LOGIN}};
    unsigned has = 0;
    for (xmpp_stanza_t *child = stanza_first(hello); child; child = stanza_next(child)) {
        for (size_t i = 0; stanza_is(child, "has", NS_BIND) && i < G_N_ELEMENTS(known); i++) {
            if (strcmp(stanza_text(child), known[i].name) == 0)
                has |= known[i].has;
        }
    }
    return has;
}

static const char *attr_or_empty(xmpp_stanza_t *element, const char *name)
{
    const char *value = stanza_attr(element, name);
    return value ? value : "";
}

bool bound_hello_parse(xmpp_stanza_t *iq, struct bound_hello *ret)
{
    const char *type = stanza_attr(iq, "type");
    xmpp_stanza_t *hello = stanza_child(iq, "hello", NS_BIND);
    if (!type || strcmp(type, "result") != 0 || !hello ||
        g_strcmp0(stanza_attr(hello, "version"), BIND_VERSION) != 0)
        return false;
    const char *epoch = stanza_attr(hello, "epoch");
    if (!epoch || !*epoch)
        return false;
    struct bound_hello said = {.epoch = epoch,
                               .archive = attr_or_empty(hello, "archive"),
                               .server = attr_or_empty(hello, "server"),
                               .plugin = attr_or_empty(hello, "plugin"),
                               .users = attr_or_empty(hello, "users"),
                               .archive_problem = attr_or_empty(hello, "archive-problem"),
                               .has = has_parse(hello)};
    stanza_attr_number(hello, "archive-waiting", BYTES_MAX, &said.archive_waiting);
    stanza_attr_number(hello, "sessions", SESSIONS_MAX, &said.sessions);
    stanza_attr_number(hello, "max-sessions", SESSIONS_MAX, &said.max_sessions);
    *ret = said;
    return true;
}

static void place_set(xmpp_stanza_t *element, const struct bound_place *place)
{
    stanza_set(element, "user", place->user);
    stanza_set(element, "resource", place->resource);
}

static bool place_parse(xmpp_stanza_t *element, struct bound_place *ret)
{
    struct bound_place place = {stanza_attr(element, "user"), stanza_attr(element, "resource")};
    if (!place.user || !*place.user || !place.resource || !*place.resource ||
        strlen(place.resource) > BOUND_RESOURCE_MAX)
        return false;
    *ret = place;
    return true;
}

xmpp_stanza_t *bound_request_build(const char *name, const char *from, const char *host,
                                   const struct bound_place *place)
{
    xmpp_stanza_t *iq = stanza_new_iq("set", NULL, from, host);
    place_set(stanza_add(iq, name, NS_BIND), place);
    return iq;
}

xmpp_stanza_t *bound_login_build(const char *from, const char *host, const char *user,
                                 const char *password)
{
    xmpp_stanza_t *iq = stanza_new_iq("set", NULL, from, host);
    xmpp_stanza_t *login = stanza_add(iq, "login", NS_BIND);
    stanza_set(login, "user", user);
    if (password)
        stanza_add_text(login, "password", NS_BIND, password);
    return iq;
}

static bool is_stanza(xmpp_stanza_t *element)
{
    static const char *const names[] = {"message", "presence", "iq", NULL};
    return g_strv_contains(names, stanza_name(element)) &&
           strcmp(stanza_ns(element), NS_CLIENT) == 0;
}

enum bound_fault bound_stanza_parse(xmpp_stanza_t *message, struct bound_stanza *ret)
{
    xmpp_stanza_t *wrapper = stanza_child(message, "stanza", NS_BIND);
    if (!wrapper)
        return BOUND_NONE;
    if (!place_parse(wrapper, &ret->place))
        return BOUND_PLACE;
    xmpp_stanza_t *inner = stanza_first(wrapper);
    if (!inner || stanza_next(inner) || !is_stanza(inner))
        return BOUND_INNER;
    const char *offline = stanza_attr(wrapper, "offline");
    ret->stanza = inner;
    ret->offline = offline && (strcmp(offline, "1") == 0 || strcmp(offline, "true") == 0);
    return BOUND_FINE;
}

enum bound_fault bound_end_parse(xmpp_stanza_t *message, struct bound_end *ret)
{
    xmpp_stanza_t *unbound = stanza_child(message, "unbound", NS_BIND);
    if (!unbound)
        return BOUND_NONE;
    if (!place_parse(unbound, &ret->place))
        return BOUND_PLACE;
    const char *reason = stanza_attr(unbound, "reason");
    ret->reason = reason ? reason : "";
    return BOUND_FINE;
}

xmpp_stanza_t *bound_inject_build(const struct bound_inject *inject, xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *message = stanza_new("message", NULL);
    stanza_set(message, "from", inject->from);
    stanza_set(message, "to", inject->host);
    stanza_set(message, "id", inject->id);
    xmpp_stanza_t *wrapper = stanza_add(message, "inject", NS_BIND);
    place_set(wrapper, &inject->place);
    stanza_set(wrapper, "uid", inject->uid);
    xmpp_stanza_t *copy = xmpp_stanza_copy(stanza);
    if (!copy)
        g_error("out of memory");
    xmpp_stanza_del_attribute(copy, "from");
    stanza_take(wrapper, copy);
    return message;
}

void bound_uid_add(xmpp_stanza_t *message, const char *id)
{
    stanza_set(stanza_add(message, "uid", NS_BIND), "id", id);
}
