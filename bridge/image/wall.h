/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What keeps a program, and what it becomes by exec(), from files. */
#pragma once

#include <stdbool.h>

/* From now on there are only the files and folders of LIST (ended by NULL), to be read and run, and
 * what is open. False: this kernel does not do that, and all files are there. After
 * PR_SET_NO_NEW_PRIVS. */
bool wall_build(const char *const *list);
