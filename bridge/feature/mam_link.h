/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages of archives, of rooms and of accounts, wait in one queue for one link. */
#pragma once

struct core;
struct mam_queue;

void mam_link_start(struct core *core);
void mam_link_stop(struct core *core);
struct mam_queue *mam_queue_of(const struct core *core);
