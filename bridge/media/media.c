/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <openssl/crypto.h>
#include <string.h>

#include "bridge/base/file_link.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/loop/disk.h"
#include "bridge/media/bucket.h"
#include "bridge/media/film.h"
#include "bridge/media/media.h"
#include "bridge/media/render.h"
#include "bridge/media/shelf.h"

#define KEYS_MAX 64

static struct {
    const char *folder; /* NULL: there is no store */
    struct vault *vault;
    bool films;
} media;

bool media_has_cdn(const struct options *options)
{
    return options->media_cdn && *options->media_cdn;
}

static void links_set(const struct options *options)
{
    guint8 keys[KEYS_MAX][32];
    struct file_link_settings settings = {.url = options->media_url,
                                          .cdn = media_has_cdn(options) ? options->media_cdn : NULL,
                                          .keys = keys,
                                          .key_count = vault_link_keys(media.vault, keys, KEYS_MAX),
                                          .seconds = options->media_link_time};
    file_links_set(&settings);
    OPENSSL_cleanse(keys, sizeof keys);
}

void media_start(const struct options *options)
{
    g_autoptr(GError) error = NULL;
    if (!options->media_store)
        return;
    if (!shelf_prepare(options->media_store)) {
        log_error(AREA_MAIN, "no-store", "folder=%s reason=\"cannot be written\"",
                  options->media_store);
        return;
    }
    media.vault = vault_new(options->media_key, &error);
    if (!media.vault) {
        log_error(AREA_MAIN, "no-store", "reason=\"%s\"", error->message);
        return;
    }
    media.folder = options->media_store;
    media.films = strcmp(options->media_ffmpeg, "on") == 0 &&
                  g_file_test("/usr/bin/ffmpeg", G_FILE_TEST_IS_EXECUTABLE);
    links_set(options);
    bucket_begin(options);
    disk_start();
    render_start();
    if (media.films)
        film_start();
}

static void vault_renew(const struct options *options, const struct options *fresh)
{
    g_autoptr(GError) error = NULL;
    struct vault *vault = vault_new(fresh->media_key, &error);
    if (!vault) {
        log_warning(AREA_MAIN, "store-keys-kept", "reason=\"%s\"", error->message);
        return;
    }
    bool same = strcmp(vault_newest(vault), vault_newest(media.vault)) == 0;
    vault_free(media.vault);
    media.vault = vault;
    links_set(options);
    if (!same)
        log_info(AREA_MAIN, "store-keys-read", "newest=%s", vault_newest(vault));
}

void media_renew(const struct options *options, const struct options *fresh)
{
    if (!media.folder)
        return;
    if (fresh->media_key)
        vault_renew(options, fresh);
    if (fresh->media_s3_key && fresh->media_s3_secret)
        bucket_renew(fresh->media_s3_key, fresh->media_s3_secret);
}

void media_stop(void)
{
    if (!media.folder)
        return;
    disk_stop();
    file_links_set(NULL);
    bucket_end();
    g_clear_pointer(&media.vault, vault_free);
    media.folder = NULL;
}

bool media_has_classifier(const struct options *options)
{
    return options->media_classifier_url && *options->media_classifier_url;
}

bool media_is_judged(const struct options *options)
{
    return options->media_scanner || media_has_classifier(options);
}

bool media_is_on(void)
{
    return media.folder != NULL;
}

bool media_has_films(void)
{
    return media.films;
}

const char *media_folder(void)
{
    return media.folder;
}

const struct vault *media_vault(void)
{
    return media.vault;
}

static bool taken; /* the turn is */

bool media_turn_begin(void)
{
    bool mine = !taken;
    taken = true;
    return mine;
}

void media_turn_end(void)
{
    taken = false;
}

bool media_key_open(const struct uuid *file, const char *name, const char *text,
                    guint8 ret_key[FILE_KEY_SIZE])
{
    gsize length = 0;
    g_autofree guchar *wrapped = g_base64_decode(text ? text : "", &length);
    return length == FILE_KEY_WRAPPED_SIZE &&
           vault_unwrap(media.vault, name, file, wrapped, ret_key);
}
