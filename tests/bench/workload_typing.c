/* SPDX-License-Identifier: GPL-3.0-or-later */
/* W11: everybody types. Each sender says in turn that it types and that it does not, so each frame
 * in is one frame out at the receiver; beside it the plain send() loop to as many sockets (L5). */
#include <errno.h>
#include <glib.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/report.h"
#include "tests/bench/schedule.h"
#include "tests/bench/workload.h"

#define PERIOD_NS                                                                                  \
    1250000000u         /* between two changes of one typist: above the pace of one second         \
                         */
#define FRAME_BYTES 240 /* of L5: what a typing frame has on the wire */
#define LIMIT_ROUNDS 20
#define SETTLE_NS 3000000000u
#define SETTLE_ROUNDS 60
#define SETTLED_RATE 5.0       /* statements per second */
#define STATEMENTS_SLACK 0.001 /* per frame, beyond what idleness costs */

struct typing_run {
    struct receivers *typists;
    const struct world *world;
    uint64_t sent;
    uint64_t seen;
};

/* ---- The limit ------------------------------------------------------------------------------- */

static uint64_t own_cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000u;
}

/* A connected pair of TCP sockets on loopback; false: none. */
static bool tcp_pair(int listener, const struct sockaddr_in *address, int ret_pair[2])
{
    ret_pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected =
        ret_pair[0] >= 0 && connect(ret_pair[0], (const void *)address, sizeof *address) == 0;
    ret_pair[1] = connected ? accept(listener, NULL, NULL) : -1;
    return ret_pair[1] >= 0;
}

/* CPU nanoseconds of one send() of a frame to one of COUNT sockets; 0: could not be measured. */
static double limit_send(unsigned count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool fine = listener >= 0 && bind(listener, (void *)&address, length) == 0 &&
                listen(listener, 128) == 0 && getsockname(listener, (void *)&address, &length) == 0;
    g_autofree int *pairs = g_new0(int, (gsize)count * 2);
    unsigned made = 0;
    for (; fine && made < count; made++)
        fine = tcp_pair(listener, &address, &pairs[(gsize)made * 2]);
    char frame[FRAME_BYTES] = {0};
    char sink[65536];
    uint64_t spent = 0;
    for (unsigned round = 0; fine && round < LIMIT_ROUNDS; round++) {
        uint64_t before = own_cpu_ns();
        for (unsigned i = 0; fine && i < count; i++)
            fine = send(pairs[(gsize)i * 2], frame, sizeof frame, MSG_NOSIGNAL) == FRAME_BYTES;
        spent += own_cpu_ns() - before;
        for (unsigned i = 0; i < count; i++)
            fine = recv(pairs[(gsize)i * 2 + 1], sink, sizeof sink, 0) > 0 && fine;
    }
    for (unsigned i = 0; i < made * 2; i++)
        close(pairs[i]);
    if (listener >= 0)
        close(listener);
    return fine ? (double)spent / LIMIT_ROUNDS / count : 0;
}

/* ---- The statement counter ------------------------------------------------------------------- */

/* What the metric NAME stands at; -1: not known. */
static double read_metric(const struct stack *stack, const char *name)
{
    static const char request[] = "GET /metrics HTTP/1.0\r\nHost: bench\r\n\r\n";
    struct endpoint admin = stack->admin;
    int fd = engine_connect(&admin, 0);
    if (fd < 0)
        return -1;
    g_autoptr(GString) text = g_string_new(NULL);
    uint64_t end = now_ns() + 2000000000u;
    size_t sent = 0;
    for (bool open = true; open && now_ns() < end;) {
        char bytes[8192];
        if (sent < sizeof request - 1) {
            ssize_t took = send(fd, request + sent, sizeof request - 1 - sent, MSG_NOSIGNAL);
            sent += took > 0 ? (size_t)took : 0;
        }
        ssize_t got = recv(fd, bytes, sizeof bytes, 0);
        if (got > 0)
            g_string_append_len(text, bytes, got);
        else if (got == 0 || errno != EAGAIN)
            open = false;
        else
            g_usleep(500);
    }
    close(fd);
    g_autofree char *line = g_strconcat("\n", name, " ", NULL);
    const char *found = strstr(text->str, line);
    return found ? g_ascii_strtod(found + strlen(line), NULL) : -1;
}

static double statements(const struct workload *workload)
{
    return read_metric(workload->stack, "trestle_archive_statements_total");
}

/* ---- Typing ---------------------------------------------------------------------------------- */

static const char *sender_token(void *context, unsigned index)
{
    const struct world *world = context;
    return world->senders[index].token;
}

static const char *receiver_token(void *context, unsigned index)
{
    const struct world *world = context;
    return world->receivers[index].token;
}

static void count_typing(void *context, const char *text, size_t length)
{
    struct typing_run *run = context;
    if (length > 16 && memcmp(text, "{\"type\":\"typing\"", 16) == 0)
        run->seen++;
}

/* Change number INDEX of all: sender INDEX % N, and all of them in turn. */
static bool send_one(struct typing_run *run, uint64_t index)
{
    unsigned sender = (unsigned)(index % run->world->senders_count);
    bool active = index / run->world->senders_count % 2 == 0;
    char text[160];
    int length =
        snprintf(text, sizeof text,
                 "{\"type\":\"typing\",\"payload\":{\"conversation_id\":\"%s\",\"active\":%s}}",
                 run->world->conversations[sender].id, active ? "true" : "false");
    run->sent++;
    return ws_send_text(&run->typists->clients[sender], text, (size_t)length);
}

/* Lets all type for SECONDS; even rounds, so that it ends with nobody typing. */
static bool type_for(struct workload *workload, struct typing_run *run, double seconds)
{
    uint64_t rounds = (uint64_t)(seconds * 1e9 / PERIOD_NS / 2 + 1) * 2;
    struct schedule schedule = {
        .start = now_ns(),
        .rate = run->world->senders_count * 1e9 / PERIOD_NS,
        .count = rounds * run->world->senders_count,
    };
    uint64_t index = 0;
    bool fine = true;
    while (fine && index < schedule.count) {
        for (uint64_t due = schedule_due(&schedule, now_ns()); fine && index < due; index++)
            fine = send_one(run, index);
        engine_wait(workload->engine, now_ns() + 1000000u);
    }
    receivers_idle(run->typists, PERIOD_NS);
    return fine;
}

static void report(json_t *root, const struct typing_run *run, uint64_t cpu_ns, double limit_ns)
{
    double frame_ns = (double)cpu_ns / (double)MAX(run->seen, 1);
    printf("W11: %llu frames in, %llu out; bridge %.2f us CPU per frame,"
           " send() loop (L5) %.2f us, ratio %.2f\n",
           (unsigned long long)run->sent, (unsigned long long)run->seen, frame_ns / 1e3,
           limit_ns / 1e3, limit_ns / frame_ns);
    json_object_set_new(root, "frames_in", json_integer((json_int_t)run->sent));
    json_object_set_new(root, "frames_out", json_integer((json_int_t)run->seen));
    json_object_set_new(root, "bridge_us", json_real(frame_ns / 1e3));
    json_object_set_new(root, "limit_us", json_real(limit_ns / 1e3));
    json_object_set_new(root, "ratio", json_real(limit_ns / frame_ns));
}

/* Waits until everybody's coming online has been dealt with; what idleness costs per second then.
 */
static double settle(struct workload *workload, struct typing_run *run)
{
    double rate = 0;
    for (unsigned i = 0; i < SETTLE_ROUNDS; i++) {
        double before = statements(workload);
        uint64_t start = now_ns();
        receivers_idle(run->typists, SETTLE_NS);
        rate = (statements(workload) - before) / ((double)(now_ns() - start) / 1e9);
        if (rate <= SETTLED_RATE)
            break;
    }
    return rate;
}

/* The measured part; both sides' sockets are open. */
static bool measure(struct workload *workload, struct typing_run *run, json_t *root)
{
    bool fine = type_for(workload, run, 2); /* brings the conversations into memory */
    double idle_rate = settle(workload, run);
    double limit_ns = limit_send(run->world->senders_count);
    run->sent = run->seen = 0;
    double before = statements(workload);
    uint64_t start = now_ns();
    struct cpu_sample first = cpu_take(workload->cpu);
    fine = fine && type_for(workload, run, workload->seconds);
    struct cpu_sample last = cpu_take(workload->cpu);
    double took = (double)(now_ns() - start) / 1e9;
    double spent = before < 0 ? -1 : statements(workload) - before - idle_rate * took;
    report(root, run, last.ns[CPU_BRIDGE] - first.ns[CPU_BRIDGE], limit_ns);
    printf("W11: %.0f frames/s; %.0f SQL statements beyond the %.1f/s of idleness\n",
           (double)run->seen / took, spent, idle_rate);
    json_object_set_new(root, "frames_per_second", json_real((double)run->seen / took));
    json_object_set_new(root, "statements", json_real(spent));
    bool silent = before >= 0 && spent <= MAX(2.0, STATEMENTS_SLACK * (double)run->seen);
    json_object_set_new(root, "no_sql", json_boolean(silent));
    return fine && silent && limit_ns > 0 && run->seen >= run->sent * 95 / 100 &&
           run->seen <= run->sent;
}

json_t *workload_typing(struct workload *workload)
{
    struct world *world = workload->world;
    struct typing_run run = {.world = world};
    json_t *root = json_pack("{s:s,s:i}", "name", "W11", "typists", (int)world->senders_count);
    bool valid = world->conversations_count >= world->senders_count;
    struct receivers *readers = valid ? receivers_new(workload->engine, &workload->stack->ws,
                                                      world->receivers_count, receiver_token, world)
                                      : NULL;
    if (readers != NULL) {
        readers->text = count_typing;
        readers->context = &run;
        run.typists = receivers_new(workload->engine, &workload->stack->ws, world->senders_count,
                                    sender_token, world);
    }
    valid = run.typists != NULL && measure(workload, &run, root);
    receivers_free(run.typists);
    receivers_free(readers);
    json_object_set_new(root, "valid", json_boolean(valid));
    return root;
}
