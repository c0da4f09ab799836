/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals, and the loop of the daemon. */
#include "config.h"

#include <glib-unix.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>

#include "bridge/adhoc/caller.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/daemon.h"
#include "bridge/notify.h"
#include "bridge/serve.h"

struct serving {
    GMainLoop *loop;
    struct daemon *daemon;
    const struct options *options; /* those at the start */
    struct options *newest;        /* as they were last read without a fault; NULL: the same */
    bool stopping;
};

static void serving_stopped(void *data)
{
    struct serving *serving = data;
    g_main_loop_quit(serving->loop);
}

static gboolean on_terminate(gpointer data)
{
    struct serving *serving = data;
    notify_stopping();
    if (serving->stopping)
        g_main_loop_quit(serving->loop); /* asked twice: at once */
    else
        daemon_stop(serving->daemon, serving_stopped, serving);
    serving->stopping = true;
    return G_SOURCE_CONTINUE;
}

static void renew_log(const struct options *options)
{
    if (options_use_log(options))
        log_info(AREA_CONFIG, "log-reloaded", "level=%s areas=%s", options->log_level,
                 options->log_areas);
}

/* The configuration, and the files that it names, are read again. What is not good leaves all as it
 * was; but the log file is opened anew in any case, as whoever rotates it waits for that. */
static gboolean on_hangup(gpointer data)
{
    struct serving *serving = data;
    g_autoptr(GError) error = NULL;
    struct options *fresh = options_load(serving->options->config_path, &error);
    if (!fresh) {
        renew_log(serving->newest ? serving->newest : serving->options);
        log_warning(AREA_CONFIG, "reload-failed", "reason=\"%s\"", error->message);
        return G_SOURCE_CONTINUE;
    }
    notify_reloading();
    renew_log(fresh);
    daemon_renew_keys(serving->daemon, fresh);
    daemon_renew_secrets(serving->daemon, fresh);
    options_free(serving->newest); /* nobody uses its secrets any more */
    serving->newest = fresh;
    daemon_renew_features(serving->daemon, fresh);
    callers_read(fresh);
    daemon_renew_pages(serving->daemon, fresh);
    notify_ready();
    return G_SOURCE_CONTINUE;
}

int serve_run(const struct options *options)
{
    g_autoptr(GError) error = NULL;
    struct serving serving = {.options = options};
    /* Many small blocks and a large one, over and over: each large one made malloc gather the small
     * free ones first, a tenth of all work where stanzas or rows are many. */
    mallopt(M_MXFAST, 0);
    serving.daemon = daemon_new(options, &error);
    if (!serving.daemon) {
        fprintf(stderr, "trestle: %s\n", error->message);
        return 1;
    }
    serving.loop = g_main_loop_new(NULL, FALSE);
    guint terminate = g_unix_signal_add(SIGTERM, on_terminate, &serving);
    guint interrupt = g_unix_signal_add(SIGINT, on_terminate, &serving);
    guint hangup = g_unix_signal_add(SIGHUP, on_hangup, &serving);
    notify_start();
    notify_ready();
    g_main_loop_run(serving.loop);
    notify_end();
    g_source_remove(terminate);
    g_source_remove(interrupt);
    g_source_remove(hangup);
    daemon_free(serving.daemon);
    options_free(serving.newest);
    g_main_loop_unref(serving.loop);
    log_info(AREA_MAIN, "stopped", NULL);
    return 0;
}
