/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "bridge/loop/disk.h"
#include "bridge/media/adopt.h"
#include "bridge/media/plain.h"
#include "bridge/media/type.h"

#define CIPHER_KEY 32
#define CIPHER_TAG 16
#define NO_TYPE "application/octet-stream"

struct adopting {
    struct disk_work work;
    struct adopt_plan plan;
    struct adopted adopted;
    guint8 key[FILE_KEY_SIZE];
    char *type, *told, *aesgcm, *sha256;
};

static struct adopting *adopting_of(struct disk_work *work)
{
    return (struct adopting *)(void *)work; /* its first member */
}

/* ---- XEP-0454 -------------------------------------------------------------------------------- */

static bool hex_read(const char *hex, guint8 *ret, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        int high = g_ascii_xdigit_value(hex[2 * i]);
        int low = g_ascii_xdigit_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret[i] = (guint8)(high << 4 | low);
    }
    return true;
}

/* Decrypts the LENGTH bytes at DATA, in place: what is left of them has *RET_LENGTH. */
static bool aesgcm_open(const char *hex, guint8 *data, size_t length, size_t *ret_length)
{
    guint8 secret[16 + CIPHER_KEY];
    size_t all = strlen(hex) / 2;
    int made = 0, rest = 0;
    if ((all != 12 + CIPHER_KEY && all != 16 + CIPHER_KEY) || !hex_read(hex, secret, all) ||
        length <= CIPHER_TAG || length > G_MAXINT)
        return false;
    size_t nonce = all - CIPHER_KEY;
    size_t text = length - CIPHER_TAG;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool done = cipher && EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, NULL, NULL) == 1 &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_IVLEN, (int)nonce, NULL) == 1 &&
                EVP_DecryptInit_ex(cipher, NULL, NULL, secret + nonce, secret) == 1 &&
                EVP_DecryptUpdate(cipher, data, &made, data, (int)text) == 1 &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, CIPHER_TAG, data + text) == 1 &&
                EVP_DecryptFinal_ex(cipher, data + made, &rest) == 1;
    EVP_CIPHER_CTX_free(cipher);
    OPENSSL_cleanse(secret, sizeof secret);
    *ret_length = text;
    return done;
}

/* ---- Storing --------------------------------------------------------------------------------- */

static bool is_promised(struct adopting *adopting, const guint8 *data, size_t length)
{
    struct adopted *adopted = &adopting->adopted;
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, length);
    g_strlcpy(adopted->sha256, sum, sizeof adopted->sha256);
    adopted->size = length;
    adopted->type = adopting->type;
    if (adopting->told && strcmp(adopting->type, NO_TYPE) == 0 &&
        media_type_fits(adopting->told, data, MIN(length, 64)))
        adopted->type = adopting->told;
    return media_type_fits(adopted->type, data, MIN(length, 64)) &&
           (!adopting->sha256 || g_ascii_strcasecmp(adopting->sha256, sum) == 0);
}

static enum error_code data_store(struct adopting *adopting, guint8 *data, size_t length)
{
    const struct adopt_plan *plan = &adopting->plan;
    struct plain_place place = {plan->folder, plan->file, "", adopting->key};
    if (adopting->aesgcm && !aesgcm_open(adopting->aesgcm, data, length, &length))
        return ERROR_UNPROCESSABLE;
    if (!is_promised(adopting, data, length))
        return ERROR_UNPROCESSABLE;
    return plain_store(&place, data, length);
}

static void run_adopt(struct disk_work *work)
{
    struct adopting *adopting = adopting_of(work);
    struct stat state;
    adopting->adopted.error = ERROR_UNAVAILABLE;
    if (fstat(adopting->plan.fd, &state) != 0 || state.st_size <= 0)
        return;
    size_t length = (size_t)state.st_size;
    void *data = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE, adopting->plan.fd, 0);
    if (data == MAP_FAILED)
        return;
    adopting->adopted.error = data_store(adopting, data, length);
    munmap(data, length);
}

static void adopt_done(struct disk_work *work)
{
    struct adopting *adopting = adopting_of(work);
    adopting->plan.done(&adopting->adopted, adopting->plan.data);
    OPENSSL_cleanse(adopting->key, sizeof adopting->key);
    g_free(adopting->type);
    g_free(adopting->told);
    g_free(adopting->aesgcm);
    g_free(adopting->sha256);
    g_free(adopting);
}

void file_adopt(const struct adopt_plan *plan)
{
    struct adopting *adopting = g_new0(struct adopting, 1);
    adopting->work = (struct disk_work){run_adopt, adopt_done, false};
    adopting->plan = *plan;
    memcpy(adopting->key, plan->key, sizeof adopting->key);
    adopting->type = g_strdup(plan->type);
    adopting->told = plan->told ? media_type_plain(plan->told) : NULL;
    adopting->aesgcm = g_strdup(plan->aesgcm);
    adopting->sha256 = g_strdup(plan->sha256);
    disk_submit(&adopting->work);
}
