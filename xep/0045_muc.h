/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0045 multi-user chat: affiliations and roles, entering a room, its subject. What a room says
 * of its occupants is 0045_user. */
#pragma once

#include "xep/stanza.h"

/* In the order of the rights that they give; UNSAID is only ever in what is read or written. */
enum muc_affiliation {
    AFFILIATION_UNSAID,
    AFFILIATION_OUTCAST,
    AFFILIATION_NONE,
    AFFILIATION_MEMBER,
    AFFILIATION_ADMIN,
    AFFILIATION_OWNER,
    AFFILIATIONS
};

enum muc_role { ROLE_UNSAID, ROLE_NONE, ROLE_VISITOR, ROLE_PARTICIPANT, ROLE_MODERATOR, ROLES };

/* NULL for UNSAID. */
const char *muc_affiliation_name(enum muc_affiliation affiliation);
const char *muc_role_name(enum muc_role role);
/* False, and *ret untouched, for a NAME that is none; NULL is UNSAID. */
bool muc_affiliation_find(const char *name, enum muc_affiliation *ret);
bool muc_role_find(const char *name, enum muc_role *ret);

/* Of the history a room sends to who enters; -1: no limit said. Section 7.2.13. */
struct muc_history {
    int32_t max_chars;
    int32_t max_stanzas;
    int32_t seconds;
    int64_t since_us; /* 0: not said */
};

/* Borrowed. */
struct muc_join {
    const char *password; /* NULL: none */
    struct muc_history history;
};

/* Whether PRESENCE asks to enter a room: it is available and carries <x/> of muc. A limit that is
 * none is as if not said. */
bool muc_join_parse(xmpp_stanza_t *presence, struct muc_join *ret);
void muc_join_add(xmpp_stanza_t *presence, const struct muc_join *join);

/* The subject that MESSAGE sets, "" to take it away, borrowed; NULL: it is none of those, which
 * have a subject, and neither body nor thread (section 8.1). */
const char *muc_subject_parse(xmpp_stanza_t *message);
void muc_subject_add(xmpp_stanza_t *message, const char *subject);
