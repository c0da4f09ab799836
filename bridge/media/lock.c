/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PBKDF2 with HMAC-SHA-256: "SALT.DIGEST" in base64. */
#include "config.h"

#include <glib.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "bridge/loop/disk.h"
#include "bridge/media/lock.h"

#define ROUNDS 200000
#define SALT_SIZE 16
#define DIGEST_SIZE 32

struct locking {
    struct disk_work work;
    char *password, *lock;
    bool opens;
    void (*made)(const char *lock, void *data);
    void (*tried)(bool opens, void *data);
    void *data;
};

static struct locking *locking_of(struct disk_work *work)
{
    return (struct locking *)(void *)work; /* its first member */
}

static bool digest_make(const char *password, const guint8 *salt, guint8 ret_digest[DIGEST_SIZE])
{
    return PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, SALT_SIZE, ROUNDS, EVP_sha256(),
                             DIGEST_SIZE, ret_digest) == 1;
}

static void run_make(struct disk_work *work)
{
    struct locking *locking = locking_of(work);
    guint8 salt[SALT_SIZE], digest[DIGEST_SIZE];
    if (RAND_bytes(salt, sizeof salt) != 1 || !digest_make(locking->password, salt, digest))
        return;
    g_autofree char *first = g_base64_encode(salt, sizeof salt);
    g_autofree char *second = g_base64_encode(digest, sizeof digest);
    locking->lock = g_strdup_printf("%s.%s", first, second);
}

static void run_try(struct disk_work *work)
{
    struct locking *locking = locking_of(work);
    g_auto(GStrv) parts = g_strsplit(locking->lock, ".", 2);
    guint8 digest[DIGEST_SIZE];
    gsize salt_size = 0;
    gsize size = 0;
    if (!parts[0] || !parts[1])
        return;
    g_autofree guchar *salt = g_base64_decode(parts[0], &salt_size);
    g_autofree guchar *right = g_base64_decode(parts[1], &size);
    locking->opens = salt_size == SALT_SIZE && size == DIGEST_SIZE &&
                     digest_make(locking->password, salt, digest) &&
                     CRYPTO_memcmp(digest, right, DIGEST_SIZE) == 0;
}

static void lock_done(struct disk_work *work)
{
    struct locking *locking = locking_of(work);
    if (locking->made)
        locking->made(locking->lock, locking->data);
    else
        locking->tried(locking->opens, locking->data);
    OPENSSL_cleanse(locking->password, strlen(locking->password));
    g_free(locking->password);
    g_free(locking->lock);
    g_free(locking);
}

static void lock_submit(const struct locking *plan, void (*run)(struct disk_work *work))
{
    struct locking *locking = g_new0(struct locking, 1);
    *locking = *plan;
    locking->work = (struct disk_work){run, lock_done, false};
    disk_submit(&locking->work);
}

void lock_make(const char *password, void (*done)(const char *lock, void *data), void *data)
{
    struct locking plan = {.password = g_strdup(password), .made = done, .data = data};
    lock_submit(&plan, run_make);
}

void lock_try(const char *lock, const char *password, void (*done)(bool opens, void *data),
              void *data)
{
    struct locking plan = {
        .password = g_strdup(password), .lock = g_strdup(lock), .tried = done, .data = data};
    lock_submit(&plan, run_try);
}
