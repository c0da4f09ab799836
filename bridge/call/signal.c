/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A browser's description passes as it is, once it has been read as one (RFC 8866) and found to be
 * secured by DTLS; a candidate is written anew from what was allowed. */
#include "config.h"

#include <string.h>

#include "bridge/call/binding.h"
#include "bridge/call/signal.h"
#include "xep/jingle/candidate.h"
#include "xep/jingle/relay_only.h"
#include "xep/jingle/sdp.h"

#define MID_MAX 64
#define MLINE_MAX 63

static const struct {
    const char *name, *canonical;
    enum call_event event;
    bool describes;
} types[] = {{"offer", "offer", CALL_OFFER, true},
             {"answer", "answer", CALL_ANSWER, true},
             {"ice_candidate", "ice_candidate", CALL_CANDIDATE, false},
             {"ice-candidate", "ice_candidate", CALL_CANDIDATE, false},
             {"ice_restart", "ice_restart", CALL_RESTART, true}};

/* ---- Descriptions ---------------------------------------------------------------------------- */

static bool is_secured(const struct media_description *description)
{
    for (guint i = 0; i < description->contents->len; i++) {
        const struct media_content *content = description->contents->pdata[i];
        if (!content->rejected && !content->transport.fingerprint)
            return false;
    }
    return true;
}

static const char *description_read(const json_t *value, const char *type, bool relay_only,
                                    json_t **ret, json_t **ret_bound)
{
    const json_t *text = json_is_object(value) ? json_object_get(value, "sdp") : value;
    const char *sdp = json_string_value(text);
    enum media_fault fault = MEDIA_OK;
    if (!sdp)
        return "must be a description, or an object with one as sdp";
    if (strlen(sdp) != json_string_length(text) || strlen(sdp) > SDP_MAX)
        return "is too long, or holds what a description cannot";
    g_autoptr(media_description) description = sdp_read(sdp, strlen(sdp), &fault);
    if (!description)
        return "is no session description";
    if (!is_secured(description))
        return "lacks a DTLS fingerprint";
    g_autofree char *kept = relay_only ? relay_only_sdp(sdp) : NULL;
    *ret = json_pack("{s:s, s:s}", "type", type, "sdp", kept ? kept : sdp);
    if (!*ret)
        return "is not UTF-8";
    *ret_bound = binding_of(description);
    return NULL;
}

/* ---- Candidates ------------------------------------------------------------------------------ */

static bool mid_is_fine(const json_t *mid)
{
    return !mid || json_is_null(mid) ||
           (json_is_string(mid) && strlen(json_string_value(mid)) == json_string_length(mid) &&
            json_string_length(mid) <= MID_MAX &&
            (json_string_length(mid) == 0 || media_is_token(json_string_value(mid))));
}

static bool index_is_fine(const json_t *index)
{
    return !index || json_is_null(index) ||
           (json_is_integer(index) && json_integer_value(index) >= 0 &&
            json_integer_value(index) <= MLINE_MAX);
}

static bool fragment_is_fine(const json_t *fragment)
{
    return !fragment || json_is_null(fragment) ||
           (json_is_string(fragment) &&
            strlen(json_string_value(fragment)) == json_string_length(fragment) &&
            media_is_ice_text(json_string_value(fragment), 4, 256));
}

static json_t *or_null(json_t *value)
{
    return value ? json_incref(value) : json_null();
}

/* One line, or nothing at the end of all (which browsers write as an empty candidate). *RET_LINE
 * (freed by the caller) is what may be told; NULL: nothing. */
static const char *line_read(const json_t *text, bool relay_only, char **ret_line)
{
    const char *line = json_string_value(text);
    struct candidate candidate;
    if (!line || json_string_length(text) != strlen(line) || strlen(line) > CANDIDATE_LINE_MAX ||
        strcspn(line, "\r\n") != strlen(line))
        return "must be one line of at most 512 bytes";
    g_autoptr(media_description) none = media_description_new();
    if (*line && !candidate_read_line(none, line, strlen(line), &candidate))
        return "is no candidate";
    *ret_line = *line && relay_only ? relay_only_candidate(line) : g_strdup(line);
    return NULL;
}

static const char *candidate_read(const json_t *value, bool relay_only, struct signal *ret)
{
    const json_t *text = json_is_object(value) ? json_object_get(value, "candidate") : value;
    json_t *mid = json_object_get(value, "sdpMid");
    json_t *index = json_object_get(value, "sdpMLineIndex");
    json_t *fragment = json_object_get(value, "usernameFragment");
    g_autofree char *line = NULL;
    const char *wrong = line_read(text, relay_only, &line);
    if (wrong)
        return wrong;
    if (!mid_is_fine(mid) || !index_is_fine(index) || !fragment_is_fine(fragment))
        return "has an sdpMid, sdpMLineIndex or usernameFragment that is none";
    ret->passes = line != NULL;
    json_t *data =
        json_pack("{s:s, s:o, s:o, s:o}", "candidate", line ? line : "", "sdpMid", or_null(mid),
                  "sdpMLineIndex", or_null(index), "usernameFragment", or_null(fragment));
    ret->json = json_pack("{s:s, s:o}", "type", "ice_candidate", "data", data);
    return ret->json ? NULL : "is not UTF-8";
}

/* ---- Both ------------------------------------------------------------------------------------ */

/* The one member that says it. */
static json_t *value_find(const struct signal_given *given, bool describes,
                          const char **ret_pointer)
{
    const json_t *own = describes ? given->sdp : given->candidate;
    *ret_pointer = own ? (describes ? "/sdp" : "/ice_candidate") : "/data";
    const json_t *value = own ? own : given->data;
    const char *text = json_string_value(value);
    if (text && *text == '{') /* an object that was made a text */
        return json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    return json_incref((json_t *)(guintptr)value); /* only for jansson not const */
}

const char *signal_read(const struct signal_given *given, bool relay_only, struct signal *ret,
                        const char **ret_pointer)
{
    size_t i = 0;
    while (i < G_N_ELEMENTS(types) && strcmp(types[i].name, given->type) != 0)
        i++;
    *ret_pointer = "/type";
    if (i == G_N_ELEMENTS(types))
        return "is not one of the permitted values";
    *ret = (struct signal){.event = types[i].event, .passes = true};
    json_t *value = value_find(given, types[i].describes, ret_pointer);
    const char *wrong = NULL;
    json_t *data = NULL;
    if (!types[i].describes) {
        wrong = candidate_read(value, relay_only, ret);
    } else if (!value && types[i].event == CALL_RESTART) { /* the wish alone */
        ret->event = CALL_INFO;
        ret->json = json_pack("{s:s, s:n}", "type", "ice_restart", "data");
    } else {
        wrong = description_read(value, types[i].event == CALL_ANSWER ? "answer" : "offer",
                                 relay_only, &data, &ret->bound);
        if (!wrong)
            ret->json = json_pack("{s:s, s:o}", "type", types[i].canonical, "data", data);
    }
    json_decref(value);
    return wrong;
}
