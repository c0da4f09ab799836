/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whoever asks a hook waits for nobody: not for names, and not because others ask, too. */
#include "config.h"

#include <netdb.h>

#include "bridge/core/hook.h"
#include "bridge/loop/http_client.h"
#include "bridge/loop/loop.h"
#include "tests/unit/unit.h"

static GMutex lock;
static GCond changed;
static bool name_known;
static unsigned lookups;

/* In place of the C library's, for libcurl too: knows no name before it may. */
__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **found)
{
    (void)node, (void)service, (void)hints, (void)found;
    g_mutex_lock(&lock);
    lookups++;
    g_cond_broadcast(&changed);
    while (!name_known)
        g_cond_wait(&changed, &lock);
    lookups--;
    g_cond_broadcast(&changed);
    g_mutex_unlock(&lock);
    return EAI_NONAME;
}

static void lookups_expect(unsigned count)
{
    g_mutex_lock(&lock);
    while (lookups != count)
        g_cond_wait(&changed, &lock);
    g_mutex_unlock(&lock);
}

static unsigned unanswered;

static void on_answer(const json_t *answer, void *data)
{
    (void)data;
    ck_assert_ptr_null(answer);
    unanswered++;
}

static struct hook hook_make(unsigned most)
{
    return (struct hook){
        .client = http_client_new(most),
        .url = "http://hook.example:9/",
        .secret = "secret",
        .timeout = 50,
        .breaker = {.failures_max = 3, .pause = G_USEC_PER_SEC, .gauge = METRIC_SPAM_HOOK_BREAKER},
        .asked = METRIC_SPAM_HOOK_ASKED,
        .failed = METRIC_SPAM_HOOK_FAILED};
}

static void hook_end(struct hook *hook)
{
    http_client_free(hook->client);
    loop_stop();
    g_mutex_lock(&lock);
    name_known = true;
    g_cond_broadcast(&changed);
    g_mutex_unlock(&lock);
    lookups_expect(0);
}

START_TEST(a_name_that_is_looked_up_for_long_holds_nobody_up)
{
    loop_start();
    struct hook hook = hook_make(2);
    for (unsigned i = 1; i <= 2; i++) {
        ck_assert(hook_ask(&hook, json_object(), on_answer, NULL));
        while (unanswered < i)
            g_main_context_iteration(NULL, TRUE);
        lookups_expect(i); /* none has come back yet */
    }
    hook_end(&hook);
}
END_TEST

START_TEST(too_many_questions_are_no_failure_of_the_hook)
{
    loop_start();
    struct hook hook = hook_make(1);
    ck_assert(hook_ask(&hook, json_object(), on_answer, NULL));
    for (unsigned i = 0; i < 10; i++)
        ck_assert(!hook_ask(&hook, json_object(), on_answer, NULL));
    ck_assert_int_eq(hook.breaker.state, BREAKER_CLOSED);
    ck_assert_uint_eq(unanswered, 0);
    hook_end(&hook);
    ck_assert_uint_eq(unanswered, 1);
}
END_TEST

UNIT_MAIN("core/hook", a_name_that_is_looked_up_for_long_holds_nobody_up,
          too_many_questions_are_no_failure_of_the_hook)
