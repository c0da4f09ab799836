/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a hosted user's /rest shows in its presence. */
#pragma once

#include "xep/0115_caps.h"

/* The capabilities of every /rest; valid while the features run. */
const struct caps *disco_caps(void);
