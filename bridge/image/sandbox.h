/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a program that reads bytes from outside may still do. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct sandbox {
    size_t memory;    /* bytes */
    unsigned seconds; /* of the processor */
};

/* Closes every descriptor above LAST, and takes all rights away but to read and write those that
 * are left, and to use memory: whatever else is tried kills the process. False: it could not be
 * done. Under a sanitizer, which needs more, there are hardly any limits. */
bool sandbox_enter(const struct sandbox *limits, unsigned last);

/* All of LENGTH bytes to standard output. */
bool sandbox_write(const void *bytes, size_t length);
