/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses stand in six places of SDP (RFC 8866, RFC 8839): o=, c=, the port of m=, a=rtcp,
 * a=candidate and a=remote-candidates. */
#include "config.h"

#include <string.h>

#include "xep/jingle/candidate.h"
#include "xep/jingle/relay_only.h"

#define NOWHERE "IN IP4 0.0.0.0"

char *relay_only_candidate(const char *line)
{
    g_autoptr(media_description) words = media_description_new();
    struct candidate candidate;
    if (!candidate_read_line(words, line, strlen(line), &candidate) ||
        !candidate_may_pass(&candidate, true))
        return NULL;
    struct candidate shown = candidate_shown(&candidate, true);
    GString *out = g_string_new(g_str_has_prefix(line, "a=") ? "a=" : "");
    candidate_write_line(out, &shown, NULL);
    return g_string_free(out, FALSE);
}

/* Up to the blank number COUNT, and the blank; NULL: there are fewer. */
static const char *after_blanks(const char *line, int count)
{
    for (; line && count > 0; count--) {
        line = strchr(line, ' ');
        line = line ? line + 1 : NULL;
    }
    return line;
}

/* "o=USER ID VERSION IN IP4 ADDRESS" */
static char *origin_without(const char *line)
{
    const char *address = after_blanks(line, 3);
    int kept = address ? (int)(address - line) : 0;
    return address ? g_strdup_printf("%.*sIN IP4 127.0.0.1", kept, line) : NULL;
}

/* "m=KIND PORT …"; 0 says that it is rejected, or bundled. */
static char *medium_without(const char *line)
{
    const char *port = after_blanks(line, 1);
    const char *rest = after_blanks(line, 2);
    if (!rest || g_str_has_prefix(port, "0 "))
        return g_strdup(line);
    return g_strdup_printf("%.*s9 %s", (int)(port - line), line, rest);
}

/* What becomes of a line; NULL: nothing. */
static char *line_without(const char *line)
{
    if (g_str_has_prefix(line, "o="))
        return origin_without(line);
    if (g_str_has_prefix(line, "m="))
        return medium_without(line);
    if (g_str_has_prefix(line, "c="))
        return g_strdup("c=" NOWHERE);
    if (g_str_has_prefix(line, "a=rtcp:"))
        return g_strdup("a=rtcp:9 " NOWHERE);
    if (g_str_has_prefix(line, "a=candidate:"))
        return relay_only_candidate(line);
    return g_str_has_prefix(line, "a=remote-candidates:") ? NULL : g_strdup(line);
}

char *relay_only_sdp(const char *sdp)
{
    GString *kept = g_string_sized_new(strlen(sdp));
    while (*sdp) {
        size_t length = strcspn(sdp, "\r\n");
        g_autofree char *line = g_strndup(sdp, length);
        g_autofree char *shown = line_without(line);
        if (shown && length > 0)
            g_string_append_printf(kept, "%s\r\n", shown);
        sdp += length;
        sdp += strspn(sdp, "\r\n");
    }
    return g_string_free(kept, FALSE);
}
