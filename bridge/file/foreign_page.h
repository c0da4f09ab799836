/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the page of a link says of itself: known, or fetched now. */
#pragma once

void previews_start(void);
void previews_stop(void); /* after all is told, see fetches_stop() */

struct core;
struct preview_view;

/* VIEW is borrowed; NULL: nothing can be shown of it, whatever the reason. Once, later. */
typedef void (*preview_done)(const struct preview_view *view, void *data);

/* OWNER: whose work it is. Several who ask for one page wait for the same. */
void preview_get(struct core *core, const char *url, const char *owner, preview_done done,
                 void *data);
