/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures and names of people on XMPP, for apps.
 *
 * A picture is announced by its hash in presence (XEP-0153) or by an event (XEP-0084), a name by an
 * event (XEP-0172). If the addressed user talks to that person or sees their presence, the picture
 * is fetched once per hash, with the user's own address, checked, made anew and stored. Nothing is
 * ever fetched by URL. A person is looked at at once, a few times, then once in ten seconds; what
 * is announced until then is one announcement.
 *
 * A picture is taken away when there is a good answer without one, or one that is no picture.
 * Whoever cannot be asked just now keeps it, and is asked again when the next announcement comes.
 *
 * Events win over vCards: who has both may have them differ, and would flicker. The remembered
 * hash of an event therefore begins with "pep:". */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/lookup.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/stanza_out.h"
#include "bridge/profile/picture.h"
#include "bridge/profile/profile.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0054_vcard.h"
#include "xep/0060_pubsub.h"
#include "xep/0084_avatar.h"
#include "xep/0153_vcard_avatar.h"
#include "xep/0172_nick.h"
#include "xep/error.h"
#include "xep/name.h"
#include "xep/stanza.h"

#define PEERS_MAX 10000             /* people of whom something is remembered here */
#define RUNNING_MAX 8               /* at work at a time */
#define PAUSE (10 * G_USEC_PER_SEC) /* between two looks at one person, in the long run */
#define LOOKS_AT_ONCE 4
#define FORGET (600 * G_USEC_PER_SEC)
#define GATHER (100 * 1000) /* what comes within this time is looked at together */
#define FETCH_SECONDS 30
#define PICTURE_MAX (1024 * 1024)
#define PEP_PREFIX "pep:"

/* Somebody who announces things. */
struct peer {
    char *jid;   /* bare */
    char *user;  /* bare JID of the hosted user who was told last */
    char *hash;  /* announced, to be looked at; "" is no picture; NULL: nothing */
    char *nick;  /* likewise */
    bool event;  /* hash came by an event */
    bool busy;   /* a fetch holds this peer */
    gint64 paid; /* looks so far are paid for up to here, each with a PAUSE */
    gint64 last; /* when it was looked at */
};

/* One look at a peer; what it looks at has moved here. */
struct look {
    struct core *core;
    struct peer *peer;
    struct account *account; /* reference, once found */
    char *hash, *nick;
    bool event;
    char *full_name;
    char picture[PICTURE_HASH_SIZE];
};

static struct {
    struct core *core;
    GHashTable *peers; /* char * → struct peer * */
    unsigned running;
    guint timer;
    gint64 wakes; /* when the timer runs */
} work;

static void wake(gint64 at);

static void peer_free(gpointer data)
{
    struct peer *peer = data;
    g_free(peer->jid);
    g_free(peer->user);
    g_free(peer->hash);
    g_free(peer->nick);
    g_free(peer);
}

static void look_finish(struct look *look)
{
    look->peer->busy = false;
    look->peer->last = clock_monotonic();
    work.running--;
    if (work.peers)
        wake(look->peer->last);
    account_unref(look->account);
    g_free(look->hash);
    g_free(look->nick);
    g_free(look->full_name);
    g_free(look);
}

/* ---- The result ------------------------------------------------------------------------------------ */

static void changed(const struct change_result *result, void *data)
{
    if (result->error != ERROR_NONE)
        log_info(AREA_STANZA, "peer-profile-lost", "code=%s", error_info(result->error)->code);
    look_finish(data);
}

/* Stores what is known now. HAS_PICTURE: look->picture was stored. */
static void conclude(struct look *look, bool has_picture)
{
    if (!look->core->archive) {
        look_finish(look);
        return;
    }
    json_t *arguments = json_pack("{ss}", "jid", look->peer->jid);
    if (look->hash) {
        bool by_event = look->event && *look->hash;
        g_autofree char *announced = g_strconcat(by_event ? PEP_PREFIX : "", look->hash, NULL);
        json_object_set_new(arguments, "announced_hash", json_string(announced));
        json_object_set_new(arguments, "avatar_hash",
                            json_string(has_picture ? look->picture : ""));
    }
    if (look->nick)
        json_object_set_new(arguments, "nick", json_string(look->nick));
    if (look->full_name)
        json_object_set_new(arguments, "full_name", json_string(look->full_name));
    change_submit(look->core, "remote_profile", &look->account->id, arguments, changed, look);
}

/* The picture that was announced could not be had: the one that is known stays. Names are taken all
 * the same. */
static void give_up(struct look *look)
{
    g_clear_pointer(&look->hash, g_free);
    if (look->nick || look->full_name)
        conclude(look, false);
    else
        look_finish(look);
}

/* ---- Fetching -------------------------------------------------------------------------------------- */

static void stored(const struct rows *rows, enum error_code error, void *data)
{
    struct look *look = data;
    (void)rows;
    if (error == ERROR_NONE)
        conclude(look, true);
    else
        give_up(look);
}

static void made(const struct picture *picture, enum error_code error, void *data)
{
    struct look *look = data;
    if (error == ERROR_UNPROCESSABLE && look->core->archive) {
        conclude(look, false);
    } else if (!picture || !look->core->archive) {
        give_up(look);
    } else {
        g_strlcpy(look->picture, picture->hash, sizeof look->picture);
        picture_store(look->core, picture, stored, look);
    }
}

/* Takes what a peer calls its picture: it must be what was announced. */
static void take_picture(struct look *look, const char *base64)
{
    gsize length = 0;
    g_autofree guchar *data =
        base64 && strlen(base64) <= 2 * PICTURE_MAX ? g_base64_decode(base64, &length) : NULL;
    if (!data || length == 0 || length > PICTURE_MAX) {
        conclude(look, false);
        return;
    }
    g_autoptr(GBytes) bytes = g_bytes_new_take(g_steal_pointer(&data), length);
    char hash[PICTURE_HASH_SIZE];
    picture_hash(bytes, hash);
    /* Who has a domain has as many addresses as he likes. */
    const char *at = strchr(look->peer->jid, '@');
    struct picture_origin origin = {at ? at + 1 : look->peer->jid, true};
    if (g_ascii_strcasecmp(hash, look->hash) == 0)
        picture_make(bytes, &origin, made, look);
    else
        give_up(look); /* it has just changed perhaps */
}

/* Whether ANSWER (NULL: none came) says what the peer has. An error says it only if it is that
 * there is nothing: servers that are away, or do not know the peer's, answer too. */
static bool is_told(xmpp_stanza_t *answer)
{
    struct stanza_error error;
    return answer &&
           (!stanza_error_parse(answer, &error) || strcmp(error.condition, "item-not-found") == 0);
}

/* The first name of CARD in which there is something to see; newly allocated. NULL: there is none.
 */
static char *name_of_card(const struct vcard *card)
{
    const char *const names[] = {card->full_name, card->nickname};
    char *name = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(names) && !name; i++)
        name = names[i] ? name_clean(names[i], NAME_BYTES_MAX, NAME_LINE) : NULL;
    return name;
}

static void card_came(xmpp_stanza_t *answer, void *data)
{
    struct look *look = data;
    struct vcard card;
    if (!is_told(answer) || !look->core->archive) {
        give_up(look);
        return;
    }
    bool read = vcard_parse(answer, &card);
    if (read)
        look->full_name = name_of_card(&card);
    if (*look->hash && read)
        take_picture(look, card.photo);
    else
        conclude(look, false);
}

static void data_came(xmpp_stanza_t *answer, void *data)
{
    struct look *look = data;
    struct pubsub_item item;
    if (!is_told(answer) || !look->core->archive)
        give_up(look);
    else if (pubsub_result_parse(answer, &item) && item.payload &&
             strcmp(item.node, NS_AVATAR_DATA) == 0)
        take_picture(look, avatar_data_parse(item.payload));
    else
        conclude(look, false);
}

static void fetch(struct look *look)
{
    bool data = look->event;
    g_autoptr(xmpp_stanza_t) iq =
        stanza_new_iq("get", NULL, look->account->full_jid, look->peer->jid);
    if (data)
        pubsub_request_add(iq, NS_AVATAR_DATA, look->hash);
    else
        stanza_add(iq, "vCard", NS_VCARD);
    if (!stanza_ask(look->core, iq, FETCH_SECONDS, data ? data_came : card_came, look))
        give_up(look);
}

/* Whether the announced picture says nothing new, KNOWN being what was remembered. */
static bool is_known(const struct look *look, const char *known)
{
    if (!known)
        return false;
    bool known_event = g_str_has_prefix(known, PEP_PREFIX);
    if (!look->event && known_event)
        return true;
    return strcmp(known_event ? known + strlen(PEP_PREFIX) : known, look->hash) == 0 &&
           (known_event == look->event || !*look->hash);
}

static void wanted_read(const struct rows *rows, enum error_code error, void *data)
{
    struct look *look = data;
    bool wanted = error == ERROR_NONE && rows_count(rows) == 1 &&
                  rows_boolean(rows, 0, REMOTE_PROFILE_WANTED_WANTED);
    if (!wanted || !look->core->archive) {
        look_finish(look);
        return;
    }
    if (look->hash && is_known(look, rows_text(rows, 0, REMOTE_PROFILE_WANTED_KNOWN)))
        g_clear_pointer(&look->hash, g_free);
    /* What others were shown earlier is now shown to this user, too. */
    bool new_here = wanted && !rows_boolean(rows, 0, REMOTE_PROFILE_WANTED_SHOWN);
    if (look->hash && (*look->hash || !look->event))
        fetch(look);
    else if (look->hash || look->nick || new_here)
        conclude(look, false);
    else
        look_finish(look);
}

static void account_found(struct account *account, enum error_code error, void *data)
{
    struct look *look = data;
    if (error != ERROR_NONE || !account || !look->core->archive) {
        look_finish(look);
        return;
    }
    look->account = account_ref(account);
    const char *values[] = {account->id_text, look->peer->jid};
    archive_query(look->core->archive, QUERY_REMOTE_PROFILE_WANTED, values, wanted_read, look);
}

static void look_at(struct peer *peer)
{
    struct look *look = g_new0(struct look, 1);
    *look = (struct look){.core = work.core,
                          .peer = peer,
                          .hash = g_steal_pointer(&peer->hash),
                          .nick = g_steal_pointer(&peer->nick),
                          .event = peer->event};
    peer->busy = true;
    work.running++;
    account_lookup_jid(work.core->accounts, peer->user, account_found, look);
}

/* ---- Announcements --------------------------------------------------------------------------------- */

/* When PEER may be looked at; it was asked for at NOW. */
static gint64 turn_of(const struct peer *peer, gint64 now)
{
    return MAX(now, peer->paid - (LOOKS_AT_ONCE - 1) * PAUSE);
}

/* Looks at all whose turn it is, forgets who has not been heard of for long; yields when there is
 * something to do next. Who must wait for others to finish is looked at then. */
static gint64 look_around(gint64 now)
{
    gint64 next = G_MAXINT64;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, work.peers);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct peer *peer = value;
        bool waits = peer->hash || peer->nick;
        gint64 due = waits ? turn_of(peer, now) : peer->last + FORGET;
        if (peer->busy || (waits && work.running >= RUNNING_MAX))
            continue;
        if (due > now) {
            next = MIN(next, due);
        } else if (waits) {
            peer->paid = MAX(peer->paid, now) + PAUSE;
            look_at(peer);
        } else {
            g_hash_table_iter_remove(&iter);
        }
    }
    return next;
}

static gboolean on_timer(gpointer data)
{
    gint64 now = clock_monotonic();
    (void)data;
    work.timer = 0;
    gint64 next = work.core->archive ? look_around(now) : G_MAXINT64;
    if (next < G_MAXINT64)
        wake(next);
    return G_SOURCE_REMOVE;
}

/* Has on_timer called at AT or before, but not at once: more may come. */
static void wake(gint64 at)
{
    gint64 now = clock_monotonic();
    at = MAX(at, now + GATHER);
    if (work.timer && work.wakes <= at)
        return;
    if (work.timer)
        g_source_remove(work.timer);
    work.wakes = at;
    work.timer = g_timeout_add((guint)((at - now) / 1000), on_timer, NULL);
}

/* The peer who sent a stanza, ready to be given an announcement; NULL: too many are remembered. */
static struct peer *announcer_of(const struct stanza_context *context)
{
    struct peer *peer = g_hash_table_lookup(work.peers, context->from_bare);
    if (!peer && g_hash_table_size(work.peers) >= PEERS_MAX)
        return NULL;
    if (!peer) {
        peer = g_new0(struct peer, 1);
        peer->jid = g_strdup(context->from_bare);
        peer->last = clock_monotonic();
        g_hash_table_insert(work.peers, peer->jid, peer);
    }
    g_free(peer->user);
    peer->user = g_strdup(context->to_bare);
    wake(0);
    return peer;
}

static bool is_hash(const char *text)
{
    return strlen(text) == PICTURE_HASH_SIZE - 1 &&
           strspn(text, "0123456789abcdefABCDEF") == PICTURE_HASH_SIZE - 1;
}

static void announce_hash(const struct stanza_context *context, const char *hash, bool event)
{
    struct peer *peer = !*hash || is_hash(hash) ? announcer_of(context) : NULL;
    if (!peer || (peer->hash && peer->event && !event))
        return;
    g_free(peer->hash);
    peer->hash = g_ascii_strdown(hash, -1);
    peer->event = event;
}

static void on_presence(const struct stanza_context *context)
{
    const char *hash = vcard_update_parse(context->stanza);
    if (hash)
        announce_hash(context, hash, false);
}

static void take_event(const struct stanza_context *context, const struct pubsub_item *item)
{
    struct avatar_info info;
    if (strcmp(item->node, NS_AVATAR_METADATA) == 0) {
        if (!item->payload)
            announce_hash(context, "", true);
        else if (avatar_metadata_parse(item->payload, &info))
            announce_hash(context, info.id ? info.id : "", true);
        return;
    }
    const char *nick = !item->payload ? "" : nick_parse(item->payload);
    struct peer *peer = strcmp(item->node, NS_NICK) == 0 && nick ? announcer_of(context) : NULL;
    if (!peer)
        return;
    g_free(peer->nick);
    peer->nick = name_clean(nick, NAME_BYTES_MAX, NAME_LINE);
    if (!peer->nick)
        peer->nick = g_strdup("");
}

/* Only an account itself speaks of the account (XEP-0163 section 4.3.1): no resource; a service
 * speaks of itself alone. The type of the message is up to the server (XEP-0060 section 12.7). A
 * text beside it is a message. */
static void on_event(const struct stanza_context *context)
{
    struct pubsub_item item;
    if (!strchr(context->from, '/') && pubsub_event_parse(context->stanza, &item))
        take_event(context, &item);
}

/* ---- The feature ----------------------------------------------------------------------------------- */

static void start(struct core *core)
{
    work.core = core;
    work.peers = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, peer_free);
}

static void stop(struct core *core)
{
    (void)core;
    if (work.timer)
        g_source_remove(work.timer);
    work.timer = 0;
    g_clear_pointer(&work.peers, g_hash_table_unref);
}

static const struct stanza_handler stanzas[] = {
    {"presence", "available", "x", NS_VCARD_UPDATE, TARGET_USER | TARGET_RESOURCE,
     .observe = on_presence},
    {"message", "chat|normal|headline", "event", NS_PUBSUB_EVENT, TARGET_USER | TARGET_RESOURCE,
     .observe = on_event},
    {0},
};

const struct feature feature_peer = {
    .name = "peer", .stanzas = stanzas, .start = start, .stop = stop};
