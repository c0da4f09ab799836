/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes for sessions. */
#pragma once

#include "bridge/xmpp/dispatch.h"

extern const struct stanza_handler bound_stanzas[];
