/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /rest, the one resource of every hosted user, as discovery and presence show it. */
#pragma once

#include "xep/0115_caps.h"

struct options;

void client_start(const struct options *options); /* computes what follows, once */
void client_stop(void);

/* Its disco#info. */
struct disco_info *client_info(void);
/* Its capabilities, and the node (node "#" ver) that those ask for who have seen them. Valid from
 * client_start to client_stop. */
const struct caps *client_caps(void);
const char *client_node(void);
