/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a program that talks to strangers on the network may still do. */
#pragma once

#include <stdbool.h>

/* From now on: sockets of IP, files that programs and names are looked up in, memory and threads;
 * no other program, nothing that is written but what is open. Closes descriptors above LAST. False:
 * it could not be done. */
bool confine(unsigned last);
