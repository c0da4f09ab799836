/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading contents. Unknown elements are passed over; what would become a broken line of SDP is not
 * kept. */
#include "config.h"

#include <string.h>

#include "xep/jingle/candidate.h"
#include "xep/jingle/content.h"

struct reader {
    struct media_description *description;
    struct media_content *content;
    bool by_initiator;
    enum media_fault fault;
};

static void reader_fail(struct reader *reader, enum media_fault fault)
{
    if (reader->fault == MEDIA_OK)
        reader->fault = fault;
}

static void reader_append(struct reader *reader, GArray *array, const void *item)
{
    if (!media_append(array, item))
        reader_fail(reader, MEDIA_TOO_MUCH);
}

static const char *keep_attribute(struct reader *reader, xmpp_stanza_t *element, const char *name)
{
    return media_keep_text(reader->description, stanza_attr(element, name));
}

/* Leaves *ret alone when there is no such number. */
static bool read_number(xmpp_stanza_t *element, const char *name, guint64 high, unsigned *ret)
{
    guint64 number;
    const char *text = stanza_attr(element, name);
    if (!text || !media_number(text, strlen(text), 0, high, &number))
        return false;
    *ret = (unsigned)number;
    return true;
}

/* "both", "initiator", "responder", "none" (XEP-0166), seen from who describes. */
static enum media_direction read_senders(const struct reader *reader, xmpp_stanza_t *element)
{
    const char *senders = stanza_attr(element, "senders");
    if (g_strcmp0(senders, "none") == 0)
        return MEDIA_INACTIVE;
    if (g_strcmp0(senders, "initiator") == 0)
        return reader->by_initiator ? MEDIA_SENDS : MEDIA_RECEIVES;
    if (g_strcmp0(senders, "responder") == 0)
        return reader->by_initiator ? MEDIA_RECEIVES : MEDIA_SENDS;
    return MEDIA_BOTH;
}

/* ---- The description ------------------------------------------------------------------------- */

static void read_parameter(struct reader *reader, xmpp_stanza_t *element, GArray *list)
{
    struct media_parameter parameter = {keep_attribute(reader, element, "name"),
                                        keep_attribute(reader, element, "value")};
    /* These two would end the parameter in SDP. */
    if (parameter.name && parameter.value && !strpbrk(parameter.name, ";=") &&
        !strchr(parameter.value, ';'))
        reader_append(reader, list, &parameter);
}

static void read_feedback(struct reader *reader, xmpp_stanza_t *element, GArray *list)
{
    struct media_feedback feedback = {.type = "trr-int"};
    if (strcmp(stanza_name(element), "rtcp-fb-trr-int") == 0) {
        feedback.subtype = keep_attribute(reader, element, "value");
    } else {
        feedback.type = keep_attribute(reader, element, "type");
        feedback.subtype = keep_attribute(reader, element, "subtype");
    }
    if (feedback.type && !strchr(feedback.type, ' '))
        reader_append(reader, list, &feedback);
}

static bool is_feedback(xmpp_stanza_t *element)
{
    return stanza_is(element, "rtcp-fb", NS_JINGLE_RTCP_FB) ||
           stanza_is(element, "rtcp-fb-trr-int", NS_JINGLE_RTCP_FB);
}

static void put_clockrate(struct media_payload *payload)
{
    static const char *const at_8000[] = {"PCMU", "PCMA", "G722", "CN", NULL};
    if (payload->clockrate == 0 && payload->name && g_strv_contains(at_8000, payload->name))
        payload->clockrate = 8000;
}

static const char *static_name(unsigned id)
{
    return id == 0 ? "PCMU" : id == 8 ? "PCMA" : id == 9 ? "G722" : id == 13 ? "CN" : NULL;
}

/* One without a name or clock rate that could be written is left out. */
static void read_payload(struct reader *reader, xmpp_stanza_t *element)
{
    struct media_content *content = reader->content;
    unsigned id;
    if (!read_number(element, "id", 127, &id) || media_payload_find(content, id))
        return;
    struct media_payload *payload = media_payload_add(content);
    if (!payload) {
        reader_fail(reader, MEDIA_TOO_MUCH);
        return;
    }
    payload->id = id;
    payload->name = keep_attribute(reader, element, "name");
    if (!payload->name)
        payload->name = static_name(id);
    read_number(element, "clockrate", G_MAXINT32, &payload->clockrate);
    put_clockrate(payload);
    read_number(element, "channels", 255, &payload->channels);
    if (payload->channels == 1)
        payload->channels = 0;
    read_number(element, "ptime", 1000, &content->ptime);
    read_number(element, "maxptime", 1000, &content->maxptime);
    for (xmpp_stanza_t *child = stanza_first(element); child; child = stanza_next(child)) {
        if (stanza_is(child, "parameter", NS_JINGLE_RTP))
            read_parameter(reader, child, payload->parameters);
        else if (is_feedback(child))
            read_feedback(reader, child, payload->feedback);
    }
    if (!media_is_token(payload->name) || payload->clockrate == 0)
        g_array_remove_index(content->payloads, content->payloads->len - 1);
}

static void read_extension(struct reader *reader, xmpp_stanza_t *element)
{
    struct media_extension extension = {.uri = keep_attribute(reader, element, "uri"),
                                        .direction = read_senders(reader, element)};
    if (extension.uri && !strchr(extension.uri, ' ') &&
        read_number(element, "id", 255, &extension.id) && extension.id > 0)
        reader_append(reader, reader->content->extensions, &extension);
}

static bool read_ssrc(xmpp_stanza_t *element, guint32 *ret)
{
    return read_number(element, "ssrc", G_MAXUINT32, ret);
}

static void read_source(struct reader *reader, xmpp_stanza_t *element)
{
    guint32 ssrc;
    if (!read_ssrc(element, &ssrc) || media_source_find(reader->content, ssrc))
        return;
    struct media_source *source = media_source_add(reader->content, ssrc);
    if (!source) {
        reader_fail(reader, MEDIA_TOO_MUCH);
        return;
    }
    for (xmpp_stanza_t *child = stanza_first(element); child; child = stanza_next(child)) {
        struct media_parameter parameter = {keep_attribute(reader, child, "name"),
                                            keep_attribute(reader, child, "value")};
        if (stanza_is(child, "parameter", NS_JINGLE_SSMA) && media_is_token(parameter.name))
            reader_append(reader, source->parameters, &parameter);
    }
}

static void read_source_group(struct reader *reader, xmpp_stanza_t *element)
{
    const char *semantics = keep_attribute(reader, element, "semantics");
    struct media_source_group *group =
        media_is_token(semantics) ? media_group_add(reader->content, semantics) : NULL;
    for (xmpp_stanza_t *child = group ? stanza_first(element) : NULL; child;
         child = stanza_next(child)) {
        guint32 ssrc;
        if (stanza_is(child, "source", NS_JINGLE_SSMA) && read_ssrc(child, &ssrc))
            reader_append(reader, group->ssrcs, &ssrc);
    }
}

static void read_bandwidth(struct reader *reader, xmpp_stanza_t *element)
{
    guint64 number;
    const char *type = keep_attribute(reader, element, "type");
    const char *text = stanza_text(element);
    if (!media_is_token(type) || !media_number(text, strlen(text), 0, G_MAXINT32, &number))
        return;
    reader->content->bandwidth_type = type;
    reader->content->bandwidth = (unsigned)number;
}

static void read_mux(struct reader *reader, xmpp_stanza_t *element)
{
    (void)element;
    reader->content->mux = true;
}

static void read_mixed(struct reader *reader, xmpp_stanza_t *element)
{
    (void)element;
    reader->content->mixed = true;
}

static void read_all_feedback(struct reader *reader, xmpp_stanza_t *element)
{
    read_feedback(reader, element, reader->content->feedback);
}

static const struct {
    const char *name, *ns;
    void (*read)(struct reader *reader, xmpp_stanza_t *element);
} elements[] = {
    {"payload-type", NS_JINGLE_RTP, read_payload},
    {"rtp-hdrext", NS_JINGLE_HDREXT, read_extension},
    {"extmap-allow-mixed", NS_JINGLE_HDREXT, read_mixed},
    {"rtcp-fb", NS_JINGLE_RTCP_FB, read_all_feedback},
    {"rtcp-fb-trr-int", NS_JINGLE_RTCP_FB, read_all_feedback},
    {"source", NS_JINGLE_SSMA, read_source},
    {"ssrc-group", NS_JINGLE_SSMA, read_source_group},
    {"bandwidth", NS_JINGLE_RTP, read_bandwidth},
    {"rtcp-mux", NS_JINGLE_RTP, read_mux},
};

/* Stream and track as every source of the content names them (XEP-0339). */
static void put_track(struct reader *reader)
{
    struct media_content *content = reader->content;
    if (content->sources->len == 0)
        return;
    const struct media_source *source = &g_array_index(content->sources, struct media_source, 0);
    for (guint i = 0; i < source->parameters->len; i++) {
        const struct media_parameter *one =
            &g_array_index(source->parameters, struct media_parameter, i);
        if (strcmp(one->name, "msid") != 0 || !one->value)
            continue;
        g_auto(GStrv) words = g_strsplit(one->value, " ", 2);
        content->stream = media_keep_text(reader->description, words[0]);
        content->track = words[1] && !strchr(words[1], ' ')
                             ? media_keep_text(reader->description, words[1])
                             : NULL;
    }
}

/* Some clients name a source in a group alone, where browsers want each of them described (RFC 5576
 * section 4.2): it is one of the same sender. */
static void put_group_sources(struct reader *reader, const struct media_source_group *group)
{
    for (guint i = 1; i < group->ssrcs->len; i++) {
        guint32 ssrc = g_array_index(group->ssrcs, guint32, i);
        struct media_source *source = media_source_find(reader->content, ssrc)
                                          ? NULL
                                          : media_source_add(reader->content, ssrc);
        const struct media_source *first =
            media_source_find(reader->content, g_array_index(group->ssrcs, guint32, 0));
        if (source && first)
            g_array_append_vals(source->parameters, first->parameters->data,
                                first->parameters->len);
    }
}

static void read_description(struct reader *reader, xmpp_stanza_t *description)
{
    struct media_content *content = reader->content;
    content->kind = keep_attribute(reader, description, "media");
    if (!media_is_token(content->kind))
        content->kind = NULL;
    content->rejected =
        g_strcmp0(content->kind, "audio") != 0 && g_strcmp0(content->kind, "video") != 0;
    for (xmpp_stanza_t *child = stanza_first(description); child; child = stanza_next(child)) {
        for (size_t i = 0; i < G_N_ELEMENTS(elements); i++) {
            if (stanza_is(child, elements[i].name, elements[i].ns))
                elements[i].read(reader, child);
        }
    }
    put_track(reader);
    for (guint i = 0; i < content->groups->len; i++)
        put_group_sources(reader, &g_array_index(content->groups, struct media_source_group, i));
}

/* ---- The transport --------------------------------------------------------------------------- */

static void read_fingerprint(struct reader *reader, xmpp_stanza_t *element)
{
    struct media_transport *transport = &reader->content->transport;
    const char *setup = keep_attribute(reader, element, "setup");
    if (transport->fingerprint && g_strcmp0(transport->hash, "sha-256") == 0)
        return;
    if (!media_fingerprint_keep(reader->description, transport, stanza_attr(element, "hash"),
                                stanza_text(element)))
        return;
    transport->setup = media_setup_parse(setup);
}

static void read_candidate(struct reader *reader, xmpp_stanza_t *element)
{
    struct candidate candidate;
    GArray *candidates = reader->content->transport.candidates;
    if (!candidate_parse(reader->description, element, &candidate))
        return;
    if (candidates->len >= MEDIA_CANDIDATES_MAX)
        reader_fail(reader, MEDIA_TOO_MUCH);
    else
        g_array_append_val(candidates, candidate);
}

static void read_transport(struct reader *reader, xmpp_stanza_t *element)
{
    struct media_transport *transport = &reader->content->transport;
    transport->ufrag = keep_attribute(reader, element, "ufrag");
    transport->password = keep_attribute(reader, element, "pwd");
    if ((transport->ufrag && !media_is_ice_text(transport->ufrag, 4, 256)) ||
        (transport->password && !media_is_ice_text(transport->password, 22, 256)))
        reader_fail(reader, MEDIA_BAD_SYNTAX);
    for (xmpp_stanza_t *child = stanza_first(element); child; child = stanza_next(child)) {
        if (stanza_is(child, "fingerprint", NS_JINGLE_DTLS))
            read_fingerprint(reader, child);
        else if (stanza_is(child, "candidate", NS_JINGLE_ICE_UDP))
            read_candidate(reader, child);
    }
}

/* ---- Contents -------------------------------------------------------------------------------- */

/* The name as mid, if it can be one and is not taken. */
static const char *choose_mid(struct reader *reader, const char *name)
{
    char made[16];
    if (media_is_token(name) && strlen(name) <= 32 &&
        !media_content_by_mid(reader->description, name))
        return name;
    unsigned number = reader->description->contents->len;
    do
        g_snprintf(made, sizeof made, "m%u", number++);
    while (media_content_by_mid(reader->description, made));
    return media_keep_text(reader->description, made);
}

static void read_content(struct reader *reader, xmpp_stanza_t *element)
{
    const char *name = keep_attribute(reader, element, "name");
    if (!name || media_content_by_name(reader->description, name)) {
        reader_fail(reader, MEDIA_BAD_SYNTAX);
        return;
    }
    const char *mid = choose_mid(reader, name);
    struct media_content *content = reader->content = media_content_add(reader->description);
    if (!content) {
        reader_fail(reader, MEDIA_TOO_MUCH);
        return;
    }
    content->name = name;
    content->mid = mid;
    content->by_responder = g_strcmp0(stanza_attr(element, "creator"), "responder") == 0;
    content->direction = read_senders(reader, element);
    for (xmpp_stanza_t *child = stanza_first(element); child; child = stanza_next(child)) {
        bool is_description = strcmp(stanza_name(child), "description") == 0;
        content->described = content->described || is_description;
        if (stanza_is(child, "description", NS_JINGLE_RTP))
            read_description(reader, child);
        else if (stanza_is(child, "transport", NS_JINGLE_ICE_UDP))
            read_transport(reader, child);
        else if (is_description || strcmp(stanza_name(child), "transport") == 0)
            content->rejected = true;
    }
}

/* Under BUNDLE, rtcp-mux goes without saying, as Conversations has it. */
static void read_group(struct reader *reader, xmpp_stanza_t *group)
{
    if (g_strcmp0(stanza_attr(group, "semantics"), "BUNDLE") != 0)
        return;
    for (xmpp_stanza_t *child = stanza_first(group); child; child = stanza_next(child)) {
        struct media_content *content =
            stanza_is(child, "content", NS_JINGLE_GROUPING)
                ? media_content_by_name(reader->description, stanza_attr(child, "name"))
                : NULL;
        if (!content || media_is_bundled(reader->description, content->mid))
            continue;
        media_bundle_add(reader->description, content->mid);
        content->mux = true;
    }
}

struct media_description *content_read(xmpp_stanza_t *jingle, bool by_initiator,
                                       enum media_fault *ret_fault)
{
    g_autoptr(media_description) description = media_description_new();
    struct reader reader = {.description = description, .by_initiator = by_initiator};
    xmpp_stanza_t *group = NULL;
    for (xmpp_stanza_t *child = stanza_first(jingle); child && reader.fault == MEDIA_OK;
         child = stanza_next(child)) {
        if (stanza_is(child, "content", NS_JINGLE))
            read_content(&reader, child);
        else if (stanza_is(child, "group", NS_JINGLE_GROUPING))
            group = child; /* it may stand before the contents or behind */
    }
    if (group)
        read_group(&reader, group);
    if (description->contents->len == 0)
        reader_fail(&reader, MEDIA_BAD_SYNTAX);
    *ret_fault = reader.fault;
    return reader.fault == MEDIA_OK ? g_steal_pointer(&description) : NULL;
}
