/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes to trestle-ice and comes from it; bridge/ice/main.c says how it is written. */
#include "config.h"

#include <string.h>

#include "bridge/base/text.h"
#include "bridge/call/ice_probe.h"
#include "bridge/loop/child.h"

#define OUTPUT_MAX 65536
#define SECONDS_MAX 20

struct ice_probe {
    ice_probe_tell tell;
    void (*done)(void *data);
    void *data;
    struct child *child;
};

void ice_probe_add(GString *servers, const char *uri, const char *username, const char *credential)
{
    g_string_append_printf(servers, "%s\t%s\t%s\n", uri, username ? username : "",
                           credential ? credential : "");
}

static void line_read(const struct ice_probe *probe, char *line)
{
    char *rest = line;
    const char *verdict = strsep(&rest, "\t");
    const char *uri = strsep(&rest, "\t");
    const char *reason = rest;
    if (!reason || !text_is_xml_safe(uri, strlen(uri)) || !text_is_xml_safe(reason, strlen(reason)))
        return;
    if (strcmp(verdict, "works") == 0)
        probe->tell(uri, NULL, probe->data);
    else if (strcmp(verdict, "fails") == 0)
        probe->tell(uri, reason, probe->data);
}

static void program_ended(const struct buffer *output, int status, void *data)
{
    struct ice_probe *probe = data;
    g_autofree char *text = g_strndup(output->data ? output->data : "", output->length);
    (void)status; /* what it has told, it has found out */
    probe->child = NULL;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        line_read(probe, line);
    probe->done(probe->data);
    g_free(probe);
}

/* Credentials are wiped. */
static void servers_free(gpointer data)
{
    GString *servers = data;
    explicit_bzero(servers->str, servers->len);
    g_string_free(servers, TRUE);
}

struct ice_probe *ice_probe_start(const struct ice_probe_plan *plan, GError **error)
{
    g_autofree char *program = child_program("trestle-ice");
    g_autoptr(GBytes) input = g_bytes_new_with_free_func(plan->servers->str, plan->servers->len,
                                                         servers_free, plan->servers);
    struct ice_probe *probe = g_new0(struct ice_probe, 1);
    *probe = (struct ice_probe){plan->tell, plan->done, plan->data, NULL};
    const struct child_plan child = {.program = program,
                                     .input = input,
                                     .output_max = OUTPUT_MAX,
                                     .seconds = SECONDS_MAX,
                                     .done = program_ended,
                                     .data = probe};
    probe->child = child_start(&child, error);
    if (!probe->child)
        g_clear_pointer(&probe, g_free);
    return probe;
}

void ice_probe_stop(struct ice_probe *probe)
{
    if (!probe)
        return;
    child_kill(probe->child);
    g_free(probe);
}
