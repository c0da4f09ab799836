/* SPDX-License-Identifier: GPL-3.0-or-later */
/* muc#owner, XEP-0045 section 10: an owner asks for the configuration, changes it, or destroys the
 * room. What is in the form is 0045_config. */
#pragma once

#include "xep/0004_data_forms.h"
#include "xep/0045_user.h"

enum muc_owner_request {
    OWNER_NONE,    /* it is none that there is */
    OWNER_GET,     /* the form, please */
    OWNER_SUBMIT,  /* with *ret_form; without fields: as it is (an "instant room") */
    OWNER_CANCEL,  /* a room that waits for its first configuration is not wanted */
    OWNER_DESTROY, /* with *ret_destroy */
};

/* Reads an IQ of type get or set. The caller frees *ret_form, which is set for OWNER_SUBMIT only.
 */
enum muc_owner_request muc_owner_parse(xmpp_stanza_t *iq, struct data_form **ret_form,
                                       struct muc_destroy *ret_destroy);
/* Adds the query to an IQ, a request or an answer; FORM NULL: asks for it. */
void muc_owner_add(xmpp_stanza_t *iq, const struct data_form *form);
void muc_owner_add_destroy(xmpp_stanza_t *iq, const struct muc_destroy *destroy);
/* The form that was answered; NULL: there is none. */
struct data_form *muc_owner_parse_result(xmpp_stanza_t *iq);
