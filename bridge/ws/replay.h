/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Resuming: what was missed is read from the log and sent as fast as the client reads; live events
 * are held back meanwhile, so that the client sees every event once and in order. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct event;
struct ws_socket;

/* The client has everything up to CURSOR. ID is JSON or NULL, borrowed. */
void replay_begin(struct ws_socket *socket, const char *cursor, const char *id);

/* A live event while socket->replay is set. */
void replay_hold(struct ws_socket *socket, struct event *event);

/* Sends more if the queue has room. Does nothing without a replay. */
void replay_feed(struct ws_socket *socket);

/* More was missed up to POSITION than is worth reading: the client has to fetch its state anew. */
void replay_missed(struct ws_socket *socket, gint64 position);

/* Forgets the replay, if there is one. */
void replay_cancel(struct ws_socket *socket);
