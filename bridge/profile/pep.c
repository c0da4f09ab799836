/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Personal eventing of hosted users (XEP-0163): answers for items, and notifications.
 *
 * Who may read: subscribers, and everybody whom the user's profile is open to
 * (docs/decisions/0014). To others it is as if there were no such user.
 *
 * Who is notified: the available resources of subscribers whose capabilities ask for a node with
 * "+notify"; when they become available, and when the node changes, as long as they may see the
 * user's presence. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/lookup.h"
#include "bridge/archive/archive.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/relation.h"
#include "bridge/presence/caps.h"
#include "bridge/presence/hosted.h"
#include "bridge/profile/pep.h"
#include "bridge/profile/pep_watcher.h"
#include "bridge/profile/profile.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0060_pubsub.h"
#include "xep/0084_avatar.h"
#include "xep/0172_nick.h"
#include "xep/0292_vcard4.h"
#include "xep/presence.h"
#include "xep/jid.h"

#define JOBS_MAX 1000    /* presences being looked into; more are passed over */
#define JOBS_OF_ONE 16   /* of them of one account elsewhere */
#define CAPS_HASH_MAX 32 /* bytes; whoever shows more shows nothing */
#define CAPS_NODE_MAX 1023
#define CAPS_VER_MAX 128
#define CURRENT "current" /* id of items of nodes that have one item */

static struct {
    GHashTable *busy; /* char * (bare JID) → jobs that look into it, as pointer */
    unsigned jobs;
} pep;

static const struct {
    const char *node;
    enum pep_node bit;
} nodes[] = {{NS_AVATAR_METADATA, PEP_AVATAR}, {NS_NICK, PEP_NICK}, {NODE_VCARD4, PEP_VCARD4}};

/* ---- Items ----------------------------------------------------------------------------------- */

/* The PNG of picture_png, or nothing. Borrowed from the rows. */
struct png {
    const char *hash;
    const char *base64;
    gint64 bytes, width, height;
};

static void read_png(const struct rows *rows, const char *hash, struct png *ret)
{
    *ret = (struct png){0};
    if (rows && rows_count(rows) == 1)
        *ret = (struct png){.hash = hash,
                            .base64 = rows_text(rows, 0, PICTURE_PNG_PNG),
                            .bytes = rows_integer(rows, 0, PICTURE_PNG_BYTES),
                            .width = rows_integer(rows, 0, PICTURE_PNG_WIDTH),
                            .height = rows_integer(rows, 0, PICTURE_PNG_HEIGHT)};
}

static void add_metadata(xmpp_stanza_t *items, const struct png *png)
{
    struct avatar_info info = {.id = png->hash,
                               .type = "image/png",
                               .bytes = (guint64)png->bytes,
                               .width = (guint64)png->width,
                               .height = (guint64)png->height};
    avatar_metadata_add(pubsub_add_item(items, png->hash ? png->hash : CURRENT), &info);
}

static bool has_names(const char *node)
{
    return strcmp(node, NS_NICK) == 0 || strcmp(node, NODE_VCARD4) == 0;
}

const char *pep_item_id(const struct account *account, const char *node)
{
    if (has_names(node))
        return CURRENT;
    bool of_picture = strcmp(node, NS_AVATAR_METADATA) == 0 || strcmp(node, NS_AVATAR_DATA) == 0;
    return of_picture && *account->photo ? account->photo : NULL;
}

static void add_names(xmpp_stanza_t *items, const struct account *account, enum pep_node node)
{
    struct profile_names names;
    profile_names_read(account, &names);
    xmpp_stanza_t *item = pubsub_add_item(items, CURRENT);
    struct vcard4 card = {names.full_name, names.nickname, names.note};
    if (node == PEP_NICK)
        nick_add(item, names.full_name);
    else
        vcard4_add(item, &card);
    profile_names_clear(&names);
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void refuse_pubsub(struct hosted_call *call, const char *condition, const char *reason)
{
    hosted_answer(call, pubsub_build_error(call->stanza, "cancel", condition, reason));
}

/* Answers with the items of REQUEST's node that NAMES or PNG make; an id that is not there finds
 * nothing, as in a node without it. */
static void picture_read(const struct rows *rows, enum error_code error, void *data)
{
    struct hosted_call *call = data;
    struct pubsub_request request;
    struct png png;
    if (error != ERROR_NONE || !pubsub_request_parse(call->stanza, &request)) {
        hosted_refuse(call, ERROR_UNAVAILABLE);
        return;
    }
    read_png(rows, call->account->photo, &png);
    xmpp_stanza_t *items = NULL;
    g_autoptr(xmpp_stanza_t) result = pubsub_build_result(call->stanza, request.node, &items);
    bool wanted = png.hash && (!request.item || strcmp(request.item, png.hash) == 0);
    if (wanted && strcmp(request.node, NS_AVATAR_DATA) == 0)
        avatar_data_add(pubsub_add_item(items, png.hash), png.base64);
    else if (wanted)
        add_metadata(items, &png);
    hosted_answer(call, g_steal_pointer(&result));
}

static void serve_names(struct hosted_call *call, const struct pubsub_request *request,
                        enum pep_node node)
{
    xmpp_stanza_t *items = NULL;
    g_autoptr(xmpp_stanza_t) result = pubsub_build_result(call->stanza, request->node, &items);
    if (!request->item || strcmp(request->item, CURRENT) == 0)
        add_names(items, call->account, node);
    hosted_answer(call, g_steal_pointer(&result));
}

static void serve_items(struct hosted_call *call)
{
    struct pubsub_request request;
    const char *photo = call->account->photo;
    if (!call->side.profile)
        hosted_refuse(call, ERROR_REFUSED);
    else if (!pubsub_request_parse(call->stanza, &request))
        refuse_pubsub(call, "feature-not-implemented", "unsupported");
    else if (!pep_item_id(call->account, request.node))
        hosted_refuse(call, ERROR_NOT_FOUND);
    else if (has_names(request.node))
        serve_names(call, &request, strcmp(request.node, NS_NICK) == 0 ? PEP_NICK : PEP_VCARD4);
    else
        archive_query(call->core->archive, QUERY_PICTURE_PNG, &photo, picture_read, call);
}

static bool on_get(const struct stanza_context *context)
{
    return hosted_serve(context, serve_items);
}

static void serve_set(struct hosted_call *call)
{
    hosted_refuse(call, ERROR_FORBIDDEN);
}

static bool on_set(const struct stanza_context *context)
{
    return hosted_serve(context, serve_set);
}

/* ---- Notifications --------------------------------------------------------------------------- */

/* What is told to some resources. Each is told what its user may still know: a block, or a lost
 * subscription, is noticed here, whichever instance it was made on. */
struct notice {
    struct core *core;
    struct account *account; /* reference */
    unsigned waiting;        /* recipients to be looked up, and who adds them */
    GPtrArray *pictures;     /* full JIDs that get the avatar */
    char hash[sizeof((struct account *)NULL)->photo];
};

struct recipient {
    struct notice *notice;
    char *jid;      /* full */
    unsigned nodes; /* enum pep_node */
};

static void notice_free(struct notice *notice)
{
    account_unref(notice->account);
    g_ptr_array_unref(notice->pictures);
    g_free(notice);
}

static void send_event(const struct notice *notice, const char *to, enum pep_node node,
                       const struct png *png)
{
    xmpp_stanza_t *items = NULL;
    const char *name = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(nodes); i++)
        name = nodes[i].bit == node ? nodes[i].node : name;
    g_autoptr(xmpp_stanza_t) event = pubsub_build_event(notice->account->jid, to, name, &items);
    if (node == PEP_AVATAR)
        add_metadata(items, png);
    else
        add_names(items, notice->account, node);
    stanza_out(notice->core, event);
}

static void notice_picture_read(const struct rows *rows, enum error_code error, void *data)
{
    struct notice *notice = data;
    struct png png;
    read_png(error == ERROR_NONE ? rows : NULL, notice->hash, &png);
    bool current = strcmp(notice->hash, notice->account->photo) == 0;
    for (guint i = 0; error == ERROR_NONE && current && i < notice->pictures->len; i++)
        send_event(notice, g_ptr_array_index(notice->pictures, i), PEP_AVATAR, &png);
    notice_free(notice);
}

static struct notice *notice_new(struct core *core, struct account *account)
{
    struct notice *notice = g_new0(struct notice, 1);
    *notice = (struct notice){.core = core,
                              .account = account_ref(account),
                              .waiting = 1,
                              .pictures = g_ptr_array_new_with_free_func(g_free)};
    return notice;
}

/* The last one sends the pictures. */
static void notice_release(struct notice *notice)
{
    if (--notice->waiting > 0)
        return;
    if (notice->pictures->len == 0 || !notice->core->archive) {
        notice_free(notice);
        return;
    }
    g_strlcpy(notice->hash, notice->account->photo, sizeof notice->hash);
    const char *hash = notice->hash;
    archive_query(notice->core->archive, QUERY_PICTURE_PNG, &hash, notice_picture_read, notice);
}

static void recipient_known(struct relation *relation, enum error_code error, void *data)
{
    static const struct png none = {0};
    struct recipient *recipient = data;
    struct notice *notice = recipient->notice;
    unsigned wanted =
        error == ERROR_NONE && relation->party[RELATION_USER].allows.shows ? recipient->nodes : 0;
    if (wanted & PEP_NICK)
        send_event(notice, recipient->jid, PEP_NICK, &none);
    if (wanted & PEP_VCARD4)
        send_event(notice, recipient->jid, PEP_VCARD4, &none);
    if (wanted & PEP_AVATAR)
        g_ptr_array_add(notice->pictures, g_steal_pointer(&recipient->jid));
    g_free(recipient->jid);
    g_free(recipient);
    notice_release(notice);
}

static void notice_add(struct notice *notice, const char *jid, unsigned wanted)
{
    g_autofree char *bare = jid_cut(jid);
    if (wanted == 0)
        return;
    struct recipient *recipient = g_new0(struct recipient, 1);
    *recipient = (struct recipient){notice, g_strdup(jid), wanted};
    notice->waiting++;
    struct relation_key key = {.user = notice->account->jid, .peer = bare};
    relation_find(notice->core, &key, recipient_known, recipient);
}

static void send_last_items(struct core *core, struct account *account,
                            const struct watcher *watcher, unsigned wanted)
{
    struct notice *notice = notice_new(core, account);
    notice_add(notice, watcher->jid, *account->photo ? wanted : wanted & ~(unsigned)PEP_AVATAR);
    notice_release(notice);
}

void pep_publish(struct core *core, struct account *account, unsigned changed)
{
    const GPtrArray *list = watchers_of(account->jid);
    struct notice *notice = notice_new(core, account);
    for (guint i = 0; list && i < list->len; i++) {
        const struct watcher *watcher = g_ptr_array_index(list, i);
        notice_add(notice, watcher->jid, watcher->nodes & changed);
    }
    notice_release(notice);
}

/* ---- Presence -------------------------------------------------------------------------------- */

struct job {
    struct core *core;
    struct account *account; /* reference, once found */
    char *user;              /* bare */
    char *jid;               /* full: who is there */
    char *hash, *node, *ver; /* its capabilities */
};

static unsigned jobs_of(const char *bare)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(pep.busy, bare));
}

/* One job more, or less, that looks into who is at JID. */
static void count_job(const char *jid, bool more)
{
    g_autofree char *bare = jid_cut(jid);
    pep.jobs = more ? pep.jobs + 1 : pep.jobs - 1;
    if (!pep.busy)
        return;
    unsigned count = more ? jobs_of(bare) + 1 : jobs_of(bare) - 1;
    if (count > 0)
        g_hash_table_replace(pep.busy, g_steal_pointer(&bare), GUINT_TO_POINTER(count));
    else
        g_hash_table_remove(pep.busy, bare);
}

static void job_free(struct job *job)
{
    count_job(job->jid, false);
    account_unref(job->account);
    g_free(job->user);
    g_free(job->jid);
    g_free(job->hash);
    g_free(job->node);
    g_free(job->ver);
    g_free(job);
}

static unsigned nodes_of(GHashTable *set)
{
    unsigned wanted = 0;
    for (size_t n = 0; n < G_N_ELEMENTS(nodes); n++) {
        g_autofree char *feature = g_strconcat(nodes[n].node, "+notify", NULL);
        if (g_hash_table_contains(set, feature))
            wanted |= nodes[n].bit;
    }
    return wanted;
}

/* Takes JOB. A resource that went away meanwhile is told once too often at worst. */
static void watcher_set(struct job *job, unsigned wanted)
{
    struct watcher *watcher = watcher_find(job->user, job->jid);
    if (!watcher && wanted)
        watcher = watcher_add(job->user, job->jid);
    if (watcher) {
        unsigned fresh = wanted & ~watcher->nodes;
        watcher->nodes = wanted;
        g_free(watcher->ver);
        watcher->ver = g_strdup(job->ver);
        send_last_items(job->core, job->account, watcher, fresh);
    }
    job_free(job);
}

static void caps_found(GHashTable *set, void *data)
{
    struct job *job = data;
    if (set && job->core->archive)
        watcher_set(job, nodes_of(set));
    else
        job_free(job);
}

/* Strangers learn nothing, not even by our asking. */
static void relation_read(struct relation *relation, enum error_code error, void *data)
{
    struct job *job = data;
    if (error != ERROR_NONE || !relation->party[RELATION_USER].allows.shows ||
        !job->core->sinks[SERVICE_USERS].link) {
        job_free(job);
        return;
    }
    struct caps caps = {job->hash, job->node, job->ver};
    struct caps_place place = {job->account->full_jid, job->jid};
    caps_find(job->core, &place, &caps, caps_found, job);
}

static void account_found(struct account *account, enum error_code error, void *data)
{
    struct job *job = data;
    if (error != ERROR_NONE || !account || !job->core->archive) {
        job_free(job);
        return;
    }
    job->account = account_ref(account);
    g_autofree char *bare = jid_cut(job->jid);
    struct relation_key key = {.user = job->user, .peer = bare};
    relation_find(job->core, &key, relation_read, job);
}

static bool is_usable(const struct caps *caps)
{
    return caps->ver && strlen(caps->ver) <= CAPS_VER_MAX && strlen(caps->node) <= CAPS_NODE_MAX &&
           strlen(caps->hash) <= CAPS_HASH_MAX;
}

static void watcher_seen(const struct stanza_context *context,
                         const struct presence_stanza *presence)
{
    const struct watcher *known = watcher_find(context->to_bare, context->from);
    if (!is_usable(&presence->caps)) {
        watchers_remove(context->to_bare, context->from);
        return;
    }
    if ((known && g_strcmp0(known->ver, presence->caps.ver) == 0) || pep.jobs >= JOBS_MAX ||
        jobs_of(context->from_bare) >= JOBS_OF_ONE)
        return;
    struct job *job = g_new0(struct job, 1);
    count_job(context->from, true);
    *job = (struct job){.core = context->data,
                        .user = g_strdup(context->to_bare),
                        .jid = g_strdup(context->from),
                        .hash = g_strdup(presence->caps.hash),
                        .node = g_strdup(presence->caps.node),
                        .ver = g_strdup(presence->caps.ver)};
    account_lookup_jid(job->core->accounts, job->user, account_found, job);
}

static void on_presence(const struct stanza_context *context)
{
    struct presence_stanza presence;
    if (!presence_parse(context->stanza, &presence))
        return;
    if (presence.type == PRESENCE_AVAILABLE && strchr(context->from, '/'))
        watcher_seen(context, &presence);
    else if (presence.type == PRESENCE_UNAVAILABLE || presence.type == PRESENCE_ERROR ||
             presence.type == PRESENCE_UNSUBSCRIBE)
        watchers_remove(context->to_bare, context->from);
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void pep_start(struct core *core)
{
    (void)core;
    watchers_start();
    pep.busy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void pep_stop(struct core *core)
{
    (void)core;
    watchers_stop();
    g_clear_pointer(&pep.busy, g_hash_table_unref);
}

/* Who is there has to be learnt anew. */
static void link_down(struct core *core)
{
    (void)core;
    watchers_clear();
}

static const struct stanza_handler stanzas[] = {
    {"iq", "get", "pubsub", NS_PUBSUB, TARGET_USER, .claim = on_get},
    {"iq", "set", "pubsub", NS_PUBSUB, TARGET_USER, .claim = on_set},
    {.stanza = "presence", .targets = TARGET_USER | TARGET_RESOURCE, .observe = on_presence},
    {0},
};

static const struct part part = {.name = "pep", .link_down = link_down};

const struct feature feature_pep = {
    .name = "pep", .part = &part, .stanzas = stanzas, .start = pep_start, .stop = pep_stop};
