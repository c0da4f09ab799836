/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The admin listener: /livez, /readyz, /metrics, /hosts, without authentication, for operators and
 * their probes only. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct json_writer;
struct options;
struct http_admin;

struct http_part {
    const char *name; /* "database", "link" */
    bool ready;
    bool optional; /* is shown, but need not be up */
};

struct http_probe {
    /* The parts that must be up, ended by one without a name; valid until the next call. */
    const struct http_part *(*parts)(void *data);
    /* Before /metrics is written: the time to set gauges. May be NULL. */
    void (*refresh)(void *data);
    /* What is known of the hosts whose accounts are used here, added to an open array. May be NULL.
     */
    void (*hosts)(struct json_writer *json, void *data);
    void *data;
};

/* Listens on [http] admin_listen and admin_port. NULL and *error if it cannot. PROBE is copied. */
struct http_admin *http_admin_new(const struct options *options, const struct http_probe *probe,
                                  GError **error);
void http_admin_free(struct http_admin *admin); /* NULL is fine */
unsigned http_admin_port(const struct http_admin *admin);
