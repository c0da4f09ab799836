/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/core/core.h"
#include "bridge/file/foreign_picture.h"
#include "bridge/media/fetch.h"
#include "bridge/profile/picture.h"
#include "bridge/profile/profile.h"

#define PICTURE_MAX (1024 * 1024) /* bytes; more is not made anew */
#define SECONDS_MAX 20

struct getting {
    struct core *core;
    char *owner, *url;
    foreign_picture_done done;
    void *data;
    char hash[PICTURE_HASH_SIZE];
};

static void getting_end(struct getting *getting, const char *hash)
{
    getting->done(hash, getting->data);
    g_free(getting->owner);
    g_free(getting->url);
    g_free(getting);
}

static void picture_stored(const struct rows *rows, enum error_code error, void *data)
{
    struct getting *getting = data;
    (void)rows;
    getting_end(getting, error == ERROR_NONE ? getting->hash : NULL);
}

static void picture_made(const struct picture *picture, enum error_code error, void *data)
{
    struct getting *getting = data;
    if (error != ERROR_NONE || !getting->core->archive) {
        getting_end(getting, NULL);
        return;
    }
    g_strlcpy(getting->hash, picture->hash, sizeof getting->hash);
    picture_store(getting->core, picture, picture_stored, getting);
}

static void picture_fetched(const struct fetched *fetched, void *data)
{
    struct getting *getting = data;
    struct picture_origin origin = {.owner = getting->owner, .foreign = true};
    if (fetched->outcome == FETCH_DONE)
        picture_make(fetched->bytes, &origin, picture_made, getting);
    else
        getting_end(getting, NULL);
}

void foreign_picture_get(struct core *core, const char *url, const char *owner,
                         foreign_picture_done done, void *data)
{
    struct getting *getting = g_new0(struct getting, 1);
    *getting = (struct getting){
        .core = core, .owner = g_strdup(owner), .url = g_strdup(url), .done = done, .data = data};
    struct fetch_plan plan = {.url = getting->url,
                              .kind = FETCH_PICTURE,
                              .most = PICTURE_MAX,
                              .seconds = SECONDS_MAX,
                              .fd = -1,
                              .done = picture_fetched,
                              .data = getting};
    fetch_begin(&plan);
}
