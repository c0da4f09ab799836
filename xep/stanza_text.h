/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stanzas as text. */
#pragma once

#include <glib.h>
#include <strophe.h>
#include <stddef.h>

/* Serialises for archives: the root declares its namespace. Characters that XML 1.0 cannot carry
 * become U+FFFD, so the result is always well-formed. The caller frees it with g_free(). */
char *stanza_to_text(xmpp_stanza_t *stanza, size_t *ret_length);
/* Serialises for a component stream, whose default namespace is NS_COMPONENT: content that is in
 * NS_CLIENT goes out without a declaration, forwarded NS_CLIENT stanzas deeper inside with one. */
char *stanza_to_link_text(xmpp_stanza_t *stanza, size_t *ret_length);
/* The same at the end of OUT. */
void stanza_append_link_text(GString *out, xmpp_stanza_t *stanza);

/* The same with the attribute `to` empty; its value belongs at RET_PLACE. For copies that differ in
 * nothing else. */
char *stanza_to_link_text_without_to(xmpp_stanza_t *stanza, size_t *ret_length, size_t *ret_place);
/* Appends VALUE as it stands between the quotes of an attribute. */
void stanza_append_attribute_value(GString *out, const char *value);
