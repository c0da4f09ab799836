/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AES-256-GCM and HMAC of OpenSSL. Nonces are random: a key sees few segments, the largest file has
 * 80,000. */
#include "config.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include "bridge/base/error.h"
#include "bridge/media/vault.h"

#define NONCE_SIZE 12
#define TAG_SIZE 16
#define KEYS_MAX 64
#define NOTE_MAX 64 /* bytes that name the place of something encrypted */

struct master_key {
    guint8 key[FILE_KEY_SIZE];
    char name[KEY_NAME_SIZE];
};

struct vault {
    GArray *keys; /* struct master_key, the newest last */
};

/* ---- Encryption ------------------------------------------------------------------------------ */

struct sealing {
    const guint8 *key;
    guint8 note[NOTE_MAX]; /* must be the same when it is opened */
    size_t note_length;
};

static bool bytes_seal(const struct sealing *how, const guint8 *plain, size_t length,
                       guint8 *sealed)
{
    guint8 *nonce = sealed;
    guint8 *text = sealed + NONCE_SIZE;
    int count = 0;
    if (RAND_bytes(nonce, NONCE_SIZE) != 1)
        return false;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool done = cipher &&
                EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, how->key, nonce) == 1 &&
                EVP_EncryptUpdate(cipher, NULL, &count, how->note, (int)how->note_length) == 1 &&
                EVP_EncryptUpdate(cipher, text, &count, plain, (int)length) == 1 &&
                EVP_EncryptFinal_ex(cipher, text + length, &count) == 1 &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, text + length) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return done;
}

static bool bytes_open(const struct sealing *how, const guint8 *sealed, size_t length,
                       guint8 *plain)
{
    if (length < SEGMENT_EXTRA)
        return false;
    size_t size = length - SEGMENT_EXTRA;
    const guint8 *text = sealed + NONCE_SIZE;
    guint8 tag[TAG_SIZE];
    int count = 0;
    memcpy(tag, text + size, TAG_SIZE);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool done = cipher &&
                EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, how->key, sealed) == 1 &&
                EVP_DecryptUpdate(cipher, NULL, &count, how->note, (int)how->note_length) == 1 &&
                EVP_DecryptUpdate(cipher, plain, &count, text, (int)size) == 1 &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1 &&
                EVP_DecryptFinal_ex(cipher, plain + size, &count) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return done;
}

static struct sealing sealing_of(const struct segment_place *place)
{
    struct sealing how = {.key = place->key};
    guint64 index = GUINT64_TO_BE(place->index);
    size_t length = MIN(strlen(place->part), NOTE_MAX - sizeof index);
    memcpy(how.note, &index, sizeof index);
    memcpy(how.note + sizeof index, place->part, length);
    how.note_length = sizeof index + length;
    return how;
}

bool segment_seal(const struct segment_place *place, const guint8 *plain, size_t length,
                  guint8 *ret_sealed)
{
    struct sealing how = sealing_of(place);
    return bytes_seal(&how, plain, length, ret_sealed);
}

bool segment_open(const struct segment_place *place, const guint8 *sealed, size_t length,
                  guint8 *ret_plain)
{
    struct sealing how = sealing_of(place);
    return bytes_open(&how, sealed, length, ret_plain);
}

guint64 segments_size(guint64 size)
{
    return size + (size + SEGMENT_SIZE - 1) / SEGMENT_SIZE * SEGMENT_EXTRA;
}

/* ---- Master keys ----------------------------------------------------------------------------- */

static bool key_read(const char *line, guint8 ret_key[FILE_KEY_SIZE])
{
    if (strlen(line) != 2 * FILE_KEY_SIZE)
        return false;
    for (size_t i = 0; i < FILE_KEY_SIZE; i++) {
        int high = g_ascii_xdigit_value(line[2 * i]);
        int low = g_ascii_xdigit_value(line[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_key[i] = (guint8)(high << 4 | low);
    }
    return true;
}

static void key_name(const guint8 key[FILE_KEY_SIZE], char ret_name[KEY_NAME_SIZE])
{
    guint8 digest[32];
    unsigned length = 0;
    HMAC(EVP_sha256(), key, FILE_KEY_SIZE, (const guint8 *)"name", 4, digest, &length);
    for (size_t i = 0; i < (KEY_NAME_SIZE - 1) / 2; i++)
        g_snprintf(ret_name + 2 * i, 3, "%02x", digest[i]);
}

static bool keys_read(GArray *keys, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        const char *line = g_strstrip(lines[i]);
        struct master_key key;
        if (!*line || *line == '#')
            continue;
        if (keys->len >= KEYS_MAX || !key_read(line, key.key))
            return false;
        key_name(key.key, key.name);
        g_array_append_val(keys, key);
    }
    return keys->len > 0;
}

struct vault *vault_new(const char *text, GError **error)
{
    struct vault *vault = g_new0(struct vault, 1);
    vault->keys = g_array_new(FALSE, FALSE, sizeof(struct master_key));
    if (keys_read(vault->keys, text))
        return vault;
    g_set_error_literal(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE,
                        "[media] key_file: must have keys of 64 hexadecimal digits, one on each "
                        "line, at most 64 of them");
    vault_free(vault);
    return NULL;
}

void vault_free(struct vault *vault)
{
    if (!vault)
        return;
    for (guint i = 0; i < vault->keys->len; i++)
        OPENSSL_cleanse(g_array_index(vault->keys, struct master_key, i).key, FILE_KEY_SIZE);
    g_array_unref(vault->keys);
    g_free(vault);
}

static const struct master_key *newest_key(const struct vault *vault)
{
    return &g_array_index(vault->keys, struct master_key, vault->keys->len - 1);
}

const char *vault_newest(const struct vault *vault)
{
    return newest_key(vault)->name;
}

static struct sealing wrapping_of(const guint8 *key, const struct uuid *file)
{
    struct sealing how = {.key = key, .note_length = sizeof file->bytes};
    memcpy(how.note, file->bytes, sizeof file->bytes);
    return how;
}

bool vault_wrap(const struct vault *vault, const struct uuid *file, const guint8 key[FILE_KEY_SIZE],
                guint8 ret_wrapped[FILE_KEY_WRAPPED_SIZE])
{
    struct sealing how = wrapping_of(newest_key(vault)->key, file);
    return bytes_seal(&how, key, FILE_KEY_SIZE, ret_wrapped);
}

bool vault_unwrap(const struct vault *vault, const char *name, const struct uuid *file,
                  const guint8 wrapped[FILE_KEY_WRAPPED_SIZE], guint8 ret_key[FILE_KEY_SIZE])
{
    for (guint i = vault->keys->len; name && i-- > 0;) {
        const struct master_key *key = &g_array_index(vault->keys, struct master_key, i);
        struct sealing how = wrapping_of(key->key, file);
        if (strcmp(key->name, name) == 0)
            return bytes_open(&how, wrapped, FILE_KEY_WRAPPED_SIZE, ret_key);
    }
    return false;
}

unsigned vault_link_keys(const struct vault *vault, guint8 (*ret_keys)[32], unsigned most)
{
    unsigned count = 0;
    for (guint i = vault->keys->len; i-- > 0 && count < most; count++) {
        unsigned length = 0;
        HMAC(EVP_sha256(), g_array_index(vault->keys, struct master_key, i).key, FILE_KEY_SIZE,
             (const guint8 *)"links", 5, ret_keys[count], &length);
    }
    return count;
}
