/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Links to files: URL/f/TOKEN/NAME. Apps get links that are signed and good for a while; XMPP gets
 * links with a path that nobody can guess, good for as long as the file is there. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"

#define FILE_PATH_LENGTH 22 /* of a path: 16 random bytes in base64url */
#define FILE_PART_MAX 23
#define FILE_HELD_PART "held" /* of a moderator's link: the file itself, while it is held back */
/* Of the classifier's links: the file as it will be, or, with "check." before its name, what was
 * made of it; while nobody else gets it. */
#define FILE_CHECK_PART "check"

/* The origin of links, that of a CDN (NULL: none) for those that may be kept on the way, the keys
 * that sign them (the first one does; any is believed; copied), and how long they are good. NULL:
 * there are no links any more. */
struct file_link_settings {
    const char *url, *cdn;
    const guint8 (*keys)[32];
    unsigned key_count;
    gint64 seconds;
};
void file_links_set(const struct file_link_settings *settings);

/* What a link is to. */
struct file_link {
    struct uuid id;                  /* of a signed one */
    char path[FILE_PATH_LENGTH + 1]; /* of another; "": it is signed */
    char part[FILE_PART_MAX + 1];    /* "": the file itself, else what was made of it: "300.webp" */
    gint64 until;                    /* of a signed one: when it ends; seconds since 1970 */
};

/* A link for apps, of the file ID called NAME. It is the same for half of the time for which it is
 * good. NULL: there are none. The caller frees it. */
char *file_link_signed(const struct uuid *id, const char *part, const char *name);
/* The same, but past any CDN: for what is put there, or shown to one person. */
char *file_link_direct(const struct uuid *id, const char *part, const char *name);
/* One that is good for SECONDS only, for a service. NULL: there are none. The caller frees it. */
char *file_link_brief(const struct uuid *id, const char *name, gint64 seconds);
/* One for XMPP, of the file with that PATH. NULL: there are none. The caller frees it. */
char *file_link_public(const char *path, const char *part, const char *name);

/* Reads TOKEN. False: it is none, or not signed by us, or no longer good. */
bool file_link_read(const char *token, struct file_link *ret);

/* A new path; the caller frees it. */
char *file_path_new(void);
