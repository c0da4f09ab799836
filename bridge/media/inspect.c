/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In a thread: a large file takes a second. */
#include "config.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "bridge/loop/disk.h"
#include "bridge/media/inspect.h"
#include "bridge/media/plain.h"
#include "bridge/media/shelf.h"

struct inspecting {
    struct disk_work work;
    struct inspection found;
    const char *folder;
    struct uuid file;
    char *tail_path;
    guint8 key[FILE_KEY_SIZE];
    guint64 size;
    void (*done)(const struct inspection *found, void *data);
    void *data;
};

static struct inspecting *inspecting_of(struct disk_work *work)
{
    return (struct inspecting *)(void *)work; /* its first member */
}

/* Data of plain_each(). */
struct digesting {
    EVP_MD_CTX *digest;
    struct inspection *found;
};

static bool digest_take(const guint8 *bytes, size_t length, void *data)
{
    struct digesting *digesting = data;
    struct inspection *found = digesting->found;
    if (found->head_length == 0) {
        found->head_length = MIN(length, sizeof found->head);
        memcpy(found->head, bytes, found->head_length);
    }
    return EVP_DigestUpdate(digesting->digest, bytes, length) == 1;
}

static void run_inspect(struct disk_work *work)
{
    struct inspecting *inspecting = inspecting_of(work);
    guint8 sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    struct plain_place place = {inspecting->folder, inspecting->file, "", inspecting->key};
    struct digesting digesting = {digest, &inspecting->found};
    bool whole = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                 plain_each(&place, inspecting->size, digest_take, &digesting) &&
                 EVP_DigestFinal_ex(digest, sum, &length) == 1;
    EVP_MD_CTX_free(digest);
    for (unsigned i = 0; whole && i < 32; i++)
        g_snprintf(inspecting->found.sha256 + 2 * i, 3, "%02x", sum[i]);
    inspecting->found.error = whole ? ERROR_NONE : ERROR_GONE;
    if (whole)
        shelf_forget(inspecting->tail_path);
}

static void inspect_done(struct disk_work *work)
{
    struct inspecting *inspecting = inspecting_of(work);
    inspecting->done(&inspecting->found, inspecting->data);
    OPENSSL_cleanse(inspecting->key, sizeof inspecting->key);
    g_free(inspecting->tail_path);
    g_free(inspecting);
}

void file_inspect(const struct inspection_plan *plan)
{
    struct inspecting *inspecting = g_new0(struct inspecting, 1);
    inspecting->work = (struct disk_work){run_inspect, inspect_done, false};
    inspecting->folder = plan->folder;
    inspecting->file = plan->file;
    inspecting->tail_path = shelf_path(plan->folder, &plan->file, SHELF_TAIL);
    memcpy(inspecting->key, plan->key, sizeof inspecting->key);
    inspecting->size = plan->size;
    inspecting->done = plan->done;
    inspecting->data = plan->data;
    disk_submit(&inspecting->work);
}
