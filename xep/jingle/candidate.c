/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ICE candidates. */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include "xep/jingle/candidate.h"

static const char *const types[] = {[CANDIDATE_HOST] = "host",
                                    [CANDIDATE_SRFLX] = "srflx",
                                    [CANDIDATE_PRFLX] = "prflx",
                                    [CANDIDATE_RELAY] = "relay"};

static bool type_parse(const char *text, enum candidate_type *ret)
{
    for (enum candidate_type type = CANDIDATE_HOST; text && type <= CANDIDATE_RELAY; type++) {
        if (strcmp(text, types[type]) == 0) {
            *ret = type;
            return true;
        }
    }
    return false;
}

/* "udp" or "tcp", in whatever case. */
static bool protocol_parse(const char *text, bool *ret_udp)
{
    *ret_udp = text && g_ascii_strcasecmp(text, "udp") == 0;
    return *ret_udp || (text && g_ascii_strcasecmp(text, "tcp") == 0);
}

static bool text_number(const char *text, guint64 low, guint64 high, guint64 *ret)
{
    return text && media_number(text, strlen(text), low, high, ret);
}

/* Letters, digits and what stands in numeric addresses and host names. */
static const char *address_keep(struct media_description *description, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length == 0 || length > 255 ||
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-") != length)
        return NULL;
    return media_keep(description, text, length);
}

/* ---- Lines of SDP ---------------------------------------------------------------------------- */

/* "raddr A rport P generation N …": pairs, of which unknown ones are passed over. */
static bool read_extensions(struct media_description *description, char **words,
                            struct candidate *candidate)
{
    guint64 number;
    for (; words[0]; words += 2) {
        if (!words[1])
            return false;
        if (strcmp(words[0], "raddr") == 0)
            candidate->related_address = address_keep(description, words[1]);
        else if (strcmp(words[0], "rport") == 0 && text_number(words[1], 0, 65535, &number))
            candidate->related_port = (unsigned)number;
        else if (strcmp(words[0], "generation") == 0 && text_number(words[1], 0, 255, &number))
            candidate->generation = (unsigned)number;
    }
    return true;
}

enum {
    WORD_FOUNDATION,
    WORD_COMPONENT,
    WORD_PROTOCOL,
    WORD_PRIORITY,
    WORD_ADDRESS,
    WORD_PORT,
    WORD_TYP,
    WORD_TYPE,
    WORDS
};

static bool read_words(struct media_description *description, char **words, struct candidate *ret)
{
    guint64 component, priority, port;
    if (g_strv_length(words) < WORDS || strcmp(words[WORD_TYP], "typ") != 0)
        return false;
    struct candidate candidate = {.address = address_keep(description, words[WORD_ADDRESS])};
    if (!media_is_ice_text(words[WORD_FOUNDATION], 1, 32) || !candidate.address ||
        !text_number(words[WORD_COMPONENT], 1, 256, &component) ||
        !protocol_parse(words[WORD_PROTOCOL], &candidate.udp) ||
        !text_number(words[WORD_PRIORITY], 0, G_MAXUINT32, &priority) ||
        !text_number(words[WORD_PORT], 0, 65535, &port) ||
        !type_parse(words[WORD_TYPE], &candidate.type) ||
        !read_extensions(description, words + WORDS, &candidate))
        return false;
    candidate.foundation = media_keep_text(description, words[WORD_FOUNDATION]);
    candidate.component = (unsigned)component;
    candidate.priority = (guint32)priority;
    candidate.port = (unsigned)port;
    *ret = candidate;
    return true;
}

bool candidate_read_line(struct media_description *description, const char *line, size_t length,
                         struct candidate *ret)
{
    static const char head[] = "candidate:";
    if (length >= 2 && memcmp(line, "a=", 2) == 0) {
        line += 2;
        length -= 2;
    }
    if (length > CANDIDATE_LINE_MAX || length < sizeof head ||
        memcmp(line, head, sizeof head - 1) != 0)
        return false;
    const char *text = media_keep(description, line + sizeof head - 1, length - (sizeof head - 1));
    if (!text)
        return false;
    g_auto(GStrv) words = g_strsplit(text, " ", 64);
    return read_words(description, words, ret);
}

void candidate_write_line(GString *out, const struct candidate *candidate, const char *ufrag)
{
    g_string_append_printf(out, "candidate:%s %u %s %u %s %u typ %s", candidate->foundation,
                           candidate->component, candidate->udp ? "udp" : "tcp",
                           candidate->priority, candidate->address, candidate->port,
                           types[candidate->type]);
    if (candidate->related_address)
        g_string_append_printf(out, " raddr %s rport %u", candidate->related_address,
                               candidate->related_port);
    else if (candidate->type != CANDIDATE_HOST) /* RFC 8839: must be there; Firefox insists */
        g_string_append_printf(out, " raddr %s rport 0",
                               strchr(candidate->address, ':') ? "::" : "0.0.0.0");
    g_string_append_printf(out, " generation %u", candidate->generation);
    if (ufrag)
        g_string_append_printf(out, " ufrag %s", ufrag);
}

/* ---- Elements of XEP-0176 -------------------------------------------------------------------- */

static bool attribute_number(xmpp_stanza_t *element, const char *name, guint64 low, guint64 high,
                             guint64 *ret)
{
    const char *text = stanza_attr(element, name);
    g_autofree char *number = text ? g_strstrip(g_strdup(text)) : NULL;
    return text_number(number, low, high, ret);
}

static void read_related(struct media_description *description, xmpp_stanza_t *element,
                         struct candidate *candidate)
{
    guint64 port;
    candidate->related_address = address_keep(description, stanza_attr(element, "rel-addr"));
    if (attribute_number(element, "rel-port", 0, 65535, &port) ||
        attribute_number(element, "rel_port", 0, 65535, &port)) /* Monal */
        candidate->related_port = (unsigned)port;
}

bool candidate_parse(struct media_description *description, xmpp_stanza_t *element,
                     struct candidate *ret)
{
    guint64 component, priority, port, generation = 0;
    if (!stanza_is(element, "candidate", NS_JINGLE_ICE_UDP))
        return false;
    struct candidate candidate = {
        .foundation = media_keep_text(description, stanza_attr(element, "foundation")),
        .address = address_keep(description, stanza_attr(element, "ip"))};
    if (!media_is_ice_text(candidate.foundation, 1, 32) || !candidate.address ||
        !attribute_number(element, "component", 1, 256, &component) ||
        !protocol_parse(stanza_attr(element, "protocol"), &candidate.udp) ||
        !attribute_number(element, "priority", 0, G_MAXUINT32, &priority) ||
        !attribute_number(element, "port", 0, 65535, &port) ||
        !type_parse(stanza_attr(element, "type"), &candidate.type))
        return false;
    if (attribute_number(element, "generation", 0, 255, &generation))
        candidate.generation = (unsigned)generation;
    candidate.component = (unsigned)component;
    candidate.priority = (guint32)priority;
    candidate.port = (unsigned)port;
    read_related(description, element, &candidate);
    *ret = candidate;
    return true;
}

static void set_number(xmpp_stanza_t *element, const char *name, guint64 number)
{
    char text[24];
    g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, number);
    stanza_set(element, name, text);
}

void candidate_add(xmpp_stanza_t *transport, const struct candidate *candidate, unsigned number)
{
    xmpp_stanza_t *element = stanza_add(transport, "candidate", NS_JINGLE_ICE_UDP);
    char id[16];
    g_snprintf(id, sizeof id, "c%u", number);
    set_number(element, "component", candidate->component);
    stanza_set(element, "foundation", candidate->foundation);
    set_number(element, "generation", candidate->generation);
    stanza_set(element, "id", id);
    stanza_set(element, "ip", candidate->address);
    set_number(element, "network", 0);
    set_number(element, "port", candidate->port);
    set_number(element, "priority", candidate->priority);
    stanza_set(element, "protocol", candidate->udp ? "udp" : "tcp");
    stanza_set(element, "type", types[candidate->type]);
    if (candidate->related_address) {
        stanza_set(element, "rel-addr", candidate->related_address);
        set_number(element, "rel-port", candidate->related_port);
    }
}

/* ---- Of use ---------------------------------------------------------------------------------- */

/* Not "this host" (0/8), loopback, link-local, multicast or reserved. */
static bool is_reachable_v4(const guint8 bytes[4])
{
    return bytes[0] != 0 && bytes[0] != 127 && !(bytes[0] == 169 && bytes[1] == 254) &&
           bytes[0] < 224;
}

/* Nor an IPv4 address in disguise (::/96, ::ffff/96). */
static bool is_reachable(const char *text)
{
    guint8 v4[4];
    struct in6_addr v6;
    if (inet_pton(AF_INET, text, v4) == 1)
        return is_reachable_v4(v4);
    return inet_pton(AF_INET6, text, &v6) == 1 && !IN6_IS_ADDR_LINKLOCAL(&v6) &&
           !IN6_IS_ADDR_MULTICAST(&v6) && !IN6_IS_ADDR_V4MAPPED(&v6) &&
           (v6.s6_addr32[0] != 0 || v6.s6_addr32[1] != 0 || v6.s6_addr32[2] != 0);
}

bool candidate_may_pass(const struct candidate *candidate, bool relay_only)
{
    return candidate->udp && candidate->component == 1 && candidate->port > 0 &&
           (!relay_only || candidate->type == CANDIDATE_RELAY) && is_reachable(candidate->address);
}

struct candidate candidate_shown(const struct candidate *candidate, bool relay_only)
{
    struct candidate shown = *candidate;
    if (relay_only || (shown.related_address && !is_reachable(shown.related_address))) {
        shown.related_address = NULL;
        shown.related_port = 0;
    }
    return shown;
}
