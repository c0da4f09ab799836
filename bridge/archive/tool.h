/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts of the statements that the command line runs over its own blocking connection. */
#pragma once

enum tool_query {
#define TRESTLE_QUERY(symbol, name, parameters, text, names) TOOL_##symbol,
#include "bridge/archive/tools.def"
#undef TRESTLE_QUERY
    TOOL_MAX
};

const char *tool_query_text(enum tool_query query); /* static */
