/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the daemon and trestle-fetch say to each other. The daemon writes one line "MOST SECONDS
 * KIND", one with the addresses that are allowed although they are not public (fetch_allowed()),
 * and one with the URL. trestle-fetch answers "trestle-fetch TYPE LENGTH\n", the URL at which it
 * ended and "\n", and the bytes, unless those went to descriptor 4; its status is an outcome. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

enum fetch_outcome {
    FETCH_DONE,
    FETCH_BROKEN = 1, /* the program itself */
    FETCH_NO_SANDBOX = 2,
    FETCH_FORBIDDEN = 3, /* an address, a port or a URL to which nobody goes */
    FETCH_TOO_LARGE = 4,
    FETCH_OTHER_TYPE = 5,
    FETCH_REFUSED = 6,     /* the other side has it not, or not for us */
    FETCH_UNREACHABLE = 7, /* nobody there, no answer, or not in time */
    FETCH_UNTRIED = 8,     /* of no program: too many wait, or nothing is fetched any more */
};

#define FETCH_URL_MAX 2048

/* Whether ADDRESS is one of the public internet: of no machine or network that is near us by its
 * number, nor one in which such a number is wrapped. */
bool fetch_is_public(const struct sockaddr *address);

unsigned short fetch_port(const struct sockaddr *address); /* 0: it has none */

/* Whether LIST, numeric addresses separated by spaces, each with a port behind a colon or of any
 * port (IPv6 in brackets if there is a port), has ADDRESS. */
bool fetch_allowed(const char *list, const struct sockaddr *address);
/* Whether LIST is well-formed. */
bool fetch_list_is_good(const char *list);
