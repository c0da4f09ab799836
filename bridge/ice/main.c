/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trestle-ice: which STUN and TURN servers work. It waits where the daemon may not.
 *
 * Input: "URI\tUSERNAME\tCREDENTIAL\n" for each, at most PROBES_MAX; the last two are empty for
 * STUN. Output, as each is found out: "works\tURI\t\n" or "fails\tURI\tREASON\n". Credentials come
 * by no other way, and are not written anywhere. */
#include "config.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bridge/ice/probe.h"

#define PROBES_MAX 64
#define LINE_MAX_BYTES 2048
#define SECONDS_MAX 5 /* of the processor */

struct trial {
    struct probe probe;
    char *line; /* the words point into it */
    const char *uri;
    GThread *thread;
};

static void set_limit(__rlimit_resource_t resource, rlim_t most)
{
    const struct rlimit value = {most, most};
    setrlimit(resource, &value);
}

static void line_split(struct trial *trial)
{
    char *rest = trial->line;
    trial->uri = strsep(&rest, "\t\n");
    trial->probe.username = strsep(&rest, "\t\n");
    trial->probe.credential = strsep(&rest, "\t\n");
    if (!trial->probe.credential || !ice_uri_parse(trial->uri, &trial->probe.uri))
        trial->probe.reason = "its address cannot be read";
    else if (ice_uri_is_turn(&trial->probe.uri) && *trial->probe.credential == '\0')
        trial->probe.reason = "there are no credentials for it";
}

static gpointer trial_run(gpointer data)
{
    struct trial *trial = data;
    if (!trial->probe.reason)
        probe_run(&trial->probe);
    const char *reason = trial->probe.reason;
    printf("%s\t%s\t%s\n", reason ? "fails" : "works", trial->uri, reason ? reason : "");
    fflush(stdout);
    return NULL;
}

int main(void)
{
    static struct trial trials[PROBES_MAX];
    char line[LINE_MAX_BYTES];
    size_t count = 0;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    set_limit(RLIMIT_CORE, 0);
    set_limit(RLIMIT_CPU, SECONDS_MAX);
    for (; count < PROBES_MAX && fgets(line, sizeof line, stdin); count++) {
        trials[count].line = g_strdup(line);
        line_split(&trials[count]);
        trials[count].thread = g_thread_new("probe", trial_run, &trials[count]);
    }
    for (size_t i = 0; i < count; i++) {
        g_thread_join(trials[i].thread);
        g_free(trials[i].line);
    }
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
