/* SPDX-License-Identifier: GPL-3.0-or-later */
/* user → contact → resources. Any available resource makes a contact online; away if all are; in a
 * call if one says so. */
#include "config.h"

#include <string.h>

#include "bridge/presence/contact_presence.h"

#define CONTACTS_MAX 200000
#define RESOURCES_MAX 400000

struct contact_presences {
    struct status_pacer pacer;
    void (*tell)(const struct contact_presence *contact, void *data);
    void *data;
    GHashTable *users; /* struct uuid * → GHashTable: jid → struct contact_presence *, all owned */
    unsigned count;
    unsigned resources;
};

static void resource_free(gpointer data)
{
    struct available_resource *resource = data;
    g_free(resource->full_jid);
    g_free(resource->caps_node);
    g_free(resource->caps_ver);
    g_free(resource);
}

static void contact_presence_free(gpointer data)
{
    struct contact_presence *contact = data;
    status_forget(&contact->shown);
    g_ptr_array_unref(contact->resources);
    g_free(contact->jid);
    g_free(contact);
}

static void table_free(gpointer data)
{
    g_hash_table_unref(data);
}

static void on_told(struct status_entry *entry, void *data)
{
    struct contact_presences *contacts = data;
    const struct contact_presence *contact =
        (struct contact_presence *)(void *)((char *)entry -
                                            G_STRUCT_OFFSET(struct contact_presence, shown));
    contacts->tell(contact, contacts->data);
}

struct contact_presences *contact_presences_new(void (*tell)(const struct contact_presence *contact,
                                                             void *data),
                                                void *data, gint64 now)
{
    struct contact_presences *contacts = g_new0(struct contact_presences, 1);
    status_pacer_init(&contacts->pacer, now);
    contacts->pacer.tell = on_told;
    contacts->pacer.data = contacts;
    contacts->tell = tell;
    contacts->data = data;
    contacts->users = g_hash_table_new_full(uuid_hash, uuid_equal, g_free, table_free);
    return contacts;
}

void contact_presences_free(struct contact_presences *contacts)
{
    if (!contacts)
        return;
    g_hash_table_unref(contacts->users);
    g_free(contacts);
}

/* ---- Who watches whom ------------------------------------------------------------------------ */

struct contact_presence *contact_presence_find(const struct contact_presences *contacts,
                                               const struct uuid *user, const char *jid)
{
    GHashTable *table = g_hash_table_lookup(contacts->users, user);
    return table ? g_hash_table_lookup(table, jid) : NULL;
}

struct contact_presence *contact_presence_watch(struct contact_presences *contacts,
                                                const struct uuid *user, const char *jid,
                                                const struct uuid *id, gint64 number)
{
    struct contact_presence *contact = contact_presence_find(contacts, user, jid);
    if (contact || contacts->count >= CONTACTS_MAX)
        return contact;
    GHashTable *table = g_hash_table_lookup(contacts->users, user);
    if (!table) {
        table = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, contact_presence_free);
        g_hash_table_insert(contacts->users, g_memdup2(user, sizeof *user), table);
    }
    contact = g_new0(struct contact_presence, 1);
    contact->user = *user;
    contact->id = *id;
    contact->number = number;
    contact->jid = g_strdup(jid);
    contact->resources = g_ptr_array_new_with_free_func(resource_free);
    g_hash_table_insert(table, contact->jid, contact);
    contacts->count++;
    return contact;
}

void contact_presence_unwatch(struct contact_presences *contacts, const struct uuid *user,
                              const char *jid, bool tell)
{
    GHashTable *table = g_hash_table_lookup(contacts->users, user);
    struct contact_presence *contact = table ? g_hash_table_lookup(table, jid) : NULL;
    if (!contact)
        return;
    if (tell && contact->shown.told.kind != STATUS_OFFLINE) {
        contact->shown.told = (struct status){0};
        contacts->tell(contact, contacts->data);
    }
    contacts->count--;
    contacts->resources -= contact->resources->len;
    g_hash_table_remove(table, jid);
    if (g_hash_table_size(table) == 0)
        g_hash_table_remove(contacts->users, user);
}

void contact_presences_unwatch_all(struct contact_presences *contacts, const struct uuid *user)
{
    GHashTable *table = g_hash_table_lookup(contacts->users, user);
    GHashTableIter iter;
    gpointer value;
    if (!table)
        return;
    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct contact_presence *contact = value;
        contacts->count--;
        contacts->resources -= contact->resources->len;
    }
    g_hash_table_remove(contacts->users, user);
}

static void table_foreach(GHashTable *table,
                          void (*each)(struct contact_presence *contact, void *data), void *data)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        each(value, data);
}

void contact_presences_foreach(const struct contact_presences *contacts, const struct uuid *user,
                               void (*each)(struct contact_presence *contact, void *data),
                               void *data)
{
    GHashTable *one = user ? g_hash_table_lookup(contacts->users, user) : NULL;
    GHashTableIter users;
    gpointer table;
    if (one)
        table_foreach(one, each, data);
    if (user)
        return;
    g_hash_table_iter_init(&users, contacts->users);
    while (g_hash_table_iter_next(&users, NULL, &table))
        table_foreach(table, each, data);
}

/* ---- What a contact comes to ----------------------------------------------------------------- */

static void contact_refresh(struct contact_presences *contacts, struct contact_presence *contact,
                            gint64 now)
{
    struct status status = {.kind = STATUS_OFFLINE, .last_seen = contact->last_seen};
    if (contact->resources->len > 0)
        status = (struct status){.kind = STATUS_ONLINE, .away = true};
    for (guint i = 0; i < contact->resources->len; i++) {
        const struct available_resource *resource = contact->resources->pdata[i];
        status.away = status.away && resource->away;
        if (resource->in_call)
            status.kind = STATUS_IN_CALL;
    }
    status_set(&contacts->pacer, &contact->shown, &status, now);
}

static struct available_resource *find_resource(const struct contact_presence *contact,
                                                const char *full_jid)
{
    for (guint i = 0; i < contact->resources->len; i++) {
        struct available_resource *resource = contact->resources->pdata[i];
        if (strcmp(resource->full_jid, full_jid) == 0)
            return resource;
    }
    return NULL;
}

void contact_presence_available(struct contact_presences *contacts,
                                struct contact_presence *contact,
                                const struct available_resource *resource, gint64 idle_since,
                                gint64 now)
{
    struct available_resource *kept = find_resource(contact, resource->full_jid);
    if (!kept) {
        if (contact->resources->len >= AVAILABLE_RESOURCES_MAX ||
            contacts->resources >= RESOURCES_MAX)
            return;
        kept = g_new0(struct available_resource, 1);
        kept->full_jid = g_strdup(resource->full_jid);
        g_ptr_array_add(contact->resources, kept);
        contacts->resources++;
    }
    kept->away = resource->away;
    kept->in_call = resource->in_call;
    if (g_strcmp0(kept->caps_ver, resource->caps_ver) != 0 ||
        g_strcmp0(kept->caps_node, resource->caps_node) != 0) {
        g_free(kept->caps_node);
        g_free(kept->caps_ver);
        kept->caps_node = g_strdup(resource->caps_node);
        kept->caps_ver = g_strdup(resource->caps_ver);
    }
    contact->known = true;
    if (idle_since > 0)
        contact->last_seen = idle_since;
    contact_refresh(contacts, contact, now);
}

void contact_presence_unavailable(struct contact_presences *contacts,
                                  struct contact_presence *contact, const char *full_jid,
                                  gint64 last_seen, gint64 now)
{
    contact->known = true;
    for (guint i = contact->resources->len; i-- > 0;) {
        const struct available_resource *resource = contact->resources->pdata[i];
        if (strchr(full_jid, '/') && strcmp(resource->full_jid, full_jid) != 0)
            continue;
        g_ptr_array_remove_index(contact->resources, i);
        contacts->resources--;
    }
    if (last_seen > 0)
        contact->last_seen = last_seen;
    contact_refresh(contacts, contact, now);
}

void contact_presence_last_seen(struct contact_presences *contacts,
                                struct contact_presence *contact, gint64 last_seen, gint64 now)
{
    if (contact->resources->len > 0)
        return;
    contact->last_seen = last_seen;
    contact_refresh(contacts, contact, now);
}

struct forgetting {
    struct contact_presences *contacts;
    gint64 now;
};

static void contact_forget(struct contact_presence *contact, void *data)
{
    const struct forgetting *forgetting = data;
    forgetting->contacts->resources -= contact->resources->len;
    g_ptr_array_set_size(contact->resources, 0);
    contact->known = false;
    contact->last_seen = 0;
    contact_refresh(forgetting->contacts, contact, forgetting->now);
}

void contact_presences_unknown(struct contact_presences *contacts, gint64 now)
{
    struct forgetting forgetting = {contacts, now};
    contact_presences_foreach(contacts, NULL, contact_forget, &forgetting);
}

void contact_presences_advance(struct contact_presences *contacts, gint64 now)
{
    status_advance(&contacts->pacer, now);
}
