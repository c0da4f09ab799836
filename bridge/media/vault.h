/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How files lie in the store: in segments, each encrypted (AES-256-GCM) by the key of its file, and
 * that key by a master key of option media.key_file. Pure code; safe in any thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"

#define FILE_KEY_SIZE 32
#define FILE_KEY_WRAPPED_SIZE 60 /* a nonce, the key, a tag */
#define SEGMENT_SIZE 65536       /* bytes of a file; the last one has what is left */
#define SEGMENT_EXTRA 28         /* of each in the store besides: a nonce before it, a tag behind */
#define SEGMENT_SLOT (SEGMENT_SIZE + SEGMENT_EXTRA)
#define KEY_NAME_SIZE 17

struct vault;

/* TEXT is the content of a key_file; its last key is the newest. NULL and *ERROR: it has none, or
 * what is no key. */
struct vault *vault_new(const char *text, GError **error);
void vault_free(struct vault *vault); /* NULL is fine */

/* What the newest master key is called; it follows from the key. */
const char *vault_newest(const struct vault *vault);

/* KEY encrypted by the newest master key, for FILE alone. False: the system has no randomness. */
bool vault_wrap(const struct vault *vault, const struct uuid *file, const guint8 key[FILE_KEY_SIZE],
                guint8 ret_wrapped[FILE_KEY_WRAPPED_SIZE]);
/* False: no master key is called NAME, or it is not what vault_wrap() has made of FILE. */
bool vault_unwrap(const struct vault *vault, const char *name, const struct uuid *file,
                  const guint8 wrapped[FILE_KEY_WRAPPED_SIZE], guint8 ret_key[FILE_KEY_SIZE]);

/* The keys by which links are signed, one of each master key, the newest first: 32 bytes each. */
unsigned vault_link_keys(const struct vault *vault, guint8 (*ret_keys)[32], unsigned most);

/* Which segment of what: nothing of one place can be put into another one. */
struct segment_place {
    const guint8 *key; /* FILE_KEY_SIZE bytes */
    const char *part;  /* of the file: "" itself, else what was made of it */
    guint64 index;
};

/* SEALED has LENGTH + SEGMENT_EXTRA bytes. False: the system has no randomness. */
bool segment_seal(const struct segment_place *place, const guint8 *plain, size_t length,
                  guint8 *ret_sealed);
/* PLAIN has LENGTH - SEGMENT_EXTRA bytes. False: they are not what was sealed there. */
bool segment_open(const struct segment_place *place, const guint8 *sealed, size_t length,
                  guint8 *ret_plain);

/* What SIZE bytes of a file take in the store. */
guint64 segments_size(guint64 size);
