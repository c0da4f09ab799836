/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The <x/> of muc#user, XEP-0045: what a room says in presences and messages. Mediated invitations
 * are 0045_invitation. */
#pragma once

#include "xep/0045_item.h"

#define MUC_CODES_MAX 16

/* Section 15.6, those that are acted upon. */
enum {
    MUC_CODE_NON_ANONYMOUS = 100,
    MUC_CODE_AFFILIATION_CHANGED = 101, /* while not in the room */
    MUC_CODE_CONFIG_CHANGED = 104,
    MUC_CODE_SELF = 110,
    MUC_CODE_LOGGED = 170,
    MUC_CODE_NOT_LOGGED = 171,
    MUC_CODE_NOW_NON_ANONYMOUS = 172,
    MUC_CODE_NOW_SEMI_ANONYMOUS = 173,
    MUC_CODE_CREATED = 201,
    MUC_CODE_NICK_ASSIGNED = 210,
    MUC_CODE_BANNED = 301,
    MUC_CODE_NICK_CHANGED = 303,
    MUC_CODE_KICKED = 307,
    MUC_CODE_AFFILIATION_LOST = 321,
    MUC_CODE_MEMBERS_ONLY = 322,
    MUC_CODE_SHUTDOWN = 332,
    MUC_CODE_TECHNICAL = 333,
};

/* A room that is no more. Borrowed; what is not said is NULL. */
struct muc_destroy {
    const char *jid; /* the room that takes its place */
    const char *password;
    const char *reason;
};

struct muc_user {
    bool has_item;
    struct muc_item item; /* the first */
    size_t code_count;
    uint16_t codes[MUC_CODES_MAX]; /* 100 to 999, as they come, none twice */
    bool is_destroyed;
    struct muc_destroy destroy;
};

/* False: STANZA has no such <x/>. Codes beyond the limit above are left out. */
bool muc_user_parse(xmpp_stanza_t *stanza, struct muc_user *ret);
bool muc_user_has_code(const struct muc_user *user, uint16_t code);
/* Leaves out what is there already or beyond the limit. */
void muc_user_put_code(struct muc_user *user, uint16_t code);
void muc_user_add(xmpp_stanza_t *stanza, const struct muc_user *user);

/* Reads and adds <destroy/> in ELEMENT, in its namespace; it is one thing in muc#owner, too. */
bool muc_destroy_parse(xmpp_stanza_t *element, struct muc_destroy *ret);
void muc_destroy_add(xmpp_stanza_t *element, const struct muc_destroy *destroy);

/* A copy of what an occupant sent without what only the room may say: muc#user, occupant ids and
 * hats. The caller owns it. */
xmpp_stanza_t *muc_user_strip(xmpp_stanza_t *stanza);
