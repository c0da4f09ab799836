/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/loop/child.h"
#include "bridge/loop/loop.h"
#include "bridge/media/fetch.h"

#define RUNNING_MAX 7 /* see running_max of job.c */
#define WAITING_MAX 64
#define HEAD_MAX 4096 /* bytes of the two lines before what came */
#define FACTS_MAX 32768
#define FACTS_SECONDS 15

struct fetching {
    struct fetch_plan plan;
    char *url;
    GBytes *page; /* whose facts are wanted; NULL: something is to be got */
    char *type;
    facts_done facts;
    struct child *child;
};

static struct {
    GQueue waiting, running; /* struct fetching */
    char *program;           /* NULL: nothing is fetched */
    char *allowed;
} work;

static void fetching_free(struct fetching *fetching)
{
    child_kill(fetching->child);
    g_clear_pointer(&fetching->page, g_bytes_unref);
    g_free(fetching->url);
    g_free(fetching->type);
    g_free(fetching);
}

static void fetching_tell(struct fetching *fetching, const struct fetched *fetched)
{
    if (fetching->facts)
        fetching->facts(NULL, fetching->plan.data);
    else
        fetching->plan.done(fetched, fetching->plan.data);
}

static void fetching_give_up(gpointer data)
{
    static const struct fetched nothing = {.outcome = FETCH_UNTRIED};
    fetching_tell(data, &nothing);
    fetching_free(data);
}

/* ---- What the program said ------------------------------------------------------------------- */

/* Takes apart what it wrote; nothing of it is believed. */
static bool output_read(const struct buffer *output, char *ret_type, char *ret_url,
                        struct fetched *ret)
{
    char head[HEAD_MAX];
    size_t length = MIN(output->length, sizeof head - 1);
    memcpy(head, output->data, length);
    head[length] = '\0';
    char *first = strchr(head, '\n');
    char *second = first ? strchr(first + 1, '\n') : NULL;
    if (!second || (size_t)(second - first - 1) > FETCH_URL_MAX)
        return false;
    *second = '\0';
    if (sscanf(head, "trestle-fetch %127s %" G_GINT64_FORMAT, ret_type, &ret->length) != 2)
        return false;
    g_strlcpy(ret_url, first + 1, FETCH_URL_MAX + 1);
    size_t begin = (size_t)(second + 1 - head);
    ret->bytes = g_bytes_new(output->data + begin, output->length - begin);
    ret->type = ret_type;
    ret->url = ret_url;
    return true;
}

static void fetch_ended(struct fetching *fetching, const struct buffer *output, int status)
{
    struct fetched fetched = {.outcome = FETCH_UNREACHABLE};
    char type[128], url[FETCH_URL_MAX + 1];
    if (WIFEXITED(status) && WEXITSTATUS(status) <= FETCH_UNREACHABLE)
        fetched.outcome = (enum fetch_outcome)WEXITSTATUS(status);
    if (fetched.outcome == FETCH_NO_SANDBOX)
        log_error(AREA_MAIN, "no-fetch-sandbox",
                  "hint=\"trestle-fetch could not take its rights away: a system call filter must "
                  "allow seccomp and prctl\"");
    if (fetched.outcome == FETCH_DONE && !output_read(output, type, url, &fetched))
        fetched.outcome = FETCH_BROKEN;
    fetching->plan.done(&fetched, fetching->plan.data);
    g_clear_pointer(&fetched.bytes, g_bytes_unref);
}

static void facts_ended(struct fetching *fetching, const struct buffer *output, int status)
{
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    g_autofree char *lines = well ? g_strndup(output->data, output->length) : NULL;
    bool text = lines && g_utf8_validate(lines, -1, NULL);
    fetching->facts(text ? lines : NULL, fetching->plan.data);
}

static void next_start(void *data);

static void program_ended(const struct buffer *output, int status, void *data)
{
    struct fetching *fetching = data;
    fetching->child = NULL; /* it frees itself */
    g_queue_remove(&work.running, fetching);
    if (fetching->facts)
        facts_ended(fetching, output, status);
    else
        fetch_ended(fetching, output, status);
    fetching_free(fetching);
    loop_defer(next_start, NULL);
}

/* ---- Starting -------------------------------------------------------------------------------- */

static GBytes *input_make(const struct fetching *fetching)
{
    GString *text = g_string_new(NULL);
    if (!fetching->facts) {
        g_string_printf(text, "%" G_GINT64_FORMAT " %u %d\n%s\n%s\n", fetching->plan.most,
                        fetching->plan.seconds, (int)fetching->plan.kind, work.allowed,
                        fetching->url);
    } else {
        size_t length = 0;
        const char *page = g_bytes_get_data(fetching->page, &length);
        g_string_printf(text, "%s\n%s\n", fetching->type, fetching->url);
        g_string_append_len(text, page, (gssize)length);
    }
    return g_string_free_to_bytes(text);
}

static bool fetching_start(struct fetching *fetching)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) input = input_make(fetching);
    int fds[] = {fetching->plan.fd, fetching->plan.fd};
    bool file = !fetching->facts && fetching->plan.kind == FETCH_FILE;
    struct child_plan plan = {.program = work.program,
                              .argument = fetching->facts ? "facts" : NULL,
                              .input = input,
                              .fds = file ? fds : NULL,
                              .output_max = fetching->facts ? FACTS_MAX
                                            : file          ? HEAD_MAX
                                                   : (size_t)fetching->plan.most + HEAD_MAX,
                              .seconds =
                                  fetching->facts ? FACTS_SECONDS : fetching->plan.seconds + 2,
                              .done = program_ended,
                              .data = fetching};
    fetching->child = child_start(&plan, &error);
    if (!fetching->child)
        log_error(AREA_MAIN, "no-fetch-program", "error=%s", error->message);
    return fetching->child != NULL;
}

static void next_start(void *data)
{
    (void)data;
    while (work.program && work.running.length < RUNNING_MAX && work.waiting.length > 0) {
        struct fetching *fetching = g_queue_pop_head(&work.waiting);
        if (fetching_start(fetching))
            g_queue_push_tail(&work.running, fetching);
        else
            fetching_give_up(fetching);
    }
}

static void fetching_add(struct fetching *fetching)
{
    /* Facts are the second half of what has begun. */
    if (!work.program || (!fetching->facts && work.waiting.length >= WAITING_MAX)) {
        loop_defer(fetching_give_up, fetching);
        return;
    }
    if (fetching->facts)
        g_queue_push_head(&work.waiting, fetching);
    else
        g_queue_push_tail(&work.waiting, fetching);
    loop_defer(next_start, NULL);
}

void fetch_begin(const struct fetch_plan *plan)
{
    struct fetching *fetching = g_new0(struct fetching, 1);
    fetching->plan = *plan;
    fetching->url = g_strdup(plan->url);
    fetching_add(fetching);
}

void fetch_facts(GBytes *bytes, const char *type, const char *url, facts_done done, void *data)
{
    struct fetching *fetching = g_new0(struct fetching, 1);
    fetching->plan.data = data;
    fetching->facts = done;
    fetching->page = g_bytes_ref(bytes);
    fetching->type = g_strdup(type);
    fetching->url = g_strdup(url);
    fetching_add(fetching);
}

bool fetches_are_on(void)
{
    return work.program != NULL;
}

void fetches_start(const struct options *options)
{
    work.program = child_program("trestle-fetch");
    work.allowed = g_strdup(options->fetch_allow);
}

void fetches_stop(void)
{
    g_clear_pointer(&work.program, g_free);
    g_queue_clear_full(&work.running, fetching_give_up);
    g_queue_clear_full(&work.waiting, fetching_give_up);
    g_clear_pointer(&work.allowed, g_free);
}
