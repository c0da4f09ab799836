/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Offer and answer. */
#include "config.h"

#include <string.h>

#include "xep/jingle/candidate.h"
#include "xep/jingle/negotiate.h"

/* ---- Codecs ---------------------------------------------------------------------------------- */

static const char *parameter_of(const struct media_payload *payload, const char *name)
{
    for (guint i = 0; i < payload->parameters->len; i++) {
        const struct media_parameter *one =
            &g_array_index(payload->parameters, struct media_parameter, i);
        if (g_ascii_strcasecmp(one->name, name) == 0)
            return one->value;
    }
    return NULL;
}

/* Constrained baseline (RFC 6184 section 8.1: 42 with the constraint flags e0, or 42 00 as browsers
 * offer it), in packetization mode 1. */
static bool is_common_h264(const struct media_payload *payload)
{
    const char *profile = parameter_of(payload, "profile-level-id");
    const char *mode = parameter_of(payload, "packetization-mode");
    return profile && g_ascii_strncasecmp(profile, "42", 2) == 0 && g_strcmp0(mode, "1") == 0;
}

static bool is_common(const struct media_payload *payload)
{
    static const char *const codecs[] = {"opus", "PCMU", "PCMA", "VP8", "VP9", "telephone-event"};
    for (size_t i = 0; i < G_N_ELEMENTS(codecs); i++) {
        if (g_ascii_strcasecmp(payload->name, codecs[i]) == 0)
            return true;
    }
    return g_ascii_strcasecmp(payload->name, "H264") == 0 && is_common_h264(payload);
}

/* The payload type that PAYLOAD retransmits (RFC 4588); false: it is no retransmission. */
static bool payload_retransmits(const struct media_payload *payload, unsigned *ret)
{
    guint64 id;
    const char *apt = parameter_of(payload, "apt");
    if (g_ascii_strcasecmp(payload->name, "rtx") != 0 || !apt ||
        !media_number(apt, strlen(apt), 0, 127, &id))
        return false;
    *ret = (unsigned)id;
    return true;
}

static void trim_payloads(struct media_content *content)
{
    for (guint i = content->payloads->len; i-- > 0;) {
        unsigned of;
        const struct media_payload *payload =
            &g_array_index(content->payloads, struct media_payload, i);
        const struct media_payload *main =
            payload_retransmits(payload, &of) ? media_payload_find(content, of) : NULL;
        if (!is_common(payload) && !(main && is_common(main)))
            g_array_remove_index(content->payloads, i);
    }
}

/* BUNDLE names only what is there. */
static void tidy_bundle(struct media_description *description)
{
    for (guint i = description->bundle->len; i-- > 0;) {
        const struct media_content *content =
            media_content_by_mid(description, description->bundle->pdata[i]);
        if (!content || content->rejected)
            g_ptr_array_remove_index(description->bundle, i);
    }
}

void media_trim_offer(struct media_description *offer)
{
    for (guint i = 0; i < offer->contents->len; i++) {
        struct media_content *content = offer->contents->pdata[i];
        trim_payloads(content);
        if (content->payloads->len == 0)
            content->rejected = true;
    }
    tidy_bundle(offer);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static bool payload_was_offered(const struct media_content *offered,
                                const struct media_payload *payload)
{
    const struct media_payload *offer = media_payload_find(offered, payload->id);
    return offer && g_ascii_strcasecmp(offer->name, payload->name) == 0 &&
           offer->clockrate == payload->clockrate && offer->channels == payload->channels;
}

static bool extension_was_offered(const struct media_content *offered,
                                  const struct media_extension *extension)
{
    for (guint i = 0; i < offered->extensions->len; i++) {
        const struct media_extension *one =
            &g_array_index(offered->extensions, struct media_extension, i);
        if (one->id == extension->id && strcmp(one->uri, extension->uri) == 0)
            return true;
    }
    return false;
}

enum media_fault media_fit_content(struct media_content *content,
                                   const struct media_content *offered)
{
    for (guint i = content->payloads->len; i-- > 0;) {
        if (!payload_was_offered(offered,
                                 &g_array_index(content->payloads, struct media_payload, i)))
            g_array_remove_index(content->payloads, i);
    }
    for (guint i = content->extensions->len; i-- > 0;) {
        if (!extension_was_offered(offered,
                                   &g_array_index(content->extensions, struct media_extension, i)))
            g_array_remove_index(content->extensions, i);
    }
    content->mixed = content->mixed && offered->mixed;
    if (g_strcmp0(content->kind, offered->kind) != 0 || content->payloads->len == 0)
        return MEDIA_NO_COMMON;
    return content->transport.setup == SETUP_ACTPASS ? MEDIA_NO_SECURITY : MEDIA_OK;
}

/* Takes the content that answers OFFERED out of ANSWER. NULL: there is none. */
static struct media_content *take_answer(struct media_description *answer,
                                         const struct media_content *offered, bool by_name)
{
    for (guint i = 0; i < answer->contents->len; i++) {
        struct media_content *content = answer->contents->pdata[i];
        const char *own = by_name ? content->name : content->mid;
        if (g_strcmp0(own, by_name ? offered->name : offered->mid) == 0)
            return g_ptr_array_steal_index(answer->contents, i);
    }
    return NULL;
}

/* What is answered must go by the offer's names, also in BUNDLE. */
static void rename_content(struct media_description *answer, struct media_content *content,
                           const struct media_content *offered)
{
    for (guint i = 0; i < answer->bundle->len; i++) {
        if (g_strcmp0(answer->bundle->pdata[i], content->mid) == 0)
            answer->bundle->pdata[i] = g_string_chunk_insert(answer->strings, offered->mid);
    }
    content->mid = media_keep_text(answer, offered->mid);
    content->name = media_keep_text(answer, offered->name);
    content->by_responder = offered->by_responder;
}

enum media_fault media_fit_answer(struct media_description *answer,
                                  const struct media_description *offer, bool by_name)
{
    enum media_fault fault = MEDIA_OK;
    guint given = answer->contents->len, used = 0;
    for (guint i = 0; i < offer->contents->len && fault == MEDIA_OK; i++) {
        const struct media_content *offered = offer->contents->pdata[i];
        struct media_content *content = take_answer(answer, offered, by_name);
        used += content != NULL;
        if (!content) {
            /* The ceiling holds: the offer has at most as many. */
            content = media_content_add(answer);
            if (!content)
                return MEDIA_TOO_MUCH;
            content = g_ptr_array_steal_index(answer->contents, answer->contents->len - 1);
            content->rejected = true;
            content->kind = media_keep_text(answer, offered->kind);
        }
        content->described = true;
        content->rejected = content->rejected || offered->rejected;
        rename_content(answer, content, offered);
        if (!content->rejected)
            fault = media_fit_content(content, offered);
        g_ptr_array_insert(answer->contents, (int)i, content);
    }
    if (fault == MEDIA_OK && used < given)
        fault = MEDIA_BAD_SYNTAX;
    for (guint i = answer->bundle->len; i-- > 0;) {
        if (!media_is_bundled(offer, answer->bundle->pdata[i]))
            g_ptr_array_remove_index(answer->bundle, i);
    }
    tidy_bundle(answer);
    return fault;
}

void media_filter_candidates(struct media_description *description, bool relay_only)
{
    for (guint i = 0; i < description->contents->len; i++) {
        const struct media_content *content = description->contents->pdata[i];
        GArray *candidates = content->transport.candidates;
        for (guint j = candidates->len; j-- > 0;) {
            struct candidate *candidate = &g_array_index(candidates, struct candidate, j);
            if (candidate_may_pass(candidate, relay_only))
                *candidate = candidate_shown(candidate, relay_only);
            else
                g_array_remove_index(candidates, j);
        }
    }
}
