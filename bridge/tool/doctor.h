/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `trestle doctor`: tries each part and prints one line each. Blocks, always with a timeout. */
#pragma once

#include "bridge/base/options.h"

/* Returns the exit status: 0 when nothing fails. */
int doctor_run(const struct options *options);
/* The line for a configuration that cannot be loaded; returns the exit status. */
int doctor_report_configuration(const char *message);
