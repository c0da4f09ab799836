/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Service discovery (XEP-0030) of the domain, of hosted users and of their /rest, which
 * is also found by its capabilities (XEP-0115). Features come from xep/registry.c alone. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/adhoc/caller.h"
#include "bridge/adhoc/command.h"
#include "bridge/base/options.h"
#include "bridge/bound/delegated.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/presence/client.h"
#include "bridge/presence/hosted.h"
#include "bridge/profile/pep.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/registry.h"

static struct disco_info *entity_info(unsigned entity, const struct disco_identity *identity)
{
    struct disco_info *info = disco_info_new(NULL);
    disco_info_put_identity(info, identity);
    xep_registry_put_features(info, entity);
    return info;
}

/* Where files may be uploaded to (XEP-0363). */
static void put_upload(struct disco_info *info, const struct options *options)
{
    static const struct disco_identity store = {"store", "file", NULL, "Files"};
    struct data_form *form = data_form_new("result");
    data_form_put(form, "FORM_TYPE", "hidden", NS_HTTP_UPLOAD);
    data_form_put_number(form, "max-file-size", NULL, (uint64_t)options->media_size_max);
    disco_info_put_identity(info, &store);
    disco_info_put_feature(info, NS_HTTP_UPLOAD);
    disco_info_take_form(info, form);
}

static struct disco_info *domain_info(const struct core *core)
{
    static const struct disco_identity server = {"server", "im", NULL, "Trestle"};
    struct disco_info *info = entity_info(XEP_ENTITY_DOMAIN, &server);
    if (core->options->media_store && strcmp(core->options->media_slots, "off") != 0)
        put_upload(info, core->options);
    return info;
}

/* The account itself; those who may not see the user's presence learn no more than that it is one
 * (XEP-0030 section 8). */
static struct disco_info *account_info(bool allowed)
{
    static const struct disco_identity account = {"account", "registered", NULL, NULL};
    static const struct disco_identity pep = {"pubsub", "pep", NULL, NULL};
    struct disco_info *info = entity_info(allowed ? XEP_ENTITY_USER : 0, &account);
    if (allowed)
        disco_info_put_identity(info, &pep);
    return info;
}

static const char *wanted_node(xmpp_stanza_t *iq)
{
    xmpp_stanza_t *query = stanza_first(iq);
    const char *node = query ? stanza_attr(query, "node") : NULL;
    return node && *node ? node : NULL;
}

/* ---- The domain ------------------------------------------------------------------------------ */

static void reply_send(const struct stanza_context *context, xmpp_stanza_t *reply)
{
    g_autoptr(xmpp_stanza_t) owned = reply;
    if (owned)
        link_send(context->link, owned);
}

static void no_such_node(const struct stanza_context *context)
{
    reply_send(context, stanza_reply_error(context->stanza, "cancel", "item-not-found", NULL));
}

/* That there are commands, and which, is told to those who may give them alone (XEP-0050 section
 * 2.2); all others get what a domain without any would say. */
struct domain_question {
    struct core *core;
    xmpp_stanza_t *iq; /* reference */
    void (*serve)(struct domain_question *question, const struct adhoc_caller *caller);
};

static void domain_answer(struct domain_question *question, xmpp_stanza_t *reply)
{
    g_autoptr(xmpp_stanza_t) owned = reply;
    if (owned)
        stanza_out(question->core, owned);
}

static void domain_refuse(struct domain_question *question)
{
    domain_answer(question, stanza_reply_error(question->iq, "cancel", "item-not-found", NULL));
}

static void domain_asker_found(struct adhoc_caller *caller, void *data)
{
    g_autofree struct domain_question *question = data;
    if (question->core->archive) /* else: going down */
        question->serve(question, caller);
    xmpp_stanza_release(question->iq);
    adhoc_caller_free(caller);
}

static bool domain_ask(const struct stanza_context *context,
                       void (*serve)(struct domain_question *question,
                                     const struct adhoc_caller *caller))
{
    struct domain_question *question = g_new0(struct domain_question, 1);
    *question = (struct domain_question){context->data, xmpp_stanza_clone(context->stanza), serve};
    if (caller_find(question->core, context->from, domain_asker_found, question))
        return true;
    xmpp_stanza_release(question->iq);
    g_free(question);
    return false;
}

static void serve_domain_info(struct domain_question *question, const struct adhoc_caller *caller)
{
    const char *node = wanted_node(question->iq);
    struct disco_identity command = {"automation", "command-node", NULL, NULL};
    bool is_list = node && strcmp(node, NS_COMMANDS) == 0;
    bool is_somebody = caller_is_somebody(question->core, caller);
    command.name = is_list ? "Commands" : node ? command_name(question->core, caller, node) : NULL;
    if (node && (!is_somebody || !command.name)) {
        domain_refuse(question);
        return;
    }
    g_autoptr(disco_info) info = node ? disco_info_new(node) : domain_info(question->core);
    if (is_list)
        command.type = "command-list";
    if (node) {
        disco_info_put_identity(info, &command);
        disco_info_put_feature(info, NS_DATA);
    }
    if (is_somebody)
        disco_info_put_feature(info, NS_COMMANDS);
    domain_answer(question, disco_info_build_result(question->iq, info));
}

static bool on_domain_info(const struct stanza_context *context)
{
    return bound_delegated_info(context) || domain_ask(context, serve_domain_info);
}

static void serve_commands(struct domain_question *question, const struct adhoc_caller *caller)
{
    const char *domain = question->core->options->xmpp_domain;
    g_autoptr(GArray) items = command_items(question->core, caller, domain);
    if (items->len == 0)
        domain_refuse(question);
    else
        domain_answer(question, disco_items_build_result(question->iq, NS_COMMANDS,
                                                         (const void *)items->data, items->len));
}

static bool on_domain_items(const struct stanza_context *context)
{
    const char *node = wanted_node(context->stanza);
    if (node && strcmp(node, NS_COMMANDS) == 0)
        return domain_ask(context, serve_commands);
    if (node)
        no_such_node(context);
    else
        reply_send(context, disco_items_build_result(context->stanza, NULL, NULL, 0));
    return true;
}

/* ---- Users ----------------------------------------------------------------------------------- */

static void serve_account_info(struct hosted_call *call)
{
    g_autoptr(disco_info) info = account_info(call->side.shows);
    hosted_answer(call, disco_info_build_result(call->stanza, info));
}

static void serve_client_info(struct hosted_call *call, const char *node)
{
    g_autoptr(disco_info) info = client_info(call->core, call->account);
    info->node = node;
    hosted_answer(call, disco_info_build_result(call->stanza, info));
}

/* The item of the user's node that is asked for (XEP-0060 sections 5.3 and 5.5), for whom the
 * profile is open to; NULL: for the caller there is no such node. */
static const char *shown_item(const struct hosted_call *call, const char *node)
{
    bool open = call->target == TARGET_USER && call->side.profile;
    return open ? pep_item_id(call->account, node) : NULL;
}

static void serve_node_info(struct hosted_call *call, const char *node)
{
    static const struct disco_identity leaf = {"pubsub", "leaf", NULL, NULL};
    g_autoptr(disco_info) info = disco_info_new(node);
    disco_info_put_identity(info, &leaf);
    disco_info_put_feature(info, NS_PUBSUB);
    hosted_answer(call, disco_info_build_result(call->stanza, info));
}

static void serve_info(struct hosted_call *call)
{
    const char *node = wanted_node(call->stanza);
    bool of_client = call->target == TARGET_RESOURCE;
    if (node && shown_item(call, node))
        serve_node_info(call, node);
    else if (node && !(of_client && strcmp(node, client_node(call->core, call->account)) == 0))
        hosted_refuse(call, ERROR_NOT_FOUND);
    else if (of_client)
        serve_client_info(call, node);
    else
        serve_account_info(call);
}

static bool on_user_info(const struct stanza_context *context)
{
    return hosted_serve(context, serve_info);
}

/* The nodes of a user, for those who may read them; see pep.c. */
static void serve_nodes(struct hosted_call *call)
{
    const char *jid = call->account->jid;
    struct disco_item items[] = {{jid, NS_NICK, NULL},
                                 {jid, NODE_VCARD4, NULL},
                                 {jid, NS_AVATAR_METADATA, NULL},
                                 {jid, NS_AVATAR_DATA, NULL}};
    size_t count = !call->side.shows ? 0 : *call->account->photo ? 4 : 2;
    hosted_answer(call, disco_items_build_result(call->stanza, NULL, items, count));
}

static void serve_node_items(struct hosted_call *call, const char *node)
{
    const struct disco_item item = {call->account->jid, NULL, shown_item(call, node)};
    hosted_answer(call, disco_items_build_result(call->stanza, node, &item, 1));
}

static void serve_items(struct hosted_call *call)
{
    const char *node = wanted_node(call->stanza);
    if (node && shown_item(call, node))
        serve_node_items(call, node);
    else if (node)
        hosted_refuse(call, ERROR_NOT_FOUND);
    else if (call->target == TARGET_USER)
        serve_nodes(call);
    else
        hosted_answer(call, disco_items_build_result(call->stanza, NULL, NULL, 0));
}

static bool on_user_items(const struct stanza_context *context)
{
    return hosted_serve(context, serve_items);
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void disco_start(struct core *core)
{
    client_start(core->options);
}

static void disco_stop(struct core *core)
{
    (void)core;
    client_stop();
}

static const struct stanza_handler stanzas[] = {
    {"iq", "get", "query", NS_DISCO_INFO, TARGET_DOMAIN, .claim = on_domain_info},
    {"iq", "get", "query", NS_DISCO_INFO, TARGET_USER | TARGET_RESOURCE, .claim = on_user_info},
    {"iq", "get", "query", NS_DISCO_ITEMS, TARGET_DOMAIN, .claim = on_domain_items},
    {"iq", "get", "query", NS_DISCO_ITEMS, TARGET_USER | TARGET_RESOURCE, .claim = on_user_items},
    {0},
};

const struct feature feature_disco = {
    .name = "disco", .stanzas = stanzas, .start = disco_start, .stop = disco_stop};
