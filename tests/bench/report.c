/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reports; see report.h. */
#include "tests/bench/report.h"

#include <inttypes.h>
#include <stdio.h>

static double ms(const struct histogram *histogram, double percent)
{
    return (double)histogram_percentile(histogram, percent) / 1e6;
}

json_t *report_latency(const struct histogram *histogram)
{
    return json_pack("{s:I,s:f,s:f,s:f,s:f,s:f}", "count", (json_int_t)histogram->total, "p50",
                     ms(histogram, 50), "p90", ms(histogram, 90), "p99", ms(histogram, 99), "p99.9",
                     ms(histogram, 99.9), "max", (double)histogram->max / 1e6);
}

void report_print_latency(const char *name, const struct histogram *histogram)
{
    printf("  %-9s p50 %8.3f  p90 %8.3f  p99 %8.3f  p99.9 %8.3f  max %8.3f ms  (%" PRIu64 ")\n",
           name, ms(histogram, 50), ms(histogram, 90), ms(histogram, 99), ms(histogram, 99.9),
           (double)histogram->max / 1e6, histogram->total);
}

/* CPU-seconds per 1,000 messages (= ms per message) of each part. */
static json_t *report_cpu(const struct send_run *run)
{
    json_t *cpu = json_object();
    printf("  CPU s per 1,000 messages:");
    for (int role = 0; role < CPU_ROLE_MAX; role++) {
        double cost = send_cost(run, (enum cpu_role)role) / 1e3;
        printf("  %s %.4f", cpu_role_names[role], cost);
        json_object_set_new(cpu, cpu_role_names[role], json_real(cost));
    }
    double span = (double)(run->after.at - run->before.at);
    double own =
        run->after.at == 0
            ? 0
            : (double)(run->after.ns[CPU_GENERATOR] - run->before.ns[CPU_GENERATOR]) / span;
    printf("  (generator %.0f %% of a core)\n", own * 100);
    if (own > 0.9)
        printf("  WARNING: the generator itself was short of CPU\n");
    json_object_set_new(cpu, "generator_share", json_real(own));
    return cpu;
}

static json_t *report_check(const struct send_run *run, bool *ret_passed)
{
    struct check_result result;
    *ret_passed = check_run(run, &result) && check_passed(&result);
    if (*ret_passed) {
        printf("  checked: %" PRIu64 " acknowledged, %" PRIu64 " stored, each once, seq gapless\n",
               run->acked, result.stored);
        return json_pack("{s:I}", "stored", (json_int_t)result.stored);
    }
    printf("  CHECK FAILED: %" PRIu64 " missing, %" PRIu64 " repeated, %" PRIu64
           " conversations with gaps, %" PRIu64 " unexpected\n",
           result.missing, result.repeated, result.gaps, result.unexpected);
    return json_pack("{s:I,s:I,s:I,s:I}", "missing", (json_int_t)result.missing, "repeated",
                     (json_int_t)result.repeated, "gaps", (json_int_t)result.gaps, "unexpected",
                     (json_int_t)result.unexpected);
}

json_t *report_send(const char *name, const struct send_run *run, bool unchecked)
{
    bool clean = send_clean(run);
    bool passed = unchecked;
    printf("%s: %.0f messages/s", name, send_rate(run));
    if (run->plan.rate > 0)
        printf(" of %.0f asked for", run->plan.rate);
    printf(", %" PRIu64 " sent, %" PRIu64 " acknowledged, %" PRIu64 " refused, %" PRIu64
           " broken\n",
           run->sent, run->acked, run->refused, run->broken);
    report_print_latency("201", run->latency);
    json_t *root = json_pack("{s:s,s:f,s:f,s:f,s:I,s:I,s:I,s:I,s:o,s:o}", "name", name, "asked",
                             run->plan.rate, "rate", send_rate(run), "seconds", run->plan.seconds,
                             "sent", (json_int_t)run->sent, "acknowledged", (json_int_t)run->acked,
                             "refused", (json_int_t)run->refused, "broken", (json_int_t)run->broken,
                             "latency_ms", report_latency(run->latency), "cpu", report_cpu(run));
    if (run->plan.rate > 0) {
        report_print_latency("late", run->lateness);
        json_object_set_new(root, "lateness_ms", report_latency(run->lateness));
    }
    if (run->plan.deliver) {
        report_print_latency("frame", run->delivery);
        printf("  frames: %" PRIu64 " received, %" PRIu64 " out of order or repeated, %" PRIu64
               " of other runs\n",
               run->received, run->disordered, run->foreign);
        json_object_set_new(root, "delivery_ms", report_latency(run->delivery));
        json_object_set_new(root, "received", json_integer((json_int_t)run->received));
        json_object_set_new(root, "disordered", json_integer((json_int_t)run->disordered));
    }
    if (!unchecked)
        json_object_set_new(root, "check", report_check(run, &passed));
    if (!clean)
        printf("  NOT CLEAN: errors, or not everything was answered\n");
    json_object_set_new(root, "valid", json_boolean(clean && passed));
    fflush(stdout);
    return root;
}
