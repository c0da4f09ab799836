/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing: every string was checked when it was kept, so that none can begin a line of its own. */
#include "config.h"

#include <string.h>

#include "xep/jingle/candidate.h"
#include "xep/jingle/sdp.h"

#define END "\r\n"

static const char *const directions[] = {[MEDIA_INACTIVE] = "inactive",
                                         [MEDIA_SENDS] = "sendonly",
                                         [MEDIA_RECEIVES] = "recvonly",
                                         [MEDIA_BOTH] = "sendrecv"};

static void write_feedback(GString *out, const char *of, const GArray *list)
{
    for (guint i = 0; i < list->len; i++) {
        const struct media_feedback *one = &g_array_index(list, struct media_feedback, i);
        g_string_append_printf(out, "a=rtcp-fb:%s %s", of, one->type);
        if (one->subtype)
            g_string_append_printf(out, " %s", one->subtype);
        g_string_append(out, END);
    }
}

static void write_payload(GString *out, const struct media_payload *payload)
{
    char id[8];
    g_snprintf(id, sizeof id, "%u", payload->id);
    g_string_append_printf(out, "a=rtpmap:%s %s/%u", id, payload->name, payload->clockrate);
    if (payload->channels > 1)
        g_string_append_printf(out, "/%u", payload->channels);
    g_string_append(out, END);
    write_feedback(out, id, payload->feedback);
    for (guint i = 0; i < payload->parameters->len; i++) {
        const struct media_parameter *one =
            &g_array_index(payload->parameters, struct media_parameter, i);
        if (i == 0)
            g_string_append_printf(out, "a=fmtp:%s ", id);
        g_string_append_printf(out, "%s%s=%s", i > 0 ? ";" : "", one->name, one->value);
    }
    if (payload->parameters->len > 0)
        g_string_append(out, END);
}

static void write_extensions(GString *out, const struct media_content *content)
{
    if (content->mixed)
        g_string_append(out, "a=extmap-allow-mixed" END);
    for (guint i = 0; i < content->extensions->len; i++) {
        const struct media_extension *one =
            &g_array_index(content->extensions, struct media_extension, i);
        g_string_append_printf(out, "a=extmap:%u", one->id);
        if (one->direction != MEDIA_BOTH)
            g_string_append_printf(out, "/%s", directions[one->direction]);
        g_string_append_printf(out, " %s" END, one->uri);
    }
}

static void write_sources(GString *out, const struct media_content *content)
{
    for (guint i = 0; i < content->groups->len; i++) {
        const struct media_source_group *group =
            &g_array_index(content->groups, struct media_source_group, i);
        g_string_append_printf(out, "a=ssrc-group:%s", group->semantics);
        for (guint j = 0; j < group->ssrcs->len; j++)
            g_string_append_printf(out, " %u", g_array_index(group->ssrcs, guint32, j));
        g_string_append(out, END);
    }
    for (guint i = 0; i < content->sources->len; i++) {
        const struct media_source *source =
            &g_array_index(content->sources, struct media_source, i);
        for (guint j = 0; j < source->parameters->len; j++) {
            const struct media_parameter *one =
                &g_array_index(source->parameters, struct media_parameter, j);
            g_string_append_printf(out, "a=ssrc:%u %s", source->ssrc, one->name);
            if (one->value)
                g_string_append_printf(out, ":%s", one->value);
            g_string_append(out, END);
        }
    }
}

static void write_transport(GString *out, const struct media_transport *transport)
{
    if (transport->ufrag && transport->password)
        g_string_append_printf(out, "a=ice-ufrag:%s" END "a=ice-pwd:%s" END, transport->ufrag,
                               transport->password);
    g_string_append(out, "a=ice-options:trickle" END);
    if (transport->fingerprint)
        g_string_append_printf(out, "a=fingerprint:%s %s" END, transport->hash,
                               transport->fingerprint);
    if (transport->setup != SETUP_NONE)
        g_string_append_printf(out, "a=setup:%s" END, media_setup_name(transport->setup));
    for (guint i = 0; i < transport->candidates->len; i++) {
        g_string_append(out, "a=");
        candidate_write_line(out, &g_array_index(transport->candidates, struct candidate, i), NULL);
        g_string_append(out, END);
    }
}

/* One without a payload type cannot be used, whatever it says. */
static bool is_rejected(const struct media_content *content)
{
    return content->rejected || content->payloads->len == 0;
}

static void write_first_line(GString *out, const struct media_content *content)
{
    bool is_rtp = content->kind &&
                  (strcmp(content->kind, "audio") == 0 || strcmp(content->kind, "video") == 0);
    g_string_append_printf(out, "m=%s %u %s", content->kind ? content->kind : "application",
                           is_rejected(content) ? 0 : 9,
                           is_rtp ? "UDP/TLS/RTP/SAVPF" : "UDP/DTLS/SCTP");
    guint count = is_rejected(content) ? 0 : content->payloads->len;
    for (guint i = 0; i < count; i++)
        g_string_append_printf(out, " %u",
                               g_array_index(content->payloads, struct media_payload, i).id);
    if (count == 0) /* the grammar wants one */
        g_string_append(out, is_rtp ? " 0" : " webrtc-datachannel");
    g_string_append(out, END "c=IN IP4 0.0.0.0" END);
    if (content->bandwidth_type && !is_rejected(content))
        g_string_append_printf(out, "b=%s:%u" END, content->bandwidth_type, content->bandwidth);
}

static void write_content(GString *out, const struct media_content *content, const char *stream)
{
    write_first_line(out, content);
    g_string_append_printf(out, "a=mid:%s" END, content->mid);
    if (is_rejected(content)) {
        g_string_append(out, "a=inactive" END);
        return;
    }
    write_transport(out, &content->transport);
    g_string_append_printf(out, "a=%s" END, directions[content->direction]);
    write_extensions(out, content);
    if (content->direction & MEDIA_SENDS)
        g_string_append_printf(out, "a=msid:%s %s" END, content->stream ? content->stream : stream,
                               content->track ? content->track : content->mid);
    g_string_append(out, "a=rtcp-mux" END);
    for (guint i = 0; i < content->payloads->len; i++)
        write_payload(out, &g_array_index(content->payloads, struct media_payload, i));
    write_feedback(out, "*", content->feedback);
    if (content->ptime > 0)
        g_string_append_printf(out, "a=ptime:%u" END, content->ptime);
    if (content->maxptime > 0)
        g_string_append_printf(out, "a=maxptime:%u" END, content->maxptime);
    write_sources(out, content);
}

char *sdp_write(const struct media_description *description, const struct sdp_origin *origin)
{
    GString *out = g_string_sized_new(4096);
    g_string_append_printf(out,
                           "v=0" END "o=- %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
                           " IN IP4 127.0.0.1" END "s=-" END "t=0 0" END,
                           origin->session, origin->version);
    for (guint i = 0; i < description->bundle->len; i++)
        g_string_append_printf(out, "%s %s", i == 0 ? "a=group:BUNDLE" : "",
                               (const char *)description->bundle->pdata[i]);
    if (description->bundle->len > 0)
        g_string_append(out, END);
    for (guint i = 0; i < description->contents->len; i++) {
        const struct media_content *content = description->contents->pdata[i];
        if (content->described)
            write_content(out, content, origin->stream);
    }
    return g_string_free(out, FALSE);
}
