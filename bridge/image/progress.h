/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JPEG that shows before all of it is there. */
#pragma once

#include <glib.h>

/* The same picture as the baseline JPEG of LENGTH bytes at DATA, coefficient by coefficient, in
 * scans that make it sharper and sharper; with its colour profile and orientation. NULL: it is
 * small, or progressive already, or not one of those, or broken, or too large to be rearranged. The
 * caller frees it. */
GByteArray *jpeg_progress(const guint8 *data, size_t length);
