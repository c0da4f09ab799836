/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0115 entity capabilities. Everything is sorted by octets (section 5.1). */
#include "config.h"

#include <string.h>

#include "xep/0115_caps.h"

bool caps_parse(xmpp_stanza_t *presence, struct caps *ret)
{
    /* One without a hash is of the time before 2007; a server may have added its own. */
    xmpp_stanza_t *element = stanza_child_having(presence, "c", NS_CAPS, "hash");
    if (!element)
        return false;
    struct caps caps = {.hash = stanza_attr(element, "hash"),
                        .node = stanza_attr(element, "node"),
                        .ver = stanza_attr(element, "ver")};
    if (!caps.hash || !caps.node || !caps.ver)
        return false;
    *ret = caps;
    return true;
}

void caps_add(xmpp_stanza_t *presence, const struct caps *caps)
{
    xmpp_stanza_t *element = stanza_add(presence, "c", NS_CAPS);
    stanza_set(element, "hash", caps->hash);
    stanza_set(element, "node", caps->node);
    stanza_set(element, "ver", caps->ver);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_identity(const void *a, const void *b)
{
    const struct disco_identity *left = a;
    const struct disco_identity *right = b;
    int order = strcmp(left->category, right->category);
    if (order == 0)
        order = strcmp(left->type, right->type);
    if (order == 0)
        order = strcmp(or_empty(left->lang), or_empty(right->lang));
    return order ? order : strcmp(or_empty(left->name), or_empty(right->name));
}

static int compare_field(const void *a, const void *b)
{
    const struct data_field *left = *(const struct data_field *const *)a;
    const struct data_field *right = *(const struct data_field *const *)b;
    return strcmp(left->var, right->var);
}

static int compare_form(const void *a, const void *b)
{
    const struct data_form *left = *(const struct data_form *const *)a;
    const struct data_form *right = *(const struct data_form *const *)b;
    return strcmp(or_empty(data_form_form_type(left)), or_empty(data_form_form_type(right)));
}

static GPtrArray *array_sorted(GPtrArray *array, GCompareFunc compare)
{
    GPtrArray *copy = g_ptr_array_sized_new(array->len);
    for (guint i = 0; i < array->len; i++)
        g_ptr_array_add(copy, array->pdata[i]);
    g_ptr_array_sort(copy, compare);
    return copy;
}

static void hash_text(GChecksum *hash, const char *text)
{
    g_checksum_update(hash, (const guchar *)text, (gssize)strlen(text));
}

static void hash_identities(GChecksum *hash, const struct disco_info *info)
{
    g_autoptr(GArray) identities = g_array_copy(info->identities);
    g_array_sort(identities, compare_identity);
    for (guint i = 0; i < identities->len; i++) {
        const struct disco_identity *identity =
            &g_array_index(identities, struct disco_identity, i);
        g_autofree char *text = g_strdup_printf("%s/%s/%s/%s<", identity->category, identity->type,
                                                or_empty(identity->lang), or_empty(identity->name));
        hash_text(hash, text);
    }
}

static void hash_list(GChecksum *hash, GPtrArray *texts)
{
    g_autoptr(GPtrArray) list = array_sorted(texts, compare_text);
    for (guint i = 0; i < list->len; i++) {
        hash_text(hash, list->pdata[i]);
        hash_text(hash, "<");
    }
}

static void hash_form(GChecksum *hash, const struct data_form *form)
{
    const char *form_type = data_form_form_type(form);
    if (!form_type)
        return;
    hash_text(hash, form_type);
    hash_text(hash, "<");
    g_autoptr(GPtrArray) fields = array_sorted(form->fields, compare_field);
    for (guint i = 0; i < fields->len; i++) {
        const struct data_field *field = fields->pdata[i];
        if (strcmp(field->var, "FORM_TYPE") == 0)
            continue;
        hash_text(hash, field->var);
        hash_text(hash, "<");
        hash_list(hash, field->values);
    }
}

char *caps_ver(const struct disco_info *info)
{
    g_autoptr(GChecksum) hash = g_checksum_new(G_CHECKSUM_SHA1);
    hash_identities(hash, info);
    hash_list(hash, info->features);
    g_autoptr(GPtrArray) forms = array_sorted(info->forms, compare_form);
    for (guint i = 0; i < forms->len; i++)
        hash_form(hash, forms->pdata[i]);
    guint8 digest[20];
    gsize length = sizeof digest;
    g_checksum_get_digest(hash, digest, &length);
    return g_base64_encode(digest, length);
}

/* The string that is hashed has no escape, so "<" inside a value lets two sets share one hash. */
static bool is_plain(const char *text)
{
    return !text || !strchr(text, '<');
}

static bool is_form_sound(const struct data_form *form)
{
    for (guint i = 0; i < form->fields->len; i++) {
        const struct data_field *field = form->fields->pdata[i];
        if (!is_plain(field->var))
            return false;
        for (guint j = 0; j < field->values->len; j++)
            if (!is_plain(field->values->pdata[j]))
                return false;
        if (strcmp(field->var, "FORM_TYPE") == 0 && field->values->len != 1)
            return false;
    }
    return true;
}

static bool are_identities_sound(const struct disco_info *info)
{
    g_autoptr(GArray) list = g_array_copy(info->identities);
    g_array_sort(list, compare_identity);
    for (guint i = 0; i < list->len; i++) {
        const struct disco_identity *one = &g_array_index(list, struct disco_identity, i);
        if (!is_plain(one->category) || !is_plain(one->type) || !is_plain(one->lang) ||
            !is_plain(one->name) || strchr(one->category, '/') || strchr(one->type, '/'))
            return false;
        if (i > 0 && compare_identity(one - 1, one) == 0)
            return false;
    }
    return true;
}

static bool is_sound(const struct disco_info *info)
{
    g_autoptr(GPtrArray) features = array_sorted(info->features, compare_text);
    for (guint i = 0; i < features->len; i++) {
        if (!is_plain(features->pdata[i]))
            return false;
        if (i > 0 && strcmp(features->pdata[i - 1], features->pdata[i]) == 0)
            return false;
    }
    g_autoptr(GPtrArray) forms = array_sorted(info->forms, compare_form);
    for (guint i = 0; i < forms->len; i++) {
        if (!is_form_sound(forms->pdata[i]))
            return false;
        bool typed = data_form_form_type(forms->pdata[i]) != NULL;
        if (i > 0 && typed && compare_form(&forms->pdata[i - 1], &forms->pdata[i]) == 0)
            return false;
    }
    return are_identities_sound(info);
}

bool caps_verify(const struct caps *caps, const struct disco_info *info)
{
    if (strcmp(caps->hash, "sha-1") != 0 || !is_sound(info))
        return false;
    g_autofree char *ver = caps_ver(info);
    return strcmp(ver, caps->ver) == 0;
}
