/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks other services by HTTP (libcurl) on the loop: never waiting, connections are kept. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define HTTP_ANSWER_MAX 65536 /* bytes; a longer one counts as none */

struct http_client;

struct http_post {
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated */
    const char *body;
    size_t length;
    unsigned timeout; /* milliseconds for all of it */
};

/* STATUS 0: there was no answer, or not in time. BODY is borrowed; behind it is a NUL. */
typedef void (*http_answer)(long status, const char *body, size_t length, void *data);

/* MOST: so many are asked at a time. */
struct http_client *http_client_new(unsigned most);
/* Who waits is told that there was no answer. Not from inside an http_answer. */
void http_client_free(struct http_client *client);

/* Whether as many are asked as may be. */
bool http_client_is_full(const struct http_client *client);

/* All is copied. DONE is told later, exactly once. False: too many are asked; it is told nothing.
 */
bool http_client_post(struct http_client *client, const struct http_post *post, http_answer done,
                      void *data);
