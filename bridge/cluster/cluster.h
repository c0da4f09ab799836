/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several instances that share one database: Redis, the bus, the lease on the link, and which way
 * stanzas take. Without [cluster] redis there is no cluster and everything is as it was. */
#pragma once

#include <strophe.h>

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/service.h"

struct cluster;
struct core;
struct link;
struct link_callbacks;
struct log_state;

/* NULL: this is the only instance. Prepares CORE; before the features start. REACHED is called when
 * the server can be reached again through another instance, while the own link is down. */
struct cluster *cluster_new(struct core *core, void (*reached)(struct core *core));
/* After the archive and the link have gone. NULL is fine, as everywhere here. */
void cluster_free(struct cluster *cluster);

/* What a link has to be told before it is made. */
void cluster_prepare_link(struct cluster *cluster, struct link_callbacks *callbacks, void *data);
/* When LINKS are there, each NULL or of its service: takes over core->sinks. */
void cluster_start(struct cluster *cluster, struct link *const *links);

void cluster_archive_up(struct cluster *cluster, const struct log_state *log);
void cluster_link_changed(struct cluster *cluster);
/* An IQ answer that nobody here waits for: another instance may. */
void cluster_unclaimed(struct cluster *cluster, xmpp_stanza_t *result);

/* Hands over: gives the lease and the link back and says good-bye. */
void cluster_leave(struct cluster *cluster);

bool cluster_is_connected(const struct cluster *cluster); /* to Redis */
/* Whether stanzas of SERVICE find a way out, here or through another instance. */
bool cluster_reaches_server(const struct cluster *cluster, enum service service);
/* Whether there is a link at any instance; also while the instances cannot hear each other. */
bool cluster_has_link(const struct cluster *cluster);
