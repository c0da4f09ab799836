/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Load generator: drives a running stack with one workload and prints what it measured. See
 * README.md beside this file for what each figure means. */
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/bench/workload.h"

#define CONNECTIONS_MAX 20000
#define USERS_MAX 100000
#define CONVERSATIONS_MAX 1000000
#define SOCKETS_MAX 500000

struct arguments {
    char *stack;
    char *workload;
    char *cache;
    char *json;
    double rate;
    double seconds;
    double warmup;
    double idle_seconds;
    double tick;
    int connections;
    int users;
    int conversations;
    int idle;
    gboolean peak;
    gboolean closed;
    gboolean unchecked;
};

static bool parse(struct arguments *arguments, int argc, char **argv)
{
    const GOptionEntry entries[] = {
        {"stack", 's', 0, G_OPTION_ARG_FILENAME, &arguments->stack,
         "JSON that scripts/stack prints", "FILE"},
        {"workload", 'w', 0, G_OPTION_ARG_STRING, &arguments->workload,
         "w1, w1b, w2, w9, w10 or w11", "NAME"},
        {"rate", 'r', 0, G_OPTION_ARG_DOUBLE, &arguments->rate,
         "messages per second, by a fixed schedule", "N"},
        {"peak", 0, 0, G_OPTION_ARG_NONE, &arguments->peak,
         "w1: search the highest rate with p99 < 50 ms", NULL},
        {"closed", 0, 0, G_OPTION_ARG_NONE, &arguments->closed,
         "w1: closed loop, as fast as it goes", NULL},
        {"seconds", 't', 0, G_OPTION_ARG_DOUBLE, &arguments->seconds, "measured time of a run (10)",
         "N"},
        {"warmup", 0, 0, G_OPTION_ARG_DOUBLE, &arguments->warmup, "load before it (2)", "N"},
        {"tick", 0, 0, G_OPTION_ARG_DOUBLE, &arguments->tick,
         "release sends at most every so many microseconds (0)", "N"},
        {"connections", 'c', 0, G_OPTION_ARG_INT, &arguments->connections, "HTTP connections (256)",
         "N"},
        {"users", 0, 0, G_OPTION_ARG_INT, &arguments->users, "senders, and as many receivers (512)",
         "N"},
        {"conversations", 'k', 0, G_OPTION_ARG_INT, &arguments->conversations,
         "conversations (10000)", "N"},
        {"idle", 0, 0, G_OPTION_ARG_INT, &arguments->idle, "w9, w10: idle sockets (10000)", "N"},
        {"idle-seconds", 0, 0, G_OPTION_ARG_DOUBLE, &arguments->idle_seconds,
         "w9: time to watch them (65)", "N"},
        {"cache", 0, 0, G_OPTION_ARG_FILENAME, &arguments->cache,
         "file that keeps the conversations' ids", "FILE"},
        {"no-check", 0, 0, G_OPTION_ARG_NONE, &arguments->unchecked,
         "do not ask the database afterwards", NULL},
        {"json", 'j', 0, G_OPTION_ARG_FILENAME, &arguments->json, "write the result there", "FILE"},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GOptionContext) context = g_option_context_new("- load generator");
    g_autoptr(GError) error = NULL;
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return false;
    }
    return true;
}

static bool in_range(const char *name, int value, int most)
{
    if (value >= 1 && value <= most)
        return true;
    fprintf(stderr, "--%s must be 1 to %d\n", name, most);
    return false;
}

/* Everything that can be said before anything is touched. */
static bool validate(const struct arguments *arguments)
{
    static const char *const known[] = {"w1", "w1b", "w2", "w9", "w10", "w11", NULL};
    const char *name = arguments->workload;
    if (arguments->stack == NULL || name == NULL || !g_strv_contains(known, name)) {
        fprintf(stderr, "--stack and --workload (w1, w1b, w2, w9, w10, w11) are needed\n");
        return false;
    }
    bool sized = in_range("connections", arguments->connections, CONNECTIONS_MAX) &&
                 in_range("users", arguments->users, USERS_MAX) &&
                 in_range("conversations", arguments->conversations, CONVERSATIONS_MAX) &&
                 in_range("idle", arguments->idle, SOCKETS_MAX);
    if (!sized)
        return false;
    if ((gint64)arguments->conversations > (gint64)arguments->users * arguments->users) {
        fprintf(stderr, "so many conversations need more --users\n");
        return false;
    }
    bool rated = arguments->rate > 0;
    bool modes = strcmp(name, "w1") == 0
                     ? rated + (arguments->peak != 0) + (arguments->closed != 0) == 1
                     : rated == (strcmp(name, "w2") == 0 || strcmp(name, "w9") == 0);
    if (!modes)
        fprintf(stderr, "w1 takes one of --rate, --peak, --closed; w2 and w9 take --rate\n");
    return modes;
}

static void raise_file_limit(unsigned wanted)
{
    struct rlimit limit = {.rlim_cur = wanted, .rlim_max = wanted};
    struct rlimit now;
    getrlimit(RLIMIT_NOFILE, &now);
    if (now.rlim_max >= wanted)
        limit.rlim_max = now.rlim_max;
    if (now.rlim_cur < wanted && setrlimit(RLIMIT_NOFILE, &limit) != 0)
        fprintf(stderr, "the file limit of %lu may not be enough for %u descriptors\n",
                (unsigned long)now.rlim_cur, wanted);
}

static json_t *run(const struct arguments *arguments, struct workload *workload)
{
    const char *name = arguments->workload;
    if (strcmp(name, "w1b") == 0)
        return workload_single(workload);
    if (strcmp(name, "w2") == 0)
        return workload_deliver(workload);
    if (strcmp(name, "w11") == 0)
        return workload_typing(workload);
    if (strcmp(name, "w9") == 0)
        return workload_idle(workload);
    if (strcmp(name, "w10") == 0)
        return workload_storm(workload);
    return arguments->peak ? workload_peak(workload) : workload_send(workload);
}

static json_t *measure(const struct arguments *arguments, const struct stack *stack)
{
    struct workload workload = {
        .stack = stack,
        .engine = engine_new(),
        .unchecked = arguments->unchecked != 0 || stack->database == NULL,
        .rate = arguments->rate,
        .warmup = arguments->warmup,
        .seconds = arguments->seconds,
        .idle_seconds = arguments->idle_seconds,
        .idle = (unsigned)arguments->idle,
    };
    bool single = strcmp(arguments->workload, "w1b") == 0;
    struct cpu *cpu = cpu_new(stack);
    json_t *root = NULL;
    workload.cpu = cpu;
    workload.drive =
        drive_new(workload.engine, &stack->rest, single ? 1 : (unsigned)arguments->connections);
    if (workload.drive != NULL)
        workload.drive->tick = (uint64_t)(arguments->tick * 1e3);
    if (workload.drive != NULL)
        workload.world = world_new(stack, workload.drive, (unsigned)arguments->users,
                                   (unsigned)arguments->conversations, arguments->cache);
    if (workload.world != NULL)
        root = run(arguments, &workload);
    world_free(workload.world);
    if (workload.drive != NULL)
        drive_free(workload.drive);
    cpu_free(cpu);
    engine_free(workload.engine);
    return root;
}

/* Exit status: 0 valid figures, 1 none, 2 nothing was tried. */
static int perform(const struct arguments *arguments)
{
    struct stack *stack = stack_read(arguments->stack);
    if (stack == NULL)
        return 2;
    raise_file_limit((unsigned)(arguments->connections + 4 * arguments->users + arguments->idle) +
                     256);
    json_t *root = measure(arguments, stack);
    bool valid = json_is_true(json_object_get(root, "valid"));
    if (root != NULL && arguments->json != NULL &&
        json_dump_file(root, arguments->json, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) != 0) {
        fprintf(stderr, "cannot write %s\n", arguments->json);
        valid = false;
    }
    json_decref(root);
    stack_free(stack);
    return valid ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.seconds = 10,
                                  .warmup = 2,
                                  .idle_seconds = 65,
                                  .connections = 256,
                                  .users = 512,
                                  .conversations = 10000,
                                  .idle = 10000};
    bool understood = parse(&arguments, argc, argv) && validate(&arguments);
    int status = understood ? perform(&arguments) : 2;
    g_free(arguments.stack);
    g_free(arguments.workload);
    g_free(arguments.cache);
    g_free(arguments.json);
    return status;
}
