/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What schema.def makes of several facts of a preview. VIEW: a struct preview_view. */
#pragma once

#include "bridge/view/view.h"

void preview_put_image(struct json_writer *json, const void *view);
