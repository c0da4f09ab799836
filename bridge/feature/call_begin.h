/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call of an app's: may it ring, and whom. */
#pragma once

#include "bridge/core/request.h"

extern const struct field call_initiate_fields[];
/* The handler of an operation with these fields. */
void call_initiate(struct request *request);
