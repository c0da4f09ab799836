/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages in words, for clients that know texts alone. */
#pragma once

#include <jansson.h>

/* The content of a Message, or what stands for it: a place as a URI, a poll as its question and
 * numbered options. A new reference, JSON null if there is nothing to say. */
json_t *words_of_message(const json_t *message);
