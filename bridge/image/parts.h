/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is made of a picture that somebody has uploaded: smaller ones, and forms that every client
 * can show. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct part {
    const char *name, *type;
    const void *data;
    size_t length;
    int width, height; /* upright */
};

/* Hands each part of the LENGTH bytes to EMIT; false: it cannot be decoded, or EMIT was false. */
bool parts_make(const void *bytes, size_t length, bool (*emit)(const struct part *part));
