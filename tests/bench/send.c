/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A measured run of sends; see send.h. */
#include "tests/bench/send.h"

#include <stdio.h>
#include <string.h>

#include "tests/bench/scan.h"

#define RECORDS_MAX 30000000u /* messages of one run; closed loops stop there */
#define CLOSED_RATE_MAX 150000.0
#define SEND_GRACE 10000000000u
#define FRAME_GRACE 5000000000u
#define COOL_DOWN 0.1 /* seconds of load behind the window */
#define ERRORS_SHOWN 3
#define CLIENT_ID_AT 14
#define CONTENT_AT (CLIENT_ID_AT + WORLD_TAG_LENGTH + 13)

void send_client_id(const struct send_run *run, uint64_t index, char *out)
{
    memcpy(out, run->tag, sizeof run->tag);
    for (int i = WORLD_TAG_LENGTH - 1; i >= (int)sizeof run->tag; i--) {
        out[i] = (char)('0' + index % 10);
        index /= 10;
    }
}

/* Spreads messages over the conversations without a pattern (splitmix64). */
static uint32_t pick(const struct send_run *run, uint64_t index)
{
    uint64_t z = (index + run->seed) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (uint32_t)(((z >> 32) * run->plan.conversations) >> 32);
}

static char *put(char *at, const char *text, size_t length)
{
    memcpy(at, text, length);
    return at + length;
}

static size_t build(void *context, uint64_t index, char out[HTTP_REQUEST_MAX])
{
    static const char path[] = "POST /api/conversations/";
    struct send_run *run = context;
    struct send_record *record = &run->records[index];
    record->conversation = pick(run, index);
    const struct world_conversation *conversation =
        &run->world->conversations[record->conversation];
    const struct world_user *sender = &run->world->senders[conversation->sender];
    send_client_id(run, index, run->body + CLIENT_ID_AT);
    memcpy(run->body + CONTENT_AT, run->body + CLIENT_ID_AT, WORLD_TAG_LENGTH);
    char *at = put(out, path, sizeof path - 1);
    at = put(at, conversation->id, 36);
    at = put(at, sender->headers, sender->headers_length);
    at = put(at, run->body, sizeof run->body);
    return (size_t)(at - out);
}

static void show_error(const struct send_run *run, const struct http_reply *reply)
{
    if (run->refused + run->broken <= ERRORS_SHOWN)
        fprintf(stderr, "send: status %u: %.*s\n", reply->status, (int)MIN(reply->length, 400),
                reply->body != NULL ? reply->body : "connection lost");
}

static void take_reply(void *context, const struct http_client *client,
                       const struct http_reply *reply)
{
    struct send_run *run = context;
    struct send_record *record = &run->records[client->index];
    struct scan_field fields[] = {{.key = "id", .depth = 1}, {.key = "seq", .depth = 1}};
    uint64_t now = now_ns();
    if (reply->status != 201) {
        run->refused += reply->status != 0;
        run->broken += reply->status == 0;
        show_error(run, reply);
        return;
    }
    if (!scan_json(reply->body, reply->length, fields, G_N_ELEMENTS(fields)) ||
        !scan_uuid(fields[0].value, fields[0].length, record->id)) {
        run->refused++;
        show_error(run, reply);
        return;
    }
    record->seq = scan_number(fields[1].value, fields[1].length);
    run->acked++;
    if (client->intended >= run->window_start && client->intended < run->window_end)
        histogram_record(run->latency, now - client->intended);
    if (now >= run->window_start && now < run->window_end)
        run->acked_in_window++;
}

/* A frame at a receiver's socket. */
static void take_frame(void *context, const char *text, size_t length)
{
    struct send_run *run = context;
    uint64_t now = now_ns();
    struct scan_field fields[] = {{.key = "type", .depth = 1},
                                  {.key = "conversation_id", .depth = 2},
                                  {.key = "seq", .depth = 2},
                                  {.key = "content", .depth = 2}};
    if (!scan_json(text, length, fields, G_N_ELEMENTS(fields)) ||
        fields[0].length != strlen("message.new") ||
        memcmp(fields[0].value, "message.new", fields[0].length) != 0)
        return;
    uint64_t index = fields[3].length == WORLD_TEXT_LENGTH
                         ? scan_number(fields[3].value + sizeof run->tag, 10)
                         : UINT64_MAX;
    if (index >= run->drive->next || memcmp(fields[3].value, run->tag, sizeof run->tag) != 0) {
        run->foreign++;
        return;
    }
    struct send_record *record = &run->records[index];
    uint64_t seq = scan_number(fields[2].value, fields[2].length);
    uint64_t *last = &run->last_seq[record->conversation];
    const char *id = run->world->conversations[record->conversation].id;
    if (record->frames++ > 0 || (*last != 0 && seq != *last + 1) || fields[1].length != 36 ||
        memcmp(fields[1].value, id, 36) != 0)
        run->disordered++;
    *last = seq;
    if (record->frames > 1)
        return;
    run->received++;
    uint64_t intended = schedule_intended(&run->drive->schedule, index);
    if (intended >= run->window_start && intended < run->window_end)
        histogram_record(run->delivery, now - intended);
}

/* CPU is read when the window opens and closes. */
static void mark(void *context, uint64_t now)
{
    struct send_run *run = context;
    if (run->before.at == 0 && now >= run->window_start)
        run->before = cpu_take(run->cpu);
    if (run->after.at == 0 && now >= run->window_end)
        run->after = cpu_take(run->cpu);
    if (run->drive->closed && run->after.at != 0)
        run->drive->stopped = true;
}

static struct send_run *send_new(const struct world *world, struct drive *drive,
                                 struct send_plan plan)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog and runs on ";
    struct send_run *run = g_new0(struct send_run, 1);
    double span = plan.warmup + plan.seconds + COOL_DOWN;
    double count = span * (plan.rate > 0 ? plan.rate : CLOSED_RATE_MAX);
    run->world = world;
    run->drive = drive;
    run->plan = plan;
    run->plan.conversations =
        MIN(plan.conversations != 0 ? plan.conversations : UINT_MAX, world->conversations_count);
    run->capacity = (uint64_t)MIN(count, (double)RECORDS_MAX);
    /* Untouched pages of a closed run's generous array cost nothing. */
    run->records = g_new0(struct send_record, run->capacity);
    run->last_seq = g_new0(uint64_t, world->conversations_count);
    run->latency = histogram_new();
    run->delivery = histogram_new();
    run->lateness = histogram_new();
    g_snprintf(run->tag, sizeof run->tag, "b%08x", g_random_int());
    run->tag[9] = '-';
    run->seed = g_random_int();
    memcpy(run->body, "{\"client_id\":\"", 14);
    memcpy(run->body + CLIENT_ID_AT + WORLD_TAG_LENGTH, "\",\"content\":\"", 13);
    for (size_t i = 0; i < WORLD_TEXT_LENGTH; i++)
        run->body[CONTENT_AT + i] = words[i % (sizeof words - 1)];
    memcpy(run->body + CONTENT_AT + WORLD_TEXT_LENGTH, "\"}", 2);
    return run;
}

static void prepare_drive(struct send_run *run)
{
    struct drive *drive = run->drive;
    drive_reset(drive);
    drive->closed = run->plan.rate <= 0;
    drive->schedule = (struct schedule){.start = now_ns() + 1000000u,
                                        .rate = drive->closed ? 1 : run->plan.rate,
                                        .count = run->capacity};
    run->window_start = drive->schedule.start + (uint64_t)(run->plan.warmup * 1e9);
    run->window_end = run->window_start + (uint64_t)(run->plan.seconds * 1e9);
    drive->build = build;
    drive->reply = take_reply;
    drive->mark = mark;
    drive->context = run;
    drive->lateness = run->lateness;
}

struct send_run *send_run(const struct world *world, struct drive *drive, const struct cpu *cpu,
                          struct send_plan plan, struct receivers *receivers)
{
    struct send_run *run = send_new(world, drive, plan);
    run->cpu = cpu;
    prepare_drive(run);
    if (receivers != NULL) {
        receivers->text = take_frame;
        receivers->context = run;
    }
    run->drained = drive_run(drive, SEND_GRACE);
    run->sent = drive->next;
    if (receivers != NULL) {
        uint64_t give_up = now_ns() + FRAME_GRACE;
        while (run->received < run->acked && now_ns() < give_up)
            engine_wait(drive->engine, now_ns() + 10000000u);
        run->drained &= run->received >= run->acked && receivers->lost == 0;
        receivers->text = NULL;
    }
    return run;
}

void send_free(struct send_run *run)
{
    if (run == NULL)
        return;
    g_free(run->records);
    g_free(run->last_seq);
    g_free(run->latency);
    g_free(run->delivery);
    g_free(run->lateness);
    g_free(run);
}

double send_rate(const struct send_run *run)
{
    return (double)run->acked_in_window / run->plan.seconds;
}

double send_cost(const struct send_run *run, enum cpu_role role)
{
    if (run->acked_in_window == 0 || run->after.at == 0)
        return 0;
    if (run->after.ns[role] < run->before.ns[role])
        return 0; /* a process went away */
    return (double)(run->after.ns[role] - run->before.ns[role]) / 1e3 /
           (double)run->acked_in_window;
}

bool send_clean(const struct send_run *run)
{
    return run->drained && run->refused == 0 && run->broken == 0 && run->disordered == 0 &&
           run->acked == run->sent;
}
