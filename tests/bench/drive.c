/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Open- and closed-loop request driver; see drive.h. */
#include "tests/bench/drive.h"

#include <glib.h>
#include <string.h>

#define TICK_NS 20000000u /* marks are looked at this often when nothing else happens */

static void idle_push(struct drive *drive, unsigned client)
{
    unsigned slot = (drive->idle_head + drive->idle_count) % drive->connections;
    drive->idle[slot] = client;
    drive->idle_count++;
}

static unsigned idle_pop(struct drive *drive)
{
    unsigned client = drive->idle[drive->idle_head];
    drive->idle_head = (drive->idle_head + 1) % drive->connections;
    drive->idle_count--;
    return client;
}

static void issue(struct drive *drive, uint64_t now)
{
    drive->released = now;
    uint64_t due = drive->closed ? drive->schedule.count : schedule_due(&drive->schedule, now);
    while (!drive->stopped && drive->next < due && drive->idle_count > 0) {
        struct http_client *client = &drive->clients[idle_pop(drive)];
        if (client->source.fd < 0 && !http_open(client)) { /* closed while idle */
            drive->stopped = true;
            return;
        }
        uint64_t at = now_ns();
        client->index = drive->next++;
        client->intended = drive->closed ? at : schedule_intended(&drive->schedule, client->index);
        if (drive->lateness != NULL && !drive->closed)
            histogram_record(drive->lateness,
                             at - MAX(client->intended, MIN(client->free_since, at)));
        drive->outstanding++;
        http_send(client, drive->build(drive->context, client->index, client->out));
    }
}

static void replied(struct http_client *client, const struct http_reply *reply)
{
    struct drive *drive = client->owner;
    drive->outstanding--;
    drive->reply(drive->context, client, reply);
    /* A broken connection is opened again, so that one failure is one failure. */
    if (client->source.fd < 0 && !http_open(client)) {
        drive->stopped = true;
        return;
    }
    idle_push(drive, (unsigned)(client - drive->clients));
    if (drive->closed || drive->tick == 0 || drive->idle_count == 1)
        issue(drive, now_ns());
}

struct drive *drive_new(struct engine *engine, const struct endpoint *endpoint,
                        unsigned connections)
{
    struct drive *drive = g_new0(struct drive, 1);
    drive->engine = engine;
    drive->connections = connections;
    drive->clients = g_new0(struct http_client, connections);
    drive->idle = g_new0(unsigned, connections);
    for (unsigned i = 0; i < connections; i++) {
        struct http_client *client = &drive->clients[i];
        client->source.fd = -1;
        client->engine = engine;
        client->endpoint = endpoint;
        client->replied = replied;
        client->owner = drive;
        if (!http_open(client)) {
            drive_free(drive);
            return NULL;
        }
        idle_push(drive, i);
    }
    return drive;
}

void drive_free(struct drive *drive)
{
    for (unsigned i = 0; i < drive->connections; i++)
        if (drive->clients[i].engine != NULL)
            http_close(&drive->clients[i]);
    g_free(drive->clients);
    g_free(drive->idle);
    g_free(drive);
}

void drive_reset(struct drive *drive)
{
    drive->next = 0;
    drive->stopped = false;
    drive->mark = NULL;
    drive->lateness = NULL;
    /* What an aborted run left in flight must not be taken for a reply of the next one. */
    for (unsigned i = 0; i < drive->connections; i++) {
        struct http_client *client = &drive->clients[i];
        if (!client->busy)
            continue;
        engine_close(drive->engine, &client->source);
        client->busy = false;
        idle_push(drive, i); /* opened again when it is needed */
    }
    drive->outstanding = 0;
}

/* Nothing more to send, now or later. */
static bool all_sent(const struct drive *drive)
{
    return drive->stopped || drive->next >= drive->schedule.count;
}

static uint64_t wake_time(const struct drive *drive, uint64_t now)
{
    uint64_t tick = now + TICK_NS;
    if (all_sent(drive) || drive->closed || drive->idle_count == 0)
        return tick;
    uint64_t release =
        MAX(schedule_intended(&drive->schedule, drive->next), drive->released + drive->tick);
    return MIN(tick, release);
}

bool drive_run(struct drive *drive, uint64_t grace)
{
    uint64_t give_up = UINT64_MAX;
    for (;;) {
        uint64_t now = now_ns();
        if (drive->mark != NULL)
            drive->mark(drive->context, now);
        if (now >= drive->released + drive->tick)
            issue(drive, now);
        if (all_sent(drive) && drive->outstanding == 0)
            return drive->stopped || drive->next >= drive->schedule.count;
        bool over = drive->stopped ||
                    (drive->closed ? drive->next >= drive->schedule.count
                                   : schedule_due(&drive->schedule, now) >= drive->schedule.count);
        if (over && give_up == UINT64_MAX)
            give_up = now + grace;
        if (now >= give_up) {
            drive->stopped = true;
            return false;
        }
        engine_wait(drive->engine, wake_time(drive, now));
    }
}
