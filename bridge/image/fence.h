/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ffmpeg may still do. */
#pragma once

#include <stdbool.h>

/* From now on this process, and what it becomes by exec(), can open what programs are made of, and
 * nothing else (where the kernel has Landlock); no network, no other process; memory, time and size
 * have limits; descriptors above 4 are closed. False: it could not be done. */
bool fence_enter(void);

/* Only that about files. False: this kernel does not do it, and fence_enter() does the rest. */
bool fence_keeps_files(void);
