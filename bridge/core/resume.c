/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading what was missed. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/mark.h"
#include "bridge/core/resume.h"
#include "bridge/view/json.h"
#include "bridge/view/rows.h"

struct reading {
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

static void events_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct reading *reading = data;
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
        result.resync = too_much || reading->position > result.position ||
                        reading->log != reading->core->log || events->len > reading->maximum;
        if (!result.resync && rows_text(rows, 0, EVENT_RESUME_ACTOR))
            cut_at(&result, rows_integer(rows, 0, EVENT_RESUME_ACTOR));
        if (!result.resync)
            result_cut(reading, &result);
        if (!result.resync)
            note_deliveries(reading, rows, result.position);
    }
    reading->done(&result, reading->data);
    account_unref(reading->account);
}

void resume_read(struct core *core, struct account *account, gint64 position, resume_done done,
                 void *data)
{
    resume_page(core, account, position, 0, done, data);
}

void resume_page(struct core *core, struct account *account, gint64 position, gint64 limit,
                 resume_done done, void *data)
{
    struct reading *reading = g_new0(struct reading, 1);
    reading->core = core;
    reading->account = account_ref(account);
    reading->position = position;
    reading->maximum = core->options->websocket_resume_max;
    reading->limit = limit;
    reading->log = core->log;
    reading->done = done;
    reading->data = data;
    g_autofree char *after = g_strdup_printf("%" G_GINT64_FORMAT, position);
    g_autofree char *maximum = g_strdup_printf("%" G_GINT64_FORMAT, reading->maximum);
    const char *values[] = {account->id_text, after, maximum, RESUME_BYTES};
    archive_query_binary(core->archive, QUERY_EVENT_RESUME, values, events_read, reading);
}
