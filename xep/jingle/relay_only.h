/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may be told when neither side is to learn where the other is: nothing but relayed
 * candidates, and not from where they were made. For what passes as the text it is; descriptions
 * that were read are filtered by media_filter_candidates(). Pure. */
#pragma once

#include <stddef.h>

/* SDP without the addresses of whoever wrote it; all else stays as it is. Caller frees. */
char *relay_only_sdp(const char *sdp);

/* A candidate's line, with or without "a=" in front. NULL: it must not be told. Caller frees. */
char *relay_only_candidate(const char *line);
