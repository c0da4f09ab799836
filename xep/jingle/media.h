/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What two sides agree on for a call, in a form that is neither SDP nor Jingle: sdp.h and content.h
 * read it from one of them and write the other.
 *
 * Every string is checked before it is kept: UTF-8, no control characters, within the ceilings
 * below. Strings belong to the description and live as long as it does. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define MEDIA_CONTENTS_MAX 8
#define MEDIA_PAYLOADS_MAX 40
#define MEDIA_CANDIDATES_MAX 64
#define MEDIA_SOURCES_MAX 32
#define MEDIA_ITEMS_MAX 64 /* parameters, feedback, extensions, groups: of each list */
#define MEDIA_TEXT_MAX 512 /* bytes of one string */

/* Why something cannot be a description. */
enum media_fault {
    MEDIA_OK,
    MEDIA_BAD_SYNTAX,   /* failed-application */
    MEDIA_TOO_MUCH,     /* failed-application: a ceiling was passed */
    MEDIA_NO_SECURITY,  /* security-error: no DTLS fingerprint, or keys in the clear alone */
    MEDIA_NO_TRANSPORT, /* unsupported-transports: no rtcp-mux, or no ICE-UDP */
    MEDIA_NO_MEDIA,     /* unsupported-applications: neither audio nor video */
    MEDIA_NO_COMMON     /* incompatible-parameters: an answer without an offered payload type */
};

/* The Jingle reason (XEP-0166 section 7.4) of FAULT; NULL for MEDIA_OK. */
const char *media_fault_reason(enum media_fault fault);

/* Which way media flows, seen from who describes it. */
enum media_direction { MEDIA_INACTIVE = 0, MEDIA_SENDS = 1, MEDIA_RECEIVES = 2, MEDIA_BOTH = 3 };

enum media_setup { SETUP_NONE, SETUP_ACTPASS, SETUP_ACTIVE, SETUP_PASSIVE };

struct media_parameter {
    const char *name;
    const char *value;
};

/* RTCP feedback; type "trr-int" has its number as subtype. */
struct media_feedback {
    const char *type;
    const char *subtype; /* NULL: none */
};

struct media_payload {
    unsigned id; /* 0…127 */
    const char *name;
    unsigned clockrate;
    unsigned channels;  /* 0: not said, which is 1 */
    GArray *parameters; /* struct media_parameter */
    GArray *feedback;   /* struct media_feedback */
};

/* An RTP header extension. */
struct media_extension {
    unsigned id; /* 1…14, or to 255 with two-byte headers */
    const char *uri;
    enum media_direction direction; /* MEDIA_BOTH: not said */
};

struct media_source {
    guint32 ssrc;
    GArray *parameters; /* struct media_parameter */
};

struct media_source_group {
    const char *semantics;
    GArray *ssrcs; /* guint32 */
};

enum candidate_type { CANDIDATE_HOST, CANDIDATE_SRFLX, CANDIDATE_PRFLX, CANDIDATE_RELAY };

/* An ICE candidate (RFC 8839 section 5.1). */
struct candidate {
    const char *foundation; /* 1…32 ice-chars */
    unsigned component;     /* 1…256 */
    bool udp;
    guint32 priority;
    const char *address; /* numeric; a host name may end in .local, see candidate.h */
    unsigned port;
    enum candidate_type type;
    const char *related_address; /* NULL: none, or not to be told */
    unsigned related_port;
    unsigned generation; /* 0…255 */
};

struct media_transport {
    const char *ufrag; /* NULL: not said */
    const char *password;
    const char *hash;        /* "sha-256"; lower case */
    const char *fingerprint; /* upper case with colons; NULL: not said */
    enum media_setup setup;
    GArray *candidates; /* struct candidate */
};

/* One m-line, or one content. */
struct media_content {
    const char *name; /* of the content on XMPP */
    const char *mid;  /* in SDP: the name if it is a token, else made */
    const char
        *kind; /* "audio", "video"; in SDP also "application" and others, which are rejected */
    bool by_responder; /* Jingle's creator */
    bool described;    /* false: a Jingle content that has a transport alone, or only a name */
    bool rejected;     /* port 0 in SDP, and no place in Jingle */
    bool bundle_only;  /* port 0 in an offer, but not rejected */
    bool mux;          /* rtcp-mux */
    bool mixed;        /* extmap-allow-mixed */
    enum media_direction direction;
    unsigned ptime, maxptime;   /* milliseconds; 0: not said */
    const char *bandwidth_type; /* NULL: not said */
    unsigned bandwidth;
    const char *stream, *track; /* of msid; NULL: not said */
    GArray *payloads;           /* struct media_payload, in order of preference */
    GArray *feedback;           /* struct media_feedback, of all payloads */
    GArray *extensions;         /* struct media_extension */
    GArray *sources;            /* struct media_source */
    GArray *groups;             /* struct media_source_group */
    struct media_transport transport;
};

typedef struct media_description media_description;
struct media_description {
    GPtrArray *contents; /* struct media_content *, in the order of the m-lines */
    GPtrArray *bundle;   /* const char *: mids in the BUNDLE group; empty: there is none */
    GStringChunk *strings;
};

struct media_description *media_description_new(void);
void media_description_free(struct media_description *description);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(media_description, media_description_free)

/* A new content at the end; borrowed. NULL: there are MEDIA_CONTENTS_MAX. */
struct media_content *media_content_add(struct media_description *description);
struct media_payload *media_payload_add(struct media_content *content); /* NULL: too many */
struct media_source *media_source_add(struct media_content *content, guint32 ssrc);
struct media_source_group *media_group_add(struct media_content *content, const char *semantics);
/* Appends to one of the arrays; false when it is full. */
bool media_append(GArray *array, const void *item);

struct media_payload *media_payload_find(const struct media_content *content, unsigned id);
struct media_source *media_source_find(const struct media_content *content, guint32 ssrc);
struct media_content *media_content_by_mid(const struct media_description *description,
                                           const char *mid);
struct media_content *media_content_by_name(const struct media_description *description,
                                            const char *name);

/* The content that Jingle means by NAME and creator; the creator may be wrong if the name is nobody
 * else's. */
struct media_content *media_content_find(const struct media_description *description,
                                         const char *name, bool by_responder);

/* Copies LENGTH bytes, without white space at both ends, into the description; NULL when they are
 * empty, longer than MEDIA_TEXT_MAX, no UTF-8, or hold a control character. */
const char *media_keep(struct media_description *description, const char *text, size_t length);
const char *media_keep_text(struct media_description *description,
                            const char *text); /* NULL: NULL */

/* MID joins the BUNDLE group, of at most MEDIA_CONTENTS_MAX. */
void media_bundle_add(struct media_description *description, const char *mid);
bool media_is_bundled(const struct media_description *description, const char *mid);

/* A number in decimal digits alone, from LOW to HIGH. */
bool media_number(const char *text, size_t length, guint64 low, guint64 high, guint64 *ret);
/* Token characters (RFC 4566); the characters of ufrag, password and foundation (RFC 8839). */
bool media_is_token(const char *text);
bool media_is_ice_text(const char *text, size_t least, size_t most);
/* Keeps a fingerprint (RFC 8122): hash in lower, value in upper case. False: it is none. */
bool media_fingerprint_keep(struct media_description *description,
                            struct media_transport *transport, const char *hash, const char *value);
enum media_setup media_setup_parse(const char *text); /* SETUP_NONE: unknown */
const char *media_setup_name(enum media_setup setup);

/* What CONTENT lacks to be part of a session. */
enum media_fault media_content_check(const struct media_content *content);
/* What DESCRIPTION lacks to begin or accept a session with. */
enum media_fault media_check(const struct media_description *description);
