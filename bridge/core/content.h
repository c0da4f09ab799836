/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What messages carry besides their text: read from sends and stanzas, put into stanzas. What is
 * stored is a JSON object, messages.details; a message without one is a text and nothing else. See
 * decision 0061. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "bridge/core/field.h"
#include "xep/stanza.h"

struct message_draft;
struct request;
struct stanza_context;

/* ---- Sends ----------------------------------------------------------------------------------- */

enum carrier {
#define TRESTLE_CARRIER(KIND, type, text) CARRIER_##KIND,
#include "bridge/core/content.def"
    CARRIERS
};

extern const char *const content_types[]; /* message_type of a send, ended by NULL */

/* The rows of fields of whatever sends a message. */
#define CONTENT_FIELD(NAME, field_name, field_type, least, most, KIND, with)                       \
    {.name = field_name, .type = FIELD_##field_type, .minimum = least, .maximum = most},

/* Reads what REQUEST, whose fields have the rows of content.def, carries besides its text, into
 * DRAFT: its content, and its details (a new reference; NULL: nothing). False: it does not go
 * together, or is not well-formed, and REQUEST was answered. */
bool content_take(struct request *request, struct message_draft *draft);
/* Whether the field content of REQUEST is a text that may be sent; if not, it was answered. */
bool content_check_text(struct request *request);

/* ---- Stanzas --------------------------------------------------------------------------------- */

/* Where a stanza goes: ids and addresses differ. */
struct content_scene {
    const char
        *rooms;     /* the domain of rooms, if it is passed on by one; NULL: from one to another */
    unsigned shift; /* code points that stand before what the author wrote */
};

/* The text of a message that came: its body (may be NULL), and what is shown (message_text_read()),
 * which has the body in it. */
struct content_text {
    const char *body;
    const char *shown;
};

/* One thing that messages carry; the feature that it belongs to owns the row. Functions may be
 * NULL. VALUE, unless it says otherwise, is the member KEY of what message_wire() in SQL says. */
struct content {
    const char *key;
    /* The member KEY of a send, as details are to have it: a new reference. CONTENT is the text
     * (NULL: none). NULL, with what is wrong in *ret_problem. Without it a value is stored as it
     * is. */
    json_t *(*take)(const json_t *value, const char *content, struct field_problem *ret_problem);
    /* What goes before the text, for clients that do not know the payload NS; it is declared to be
     * that (XEP-0428). NULL: nothing. The caller frees it. */
    char *(*lead)(const json_t *value);
    const char *ns;
    /* What stands for the text of a message that has none. The caller frees it. */
    char *(*text)(const json_t *value);
    /* Adds the payload to STANZA. */
    void (*add)(xmpp_stanza_t *stanza, const struct content_scene *scene, const json_t *value);
    /* Looks for the payload in a message that came, of which SAID is the text, and adds what it
     * says to DETAILS, as content_arrived() in SQL takes it. */
    void (*read)(const struct stanza_context *context, const struct content_text *said,
                 json_t *details);
};

/* The tables of all features, each ended by a row without key, the list by NULL: once, at start. */
void content_use(const struct content *const *tables);

/* Adds body, fallbacks and payloads of a message, of which message_wire() in SQL says WIRE, to
 * STANZA. */
void content_add(xmpp_stanza_t *stanza, const struct content_scene *scene, const json_t *wire);

/* What the message of CONTEXT, of which SAID is the text, carries: a new reference, or NULL:
 * nothing. */
json_t *content_of_stanza(const struct stanza_context *context, const struct content_text *said);
