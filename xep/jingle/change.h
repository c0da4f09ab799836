/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What changes in a session that goes on: the difference of two descriptions of one side, and the
 * description with which the other side's words answer or make an offer (RFC 8829 section 5.2.2,
 * XEP-0166 section 7.2). Pure. */
#pragma once

#include "xep/jingle/media.h"

enum media_change {
    CHANGE_DIRECTION = 1 << 0,
    CHANGE_CREDENTIALS = 1 << 1, /* ICE is to start anew */
    CHANGE_KEY = 1 << 2          /* another DTLS fingerprint */
};

/* How a content differs from what it was (enum media_change, several); neither is rejected. */
unsigned media_changes(const struct media_content *before, const struct media_content *now);

/* The direction of the other side. */
enum media_direction media_reverse(enum media_direction direction);

/* Whether TRANSPORT may be said in DESCRIPTION, of the same side: whoever uses the ICE credentials
 * of a content there has to have its fingerprint, if one is said. */
bool media_key_is_bound(const struct media_description *description,
                        const struct media_transport *transport);

/* The contents of DESCRIPTION in the order in which ORDER, the other side's last description, has
 * theirs, by mid; one that is lacking is there as rejected. What ORDER does not have follows.
 * False: there are too many. */
bool media_arrange(struct media_description *description, const struct media_description *order);

/* Makes of REMOTE, which is what a side has said of its contents by now, its answer to OFFER, in
 * which media flows as both of them want. As media_fit_answer(). */
enum media_fault media_answer_again(struct media_description *remote,
                                    const struct media_description *offer);
/* Makes of REMOTE an offer to who has said LOCAL last, its new contents at the end. False: there
 * are too many. */
bool media_offer_again(struct media_description *remote, const struct media_description *local);

/* ANSWER was given to what REMOTE has offered: in REMOTE is rejected what ANSWER rejects, and DTLS
 * has the role that is left. */
void media_settle(struct media_description *remote, const struct media_description *answer);
