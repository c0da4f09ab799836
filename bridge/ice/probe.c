/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Question and answer with one server. */
#include "config.h"

#include <string.h>

#include <stun/usages/bind.h>
#include <stun/usages/timer.h>
#include <stun/usages/turn.h>

#include "bridge/ice/channel.h"
#include "bridge/ice/probe.h"

#define RETRANSMIT 500 /* milliseconds until the first repetition; then twice as many */
#define REPETITIONS 3
#define RFC5766 STUN_USAGE_TURN_COMPATIBILITY_RFC5766

struct message {
    StunMessage stun;
    uint8_t bytes[CHANNEL_MESSAGE_MAX];
    size_t length;
};

/* Waits for what answers, passing over what does not. */
static bool answer_await(StunAgent *agent, struct channel *channel, StunTimer *timer,
                         struct message *ret)
{
    bool closed = false;
    while (!closed) {
        ret->length = channel_receive(channel, ret->bytes, stun_timer_remainder(timer), &closed);
        if (ret->length == 0)
            return false;
        StunValidationStatus status =
            stun_agent_validate(agent, &ret->stun, ret->bytes, ret->length, NULL, NULL);
        if (status == STUN_VALIDATION_SUCCESS)
            return true;
    }
    return false;
}

/* Sends QUESTION until something answers. */
static bool server_ask(StunAgent *agent, struct channel *channel, const struct message *question,
                       struct message *ret)
{
    StunTimer timer;
    if (!channel_is_lossy(channel)) {
        stun_timer_start_reliable(&timer, CHANNEL_SECONDS * 1000);
        return channel_send(channel, question->bytes, question->length) &&
               answer_await(agent, channel, &timer, ret);
    }
    stun_timer_start(&timer, RETRANSMIT, REPETITIONS);
    for (;;) {
        /* A refusal of an earlier repetition shows itself here, and does not count. */
        channel_send(channel, question->bytes, question->length);
        if (answer_await(agent, channel, &timer, ret))
            return true;
        if (stun_timer_refresh(&timer) == STUN_USAGE_TIMER_RETURN_TIMEOUT)
            return false;
    }
}

static const char *bind_try(struct channel *channel)
{
    StunAgent agent;
    struct message question = {0}, answer = {0};
    struct sockaddr_storage mapped, other;
    socklen_t mapped_length = sizeof mapped, other_length = sizeof other;
    stun_agent_init(&agent, STUN_ALL_KNOWN_ATTRIBUTES, STUN_COMPATIBILITY_RFC5389, 0);
    question.length =
        stun_usage_bind_create(&agent, &question.stun, question.bytes, sizeof question.bytes);
    if (!server_ask(&agent, channel, &question, &answer))
        return "no answer";
    StunUsageBindReturn result =
        stun_usage_bind_process(&answer.stun, (struct sockaddr *)&mapped, &mapped_length,
                                (struct sockaddr *)&other, &other_length);
    return result == STUN_USAGE_BIND_RETURN_SUCCESS ? NULL : "it does not answer as STUN does";
}

/* An allocation, or its refresh; PREVIOUS has realm and nonce. */
static void allocate_write(StunAgent *agent, const struct probe *probe, struct message *previous,
                           struct message *ret)
{
    /* libnice takes them as they are, and writes nothing to them. */
    g_autofree char *name = g_strdup(previous ? probe->username : NULL);
    g_autofree char *credential = g_strdup(previous ? probe->credential : NULL);
    ret->length = stun_usage_turn_create(
        agent, &ret->stun, ret->bytes, sizeof ret->bytes, previous ? &previous->stun : NULL,
        STUN_USAGE_TURN_REQUEST_PORT_NORMAL, -1, -1, (uint8_t *)name, name ? strlen(name) : 0,
        (uint8_t *)credential, credential ? strlen(credential) : 0, RFC5766);
}

/* Gives the allocation back. If that gets lost it ends by itself. */
static void allocation_end(StunAgent *agent, struct channel *channel, const struct probe *probe,
                           struct message *previous)
{
    struct message refresh = {0};
    g_autofree char *name = g_strdup(probe->username);
    g_autofree char *credential = g_strdup(probe->credential);
    refresh.length = stun_usage_turn_create_refresh(
        agent, &refresh.stun, refresh.bytes, sizeof refresh.bytes, &previous->stun, 0,
        (uint8_t *)name, strlen(name), (uint8_t *)credential, strlen(credential), RFC5766);
    channel_send(channel, refresh.bytes, refresh.length);
}

static const char *why_refused(const struct message *answer)
{
    int code = 0;
    stun_message_find_error(&answer->stun, &code);
    switch (code) {
    case 401:
        return "the credentials are refused (401): see turn_secret_file, and the clock";
    case 403:
        return "allocations are forbidden (403)";
    case 437:
        return "an allocation is there already (437)";
    case 441:
        return "the credentials are of somebody else (441)";
    case 486:
        return "the quota of allocations is used up (486)";
    case 508:
        return "it has no capacity (508)";
    default:
        return "it answers with an error";
    }
}

static bool is_allocation(const struct message *answer)
{
    struct sockaddr_storage relayed, mapped, other;
    socklen_t lengths[] = {sizeof relayed, sizeof mapped, sizeof other};
    uint32_t bandwidth = 0, lifetime = 0;
    StunMessage stun = answer->stun;
    StunUsageTurnReturn result =
        stun_usage_turn_process(&stun, &relayed, &lengths[0], &mapped, &lengths[1], &other,
                                &lengths[2], &bandwidth, &lifetime, RFC5766);
    return result == STUN_USAGE_TURN_RETURN_RELAY_SUCCESS ||
           result == STUN_USAGE_TURN_RETURN_MAPPED_SUCCESS;
}

static bool is_error(const struct message *answer)
{
    return stun_message_get_class(&answer->stun) == STUN_ERROR;
}

/* The first question is refused: the answer has realm and nonce for the second. */
static const char *allocate_try(struct channel *channel, const struct probe *probe)
{
    StunAgent agent;
    struct message question = {0}, challenge = {0}, answer = {0};
    stun_agent_init(&agent, STUN_ALL_KNOWN_ATTRIBUTES, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_LONG_TERM_CREDENTIALS);
    allocate_write(&agent, probe, NULL, &question);
    if (!server_ask(&agent, channel, &question, &challenge))
        return "no answer";
    if (!is_error(&challenge))
        return "it lets everybody in, without credentials";
    allocate_write(&agent, probe, &challenge, &question);
    if (!server_ask(&agent, channel, &question, &answer))
        return "no answer to credentials";
    if (is_error(&answer))
        return why_refused(&answer);
    allocation_end(&agent, channel, probe, &challenge);
    return is_allocation(&answer) ? NULL : "it does not answer as TURN does";
}

void probe_run(struct probe *probe)
{
    struct channel *channel = channel_open(&probe->uri, &probe->reason);
    if (!channel)
        return;
    probe->reason = ice_uri_is_turn(&probe->uri) ? allocate_try(channel, probe) : bind_try(channel);
    channel_close(channel);
}
