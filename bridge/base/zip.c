/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bridge/base/zip.h"

#include <archive.h>
#include <archive_entry.h>

struct zip {
    struct archive *writer;
    GByteArray *output;
};

static la_ssize_t output_append(struct archive *writer, void *data, const void *bytes,
                                size_t length)
{
    struct zip *zip = data;
    (void)writer;
    g_byte_array_append(zip->output, bytes, (guint)length);
    return (la_ssize_t)length;
}

struct zip *zip_new(void)
{
    struct zip *zip = g_new0(struct zip, 1);
    zip->output = g_byte_array_new();
    zip->writer = archive_write_new();
    if (!zip->writer || archive_write_set_format_zip(zip->writer) != ARCHIVE_OK ||
        archive_write_set_options(zip->writer,
                                  "compression=deflate,compression-level=1,hdrcharset=UTF-8") !=
            ARCHIVE_OK ||
        archive_write_set_bytes_per_block(zip->writer, 0) != ARCHIVE_OK ||
        archive_write_open(zip->writer, zip, NULL, output_append, NULL) != ARCHIVE_OK)
        g_error("libarchive writes no ZIP archives");
    return zip;
}

void zip_free(struct zip *zip)
{
    if (!zip)
        return;
    archive_write_free(zip->writer);
    g_byte_array_unref(zip->output);
    g_free(zip);
}

bool zip_begin(struct zip *zip, const struct zip_entry *begun)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname_utf8(entry, begun->name);
    archive_entry_set_size(entry, begun->size);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_mtime(entry, (time_t)(begun->made / G_USEC_PER_SEC), 0);
    bool done =
        (begun->stored ? archive_write_zip_set_compression_store(zip->writer)
                       : archive_write_zip_set_compression_deflate(zip->writer)) == ARCHIVE_OK &&
        archive_write_header(zip->writer, entry) == ARCHIVE_OK;
    archive_entry_free(entry);
    return done;
}

bool zip_write(struct zip *zip, const char *bytes, size_t length)
{
    return archive_write_data(zip->writer, bytes, length) == (la_ssize_t)length;
}

bool zip_end(struct zip *zip)
{
    return archive_write_close(zip->writer) == ARCHIVE_OK;
}

const GByteArray *zip_output(const struct zip *zip)
{
    return zip->output;
}

void zip_take(struct zip *zip)
{
    g_byte_array_set_size(zip->output, 0);
}
