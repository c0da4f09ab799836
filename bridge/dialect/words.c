/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages in words. */
#include "config.h"

#include <glib.h>

#include "bridge/dialect/words.h"

static char *number_text(const json_t *place, const char *name)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    double number = json_number_value(json_object_get(place, name));
    return g_strdup(g_ascii_formatd(text, sizeof text, "%.9g", number));
}

static json_t *words_of_place(const json_t *place)
{
    g_autofree char *latitude = number_text(place, "lat");
    g_autofree char *longitude = number_text(place, "lon");
    return json_sprintf("geo:%s,%s", latitude, longitude);
}

static json_t *words_of_poll(const json_t *poll)
{
    g_autoptr(GString) text = g_string_new(json_string_value(json_object_get(poll, "question")));
    size_t i;
    json_t *option;
    json_array_foreach(json_object_get(poll, "options"), i, option)
    {
        g_string_append_printf(text, "\n%zu. %s", i + 1,
                               json_string_value(json_object_get(option, "text")));
    }
    return json_string(text->str);
}

json_t *words_of_message(const json_t *message)
{
    json_t *content = json_object_get(message, "content");
    const json_t *metadata = json_object_get(message, "metadata");
    const json_t *place = json_object_get(metadata, "location");
    const json_t *poll = json_object_get(metadata, "poll");
    if (json_is_string(content))
        return json_incref(content);
    if (place)
        return words_of_place(place);
    return poll ? words_of_poll(poll) : json_null();
}
