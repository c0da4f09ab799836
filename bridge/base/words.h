/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of words that options, fields and schemas share, so that each list stands once.
 *
 * A list is a macro LIST(FIRST, FURTHER), which applies FIRST to its first row and FURTHER to every
 * other one. */
#pragma once

/* Who may reach a user, and see what (privacy); and the same for the profile, which cannot be
 * hidden from contacts. */
#define PRIVACY_PROFILE_TIERS(FIRST, FURTHER) FIRST("everyone") FURTHER("contacts")
#define PRIVACY_TIERS(FIRST, FURTHER) PRIVACY_PROFILE_TIERS(FIRST, FURTHER) FURTHER("nobody")
#define PRIVACY_MESSAGE_TIERS(FIRST, FURTHER)                                                      \
    PRIVACY_TIERS(FIRST, FURTHER) FURTHER("friends") FURTHER("following")

/* What server keys may do. */
#define KEY_SCOPES(FIRST, FURTHER)                                                                 \
    FIRST("users")                                                                                 \
    FURTHER("send")                                                                                \
    FURTHER("tickets")                                                                             \
    FURTHER("moderate") FURTHER("audit") FURTHER("analytics") FURTHER("admin") FURTHER("bound")

/* LIST, of rows with one word, as the literal "one|other", and as the initialiser of an array that
 * NULL ends. */
#define WORDS_TEXT(LIST) LIST(WORD_ITSELF, WORD_BEHIND_BAR)
#define WORDS_ARRAY(LIST)                                                                          \
    {                                                                                              \
        LIST(WORD_ITSELF, WORD_BEHIND_COMMA), NULL                                                 \
    }
#define WORDS_COMMAS(LIST) LIST(WORD_ITSELF, WORD_BEHIND_COMMA_TEXT) /* "one, other" */
#define WORD_ITSELF(word) word
#define WORD_BEHIND_COMMA_TEXT(word) ", " word
#define WORD_BEHIND_BAR(word) "|" word
#define WORD_BEHIND_COMMA(word) , word

/* Dialects, in order of preference: rows (SYMBOL, name, subprotocol). The name is that of
 * `?dialect=` and of `const struct dialect dialect_NAME` in bridge/dialect, the subprotocol that of
 * Sec-WebSocket-Protocol. */
#define DIALECTS(FIRST, FURTHER)                                                                   \
    FIRST(NATIVE, native, "trestle.v1")                                                            \
    FURTHER(S0, s0, "trestle.s0")                                                                  \
    FURTHER(S1, s1, "trestle.s1")                                                                  \
    FURTHER(S2, s2, "trestle.s2")                                                                  \
    FURTHER(S3, s3, "trestle.s3")

#define DIALECTS_TEXT DIALECTS(DIALECT_WORD, DIALECT_WORD_BEHIND_BAR) /* "native|…" */
#define DIALECT_WORD(symbol, name, subprotocol) #name
#define DIALECT_WORD_BEHIND_BAR(symbol, name, subprotocol) "|" #name
