/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file, or what was made of it, as the answer to a request: read from the shelf and decrypted as
 * fast as the client takes it, a quarter of a MiB in memory. */
#pragma once

#include <glib.h>

#include "bridge/media/part_reader.h"

struct request;

struct outtake {
    struct part_place place;
    const char *content_type; /* static text */
    unsigned status;
};

/* Answers REQUEST with what PLAN says. Bytes that are not there, or not what they were, end the
 * connection. */
void outtake_begin(struct request *request, const struct outtake *plan);
