/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A component link and a scripted server in one process, for the tests of the link. Time is moved,
 * never waited for: clock_advance and link_tick take the place of the timer. */
#pragma once

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/xmpp/link.h"
#include "tests/unit/fake_xmpp_server.h"
#include "tests/unit/unit.h"

#define US "app.example.org"
#define ALICE "alice@app.example.org/rest"
#define BOB "bob@example.org/phone"
#define PATIENCE (60 * G_TIME_SPAN_SECOND) /* real time after which a test has failed */

extern struct fake_server server;
extern struct options *config; /* read by make_link */
extern struct link *component; /* NULL: none */
extern guint ups, downs, stanzas;
extern GPtrArray *stanza_ids;
extern bool free_in_callback;
extern guint barriers_true, barriers_false;
extern struct link_failure failure; /* of the last attempt that came to nothing */
extern guint answers, failures;     /* to ask */
extern char *answer_type;           /* of the last one; owned */

/* Runs both ends until CONDITION holds. */
#define run_until(condition)                                                                       \
    do {                                                                                           \
        gint64 give_up = g_get_monotonic_time() + PATIENCE;                                        \
        while (!(condition) && g_get_monotonic_time() < give_up)                                   \
            turn();                                                                                \
        ck_assert_msg((condition), "never came: %s", #condition);                                  \
    } while (0)

void setup(void);
void teardown(void);

/* The link's callbacks: they count. */
void on_up(void *data);
void on_down(void *data);
void on_stanza(xmpp_stanza_t *stanza, void *data);
void on_barrier(bool delivered, void *data);

void make_link(void);
void bring_up(void); /* makes a link and waits until it is up */
void free_component(void);

void turn(void);
void settle(void); /* enough turns for everything that is under way on loopback to arrive */
void advance(gint64 microseconds);

bool send_message(const char *from, const char *to, const char *id, const char *body);
const char *received_id(guint i); /* of the server's I-th stanza */
guint64 number(const char *id);   /* G_MAXUINT64: it is none */

/* A request of ALICE's, and what the server says to it. */
bool ask(const char *to, guint timeout);
void say_answer(const char *type, const char *from, const char *id);
