/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Helpers around libstrophe's stanza objects: building, looking up, answering and serialising.
 *
 * Elements made by the stream reader or by the helpers here carry their namespace as the attribute
 * "xmlns", always, so that stanza_ns() is exact. Stream content is in NS_CLIENT in memory, whatever
 * the stream calls it. Strings handed out are borrowed from the stanza. Running out of memory
 * aborts. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <strophe.h>

#include "xep/ns.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmpp_stanza_t, xmpp_stanza_release)

/* The one context of all stanzas; its logger is silent. Not thread safe, like all of libstrophe. */
xmpp_ctx_t *xep_context(void);

/* A new element; NS NULL means NS_CLIENT. */
xmpp_stanza_t *stanza_new(const char *name, const char *ns);
/* A new element inside PARENT, which owns it; the result is borrowed. */
xmpp_stanza_t *stanza_add(xmpp_stanza_t *parent, const char *name, const char *ns);
/* The same, holding TEXT. */
xmpp_stanza_t *stanza_add_text(xmpp_stanza_t *parent, const char *name, const char *ns,
                               const char *text);
/* Appends a text node to ELEMENT. */
void stanza_put_text(xmpp_stanza_t *element, const char *text, size_t length);
/* Appends CHILD to PARENT and gives PARENT the caller's reference. */
void stanza_take(xmpp_stanza_t *parent, xmpp_stanza_t *child);
/* Sets an attribute; VALUE NULL leaves the element as it is. */
void stanza_set(xmpp_stanza_t *element, const char *attribute, const char *value);
/* A stanza with addresses; each of TYPE, ID, FROM, TO may be NULL. Set the rest afterwards. */
xmpp_stanza_t *stanza_new_iq(const char *type, const char *id, const char *from, const char *to);

/* Name and effective namespace; "" for a text node. */
const char *stanza_name(xmpp_stanza_t *element);
const char *stanza_ns(xmpp_stanza_t *element);
/* An attribute, or NULL. */
const char *stanza_attr(xmpp_stanza_t *element, const char *attribute);
/* An attribute that is a number, digits only, of at most MAX. False, and *ret untouched, when it is
 * not there or anything else. */
bool stanza_attr_number(xmpp_stanza_t *element, const char *attribute, uint64_t max, uint64_t *ret);
/* Sets an attribute to a number. */
void stanza_set_number(xmpp_stanza_t *element, const char *attribute, uint64_t value);
/* Whether ELEMENT (not NULL) is exactly {NS}NAME. */
bool stanza_is(xmpp_stanza_t *element, const char *name, const char *ns);
/* Child elements in order, text skipped; NULL at the end. */
xmpp_stanza_t *stanza_first(xmpp_stanza_t *parent);
xmpp_stanza_t *stanza_next(xmpp_stanza_t *element);
/* The first child that is exactly {NS}NAME, or NULL. A child without "xmlns" has its parent's. */
xmpp_stanza_t *stanza_child(xmpp_stanza_t *parent, const char *name, const char *ns);
/* The first of them whose ATTRIBUTE is there and not empty: one without it says nothing. */
xmpp_stanza_t *stanza_child_having(xmpp_stanza_t *parent, const char *name, const char *ns,
                                   const char *attribute);
/* The first text node directly inside ELEMENT, "" when there is none. */
const char *stanza_text(xmpp_stanza_t *element);
/* The text of stanza_child(), or NULL when there is no such child. */
const char *stanza_child_text(xmpp_stanza_t *parent, const char *name, const char *ns);

/* A copy of STANZA without the children of which IS_DROPPED says so; the caller owns it. */
xmpp_stanza_t *stanza_copy_without(xmpp_stanza_t *stanza,
                                   bool (*is_dropped)(xmpp_stanza_t *child, const void *userdata),
                                   const void *userdata);

/* Answers with to and from swapped and the id copied; the result has no children.
 * NULL when STANZA is itself of type error, or of type result: those are never answered. */
xmpp_stanza_t *stanza_reply_result(xmpp_stanza_t *stanza);
/* TYPE and CONDITION as RFC 6120 section 8.3 spells them; TEXT may be NULL. */
xmpp_stanza_t *stanza_reply_error(xmpp_stanza_t *stanza, const char *type, const char *condition,
                                  const char *text);
