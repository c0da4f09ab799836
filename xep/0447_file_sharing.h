/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0447 stateless file sharing, with the metadata of XEP-0446, digests of XEP-0300 and
 * thumbnails of XEP-0264: where a file lies, and what is known of it. */
#pragma once

#include "xep/stanza.h"

struct shared_file {
    const char *url; /* NULL: it can only be fetched from its sender */
    const char *name, *type;
    const char *sha256;                     /* base64 */
    uint64_t size, width, height, duration; /* milliseconds; 0: not said */
    struct {
        const char *url, *type;
        uint64_t width, height;
    } thumbnail; /* url NULL: none */
};

#define SHARED_FILES_MAX 10

/* The files of MESSAGE, at most SHARED_FILES_MAX: how many. Borrowed. */
size_t shared_files_parse(xmpp_stanza_t *message, struct shared_file ret_files[SHARED_FILES_MAX]);
void shared_file_add(xmpp_stanza_t *message, const struct shared_file *file);
