/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptions of calls. The first byte says what the rest is: SDP, a candidate, or a stanza.
 * Whatever is read reads back as it was written, in both forms, and has no line that was not meant.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/stanzas.h"
#include "xep/0166_jingle.h"
#include "xep/0215_external_services.h"
#include "xep/0353_jingle_message.h"
#include "xep/jingle/candidate.h"
#include "xep/jingle/change.h"
#include "xep/jingle/content.h"
#include "xep/jingle/negotiate.h"
#include "xep/jingle/relay_only.h"
#include "xep/jingle/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sdp_origin origin = {.session = 1, .version = 1, .stream = "s"};

/* Every line is one that sdp_write() means to write. */
static void check_lines(const char *sdp)
{
    g_auto(GStrv) lines = g_strsplit(sdp, "\r\n", -1);
    for (char **line = lines; *line; line++) {
        if (**line && (!strchr("vostmcba", **line) || (*line)[1] != '=' || strpbrk(*line, "\r\n")))
            abort();
    }
}

static void check_description(const struct media_description *description)
{
    enum media_fault fault;
    g_autofree char *once = sdp_write(description, &origin);
    check_lines(once);
    g_autoptr(media_description) again = sdp_read(once, strlen(once), &fault);
    if (!again && fault == MEDIA_TOO_MUCH)
        return;
    g_autofree char *twice = again ? sdp_write(again, &origin) : NULL;
    if (g_strcmp0(once, twice) != 0) {
        fprintf(stderr, "fault %d\n%s\n%s\n", fault, once, twice ? twice : "");
        abort();
    }
}

/* What is left tells of no candidate that is not relayed, and taking more away leaves it as it is.
 */
static void check_relay_only(const char *text, size_t length)
{
    enum media_fault fault;
    g_autofree char *whole = g_strndup(text, length);
    g_autofree char *kept = relay_only_sdp(whole);
    g_autofree char *again = relay_only_sdp(kept);
    g_autoptr(media_description) description = sdp_read(kept, strlen(kept), &fault);
    bool good = strcmp(kept, again) == 0;
    for (guint i = 0; description && i < description->contents->len; i++) {
        const struct media_content *content = description->contents->pdata[i];
        const GArray *candidates = content->transport.candidates;
        for (guint j = 0; j < candidates->len; j++)
            good = good && g_array_index(candidates, struct candidate, j).type == CANDIDATE_RELAY;
    }
    if (!good) {
        fprintf(stderr, "%s\n%s\n", kept, again);
        abort();
    }
}

/* One side's description among the m-lines of another that has less, in another order. */
static void check_change(const char *text, size_t length, bool answers)
{
    enum media_fault fault;
    g_autoptr(media_description) remote = sdp_read(text, length, &fault);
    g_autoptr(media_description) other = sdp_read(text, length, &fault);
    GPtrArray *contents = other->contents;
    if (contents->len > 1)
        g_ptr_array_remove_index_fast(contents, contents->len / 2);
    bool good =
        answers ? media_answer_again(remote, other) == MEDIA_OK : media_offer_again(remote, other);
    media_settle(remote, other);
    if (good)
        check_description(remote);
    for (guint i = 0; good && i < contents->len; i++) {
        const struct media_content *one = contents->pdata[i], *there = remote->contents->pdata[i];
        if (strcmp(one->mid, there->mid) != 0)
            abort();
    }
}

static void run_sdp(const char *text, size_t length)
{
    enum media_fault fault;
    check_relay_only(text, length);
    g_autoptr(media_description) description = sdp_read(text, length, &fault);
    if (!description)
        return;
    check_description(description);
    check_change(text, length, false);
    check_change(text, length, true);
    g_autoptr(media_description) answer = sdp_read(text, length, &fault);
    media_trim_offer(description);
    media_filter_candidates(description, true);
    media_fit_answer(answer, description, false);
    check_description(answer);
    g_autoptr(xmpp_stanza_t) jingle = stanza_new("jingle", NS_JINGLE);
    content_write(jingle, description, true, CONTENT_ALL);
    g_autoptr(media_description) there = content_read(jingle, true, &fault);
    if (there)
        check_description(there);
}

static void run_candidate(const char *text, size_t length)
{
    struct candidate candidate, again;
    g_autoptr(media_description) description = media_description_new();
    if (!candidate_read_line(description, text, length, &candidate))
        return;
    g_autoptr(GString) line = g_string_new(NULL);
    candidate_write_line(line, &candidate, NULL);
    if (strpbrk(line->str, "\r\n") ||
        !candidate_read_line(description, line->str, line->len, &again) ||
        strcmp(candidate.address, again.address) != 0)
        abort();
}

static void run_stanza(xmpp_stanza_t *stanza, void *userdata)
{
    enum media_fault fault;
    struct jingle jingle;
    struct jingle_message message;
    (void)userdata;
    jingle_message_parse(stanza, &message);
    g_autoptr(GArray) services = external_services_parse(stanza);
    xmpp_stanza_t *element = jingle_element(stanza);
    if (!element || !jingle_parse(element, &jingle))
        return;
    g_autoptr(media_description) description = content_read(element, true, &fault);
    if (description)
        check_description(description);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    if (data[0] == 's')
        run_sdp(text, size - 1);
    else if (data[0] == 'c')
        run_candidate(text, size - 1);
    else
        stanzas_feed(text, size - 1, run_stanza, NULL);
    return 0;
}
