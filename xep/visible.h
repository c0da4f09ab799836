/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a text shows anything. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether one of the LENGTH bytes of UTF-8 at TEXT is a character that can be seen: neither white
 * space, nor a control or format character, nor one that Unicode has ignored by default, nor one of
 * those that are letters or symbols by category but are drawn empty. */
bool text_is_visible(const char *text, size_t length);
