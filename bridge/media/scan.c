/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The protocol of clamd(8): "zINSTREAM", pieces that each say their length, one of length 0; then a
 * line. */
#include "config.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/loop/disk.h"
#include "bridge/media/plain.h"
#include "bridge/media/scan.h"
#include "bridge/media/vault.h"

#define SECONDS_MAX 120 /* for clamd to answer, or to take a piece */
#define ANSWER_MAX 512

struct scanning {
    struct disk_work work;
    struct scan_plan plan;
    char *socket_path;
    const char *folder;
    guint8 key[FILE_KEY_SIZE];
    enum scan_verdict verdict;
    char answer[ANSWER_MAX];
};

static struct scanning *scanning_of(struct disk_work *work)
{
    return (struct scanning *)(void *)work; /* its first member */
}

static int clamd_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = SECONDS_MAX};
    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool send_all(int fd, const void *bytes, size_t length)
{
    const guint8 *at = bytes;
    while (length > 0) {
        ssize_t count = send(fd, at, length, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        at += count;
        length -= (size_t)count;
    }
    return true;
}

static bool send_piece(int fd, const guint8 *bytes, size_t length)
{
    guint32 size = GUINT32_TO_BE((guint32)length);
    return send_all(fd, &size, sizeof size) && send_all(fd, bytes, length);
}

/* Data of plain_each(). clamd that hangs up in the middle has answered why. */
struct sending {
    int fd;
    bool sent;
};

static bool piece_take(const guint8 *bytes, size_t length, void *data)
{
    struct sending *sending = data;
    sending->sent = sending->sent && send_piece(sending->fd, bytes, length);
    return true;
}

/* False: the file cannot be read. */
static bool send_file(struct scanning *scanning, int fd)
{
    struct plain_place place = {scanning->folder, scanning->plan.file, "", scanning->key};
    struct sending sending = {fd, send_all(fd, "zINSTREAM", 10)};
    if (!plain_each(&place, scanning->plan.size, piece_take, &sending))
        return false;
    if (sending.sent)
        send_piece(fd, (const guint8 *)"", 0);
    return true;
}

static bool read_answer(struct scanning *scanning, int fd)
{
    size_t length = 0;
    while (length + 1 < ANSWER_MAX) {
        ssize_t count = recv(fd, scanning->answer + length, ANSWER_MAX - 1 - length, 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        length += (size_t)count;
        if (memchr(scanning->answer, '\0', length) || memchr(scanning->answer, '\n', length))
            break;
    }
    scanning->answer[length] = '\0';
    return length > 0;
}

static void run_scan(struct disk_work *work)
{
    struct scanning *scanning = scanning_of(work);
    int fd = clamd_connect(scanning->socket_path);
    scanning->verdict = SCAN_FAILED;
    if (fd < 0)
        return;
    if (send_file(scanning, fd) && read_answer(scanning, fd)) {
        const char *answer = scanning->answer;
        scanning->verdict = g_str_has_suffix(answer, " OK")      ? SCAN_CLEAN
                            : g_str_has_suffix(answer, " FOUND") ? SCAN_INFECTED
                                                                 : SCAN_HELD;
    }
    close(fd);
}

static void scan_done(struct disk_work *work)
{
    struct scanning *scanning = scanning_of(work);
    const char *name = strchr(scanning->answer, ' ');
    char *found = strstr(scanning->answer, " FOUND");
    if (found)
        *found = '\0';
    scanning->plan.done(scanning->verdict, found && name ? name + 1 : NULL, scanning->plan.data);
    OPENSSL_cleanse(scanning->key, sizeof scanning->key);
    g_free(scanning->socket_path);
    g_free(scanning);
}

void file_scan(const struct scan_plan *plan)
{
    struct scanning *scanning = g_new0(struct scanning, 1);
    scanning->work = (struct disk_work){run_scan, scan_done, true};
    scanning->plan = *plan;
    scanning->socket_path = g_strdup(plan->socket);
    scanning->folder = plan->folder;
    memcpy(scanning->key, plan->key, sizeof scanning->key);
    disk_submit(&scanning->work);
}
