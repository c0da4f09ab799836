/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /rest, the one resource of every hosted user, as discovery and presence show it. */
#pragma once

#include "xep/0115_caps.h"

struct account;
struct core;
struct options;

void client_start(const struct options *options);
void client_stop(void);

/* Its disco#info: that of ACCOUNT, for whom some features may be switched off. */
struct disco_info *client_info(const struct core *core, const struct account *account);
/* Its capabilities, and the node (node "#" ver) that those ask for who have seen them. Valid until
 * client_stop. */
const struct caps *client_caps(const struct core *core, const struct account *account);
const char *client_node(const struct core *core, const struct account *account);
