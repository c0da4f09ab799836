/* SPDX-License-Identifier: GPL-3.0-or-later */
/* STUN and TURN servers for calls: those of [calls] first, in the order in which they stand there,
 * then what the XMPP server announces (XEP-0215). One that does not work is left out until it
 * does. One list per process. */
#pragma once

#include <stdbool.h>

#include "bridge/base/id.h"
#include "bridge/base/json_writer.h"

struct core;
struct options;

/* Where a call's media may go. */
enum ice_policy {
    ICE_ALL,
    ICE_RELAY /* through a TURN server alone: neither side learns the other's addresses */
};

/* What [calls] relay_only makes of a call; STRANGERS: the two do not know each other. */
enum ice_policy ice_policy_of(const struct options *options, bool strangers);

/* Whether a TURN server is to be had at all: without one, media of ICE_RELAY goes nowhere. */
bool ice_has_relay(void);

/* Adds the members ice_servers (of IceServer), ice_transport_policy and expires_at to the object
 * that JSON is in. Credentials belong to CALL alone (NULL: to nothing that is known yet) and are
 * good until expires_at. With ICE_RELAY no STUN server is among them. At most ICE_JSON_MAX bytes.
 * What is written is secret: never into a log. */
void ice_servers_for(struct json_writer *json, const struct uuid *call, enum ice_policy policy);
#define ICE_JSON_MAX 65536

/* Reads the options, which stay as long as CORE. What the XMPP server announces is asked for by
 * ice_link_up() and again before it expires. */
void ice_start(struct core *core);
void ice_link_up(struct core *core);
/* The secret in FRESH is used from now on, and all servers are tried with it. */
void ice_secrets_read(struct core *core, const struct options *fresh);
void ice_stop(struct core *core);
