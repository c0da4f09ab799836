/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making what users take away: page by page, by a job that goes on where it was when it is begun
 * again. */
#pragma once

struct job;

/* A run of the job of an export, whose key is its id. */
void export_run(struct job *job);
