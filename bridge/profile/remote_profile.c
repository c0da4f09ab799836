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

#define PROFILES_MAX 10000          /* people of whom something is remembered here */
#define RUNNING_MAX 8               /* at work at a time */
#define PAUSE (10 * G_USEC_PER_SEC) /* between two fetches from one person, in the long run */
#define FETCHES_AT_ONCE 4
#define FORGET (600 * G_USEC_PER_SEC)
#define GATHER (100 * 1000) /* what comes within this time is fetched together */
#define FETCH_SECONDS 30
#define PICTURE_MAX (1024 * 1024)
#define PEP_PREFIX "pep:"

/* What somebody on XMPP has announced of the own profile. */
struct remote_profile {
    char *jid;   /* bare */
    char *user;  /* bare JID of the hosted user who was told last */
    char *hash;  /* announced, to be looked at; "" is no picture; NULL: nothing */
    char *nick;  /* likewise */
    bool event;  /* hash came by an event */
    bool busy;   /* a fetch is at work */
    gint64 paid; /* fetches so far are paid for up to here, each with a PAUSE */
    gint64 last; /* when the latest fetch ended */
};

/* One fetch; what was announced has moved here. */
struct profile_fetch {
    struct core *core;
    struct remote_profile *profile;
    struct account *account; /* reference, once found */
    char *hash, *nick;
    bool event;
    char *full_name;
    char picture[PICTURE_HASH_SIZE];
};

static struct {
    struct core *core;
    GHashTable *profiles; /* char * → struct remote_profile * */
    unsigned running;
    guint timer;
    gint64 wakes; /* when the timer runs */
} work;

static void timer_set(gint64 at);

static void remote_profile_free(gpointer data)
{
    struct remote_profile *profile = data;
    g_free(profile->jid);
    g_free(profile->user);
    g_free(profile->hash);
    g_free(profile->nick);
    g_free(profile);
}

static void fetch_finish(struct profile_fetch *fetch)
{
    fetch->profile->busy = false;
    fetch->profile->last = clock_monotonic();
    work.running--;
    if (work.profiles)
        timer_set(fetch->profile->last);
    account_unref(fetch->account);
    g_free(fetch->hash);
    g_free(fetch->nick);
    g_free(fetch->full_name);
    g_free(fetch);
}

/* ---- The result ------------------------------------------------------------------------------ */

static void fetch_changed(const struct change_result *result, void *data)
{
    if (result->error != ERROR_NONE)
        log_info(AREA_STANZA, "peer-profile-lost", "code=%s", error_info(result->error)->code);
    fetch_finish(data);
}

/* Stores what is known now. HAS_PICTURE: fetch->picture was stored. */
static void fetch_conclude(struct profile_fetch *fetch, bool has_picture)
{
    if (!fetch->core->archive) {
        fetch_finish(fetch);
        return;
    }
    json_t *arguments = json_pack("{ss}", "jid", fetch->profile->jid);
    if (fetch->hash) {
        bool by_event = fetch->event && *fetch->hash;
        g_autofree char *announced = g_strconcat(by_event ? PEP_PREFIX : "", fetch->hash, NULL);
        json_object_set_new(arguments, "announced_hash", json_string(announced));
        json_object_set_new(arguments, "avatar_hash",
                            json_string(has_picture ? fetch->picture : ""));
    }
    if (fetch->nick)
        json_object_set_new(arguments, "nick", json_string(fetch->nick));
    if (fetch->full_name)
        json_object_set_new(arguments, "full_name", json_string(fetch->full_name));
    change_submit(fetch->core, "remote_profile", &fetch->account->id, arguments, fetch_changed,
                  fetch);
}

/* The picture that was announced could not be had: the one that is known stays. Names are taken all
 * the same. */
static void give_up(struct profile_fetch *fetch)
{
    g_clear_pointer(&fetch->hash, g_free);
    if (fetch->nick || fetch->full_name)
        fetch_conclude(fetch, false);
    else
        fetch_finish(fetch);
}

/* ---- Fetching -------------------------------------------------------------------------------- */

static void picture_stored(const struct rows *rows, enum error_code error, void *data)
{
    struct profile_fetch *fetch = data;
    (void)rows;
    if (error == ERROR_NONE)
        fetch_conclude(fetch, true);
    else
        give_up(fetch);
}

static void picture_made(const struct picture *picture, enum error_code error, void *data)
{
    struct profile_fetch *fetch = data;
    if (error == ERROR_UNPROCESSABLE && fetch->core->archive) {
        fetch_conclude(fetch, false);
    } else if (!picture || !fetch->core->archive) {
        give_up(fetch);
    } else {
        g_strlcpy(fetch->picture, picture->hash, sizeof fetch->picture);
        picture_store(fetch->core, picture, picture_stored, fetch);
    }
}

/* Takes what a peer calls its picture: it must be what was announced. */
static void take_picture(struct profile_fetch *fetch, const char *base64)
{
    gsize length = 0;
    g_autofree guchar *data =
        base64 && strlen(base64) <= 2 * PICTURE_MAX ? g_base64_decode(base64, &length) : NULL;
    if (!data || length == 0 || length > PICTURE_MAX) {
        fetch_conclude(fetch, false);
        return;
    }
    g_autoptr(GBytes) bytes = g_bytes_new_take(g_steal_pointer(&data), length);
    char hash[PICTURE_HASH_SIZE];
    picture_hash(bytes, hash);
    /* Who has a domain has as many addresses as he likes. */
    const char *at = strchr(fetch->profile->jid, '@');
    struct picture_origin origin = {at ? at + 1 : fetch->profile->jid, true};
    if (g_ascii_strcasecmp(hash, fetch->hash) == 0)
        picture_make(bytes, &origin, picture_made, fetch);
    else
        give_up(fetch); /* it has just changed perhaps */
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
    struct profile_fetch *fetch = data;
    struct vcard card;
    if (!is_told(answer) || !fetch->core->archive) {
        give_up(fetch);
        return;
    }
    bool read = vcard_parse(answer, &card);
    if (read)
        fetch->full_name = name_of_card(&card);
    if (*fetch->hash && read)
        take_picture(fetch, card.photo);
    else
        fetch_conclude(fetch, false);
}

static void data_came(xmpp_stanza_t *answer, void *data)
{
    struct profile_fetch *fetch = data;
    struct pubsub_item item;
    if (!is_told(answer) || !fetch->core->archive)
        give_up(fetch);
    else if (pubsub_result_parse(answer, &item) && item.payload &&
             strcmp(item.node, NS_AVATAR_DATA) == 0)
        take_picture(fetch, avatar_data_parse(item.payload));
    else
        fetch_conclude(fetch, false);
}

static void fetch_ask(struct profile_fetch *fetch)
{
    bool data = fetch->event;
    g_autoptr(xmpp_stanza_t) iq =
        stanza_new_iq("get", NULL, fetch->account->full_jid, fetch->profile->jid);
    if (data)
        pubsub_request_add(iq, NS_AVATAR_DATA, fetch->hash);
    else
        stanza_add(iq, "vCard", NS_VCARD);
    if (!stanza_ask(fetch->core, iq, FETCH_SECONDS, data ? data_came : card_came, fetch))
        give_up(fetch);
}

/* Whether the announced picture says nothing new, KNOWN being what was remembered. */
static bool is_known(const struct profile_fetch *fetch, const char *known)
{
    if (!known)
        return false;
    bool known_event = g_str_has_prefix(known, PEP_PREFIX);
    if (!fetch->event && known_event)
        return true;
    return strcmp(known_event ? known + strlen(PEP_PREFIX) : known, fetch->hash) == 0 &&
           (known_event == fetch->event || !*fetch->hash);
}

static void wanted_read(const struct rows *rows, enum error_code error, void *data)
{
    struct profile_fetch *fetch = data;
    bool wanted = error == ERROR_NONE && rows_count(rows) == 1 &&
                  rows_boolean(rows, 0, REMOTE_PROFILE_WANTED_WANTED);
    if (!wanted || !fetch->core->archive) {
        fetch_finish(fetch);
        return;
    }
    if (fetch->hash && is_known(fetch, rows_text(rows, 0, REMOTE_PROFILE_WANTED_KNOWN)))
        g_clear_pointer(&fetch->hash, g_free);
    /* What others were shown earlier is now shown to this user, too. */
    bool new_here = wanted && !rows_boolean(rows, 0, REMOTE_PROFILE_WANTED_SHOWN);
    if (fetch->hash && (*fetch->hash || !fetch->event))
        fetch_ask(fetch);
    else if (fetch->hash || fetch->nick || new_here)
        fetch_conclude(fetch, false);
    else
        fetch_finish(fetch);
}

static void account_found(struct account *account, enum error_code error, void *data)
{
    struct profile_fetch *fetch = data;
    if (error != ERROR_NONE || !account || !fetch->core->archive) {
        fetch_finish(fetch);
        return;
    }
    fetch->account = account_ref(account);
    const char *values[] = {account->id_text, fetch->profile->jid};
    archive_query(fetch->core->archive, QUERY_REMOTE_PROFILE_WANTED, values, wanted_read, fetch);
}

static void fetch_begin(struct remote_profile *profile)
{
    struct profile_fetch *fetch = g_new0(struct profile_fetch, 1);
    *fetch = (struct profile_fetch){.core = work.core,
                                    .profile = profile,
                                    .hash = g_steal_pointer(&profile->hash),
                                    .nick = g_steal_pointer(&profile->nick),
                                    .event = profile->event};
    profile->busy = true;
    work.running++;
    struct account *known = account_find_jid(work.core->accounts, profile->user);
    if (known && known->bound) /* is in memory as long as it has a session */
        account_found(known, ERROR_NONE, fetch);
    else
        account_lookup_jid(work.core->accounts, profile->user, account_found, fetch);
}

/* ---- Announcements --------------------------------------------------------------------------- */

/* When PEER may be looked at; it was asked for at NOW. */
static gint64 turn_of(const struct remote_profile *profile, gint64 now)
{
    return MAX(now, profile->paid - (FETCHES_AT_ONCE - 1) * PAUSE);
}

/* Looks at all whose turn it is, forgets who has not been heard of for long; yields when there is
 * something to do next. Who must wait for others to finish is looked at then. */
static gint64 fetch_due(gint64 now)
{
    gint64 next = G_MAXINT64;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, work.profiles);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct remote_profile *profile = value;
        bool waits = profile->hash || profile->nick;
        gint64 due = waits ? turn_of(profile, now) : profile->last + FORGET;
        if (profile->busy || (waits && work.running >= RUNNING_MAX))
            continue;
        if (due > now) {
            next = MIN(next, due);
        } else if (waits) {
            profile->paid = MAX(profile->paid, now) + PAUSE;
            fetch_begin(profile);
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
    gint64 next = work.core->archive ? fetch_due(now) : G_MAXINT64;
    if (next < G_MAXINT64)
        timer_set(next);
    return G_SOURCE_REMOVE;
}

/* Has on_timer called at AT or before, but not at once: more may come. */
static void timer_set(gint64 at)
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
static struct remote_profile *announcer_of(const struct stanza_context *context)
{
    struct remote_profile *profile = g_hash_table_lookup(work.profiles, context->from_bare);
    if (!profile && g_hash_table_size(work.profiles) >= PROFILES_MAX)
        return NULL;
    if (!profile) {
        profile = g_new0(struct remote_profile, 1);
        profile->jid = g_strdup(context->from_bare);
        profile->last = clock_monotonic();
        g_hash_table_insert(work.profiles, profile->jid, profile);
    }
    g_free(profile->user);
    profile->user = g_strdup(context->to_bare);
    timer_set(0);
    return profile;
}

static bool is_hash(const char *text)
{
    return strlen(text) == PICTURE_HASH_SIZE - 1 &&
           strspn(text, "0123456789abcdefABCDEF") == PICTURE_HASH_SIZE - 1;
}

static void announce_hash(const struct stanza_context *context, const char *hash, bool event)
{
    struct remote_profile *profile = !*hash || is_hash(hash) ? announcer_of(context) : NULL;
    if (!profile || (profile->hash && profile->event && !event))
        return;
    g_free(profile->hash);
    profile->hash = g_ascii_strdown(hash, -1);
    profile->event = event;
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
    struct remote_profile *profile =
        strcmp(item->node, NS_NICK) == 0 && nick ? announcer_of(context) : NULL;
    if (!profile)
        return;
    g_free(profile->nick);
    profile->nick = name_clean(nick, NAME_BYTES_MAX, NAME_LINE);
    if (!profile->nick)
        profile->nick = g_strdup("");
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

/* ---- The feature ----------------------------------------------------------------------------- */

static void profiles_start(struct core *core)
{
    work.core = core;
    work.profiles = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, remote_profile_free);
}

static void profiles_stop(struct core *core)
{
    (void)core;
    if (work.timer)
        g_source_remove(work.timer);
    work.timer = 0;
    g_clear_pointer(&work.profiles, g_hash_table_unref);
}

static const struct stanza_handler stanzas[] = {
    {"presence", "available", "x", NS_VCARD_UPDATE, TARGET_USER | TARGET_RESOURCE | TARGET_ACCOUNT,
     .observe = on_presence},
    {"message", "chat|normal|headline", "event", NS_PUBSUB_EVENT,
     TARGET_USER | TARGET_RESOURCE | TARGET_ACCOUNT, .observe = on_event},
    {0},
};

const struct feature feature_remote_profile = {
    .name = "peer", .stanzas = stanzas, .start = profiles_start, .stop = profiles_stop};
