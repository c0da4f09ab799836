/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0313 message archive management, version :2 with #extended: what an archive is asked. What it
 * answers is 0313_mam_result. */
#pragma once

#include "xep/0059_rsm.h"

#define MAM_IDS_MAX 100

enum mam_request {
    MAM_NONE,          /* it is none that there is */
    MAM_FORM,          /* which fields are there? */
    MAM_METADATA,      /* where does the archive begin and end? */
    MAM_QUERY,         /* with *ret */
    MAM_BAD,           /* answer: bad-request */
    MAM_UNKNOWN_FIELD, /* answer: feature-not-implemented */
};

enum mam_groupchat { GROUPCHAT_UNSAID, GROUPCHAT_WITHOUT, GROUPCHAT_WITH };

/* Borrowed; what is not said is NULL. */
struct mam_query {
    const char *query_id;
    const char *with; /* as claimed */
    bool has_start;
    bool has_end;
    int64_t start_us;
    int64_t end_us;
    const char *before_id;
    const char *after_id;
    const char *fulltext; /* XEP-0431 */
    enum mam_groupchat groupchat;
    size_t id_count; /* the messages with these uids are asked for */
    const char *ids[MAM_IDS_MAX];
    bool flip_page; /* the page last entry first */
    struct page_request page;
};

/* Reads an IQ of type get or set; *ret is set for MAM_QUERY only. */
enum mam_request mam_request_parse(xmpp_stanza_t *iq, struct mam_query *ret);
/* Asks another archive; IQ comes from stanza_new_iq("set", …). */
void mam_query_add(xmpp_stanza_t *iq, const struct mam_query *query);
/* IQ comes from stanza_new_iq("get", …). */
void mam_metadata_add_request(xmpp_stanza_t *iq);

/* Answers MAM_FORM with the fields above; NULL when IQ must not be answered. */
xmpp_stanza_t *mam_form_build_result(xmpp_stanza_t *iq);
