/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Saying in rooms elsewhere what our users say. */
#pragma once

#include "bridge/room/guest.h"

/* Sends what waits and may be sent. */
void guest_say_all(struct guests *guests);
