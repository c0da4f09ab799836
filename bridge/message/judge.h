/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of strangers that [spam] hook_url is asked about before they are stored, and links_url
 * about links in them: SQL says which (OUTCOME_ASKED, see spam_pass()), here they wait for the
 * answers, and are written again with what those say.
 * What comes meanwhile for the same conversation waits behind, so that its order stays.
 * With hook_scope = all every text of app users is asked about, before SQL sees it. */
#pragma once

#include <jansson.h>

struct core;
struct request;
struct uuid;

void judge_start(struct core *core);
void judge_stop(struct core *core);

/* Calls NEXT, now or later, if nobody objects to TEXT (NULL: none) of REQUEST's and to what it
 * carries, DETAILS (NULL: nothing), which are about OBJECT; else REQUEST is answered. */
void judge_text(struct request *request, const char *text, const json_t *details,
                const struct uuid *object, void (*next)(struct request *request));
