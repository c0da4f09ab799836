/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers that leave archives of their accounts to us (XEP-0355). */
#pragma once

#include <stdbool.h>

struct bound_host;
struct stanza_context;

/* The host that speaks to us itself; NULL: it is somebody else. */
struct bound_host *bound_delegating_host(const struct stanza_context *context);
/* Such a host asks what is shown for the archives (disco#info). False: this is another question. */
bool bound_delegated_info(const struct stanza_context *context);
