/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of pictures: whatever comes, sizes and orientation are in bounds, and a shorter file never
 * reads as another picture. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/image.h"
#include "bridge/image/scrub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_head head;
    struct image_head shorter;
    if (!image_read_head(data, size, &head))
        return 0;
    if (head.width == 0 || head.height == 0 || head.orientation < 1 || head.orientation > 8 ||
        !image_media_type(head.format) ||
        image_format_of(image_media_type(head.format)) != head.format)
        abort();
    if (head.scans < 1 || head.frame_at > size || head.frame_length > size - head.frame_at ||
        head.frame_x >= head.width || head.frame_y >= head.height)
        abort();
    image_is_bearable(&head);
    g_autoptr(GByteArray) clean = image_scrub(data, size);
    if (clean &&
        (!image_read_head(clean->data, clean->len, &shorter) || shorter.width != head.width ||
         shorter.height != head.height || shorter.orientation != head.orientation))
        abort();
    if (size > 0 && image_read_head(data, size - 1, &shorter) && shorter.width != head.width)
        abort();
    return 0;
}
