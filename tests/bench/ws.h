/* SPDX-License-Identifier: GPL-3.0-or-later */
/* WebSocket client connection (RFC 6455): the handshake carries the token, client frames are
 * masked, pings are answered. Only what a well-behaved server sends is understood: fragmented
 * messages and binary frames count as protocol errors. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/engine.h"

enum ws_state {
    WS_CLOSED,  /* no descriptor */
    WS_OPENING, /* request sent, the 101 has not come */
    WS_OPEN,
};

struct ws_client {
    struct source source; /* first member: the loop hands it back */
    struct engine *engine;
    enum ws_state state;
    bool greeted;        /* the server's hello has come */
    uint16_t close_code; /* of the server's close frame; 0: none seen */
    uint32_t in_length;
    char *in; /* an unfinished frame; NULL when there is none */
    /* A text message; called from the loop. */
    void (*text)(struct ws_client *client, const char *text, size_t length);
    void (*gone)(struct ws_client *client); /* was open and is closed now, not by ws_close */
    void *owner;
};

/* What all connections of a run share. */
struct ws_target {
    struct endpoint endpoint;
    char path[128];
};

/* Connects from SOURCE_ADDRESS (0: any) and sends the handshake with TOKEN. */
bool ws_open(struct ws_client *client, const struct ws_target *target, const char *token,
             uint32_t source_address);
void ws_close(struct ws_client *client); /* sends a close frame; gone is not called */

bool ws_send_text(struct ws_client *client, const char *text, size_t length);

/* The frame at TEXT: returns the bytes it takes, 0: incomplete, SIZE_MAX: refused. */
size_t ws_parse(const char *text, size_t length, uint8_t *ret_opcode, const char **ret_payload,
                size_t *ret_length);
