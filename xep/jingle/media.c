/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptions: memory, ceilings, and the grammar that SDP and Jingle share. */
#include "config.h"

#include <string.h>

#include "xep/jingle/media.h"

static const char *const reasons[] = {
    [MEDIA_BAD_SYNTAX] = "failed-application",     [MEDIA_TOO_MUCH] = "failed-application",
    [MEDIA_NO_SECURITY] = "security-error",        [MEDIA_NO_TRANSPORT] = "unsupported-transports",
    [MEDIA_NO_MEDIA] = "unsupported-applications", [MEDIA_NO_COMMON] = "incompatible-parameters",
};

const char *media_fault_reason(enum media_fault fault)
{
    return reasons[fault];
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static void payload_clear(gpointer data)
{
    struct media_payload *payload = data;
    g_array_unref(payload->parameters);
    g_array_unref(payload->feedback);
}

static void source_clear(gpointer data)
{
    struct media_source *source = data;
    g_array_unref(source->parameters);
}

static void group_clear(gpointer data)
{
    struct media_source_group *group = data;
    g_array_unref(group->ssrcs);
}

static GArray *list_new(size_t size, GDestroyNotify clear)
{
    GArray *array = g_array_new(FALSE, TRUE, (guint)size);
    if (clear)
        g_array_set_clear_func(array, clear);
    return array;
}

static void content_free(gpointer data)
{
    struct media_content *content = data;
    g_array_unref(content->payloads);
    g_array_unref(content->feedback);
    g_array_unref(content->extensions);
    g_array_unref(content->sources);
    g_array_unref(content->groups);
    g_array_unref(content->transport.candidates);
    g_free(content);
}

struct media_description *media_description_new(void)
{
    struct media_description *description = g_new0(struct media_description, 1);
    description->contents = g_ptr_array_new_with_free_func(content_free);
    description->bundle = g_ptr_array_new();
    description->strings = g_string_chunk_new(1024);
    return description;
}

void media_description_free(struct media_description *description)
{
    if (!description)
        return;
    g_ptr_array_unref(description->contents);
    g_ptr_array_unref(description->bundle);
    g_string_chunk_free(description->strings);
    g_free(description);
}

struct media_content *media_content_add(struct media_description *description)
{
    if (description->contents->len >= MEDIA_CONTENTS_MAX)
        return NULL;
    struct media_content *content = g_new0(struct media_content, 1);
    content->direction = MEDIA_BOTH;
    content->payloads = list_new(sizeof(struct media_payload), payload_clear);
    content->feedback = list_new(sizeof(struct media_feedback), NULL);
    content->extensions = list_new(sizeof(struct media_extension), NULL);
    content->sources = list_new(sizeof(struct media_source), source_clear);
    content->groups = list_new(sizeof(struct media_source_group), group_clear);
    content->transport.candidates = list_new(sizeof(struct candidate), NULL);
    g_ptr_array_add(description->contents, content);
    return content;
}

struct media_payload *media_payload_add(struct media_content *content)
{
    GArray *payloads = content->payloads;
    if (payloads->len >= MEDIA_PAYLOADS_MAX)
        return NULL;
    const struct media_payload payload = {
        .parameters = list_new(sizeof(struct media_parameter), NULL),
        .feedback = list_new(sizeof(struct media_feedback), NULL)};
    g_array_append_val(payloads, payload);
    return &g_array_index(payloads, struct media_payload, payloads->len - 1);
}

struct media_source *media_source_add(struct media_content *content, guint32 ssrc)
{
    GArray *sources = content->sources;
    if (sources->len >= MEDIA_SOURCES_MAX)
        return NULL;
    const struct media_source source = {ssrc, list_new(sizeof(struct media_parameter), NULL)};
    g_array_append_val(sources, source);
    return &g_array_index(sources, struct media_source, sources->len - 1);
}

struct media_source_group *media_group_add(struct media_content *content, const char *semantics)
{
    GArray *groups = content->groups;
    if (groups->len >= MEDIA_SOURCES_MAX)
        return NULL;
    const struct media_source_group group = {semantics, list_new(sizeof(guint32), NULL)};
    g_array_append_val(groups, group);
    return &g_array_index(groups, struct media_source_group, groups->len - 1);
}

bool media_append(GArray *array, const void *item)
{
    if (array->len >= MEDIA_ITEMS_MAX)
        return false;
    g_array_append_vals(array, item, 1);
    return true;
}

/* ---- Finding --------------------------------------------------------------------------------- */

struct media_payload *media_payload_find(const struct media_content *content, unsigned id)
{
    for (guint i = 0; i < content->payloads->len; i++) {
        struct media_payload *payload = &g_array_index(content->payloads, struct media_payload, i);
        if (payload->id == id)
            return payload;
    }
    return NULL;
}

struct media_source *media_source_find(const struct media_content *content, guint32 ssrc)
{
    for (guint i = 0; i < content->sources->len; i++) {
        struct media_source *source = &g_array_index(content->sources, struct media_source, i);
        if (source->ssrc == ssrc)
            return source;
    }
    return NULL;
}

struct media_content *media_content_by_mid(const struct media_description *description,
                                           const char *mid)
{
    for (guint i = 0; i < description->contents->len; i++) {
        struct media_content *content = description->contents->pdata[i];
        if (g_strcmp0(content->mid, mid) == 0)
            return content;
    }
    return NULL;
}

struct media_content *media_content_by_name(const struct media_description *description,
                                            const char *name)
{
    for (guint i = 0; i < description->contents->len; i++) {
        struct media_content *content = description->contents->pdata[i];
        if (g_strcmp0(content->name, name) == 0)
            return content;
    }
    return NULL;
}

struct media_content *media_content_find(const struct media_description *description,
                                         const char *name, bool by_responder)
{
    struct media_content *found = NULL;
    unsigned named = 0;
    for (guint i = 0; i < description->contents->len; i++) {
        struct media_content *content = description->contents->pdata[i];
        if (g_strcmp0(content->name, name) != 0)
            continue;
        if (content->by_responder == by_responder)
            return content;
        found = content;
        named++;
    }
    return named == 1 ? found : NULL;
}

void media_bundle_add(struct media_description *description, const char *mid)
{
    if (description->bundle->len < MEDIA_CONTENTS_MAX)
        g_ptr_array_add(description->bundle, g_string_chunk_insert(description->strings, mid));
}

bool media_is_bundled(const struct media_description *description, const char *mid)
{
    return mid && g_ptr_array_find_with_equal_func(description->bundle, mid, g_str_equal, NULL);
}

/* ---- Grammar --------------------------------------------------------------------------------- */

const char *media_keep(struct media_description *description, const char *text, size_t length)
{
    while (length > 0 && g_ascii_isspace(text[0])) {
        text++;
        length--;
    }
    while (length > 0 && g_ascii_isspace(text[length - 1]))
        length--;
    if (length == 0 || length > MEDIA_TEXT_MAX || !g_utf8_validate(text, (gssize)length, NULL))
        return NULL;
    for (size_t i = 0; i < length; i++) {
        if (g_ascii_iscntrl(text[i]))
            return NULL;
    }
    return g_string_chunk_insert_len(description->strings, text, (gssize)length);
}

const char *media_keep_text(struct media_description *description, const char *text)
{
    return text ? media_keep(description, text, strlen(text)) : NULL;
}

bool media_number(const char *text, size_t length, guint64 low, guint64 high, guint64 *ret)
{
    guint64 number = 0;
    if (length == 0 || length > 19)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isdigit(text[i]))
            return false;
        number = number * 10 + (guint64)(text[i] - '0');
    }
    if (number < low || number > high)
        return false;
    *ret = number;
    return true;
}

bool media_is_token(const char *text)
{
    size_t length = text ? strlen(text) : 0;
    return length > 0 && length <= 64 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "!#$%&'*+-.^_`{|}~") == length;
}

bool media_is_ice_text(const char *text, size_t least, size_t most)
{
    size_t length = text ? strlen(text) : 0;
    return length >= least && length <= most &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/") ==
               length;
}

/* The credentials of RFC 8839: ufrag of 4…256, password of 22…256 ice-chars. */
static bool credentials_are_good(const char *ufrag, const char *password)
{
    return media_is_ice_text(ufrag, 4, 256) && media_is_ice_text(password, 22, 256);
}

/* RFC 8122 section 5: pairs of hex digits with colons between. */
bool media_fingerprint_keep(struct media_description *description,
                            struct media_transport *transport, const char *hash, const char *value)
{
    static const struct {
        const char *name;
        size_t bytes;
    } hashes[] = {
        {"sha-1", 20}, {"sha-224", 28}, {"sha-256", 32}, {"sha-384", 48}, {"sha-512", 64}};
    g_autofree char *name = hash ? g_strstrip(g_ascii_strdown(hash, -1)) : NULL;
    g_autofree char *digits = value ? g_strstrip(g_ascii_strup(value, -1)) : NULL;
    if (!name || !digits)
        return false;
    size_t bytes = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(hashes); i++) {
        if (strcmp(name, hashes[i].name) == 0)
            bytes = hashes[i].bytes;
    }
    if (bytes == 0 || strlen(digits) != bytes * 3 - 1)
        return false;
    for (size_t i = 0; digits[i]; i++) {
        if (i % 3 == 2 ? digits[i] != ':' : !g_ascii_isxdigit(digits[i]))
            return false;
    }
    transport->hash = media_keep_text(description, name);
    transport->fingerprint = media_keep_text(description, digits);
    return true;
}

static const char *const setups[] = {
    [SETUP_ACTPASS] = "actpass", [SETUP_ACTIVE] = "active", [SETUP_PASSIVE] = "passive"};

enum media_setup media_setup_parse(const char *text)
{
    for (enum media_setup setup = SETUP_ACTPASS; text && setup <= SETUP_PASSIVE; setup++) {
        if (strcmp(text, setups[setup]) == 0)
            return setup;
    }
    return SETUP_NONE;
}

const char *media_setup_name(enum media_setup setup)
{
    return setups[setup];
}

/* ---- Whether it is enough -------------------------------------------------------------------- */

enum media_fault media_content_check(const struct media_content *content)
{
    const struct media_transport *transport = &content->transport;
    if (!content->described || content->rejected)
        return MEDIA_NO_MEDIA;
    if (content->payloads->len == 0)
        return MEDIA_NO_COMMON;
    if (!transport->fingerprint || transport->setup == SETUP_NONE)
        return MEDIA_NO_SECURITY;
    if (!content->mux || !credentials_are_good(transport->ufrag, transport->password))
        return MEDIA_NO_TRANSPORT;
    return MEDIA_OK;
}

enum media_fault media_check(const struct media_description *description)
{
    bool any = false;
    for (guint i = 0; i < description->contents->len; i++) {
        const struct media_content *content = description->contents->pdata[i];
        if (content->rejected)
            continue;
        enum media_fault fault = media_content_check(content);
        if (fault != MEDIA_OK)
            return fault;
        any = true;
    }
    return any ? MEDIA_OK : MEDIA_NO_MEDIA;
}
