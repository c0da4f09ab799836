/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A few attempts at a time; more wait in a short line. */
#include "config.h"

#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/bound/admit.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/login.h"
#include "bridge/bound/login_program.h"
#include "bridge/core/core.h"
#include "bridge/loop/child.h"

#define AT_ONCE 8
#define WAITING_MAX 64

struct attempt {
    struct core *core;
    char *jid;
    GBytes *input; /* NULL: it has begun, or was refused */
    bool by_module;
    gint64 began;
    enum error_code verdict; /* ERROR_NONE also while there is none yet */
    struct child *child;
    guint timer;
    login_done done;
    void *data;
};

static struct {
    GQueue waiting;
    GQueue running; /* those with a program, and those whose answer is held back */
    unsigned programs;
} work = {G_QUEUE_INIT, G_QUEUE_INIT, 0};

static void next_begin(void);

static void attempt_free(gpointer data)
{
    struct attempt *attempt = data;
    child_kill(attempt->child);
    if (attempt->timer)
        g_source_remove(attempt->timer);
    g_clear_pointer(&attempt->input, g_bytes_unref);
    g_free(attempt->jid);
    g_free(attempt);
}

static void attempt_end(struct attempt *attempt)
{
    g_queue_remove(&work.running, attempt);
    login_done done = attempt->done;
    void *told = attempt->data;
    enum error_code verdict = attempt->verdict;
    attempt_free(attempt);
    done(verdict, told);
}

static gboolean on_timer(gpointer data)
{
    struct attempt *attempt = data;
    attempt->timer = 0;
    attempt_end(attempt);
    return G_SOURCE_REMOVE;
}

/* Failures are answered at whole seconds after the beginning. */
static void attempt_answer(struct attempt *attempt)
{
    struct limit_state state;
    struct uuid subject = limit_subject_of(attempt->jid ? attempt->jid : "");
    if (attempt->verdict == ERROR_NONE) {
        attempt_end(attempt);
        return;
    }
    if (attempt->verdict == ERROR_UNAUTHENTICATED && attempt->jid)
        limiter_take(attempt->core->limiter, &subject, LIMIT_SIGNIN, &state);
    gint64 passed = clock_monotonic() - attempt->began;
    guint rest = (guint)((G_USEC_PER_SEC - passed % G_USEC_PER_SEC) / 1000);
    attempt->timer = g_timeout_add(rest + 1, on_timer, attempt);
}

static void program_ended(const struct buffer *output, int status, void *data)
{
    struct attempt *attempt = data;
    g_autofree char *text = g_strndup(output->data ? output->data : "", output->length);
    struct login_result result;
    (void)status;
    attempt->child = NULL;
    work.programs--;
    login_result_read(text, &result);
    attempt->verdict = result.verdict;
    if (result.verdict == ERROR_UNAVAILABLE)
        log_warning(AREA_AUTH, "login-failed", "host=%s reason=%s detail=\"%s\"",
                    strchr(attempt->jid, '@') + 1, result.word, result.detail);
    else
        log_info(AREA_AUTH, "login-tried", "verdict=%s mechanism=%s",
                 result.verdict == ERROR_NONE ? "right" : "wrong", result.word);
    attempt_answer(attempt);
    next_begin();
}

static void module_answered(enum error_code error, void *data)
{
    struct attempt *attempt = data;
    work.programs--;
    attempt->verdict = error;
    if (error == ERROR_UNAVAILABLE)
        log_warning(AREA_AUTH, "login-failed", "host=%s reason=module",
                    strchr(attempt->jid, '@') + 1);
    else
        log_info(AREA_AUTH, "login-tried", "verdict=%s mechanism=module",
                 error == ERROR_NONE ? "right" : "wrong");
    attempt_answer(attempt);
    next_begin();
}

/* The input is the password with its NUL. */
static void module_begin(struct attempt *attempt)
{
    g_autoptr(GBytes) input = g_steal_pointer(&attempt->input);
    unsigned seconds = (unsigned)attempt->core->options->bound_login_timeout;
    struct bound *bound = bound_of(attempt->core);
    work.programs++;
    if (!bound || !bound_admit_ask(bound, attempt->jid, g_bytes_get_data(input, NULL), seconds,
                                   module_answered, attempt))
        module_answered(ERROR_UNAVAILABLE, attempt);
}

static void attempt_begin(struct attempt *attempt)
{
    if (attempt->by_module) {
        module_begin(attempt);
        return;
    }
    g_autofree char *program = child_program("trestle-login");
    g_autoptr(GBytes) input = g_steal_pointer(&attempt->input);
    g_autoptr(GError) error = NULL;
    const struct child_plan plan = {.program = program,
                                    .input = input,
                                    .output_max = LOGIN_OUTPUT_MAX,
                                    .seconds =
                                        (unsigned)attempt->core->options->bound_login_timeout,
                                    .done = program_ended,
                                    .data = attempt};
    attempt->child = child_start(&plan, &error);
    if (attempt->child) {
        work.programs++;
        return;
    }
    log_error(AREA_AUTH, "login-program", "reason=\"%s\"", error->message);
    attempt->verdict = ERROR_UNAVAILABLE;
    attempt_answer(attempt);
}

static void next_begin(void)
{
    while (work.programs < AT_ONCE && !g_queue_is_empty(&work.waiting)) {
        struct attempt *attempt = g_queue_pop_head(&work.waiting);
        g_queue_push_tail(&work.running, attempt);
        attempt_begin(attempt);
    }
}

/* How many attempts for JID may still turn out wrong; one whose answer is held back was counted. */
static gint64 queue_count(const GQueue *queue, const char *jid)
{
    gint64 count = 0;
    for (const GList *link = queue->head; link; link = link->next) {
        const struct attempt *attempt = link->data;
        count += attempt->verdict == ERROR_NONE && g_strcmp0(attempt->jid, jid) == 0;
    }
    return count;
}

/* What is under way may fail, too: who tries many passwords at once has no more of them. */
static bool is_used_up(struct core *core, const char *jid)
{
    struct limit_state state;
    struct uuid subject = limit_subject_of(jid);
    limiter_look(core->limiter, &subject, LIMIT_SIGNIN, &state);
    return state.count > 0 &&
           state.remaining <= queue_count(&work.waiting, jid) + queue_count(&work.running, jid);
}

void login_check(struct core *core, const char *jid, const char *password, login_done done,
                 void *data)
{
    bool used_up = jid && is_used_up(core, jid);
    struct attempt *attempt = g_new0(struct attempt, 1);
    attempt->core = core;
    attempt->jid = g_strdup(jid);
    attempt->began = clock_monotonic();
    attempt->done = done;
    attempt->data = data;
    if (!jid || used_up || work.waiting.length >= WAITING_MAX) {
        attempt->verdict = !jid      ? ERROR_UNAUTHENTICATED
                           : used_up ? ERROR_RATE_LIMITED
                                     : ERROR_UNAVAILABLE;
        g_queue_push_tail(&work.running, attempt);
        attempt_answer(attempt);
        return;
    }
    attempt->by_module = strcmp(core->options->bound_login_by, "module") == 0;
    attempt->input = attempt->by_module ? login_secret_new(password)
                                        : login_input_new(core->options, jid, password);
    g_queue_push_tail(&work.waiting, attempt);
    next_begin();
}

void login_stop(void)
{
    g_queue_clear_full(&work.waiting, attempt_free);
    g_queue_clear_full(&work.running, attempt_free);
    work.programs = 0;
}
