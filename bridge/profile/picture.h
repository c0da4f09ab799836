/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures from outside, made anew by trestle-image: a process per picture, two at a time. Whoever
 * sends many waits for himself: one picture of an owner is at work at a time, those of others go in
 * between, and what people on XMPP show waits for what users upload and never takes both places. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/error.h"

#define PICTURE_HASH_SIZE 41 /* SHA-1 in hex, with the NUL */

struct archive;

/* Borrowed; valid during the callback. */
struct picture {
    const char *type;             /* of image */
    GBytes *image;                /* for apps */
    GBytes *png;                  /* for XMPP */
    int width, height;            /* of png */
    char hash[PICTURE_HASH_SIZE]; /* of png */
};

/* PICTURE is NULL unless ERROR is ERROR_NONE; ERROR_UNPROCESSABLE: it is none, or too large. */
typedef void (*picture_done)(const struct picture *picture, enum error_code error, void *data);

void pictures_start(void);
/* Answers what is under way and what waits with ERROR_UNAVAILABLE, and from then on, as
 * picture_make() says, whatever comes. May be called more than once. */
void pictures_stop(void);

struct picture_origin {
    const char *owner; /* whoever sends it: a user's id, or the domain of somebody on XMPP */
    bool foreign;      /* not an upload */
};

/* Makes a picture of BYTES (a reference is taken), at most 1 MiB. DONE is called exactly once,
 * later. Those that come while four of their owner are under way are answered with ERROR_CONFLICT,
 * those that come while 64 wait (32 foreign ones), or after pictures_stop(), with
 * ERROR_UNAVAILABLE, at once. */
void picture_make(GBytes *bytes, const struct picture_origin *origin, picture_done done,
                  void *data);

/* The SHA-1 of BYTES in hex. */
void picture_hash(GBytes *bytes, char ret_hash[PICTURE_HASH_SIZE]);
/* Whether TEXT looks like one: 40 hex digits in lower case. */
bool picture_is_hash(const char *text);
