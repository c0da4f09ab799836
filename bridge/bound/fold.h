/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Archives of bound accounts become conversations. */
#pragma once

struct core;

/* Some archive has something new, or will have in a moment: it is looked for soon. */
void fold_wake(struct core *core);
