/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store of this process, if there is one: its folder and its keys. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/media/vault.h"

struct options;

/* Begins as OPTIONS say, and sets what links are signed with. Without media.store there is no
 * store; one that cannot be used is logged, and is not there either. */
void media_start(const struct options *options);
void media_stop(void);
/* Takes the keys of the store and the credentials of its bucket from FRESH, the rest is as OPTIONS
 * said at the start. What has no key in it, or a malformed one, is logged, and the keys stay. */
void media_renew(const struct options *options, const struct options *fresh);

bool media_is_on(void);
bool media_has_classifier(const struct options *options);
/* Whether somebody looks at files before they are handed out. */
bool media_is_judged(const struct options *options);
bool media_has_cdn(const struct options *options);
bool media_has_films(void); /* ffmpeg is there, and wanted */
const char *media_folder(void);
const struct vault *media_vault(void);

/* Who moves files and who removes them take turns, so that nothing is put where it was just removed
 * from. False: it is another one's. */
bool media_turn_begin(void);
void media_turn_end(void);

/* The key of FILE, of which the database has TEXT, encrypted by the master key NAME. False: it is
 * not there (NULL), or cannot be decrypted. */
bool media_key_open(const struct uuid *file, const char *name, const char *text,
                    guint8 ret_key[FILE_KEY_SIZE]);
