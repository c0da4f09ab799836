/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this project writes of candidates, libnice (so Dino) reads as the same, and the other way
 * round. */
#include "config.h"

#include <nice/agent.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "xep/jingle/candidate.h"

static NiceAgent *agent;
static guint stream;

static void set_up(void)
{
    agent = nice_agent_new(NULL, NICE_COMPATIBILITY_RFC5245);
    stream = nice_agent_add_stream(agent, 1);
}

static void tear_down(void)
{
    g_object_unref(agent);
}

static enum candidate_type type_of(const NiceCandidate *candidate)
{
    static const enum candidate_type types[] = {
        [NICE_CANDIDATE_TYPE_HOST] = CANDIDATE_HOST,
        [NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE] = CANDIDATE_SRFLX,
        [NICE_CANDIDATE_TYPE_PEER_REFLEXIVE] = CANDIDATE_PRFLX,
        [NICE_CANDIDATE_TYPE_RELAYED] = CANDIDATE_RELAY};
    return types[candidate->type];
}

static void check_same(const NiceCandidate *theirs, const struct candidate *ours)
{
    char address[NICE_ADDRESS_STRING_LEN];
    nice_address_to_string(&theirs->addr, address);
    ck_assert_str_eq(address, ours->address);
    ck_assert_uint_eq(nice_address_get_port(&theirs->addr), ours->port);
    ck_assert_uint_eq(theirs->priority, ours->priority);
    ck_assert_uint_eq(theirs->component_id, ours->component);
    ck_assert_int_eq(type_of(theirs), ours->type);
    ck_assert_str_eq(theirs->foundation, ours->foundation);
}

/* OURS as we write it, by libnice, and as libnice writes it, by us. */
static void check_both_ways(struct media_description *strings, const struct candidate *ours)
{
    struct candidate again;
    g_autoptr(GString) line = g_string_new("a=");
    candidate_write_line(line, ours, "ufrag");
    NiceCandidate *theirs = nice_agent_parse_remote_candidate_sdp(agent, stream, line->str);
    ck_assert_msg(theirs, "%s", line->str);
    check_same(theirs, ours);
    g_autofree char *written = nice_agent_generate_local_candidate_sdp(agent, theirs);
    ck_assert_msg(candidate_read_line(strings, written, strlen(written), &again), "%s", written);
    check_same(theirs, &again);
    nice_candidate_free(theirs);
}

START_TEST(candidates_of_browsers_are_those_of_libnice)
{
    const char *source = g_getenv("srcdir");
    g_autofree char *file = g_build_filename(source ? source : ".", "tests", "vectors", "calls",
                                             "candidates.txt", NULL);
    g_autofree char *text = NULL;
    ck_assert(g_file_get_contents(file, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    g_autoptr(media_description) strings = media_description_new();
    unsigned count = 0;
    for (char **line = lines; *line; line++) {
        struct candidate candidate;
        ck_assert(candidate_read_line(strings, *line, strlen(*line), &candidate));
        if (!candidate_may_pass(&candidate, false))
            continue;
        struct candidate shown = candidate_shown(&candidate, false);
        check_both_ways(strings, &shown);
        count++;
    }
    ck_assert_uint_gt(count, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xep_candidate_nice");
    TCase *tcase = tcase_create("xep_candidate_nice");
    tcase_add_unchecked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, candidates_of_browsers_are_those_of_libnice);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
