/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages of archives on their way: their order, who waits for whom, and what a busy link or the end
 * of a connection means for them. */
#include "config.h"

#include "bridge/feature/mam_queue.h"
#include "bridge/loop/loop.h"
#include "tests/unit/unit.h"

/* A link that sends what it is told to, and a log of what was sent and ended. */
static struct {
    unsigned stream;
    size_t backlog;
    const char *never; /* id of a stanza that it will not take */
    GString *log;
    GPtrArray *begun; /* jobs that wait for their answer */
} world;

static struct mam_queue *queue;

static unsigned way_stream(void *link)
{
    (void)link;
    return world.stream;
}

static size_t way_backlog(void *link)
{
    (void)link;
    return world.backlog;
}

static bool way_send(void *link, xmpp_stanza_t *stanza, bool *ret_never)
{
    const char *id = xmpp_stanza_get_id(stanza);
    (void)link;
    *ret_never = g_strcmp0(id, world.never) == 0;
    if (*ret_never)
        return false;
    world.backlog++;
    g_string_append_printf(world.log, "%s ", id);
    return true;
}

static void job_begin(struct mam_job *job)
{
    g_string_append_printf(world.log, "begin-%s ", job->asker);
    g_ptr_array_add(world.begun, job);
}

static void job_free(struct mam_job *job)
{
    g_string_append_printf(world.log, "end-%s ", job->asker);
    g_ptr_array_remove(world.begun, job);
    g_free(job->asker);
    g_free(job);
}

static void setup(void)
{
    const struct mam_way way = {way_stream, way_backlog, way_send, 2};
    world.stream = 1;
    world.backlog = 0;
    world.log = g_string_new(NULL);
    world.begun = g_ptr_array_new();
    loop_start();
    queue = mam_queue_new(&way);
}

static void teardown(void)
{
    mam_queue_free(queue);
    while (world.begun->len > 0)
        mam_queue_answer(world.begun->pdata[0], NULL);
    loop_stop();
    g_ptr_array_unref(world.begun);
    g_string_free(world.log, TRUE);
}

static struct mam_job *add(const char *asker)
{
    struct mam_job *job = g_new0(struct mam_job, 1);
    job->asker = g_strdup(asker);
    job->begin = job_begin;
    job->free = job_free;
    if (mam_queue_add(queue, job))
        return job;
    g_free(job->asker);
    g_free(job);
    return NULL;
}

/* The page of stanzas with these IDS, one letter each. */
static GPtrArray *page(const char *ids)
{
    GPtrArray *stanzas =
        g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))xmpp_stanza_release);
    for (; *ids; ids++)
        g_ptr_array_add(stanzas, stanza_new_iq("result", (char[]){*ids, '\0'}, "a@b", "c@d"));
    return stanzas;
}

static void expect(const char *log)
{
    ck_assert_str_eq(world.log->str, log);
    g_string_truncate(world.log, 0);
}

START_TEST(a_page_waits_while_the_link_is_busy)
{
    struct mam_job *job = add("r");
    expect("begin-r ");
    mam_queue_answer(job, page("12345"));
    expect("1 2 ");
    mam_queue_tick(queue);
    expect("");
    world.backlog = 1;
    mam_queue_tick(queue);
    expect("3 ");
    world.backlog = 0;
    mam_queue_tick(queue);
    expect("4 5 end-r ");
}
END_TEST

START_TEST(nothing_begins_while_the_link_is_busy)
{
    world.backlog = 2;
    add("r");
    expect("");
    world.backlog = 0;
    mam_queue_tick(queue);
    expect("begin-r ");
}
END_TEST

START_TEST(what_the_link_never_takes_is_left_out)
{
    world.never = "2";
    mam_queue_answer(add("r"), page("123"));
    expect("begin-r 1 3 end-r ");
    world.never = NULL;
}
END_TEST

START_TEST(each_asker_has_one_at_a_time_and_others_go_on)
{
    struct mam_job *first = add("r");
    struct mam_job *second = add("r");
    add("s");
    add("t");
    expect("begin-r begin-s ");
    mam_queue_answer(first, page("1"));
    expect("1 end-r begin-r ");
    mam_queue_answer(second, NULL);
    expect("end-r begin-t ");
}
END_TEST

START_TEST(the_end_of_a_connection_is_the_end_of_its_pages)
{
    struct mam_job *sending = add("r");
    struct mam_job *reading = add("s");
    add("t");
    mam_queue_answer(sending, page("123"));
    expect("begin-r begin-s 1 2 ");
    world.stream = 0;
    mam_queue_tick(queue);
    expect("end-r end-t ");
    world.stream = 2; /* what is sent now would come without what went before */
    world.backlog = 0;
    mam_queue_answer(reading, page("4"));
    expect("end-s ");
    world.stream = 0;
    ck_assert(!add("u"));
}
END_TEST

START_TEST(there_are_ceilings)
{
    char name[16];
    unsigned taken = 0;
    while (add("r"))
        taken++;
    ck_assert_uint_eq(taken, MAM_QUEUE_ASKER_MAX);
    ck_assert(add("s"));
    taken++;
    for (int n = 0; n < 2 * MAM_QUEUE_WAITING_MAX; n++) {
        g_snprintf(name, sizeof name, "x%d", n);
        taken += add(name) != NULL;
    }
    ck_assert_uint_eq(taken, MAM_QUEUE_WAITING_MAX + MAM_QUEUE_ACTIVE_MAX);
}
END_TEST

START_TEST(one_that_drains_takes_nothing_and_ends_what_it_has)
{
    struct mam_job *job = add("r");
    add("r");
    mam_queue_drain(queue);
    expect("begin-r end-r ");
    ck_assert(!add("s"));
    mam_queue_answer(job, page("1"));
    expect("1 end-r ");
}
END_TEST

START_TEST(what_is_read_when_all_ends_is_let_go_of_later)
{
    struct mam_job *job = add("r");
    struct mam_job *sending = add("s");
    mam_queue_answer(sending, page("123"));
    mam_queue_free(queue);
    expect("begin-r begin-s 1 2 end-s ");
    queue = NULL;
    mam_queue_answer(job, page("4"));
    expect("end-r ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mam queue");
    TCase *tcase = tcase_create("mam queue");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_page_waits_while_the_link_is_busy);
    tcase_add_test(tcase, nothing_begins_while_the_link_is_busy);
    tcase_add_test(tcase, what_the_link_never_takes_is_left_out);
    tcase_add_test(tcase, each_asker_has_one_at_a_time_and_others_go_on);
    tcase_add_test(tcase, the_end_of_a_connection_is_the_end_of_its_pages);
    tcase_add_test(tcase, there_are_ceilings);
    tcase_add_test(tcase, one_that_drains_takes_nothing_and_ends_what_it_has);
    tcase_add_test(tcase, what_is_read_when_all_ends_is_let_go_of_later);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
