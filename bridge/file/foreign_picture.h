/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A picture that somebody else hosts becomes one of ours: got by trestle-fetch, made anew by
 * trestle-image, stored. */
#pragma once

struct core;

/* HASH, of the stored picture, is borrowed; NULL: there is none. Once, later. */
typedef void (*foreign_picture_done)(const char *hash, void *data);

/* OWNER: whose work it is, as of picture_make(). All is copied. */
void foreign_picture_get(struct core *core, const char *url, const char *owner,
                         foreign_picture_done done, void *data);
