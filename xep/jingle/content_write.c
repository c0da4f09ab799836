/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing contents. */
#include "config.h"

#include <string.h>

#include "xep/jingle/candidate.h"
#include "xep/jingle/content.h"

static void set_number(xmpp_stanza_t *element, const char *name, guint64 number)
{
    char text[24];
    g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, number);
    if (number > 0)
        stanza_set(element, name, text);
}

static const char *senders_of(enum media_direction direction, bool by_initiator)
{
    if (direction == MEDIA_INACTIVE)
        return "none";
    if (direction == MEDIA_BOTH)
        return "both";
    return (direction == MEDIA_SENDS) == by_initiator ? "initiator" : "responder";
}

static void write_feedback(xmpp_stanza_t *parent, const GArray *list)
{
    for (guint i = 0; i < list->len; i++) {
        const struct media_feedback *one = &g_array_index(list, struct media_feedback, i);
        if (strcmp(one->type, "trr-int") == 0) {
            stanza_set(stanza_add(parent, "rtcp-fb-trr-int", NS_JINGLE_RTCP_FB), "value",
                       one->subtype);
            continue;
        }
        xmpp_stanza_t *element = stanza_add(parent, "rtcp-fb", NS_JINGLE_RTCP_FB);
        stanza_set(element, "type", one->type);
        stanza_set(element, "subtype", one->subtype);
    }
}

static void write_parameters(xmpp_stanza_t *parent, const char *ns, const GArray *list)
{
    for (guint i = 0; i < list->len; i++) {
        const struct media_parameter *one = &g_array_index(list, struct media_parameter, i);
        xmpp_stanza_t *element = stanza_add(parent, "parameter", ns);
        stanza_set(element, "name", one->name);
        stanza_set(element, "value", one->value);
    }
}

static void write_payload(xmpp_stanza_t *description, const struct media_content *content,
                          const struct media_payload *payload)
{
    char id[8];
    xmpp_stanza_t *element = stanza_add(description, "payload-type", NS_JINGLE_RTP);
    g_snprintf(id, sizeof id, "%u", payload->id);
    stanza_set(element, "id", id);
    stanza_set(element, "name", payload->name);
    set_number(element, "clockrate", payload->clockrate);
    set_number(element, "channels", payload->channels);
    set_number(element, "ptime", content->ptime);
    set_number(element, "maxptime", content->maxptime);
    write_parameters(element, NS_JINGLE_RTP, payload->parameters);
    write_feedback(element, payload->feedback);
}

static void write_extensions(xmpp_stanza_t *description, const struct media_content *content,
                             bool by_initiator)
{
    for (guint i = 0; i < content->extensions->len; i++) {
        const struct media_extension *one =
            &g_array_index(content->extensions, struct media_extension, i);
        xmpp_stanza_t *element = stanza_add(description, "rtp-hdrext", NS_JINGLE_HDREXT);
        set_number(element, "id", one->id);
        stanza_set(element, "uri", one->uri);
        if (one->direction != MEDIA_BOTH)
            stanza_set(element, "senders", senders_of(one->direction, by_initiator));
    }
    if (content->mixed)
        stanza_add(description, "extmap-allow-mixed", NS_JINGLE_HDREXT);
}

/* Zero is an SSRC too. */
static xmpp_stanza_t *write_source(xmpp_stanza_t *parent, guint32 ssrc)
{
    char text[16];
    g_snprintf(text, sizeof text, "%u", ssrc);
    xmpp_stanza_t *element = stanza_add(parent, "source", NS_JINGLE_SSMA);
    stanza_set(element, "ssrc", text);
    return element;
}

static bool has_msid(const struct media_source *source)
{
    for (guint i = 0; i < source->parameters->len; i++) {
        if (strcmp(g_array_index(source->parameters, struct media_parameter, i).name, "msid") == 0)
            return true;
    }
    return false;
}

/* The content's msid becomes a parameter of each source that has none (XEP-0339). */
static void write_sources(xmpp_stanza_t *description, const struct media_content *content)
{
    g_autofree char *msid = content->stream && content->track
                                ? g_strconcat(content->stream, " ", content->track, NULL)
                                : NULL;
    for (guint i = 0; i < content->sources->len; i++) {
        const struct media_source *source =
            &g_array_index(content->sources, struct media_source, i);
        xmpp_stanza_t *element = write_source(description, source->ssrc);
        write_parameters(element, NS_JINGLE_SSMA, source->parameters);
        if (msid && !has_msid(source)) {
            xmpp_stanza_t *parameter = stanza_add(element, "parameter", NS_JINGLE_SSMA);
            stanza_set(parameter, "name", "msid");
            stanza_set(parameter, "value", msid);
        }
    }
    for (guint i = 0; i < content->groups->len; i++) {
        const struct media_source_group *group =
            &g_array_index(content->groups, struct media_source_group, i);
        xmpp_stanza_t *element = stanza_add(description, "ssrc-group", NS_JINGLE_SSMA);
        stanza_set(element, "semantics", group->semantics);
        for (guint j = 0; j < group->ssrcs->len; j++)
            write_source(element, g_array_index(group->ssrcs, guint32, j));
    }
}

static void write_description(xmpp_stanza_t *parent, const struct media_content *content,
                              bool by_initiator)
{
    xmpp_stanza_t *description = stanza_add(parent, "description", NS_JINGLE_RTP);
    stanza_set(description, "media", content->kind);
    for (guint i = 0; i < content->payloads->len; i++)
        write_payload(description, content,
                      &g_array_index(content->payloads, struct media_payload, i));
    if (content->bandwidth_type) {
        char number[16];
        g_snprintf(number, sizeof number, "%u", content->bandwidth);
        stanza_set(stanza_add_text(description, "bandwidth", NS_JINGLE_RTP, number), "type",
                   content->bandwidth_type);
    }
    write_feedback(description, content->feedback);
    write_extensions(description, content, by_initiator);
    write_sources(description, content);
    if (content->mux)
        stanza_add(description, "rtcp-mux", NS_JINGLE_RTP);
}

static void write_transport(xmpp_stanza_t *parent, const struct media_transport *transport,
                            enum content_parts parts)
{
    xmpp_stanza_t *element = stanza_add(parent, "transport", NS_JINGLE_ICE_UDP);
    stanza_set(element, "ufrag", transport->ufrag);
    stanza_set(element, "pwd", transport->password);
    if ((parts & CONTENT_FINGERPRINT) && transport->fingerprint) {
        xmpp_stanza_t *fingerprint =
            stanza_add_text(element, "fingerprint", NS_JINGLE_DTLS, transport->fingerprint);
        stanza_set(fingerprint, "hash", transport->hash);
        stanza_set(fingerprint, "setup", media_setup_name(transport->setup));
    }
    for (guint i = 0; i < transport->candidates->len; i++)
        candidate_add(element, &g_array_index(transport->candidates, struct candidate, i), i + 1);
}

void content_write_one(xmpp_stanza_t *jingle, const struct media_content *content,
                       bool by_initiator, enum content_parts parts)
{
    xmpp_stanza_t *element = stanza_add(jingle, "content", NS_JINGLE);
    stanza_set(element, "creator", content->by_responder ? "responder" : "initiator");
    stanza_set(element, "name", content->name);
    if (!(parts & CONTENT_TRANSPORT) || (parts & CONTENT_DESCRIPTION))
        stanza_set(element, "senders", senders_of(content->direction, by_initiator));
    if (parts & CONTENT_DESCRIPTION)
        write_description(element, content, by_initiator);
    if (parts & CONTENT_TRANSPORT)
        write_transport(element, &content->transport, parts);
}

void content_write_group(xmpp_stanza_t *jingle, const struct media_description *description)
{
    xmpp_stanza_t *group = NULL;
    for (guint i = 0; i < description->contents->len; i++) {
        const struct media_content *content = description->contents->pdata[i];
        if (content->rejected || !media_is_bundled(description, content->mid))
            continue;
        if (!group) {
            group = stanza_add(jingle, "group", NS_JINGLE_GROUPING);
            stanza_set(group, "semantics", "BUNDLE");
        }
        stanza_set(stanza_add(group, "content", NS_JINGLE_GROUPING), "name", content->name);
    }
}

void content_write(xmpp_stanza_t *jingle, const struct media_description *description,
                   bool by_initiator, enum content_parts parts)
{
    if (parts & CONTENT_DESCRIPTION)
        content_write_group(jingle, description);
    for (guint i = 0; i < description->contents->len; i++) {
        const struct media_content *content = description->contents->pdata[i];
        if (!content->rejected)
            content_write_one(jingle, content, by_initiator, parts);
    }
}
