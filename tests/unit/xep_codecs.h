/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What xep_vectors_test.c reads of a stanza, by folder of vectors, and how the fuzzer and that test
 * write it again. */
#pragma once

#include <jansson.h>

#include "xep/stanza.h"

struct xep_codec {
    const char *folder;
    /* What the codec reads, NULL when the thing is not there. */
    json_t *(*dump)(xmpp_stanza_t *stanza);
    /* A new stanza with what the codec read, NULL when the thing is not there. No member: the codec
     * only reads, or only answers. */
    xmpp_stanza_t *(*rebuild)(xmpp_stanza_t *stanza);
};

/* Each ended by a member without folder. */
extern const struct xep_codec xep_message_codecs[];
extern const struct xep_codec xep_room_codecs[];
extern const struct xep_codec xep_archive_codecs[];
extern const struct xep_codec xep_item_codecs[];
