/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a description becomes before the other side sees it. */
#pragma once

#include "xep/jingle/media.h"

/* Leaves in an offer what XMPP clients can use and what Jingle can say: audio and video without
 * data channels; opus, G.711, VP8, VP9, constrained-baseline H.264 and their retransmission; events
 * by telephone. Contents that are left without a payload type are rejected. */
void media_trim_offer(struct media_description *offer);

/* Leaves in CONTENT what OFFERED has, too; see media_fit_answer(). */
enum media_fault media_fit_content(struct media_content *content,
                                   const struct media_content *offered);

/* Makes ANSWER one to OFFER: the same m-lines in the same order, with the offer's mids, names and
 * creators; only payload types (same id, name, clock rate, channels) and extensions that were
 * offered; no BUNDLE of what was not. What OFFER has and ANSWER lacks is rejected. A fault when
 * something has no common payload type, leaves the DTLS role open, or answers what was not asked.
 * Contents are matched by name when BY_NAME (Jingle), else by mid. */
enum media_fault media_fit_answer(struct media_description *answer,
                                  const struct media_description *offer, bool by_name);

/* Drops the candidates that are of no use to the other side or must not be told; see
 * candidate_may_pass(). */
void media_filter_candidates(struct media_description *description, bool relay_only);
