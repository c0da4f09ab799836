/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trestle-fetch: gets what others host, in a process with few rights; the daemon starts one for
 * each. base/fetch.h says what it reads and writes.
 *
 * With the argument "facts" it reads an HTML page instead, its Content-Type and its URL in the two
 * lines before it, without any right, the network least of all, and writes what the page says of
 * itself: lines "title TEXT", "description TEXT", "site TEXT", "image URL". Who talks to strangers
 * takes nothing apart, and who takes apart talks to nobody. */
#include "config.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/fetch/confine.h"
#include "bridge/fetch/get.h"
#include "bridge/fetch/page.h"
#include "bridge/image/sandbox.h"

#define INPUT_MAX (4 * 1024 * 1024)
#define OUTPUT_FD 4

static char *read_all(size_t *ret_length)
{
    GString *input = g_string_new(NULL);
    char piece[65536];
    ssize_t count;
    while ((count = read(STDIN_FILENO, piece, sizeof piece)) > 0 && input->len <= INPUT_MAX)
        g_string_append_len(input, piece, count);
    *ret_length = input->len;
    return g_string_free(input, FALSE);
}

/* Takes the next line of *AT, in place. NULL: there is none. */
static char *line_take(char **at, char *end)
{
    char *line = *at;
    char *newline = memchr(line, '\n', (size_t)(end - line));
    if (!newline)
        return NULL;
    *newline = '\0';
    *at = newline + 1;
    return line;
}

static bool line_write(const char *text)
{
    return sandbox_write(text, strlen(text));
}

/* ---- Getting --------------------------------------------------------------------------------- */

static bool got_write(const struct got *got)
{
    g_autofree char *type = g_strdup(got->type ? got->type : "application/octet-stream");
    g_strdelimit(type, " \t\r\n", '_');
    g_autofree char *head = g_strdup_printf("trestle-fetch %.100s %" G_GINT64_FORMAT "\n%s\n", type,
                                            got->length, got->url);
    return line_write(head) && sandbox_write(got->bytes->data, got->bytes->len);
}

static int get_main(void)
{
    size_t length = 0;
    g_autofree char *input = read_all(&length);
    char *at = input;
    char *numbers = line_take(&at, input + length);
    char *allowed = numbers ? line_take(&at, input + length) : NULL;
    char *url = allowed ? line_take(&at, input + length) : NULL;
    struct get_plan plan = {.url = url, .allowed = allowed};
    int kind = 0;
    if (!url ||
        sscanf(numbers, "%" G_GINT64_FORMAT " %ld %d", &plan.most, &plan.seconds, &kind) != 3)
        return FETCH_BROKEN;
    if (!confine(OUTPUT_FD))
        return FETCH_NO_SANDBOX;
    plan.kind = (enum get_kind)kind;
    struct got got;
    enum fetch_outcome outcome = get_run(&plan, &got);
    if (outcome == FETCH_DONE && !got_write(&got))
        outcome = FETCH_BROKEN;
    got_clear(&got);
    return (int)outcome;
}

/* ---- Facts ----------------------------------------------------------------------------------- */

static void fact_write(const char *name, const char *text)
{
    g_autofree char *line = text ? g_strdup_printf("%s %s\n", name, text) : NULL;
    if (line)
        line_write(line);
}

static int facts_main(void)
{
    static const struct sandbox limits = {512UL * 1024 * 1024, 5};
    size_t length = 0;
    g_autofree char *input = read_all(&length);
    char *at = input;
    const char *type = line_take(&at, input + length);
    const char *url = type ? line_take(&at, input + length) : NULL;
    size_t left = length - (size_t)(at - input);
    if (!url)
        return FETCH_BROKEN;
    /* What converts may be in files that cannot be opened later. */
    g_autofree char *charset = page_charset(type, at, left);
    GIConv converter = g_iconv_open("UTF-8", charset);
    if (converter == (GIConv)-1)
        converter = g_iconv_open("UTF-8", "ISO-8859-1");
    if (converter == (GIConv)-1)
        return FETCH_BROKEN;
    if (!sandbox_enter(&limits, STDERR_FILENO)) {
        g_iconv_close(converter);
        return FETCH_NO_SANDBOX;
    }
    gsize read = 0, written = 0;
    g_autofree char *text =
        g_convert_with_iconv(at, (gssize)left, converter, &read, &written, NULL);
    g_iconv_close(converter);
    g_autofree char *valid = text ? NULL : g_utf8_make_valid(at, (gssize)left);
    struct page_facts facts;
    page_read(text ? text : valid, text ? written : strlen(valid), url, &facts);
    fact_write("title", facts.title);
    fact_write("description", facts.description);
    fact_write("site", facts.site);
    fact_write("image", facts.image);
    page_facts_clear(&facts);
    return 0;
}

int main(int argc, char **argv)
{
    (void)!nice(10); /* people wait for the daemon, nobody for this */
    return argc > 1 && strcmp(argv[1], "facts") == 0 ? facts_main() : get_main();
}
