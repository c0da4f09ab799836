/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libjpeg tells of errors by a jump: what must outlive it is in the struct. */
#include "config.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include "bridge/image/progress.h"

#define PIXELS_MIN 300000   /* smaller ones are there at once */
#define PIXELS_MAX 40000000 /* their coefficients take six bytes each */
#define ICC_MARKER (JPEG_APP0 + 2)
#define EXIF_MARKER (JPEG_APP0 + 1)

struct rearranging {
    struct jpeg_decompress_struct in;
    struct jpeg_compress_struct out;
    struct jpeg_error_mgr errors;
    jmp_buf failed;
    unsigned char *made; /* by malloc() */
    unsigned long length;
};

static void error_found(j_common_ptr codec)
{
    struct rearranging *rearranging = codec->client_data;
    longjmp(rearranging->failed, 1);
}

/* What it would guess at is left as it came. */
static void message_found(j_common_ptr codec, int level)
{
    if (level < 0)
        error_found(codec);
}

static bool is_worth_it(const struct jpeg_decompress_struct *in)
{
    guint64 pixels = (guint64)in->image_width * in->image_height;
    return pixels >= PIXELS_MIN && pixels <= PIXELS_MAX && !in->progressive_mode && !in->arith_code;
}

static void scans_rearrange(struct rearranging *rearranging, const guint8 *data, size_t length)
{
    struct jpeg_decompress_struct *in = &rearranging->in;
    struct jpeg_compress_struct *out = &rearranging->out;
    jpeg_mem_src(in, data, length);
    jpeg_save_markers(in, EXIF_MARKER, 0xffff);
    jpeg_save_markers(in, ICC_MARKER, 0xffff);
    jpeg_read_header(in, TRUE);
    if (!is_worth_it(in))
        return;
    jvirt_barray_ptr *coefficients = jpeg_read_coefficients(in);
    jpeg_copy_critical_parameters(in, out);
    jpeg_simple_progression(out);
    jpeg_mem_dest(out, &rearranging->made, &rearranging->length);
    jpeg_write_coefficients(out, coefficients);
    for (jpeg_saved_marker_ptr marker = in->marker_list; marker; marker = marker->next)
        jpeg_write_marker(out, marker->marker, marker->data, marker->data_length);
    jpeg_finish_compress(out);
    jpeg_finish_decompress(in);
}

GByteArray *jpeg_progress(const guint8 *data, size_t length)
{
    struct rearranging *rearranging = g_new0(struct rearranging, 1);
    GByteArray *ret = NULL;
    rearranging->in.err = jpeg_std_error(&rearranging->errors);
    rearranging->out.err = &rearranging->errors;
    rearranging->in.client_data = rearranging->out.client_data = rearranging;
    rearranging->errors.error_exit = error_found;
    rearranging->errors.emit_message = message_found;
    if (setjmp(rearranging->failed) == 0) {
        jpeg_create_decompress(&rearranging->in);
        jpeg_create_compress(&rearranging->out);
        scans_rearrange(rearranging, data, length);
        if (rearranging->made)
            ret = g_byte_array_append(g_byte_array_new(), rearranging->made,
                                      (guint)rearranging->length);
    }
    jpeg_destroy_compress(&rearranging->out);
    jpeg_destroy_decompress(&rearranging->in);
    free(rearranging->made);
    g_free(rearranging);
    return ret;
}
