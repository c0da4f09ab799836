/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files of a web client, held in memory. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/base/buffer.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/log.h"
#include "bridge/http/coding.h"
#include "bridge/http/exchange.h"
#include "bridge/http/page.h"
#include "bridge/http/reply.h"

#define FILES_MAX 4096
#define DEPTH_MAX 8
#define BYTES_MAX ((size_t)64 * 1024 * 1024)
#define IMMUTABLE_BELOW "/assets/"
#define INDEX "/index.html"
#define CONFIG "/config.json"
#define CONFIG_MAX 65536

/* No inline script, no style but ours, nothing from elsewhere but files from where those lie;
 * scripts make no markup. The policy "trestle" is for the address of the service worker alone. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:%s%s; "          \
    "media-src 'self' blob:%s%s; font-src 'self'; connect-src 'self'%s%s%s%s; "                    \
    "worker-src 'self'; "                                                                          \
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "           \
    "require-trusted-types-for 'script'; trusted-types trestle"

/* Of every page. */
static const struct {
    const char *name, *value;
} headers[] = {
    {"Vary", "Accept-Encoding"},
    {"X-Content-Type-Options", "nosniff"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Permissions-Policy",
     "camera=(self), microphone=(self), display-capture=(self), geolocation=(self)"},
    {"Referrer-Policy", "no-referrer"},
};

enum coding { CODING_BROTLI, CODING_GZIP, CODING_NONE, CODING_MAX };

/* Best first; each file may lie in each of them. */
static const struct {
    const char *suffix, *name;
} codings[CODING_MAX] = {
    [CODING_BROTLI] = {".br", "br"},
    [CODING_GZIP] = {".gz", "gzip"},
    [CODING_NONE] = {"", NULL},
};

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/vnd.microsoft.icon"},
    {".webp", "image/webp"},
    {".woff2", "font/woff2"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
    {".wav", "audio/wav"},
    {".txt", "text/plain; charset=utf-8"},
};

struct page {
    const char *type;
    char *etag;   /* of the plain content, quoted */
    char *policy; /* reference */
    bool immutable;
    GBytes *content[CODING_MAX]; /* CODING_NONE is always there */
};

struct pages {
    char *policy;      /* reference */
    GHashTable *files; /* path → struct page; while loading also those with a coding's suffix */
    size_t bytes;
};

static void page_clear(void *data)
{
    struct page *page = data;
    for (size_t i = 0; i < CODING_MAX; i++)
        g_clear_pointer(&page->content[i], g_bytes_unref);
    g_ref_string_release(page->policy);
    g_free(page->etag);
}

void page_release(struct page *page)
{
    if (page)
        g_rc_box_release_full(page, page_clear);
}

void pages_free(struct pages *pages)
{
    if (!pages)
        return;
    g_hash_table_unref(pages->files);
    g_ref_string_release(pages->policy);
    g_free(pages);
}

static const char *type_of(const char *path)
{
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (g_str_has_suffix(path, types[i].suffix))
            return types[i].type;
    }
    return "application/octet-stream";
}

static bool pages_refuse(const char *what, GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "http.web_root: %s", what);
    return false;
}

/* BYTES (taken) are what is asked for as PATH. */
static void page_add(struct pages *pages, const char *path, char *bytes, gsize length)
{
    struct page *page = g_rc_box_new0(struct page);
    g_autofree char *digest =
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, length);
    pages->bytes += length;
    page->etag = g_strdup_printf("\"%.32s\"", digest);
    page->policy = g_ref_string_acquire(pages->policy);
    page->type = type_of(path);
    page->immutable = g_str_has_prefix(path, IMMUTABLE_BELOW);
    page->content[CODING_NONE] = g_bytes_new_take(bytes, length);
    g_hash_table_insert(pages->files, g_strdup(path), page);
}

/* Takes the file FILENAME as what is asked for as PATH (both borrowed). */
static bool file_load(struct pages *pages, const char *filename, const char *path, GError **error)
{
    g_autofree char *bytes = NULL;
    gsize length;
    if (g_hash_table_size(pages->files) >= FILES_MAX)
        return pages_refuse("too many files", error);
    if (!g_file_get_contents(filename, &bytes, &length, error))
        return false;
    if (length > BYTES_MAX - pages->bytes)
        return pages_refuse("the files are larger than 64 MiB together", error);
    page_add(pages, path, g_steal_pointer(&bytes), length);
    return true;
}

static bool folder_load(struct pages *pages, const char *folder, const char *path, unsigned depth,
                        GError **error)
{
    g_autoptr(GDir) dir = depth < DEPTH_MAX ? g_dir_open(folder, 0, error) : NULL;
    if (!dir)
        return depth < DEPTH_MAX ? false : pages_refuse("folders lie too deep", error);
    const char *name;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *filename = g_build_filename(folder, name, NULL);
        g_autofree char *below = g_strconcat(path, "/", name, NULL);
        bool ok = true;
        if (name[0] == '.' || g_file_test(filename, G_FILE_TEST_IS_SYMLINK))
            continue;
        if (g_file_test(filename, G_FILE_TEST_IS_DIR))
            ok = folder_load(pages, filename, below, depth + 1, error);
        else if (g_file_test(filename, G_FILE_TEST_IS_REGULAR))
            ok = file_load(pages, filename, below, error);
        if (!ok)
            return false;
    }
    return true;
}

/* Lays compressed files beside what they are made of. */
static void pages_pair(struct pages *pages)
{
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, pages->files);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        struct page *page = value;
        for (size_t i = 0; i < CODING_NONE; i++) {
            g_autofree char *name = g_strconcat(key, codings[i].suffix, NULL);
            const struct page *other = g_hash_table_lookup(pages->files, name);
            if (other)
                page->content[i] = g_bytes_ref(other->content[CODING_NONE]);
        }
    }
}

/* Adds what SITE says, as the client reads it. */
static bool site_add(struct pages *pages, const struct page_site *site, GError **error)
{
    g_auto(buffer) buf = BUFFER_INIT(CONFIG_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_member_string(&json, "name", *site->name ? site->name : NULL);
    json_member_string(&json, "sign_in_url", *site->sign_in ? site->sign_in : NULL);
    json_member_boolean(&json, "password", site->password);
    json_member_string(&json, "errors", *site->errors ? site->errors : NULL);
    json_key(&json, "media");
    json_begin_array(&json);
    g_auto(GStrv) origins = g_strsplit(site->media, " ", -1);
    for (char **origin = origins; *origin; origin++) {
        if (**origin)
            json_put_string(&json, *origin);
    }
    json_end_array(&json);
    json_end_object(&json);
    if (buf.overflow)
        return pages_refuse("what it is called and where one signs in is too long", error);
    size_t length;
    char *bytes = buffer_take(&buf, &length);
    page_add(pages, CONFIG, bytes, length);
    return true;
}

struct pages *pages_load(const char *root, const struct page_site *site, GError **error)
{
    struct pages *pages = g_new0(struct pages, 1);
    const char *media = site->media;
    const char *blank = *media ? " " : "";
    g_autofree char *policy = g_strdup_printf(PAGE_POLICY, blank, media, blank, media, blank, media,
                                              *site->errors ? " " : "", site->errors);
    pages->policy = g_ref_string_new(policy);
    pages->files =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)page_release);
    bool ok = folder_load(pages, root, "", 0, error);
    if (ok && !g_hash_table_contains(pages->files, INDEX))
        ok = pages_refuse("there is no index.html", error);
    if (ok && !g_hash_table_contains(pages->files, CONFIG))
        ok = site_add(pages, site, error);
    if (!ok) {
        pages_free(pages);
        return NULL;
    }
    pages_pair(pages);
    log_info(AREA_HTTP, "pages-loaded", "files=%u bytes=%zu", g_hash_table_size(pages->files),
             pages->bytes);
    return pages;
}

/* What a browser shows as a page of its own. */
static bool is_navigation(const struct exchange *exchange)
{
    const char *accept = exchange->head.accept;
    return accept && strstr(accept, "text/html") &&
           !g_str_has_prefix(exchange->head.url, "/api/") &&
           !g_str_has_prefix(exchange->head.url, IMMUTABLE_BELOW);
}

bool page_find(const struct pages *pages, struct exchange *exchange)
{
    const struct head *head = &exchange->head;
    if (!pages || (strcmp(head->method, "GET") != 0 && strcmp(head->method, "HEAD") != 0))
        return false;
    struct page *page =
        g_hash_table_lookup(pages->files, strcmp(head->url, "/") == 0 ? INDEX : head->url);
    if (!page && is_navigation(exchange))
        page = g_hash_table_lookup(pages->files, INDEX);
    exchange->page = page ? g_rc_box_acquire(page) : NULL;
    return page != NULL;
}

/* The best coding in which PAGE lies and that the client takes. */
static enum coding coding_choose(const struct page *page, const char *accepted)
{
    for (size_t i = 0; i < CODING_NONE; i++) {
        if (page->content[i] && coding_is_accepted(accepted, codings[i].name))
            return (enum coding)i;
    }
    return CODING_NONE;
}

static void bytes_release(void *data)
{
    g_bytes_unref(data);
}

enum MHD_Result page_send(struct exchange *exchange)
{
    const struct page *page = exchange->page;
    const char *accepted =
        MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, "Accept-Encoding");
    enum coding coding = coding_choose(page, accepted);
    bool known = reply_is_known(exchange, page->etag);
    gsize length;
    GBytes *bytes = g_bytes_ref(page->content[coding]);
    const void *data = g_bytes_get_data(bytes, &length);
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        known ? 0 : length, (void *)(guintptr)data, bytes_release, bytes);
    if (!response) {
        g_bytes_unref(bytes);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", page->type);
    MHD_add_response_header(response, "ETag", page->etag);
    MHD_add_response_header(response, "Cache-Control",
                            page->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (codings[coding].name)
        MHD_add_response_header(response, "Content-Encoding", codings[coding].name);
    MHD_add_response_header(response, "Content-Security-Policy", page->policy);
    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++)
        MHD_add_response_header(response, headers[i].name, headers[i].value);
    return reply_queue(exchange, known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, response);
}
