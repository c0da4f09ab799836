/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What several fuzz targets share: bytes read as the stanzas of a component's stream. */
#pragma once

#include <stddef.h>
#include <strophe.h>

#include "xep/stream_reader.h"

/* Reads the SIZE bytes at DATA as what follows the head of a stream and calls RUN with each stanza;
 * whatever else is in them is passed over. */
void stanzas_feed(const char *data, size_t size, void (*run)(xmpp_stanza_t *stanza, void *userdata),
                  void *userdata);
