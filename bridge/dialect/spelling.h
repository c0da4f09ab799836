/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Other spellings of commands: what a frame's type and members are called by clients of other
 * dialects. They do not collide, so each is understood on every socket. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "bridge/core/field.h"

struct account;

#define SPELLING_MEMBERS_MAX 8

enum member_rule {
    MEMBER_IS,     /* has another name */
    MEMBER_INSIDE, /* is a member, called OURS, of an object; the rest of that object is not read */
    MEMBER_SELF,   /* must name the caller, by id or as a user with an id; dropped */
    MEMBER_OURS,   /* of a whole object that is sent back: what the server says of it; dropped */
    MEMBER_TRUE,   /* is not sent: the type says it */
    MEMBER_FALSE
};

struct spelling_member {
    const char *theirs; /* unused for MEMBER_TRUE and MEMBER_FALSE */
    const char *ours;   /* unused for MEMBER_SELF, MEMBER_OURS */
    enum member_rule rule;
};

struct spelling {
    const char *type;
    const char *command;
    struct spelling_member members[SPELLING_MEMBERS_MAX]; /* ended by a row without any name */
};

/* The spelling of a frame called TYPE; NULL: it is native, or nothing. */
const struct spelling *spelling_find(const char *type);

/* The payload in native words; PAYLOAD may be NULL. NULL and *ret_problem if it cannot be; the
 * caller owns the result. */
json_t *spelling_translate(const struct spelling *spelling, const struct account *caller,
                           const json_t *payload, struct field_problem *ret_problem);

/* Puts the caller's word in place of ours in PROBLEM's pointer. */
void spelling_point(const struct spelling *spelling, const json_t *payload,
                    struct field_problem *problem);
