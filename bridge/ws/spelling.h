/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Other spellings of commands: what a frame's type and members are called by clients of other
 * dialects. They do not collide, so each is understood on every socket. */
#pragma once

#include <stdbool.h>

#include "bridge/core/field.h"

struct account;

#define SPELLING_MEMBERS_MAX 6

enum member_rule {
    MEMBER_IS,     /* has another name */
    MEMBER_INSIDE, /* is a member, called OURS, of an object; the rest of that object is not read */
    MEMBER_SELF,   /* must name the caller, who is known anyway; dropped */
    MEMBER_TRUE,   /* is not sent: the type says it */
    MEMBER_FALSE
};

struct spelling_member {
    const char *theirs; /* unused for MEMBER_TRUE and MEMBER_FALSE */
    const char *ours;   /* unused for MEMBER_SELF */
    enum member_rule rule;
};

struct spelling {
    const char *type;
    const char *command;
    struct spelling_member members[SPELLING_MEMBERS_MAX]; /* ended by a row without any name */
};

/* The spelling of a frame called TYPE; NULL: it is native, or nothing. */
const struct spelling *spelling_find(const char *type);

/* The payload, an object, in native words; PAYLOAD stays as it was sent, and its text is borrowed.
 * NULL and *ret_problem if it cannot be; g_free. */
struct value *spelling_translate(const struct spelling *spelling, const struct account *caller,
                                 const struct value *payload, struct field_problem *ret_problem);

/* Puts the caller's word in place of ours in PROBLEM's pointer. */
void spelling_point(const struct spelling *spelling, const struct value *payload,
                    struct field_problem *problem);
