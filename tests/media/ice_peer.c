/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One end of a call without a browser; README.md has its commands. One thread with one context: the
 * agent's, in which commands are carried out, too. */
#include "config.h"

#include <glib-unix.h>
#include <nice/agent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    NiceAgent *agent;
    guint stream;
    GMainLoop *loop;
    GIOChannel *input;
    char *turn[4];     /* host, port, name, password */
    unsigned received; /* datagrams */
} peer;

static void say(const char *format, ...) G_GNUC_PRINTF(1, 2);

static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

/* ---- What the agent tells -------------------------------------------------------------------- */

static const char *type_name(const NiceCandidate *candidate)
{
    static const char *const names[] = {[NICE_CANDIDATE_TYPE_HOST] = "host",
                                        [NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE] = "srflx",
                                        [NICE_CANDIDATE_TYPE_PEER_REFLEXIVE] = "prflx",
                                        [NICE_CANDIDATE_TYPE_RELAYED] = "relay"};
    return names[candidate->type];
}

static void on_candidate(NiceAgent *agent, NiceCandidate *candidate, gpointer data)
{
    g_autofree char *line = nice_agent_generate_local_candidate_sdp(agent, candidate);
    char address[NICE_ADDRESS_STRING_LEN];
    (void)data;
    nice_address_to_string(&candidate->addr, address);
    if (g_str_has_prefix(address, "fe80:")) /* of the link alone: browsers tell none */
        return;
    say("candidate %s", g_str_has_prefix(line, "a=") ? line + 2 : line);
}

static void on_gathered(NiceAgent *agent, guint stream, gpointer data)
{
    (void)agent;
    (void)stream;
    (void)data;
    say("gathered");
}

static void say_pair(void)
{
    NiceCandidate *own = NULL, *other = NULL;
    char own_address[NICE_ADDRESS_STRING_LEN], other_address[NICE_ADDRESS_STRING_LEN];
    if (!nice_agent_get_selected_pair(peer.agent, peer.stream, 1, &own, &other))
        return;
    nice_address_to_string(&own->addr, own_address);
    nice_address_to_string(&other->addr, other_address);
    say("pair %s %s %s %s", type_name(own), own_address, type_name(other), other_address);
}

static void on_state(NiceAgent *agent, guint stream, guint component, guint state, gpointer data)
{
    (void)agent;
    (void)stream;
    (void)component;
    (void)data;
    if (state == NICE_COMPONENT_STATE_READY)
        say_pair();
    say("state %s", nice_component_state_to_string(state));
}

static void on_datagram(NiceAgent *agent, guint stream, guint component, guint length, gchar *bytes,
                        gpointer data)
{
    (void)agent;
    (void)stream;
    (void)component;
    (void)length;
    (void)bytes;
    (void)data;
    say("received %u", ++peer.received);
}

/* ---- Commands -------------------------------------------------------------------------------- */

static bool do_turn(char **words)
{
    for (int i = 0; i < 4; i++) {
        if (!words[i])
            return false;
        peer.turn[i] = g_strdup(words[i]);
    }
    return true;
}

static bool do_relay(char **words)
{
    (void)words;
    g_object_set(peer.agent, "force-relay", TRUE, NULL);
    return true;
}

static bool do_gather(char **words)
{
    g_autofree char *ufrag = NULL, *password = NULL;
    GMainContext *context = g_main_loop_get_context(peer.loop);
    if (!words[0] || peer.stream != 0)
        return false;
    g_object_set(peer.agent, "controlling-mode", strcmp(words[0], "controlling") == 0, NULL);
    peer.stream = nice_agent_add_stream(peer.agent, 1);
    if (peer.turn[0] &&
        !nice_agent_set_relay_info(peer.agent, peer.stream, 1, peer.turn[0],
                                   (guint)strtoul(peer.turn[1], NULL, 10), peer.turn[2],
                                   peer.turn[3], NICE_RELAY_TYPE_TURN_UDP))
        return false;
    nice_agent_attach_recv(peer.agent, peer.stream, 1, context, on_datagram, NULL);
    if (!nice_agent_get_local_credentials(peer.agent, peer.stream, &ufrag, &password))
        return false;
    say("credentials %s %s", ufrag, password);
    return nice_agent_gather_candidates(peer.agent, peer.stream);
}

static bool do_remote(char **words)
{
    return words[0] && words[1] &&
           nice_agent_set_remote_credentials(peer.agent, peer.stream, words[0], words[1]);
}

static bool do_candidate(char **words)
{
    g_autofree char *text = g_strjoinv(" ", words);
    g_autofree char *line = g_strconcat("a=", text, NULL);
    NiceCandidate *candidate = nice_agent_parse_remote_candidate_sdp(peer.agent, peer.stream, line);
    if (!candidate)
        return false;
    GSList *list = g_slist_append(NULL, candidate);
    bool taken = nice_agent_set_remote_candidates(peer.agent, peer.stream, 1, list) >= 0;
    g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
    return taken;
}

static bool do_send(char **words)
{
    static const char media[160] = "media";
    bool sent = words[0] != NULL;
    for (guint64 i = words[0] ? g_ascii_strtoull(words[0], NULL, 10) : 0; sent && i > 0; i--)
        sent = nice_agent_send(peer.agent, peer.stream, 1, sizeof media, media) > 0;
    return sent;
}

static const struct {
    const char *name;
    bool (*run)(char **words);
} commands[] = {{"turn", do_turn},     {"relay", do_relay},         {"gather", do_gather},
                {"remote", do_remote}, {"candidate", do_candidate}, {"send", do_send}};

static void command_run(char *line)
{
    g_auto(GStrv) words = g_strsplit(g_strchomp(line), " ", -1);
    for (size_t i = 0; words[0] && i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(words[0], commands[i].name) == 0 && commands[i].run(words + 1))
            return;
    }
    say("refused %s", line);
}

static gboolean on_input(GIOChannel *channel, GIOCondition condition, gpointer data)
{
    g_autofree char *line = NULL;
    (void)condition;
    (void)data;
    if (g_io_channel_read_line(channel, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) {
        g_main_loop_quit(peer.loop);
        return G_SOURCE_REMOVE;
    }
    command_run(line);
    /* Lines that were read together. */
    if (g_io_channel_get_buffer_condition(channel) & G_IO_IN)
        return on_input(channel, condition, data);
    return G_SOURCE_CONTINUE;
}

int main(void)
{
    peer.loop = g_main_loop_new(NULL, FALSE);
    peer.agent = nice_agent_new(g_main_loop_get_context(peer.loop), NICE_COMPATIBILITY_RFC5245);
    g_object_set(peer.agent, "upnp", FALSE, "ice-tcp", FALSE, "ice-trickle", TRUE, NULL);
    g_signal_connect(peer.agent, "new-candidate-full", G_CALLBACK(on_candidate), NULL);
    g_signal_connect(peer.agent, "candidate-gathering-done", G_CALLBACK(on_gathered), NULL);
    g_signal_connect(peer.agent, "component-state-changed", G_CALLBACK(on_state), NULL);
    peer.input = g_io_channel_unix_new(STDIN_FILENO);
    g_io_add_watch(peer.input, G_IO_IN | G_IO_HUP, on_input, NULL);
    g_main_loop_run(peer.loop);
    g_object_unref(peer.agent);
    g_io_channel_unref(peer.input);
    g_main_loop_unref(peer.loop);
    for (size_t i = 0; i < G_N_ELEMENTS(peer.turn); i++)
        g_free(peer.turn[i]);
    return EXIT_SUCCESS;
}
