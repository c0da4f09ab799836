/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/base/options.h"
#include "bridge/bound/admit.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/holder.h"
#include "bridge/bound/host.h"
#include "bridge/core/core.h"
#include "bridge/loop/loop.h"
#include "xep/error.h"
#include "xep/jid.h"

#define ASK_SECONDS 10
#define AFAR_SECONDS 12 /* the other instance has ASK_SECONDS */
#define AFAR_MAX 1000   /* questions to another instance at a time */

struct admitting {
    struct bound *bound;
    bool by_password;
    admit_done done;
    void *data;
    enum error_code verdict; /* of one that is answered without asking */
    char *id;                /* of a question to another instance; NULL: it is none */
    guint timer;             /* of that */
};

static void admitting_free(gpointer data)
{
    struct admitting *admitting = data;
    if (admitting->timer)
        g_source_remove(admitting->timer);
    g_free(admitting->id);
    g_free(admitting);
}

static void admitting_end(struct admitting *admitting, enum error_code verdict)
{
    admit_done done = admitting->done;
    void *data = admitting->data;
    admitting_free(admitting);
    done(verdict, data);
}

/* ---- By the link ----------------------------------------------------------------------------- */

static enum error_code answer_verdict(xmpp_stanza_t *answer, bool by_password)
{
    static const char *const refusals[] = {"not-authorized", "not-allowed", "item-not-found", NULL};
    struct stanza_error error;
    const char *type = answer ? stanza_attr(answer, "type") : NULL;
    if (type && strcmp(type, "result") == 0)
        return ERROR_NONE;
    if (!answer || !stanza_error_parse(answer, &error) ||
        !g_strv_contains(refusals, error.condition))
        return ERROR_UNAVAILABLE;
    return by_password ? ERROR_UNAUTHENTICATED : ERROR_FORBIDDEN;
}

static void login_answered(xmpp_stanza_t *answer, void *data)
{
    struct admitting *admitting = data;
    admitting_end(admitting, answer_verdict(answer, admitting->by_password));
}

/* The text is out, or is not going to be. */
static void password_wipe(xmpp_stanza_t *iq)
{
    xmpp_stanza_t *login = stanza_child(iq, "login", NS_BIND);
    xmpp_stanza_t *password = login ? stanza_child(login, "password", NS_BIND) : NULL;
    xmpp_stanza_t *text = password ? xmpp_stanza_get_children(password) : NULL;
    const char *said = text ? xmpp_stanza_get_text_ptr(text) : NULL;
    if (said)
        explicit_bzero((char *)(uintptr_t)said, strlen(said));
}

bool bound_admit_ask(struct bound *bound, const char *jid, const char *password, unsigned seconds,
                     admit_done done, void *data)
{
    const struct bound_host *host = bound_host_of(bound, jid);
    g_autofree char *local = jid_local(jid);
    if (!host || !local || host->state != HOST_UP || !(host->has & BOUND_HAS_LOGIN))
        return false;
    struct admitting *admitting = g_new0(struct admitting, 1);
    *admitting = (struct admitting){
        .bound = bound, .by_password = password != NULL, .done = done, .data = data};
    g_autoptr(xmpp_stanza_t) iq =
        bound_login_build(bound->core->options->xmpp_domain, host->domain, local, password);
    bool asked = stanza_ask(bound->core, iq, seconds, login_answered, admitting);
    password_wipe(iq);
    if (asked)
        return true;
    admitting_free(admitting);
    return false;
}

/* ---- By another instance --------------------------------------------------------------------- */

static const char *const words[] = {"yes", "no", "unknown"};

static enum error_code word_verdict(const char *word)
{
    if (g_strcmp0(word, words[0]) == 0)
        return ERROR_NONE;
    return g_strcmp0(word, words[1]) == 0 ? ERROR_FORBIDDEN : ERROR_UNAVAILABLE;
}

static gboolean on_timer(gpointer data)
{
    struct admitting *admitting = data;
    admitting->timer = 0;
    g_hash_table_steal(admitting->bound->admitting, admitting->id);
    admitting_end(admitting, ERROR_UNAVAILABLE);
    return G_SOURCE_REMOVE;
}

static bool afar_ask(struct admitting *admitting, const char *jid)
{
    struct bound *bound = admitting->bound;
    if (g_hash_table_size(bound->admitting) >= AFAR_MAX)
        return false;
    admitting->id = g_uuid_string_random();
    if (!bound_holder_ask(bound, jid, admitting->id))
        return false;
    admitting->timer = g_timeout_add_seconds(AFAR_SECONDS, on_timer, admitting);
    g_hash_table_insert(bound->admitting, admitting->id, admitting);
    return true;
}

struct afar_question {
    struct bound *bound;
    char *id;
};

static void afar_answered(enum error_code error, void *data)
{
    g_autofree struct afar_question *question = data;
    g_autofree char *id = question->id;
    bound_holder_answer(question->bound, id,
                        words[error == ERROR_NONE        ? 0
                              : error == ERROR_FORBIDDEN ? 1
                                                         : 2]);
}

/* As the instance that has the link. */
static void question_hear(struct bound *bound, const char *jid, const char *id)
{
    struct afar_question *question = g_new0(struct afar_question, 1);
    *question = (struct afar_question){bound, g_strdup(id)};
    if (!bound_may_enter(bound->core, jid))
        afar_answered(ERROR_FORBIDDEN, question);
    else if (!bound_admit_ask(bound, jid, NULL, ASK_SECONDS, afar_answered, question))
        afar_answered(ERROR_UNAVAILABLE, question);
}

void bound_admit_hear(struct bound *bound, const json_t *message)
{
    const char *asked = json_string_value(json_object_get(message, "may"));
    const char *id = json_string_value(json_object_get(message, "question"));
    const char *word = json_string_value(json_object_get(message, "answer"));
    if (!id)
        return;
    if (asked && stanza_may_ask(bound->core))
        question_hear(bound, asked, id);
    struct admitting *admitting = word ? g_hash_table_lookup(bound->admitting, id) : NULL;
    if (!admitting)
        return;
    g_hash_table_steal(bound->admitting, id);
    admitting_end(admitting, word_verdict(word));
}

/* ---- Whichever way --------------------------------------------------------------------------- */

static void on_answered(void *data)
{
    struct admitting *admitting = data;
    admitting_end(admitting, admitting->verdict);
}

static void answer_later(struct admitting *admitting, enum error_code verdict)
{
    admitting->verdict = verdict;
    loop_defer(on_answered, admitting);
}

void bound_admit(const char *jid, admit_done done, void *done_data, void *data)
{
    struct core *core = data;
    struct bound *bound = bound_of(core);
    if (bound && !bound_holder_is_elsewhere(bound) && bound_may_enter(core, jid) &&
        bound_admit_ask(bound, jid, NULL, ASK_SECONDS, done, done_data))
        return;
    struct admitting *admitting = g_new0(struct admitting, 1);
    *admitting = (struct admitting){.bound = bound, .done = done, .data = done_data};
    if (!bound || !bound_may_enter(core, jid))
        answer_later(admitting, ERROR_FORBIDDEN);
    else if (!bound_holder_is_elsewhere(bound) || !afar_ask(admitting, jid))
        answer_later(admitting, ERROR_UNAVAILABLE);
}

void bound_admit_open(struct bound *bound)
{
    bound->admitting = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, admitting_free);
}

void bound_admit_drain(struct bound *bound)
{
    GHashTableIter iter;
    gpointer value;
    g_autoptr(GPtrArray) waiting = g_ptr_array_new();
    g_hash_table_iter_init(&iter, bound->admitting);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        g_ptr_array_add(waiting, value);
        g_hash_table_iter_steal(&iter);
    }
    for (guint i = 0; i < waiting->len; i++)
        admitting_end(g_ptr_array_index(waiting, i), ERROR_UNAVAILABLE);
}

void bound_admit_close(struct bound *bound)
{
    g_hash_table_unref(bound->admitting);
}
