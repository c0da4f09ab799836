/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A folder with 256 others in it, by the last byte of the id: its first ones are the time. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/media/bucket.h"
#include "bridge/media/shelf.h"

bool shelf_prepare(const char *folder)
{
    return g_mkdir_with_parents(folder, 0700) == 0 && g_access(folder, W_OK | X_OK) == 0;
}

char *shelf_path(const char *folder, const struct uuid *file, const char *part)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(file, id);
    return g_strdup_printf("%s/%s/%s%s%s", folder, id + UUID_TEXT_SIZE - 3, id, *part ? "." : "",
                           part);
}

static bool read_all(int fd, guint64 offset, guint8 *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = pread(fd, bytes, length, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        bytes += count;
        offset += (guint64)count;
        length -= (size_t)count;
    }
    return true;
}

/* What it is called in the bucket: as in the folder. Borrowed from PATH. */
static const char *object_name(const char *path)
{
    const char *last = strrchr(path, '/');
    while (last > path && *--last != '/') {
    }
    return *last == '/' ? last + 1 : last;
}

bool shelf_read(const char *path, guint64 offset, guint8 *ret_bytes, size_t length)
{
    int fd = g_open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (fd < 0)
        return errno == ENOENT && bucket_is_set() &&
               bucket_read(object_name(path), offset, ret_bytes, length);
    bool done = read_all(fd, offset, ret_bytes, length);
    close(fd);
    return done;
}

int shelf_open(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    if (g_mkdir(folder, 0700) != 0 && errno != EEXIST)
        return -1;
    return g_open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static enum error_code error_of_disk(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERROR_QUOTA : ERROR_UNAVAILABLE;
}

enum error_code shelf_write(int fd, guint64 offset, const guint8 *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = pwrite(fd, bytes, length, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return error_of_disk();
        bytes += count;
        offset += (guint64)count;
        length -= (size_t)count;
    }
    return ERROR_NONE;
}

enum error_code shelf_sync(int fd, const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    if (fsync(fd) != 0)
        return error_of_disk();
    int parent = g_open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY, 0);
    bool done = parent >= 0 && fsync(parent) == 0;
    enum error_code error = done ? ERROR_NONE : error_of_disk();
    if (parent >= 0)
        close(parent);
    return error;
}

enum error_code shelf_replace(const char *path, const guint8 *bytes, size_t length)
{
    g_autofree char *fresh = g_strconcat(path, ".new", NULL);
    int fd = shelf_open(fresh);
    if (fd < 0)
        return error_of_disk();
    enum error_code error = ftruncate(fd, 0) == 0 ? ERROR_NONE : error_of_disk();
    if (error == ERROR_NONE)
        error = shelf_write(fd, 0, bytes, length);
    if (error == ERROR_NONE && fsync(fd) != 0)
        error = error_of_disk();
    if (error == ERROR_NONE && g_rename(fresh, path) != 0)
        error = error_of_disk();
    if (error == ERROR_NONE)
        error = shelf_sync(fd, path);
    close(fd);
    return error;
}

bool shelf_remove(const char *path)
{
    bool gone = g_unlink(path) == 0 || errno == ENOENT;
    return (!bucket_is_set() || bucket_remove(object_name(path))) && gone;
}

void shelf_forget(const char *path)
{
    g_autofree char *fresh = g_strconcat(path, ".new", NULL);
    g_unlink(fresh);
    g_unlink(path);
}

bool shelf_clear(const char *folder, const struct uuid *file)
{
    g_autofree char *path = shelf_path(folder, file, "");
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *place = g_path_get_dirname(path);
    g_autoptr(GDir) dir = g_dir_open(place, 0, NULL);
    bool done = true;
    const char *entry;
    while (dir && (entry = g_dir_read_name(dir))) {
        g_autofree char *one = g_build_filename(place, entry, NULL);
        if (g_str_has_prefix(entry, name))
            done = (g_unlink(one) == 0 || errno == ENOENT) && done;
    }
    return done;
}

bool shelf_move(const char *path)
{
    if (!bucket_is_set() || g_access(path, F_OK) != 0)
        return true; /* it was moved before */
    return bucket_put(object_name(path), path) == ERROR_NONE &&
           (g_unlink(path) == 0 || errno == ENOENT);
}
