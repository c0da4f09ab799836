/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line's statements. */
#include "config.h"

#include "bridge/archive/tool.h"

const char *tool_query_text(enum tool_query query)
{
    static const char *const texts[TOOL_MAX] = {
#define TRESTLE_QUERY(symbol, name, parameters, text, names) [TOOL_##symbol] = text,
#include "bridge/archive/tools.def"
#undef TRESTLE_QUERY
    };
    return texts[query];
}
