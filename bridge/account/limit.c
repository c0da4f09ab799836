/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Buckets. One needs a single number: the time at which it will be full again. Each take moves that
 * by the time one unit takes to come back; there is one left as long as it is not further away than
 * the whole period. */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/sha.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/base/rate.h"

#define SUBJECTS_MAX 131072 /* of each map */
#define SWEEP_INTERVAL G_USEC_PER_SEC

struct subject {
    struct uuid id;
    gint64 full_at[LIMIT_MAX]; /* clock_monotonic */
};

struct subjects {
    GHashTable *table; /* struct uuid * → struct subject *, which holds its key */
    gint64 swept_at;
};

/* What a user has in place of the rates of all. */
struct own_rates {
    struct uuid id;
    bool has[LIMIT_MAX];
    struct rate rates[LIMIT_MAX];
};

struct limiter {
    struct rate rates[LIMIT_MAX];
    gint64 young_age; /* microseconds */
    GHashTable *own;  /* struct uuid * → struct own_rates *, which holds its key; NULL: none */
    /* Apart, so that a flood of strange addresses cannot push out what is known of users. */
    struct subjects users, addresses, peers;
};

static const struct {
    const char *name;
    enum limit_whose whose;
} infos[LIMIT_MAX] = {
#define TRESTLE_LIMIT(symbol, name, fallback, whose, text)                                         \
    [LIMIT_##symbol] = {#name, LIMIT_OF_##whose},
#include "bridge/base/limits.def"
};

const char *limit_name(enum limit limit)
{
    return infos[limit].name;
}

enum limit limit_find(const char *name)
{
    enum limit limit = 0;
    while (limit < LIMIT_MAX && strcmp(infos[limit].name, name) != 0)
        limit++;
    return limit;
}

enum limit_whose limit_whose(enum limit limit)
{
    return infos[limit].whose;
}

static void subjects_init(struct subjects *subjects)
{
    subjects->table = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, g_free);
    subjects->swept_at = 0;
}

struct limiter *limiter_new(const struct options *options)
{
    const char *texts[LIMIT_MAX] = {
#define TRESTLE_LIMIT(symbol, name, fallback, whose, text)                                         \
    [LIMIT_##symbol] = options->limits_##name,
#include "bridge/base/limits.def"
    };
    struct limiter *limiter = g_new0(struct limiter, 1);
    for (enum limit limit = 0; limit < LIMIT_MAX; limit++) {
        if (!rate_parse(texts[limit], &limiter->rates[limit])) /* the options have been checked */
            limiter->rates[limit] = (struct rate){0, 1};
    }
    limiter->young_age = options->limits_young_age * G_USEC_PER_SEC;
    subjects_init(&limiter->users);
    subjects_init(&limiter->addresses);
    subjects_init(&limiter->peers);
    return limiter;
}

void limiter_free(struct limiter *limiter)
{
    if (!limiter)
        return;
    limiter_override_none(limiter);
    g_hash_table_unref(limiter->users.table);
    g_hash_table_unref(limiter->addresses.table);
    g_hash_table_unref(limiter->peers.table);
    g_free(limiter);
}

/* One whose buckets are all full is as good as unknown. */
static gboolean is_idle(gpointer key, gpointer value, gpointer data)
{
    (void)key;
    const struct subject *subject = value;
    const gint64 *now = data;
    for (enum limit limit = 0; limit < LIMIT_MAX; limit++) {
        if (subject->full_at[limit] > *now)
            return FALSE;
    }
    return TRUE;
}

static void make_room(struct subjects *subjects, gint64 now)
{
    GHashTableIter iter;
    gpointer key;
    if (g_hash_table_size(subjects->table) < SUBJECTS_MAX)
        return;
    if (now - subjects->swept_at >= SWEEP_INTERVAL) {
        subjects->swept_at = now;
        g_hash_table_foreach_remove(subjects->table, is_idle, &now);
    }
    g_hash_table_iter_init(&iter, subjects->table);
    if (g_hash_table_size(subjects->table) >= SUBJECTS_MAX &&
        g_hash_table_iter_next(&iter, &key, NULL))
        g_hash_table_iter_remove(&iter);
}

static struct subject *subject_get(struct subjects *subjects, const struct uuid *id, gint64 now)
{
    struct subject *subject = g_hash_table_lookup(subjects->table, id);
    if (subject)
        return subject;
    make_room(subjects, now);
    subject = g_new0(struct subject, 1);
    subject->id = *id;
    g_hash_table_insert(subjects->table, &subject->id, subject);
    return subject;
}

/* Microseconds in which one unit comes back. */
static gint64 unit_of(const struct rate *rate)
{
    return MAX(rate->seconds * G_USEC_PER_SEC / rate->count, 1);
}

static void state_fill(const struct rate *rate, enum limit limit, gint64 full_in,
                       struct limit_state *ret_state)
{
    gint64 unit = unit_of(rate);
    gint64 room = rate->count * unit - full_in;
    *ret_state = (struct limit_state){.limit = limit,
                                      .count = rate->count,
                                      .seconds = rate->seconds,
                                      .remaining = MAX(room, 0) / unit,
                                      .full_in = full_in,
                                      .next_in = room >= unit ? 0 : unit - room};
}

void limiter_override_none(struct limiter *limiter)
{
    if (limiter)
        g_clear_pointer(&limiter->own, g_hash_table_unref);
}

void limiter_override(struct limiter *limiter, const struct uuid *id, enum limit limit,
                      const struct rate *rate)
{
    if (!limiter || limit >= LIMIT_MAX)
        return;
    if (!limiter->own)
        limiter->own = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, g_free);
    struct own_rates *own = g_hash_table_lookup(limiter->own, id);
    if (!own) {
        own = g_new0(struct own_rates, 1);
        own->id = *id;
        g_hash_table_insert(limiter->own, &own->id, own);
    }
    own->has[limit] = true;
    own->rates[limit] = *rate;
}

/* The rate that ID is held to; NULL: none. */
static const struct rate *rate_of(const struct limiter *limiter, const struct uuid *id,
                                  enum limit limit)
{
    if (!limiter || limit >= LIMIT_MAX)
        return NULL;
    const struct own_rates *own = limiter->own ? g_hash_table_lookup(limiter->own, id) : NULL;
    const struct rate *rate = own && own->has[limit] ? &own->rates[limit] : &limiter->rates[limit];
    return rate->count > 0 ? rate : NULL;
}

static struct subjects *map_of(struct limiter *limiter, enum limit limit)
{
    if (infos[limit].whose == LIMIT_OF_PEER)
        return &limiter->peers;
    return infos[limit].whose == LIMIT_OF_ADDRESS ? &limiter->addresses : &limiter->users;
}

bool limiter_take(struct limiter *limiter, const struct uuid *id, enum limit limit,
                  struct limit_state *ret_state)
{
    const struct rate *rate = rate_of(limiter, id, limit);
    *ret_state = (struct limit_state){.limit = limit};
    if (!rate)
        return true;
    gint64 now = clock_monotonic();
    gint64 unit = unit_of(rate);
    struct subject *subject = subject_get(map_of(limiter, limit), id, now);
    gint64 full_at = MAX(subject->full_at[limit], now);
    bool left = full_at + unit - now <= rate->count * unit;
    if (left)
        subject->full_at[limit] = full_at += unit;
    else
        metric_add(METRIC_RATE_LIMITED, 1);
    state_fill(rate, limit, full_at - now, ret_state);
    return left;
}

/* Gives back one that was taken. */
static void limiter_give(struct limiter *limiter, const struct uuid *id, enum limit limit)
{
    const struct rate *rate = rate_of(limiter, id, limit);
    struct subject *subject = rate ? g_hash_table_lookup(map_of(limiter, limit)->table, id) : NULL;
    if (subject)
        subject->full_at[limit] -= unit_of(rate);
}

void limiter_look(struct limiter *limiter, const struct uuid *id, enum limit limit,
                  struct limit_state *ret_state)
{
    const struct rate *rate = rate_of(limiter, id, limit);
    *ret_state = (struct limit_state){.limit = limit, .remaining = 1};
    if (!rate)
        return;
    gint64 now = clock_monotonic();
    const struct subject *subject = g_hash_table_lookup(map_of(limiter, limit)->table, id);
    state_fill(rate, limit, subject ? MAX(subject->full_at[limit] - now, 0) : 0, ret_state);
}

/* ---- Addresses ------------------------------------------------------------------------------- */

#define V4_MARK ((guint64)0xffff << 32) /* as in ::ffff:0:0/96, but within 64 bits */

static guint64 address_of_v6(const struct in6_addr *address)
{
    guint64 high = 0;
    guint32 low;
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        memcpy(&low, address->s6_addr + 12, sizeof low);
        return V4_MARK | ntohl(low);
    }
    for (int i = 0; i < 8; i++)
        high = high << 8 | address->s6_addr[i];
    return high ? high : 1; /* ::1 and its like */
}

guint64 limit_address(const struct sockaddr *address)
{
    if (address && address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        return V4_MARK | ntohl(v4->sin_addr.s_addr);
    }
    if (address && address->sa_family == AF_INET6)
        return address_of_v6(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    return 0;
}

guint64 limit_address_text(const char *text, size_t length)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    if (length >= sizeof copy)
        return 0;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (inet_pton(AF_INET, copy, &v4) == 1)
        return V4_MARK | ntohl(v4.s_addr);
    return inet_pton(AF_INET6, copy, &v6) == 1 ? address_of_v6(&v6) : 0;
}

bool limit_address_is_loopback(guint64 address)
{
    return address == 1 || (address >> 24) == ((V4_MARK >> 24) | 127);
}

static struct uuid digest_of(gconstpointer bytes, gsize length)
{
    guchar digest[SHA256_DIGEST_LENGTH]; /* of all bytes, because maps look at some only */
    struct uuid id;
    SHA256(bytes, length, digest);
    memcpy(&id, digest, sizeof id);
    return id;
}

struct uuid limit_subject(guint64 address)
{
    return digest_of(&address, sizeof address);
}

struct uuid limit_subject_of(const char *text)
{
    return digest_of(text, strlen(text));
}

static bool address_take(struct limiter *limiter, guint64 address, enum limit limit,
                         struct limit_state *ret_state)
{
    struct uuid subject = limit_subject(address);
    *ret_state = (struct limit_state){.limit = limit};
    return address == 0 || limiter_take(limiter, &subject, limit, ret_state);
}

static void address_give(struct limiter *limiter, guint64 address, enum limit limit)
{
    struct uuid subject = limit_subject(address);
    if (address != 0)
        limiter_give(limiter, &subject, limit);
}

bool limit_guess(struct limiter *limiter, guint64 address, struct limit_state *ret_state)
{
    return address_take(limiter, address, LIMIT_GUESSES, ret_state);
}

void limit_guess_right(struct limiter *limiter, guint64 address)
{
    address_give(limiter, address, LIMIT_GUESSES);
}

bool limit_password(struct limiter *limiter, guint64 address, struct limit_state *ret_state)
{
    return address_take(limiter, address, LIMIT_SIGNIN, ret_state);
}

void limit_password_right(struct limiter *limiter, guint64 address)
{
    address_give(limiter, address, LIMIT_SIGNIN);
}

/* ---- Accounts -------------------------------------------------------------------------------- */

bool limit_is_waived(const struct limiter *limiter, const struct account *account, enum limit limit)
{
    return limiter && limit == LIMIT_CONVERSATIONS &&
           clock_wall() - account->created_at > limiter->young_age;
}

/* Takes one for ACCOUNT, unless it is waived. */
static bool limit_take(struct limiter *limiter, const struct account *account, enum limit limit)
{
    struct limit_state state;
    return limit_is_waived(limiter, account, limit) ||
           limiter_take(limiter, &account->id, limit, &state);
}

bool limit_reserve(struct limiter *limiter, const struct account *account, enum limit limit)
{
    struct limit_state state;
    limiter_look(limiter, &account->id, limit, &state);
    return state.count == 0 || (state.remaining > 0 && limit_take(limiter, account, limit));
}

void limit_release(struct limiter *limiter, const struct account *account, enum limit limit)
{
    limiter_give(limiter, &account->id, limit);
}

static gint64 seconds_up(gint64 microseconds)
{
    return (microseconds + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
}

gint64 limit_retry_seconds(const struct limit_state *state)
{
    return MAX(seconds_up(state->next_in), 1);
}

bool limit_headers(const struct limit_state *state, char ret_policy[LIMIT_HEADER_SIZE],
                   char ret_state[LIMIT_HEADER_SIZE])
{
    if (state->count == 0)
        return false;
    const char *name = limit_name(state->limit);
    g_snprintf(ret_policy, LIMIT_HEADER_SIZE, "\"%s\";q=%" G_GINT64_FORMAT ";w=%" G_GINT64_FORMAT,
               name, state->count, state->seconds);
    g_snprintf(ret_state, LIMIT_HEADER_SIZE, "\"%s\";r=%" G_GINT64_FORMAT ";t=%" G_GINT64_FORMAT,
               name, state->remaining, seconds_up(state->full_in));
    return true;
}
