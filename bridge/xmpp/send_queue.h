/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes that wait for the kernel: appended while a turn runs, written in few large writes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/buffer.h"

struct send_queue {
    struct buffer bytes;
    size_t written; /* how many bytes at the front of it are with the kernel already */
    size_t ceiling; /* most bytes that may wait */
};

enum send_result {
    SEND_DONE,    /* nothing waits any more */
    SEND_BLOCKED, /* the kernel takes no more for now */
    SEND_FAILED,  /* errno says why */
};

void send_queue_init(struct send_queue *queue, size_t ceiling);
void send_queue_clear(struct send_queue *queue); /* forgets what waits; may be used again */
size_t send_queue_length(const struct send_queue *queue);
/* False, and nothing appended, when more than the ceiling plus EXTRA bytes would wait. */
bool send_queue_append(struct send_queue *queue, const char *bytes, size_t length, size_t extra);
/* Writes to the non-blocking socket FD what it takes. */
enum send_result send_queue_write(struct send_queue *queue, int fd);
