/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One thing is under way at a time: reading what was begun, writing a segment, or settling. */
#include "config.h"

#include <openssl/crypto.h>
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "bridge/loop/disk.h"
#include "bridge/loop/loop.h"
#include "bridge/media/intake.h"
#include "bridge/media/shelf.h"

#define TAIL_HEAD 8 /* bytes before a segment that is not whole: its index */

struct intake {
    struct disk_work work;
    struct intake_plan plan;
    guint8 key[FILE_KEY_SIZE];
    char *path, *tail_path;
    int fd;
    guint64 offset;  /* up to which it was taken */
    guint8 *filling; /* the segment that offset is in */
    size_t filled;
    guint8 *full; /* the one that is being written */
    size_t full_length;
    guint64 full_index;
    guint8 *sealed;        /* the thread's own */
    enum error_code error; /* of the thread; the first one stays */
    bool working, wants_room, settling, settled, abandoned;
};

static struct segment_place place_of(const struct intake *intake, const char *part, guint64 index)
{
    return (struct segment_place){.key = intake->key, .part = part, .index = index};
}

static void intake_destroy(struct intake *intake)
{
    if (intake->fd >= 0)
        close(intake->fd);
    OPENSSL_cleanse(intake->key, sizeof intake->key);
    g_free(intake->path);
    g_free(intake->tail_path);
    g_free(intake->filling);
    g_free(intake->full);
    g_free(intake->sealed);
    g_free(intake);
}

static void work_begin(struct intake *intake, void (*run)(struct disk_work *),
                       void (*done)(struct disk_work *))
{
    intake->working = true;
    intake->work = (struct disk_work){run, done, false};
    disk_submit(&intake->work);
}

static struct intake *intake_of(struct disk_work *work)
{
    return (struct intake *)(void *)work; /* its first member */
}

/* False: nobody wants to know any more. */
static bool work_end(struct intake *intake)
{
    intake->working = false;
    if (intake->abandoned)
        intake_destroy(intake);
    return !intake->abandoned;
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* What lies beside the file: the beginning of segment INDEX, at least LENGTH bytes. */
static bool read_tail(struct intake *intake, guint64 index, size_t length)
{
    g_autofree char *content = NULL;
    gsize size = 0;
    guint64 found = 0;
    if (!g_file_get_contents(intake->tail_path, &content, &size, NULL) ||
        size < TAIL_HEAD + SEGMENT_EXTRA + length || size > TAIL_HEAD + SEGMENT_SLOT)
        return false;
    memcpy(&found, content, sizeof found);
    struct segment_place place = place_of(intake, SHELF_TAIL, index);
    return GUINT64_FROM_BE(found) == index &&
           segment_open(&place, (const guint8 *)content + TAIL_HEAD, size - TAIL_HEAD,
                        intake->filling);
}

/* Segment INDEX, which has been written whole since. */
static bool read_whole(struct intake *intake, guint64 index)
{
    guint64 begin = index * SEGMENT_SIZE;
    size_t length = (size_t)MIN(intake->plan.size - begin, SEGMENT_SIZE);
    struct segment_place place = place_of(intake, "", index);
    return shelf_read(intake->path, index * SEGMENT_SLOT, intake->sealed, length + SEGMENT_EXTRA) &&
           segment_open(&place, intake->sealed, length + SEGMENT_EXTRA, intake->filling);
}

/* Another instance that shares the folder may have the file, too: what it still writes must not
 * change what has been looked at since. Where nothing can be locked, nobody shares. */
static bool is_held_elsewhere(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

static void run_open(struct disk_work *work)
{
    struct intake *intake = intake_of(work);
    guint64 index = intake->offset / SEGMENT_SIZE;
    intake->fd = shelf_open(intake->path);
    if (intake->fd < 0)
        intake->error = ERROR_UNAVAILABLE;
    else if (is_held_elsewhere(intake->fd))
        intake->error = ERROR_CONFLICT;
    else if (intake->filled > 0 && !read_tail(intake, index, intake->filled) &&
             !read_whole(intake, index))
        intake->error = ERROR_GONE;
}

static void open_done(struct disk_work *work)
{
    struct intake *intake = intake_of(work);
    if (work_end(intake))
        intake->plan.opened(intake->error, intake->plan.data);
}

struct intake *intake_open(const struct intake_plan *plan)
{
    struct intake *intake = g_new0(struct intake, 1);
    intake->plan = *plan;
    memcpy(intake->key, plan->key, sizeof intake->key);
    intake->fd = -1;
    intake->path = shelf_path(plan->folder, &plan->file, "");
    intake->tail_path = shelf_path(plan->folder, &plan->file, SHELF_TAIL);
    intake->offset = plan->offset;
    intake->filled = (size_t)(plan->offset % SEGMENT_SIZE);
    intake->filling = g_malloc(SEGMENT_SIZE);
    intake->full = g_malloc(SEGMENT_SIZE);
    intake->sealed = g_malloc(SEGMENT_SLOT + TAIL_HEAD);
    work_begin(intake, run_open, open_done);
    return intake;
}

/* ---- Taking ---------------------------------------------------------------------------------- */

static void run_write(struct disk_work *work)
{
    struct intake *intake = intake_of(work);
    struct segment_place place = place_of(intake, "", intake->full_index);
    if (intake->error != ERROR_NONE)
        return;
    if (!segment_seal(&place, intake->full, intake->full_length, intake->sealed))
        intake->error = ERROR_UNAVAILABLE;
    else
        intake->error = shelf_write(intake->fd, intake->full_index * SEGMENT_SLOT, intake->sealed,
                                    intake->full_length + SEGMENT_EXTRA);
}

static void settle_begin(struct intake *intake);

static void write_done(struct disk_work *work)
{
    struct intake *intake = intake_of(work);
    if (!work_end(intake))
        return;
    if (intake->settling) {
        settle_begin(intake);
    } else if (intake->wants_room) {
        intake->wants_room = false;
        intake->plan.room(intake->plan.data);
    }
}

/* The segment that is whole goes to the thread. */
static void segment_write(struct intake *intake)
{
    guint8 *whole = intake->filling;
    intake->filling = intake->full;
    intake->full = whole;
    intake->full_length = intake->filled;
    intake->full_index = (intake->offset - intake->filled) / SEGMENT_SIZE;
    intake->filled = 0;
    work_begin(intake, run_write, write_done);
}

size_t intake_take(struct intake *intake, const guint8 *bytes, size_t length)
{
    size_t taken = 0;
    g_return_val_if_fail(!intake->settling, length);
    while (taken < length) {
        size_t count = MIN(length - taken, SEGMENT_SIZE - intake->filled);
        if (count == 0 && intake->working) {
            intake->wants_room = true;
            break;
        }
        memcpy(intake->filling + intake->filled, bytes + taken, count);
        intake->filled += count;
        intake->offset += count;
        taken += count;
        if (intake->filled == SEGMENT_SIZE && !intake->working)
            segment_write(intake);
    }
    return taken;
}

guint64 intake_offset(const struct intake *intake)
{
    return intake->offset;
}

/* ---- Settling -------------------------------------------------------------------------------- */

static enum error_code tail_write(struct intake *intake)
{
    guint64 index = intake->offset / SEGMENT_SIZE;
    guint64 head = GUINT64_TO_BE(index);
    struct segment_place place = place_of(intake, SHELF_TAIL, index);
    memcpy(intake->sealed, &head, sizeof head);
    if (!segment_seal(&place, intake->filling, intake->filled, intake->sealed + TAIL_HEAD))
        return ERROR_UNAVAILABLE;
    return shelf_replace(intake->tail_path, intake->sealed,
                         TAIL_HEAD + SEGMENT_EXTRA + intake->filled);
}

static void run_settle(struct disk_work *work)
{
    struct intake *intake = intake_of(work);
    if (intake->error == ERROR_NONE)
        intake->error = shelf_sync(intake->fd, intake->path);
    if (intake->error == ERROR_NONE && intake->filled > 0)
        intake->error = tail_write(intake);
}

static void settle_done(struct disk_work *work)
{
    struct intake *intake = intake_of(work);
    if (!work_end(intake))
        return;
    intake->settled = true;
    intake->plan.settled(intake->error, intake->offset, intake->plan.data);
}

/* What has to be written whole before goes first: then this is called again. */
static void settle_begin(struct intake *intake)
{
    bool last = intake->offset == intake->plan.size && intake->filled > 0;
    if (intake->filled == SEGMENT_SIZE || last)
        segment_write(intake);
    else
        work_begin(intake, run_settle, settle_done);
}

void intake_settle(struct intake *intake)
{
    g_return_if_fail(!intake->settling);
    intake->settling = true;
    intake->wants_room = false;
    if (!intake->working)
        settle_begin(intake);
}

void intake_free(struct intake *intake)
{
    if (!intake)
        return;
    intake->abandoned = true;
    if (!intake->working)
        intake_destroy(intake);
}
