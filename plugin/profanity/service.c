/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "plugin/profanity/place.h"
#include "plugin/profanity/service.h"
#include "xep/stanza_read.h"
#include "xep/stanza_text.h"

#define ASKED_MAX 16 /* at a time; the oldest gives way */
#define DOMAIN "service"

struct asked {
    char *id; /* of the IQ that is out */
    char *node;
    char *domain;
    GPtrArray *names, *texts;
    bool filled; /* the form was sent */
    service_done done;
    void *data;
    GDestroyNotify free_data;
};

static GQueue open_requests = G_QUEUE_INIT; /* struct asked *, the oldest first */

static void asked_free(gpointer data)
{
    struct asked *asked = data;
    if (asked->free_data)
        asked->free_data(asked->data);
    g_ptr_array_unref(asked->names);
    g_ptr_array_unref(asked->texts);
    g_free(asked->id);
    g_free(asked->node);
    g_free(asked->domain);
    g_free(asked);
}

char *service_domain(void)
{
    return place_setting(DOMAIN);
}

void service_set_domain(const char *domain)
{
    place_keep(DOMAIN, domain);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void field_add(xmpp_stanza_t *form, const char *name, const char *text)
{
    xmpp_stanza_t *field = stanza_add(form, "field", NS_DATA);
    stanza_set(field, "var", name);
    stanza_add_text(field, "value", NS_DATA, text);
}

/* With SESSION the form of that session, filled in. */
static bool request_send(struct asked *asked, const char *session)
{
    g_autofree char *id = g_uuid_string_random();
    g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("set", id, NULL, asked->domain);
    xmpp_stanza_t *command = stanza_add(iq, "command", NS_COMMANDS);
    stanza_set(command, "node", asked->node);
    stanza_set(command, "action", session ? "complete" : "execute");
    if (session) {
        stanza_set(command, "sessionid", session);
        xmpp_stanza_t *form = stanza_add(command, "x", NS_DATA);
        stanza_set(form, "type", "submit");
        for (guint i = 0; i < asked->names->len; i++)
            field_add(form, asked->names->pdata[i], asked->texts->pdata[i]);
    }
    g_autofree char *text = stanza_to_text(iq, NULL);
    g_free(asked->id);
    asked->id = g_steal_pointer(&id);
    return place_send(text);
}

bool service_ask(const char *node, const char *const (*values)[2], service_done done, void *data,
                 GDestroyNotify free_data)
{
    struct asked *asked = g_new0(struct asked, 1);
    *asked = (struct asked){.node = g_strconcat(SERVICE_NODE, node, NULL),
                            .domain = service_domain(),
                            .names = g_ptr_array_new_with_free_func(g_free),
                            .texts = g_ptr_array_new_with_free_func(g_free),
                            .done = done,
                            .data = data,
                            .free_data = free_data};
    for (size_t i = 0; values && values[i][0]; i++) {
        g_ptr_array_add(asked->names, g_strdup(values[i][0]));
        g_ptr_array_add(asked->texts, g_strdup(values[i][1]));
    }
    if (!asked->domain || !request_send(asked, NULL)) {
        asked_free(asked);
        return false;
    }
    while (open_requests.length >= ASKED_MAX)
        asked_free(g_queue_pop_head(&open_requests));
    g_queue_push_tail(&open_requests, asked);
    return true;
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void item_free(gpointer data)
{
    struct service_item *item = data;
    g_hash_table_unref(item->members);
    g_free(item);
}

static GHashTable *texts_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* A line of an item is "name: text". */
static void line_take(struct service_item *item, const char *line)
{
    const char *colon = strstr(line, ": ");
    if (colon)
        g_hash_table_replace(item->members, g_strndup(line, (gsize)(colon - line)),
                             g_strdup(colon + 2));
}

/* Items of a list are fields "items-1", "items-2"… of several lines. */
static bool is_item(xmpp_stanza_t *field)
{
    const char *var = stanza_attr(field, "var"), *type = stanza_attr(field, "type");
    const char *dash = var ? strrchr(var, '-') : NULL;
    return dash && dash[1] && strspn(dash + 1, "0123456789") == strlen(dash + 1) &&
           g_strcmp0(type, "text-multi") == 0;
}

static void field_take(struct service_answer *answer, xmpp_stanza_t *field)
{
    const char *var = stanza_attr(field, "var");
    struct service_item *item = NULL;
    if (is_item(field)) {
        item = g_new0(struct service_item, 1);
        item->members = texts_new();
        g_ptr_array_add(answer->items, item);
    }
    for (xmpp_stanza_t *value = stanza_first(field); value; value = stanza_next(value)) {
        if (!stanza_is(value, "value", NS_DATA))
            continue;
        if (item)
            line_take(item, stanza_text(value));
        else if (var && !g_hash_table_contains(answer->fields, var))
            g_hash_table_insert(answer->fields, g_strdup(var), g_strdup(stanza_text(value)));
    }
}

static void answer_tell(struct asked *asked, const char *problem, xmpp_stanza_t *form)
{
    struct service_answer answer = {problem, texts_new(),
                                    g_ptr_array_new_with_free_func(item_free)};
    for (xmpp_stanza_t *child = form ? stanza_first(form) : NULL; child;
         child = stanza_next(child)) {
        if (stanza_is(child, "field", NS_DATA))
            field_take(&answer, child);
    }
    asked->done(&answer, asked->data);
    g_hash_table_unref(answer.fields);
    g_ptr_array_unref(answer.items);
}

static char *problem_of(xmpp_stanza_t *iq, xmpp_stanza_t *command)
{
    xmpp_stanza_t *error = stanza_child(iq, "error", NS_CLIENT);
    const char *said = NULL, *condition = NULL;
    for (xmpp_stanza_t *child = error ? stanza_first(error) : NULL; child;
         child = stanza_next(child)) {
        if (strcmp(stanza_name(child), "text") == 0)
            said = stanza_text(child);
        else if (!condition)
            condition = stanza_name(child);
    }
    if (!said && command)
        said = stanza_child_text(command, "note", NS_COMMANDS);
    return g_strdup(said && *said ? said : condition ? condition : "it was not done");
}

static void answer_take(struct asked *asked, xmpp_stanza_t *iq)
{
    xmpp_stanza_t *command = stanza_child(iq, "command", NS_COMMANDS);
    const char *type = stanza_attr(iq, "type");
    const char *status = command ? stanza_attr(command, "status") : NULL;
    const char *session = command ? stanza_attr(command, "sessionid") : NULL;
    bool fine = g_strcmp0(type, "result") == 0;
    if (fine && g_strcmp0(status, "executing") == 0 && session && !asked->filled) {
        asked->filled = true;
        if (request_send(asked, session)) {
            g_queue_push_tail(&open_requests, asked);
            return;
        }
    } else if (fine && g_strcmp0(status, "completed") == 0) {
        answer_tell(asked, NULL, stanza_child(command, "x", NS_DATA));
        asked_free(asked);
        return;
    }
    g_autofree char *problem = problem_of(iq, command);
    answer_tell(asked, problem, NULL);
    asked_free(asked);
}

bool service_take(const char *stanza)
{
    if (open_requests.length == 0)
        return false;
    g_autoptr(xmpp_stanza_t) iq = stanza_from_text(stanza, strlen(stanza));
    const char *id = iq ? stanza_attr(iq, "id") : NULL, *from = iq ? stanza_attr(iq, "from") : NULL;
    for (GList *link = id ? open_requests.head : NULL; link; link = link->next) {
        struct asked *asked = link->data;
        if (strcmp(asked->id, id) != 0 || g_strcmp0(asked->domain, from) != 0)
            continue;
        g_queue_delete_link(&open_requests, link);
        answer_take(asked, iq);
        return true;
    }
    return false;
}

void service_clear(void)
{
    g_queue_clear_full(&open_requests, asked_free);
}
