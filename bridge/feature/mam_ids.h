/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ids that a request for a page of an archive names, as SQL takes them. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "bridge/base/id.h"
#include "xep/0313_mam_query.h"

/* Adds to QUERY what ASKED is behind, before, or asks for by id: arrays `after`, `before` and `ids`
 * of UUIDs. PARSE knows how the archive spells ids. False: one of them is no id that the archive
 * could have; QUERY may hold some then. */
bool mam_ids_put(json_t *query, const struct mam_query *asked,
                 bool (*parse)(const char *text, struct uuid *ret_id));
