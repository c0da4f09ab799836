/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See xmpp_link_world.h. */
#include "config.h"

#include "bridge/base/log.h"
#include "bridge/loop/loop.h"
#include "tests/unit/xmpp_link_world.h"

struct fake_server server;
struct options *config;
struct link *component;
guint ups, downs, stanzas;
GPtrArray *stanza_ids;
bool free_in_callback;
guint barriers_true, barriers_false;
struct link_failure failure;
guint answers, failures;
char *answer_type;

void free_component(void)
{
    link_free(component);
    component = NULL;
}

void on_up(void *data)
{
    (void)data;
    ups++;
    if (free_in_callback)
        free_component();
}

void on_down(void *data)
{
    (void)data;
    downs++;
    if (free_in_callback)
        free_component();
}

void on_stanza(xmpp_stanza_t *stanza, void *data)
{
    (void)data;
    stanzas++;
    g_ptr_array_add(stanza_ids, g_strdup(stanza_attr(stanza, "id")));
    if (free_in_callback)
        free_component();
}

static void on_failed(const struct link_failure *its_failure, void *data)
{
    (void)data;
    failure = *its_failure;
}

void make_link(void)
{
    const struct link_callbacks callbacks = {
        .up = on_up, .down = on_down, .failed = on_failed, .stanza = on_stanza};
    component = link_new(config, &callbacks, NULL);
}

void turn(void)
{
    g_main_context_iteration(NULL, FALSE);
    server_poll(&server);
}

void settle(void)
{
    for (int i = 0; i < 200; i++)
        turn();
}

void advance(gint64 microseconds)
{
    clock_advance(microseconds);
    if (component)
        link_tick(component);
}

void setup(void)
{
    log_configure("error", "all", NULL);
    loop_start();
    server_start(&server);
    config = options_new();
    config->xmpp_domain = g_strdup(US);
    config->xmpp_server_domain = g_strdup("example.org");
    config->xmpp_secret = g_strdup("s3cret");
    config->xmpp_port = server.port;
    stanza_ids = g_ptr_array_new_with_free_func(g_free);
}

void teardown(void)
{
    free_component();
    server_stop(&server);
    loop_stop();
    options_free(config);
    g_ptr_array_unref(stanza_ids);
}

void bring_up(void)
{
    guint before = ups;
    make_link();
    run_until(ups == before + 1);
}

static xmpp_stanza_t *message(const char *from, const char *to, const char *id, const char *body)
{
    xmpp_stanza_t *stanza = stanza_new("message", NULL);
    stanza_set(stanza, "from", from);
    stanza_set(stanza, "to", to);
    stanza_set(stanza, "id", id);
    if (body)
        stanza_add_text(stanza, "body", NULL, body);
    return stanza;
}

bool send_message(const char *from, const char *to, const char *id, const char *body)
{
    g_autoptr(xmpp_stanza_t) stanza = message(from, to, id, body);
    return link_send(component, stanza);
}

guint64 number(const char *id)
{
    guint64 value = G_MAXUINT64;
    g_ascii_string_to_unsigned(id, 10, 0, G_MAXUINT, &value, NULL);
    return value;
}

const char *received_id(guint i)
{
    return stanza_attr(g_ptr_array_index(server.stanzas, i), "id");
}

void on_barrier(bool delivered, void *data)
{
    (void)data;
    if (delivered)
        barriers_true++;
    else
        barriers_false++;
}

static void on_answer(xmpp_stanza_t *result, void *data)
{
    (void)data;
    if (!result) {
        failures++;
        return;
    }
    answers++;
    g_free(answer_type);
    answer_type = g_strdup(stanza_attr(result, "type"));
}

bool ask(const char *to, guint timeout)
{
    g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("get", NULL, ALICE, to);
    stanza_add(iq, "query", NS_DISCO_INFO);
    return link_request(component, iq, timeout, on_answer, NULL);
}

void say_answer(const char *type, const char *from, const char *id)
{
    g_autofree char *text =
        g_strdup_printf("<iq type='%s' from='%s' to='" ALICE "' id='%s'/>", type, from, id);
    server_say(&server, text);
}
