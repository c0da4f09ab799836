/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UUIDs: 16 bytes inside, 36 lower-case characters outside. New ids are UUIDv7 (RFC 9562): they
 * sort by time and carry 74 random bits. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define UUID_TEXT_SIZE 37

struct uuid {
    guint8 bytes[16];
};

void uuid_generate(struct uuid *ret_id);
void uuid_generate_text(char ret_text[UUID_TEXT_SIZE]); /* a new one, as uuid_format() has it */
bool uuid_parse(const char *text, struct uuid *ret_id); /* any case; false: not a UUID */
void uuid_format(const struct uuid *id, char ret_text[UUID_TEXT_SIZE]);
bool uuid_is_nil(const struct uuid *id);

/* For GHashTable keys that are struct uuid *. */
guint uuid_hash(gconstpointer id);
gboolean uuid_equal(gconstpointer a, gconstpointer b);

/* BYTES random bytes from the kernel as lower-case hex; caller frees. */
char *random_hex(size_t bytes);
