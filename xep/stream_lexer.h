/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits a byte stream at the borders of XML tokens, without understanding them.
 *
 * It lets the stream reader hand whole tags to the XML parser (which rescans a tag that arrives in
 * pieces: quadratic), know where a stanza ends without parsing it, and refuse what XMPP forbids
 * (RFC 6120 section 11.1). For well-formed XML without a DTD the borders are exact. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum stream_token {
    STREAM_TOKEN_PARTIAL,   /* the data ended inside a tag or reference: keep the bytes, feed on */
    STREAM_TOKEN_TEXT,      /* character data (maybe not all of it), a reference or part of CDATA */
    STREAM_TOKEN_OPEN,      /* <a …> */
    STREAM_TOKEN_CLOSE,     /* </a> */
    STREAM_TOKEN_EMPTY,     /* <a …/> */
    STREAM_TOKEN_DECL,      /* <?…?>, only ever accepted before the first tag */
    STREAM_TOKEN_FORBIDDEN, /* comment, DTD or processing instruction */
    STREAM_TOKEN_BROKEN,    /* a reference that never ends */
};

struct stream_lexer {
    unsigned char state;
    unsigned char quote;
    unsigned char previous; /* the last byte inside a tag or declaration */
    bool close;             /* the tag began with "</" */
    bool tag_seen;
    unsigned char matched; /* bytes of "<![CDATA[" or "]]>" seen */
    unsigned reference;    /* length of the reference so far */
};

/* Looks at LENGTH > 0 bytes, returns how many belong to the token given back. An all-zero lexer
 * stands at the start of a stream. After FORBIDDEN or BROKEN it must not be used again. */
size_t stream_lexer_next(struct stream_lexer *lexer, const char *data, size_t length,
                         enum stream_token *ret_token);
