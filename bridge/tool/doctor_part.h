/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the doctor share. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/options.h"
#include "bridge/tool/admin_sql.h"
#include "xep/bound.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct doctor {
    const struct options *options;
    bool failed;  /* some part did */
    bool running; /* a trestle with this configuration's listeners is at work */
    bool link_up; /* … and says that it has the component link */
    bool rooms_link_up;
    bool refused;        /* the daemon that runs finds writes refused */
    guint64 ice_failing; /* STUN and TURN servers that it does not hand out */
    char *holder; /* several instances: the one that holds the link's lease now; NULL: none */
};

/* Prints one line: verdict, part, and what is wrong and how to mend it. */
void doctor_say(struct doctor *doctor, enum verdict verdict, const char *part, const char *format,
                ...) G_GNUC_PRINTF(4, 5);

/* The component link, with a handshake of its own unless a running trestle has the link. */
void doctor_check_link(struct doctor *doctor);

/* The standby of database.read_uri: whether it follows the database of CONNECTION. */
void doctor_check_replica(struct doctor *doctor, PGconn *connection);

/* Several instances: Redis; and who holds the link, to be known before it is tried. */
void doctor_check_cluster(struct doctor *doctor);
void doctor_note_holder(struct doctor *doctor, PGconn *connection);

/* Hosts whose accounts are used here: what the daemon that runs knows of them; one that HELLO is
 * from, or that answered with the error CONDITION (both NULL: not at all); what the database says
 * of their archives; whether passwords can be tried there. */
void doctor_look_at_hosts(struct doctor *doctor);
void doctor_explain_host(struct doctor *doctor, const char *host, const struct bound_hello *hello,
                         const char *condition);
void doctor_check_archives(struct doctor *doctor, PGconn *connection);
void doctor_check_logins(struct doctor *doctor);

/* Every STUN and TURN server of [calls], as a call would use it. */
void doctor_check_ice(struct doctor *doctor);

/* Tries to listen at a numeric address: 0, or an errno. */
int doctor_try_listen(const char *address, gint64 port);
/* The body of the answer to GET PATH if its status is 200, else NULL; caller frees. */
char *doctor_http_get(const char *address, gint64 port, const char *path);
