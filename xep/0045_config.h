/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forms of XEP-0045: a room's configuration (muc#roomconfig, section 16.5.3), as far as rooms
 * here have it, and what everybody may know of a room (muc#roominfo, section 16.5.4). */
#pragma once

#include "xep/0004_data_forms.h"

#define MUC_USERS_UNLIMITED 0
#define MUC_USERS_MAX 100000

enum muc_whois { WHOIS_MODERATORS, WHOIS_ANYONE };
enum muc_private_messages { PM_ANYONE, PM_PARTICIPANTS, PM_MODERATORS, PM_NONE };

/* Borrowed; a text that is not said is NULL. */
struct muc_config {
    const char *name;
    const char *description;
    const char *lang;
    const char *password; /* counts when needs_password is set */
    bool is_persistent;
    bool is_public; /* listed */
    bool members_only;
    bool is_moderated;
    bool needs_password;
    bool members_invite;
    bool all_change_subject; /* else moderators do */
    bool is_logged;
    enum muc_whois whois;
    enum muc_private_messages private_messages;
    uint32_t max_users; /* 1 to MUC_USERS_MAX, or MUC_USERS_UNLIMITED */
};

/* The form that an owner fills in; borrows from CONFIG. */
struct data_form *muc_config_form(const struct muc_config *config);
/* The same with the fields alone, as who fills it in for another service sends it. */
struct data_form *muc_config_submission(const struct muc_config *config);
/* Reads what FORM, a form or a submission, says into *config, and leaves the rest of it alone;
 * fields that it does not know are passed over. Returns the name of a field that says what it
 * cannot (and then *config is untouched), else NULL. */
const char *muc_config_read(const struct data_form *form, struct muc_config *config);

/* Borrowed; what is not said is NULL or -1. */
struct muc_info {
    const char *name;
    const char *description;
    const char *subject;
    const char *lang;
    const char *avatar_hash; /* of the room's vCard photo */
    int64_t occupants;
    int64_t max_history; /* messages that may be asked for */
};

/* The form for disco#info; borrows from INFO. */
struct data_form *muc_info_form(const struct muc_info *info);
/* False: FORM is another one. */
bool muc_info_read(const struct data_form *form, struct muc_info *ret);
