/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The newest message of busy conversations of two, so that the next one is stored without looking
 * for it (decision 0067).
 *
 * What is known here decides nothing but the numbers that the next message asks for: who may write
 * is decided by the statement that stores it, and a number that was given out already fails there.
 * Bounded; what was not written in for the longest time goes first. */
#pragma once

#include "bridge/archive/archive.h"

struct heads;

struct heads *heads_new(void);
void heads_free(struct heads *heads);
/* Another session, or another log: nothing is known any more. */
void heads_clear(struct heads *heads);
void heads_forget(struct heads *heads, const struct uuid *conversation);
/* The same; message_put() would not store there. */
void heads_miss(struct heads *heads, const struct uuid *conversation);

/* A message was stored by message_store(): what it says of its conversation is known from now on,
 * or, if the next one needs more than a plain insert, not known any more. */
void heads_learn(struct heads *heads, const struct message_write *message);
/* Whether the head of the message's conversation is known, and its sender is one of the two. */
bool heads_know(const struct heads *heads, const struct message_write *message);
/* MESSAGE is the next one of its conversation, which is known: fills in its seq, sender_seq and
 * members. If it is not stored after all, the conversation has to be forgotten. */
void heads_take(struct heads *heads, struct message_write *message);
