/* SPDX-License-Identifier: GPL-3.0-or-later */
/* STUN and TURN servers, tried by the program that the daemon uses for it. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/ice_uri.h"
#include "bridge/call/ice_probe.h"
#include "bridge/tool/doctor_part.h"

#define PART "calls"

struct trial {
    struct doctor *doctor;
    GMainLoop *loop;
    unsigned told;
};

static void server_tell(const char *uri, const char *reason, void *data)
{
    struct trial *trial = data;
    trial->told++;
    if (reason)
        doctor_say(trial->doctor, VERDICT_FAIL, PART, "%s: %s", uri, reason);
    else
        doctor_say(trial->doctor, VERDICT_OK, PART, "%s works", uri);
}

static void trial_end(void *data)
{
    const struct trial *trial = data;
    g_main_loop_quit(trial->loop);
}

/* Appends the addresses of LIST; how many. */
static unsigned list_add(GString *servers, const char *list, const char *username,
                         const char *credential)
{
    g_auto(GStrv) words = g_strsplit_set(list, " \t,", -1);
    unsigned count = 0;
    for (guint i = 0; words[i]; i++) {
        if (!*words[i])
            continue;
        ice_probe_add(servers, words[i], username, credential);
        count++;
    }
    return count;
}

static GString *servers_new(const struct options *options, unsigned *ret_count)
{
    GString *servers = g_string_new(NULL);
    gint64 expires = clock_wall() / G_USEC_PER_SEC + options->calls_turn_lifetime;
    g_autofree char *username = g_strdup_printf("%" G_GINT64_FORMAT ":doctor", expires);
    g_autofree char *credential =
        options->calls_turn_secret ? ice_credential(options->calls_turn_secret, username) : NULL;
    *ret_count = list_add(servers, options->calls_stun, NULL, NULL);
    *ret_count += list_add(servers, options->calls_turn, username, credential);
    return servers;
}

static void servers_try(struct doctor *doctor, GString *servers, unsigned count)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GError) error = NULL;
    struct trial trial = {doctor, loop, 0};
    const struct ice_probe_plan plan = {servers, server_tell, trial_end, &trial};
    if (!ice_probe_start(&plan, &error)) {
        doctor_say(doctor, VERDICT_WARN, PART, "servers cannot be tried: %s", error->message);
        return;
    }
    g_main_loop_run(loop);
    if (trial.told < count)
        doctor_say(doctor, VERDICT_FAIL, PART, "%u of %u servers could not be tried in time",
                   count - trial.told, count);
}

void doctor_check_ice(struct doctor *doctor)
{
    const struct options *options = doctor->options;
    unsigned count;
    GString *servers = servers_new(options, &count);
    if (count > 0)
        servers_try(doctor, servers, count);
    else
        g_string_free(servers, TRUE);
    if (doctor->ice_failing > 0)
        doctor_say(doctor, VERDICT_WARN, PART,
                   "trestle, which is running, does not hand out %u servers that do not work "
                   "(its log: ice-server-failed)",
                   (unsigned)doctor->ice_failing);
    if (*options->calls_turn == '\0' && count > 0)
        doctor_say(doctor, VERDICT_WARN, PART,
                   "no TURN server is configured: without one about one call in seven fails, and "
                   "calls that are to be relayed ([calls] relay_only) all do");
}
