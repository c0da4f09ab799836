/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading: lines, then a table of attributes. What is said for the session counts for each m-line
 * that does not say otherwise. */
#include "config.h"

#include <string.h>

#include "xep/jingle/candidate.h"
#include "xep/jingle/sdp.h"

/* A piece of a line, not NUL-terminated. */
struct piece {
    const char *text;
    size_t length;
};

struct reader {
    struct media_description *description;
    struct media_content *content; /* NULL: lines of the session */
    struct media_transport session;
    bool session_mixed;
    enum media_fault fault;
};

/* Cuts off what is before the first SEPARATOR; all when there is none. */
static struct piece piece_next(struct piece *rest, char separator)
{
    const char *end = memchr(rest->text, separator, rest->length);
    struct piece next = {rest->text, end ? (size_t)(end - rest->text) : rest->length};
    size_t used = next.length + (end ? 1 : 0);
    rest->text += used;
    rest->length -= used;
    return next;
}

static bool piece_is(struct piece piece, const char *text)
{
    return piece.length == strlen(text) && memcmp(piece.text, text, piece.length) == 0;
}

static bool piece_number(struct piece piece, guint64 high, unsigned *ret)
{
    guint64 number;
    if (!media_number(piece.text, piece.length, 0, high, &number))
        return false;
    *ret = (unsigned)number;
    return true;
}

static const char *piece_keep(struct reader *reader, struct piece piece)
{
    return media_keep(reader->description, piece.text, piece.length);
}

static void reader_fail(struct reader *reader, enum media_fault fault)
{
    if (reader->fault == MEDIA_OK)
        reader->fault = fault;
}

static struct media_transport *transport_of(struct reader *reader)
{
    return reader->content ? &reader->content->transport : &reader->session;
}

static void reader_append(struct reader *reader, GArray *array, const void *item)
{
    if (!media_append(array, item))
        reader_fail(reader, MEDIA_TOO_MUCH);
}

/* ---- Attributes ------------------------------------------------------------------------------ */

static void read_group(struct reader *reader, struct piece value)
{
    if (!piece_is(piece_next(&value, ' '), "BUNDLE"))
        return;
    while (value.length > 0) {
        const char *mid = piece_keep(reader, piece_next(&value, ' '));
        if (media_is_token(mid))
            media_bundle_add(reader->description, mid);
    }
}

static void read_ufrag(struct reader *reader, struct piece value)
{
    transport_of(reader)->ufrag = piece_keep(reader, value);
}

static void read_password(struct reader *reader, struct piece value)
{
    transport_of(reader)->password = piece_keep(reader, value);
}

static void read_fingerprint(struct reader *reader, struct piece value)
{
    struct media_transport *transport = transport_of(reader);
    const char *hash = piece_keep(reader, piece_next(&value, ' '));
    if (transport->fingerprint && g_strcmp0(transport->hash, "sha-256") == 0)
        return; /* of several, the one that every browser has */
    if (!media_fingerprint_keep(reader->description, transport, hash, piece_keep(reader, value)))
        reader_fail(reader, MEDIA_BAD_SYNTAX);
}

static void read_setup(struct reader *reader, struct piece value)
{
    transport_of(reader)->setup = media_setup_parse(piece_keep(reader, value));
}

static void read_candidate(struct reader *reader, struct piece value)
{
    /* The name is in front of the value. */
    static const size_t head = sizeof "candidate:" - 1;
    struct candidate candidate;
    GArray *candidates = transport_of(reader)->candidates;
    if (!reader->content)
        return;
    if (!candidate_read_line(reader->description, value.text - head, value.length + head,
                             &candidate))
        reader_fail(reader, MEDIA_BAD_SYNTAX);
    else if (candidates->len >= MEDIA_CANDIDATES_MAX)
        reader_fail(reader, MEDIA_TOO_MUCH);
    else
        g_array_append_val(candidates, candidate);
}

static void read_mixed(struct reader *reader, struct piece value)
{
    (void)value;
    if (reader->content)
        reader->content->mixed = true;
    else
        reader->session_mixed = true;
}

static void read_mid(struct reader *reader, struct piece value)
{
    const char *mid = piece_keep(reader, value);
    if (!media_is_token(mid) || media_content_by_mid(reader->description, mid))
        reader_fail(reader, MEDIA_BAD_SYNTAX);
    reader->content->mid = reader->content->name = mid;
}

static void read_mux(struct reader *reader, struct piece value)
{
    (void)value;
    reader->content->mux = true;
}

static void read_bundle_only(struct reader *reader, struct piece value)
{
    (void)value;
    reader->content->bundle_only = true;
}

static void read_sendrecv(struct reader *reader, struct piece value)
{
    (void)value;
    reader->content->direction = MEDIA_BOTH;
}

static void read_sendonly(struct reader *reader, struct piece value)
{
    (void)value;
    reader->content->direction = MEDIA_SENDS;
}

static void read_recvonly(struct reader *reader, struct piece value)
{
    (void)value;
    reader->content->direction = MEDIA_RECEIVES;
}

static void read_inactive(struct reader *reader, struct piece value)
{
    (void)value;
    reader->content->direction = MEDIA_INACTIVE;
}

static void read_ptime(struct reader *reader, struct piece value)
{
    piece_number(value, 1000, &reader->content->ptime);
}

static void read_maxptime(struct reader *reader, struct piece value)
{
    piece_number(value, 1000, &reader->content->maxptime);
}

/* "STREAM TRACK"; a track without stream is "- TRACK". */
static void read_msid(struct reader *reader, struct piece value)
{
    reader->content->stream = piece_keep(reader, piece_next(&value, ' '));
    reader->content->track = piece_keep(reader, value);
}

/* The payload that a line "PT …" is about; NULL: it is not in the m-line. */
static struct media_payload *payload_of(struct reader *reader, struct piece *value)
{
    unsigned id;
    if (!piece_number(piece_next(value, ' '), 127, &id))
        return NULL;
    return media_payload_find(reader->content, id);
}

static void read_rtpmap(struct reader *reader, struct piece value)
{
    struct media_payload *payload = payload_of(reader, &value);
    if (!payload)
        return;
    payload->name = piece_keep(reader, piece_next(&value, '/'));
    if (!media_is_token(payload->name) ||
        !piece_number(piece_next(&value, '/'), G_MAXINT32, &payload->clockrate) ||
        (value.length > 0 && !piece_number(value, 255, &payload->channels)))
        reader_fail(reader, MEDIA_BAD_SYNTAX);
    if (payload->channels == 1) /* as when it is not said */
        payload->channels = 0;
}

/* What has no name and value ("0-15", "111/111") has no place in Jingle. */
static void read_fmtp(struct reader *reader, struct piece value)
{
    struct media_payload *payload = payload_of(reader, &value);
    while (payload && value.length > 0) {
        struct piece text = piece_next(&value, ';');
        struct piece name = piece_next(&text, '=');
        struct media_parameter parameter = {piece_keep(reader, name), piece_keep(reader, text)};
        if (parameter.name && parameter.value)
            reader_append(reader, payload->parameters, &parameter);
    }
}

static void read_feedback(struct reader *reader, struct piece value)
{
    struct piece all = value;
    GArray *list = reader->content->feedback;
    if (piece_is(piece_next(&all, ' '), "*")) {
        value = all;
    } else {
        struct media_payload *payload = payload_of(reader, &value);
        if (!payload)
            return;
        list = payload->feedback;
    }
    struct piece type = piece_next(&value, ' ');
    struct media_feedback feedback = {piece_keep(reader, type), piece_keep(reader, value)};
    if (feedback.type)
        reader_append(reader, list, &feedback);
}

/* "ID[/DIRECTION] URI [attributes]" */
static void read_extension(struct reader *reader, struct piece value)
{
    static const struct {
        const char *name;
        enum media_direction direction;
    } ways[] = {
        {"sendonly", MEDIA_SENDS}, {"recvonly", MEDIA_RECEIVES}, {"inactive", MEDIA_INACTIVE}};
    struct piece way = piece_next(&value, ' ');
    struct piece id = piece_next(&way, '/');
    struct media_extension extension = {.direction = MEDIA_BOTH,
                                        .uri = piece_keep(reader, piece_next(&value, ' '))};
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        if (piece_is(way, ways[i].name))
            extension.direction = ways[i].direction;
    }
    if (!extension.uri || !piece_number(id, 255, &extension.id) || extension.id == 0)
        reader_fail(reader, MEDIA_BAD_SYNTAX);
    else
        reader_append(reader, reader->content->extensions, &extension);
}

static struct media_source *source_of(struct reader *reader, struct piece text)
{
    guint64 ssrc;
    if (!media_number(text.text, text.length, 0, G_MAXUINT32, &ssrc)) {
        reader_fail(reader, MEDIA_BAD_SYNTAX);
        return NULL;
    }
    struct media_source *source = media_source_find(reader->content, (guint32)ssrc);
    if (!source && !(source = media_source_add(reader->content, (guint32)ssrc)))
        reader_fail(reader, MEDIA_TOO_MUCH);
    return source;
}

/* "SSRC NAME:VALUE" */
static void read_source(struct reader *reader, struct piece value)
{
    struct media_source *source = source_of(reader, piece_next(&value, ' '));
    struct piece name = piece_next(&value, ':');
    struct media_parameter parameter = {piece_keep(reader, name), piece_keep(reader, value)};
    if (source && parameter.name)
        reader_append(reader, source->parameters, &parameter);
}

static void read_source_group(struct reader *reader, struct piece value)
{
    const char *semantics = piece_keep(reader, piece_next(&value, ' '));
    if (!media_is_token(semantics)) {
        reader_fail(reader, MEDIA_BAD_SYNTAX);
        return;
    }
    struct media_source_group *group = media_group_add(reader->content, semantics);
    while (group && value.length > 0) {
        struct piece text = piece_next(&value, ' ');
        guint64 ssrc;
        if (!media_number(text.text, text.length, 0, G_MAXUINT32, &ssrc)) {
            reader_fail(reader, MEDIA_BAD_SYNTAX);
            return;
        }
        guint32 number = (guint32)ssrc;
        reader_append(reader, group->ssrcs, &number);
    }
}

enum level { LEVEL_SESSION = 1, LEVEL_MEDIA = 2, LEVEL_BOTH = 3 };

static const struct attribute {
    const char *name;
    enum level level; /* elsewhere it is passed over */
    void (*read)(struct reader *reader, struct piece value);
} attributes[] = {
    {"group", LEVEL_SESSION, read_group},
    {"ice-ufrag", LEVEL_BOTH, read_ufrag},
    {"ice-pwd", LEVEL_BOTH, read_password},
    {"fingerprint", LEVEL_BOTH, read_fingerprint},
    {"setup", LEVEL_BOTH, read_setup},
    {"extmap-allow-mixed", LEVEL_BOTH, read_mixed},
    {"candidate", LEVEL_MEDIA, read_candidate},
    {"mid", LEVEL_MEDIA, read_mid},
    {"rtcp-mux", LEVEL_MEDIA, read_mux},
    {"bundle-only", LEVEL_MEDIA, read_bundle_only},
    {"sendrecv", LEVEL_MEDIA, read_sendrecv},
    {"sendonly", LEVEL_MEDIA, read_sendonly},
    {"recvonly", LEVEL_MEDIA, read_recvonly},
    {"inactive", LEVEL_MEDIA, read_inactive},
    {"ptime", LEVEL_MEDIA, read_ptime},
    {"maxptime", LEVEL_MEDIA, read_maxptime},
    {"msid", LEVEL_MEDIA, read_msid},
    {"rtpmap", LEVEL_MEDIA, read_rtpmap},
    {"fmtp", LEVEL_MEDIA, read_fmtp},
    {"rtcp-fb", LEVEL_MEDIA, read_feedback},
    {"extmap", LEVEL_MEDIA, read_extension},
    {"ssrc", LEVEL_MEDIA, read_source},
    {"ssrc-group", LEVEL_MEDIA, read_source_group},
};

static void read_attribute(struct reader *reader, struct piece line)
{
    struct piece name = piece_next(&line, ':');
    enum level level = reader->content ? LEVEL_MEDIA : LEVEL_SESSION;
    for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++) {
        if ((attributes[i].level & level) && piece_is(name, attributes[i].name))
            attributes[i].read(reader, line);
    }
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* Payload types that may come without rtpmap (RFC 3551 section 6). */
static void put_static(struct media_payload *payload)
{
    static const struct {
        unsigned id;
        const char *name;
    } known[] = {{0, "PCMU"}, {8, "PCMA"}, {9, "G722"}, {13, "CN"}};
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (payload->id == known[i].id) {
            payload->name = known[i].name;
            payload->clockrate = 8000;
        }
    }
}

static void read_payload(struct reader *reader, struct piece text)
{
    unsigned id;
    if (!piece_number(text, 127, &id) || media_payload_find(reader->content, id)) {
        reader_fail(reader, MEDIA_BAD_SYNTAX);
        return;
    }
    struct media_payload *payload = media_payload_add(reader->content);
    if (!payload) {
        reader_fail(reader, MEDIA_TOO_MUCH);
        return;
    }
    payload->id = id;
    put_static(payload);
}

/* "audio 9 UDP/TLS/RTP/SAVPF 111 0": anything but audio and video over DTLS-SRTP has no place. */
static void read_media(struct reader *reader, struct piece line)
{
    unsigned port;
    struct media_content *content = media_content_add(reader->description);
    if (!content) {
        reader_fail(reader, MEDIA_TOO_MUCH);
        return;
    }
    reader->content = content;
    content->kind = piece_keep(reader, piece_next(&line, ' '));
    struct piece ports = piece_next(&line, ' ');
    struct piece protocol = piece_next(&line, ' ');
    if (!media_is_token(content->kind) || !piece_number(piece_next(&ports, '/'), 65535, &port)) {
        reader_fail(reader, MEDIA_BAD_SYNTAX);
        return;
    }
    bool is_rtp = strcmp(content->kind, "audio") == 0 || strcmp(content->kind, "video") == 0;
    content->described = true;
    content->rejected = port == 0 || !is_rtp;
    if (is_rtp && !piece_is(protocol, "UDP/TLS/RTP/SAVPF"))
        reader_fail(reader, MEDIA_NO_SECURITY);
    while (is_rtp && line.length > 0)
        read_payload(reader, piece_next(&line, ' '));
}

/* "AS:500" */
static void read_bandwidth(struct reader *reader, struct piece line)
{
    struct media_content *content = reader->content;
    if (!content)
        return;
    const char *type = piece_keep(reader, piece_next(&line, ':'));
    if (media_is_token(type) && piece_number(line, G_MAXINT32, &content->bandwidth))
        content->bandwidth_type = type;
}

static void read_line(struct reader *reader, struct piece line)
{
    if (line.length < 2 || line.text[1] != '=') {
        reader_fail(reader, MEDIA_BAD_SYNTAX);
        return;
    }
    struct piece value = {line.text + 2, line.length - 2};
    switch (line.text[0]) {
    case 'm':
        read_media(reader, value);
        break;
    case 'a':
        read_attribute(reader, value);
        break;
    case 'b':
        read_bandwidth(reader, value);
        break;
    default:
        break;
    }
}

/* ---- Afterwards ------------------------------------------------------------------------------ */

/* What the session says, for a content that does not say it; and a name for who has none. */
static void content_finish(struct reader *reader, struct media_content *content, guint index)
{
    struct media_transport *own = &content->transport;
    const struct media_transport *session = &reader->session;
    if (!own->ufrag && !own->password) {
        own->ufrag = session->ufrag;
        own->password = session->password;
    }
    if (!own->fingerprint) {
        own->hash = session->hash;
        own->fingerprint = session->fingerprint;
    }
    if (own->setup == SETUP_NONE)
        own->setup = session->setup;
    content->mixed = content->mixed || reader->session_mixed;
    if (content->bundle_only &&
        (strcmp(content->kind, "audio") == 0 || strcmp(content->kind, "video") == 0))
        content->rejected = false;
    if (!content->mid) {
        char name[8];
        g_snprintf(name, sizeof name, "%u", index);
        if (media_content_by_mid(reader->description, name))
            reader_fail(reader, MEDIA_BAD_SYNTAX);
        content->mid = content->name = media_keep_text(reader->description, name);
    }
    /* A payload type of which nothing is known is of no use to anybody. */
    for (guint i = content->payloads->len; i-- > 0;) {
        if (!g_array_index(content->payloads, struct media_payload, i).name)
            g_array_remove_index(content->payloads, i);
    }
}

static void read_lines(struct reader *reader, const char *text, size_t length)
{
    struct piece rest = {text, length};
    unsigned lines = 0;
    while (rest.length > 0 && reader->fault == MEDIA_OK) {
        struct piece line = piece_next(&rest, '\n');
        if (line.length > 0 && line.text[line.length - 1] == '\r')
            line.length--;
        if (lines++ == 0 && !piece_is(line, "v=0"))
            reader_fail(reader, MEDIA_BAD_SYNTAX);
        else if (line.length > SDP_LINE_MAX || lines > SDP_LINES_MAX)
            reader_fail(reader, MEDIA_TOO_MUCH);
        else if (line.length > 0)
            read_line(reader, line);
    }
    if (lines == 0)
        reader_fail(reader, MEDIA_BAD_SYNTAX);
}

struct media_description *sdp_read(const char *text, size_t length, enum media_fault *ret_fault)
{
    g_autoptr(media_description) description = media_description_new();
    g_autoptr(GArray) none = g_array_new(FALSE, FALSE, sizeof(struct candidate));
    struct reader reader = {.description = description, .session.candidates = none};
    if (length > SDP_MAX)
        reader.fault = MEDIA_TOO_MUCH;
    else if (!g_utf8_validate(text, (gssize)length, NULL)) /* which has no NUL either */
        reader.fault = MEDIA_BAD_SYNTAX;
    else
        read_lines(&reader, text, length);
    for (guint i = 0; i < description->contents->len && reader.fault == MEDIA_OK; i++)
        content_finish(&reader, description->contents->pdata[i], i);
    *ret_fault = reader.fault;
    return reader.fault == MEDIA_OK ? g_steal_pointer(&description) : NULL;
}
