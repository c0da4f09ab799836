/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of descriptions: what real programs said in calls (tests/vectors/calls). */
#pragma once

#include <check.h>
#include <string.h>

#include "tests/unit/xep_read.h"
#include "xep/0166_jingle.h"
#include "xep/jingle/content.h"
#include "xep/jingle/sdp.h"

static inline char *vector_path(const char *file)
{
    const char *source = g_getenv("srcdir");
    return g_build_filename(source ? source : ".", "tests", "vectors", "calls", file, NULL);
}

static inline char *vector(const char *file)
{
    g_autofree char *path = vector_path(file);
    char *text = NULL;
    ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "%s cannot be read", path);
    return text;
}

static inline struct media_description *read_sdp(const char *what, const char *text)
{
    enum media_fault fault;
    struct media_description *description = sdp_read(text, strlen(text), &fault);
    ck_assert_msg(description != NULL, "%s: fault %d", what, fault);
    return description;
}

static inline struct media_description *read_stanza_vector(const char *file, bool by_initiator)
{
    enum media_fault fault;
    g_autofree char *text = vector(file);
    g_autoptr(xmpp_stanza_t) iq = stanza_from(text);
    struct media_description *description = content_read(jingle_element(iq), by_initiator, &fault);
    ck_assert_ptr_nonnull(description);
    return description;
}
