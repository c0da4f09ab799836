/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Limits per user and action, from the options [limits]. Each is a bucket that holds COUNT and
 * fills evenly over its period. They live in memory, in this process only, in maps with a ceiling.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"

struct account;
struct buffer;
struct options;

enum limit {
#define TRESTLE_LIMIT(symbol, name, fallback, whose, text) LIMIT_##symbol,
#include "bridge/base/limits.def"
    LIMIT_MAX,
    LIMIT_NONE = LIMIT_MAX /* the operation is free */
};

enum limit_whose { LIMIT_OF_USER, LIMIT_OF_KEY, LIMIT_OF_ADDRESS, LIMIT_OF_PEER };

/* How a bucket stands. */
struct limit_state {
    enum limit limit;
    gint64 count;   /* what it holds; 0: without limit, and the rest means nothing */
    gint64 seconds; /* its period */
    gint64 remaining;
    gint64 full_in; /* microseconds until it is full again */
    gint64 next_in; /* microseconds until there is one more; 0 if there is one now */
};

struct limiter;
struct limiter *limiter_new(const struct options *options);
void limiter_free(struct limiter *limiter); /* NULL is fine */

/* SUBJECT has RATE in place of what the options say; a count of 0: no limit. Of limits of users. */
struct rate;
void limiter_override(struct limiter *limiter, const struct uuid *subject, enum limit limit,
                      const struct rate *rate);
/* Nobody has any more. */
void limiter_override_none(struct limiter *limiter);
/* The limit called NAME; LIMIT_MAX: there is none. */
enum limit limit_find(const char *name);

/* The name of LIMIT in configuration and API. */
const char *limit_name(enum limit limit);
/* Whom it is counted for. */
enum limit_whose limit_whose(enum limit limit);

/* Takes one from the bucket of SUBJECT; false if there is none left. LIMITER NULL: no limits. */
bool limiter_take(struct limiter *limiter, const struct uuid *subject, enum limit limit,
                  struct limit_state *ret_state);
/* Looks without taking; ret_state->remaining tells. */
void limiter_look(struct limiter *limiter, const struct uuid *subject, enum limit limit,
                  struct limit_state *ret_state);

/* The subject of an IP address: all of an IPv4 one, the first 64 bits of an IPv6 one. ADDRESS is
 * the 64 bits that limit_address made; 0, no address, is never limited. */
struct uuid limit_subject(guint64 address);
/* The subject of an XMPP address, or another text. */
struct uuid limit_subject_of(const char *text);
struct sockaddr;
guint64 limit_address(const struct sockaddr *address);
bool limit_address_is_loopback(guint64 address);
guint64 limit_address_text(const char *text, size_t length); /* 0: not a numeric address */

/* Whether somebody at ADDRESS may try what nobody can guess: takes one of LIMIT_GUESSES, which
 * limit_guess_right() gives back once it was no guess. */
bool limit_guess(struct limiter *limiter, guint64 address, struct limit_state *ret_state);
void limit_guess_right(struct limiter *limiter, guint64 address);
/* The same for a password and LIMIT_SIGNIN: taken before it is tried, so that many at once are no
 * more than one after another, and given back unless it was wrong. */
bool limit_password(struct limiter *limiter, guint64 address, struct limit_state *ret_state);
void limit_password_right(struct limiter *limiter, guint64 address);

/* Whether ACCOUNT is not held to LIMIT: one that is older than limits.young_age seconds has no
 * limit of conversations. */
bool limit_is_waived(const struct limiter *limiter, const struct account *account,
                     enum limit limit);

/* Takes one for ACCOUNT, unless it is waived, of what may turn out not to count; so it is no
 * refusal yet. limit_release gives it back. */
bool limit_reserve(struct limiter *limiter, const struct account *account, enum limit limit);
void limit_release(struct limiter *limiter, const struct account *account, enum limit limit);

/* For transports: the values of the headers RateLimit-Policy, RateLimit and Retry-After; false if
 * STATE is of no limit. */
#define LIMIT_HEADER_SIZE 96
bool limit_headers(const struct limit_state *state, char ret_policy[LIMIT_HEADER_SIZE],
                   char ret_state[LIMIT_HEADER_SIZE]);
gint64 limit_retry_seconds(const struct limit_state *state);
