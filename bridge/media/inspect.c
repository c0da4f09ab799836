/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In a thread: a large file takes a second. */
#include "config.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "bridge/loop/disk.h"
#include "bridge/media/inspect.h"
#include "bridge/media/shelf.h"

struct inspecting {
    struct disk_work work;
    struct inspection found;
    char *path, *tail_path;
    guint8 key[FILE_KEY_SIZE];
    guint64 size;
    void (*done)(const struct inspection *found, void *data);
    void *data;
};

static struct inspecting *inspecting_of(struct disk_work *work)
{
    return (struct inspecting *)(void *)work; /* its first member */
}

static bool read_segments(struct inspecting *inspecting, EVP_MD_CTX *digest)
{
    g_autofree guint8 *sealed = g_malloc(SEGMENT_SLOT);
    g_autofree guint8 *plain = g_malloc(SEGMENT_SIZE);
    struct inspection *found = &inspecting->found;
    for (guint64 index = 0; index * SEGMENT_SIZE < inspecting->size; index++) {
        size_t length = (size_t)MIN(inspecting->size - index * SEGMENT_SIZE, SEGMENT_SIZE);
        struct segment_place place = {.key = inspecting->key, .part = "", .index = index};
        if (!shelf_read(inspecting->path, index * SEGMENT_SLOT, sealed, length + SEGMENT_EXTRA) ||
            !segment_open(&place, sealed, length + SEGMENT_EXTRA, plain) ||
            EVP_DigestUpdate(digest, plain, length) != 1)
            return false;
        if (index == 0) {
            found->head_length = MIN(length, sizeof found->head);
            memcpy(found->head, plain, found->head_length);
        }
    }
    return true;
}

static void run_inspect(struct disk_work *work)
{
    struct inspecting *inspecting = inspecting_of(work);
    guint8 sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool whole = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                 read_segments(inspecting, digest) && EVP_DigestFinal_ex(digest, sum, &length) == 1;
    EVP_MD_CTX_free(digest);
    for (unsigned i = 0; whole && i < 32; i++)
        g_snprintf(inspecting->found.sha256 + 2 * i, 3, "%02x", sum[i]);
    inspecting->found.error = whole ? ERROR_NONE : ERROR_GONE;
    if (whole)
        shelf_remove(inspecting->tail_path);
}

static void inspect_done(struct disk_work *work)
{
    struct inspecting *inspecting = inspecting_of(work);
    inspecting->done(&inspecting->found, inspecting->data);
    OPENSSL_cleanse(inspecting->key, sizeof inspecting->key);
    g_free(inspecting->path);
    g_free(inspecting->tail_path);
    g_free(inspecting);
}

void file_inspect(const struct inspection_plan *plan)
{
    struct inspecting *inspecting = g_new0(struct inspecting, 1);
    inspecting->work = (struct disk_work){run_inspect, inspect_done};
    inspecting->path = shelf_path(plan->folder, &plan->file, "");
    inspecting->tail_path = shelf_path(plan->folder, &plan->file, SHELF_TAIL);
    memcpy(inspecting->key, plan->key, sizeof inspecting->key);
    inspecting->size = plan->size;
    inspecting->done = plan->done;
    inspecting->data = plan->data;
    disk_submit(&inspecting->work);
}
