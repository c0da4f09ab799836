/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two ends of the pipes are GLib's sources: they live shorter than the loop's epoll set. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/loop/child.h"

struct child {
    GBytes *input_bytes;
    child_done done;
    void *data;
    GPid pid;
    struct end {
        int fd; /* -1: closed */
        guint source;
    } input, output;
    size_t written;
    struct buffer made;
    guint reaper, deadline;
    int status;
    bool reaped;
};

char *child_program(const char *name)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = g_path_get_dirname(self ? self : "/");
    char *program = g_build_filename(folder, name, NULL);
    if (g_access(program, X_OK) == 0)
        return program;
    g_free(program);
    return g_build_filename(TRESTLE_LIBEXECDIR, name, NULL);
}

static void end_close(struct end *end)
{
    if (end->source)
        g_source_remove(end->source);
    if (end->fd >= 0)
        close(end->fd);
    *end = (struct end){.fd = -1};
}

void child_kill(struct child *child)
{
    if (!child)
        return;
    end_close(&child->input);
    end_close(&child->output);
    if (child->reaper)
        g_source_remove(child->reaper);
    if (child->deadline)
        g_source_remove(child->deadline);
    if (child->pid && !child->reaped) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0); /* it dies at once */
    }
    buffer_clear(&child->made);
    g_bytes_unref(child->input_bytes);
    g_free(child);
}

static void finish_if_over(struct child *child)
{
    if (!child->reaped || child->output.fd >= 0)
        return;
    child->done(&child->made, child->status, child->data);
    child_kill(child);
}

static gboolean on_input(gint fd, GIOCondition condition, gpointer data)
{
    struct child *child = data;
    size_t length = 0;
    const char *bytes = g_bytes_get_data(child->input_bytes, &length);
    (void)condition;
    ssize_t count = write(fd, bytes + child->written, length - child->written);
    if (count > 0)
        child->written += (size_t)count;
    if (child->written == length || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        child->input.source = 0;
        end_close(&child->input);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static gboolean on_output(gint fd, GIOCondition condition, gpointer data)
{
    struct child *child = data;
    char bytes[65536];
    (void)condition;
    ssize_t count = read(fd, bytes, sizeof bytes);
    if (count > 0 && buffer_append(&child->made, bytes, (size_t)count))
        return G_SOURCE_CONTINUE;
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    child->output.source = 0;
    end_close(&child->output);
    finish_if_over(child);
    return G_SOURCE_REMOVE;
}

static void on_reaped(GPid pid, gint status, gpointer data)
{
    struct child *child = data;
    (void)pid;
    child->reaper = 0;
    child->reaped = true;
    child->status = status;
    if (child->deadline == 0)
        end_close(&child->output);
    finish_if_over(child);
}

static gboolean on_deadline(gpointer data)
{
    struct child *child = data;
    child->deadline = 0;
    if (child->reaped) { /* what it has left behind holds its output open */
        end_close(&child->output);
        finish_if_over(child);
    } else {
        kill(child->pid, SIGKILL);
    }
    return G_SOURCE_REMOVE;
}

struct child *child_start(const struct child_plan *plan, GError **error)
{
    g_autofree char *program = g_strdup(plan->program);
    g_autofree char *argument = g_strdup(plan->argument);
    char *argv[] = {program, argument, NULL};
    static const int targets[] = {3, 4};
    char *environment[] = {NULL};
    int input = -1;
    int output = -1;
    GPid pid = 0;
    /* Our descriptors are all close-on-exec; the flag spares a fork of this process. */
    if (!g_spawn_async_with_pipes_and_fds(
            NULL, (const char *const *)argv, (const char *const *)environment,
            G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN | G_SPAWN_CLOEXEC_PIPES |
                G_SPAWN_STDERR_TO_DEV_NULL,
            NULL, NULL, -1, -1, -1, plan->fds, plan->fds ? targets : NULL, plan->fds ? 2 : 0, &pid,
            &input, &output, NULL, error))
        return NULL;
    fcntl(input, F_SETFL, O_NONBLOCK);
    fcntl(output, F_SETFL, O_NONBLOCK);
    struct child *child = g_new0(struct child, 1);
    *child = (struct child){.input_bytes =
                                plan->input ? g_bytes_ref(plan->input) : g_bytes_new_static("", 0),
                            .done = plan->done,
                            .data = plan->data,
                            .pid = pid};
    buffer_init(&child->made, plan->output_max);
    child->input = (struct end){input, g_unix_fd_add(input, G_IO_OUT, on_input, child)};
    child->output = (struct end){output, g_unix_fd_add(output, G_IO_IN, on_output, child)};
    child->reaper = g_child_watch_add(pid, on_reaped, child);
    child->deadline = g_timeout_add_seconds(plan->seconds, on_deadline, child);
    return child;
}
