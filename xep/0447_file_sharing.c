/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0447 stateless file sharing. */
#include "config.h"

#include <string.h>

#include "xep/0447_file_sharing.h"

#define NUMBER_MAX INT64_MAX

static const char *text_of(xmpp_stanza_t *file, const char *name)
{
    const char *text = stanza_child_text(file, name, NS_FILE);
    return text && *text ? text : NULL;
}

static uint64_t number_of(xmpp_stanza_t *file, const char *name)
{
    const char *text = text_of(file, name);
    char *end = NULL;
    guint64 number = text && g_ascii_isdigit(*text) ? g_ascii_strtoull(text, &end, 10) : 0;
    return end && *end == '\0' && number <= NUMBER_MAX ? number : 0;
}

static const char *digest_of(xmpp_stanza_t *file)
{
    for (xmpp_stanza_t *child = stanza_first(file); child; child = stanza_next(child)) {
        const char *name = stanza_attr(child, "algo");
        if (stanza_is(child, "hash", NS_HASHES) && name && strcmp(name, "sha-256") == 0)
            return stanza_text(child);
    }
    return NULL;
}

static const char *url_of(xmpp_stanza_t *sharing)
{
    xmpp_stanza_t *sources = stanza_child(sharing, "sources", NS_SFS);
    xmpp_stanza_t *data =
        sources ? stanza_child_having(sources, "url-data", NS_URL_DATA, "target") : NULL;
    return data ? stanza_attr(data, "target") : NULL;
}

static struct shared_file file_read(xmpp_stanza_t *sharing)
{
    struct shared_file found = {.url = url_of(sharing)};
    xmpp_stanza_t *file = stanza_child(sharing, "file", NS_FILE);
    if (!file)
        return found;
    found.name = text_of(file, "name");
    found.type = text_of(file, "media-type");
    found.size = number_of(file, "size");
    found.width = number_of(file, "width");
    found.height = number_of(file, "height");
    found.duration = number_of(file, "length");
    found.sha256 = digest_of(file);
    return found;
}

size_t shared_files_parse(xmpp_stanza_t *message, struct shared_file ret_files[SHARED_FILES_MAX])
{
    size_t count = 0;
    for (xmpp_stanza_t *child = stanza_first(message); child && count < SHARED_FILES_MAX;
         child = stanza_next(child)) {
        if (stanza_is(child, "file-sharing", NS_SFS))
            ret_files[count++] = file_read(child);
    }
    return count;
}

static void add_text(xmpp_stanza_t *file, const char *name, const char *text)
{
    if (text)
        stanza_add_text(file, name, NS_FILE, text);
}

static void add_number(xmpp_stanza_t *file, const char *name, uint64_t number)
{
    char text[24];
    if (number == 0)
        return;
    g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, number);
    stanza_add_text(file, name, NS_FILE, text);
}

static void add_thumbnail(xmpp_stanza_t *file, const struct shared_file *shared)
{
    if (!shared->thumbnail.url)
        return;
    xmpp_stanza_t *thumbnail = stanza_add(file, "thumbnail", NS_THUMBS);
    stanza_set(thumbnail, "uri", shared->thumbnail.url);
    stanza_set(thumbnail, "media-type", shared->thumbnail.type);
    if (shared->thumbnail.width && shared->thumbnail.height) {
        stanza_set_number(thumbnail, "width", shared->thumbnail.width);
        stanza_set_number(thumbnail, "height", shared->thumbnail.height);
    }
}

void shared_file_add(xmpp_stanza_t *message, const struct shared_file *shared)
{
    xmpp_stanza_t *sharing = stanza_add(message, "file-sharing", NS_SFS);
    xmpp_stanza_t *file = stanza_add(sharing, "file", NS_FILE);
    bool is_shown = shared->type && (g_str_has_prefix(shared->type, "image/") ||
                                     g_str_has_prefix(shared->type, "video/") ||
                                     g_str_has_prefix(shared->type, "audio/"));
    stanza_set(sharing, "disposition", is_shown ? "inline" : "attachment");
    add_text(file, "media-type", shared->type);
    add_text(file, "name", shared->name);
    add_number(file, "size", shared->size);
    add_number(file, "width", shared->width);
    add_number(file, "height", shared->height);
    add_number(file, "length", shared->duration);
    if (shared->sha256) {
        xmpp_stanza_t *hash = stanza_add_text(file, "hash", NS_HASHES, shared->sha256);
        stanza_set(hash, "algo", "sha-256");
    }
    add_thumbnail(file, shared);
    if (shared->url) {
        xmpp_stanza_t *sources = stanza_add(sharing, "sources", NS_SFS);
        stanza_set(stanza_add(sources, "url-data", NS_URL_DATA), "target", shared->url);
    }
}
