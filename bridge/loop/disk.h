/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Work that may have to wait for a disk, or for another machine: a few threads do it, and the loop
 * is told. Everything else stays in the loop's one thread. */
#pragma once

#include <stdbool.h>

/* Embed in the owner's struct; memory belongs to the owner, and stays valid until DONE is called.
 */
struct disk_work {
    /* In a thread: touches nothing but what the owner has put aside for it, and logs nothing. */
    void (*run)(struct disk_work *work);
    /* On the loop, once, later. */
    void (*done)(struct disk_work *work);
    bool far; /* it waits for another machine or program, and not in the way of what waits for the
                 disk */
};

void disk_start(void);
/* Waits for what is under way; the rest is run, too, and all are told before this returns. */
void disk_stop(void);

/* Does not block; what there is too much of waits in memory, so owners bound their numbers. */
void disk_submit(struct disk_work *work);
