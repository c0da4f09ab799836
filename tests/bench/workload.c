/* SPDX-License-Identifier: GPL-3.0-or-later */
/* W1, W1b and W2; see workload.h. */
#include "tests/bench/workload.h"

#include <stdio.h>

#include "tests/bench/report.h"

#define PEAK_P99_NS 50000000u
#define PEAK_STEPS 7
#define PEAK_STEP_SECONDS 4.0
#define PEAK_CONFIRMATIONS 6

static struct send_plan plan_of(const struct workload *workload, double rate)
{
    return (struct send_plan){
        .rate = rate, .warmup = workload->warmup, .seconds = workload->seconds};
}

json_t *workload_send(struct workload *workload)
{
    struct send_plan plan = plan_of(workload, workload->rate);
    struct send_run *run = send_run(workload->world, workload->drive, workload->cpu, plan, NULL);
    json_t *root = report_send(plan.rate > 0 ? "W1" : "W1 closed loop", run, workload->unchecked);
    send_free(run);
    return root;
}

json_t *workload_single(struct workload *workload)
{
    struct send_plan plan = plan_of(workload, 0);
    plan.conversations = 1;
    struct send_run *run = send_run(workload->world, workload->drive, workload->cpu, plan, NULL);
    json_t *root = report_send("W1b", run, workload->unchecked);
    send_free(run);
    return root;
}

/* A rate is carried when nothing failed, p99 is in bounds and replies keep up with the schedule. */
static bool carried(const struct send_run *run)
{
    return send_clean(run) && histogram_percentile(run->latency, 99) < PEAK_P99_NS &&
           send_rate(run) >= 0.98 * run->plan.rate;
}

static bool try_rate(struct workload *workload, double rate)
{
    struct send_plan plan = {.rate = rate, .warmup = 1, .seconds = PEAK_STEP_SECONDS};
    struct send_run *run = send_run(workload->world, workload->drive, workload->cpu, plan, NULL);
    bool fine = carried(run);
    printf("  %8.0f/s: p99 %9.3f ms, %s\n", rate,
           (double)histogram_percentile(run->latency, 99) / 1e6, fine ? "carried" : "not carried");
    fflush(stdout);
    send_free(run);
    return fine;
}

json_t *workload_peak(struct workload *workload)
{
    struct send_plan plan = {.warmup = 1, .seconds = PEAK_STEP_SECONDS};
    struct send_run *run = send_run(workload->world, workload->drive, workload->cpu, plan, NULL);
    json_t *closed = report_send("W1 closed loop", run, workload->unchecked);
    double high = send_rate(run) * 1.1;
    double low = 0;
    send_free(run);
    for (int step = 0; step < PEAK_STEPS && high - low > 0.02 * high; step++) {
        double rate = low == 0 ? high * (step == 0 ? 0.75 : 0.6) : (low + high) / 2;
        if (try_rate(workload, rate))
            low = rate;
        else
            high = rate;
    }
    /* The figure is a full run at the rate found; a little less if the short runs were lucky. */
    json_t *root = NULL;
    bool fine = false;
    for (int i = 0; i < PEAK_CONFIRMATIONS && low > 0 && !fine; i++, low *= 0.93) {
        json_decref(root);
        run =
            send_run(workload->world, workload->drive, workload->cpu, plan_of(workload, low), NULL);
        fine = carried(run);
        root = report_send("W1 peak", run, workload->unchecked);
        send_free(run);
    }
    if (root == NULL)
        root = json_pack("{s:s}", "name", "W1 peak");
    if (!fine)
        json_object_set_new(root, "valid", json_false());
    json_object_set_new(root, "closed", closed);
    return root;
}

static const char *receiver_token(void *context, unsigned index)
{
    const struct world *world = context;
    return world->receivers[index].token;
}

json_t *workload_deliver(struct workload *workload)
{
    struct world *world = workload->world;
    struct receivers *receivers = receivers_new(workload->engine, &workload->stack->ws,
                                                world->receivers_count, receiver_token, world);
    if (receivers == NULL)
        return NULL;
    struct send_plan plan = plan_of(workload, workload->rate);
    plan.deliver = true;
    struct send_run *run = send_run(world, workload->drive, workload->cpu, plan, receivers);
    json_t *root = report_send("W2", run, workload->unchecked);
    send_free(run);
    receivers_free(receivers);
    return root;
}
