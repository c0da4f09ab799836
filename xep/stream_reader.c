/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The XEP-0114 stream reader: stream_lexer.c finds the borders, expat parses, libstrophe holds the
 * tree.
 *
 * The parser is thrown away and made anew, with the saved root tag, after every skipped stanza and
 * every PARSER_BYTES: expat keeps each element name, attribute name and prefix it ever saw, so a
 * parser that lives as long as the link would be a slow leak that any peer can drive. */
#include "config.h"

#include <expat.h>
#include <string.h>

#include "xep/stream_lexer.h"
#include "xep/stream_reader.h"

#define SEPARATOR '\n' /* between namespace and name; expat refuses it inside a namespace */
#define NS_XML "http://www.w3.org/XML/1998/namespace"
#define ROOT_MAX 4096
#define PARSER_BYTES (1024 * 1024)
#define SLICE_MAX (1024 * 1024)

struct frame {
    xmpp_stanza_t *element;
    unsigned children;
};

struct stream_reader {
    struct stream_limits limits;
    const struct stream_callbacks *callbacks;
    void *userdata;
    XML_Parser parser;
    size_t parser_bytes;
    bool stopped;
    bool skipping;  /* the current stanza is over a limit: only the lexer looks at it */
    bool replaying; /* the saved root tag is being fed to a new parser */

    /* What the lexer knows. */
    struct stream_lexer lexer;
    size_t level;       /* open tags, the root included */
    size_t stanza_used; /* bytes of the current stanza so far */
    GByteArray *root;   /* the root tag as it came */
    GByteArray *held;   /* the start of a token that has not arrived whole */
    const char *run;    /* bytes of the caller's that wait for the parser */
    size_t run_length;

    /* What the parser knows. */
    unsigned depth; /* open elements, the root included */
    unsigned elements;
    unsigned declarations; /* namespace declarations of the next element */
    GString *text;
    struct frame *frames; /* frames[d] is the element at depth d; 1 is the stanza */
};

void stream_reader_stop(struct stream_reader *reader)
{
    reader->stopped = true;
    if (reader->parser)
        XML_StopParser(reader->parser, XML_FALSE);
}

static void reader_fail(struct stream_reader *reader, enum stream_failure failure, const char *text)
{
    if (reader->stopped)
        return;
    stream_reader_stop(reader);
    reader->callbacks->failed(failure, text, reader->userdata);
}

static void drop_tree(struct stream_reader *reader)
{
    if (reader->frames[1].element)
        xmpp_stanza_release(reader->frames[1].element);
    reader->frames[1].element = NULL;
    g_string_truncate(reader->text, 0);
}

/* From here to its end the current stanza is skipped. */
static void stanza_skip(struct stream_reader *reader, const struct stream_header *header,
                        enum stream_limit limit)
{
    reader->skipping = true;
    XML_StopParser(reader->parser, XML_FALSE);
    reader->callbacks->over_limit(header, limit, reader->userdata);
    drop_tree(reader);
}

static void skip_current(struct stream_reader *reader, enum stream_limit limit)
{
    struct stream_header header = {0};
    xmpp_stanza_t *stanza = reader->frames[1].element;
    if (stanza) {
        header.name = stanza_name(stanza);
        header.ns = stanza_ns(stanza);
        header.from = stanza_attr(stanza, "from");
        header.to = stanza_attr(stanza, "to");
        header.id = stanza_attr(stanza, "id");
        header.type = stanza_attr(stanza, "type");
    }
    stanza_skip(reader, &header, limit);
}

/* ---- the parser's side ----------------------------------------------------------------------- */

static bool is_muted(const struct stream_reader *reader)
{
    return reader->stopped || reader->skipping;
}

static const char *find_attribute(const char **attributes, const char *name)
{
    for (; attributes[0]; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

/* Splits expat's "namespace\nname"; ret_ns is to be freed. */
static const char *split_name(const char *qualified, char **ret_ns)
{
    const char *border = strrchr(qualified, SEPARATOR);
    if (!border) {
        *ret_ns = g_strdup("");
        return qualified;
    }
    *ret_ns = g_strndup(qualified, (gsize)(border - qualified));
    if (strcmp(*ret_ns, NS_COMPONENT) == 0) {
        g_free(*ret_ns);
        *ret_ns = g_strdup(NS_CLIENT);
    }
    return border + 1;
}

static void open_root(struct stream_reader *reader, const char *qualified, const char **attributes)
{
    g_autofree char *ns = NULL;
    const char *name = split_name(qualified, &ns);
    if (reader->replaying)
        return;
    if (strcmp(name, "stream") != 0 || strcmp(ns, NS_STREAM) != 0) {
        reader_fail(reader, STREAM_FAILURE_ROOT, "the root element is not a stream");
        return;
    }
    reader->callbacks->opened(find_attribute(attributes, "id"), find_attribute(attributes, "from"),
                              reader->userdata);
}

/* Counts one more child of the innermost element; false when that skips the stanza. */
static bool count_child(struct stream_reader *reader)
{
    if (++reader->frames[reader->depth - 1].children <= reader->limits.children)
        return true;
    skip_current(reader, STREAM_LIMIT_CHILDREN);
    return false;
}

static bool put_text(struct stream_reader *reader)
{
    if (reader->text->len == 0)
        return true;
    if (!count_child(reader))
        return false;
    stanza_put_text(reader->frames[reader->depth - 1].element, reader->text->str,
                    reader->text->len);
    g_string_truncate(reader->text, 0);
    return true;
}

static void set_attributes(xmpp_stanza_t *element, const char **attributes)
{
    static const char xml_prefix[] = NS_XML "\n";

    for (; attributes[0]; attributes += 2) {
        if (!strchr(attributes[0], SEPARATOR)) {
            stanza_set(element, attributes[0], attributes[1]);
        } else if (g_str_has_prefix(attributes[0], xml_prefix)) {
            g_autofree char *name =
                g_strconcat("xml:", attributes[0] + sizeof xml_prefix - 1, NULL);
            stanza_set(element, name, attributes[1]);
        }
    }
}

static void skip_from_tag(struct stream_reader *reader, const char *name, const char *ns,
                          const char **attributes)
{
    if (reader->depth > 1) {
        skip_current(reader, STREAM_LIMIT_ATTRIBUTES);
        return;
    }
    struct stream_header header = {.name = name,
                                   .ns = ns,
                                   .from = find_attribute(attributes, "from"),
                                   .to = find_attribute(attributes, "to"),
                                   .id = find_attribute(attributes, "id"),
                                   .type = find_attribute(attributes, "type")};
    stanza_skip(reader, &header, STREAM_LIMIT_ATTRIBUTES);
}

static bool is_within_limits(struct stream_reader *reader)
{
    if (reader->depth > reader->limits.depth) {
        skip_current(reader, STREAM_LIMIT_DEPTH);
        return false;
    }
    if (++reader->elements > reader->limits.elements) {
        skip_current(reader, STREAM_LIMIT_ELEMENTS);
        return false;
    }
    return reader->depth == 1 || (put_text(reader) && count_child(reader));
}

static void open_element(struct stream_reader *reader, const char *qualified,
                         const char **attributes)
{
    g_autofree char *ns = NULL;
    const char *name = split_name(qualified, &ns);
    unsigned count = reader->declarations;
    for (const char **attribute = attributes; attribute[0]; attribute += 2)
        count++;
    reader->declarations = 0;
    if (reader->depth == 1)
        reader->elements = 0;
    if (count > reader->limits.attributes) {
        skip_from_tag(reader, name, ns, attributes);
        return;
    }
    if (!is_within_limits(reader))
        return;

    xmpp_stanza_t *element = stanza_new(name, ns);
    set_attributes(element, attributes);
    reader->frames[reader->depth] = (struct frame){.element = element};
    if (reader->depth > 1)
        stanza_take(reader->frames[reader->depth - 1].element, element);
}

static void on_start(void *userdata, const char *qualified, const char **attributes)
{
    struct stream_reader *reader = userdata;
    if (is_muted(reader))
        return;
    if (reader->depth == 0)
        open_root(reader, qualified, attributes);
    else
        open_element(reader, qualified, attributes);
    reader->declarations = 0;
    reader->depth++;
}

static void on_end(void *userdata, const char *qualified)
{
    struct stream_reader *reader = userdata;
    (void)qualified;
    if (is_muted(reader))
        return;
    if (reader->depth == 1) {
        stream_reader_stop(reader);
        reader->callbacks->closed(reader->userdata);
        return;
    }
    if (!put_text(reader))
        return;
    reader->depth--;
    if (reader->depth == 1) {
        reader->callbacks->stanza(reader->frames[1].element, reader->userdata);
        drop_tree(reader);
    }
}

static void on_text(void *userdata, const char *text, int length)
{
    struct stream_reader *reader = userdata;
    if (!is_muted(reader) && reader->depth > 1)
        g_string_append_len(reader->text, text, length);
}

static void on_namespace(void *userdata, const char *prefix, const char *uri)
{
    struct stream_reader *reader = userdata;
    (void)prefix;
    (void)uri;
    reader->declarations++;
}

static void on_declaration(void *userdata, const char *version, const char *encoding,
                           int standalone)
{
    (void)version;
    (void)standalone;
    if (encoding && g_ascii_strcasecmp(encoding, "UTF-8") != 0)
        reader_fail(userdata, STREAM_FAILURE_ENCODING, "the encoding is not UTF-8");
}

static void on_instruction(void *userdata, const char *target, const char *data)
{
    (void)target;
    (void)data;
    reader_fail(userdata, STREAM_FAILURE_FORBIDDEN, "processing instruction");
}

static void make_parser(struct stream_reader *reader)
{
    XML_Parser parser = XML_ParserCreateNS("UTF-8", SEPARATOR);
    if (!parser)
        g_error("out of memory");
    XML_SetUserData(parser, reader);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetStartNamespaceDeclHandler(parser, on_namespace);
    XML_SetXmlDeclHandler(parser, on_declaration);
    XML_SetProcessingInstructionHandler(parser, on_instruction);
#ifdef HAVE_XML_SETREPARSEDEFERRALENABLED
    XML_SetReparseDeferralEnabled(parser, XML_FALSE); /* the lexer already does this, and exactly */
#endif
    reader->parser = parser;
    reader->parser_bytes = 0;
    reader->depth = 0;
    reader->declarations = 0;
}

static void reader_parse(struct stream_reader *reader, const void *data, size_t length)
{
    if (length == 0 || is_muted(reader))
        return;
    reader->parser_bytes += length;
    enum XML_Status status = XML_Parse(reader->parser, data, (int)length, XML_FALSE);
    if (status != XML_STATUS_OK && !is_muted(reader))
        reader_fail(reader, STREAM_FAILURE_MALFORMED,
                    XML_ErrorString(XML_GetErrorCode(reader->parser)));
}

static void renew_parser(struct stream_reader *reader)
{
    XML_ParserFree(reader->parser);
    make_parser(reader);
    reader->replaying = true;
    reader_parse(reader, reader->root->data, reader->root->len);
    reader->replaying = false;
}

/* ---- the lexer's side ------------------------------------------------------------------------ */

static void flush_run(struct stream_reader *reader)
{
    size_t length = reader->run_length;
    reader->run_length = 0;
    reader_parse(reader, reader->run, length);
}

static void skip_over_bytes(struct stream_reader *reader)
{
    flush_run(reader);
    if (!is_muted(reader))
        skip_current(reader, STREAM_LIMIT_BYTES);
    g_byte_array_set_size(reader->held, 0);
}

/* Before the root tag only ASCII space, a UTF-8 byte order mark and the declaration make sense.
 * Other bytes, and any NUL, would talk expat into UTF-16, and the lexer would then see other tags
 * than it. */
static bool is_prolog_sane(struct stream_reader *reader, bool is_text, const char *data,
                           size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (data[i] != '\0' && (!is_text || strchr(" \t\r\n\xef\xbb\xbf", data[i])))
            continue;
        reader_fail(reader, STREAM_FAILURE_MALFORMED, "text before the root tag");
        return false;
    }
    return true;
}

/* Keeps the beginning of a token until the rest arrives. */
static void token_hold(struct stream_reader *reader, const char *data, size_t length)
{
    flush_run(reader);
    if (is_muted(reader))
        return;
    size_t whole = reader->held->len + length;
    if (reader->level == 0 && !is_prolog_sane(reader, false, data, length))
        return;
    if (reader->level == 0 && whole > ROOT_MAX)
        reader_fail(reader, STREAM_FAILURE_ROOT, "the root tag is too long");
    else if (reader->level > 0 && whole > reader->limits.stanza_bytes - reader->stanza_used)
        skip_over_bytes(reader);
    else
        g_byte_array_append(reader->held, (const guint8 *)data, (guint)length);
}

/* Gives a token to the parser, now or with its neighbours. */
static void token_pass(struct stream_reader *reader, const char *data, size_t length)
{
    if (reader->held->len > 0) {
        g_byte_array_append(reader->held, (const guint8 *)data, (guint)length);
        reader_parse(reader, reader->held->data, reader->held->len);
        g_byte_array_set_size(reader->held, 0);
        return;
    }
    if (reader->run_length == 0)
        reader->run = data;
    reader->run_length += length;
}

/* What comes before and with the root tag. */
static void take_prolog(struct stream_reader *reader, enum stream_token token, const char *data,
                        size_t length)
{
    bool is_text = token == STREAM_TOKEN_TEXT;
    if (!is_prolog_sane(reader, is_text, data, length))
        return;
    if (!is_text && reader->held->len + length > ROOT_MAX) {
        reader_fail(reader, STREAM_FAILURE_ROOT, "the root tag is too long");
        return;
    }
    if (token != STREAM_TOKEN_OPEN && token != STREAM_TOKEN_EMPTY)
        return;
    g_byte_array_append(reader->root, reader->held->data, reader->held->len);
    g_byte_array_append(reader->root, (const guint8 *)data, (guint)length);
}

static void end_stanza(struct stream_reader *reader)
{
    flush_run(reader);
    reader->stanza_used = 0;
    if (reader->stopped)
        return;
    if (reader->skipping || reader->parser_bytes > PARSER_BYTES) {
        reader->skipping = false;
        renew_parser(reader);
    }
}

static void count_level(struct stream_reader *reader, enum stream_token token)
{
    if (token == STREAM_TOKEN_OPEN)
        reader->level++;
    else if (token == STREAM_TOKEN_CLOSE && reader->level > 0)
        reader->level--;
}

/* A token that has arrived whole. */
static void take_token(struct stream_reader *reader, enum stream_token token, const char *data,
                       size_t length)
{
    bool is_tag = token == STREAM_TOKEN_OPEN || token == STREAM_TOKEN_EMPTY;
    bool in_stanza = reader->level > 1 || (reader->level == 1 && is_tag);

    if (!reader->skipping && in_stanza) {
        size_t room = reader->limits.stanza_bytes - reader->stanza_used;
        size_t whole = reader->held->len + length;
        if (whole > room) {
            if (token == STREAM_TOKEN_TEXT && reader->held->len == 0)
                token_pass(reader, data, room);
            skip_over_bytes(reader);
        }
        reader->stanza_used += MIN(whole, room);
    }
    if (reader->level == 0 && reader->root->len == 0)
        take_prolog(reader, token, data, length);
    if (!is_muted(reader))
        token_pass(reader, data, length);
    count_level(reader, token);
    if (token == STREAM_TOKEN_TEXT)
        return;
    if (reader->level == 0)
        flush_run(reader);
    if (reader->level == 0 && reader->skipping)
        reader_fail(reader, STREAM_FAILURE_MALFORMED, "mismatched tag");
    if (reader->level == 1 && (in_stanza || reader->skipping))
        end_stanza(reader);
}

/* A token that ends the stream. What precedes its last byte may have gone over the limit first. */
static void token_refuse(struct stream_reader *reader, enum stream_token token, size_t length)
{
    flush_run(reader);
    size_t room = reader->limits.stanza_bytes - reader->stanza_used;
    if (!is_muted(reader) && reader->level > 0 && reader->held->len + length - 1 > room)
        skip_over_bytes(reader);
    if (token == STREAM_TOKEN_FORBIDDEN)
        reader_fail(reader, STREAM_FAILURE_FORBIDDEN, "comment, DTD or processing instruction");
    else
        reader_fail(reader, STREAM_FAILURE_MALFORMED, "undefined entity");
}

static void feed_slice(struct stream_reader *reader, const char *data, size_t length)
{
    for (size_t used = 0; used < length && !reader->stopped;) {
        enum stream_token token;
        size_t count = stream_lexer_next(&reader->lexer, data + used, length - used, &token);
        if (token == STREAM_TOKEN_FORBIDDEN || token == STREAM_TOKEN_BROKEN) {
            token_refuse(reader, token, count);
        } else if (token != STREAM_TOKEN_PARTIAL) {
            take_token(reader, token, data + used, count);
        } else if (!reader->skipping) {
            token_hold(reader, data + used, count);
        }
        used += count;
    }
    flush_run(reader);
}

bool stream_reader_feed(struct stream_reader *reader, const char *data, size_t length)
{
    while (length > 0 && !reader->stopped) {
        size_t slice = MIN(length, (size_t)SLICE_MAX);
        feed_slice(reader, data, slice);
        data += slice;
        length -= slice;
    }
    return !reader->stopped;
}

struct stream_reader *stream_reader_new(const struct stream_limits *limits,
                                        const struct stream_callbacks *callbacks, void *userdata)
{
    struct stream_reader *reader = g_new0(struct stream_reader, 1);
    reader->limits = *limits;
    reader->limits.attributes = MIN(limits->attributes, STREAM_ATTRIBUTES_MAX);
    reader->callbacks = callbacks;
    reader->userdata = userdata;
    reader->root = g_byte_array_new();
    reader->held = g_byte_array_new();
    reader->text = g_string_new(NULL);
    reader->frames = g_new0(struct frame, MAX(limits->depth, 1) + 1);
    make_parser(reader);
    return reader;
}

void stream_reader_free(struct stream_reader *reader)
{
    if (!reader)
        return;
    drop_tree(reader);
    XML_ParserFree(reader->parser);
    g_byte_array_unref(reader->root);
    g_byte_array_unref(reader->held);
    g_string_free(reader->text, TRUE);
    g_free(reader->frames);
    g_free(reader);
}
