/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service of the operator's that helps with messages ([assist]): one, whatever it is asked for,
 * and one breaker. */
#pragma once

#include "bridge/core/hook.h"

#define ASSIST_WORD_MAX 100 /* bytes of what the service calls a language, and itself */

struct request;

bool assist_is_there(void);

/* Asks it for KIND ("translation") with DATA (taken), to which KIND is added; as hook_ask(). Where
 * it may answer later, ANSWER is a JSON null when it says that it will. */
bool assist_ask(const char *kind, json_t *data, hook_answer done, void *user_data);

/* The address by which it answers what TOKEN is the name of; NULL: it has to answer at once. The
 * caller frees it. */
char *assist_callback(const char *token);

/* Why it is not asked, from what assist_refusal() in SQL says; static text. */
const char *assist_refused(const char *who);

/* The text VALUE, if it is one of XML characters and of at most MOST bytes; borrowed. NULL: no. */
const char *assist_text(const json_t *value, size_t most);

/* Whether the field NAME, if it is there, is a language tag. If not, REQUEST has been answered. */
bool assist_language_is_good(struct request *request, const char *name);
