/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0313 message archive management, version :2: what an archive answers. */
#pragma once

#include "xep/0059_rsm.h"
#include "xep/0297_forward.h"

/* One message of a page. Borrowed. */
struct mam_result {
    const char *query_id; /* as asked; NULL: none */
    const char *id;       /* the message's uid; not empty */
    struct forward forward;
};

/* Reads what an archive sent. Believe it only from the archive that was asked. */
bool mam_result_parse(xmpp_stanza_t *message, struct mam_result *ret);
/* Adds a result with the stanza, which is given away, stamped. */
void mam_result_take(xmpp_stanza_t *message, const struct mam_result *result);

/* The end of a page. Borrowed. */
struct mam_fin {
    bool is_complete; /* nothing lies beyond the page */
    bool is_unstable; /* the page may change */
    struct page_result page;
};

bool mam_fin_parse(xmpp_stanza_t *iq, struct mam_fin *ret);
/* Adds it to what stanza_reply_result() made. */
void mam_fin_add(xmpp_stanza_t *iq, const struct mam_fin *fin);

/* Where an archive begins and ends. Borrowed; an id that is NULL: it is empty. */
struct mam_edge {
    const char *id;
    int64_t stamp_us;
};

struct mam_metadata {
    struct mam_edge start;
    struct mam_edge end;
};

/* False: IQ is no result with metadata that can be used. */
bool mam_metadata_parse(xmpp_stanza_t *iq, struct mam_metadata *ret);
void mam_metadata_add(xmpp_stanza_t *iq, const struct mam_metadata *metadata);
