/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a component link says of its own accord. Callers free what they get. */
#pragma once

#include <strophe.h>

#include "xep/stream_reader.h"

char *link_text_header(const char *domain); /* the stream's root tag */
char *link_text_handshake(const char *stream_id, const char *secret);

/* The answer to a stanza that was too large, of which only the first tag is known; NULL: none. */
xmpp_stanza_t *link_text_refusal(const struct stream_header *header);
