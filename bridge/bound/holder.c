/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/options.h"
#include "bridge/bound/admit.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/holder.h"
#include "bridge/bound/host.h"
#include "bridge/bound/session.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "xep/stanza_read.h"
#include "xep/stanza_text.h"

#define TOPIC "bound" /* on the bus */
#define ACCOUNTS_IN_MESSAGE 1000
#define STANZA_MAX 65536

static const char *const words[] = {[HOLDER_HERE] = "here",
                                    [HOLDER_WATCH] = "watch",
                                    [HOLDER_UNWATCH] = "unwatch",
                                    [HOLDER_LEFT] = "left",
                                    [HOLDER_OUT] = "out"};

static bool is_used(const struct bound *bound)
{
    const struct core *core = bound->core;
    return elsewhere_is_used(core) && strcmp(core->options->xmpp_links, "each") != 0;
}

static bool is_holder(const struct bound *bound)
{
    return is_used(bound) && stanza_may_ask(bound->core);
}

bool bound_holder_is_elsewhere(const struct bound *bound)
{
    return is_used(bound) && !stanza_may_ask(bound->core);
}

bool bound_holder_is_afar(const struct bound_session *session)
{
    return session->account && is_used(session->bound) &&
           elsewhere_is_online(session->bound->core, &session->account->id);
}

/* ---- To the holder --------------------------------------------------------------------------- */

static void accounts_publish(const struct bound *bound, enum holder_word word, json_t *jids)
{
    bus_publish(bound->core, TOPIC, json_pack("{s:s, s:o}", "is", words[word], "accounts", jids));
}

void bound_holder_tell(const struct bound *bound, const char *jid, enum holder_word word)
{
    if (bound_holder_is_elsewhere(bound))
        accounts_publish(bound, word, json_pack("[s]", jid));
}

bool bound_holder_send(const struct bound *bound, xmpp_stanza_t *stanza)
{
    size_t length;
    g_autofree char *text = stanza_to_text(stanza, &length);
    return length <= STANZA_MAX &&
           bus_publish(bound->core, TOPIC, json_pack("{s:s}", "stanza", text));
}

bool bound_holder_ask(const struct bound *bound, const char *jid, const char *id)
{
    return bus_publish(bound->core, TOPIC, json_pack("{s:s, s:s}", "may", jid, "question", id));
}

void bound_holder_answer(const struct bound *bound, const char *id, const char *word)
{
    bus_publish(bound->core, TOPIC, json_pack("{s:s, s:s}", "answer", word, "question", id));
}

/* Everybody who is here. */
static void accounts_tell(const struct bound *bound)
{
    GHashTableIter iter;
    gpointer value;
    json_t *jids = json_array();
    g_hash_table_iter_init(&iter, bound->sessions);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct bound_session *session = value;
        if (!session->online)
            continue;
        json_array_append_new(jids, json_string(session->jid));
        if (json_array_size(jids) < ACCOUNTS_IN_MESSAGE)
            continue;
        accounts_publish(bound, HOLDER_HERE, jids);
        jids = json_array();
    }
    accounts_publish(bound, HOLDER_HERE, jids);
}

/* ---- To the others --------------------------------------------------------------------------- */

void bound_holder_hosts(struct bound *bound)
{
    GHashTableIter iter;
    gpointer value;
    if (!is_holder(bound))
        return;
    json_t *hosts = json_array();
    g_hash_table_iter_init(&iter, bound->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct bound_host *host = value;
        json_array_append_new(hosts, json_pack("[s, i, i, b]", host->domain, (int)host->state,
                                               (int)host->has, (int)host->archives));
    }
    bus_publish(bound->core, TOPIC, json_pack("{s:o}", "hosts", hosts));
}

void bound_holder_link_up(struct bound *bound)
{
    if (is_holder(bound))
        bus_publish(bound->core, TOPIC, json_pack("{s:b}", "who", 1));
}

/* ---- What comes ------------------------------------------------------------------------------ */

static void host_hear(struct bound *bound, const json_t *row)
{
    const char *domain = json_string_value(json_array_get(row, 0));
    struct bound_host *host = domain ? g_hash_table_lookup(bound->hosts, domain) : NULL;
    json_int_t state = json_integer_value(json_array_get(row, 1));
    if (!host || state < HOST_UNKNOWN || state > HOST_UP)
        return;
    host->afar.state = (enum host_state)state;
    host->afar.has = (unsigned)json_integer_value(json_array_get(row, 2));
    host->afar.archives = json_is_true(json_array_get(row, 3));
    if (bound_holder_is_elsewhere(bound))
        bound_host_tell(host);
}

static void account_hear(struct bound *bound, const char *jid, const char *word)
{
    struct bound_session *session = jid ? bound_session_get(bound, jid) : NULL;
    if (!session)
        return;
    if (strcmp(word, words[HOLDER_HERE]) == 0)
        bound_session_want(session);
    else if (strcmp(word, words[HOLDER_WATCH]) == 0)
        bound_session_watch(session, true);
    else if (strcmp(word, words[HOLDER_UNWATCH]) == 0)
        bound_session_watch(session, false);
    else if (strcmp(word, words[HOLDER_LEFT]) == 0)
        bound_session_signed_out(session, false);
    else if (strcmp(word, words[HOLDER_OUT]) == 0)
        bound_session_signed_out(session, true);
}

static void stanza_hear(struct bound *bound, const char *text)
{
    g_autoptr(xmpp_stanza_t) stanza = stanza_from_text(text, strlen(text));
    const char *from = stanza ? stanza_attr(stanza, "from") : NULL;
    if (from && bound_host_of(bound, from))
        stanza_out(bound->core, stanza);
}

static void on_message(struct core *core, const json_t *message, void *data)
{
    struct bound *bound = bound_of(core);
    const char *word = json_string_value(json_object_get(message, "is"));
    const char *stanza = json_string_value(json_object_get(message, "stanza"));
    const json_t *accounts = json_object_get(message, "accounts");
    const json_t *hosts = json_object_get(message, "hosts");
    (void)data;
    if (!bound)
        return;
    if (json_object_get(message, "who"))
        accounts_tell(bound);
    for (size_t i = 0; i < json_array_size(hosts); i++)
        host_hear(bound, json_array_get(hosts, i));
    bound_admit_hear(bound, message);
    if (!is_holder(bound))
        return;
    for (size_t i = 0; word && i < MIN(json_array_size(accounts), ACCOUNTS_IN_MESSAGE); i++)
        account_hear(bound, json_string_value(json_array_get(accounts, i)), word);
    if (stanza)
        stanza_hear(bound, stanza);
}

/* One that comes may have the link, or have lost who is here. */
static void on_instance(struct core *core, const char *instance, bool here, void *data)
{
    struct bound *bound = bound_of(core);
    (void)instance, (void)data;
    if (!bound || !here)
        return;
    bound_holder_hosts(bound);
    if (bound_holder_is_elsewhere(bound))
        accounts_tell(bound);
}

void bound_holder_start(struct bound *bound)
{
    bus_subscribe(bound->core, TOPIC, on_message, NULL);
    if (elsewhere_is_used(bound->core))
        bus_watch_instances(bound->core, on_instance, NULL);
}
