/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts and their hello. */
#pragma once

#include "bridge/bound/bound_part.h"

struct json_writer;

void bound_hosts_open(struct bound *bound);
void bound_host_free(gpointer host);
/* The host whose domain is that of ADDRESS, a JID of any form; NULL: not one of them. */
struct bound_host *bound_host_of(const struct bound *bound, const char *address);
/* Adds all of them to JSON, an array that is open: for operators. */
void bound_hosts_write(const struct bound *bound, struct json_writer *json);
/* Says hello where it is due. */
void bound_hosts_tick(struct bound *bound, gint64 now);
/* The link is down. */
void bound_hosts_lost(struct bound *bound);
/* Says hello at once: something does not fit what was known. */
void bound_host_doubt(struct bound_host *host);
