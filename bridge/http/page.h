/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files of [http] web_root: a web client that is served beside the API. All of them are held in
 * memory from the start, so that an answer reads no disk, and a path is nothing but a key: it
 * cannot lead out of the folder. */
#pragma once

#include <glib.h>
#include <microhttpd.h>
#include <stdbool.h>

struct exchange;
struct page;
struct pages;

/* What a client is told of its deployment in /config.json; texts are borrowed, and "" if there are
 * none. */
struct page_site {
    const char *media;   /* origins of pictures and sounds, with spaces between them */
    const char *name;    /* of the client, for people */
    const char *sign_in; /* address where one gets a link that signs in */
    const char *errors;  /* address that is told what went wrong in the client */
    bool password;       /* accounts sign in with address and password */
};

/* Reads every regular file below ROOT, to be shown with the media of SITE: at most 4,096 files in
 * 8 levels, 64 MiB in all. Hidden files and symbolic links are left out. What lies beside a file
 * with .gz or .br behind its name is the same file compressed. /config.json says { name,
 * sign_in_url, password, media, errors }, unless there is such a file. NULL and *error: there is no
 * such folder, it has no index.html, or too much. */
struct pages *pages_load(const char *root, const struct page_site *site, GError **error);
void pages_free(struct pages *pages); /* NULL is fine */

/* Notes in EXCHANGE the file that its path names, for GET and HEAD. A page that a browser navigates
 * to (Accept has text/html) and that is no file is index.html, whose script knows the way. False:
 * there is nothing. PAGES NULL: nothing at all. */
bool page_find(const struct pages *pages, struct exchange *exchange);

/* Lets go of what page_find() has noted; NULL is fine. */
void page_release(struct page *page);

/* Answers with what page_find() has noted: with an ETag, in the coding that the client takes,
 * under a strict content security policy. Files below /assets/ have names that change with their
 * content and are immutable; all else is asked for anew each time. */
enum MHD_Result page_send(struct exchange *exchange);
