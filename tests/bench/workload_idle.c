/* SPDX-License-Identifier: GPL-3.0-or-later */
/* W9: many idle WebSockets: their memory, their heartbeats, and whether W2 notices them.
 * W10: as many that come back at once, each with a cursor. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/report.h"
#include "tests/bench/workload.h"

#define SETTLE_NS 2000000000u

struct idle_users {
    const struct stack *stack;
    char *token; /* the one made last */
};

/* Every idle socket is a user of its own, with an account that the token makes. */
static const char *idle_token(void *context, unsigned index)
{
    struct idle_users *users = context;
    char subject[32];
    g_snprintf(subject, sizeof subject, "bench-i%06u", index);
    g_free(users->token);
    users->token = stack_token(users->stack, subject);
    return users->token;
}

static struct receivers *open_idle(struct workload *workload)
{
    struct idle_users users = {.stack = workload->stack};
    uint64_t start = now_ns();
    struct receivers *idle =
        receivers_new(workload->engine, &workload->stack->ws, workload->idle, idle_token, &users);
    g_free(users.token);
    if (idle != NULL)
        printf("W9: %u sockets opened in %.1f s\n", workload->idle,
               (double)(now_ns() - start) / 1e9);
    return idle;
}

/* Makes the accounts and warms the allocator's and the caches' state, so that the measured opening
 * shows what sockets cost. */
static bool prepare(struct workload *workload)
{
    struct receivers *idle = open_idle(workload);
    if (idle == NULL)
        return false;
    receivers_free(idle);
    return true;
}

static void add_memory(json_t *root, const struct workload *workload, struct memory before,
                       uint64_t slab_before)
{
    struct memory after = memory_take(workload->stack, CPU_BRIDGE);
    double resident = ((double)after.resident - (double)before.resident) / workload->idle;
    double private = ((double)after.private - (double)before.private) / workload->idle;
    double slab = ((double)memory_slab() - (double)slab_before) / workload->idle;
    printf("W9: bridge %.1f MB resident before, %.1f MB after: %.0f bytes per socket"
           " (%.0f private); kernel slab of both ends %.0f per socket\n",
           (double)before.resident / 1e6, (double)after.resident / 1e6, resident, private, slab);
    json_object_set_new(root, "resident_before", json_integer((json_int_t)before.resident));
    json_object_set_new(root, "resident_after", json_integer((json_int_t)after.resident));
    json_object_set_new(root, "resident_per_socket", json_real(resident));
    json_object_set_new(root, "private_per_socket", json_real(private));
    json_object_set_new(root, "slab_both_ends_per_socket", json_real(slab));
}

static void add_idle_cpu(json_t *root, const struct workload *workload, struct receivers *idle)
{
    struct cpu_sample before = cpu_take(workload->cpu);
    receivers_idle(idle, (uint64_t)(workload->idle_seconds * 1e9));
    struct cpu_sample after = cpu_take(workload->cpu);
    double share =
        (double)(after.ns[CPU_BRIDGE] - before.ns[CPU_BRIDGE]) / (double)(after.at - before.at);
    printf("W9: bridge uses %.2f %% of a core while idle (%.0f s), %u sockets lost\n", share * 100,
           workload->idle_seconds, idle->lost);
    json_object_set_new(root, "idle_cpu_share", json_real(share));
    json_object_set_new(root, "lost", json_integer(idle->lost));
}

/* W2 into RUNS; adds its delivery p99 to *SUM. */
static bool deliver(struct workload *workload, json_t *runs, double *sum)
{
    json_t *run = workload_deliver(workload);
    if (run == NULL)
        return false;
    *sum += json_number_value(json_object_get(json_object_get(run, "delivery_ms"), "p99"));
    json_array_append_new(runs, run);
    return json_is_true(json_object_get(run, "valid"));
}

json_t *workload_idle(struct workload *workload)
{
    json_t *without = json_array();
    json_t *with = json_array();
    json_t *root = json_pack("{s:s,s:i,s:o,s:o}", "name", "W9", "sockets", (int)workload->idle,
                             "without", without, "with", with);
    double sum_without = 0;
    double sum_with = 0;
    bool valid = prepare(workload);
    /* A B B A, so that drift of the machine falls on both sides. */
    valid = valid && deliver(workload, without, &sum_without);
    struct memory before = memory_take(workload->stack, CPU_BRIDGE);
    uint64_t slab_before = memory_slab();
    struct receivers *idle = valid ? open_idle(workload) : NULL;
    valid = idle != NULL;
    if (valid) {
        receivers_idle(idle, SETTLE_NS);
        add_memory(root, workload, before, slab_before);
        add_idle_cpu(root, workload, idle);
        valid = deliver(workload, with, &sum_with) && deliver(workload, with, &sum_with) &&
                idle->lost == 0;
    }
    receivers_free(idle);
    receivers_idle(&(struct receivers){.engine = workload->engine}, SETTLE_NS);
    valid = valid && deliver(workload, without, &sum_without);
    if (valid) {
        printf("W9: p99 of delivery with / without idle sockets: %.3f / %.3f ms = %.2f\n",
               sum_with / 2, sum_without / 2, sum_with / sum_without);
        json_object_set_new(root, "p99_ratio", json_real(sum_with / sum_without));
    }
    json_object_set_new(root, "valid", json_boolean(valid));
    return root;
}

json_t *workload_storm(struct workload *workload)
{
    struct receivers *idle = open_idle(workload);
    if (idle == NULL)
        return NULL;
    char cursor[sizeof idle->cursor];
    g_strlcpy(cursor, idle->cursor, sizeof cursor);
    receivers_free(idle);
    receivers_idle(&(struct receivers){.engine = workload->engine}, SETTLE_NS);
    struct idle_users users = {.stack = workload->stack};
    struct cpu_sample before = cpu_take(workload->cpu);
    struct receivers *back = receivers_resumed(workload->engine, &workload->stack->ws,
                                               workload->idle, idle_token, &users, cursor);
    struct cpu_sample after = cpu_take(workload->cpu);
    g_free(users.token);
    if (back == NULL)
        return NULL;
    double span = (double)(after.at - before.at) / 1e9;
    double cost[CPU_ROLE_MAX];
    for (int role = 0; role < CPU_ROLE_MAX; role++)
        cost[role] = (double)(after.ns[role] - before.ns[role]) / 1e3 / workload->idle;
    printf("W10: %u sockets back and resumed in %.2f s: %.0f/s; CPU us each: bridge %.0f, postgres"
           " %.0f, generator %.0f\n",
           workload->idle, span, workload->idle / span, cost[CPU_BRIDGE], cost[CPU_POSTGRES],
           cost[CPU_GENERATOR]);
    receivers_free(back);
    return json_pack("{s:s,s:i,s:f,s:f,s:f,s:b}", "name", "W10", "sockets", (int)workload->idle,
                     "rate", workload->idle / span, "bridge_us", cost[CPU_BRIDGE], "postgres_us",
                     cost[CPU_POSTGRES], "valid", 1);
}
