/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tag splitter of the stream reader. */
#include "config.h"

#include "xep/stream_lexer.h"

#define REFERENCE_MAX 32

enum { TEXT, REFERENCE, LESS, TAG, BANG, CDATA, DECL };

static const char cdata_open[] = "<![CDATA[";

static size_t scan_text(struct stream_lexer *lexer, const char *data, size_t length,
                        enum stream_token *ret_token)
{
    if (*data == '<' || *data == '&') {
        lexer->state = *data == '<' ? LESS : REFERENCE;
        lexer->reference = 1;
        lexer->close = false;
        *ret_token = STREAM_TOKEN_PARTIAL;
        return 1;
    }
    size_t used = 1;
    while (used < length && data[used] != '<' && data[used] != '&')
        used++;
    *ret_token = STREAM_TOKEN_TEXT;
    return used;
}

static size_t scan_reference(struct stream_lexer *lexer, const char *data, size_t length,
                             enum stream_token *ret_token)
{
    for (size_t i = 0; i < length; i++) {
        if (data[i] == ';') {
            lexer->state = TEXT;
            *ret_token = STREAM_TOKEN_TEXT;
            return i + 1;
        }
        if (++lexer->reference > REFERENCE_MAX || data[i] == '<' || data[i] == '&') {
            *ret_token = STREAM_TOKEN_BROKEN;
            return i + 1;
        }
    }
    *ret_token = STREAM_TOKEN_PARTIAL;
    return length;
}

static size_t scan_less(struct stream_lexer *lexer, const char *data, enum stream_token *ret_token)
{
    *ret_token = STREAM_TOKEN_PARTIAL;
    lexer->previous = 0;
    lexer->quote = 0;
    switch (*data) {
    case '?':
        lexer->state = DECL;
        if (lexer->tag_seen)
            *ret_token = STREAM_TOKEN_FORBIDDEN;
        return 1;
    case '!':
        lexer->state = BANG;
        lexer->matched = 2;
        return 1;
    case '/':
        lexer->close = true;
        lexer->state = TAG;
        return 1;
    default:
        lexer->state = TAG;
        return 0;
    }
}

static size_t scan_tag(struct stream_lexer *lexer, const char *data, size_t length,
                       enum stream_token *ret_token)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)data[i];
        if (lexer->quote) {
            if (c == lexer->quote)
                lexer->quote = 0;
        } else if (c == '>') {
            lexer->state = TEXT;
            lexer->tag_seen = true;
            if (lexer->close)
                *ret_token = STREAM_TOKEN_CLOSE;
            else
                *ret_token = lexer->previous == '/' ? STREAM_TOKEN_EMPTY : STREAM_TOKEN_OPEN;
            return i + 1;
        } else if (c == '"' || c == '\'') {
            lexer->quote = c;
        }
        lexer->previous = c;
    }
    *ret_token = STREAM_TOKEN_PARTIAL;
    return length;
}

static size_t scan_bang(struct stream_lexer *lexer, const char *data, enum stream_token *ret_token)
{
    *ret_token = STREAM_TOKEN_PARTIAL;
    if (*data != cdata_open[lexer->matched]) {
        *ret_token = STREAM_TOKEN_FORBIDDEN;
    } else if (cdata_open[++lexer->matched] == '\0') {
        lexer->state = CDATA;
        lexer->matched = 0;
        *ret_token = STREAM_TOKEN_TEXT;
    }
    return 1;
}

/* MATCHED counts the brackets before the current byte, two at most. */
static size_t scan_cdata(struct stream_lexer *lexer, const char *data, size_t length,
                         enum stream_token *ret_token)
{
    *ret_token = STREAM_TOKEN_TEXT;
    for (size_t i = 0; i < length; i++) {
        if (data[i] == ']') {
            if (lexer->matched < 2)
                lexer->matched++;
        } else if (data[i] == '>' && lexer->matched == 2) {
            lexer->state = TEXT;
            return i + 1;
        } else {
            lexer->matched = 0;
        }
    }
    return length;
}

static size_t scan_decl(struct stream_lexer *lexer, const char *data, size_t length,
                        enum stream_token *ret_token)
{
    for (size_t i = 0; i < length; i++) {
        if (data[i] == '>' && lexer->previous == '?') {
            lexer->state = TEXT;
            *ret_token = STREAM_TOKEN_DECL;
            return i + 1;
        }
        lexer->previous = (unsigned char)data[i];
    }
    *ret_token = STREAM_TOKEN_PARTIAL;
    return length;
}

static size_t lexer_scan(struct stream_lexer *lexer, const char *data, size_t length,
                         enum stream_token *ret_token)
{
    switch (lexer->state) {
    case REFERENCE:
        return scan_reference(lexer, data, length, ret_token);
    case LESS:
        return scan_less(lexer, data, ret_token);
    case TAG:
        return scan_tag(lexer, data, length, ret_token);
    case BANG:
        return scan_bang(lexer, data, ret_token);
    case CDATA:
        return scan_cdata(lexer, data, length, ret_token);
    case DECL:
        return scan_decl(lexer, data, length, ret_token);
    default:
        return scan_text(lexer, data, length, ret_token);
    }
}

size_t stream_lexer_next(struct stream_lexer *lexer, const char *data, size_t length,
                         enum stream_token *ret_token)
{
    size_t used = 0;
    do
        used += lexer_scan(lexer, data + used, length - used, ret_token);
    while (*ret_token == STREAM_TOKEN_PARTIAL && used < length);
    return used;
}
