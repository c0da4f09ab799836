/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Delivered marks of hosted members, gathered. */
#pragma once

#include "bridge/base/id.h"

struct core;

/* MESSAGE was handed to a socket of USER. */
void delivery_note(struct core *core, const struct uuid *conversation, const struct uuid *user,
                   const struct uuid *message);
