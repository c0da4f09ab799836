/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading what was missed. Many who come back in one moment are asked for by one statement, which
 * names those who may have missed something; each of these is then read by itself. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/mark.h"
#include "bridge/core/resume.h"
#include "bridge/loop/loop.h"
#include "bridge/view/json.h"
#include "bridge/view/rows.h"

#define FEW 4             /* fewer than that are read by themselves */
#define TOGETHER 256      /* in one statement, at most */
#define STATEMENTS 4      /* under way, for those who have just come */
#define LOOKING_MAX 16    /* reads under way, of those who may have missed something */
#define WAITING_MAX 20000 /* who comes then is read at once, or refused */

/* Who waits to be read, at most WAITING_MAX. */
struct resumes {
    GQueue fresh;     /* struct reading * */
    GQueue behind;    /* struct reading *: named by a statement for many */
    unsigned running; /* statements for many, and reads of those who came alone */
    unsigned looking; /* reads of those in `behind` */
    bool scheduled;
};

enum reading_way {
    READING_DIRECT, /* nobody waits for its end */
    READING_ALONE,  /* counts in `running` */
    READING_BEHIND  /* counts in `looking` */
};

struct reading {
    enum reading_way way;
    struct core *core;
    struct account *account; /* reference */
    gint64 position;
    gint64 maximum;
    gint64 limit; /* 0: none */
    unsigned log; /* core->log when it was asked: POSITION is one of that */
    resume_done done;
    void *data;
};

static int by_position(gconstpointer a, gconstpointer b)
{
    const struct event *one = *(const struct event *const *)a;
    const struct event *other = *(const struct event *const *)b;
    return (one->position > other->position) - (one->position < other->position);
}

static void unref_event(gpointer data)
{
    event_unref(data);
}

/* Writes what ROW tells; false: nothing that is known here. */
static bool payload_of_row(const struct rows *rows, int row, enum event_type type,
                           struct buffer *payload)
{
    static const struct {
        const struct view_type *view;
        int column;
    } facts[] = {{&view_of_message_view, EVENT_RESUME_MESSAGE},
                 {&view_of_mark_view, EVENT_RESUME_MARK},
                 {&view_of_failure_view, EVENT_RESUME_FAILURE}};
    g_auto(view_memory) memory = {0};
    const char *text = rows_text(rows, row, EVENT_RESUME_PAYLOAD);
    json_t *told = text ? json_loads(text, 0, NULL) : NULL;
    if (told)
        view_json(payload, event_info(type)->payload, told);
    json_decref(told);
    for (size_t i = 0; !text && i < G_N_ELEMENTS(facts); i++) {
        const void *view = view_from_row(facts[i].view, rows, row, facts[i].column, &memory);
        if (view)
            view_object(payload, event_info(type)->payload, view);
    }
    return payload->length > 0 && !payload->overflow;
}

static struct event *event_of_row(const struct rows *rows, int row)
{
    enum event_type type = event_type_from_name(rows_text(rows, row, EVENT_RESUME_TYPE));
    g_auto(buffer) payload = BUFFER_INIT(VIEW_OBJECT_MAX);
    if (type == EVENT_TYPE_MAX || !payload_of_row(rows, row, type, &payload))
        return NULL;
    struct event *event = event_new(type, rows_integer(rows, row, EVENT_RESUME_POSITION),
                                    rows_time(rows, row, EVENT_RESUME_AT), &payload);
    rows_uuid(rows, row, EVENT_RESUME_CONVERSATION_ID, &event->parties.conversation);
    rows_uuid(rows, row, EVENT_RESUME_MESSAGE_ID, &event->parties.message);
    rows_uuid(rows, row, EVENT_RESUME_SENDER_ID, &event->parties.actor);
    event->parties.actor_number = rows_integer(rows, row, EVENT_RESUME_ACTOR);
    event->parties.peer_number = rows_integer(rows, row, EVENT_RESUME_PEER);
    event->parties.many = rows_boolean(rows, row, EVENT_RESUME_MANY);
    return event;
}

/* What others said up to POSITION reaches the user now. */
static void note_deliveries(const struct reading *reading, const struct rows *rows, gint64 position)
{
    /* Newest first within a conversation: walk up, so that the newest is noted last. */
    for (int row = rows_count(rows) - 1; row > 0; row--) {
        struct uuid conversation, message, sender;
        if (rows_integer(rows, row, EVENT_RESUME_POSITION) <= position &&
            rows_uuid(rows, row, EVENT_RESUME_SENDER_ID, &sender) &&
            rows_uuid(rows, row, EVENT_RESUME_CONVERSATION_ID, &conversation) &&
            rows_uuid(rows, row, EVENT_RESUME_MESSAGE_ID, &message) &&
            !uuid_equal(&sender, &reading->account->id))
            delivery_note(reading->core, &conversation, &reading->account->id, &message);
    }
}

/* No more was read than up to POSITION; others there may be behind it in ROWS are not all. */
static void cut_at(struct resume_result *result, gint64 position)
{
    guint count = result->events->len;
    while (count > 0 && ((struct event *)result->events->pdata[count - 1])->position > position)
        count--;
    g_ptr_array_set_size(result->events, (gint)count);
    result->position = position;
    result->has_more = true;
}

static void result_cut(const struct reading *reading, struct resume_result *result)
{
    if (reading->limit == 0 || result->events->len <= reading->limit)
        return;
    g_ptr_array_set_size(result->events, (gint)reading->limit);
    const struct event *last = result->events->pdata[reading->limit - 1];
    result->position = last->position;
    result->has_more = true;
}

static void resumes_advance(struct core *core);

static void reading_end(struct reading *reading, const struct resume_result *result)
{
    struct core *core = reading->core;
    struct resumes *resumes = core->resumes;
    if (resumes && reading->way == READING_ALONE)
        resumes->running--;
    if (resumes && reading->way == READING_BEHIND)
        resumes->looking--;
    reading->done(result, reading->data);
    account_unref(reading->account);
    g_free(reading);
    if (resumes)
        resumes_advance(core);
}

static bool is_outdated(const struct reading *reading, gint64 head)
{
    return reading->position > head || reading->log != reading->core->log;
}

static void events_read(const struct rows *rows, enum error_code error, void *data)
{
    struct reading *reading = data;
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(unref_event);
    struct resume_result result = {.error = error, .events = events};
    if (error == ERROR_NONE) {
        result.position = rows_count(rows) > 0 ? rows_integer(rows, 0, EVENT_RESUME_POSITION) : 0;
        for (int row = 1; row < rows_count(rows); row++) {
            struct event *event = event_of_row(rows, row);
            if (event)
                g_ptr_array_add(events, event);
        }
        g_ptr_array_sort(events, by_position);
        bool too_much = rows_count(rows) > 0 && rows_text(rows, 0, EVENT_RESUME_TYPE) != NULL;
        result.resync =
            too_much || is_outdated(reading, result.position) || events->len > reading->maximum;
        if (!result.resync && rows_text(rows, 0, EVENT_RESUME_ACTOR))
            cut_at(&result, rows_integer(rows, 0, EVENT_RESUME_ACTOR));
        if (!result.resync)
            result_cut(reading, &result);
        if (!result.resync)
            note_deliveries(reading, rows, result.position);
    }
    reading_end(reading, &result);
}

static struct reading *reading_new(struct core *core, struct account *account, gint64 position,
                                   resume_done done, void *data)
{
    struct reading *reading = g_new0(struct reading, 1);
    reading->core = core;
    reading->account = account_ref(account);
    reading->position = position;
    reading->maximum = core->options->websocket_resume_max;
    reading->log = core->log;
    reading->done = done;
    reading->data = data;
    return reading;
}

static void reading_send(struct reading *reading, enum reading_way way)
{
    struct resumes *resumes = reading->core->resumes;
    reading->way = way;
    if (way == READING_ALONE)
        resumes->running++;
    if (way == READING_BEHIND)
        resumes->looking++;
    g_autofree char *after = g_strdup_printf("%" G_GINT64_FORMAT, reading->position);
    g_autofree char *maximum = g_strdup_printf("%" G_GINT64_FORMAT, reading->maximum);
    const char *values[] = {reading->account->id_text, after, maximum, RESUME_BYTES};
    archive_query_binary(reading->core->archive, QUERY_EVENT_RESUME, values, events_read, reading);
}

/* ---- Many at once ---------------------------------------------------------------------------- */

struct gathering {
    struct core *core;
    GPtrArray *readings;
};

/* READING has missed nothing up to HEAD. */
static void reading_is_current(struct reading *reading, gint64 head)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    struct resume_result result = {
        .position = head, .events = none, .resync = is_outdated(reading, head)};
    reading_end(reading, &result);
}

static void reading_failed(struct reading *reading)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    struct resume_result result = {.error = ERROR_UNAVAILABLE, .events = none};
    reading_end(reading, &result);
}

static void waiting_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct gathering *gathering = data;
    struct core *core = gathering->core;
    struct resumes *resumes = core->resumes;
    g_autoptr(GPtrArray) readings = gathering->readings;
    if (!resumes) { /* stopping */
        for (guint i = 0; i < readings->len; i++)
            reading_failed(readings->pdata[i]);
        return;
    }
    resumes->running--;
    for (int row = 0; error == ERROR_NONE && row < rows_count(rows); row++) {
        gint64 place = rows_integer(rows, row, EVENT_WAITING_N);
        if (place > 0 && place <= readings->len)
            g_queue_push_tail(&resumes->behind, g_steal_pointer(&readings->pdata[place - 1]));
    }
    gint64 head = error == ERROR_NONE ? rows_integer(rows, 0, EVENT_WAITING_POSITION) : 0;
    for (guint i = 0; i < readings->len; i++) {
        struct reading *reading = readings->pdata[i];
        if (!reading)
            continue;
        if (error == ERROR_UNAVAILABLE)
            reading_failed(reading);
        else if (error != ERROR_NONE) /* one of them spoils it for all */
            g_queue_push_tail(&resumes->behind, reading);
        else
            reading_is_current(reading, head);
    }
    resumes_advance(core);
}

static void send_gathering(struct core *core)
{
    struct resumes *resumes = core->resumes;
    struct gathering *gathering = g_new0(struct gathering, 1);
    *gathering = (struct gathering){core, g_ptr_array_new()};
    g_autoptr(GString) users = g_string_new("{");
    g_autoptr(GString) positions = g_string_new("{");
    while (gathering->readings->len < TOGETHER && resumes->fresh.head) {
        struct reading *reading = g_queue_pop_head(&resumes->fresh);
        const char *comma = gathering->readings->len > 0 ? "," : "";
        g_string_append_printf(users, "%s%s", comma, reading->account->id_text);
        g_string_append_printf(positions, "%s%" G_GINT64_FORMAT, comma, reading->position);
        g_ptr_array_add(gathering->readings, reading);
    }
    g_string_append_c(users, '}');
    g_string_append_c(positions, '}');
    resumes->running++;
    const char *values[] = {users->str, positions->str};
    archive_query(core->archive, QUERY_EVENT_WAITING, values, waiting_read, gathering);
}

/* While statements are under way those who come gather: the more come, the more go together. */
static void resumes_advance(struct core *core)
{
    struct resumes *resumes = core->resumes;
    while (core->archive && resumes->behind.head && resumes->looking < LOOKING_MAX)
        reading_send(g_queue_pop_head(&resumes->behind), READING_BEHIND);
    while (core->archive && resumes->fresh.head && resumes->running < STATEMENTS) {
        if (resumes->fresh.length < FEW)
            reading_send(g_queue_pop_head(&resumes->fresh), READING_ALONE);
        else
            send_gathering(core);
    }
}

static void resumes_begin(void *data)
{
    struct core *core = data;
    core->resumes->scheduled = false;
    resumes_advance(core);
}

void resumes_init(struct core *core)
{
    struct resumes *resumes = g_new0(struct resumes, 1);
    g_queue_init(&resumes->fresh);
    g_queue_init(&resumes->behind);
    core->resumes = resumes;
}

void resumes_clear(struct core *core)
{
    struct resumes *resumes = g_steal_pointer(&core->resumes);
    if (!resumes)
        return;
    loop_cancel(resumes_begin, core);
    GQueue *const queues[] = {&resumes->fresh, &resumes->behind};
    for (size_t i = 0; i < G_N_ELEMENTS(queues); i++) {
        struct reading *reading;
        while ((reading = g_queue_pop_head(queues[i])))
            reading_failed(reading);
    }
    g_free(resumes);
}

void resume_read(struct core *core, struct account *account, gint64 position, resume_done done,
                 void *data)
{
    struct resumes *resumes = core->resumes;
    if (!resumes || resumes->fresh.length + resumes->behind.length >= WAITING_MAX) {
        resume_page(core, account, position, 0, done, data);
        return;
    }
    g_queue_push_tail(&resumes->fresh, reading_new(core, account, position, done, data));
    if (!resumes->scheduled)
        loop_defer(resumes_begin, core);
    resumes->scheduled = true;
}

void resume_page(struct core *core, struct account *account, gint64 position, gint64 limit,
                 resume_done done, void *data)
{
    struct reading *reading = reading_new(core, account, position, done, data);
    reading->limit = limit;
    reading_send(reading, READING_DIRECT);
}
