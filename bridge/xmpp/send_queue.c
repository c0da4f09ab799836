/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A byte queue that moves its content rarely: written bytes stay in front until they are the larger
 * part, so that a slow reader of a full queue costs no quadratic copying. They are wiped: there may
 * be a password among them. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "bridge/xmpp/send_queue.h"

#define EXTRA_ROOM (1024 * 1024)   /* for what send_queue_append is told to let in on top */
#define KEEP_CAPACITY (256 * 1024) /* an empty queue gives back memory above this */

void send_queue_init(struct send_queue *queue, size_t ceiling)
{
    *queue = (struct send_queue){.ceiling = ceiling};
    /* The buffer holds the written front as well, which drop_written keeps the smaller part. */
    buffer_init(&queue->bytes, 2 * ceiling + EXTRA_ROOM);
}

void send_queue_clear(struct send_queue *queue)
{
    if (queue->bytes.data)
        explicit_bzero(queue->bytes.data, queue->bytes.length);
    buffer_clear(&queue->bytes);
    queue->written = 0;
}

size_t send_queue_length(const struct send_queue *queue)
{
    return queue->bytes.length - queue->written;
}

bool send_queue_append(struct send_queue *queue, const char *bytes, size_t length, size_t extra)
{
    if (length > queue->ceiling + extra ||
        send_queue_length(queue) > queue->ceiling + extra - length)
        return false;
    return buffer_append(&queue->bytes, bytes, length);
}

static void drop_written(struct send_queue *queue)
{
    if (send_queue_length(queue) == 0) {
        queue->written = 0;
        if (queue->bytes.capacity > KEEP_CAPACITY)
            buffer_clear(&queue->bytes);
        else
            buffer_reset(&queue->bytes);
    } else if (queue->written > queue->bytes.length / 2) {
        buffer_consume(&queue->bytes, queue->written);
        queue->written = 0;
    }
}

enum send_result send_queue_write(struct send_queue *queue, int fd)
{
    enum send_result result = SEND_DONE;
    while (send_queue_length(queue) > 0) {
        ssize_t sent = send(fd, queue->bytes.data + queue->written, send_queue_length(queue),
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            result = errno == EAGAIN || errno == EWOULDBLOCK ? SEND_BLOCKED : SEND_FAILED;
            break;
        }
        explicit_bzero(queue->bytes.data + queue->written, (size_t)sent);
        queue->written += (size_t)sent;
    }
    int saved_errno = errno;
    drop_written(queue);
    errno = saved_errno;
    return result;
}
