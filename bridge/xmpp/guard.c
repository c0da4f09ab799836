/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looks at what goes out: at objects before they are serialised, at text of others with expat, the
 * way the server will read it. */
#include "config.h"

#include <expat.h>
#include <string.h>

#include "bridge/xmpp/guard.h"
#include "xep/ns.h"

/* Expat hands out names as namespace, this byte, local name. It cannot occur in a namespace. */
#define SEPARATOR '\n'

struct guard {
    char *domain;
    XML_Parser parser; /* reset for every text */
    unsigned depth;
    bool legal;
};

struct guard *guard_new(const char *domain)
{
    struct guard *guard = g_new0(struct guard, 1);
    guard->domain = g_strdup(domain);
    guard->parser = XML_ParserCreateNS("UTF-8", SEPARATOR);
    g_assert(guard->parser);
    return guard;
}

void guard_free(struct guard *guard)
{
    if (!guard)
        return;
    XML_ParserFree(guard->parser);
    g_free(guard->domain);
    g_free(guard);
}

bool guard_addresses(const struct guard *guard, const char *from, const char *to)
{
    if (!from || !to || !*to)
        return false;
    size_t bare = strcspn(from, "/");
    const char *at = memchr(from, '@', bare);
    const char *domain = at ? at + 1 : from;
    size_t length = bare - (size_t)(domain - from);
    return at != from && length == strlen(guard->domain) &&
           g_ascii_strncasecmp(domain, guard->domain, length) == 0 &&
           (from[bare] == '\0' || from[bare + 1] != '\0');
}

static bool is_stanza(const char *name)
{
    return g_str_equal(name, "message") || g_str_equal(name, "presence") || g_str_equal(name, "iq");
}

bool guard_stanza(const struct guard *guard, xmpp_stanza_t *stanza)
{
    return is_stanza(stanza_name(stanza)) && strcmp(stanza_ns(stanza), NS_CLIENT) == 0 &&
           guard_addresses(guard, xmpp_stanza_get_from(stanza), xmpp_stanza_get_to(stanza));
}

static bool is_stanza_name(const char *name)
{
    const char *separator = strchr(name, SEPARATOR);
    const char *local = separator ? separator + 1 : name;
    size_t ns_length = separator ? (size_t)(separator - name) : 0;
    bool known_ns = ns_length == 0 || strncmp(name, NS_CLIENT "\n", ns_length + 1) == 0 ||
                    strncmp(name, NS_COMPONENT "\n", ns_length + 1) == 0;
    return known_ns && is_stanza(local);
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct guard *guard = data;
    if (guard->depth++ > 0)
        return;
    const char *from = NULL;
    const char *to = NULL;
    for (; *attributes; attributes += 2) {
        if (g_str_equal(attributes[0], "from"))
            from = attributes[1];
        else if (g_str_equal(attributes[0], "to"))
            to = attributes[1];
    }
    guard->legal = is_stanza_name(name) && guard_addresses(guard, from, to);
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
    struct guard *guard = data;
    (void)name;
    guard->depth--;
}

static void guard_refuse(struct guard *guard)
{
    guard->legal = false;
    XML_StopParser(guard->parser, XML_FALSE);
}

static void XMLCALL on_comment(void *data, const XML_Char *text)
{
    (void)text;
    guard_refuse(data);
}

static void XMLCALL on_instruction(void *data, const XML_Char *target, const XML_Char *text)
{
    (void)target;
    (void)text;
    guard_refuse(data);
}

static void XMLCALL on_doctype(void *data, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    guard_refuse(data);
}

static void XMLCALL on_declaration(void *data, const XML_Char *version, const XML_Char *encoding,
                                   int standalone)
{
    (void)version;
    (void)encoding;
    (void)standalone;
    guard_refuse(data);
}

bool guard_text(struct guard *guard, const char *xml, size_t length)
{
    if (length == 0 || length > GUARD_STANZA_MAX)
        return false;
    XML_ParserReset(guard->parser, "UTF-8");
    XML_SetUserData(guard->parser, guard);
    XML_SetElementHandler(guard->parser, on_start, on_end);
    XML_SetCommentHandler(guard->parser, on_comment);
    XML_SetProcessingInstructionHandler(guard->parser, on_instruction);
    XML_SetStartDoctypeDeclHandler(guard->parser, on_doctype);
    XML_SetXmlDeclHandler(guard->parser, on_declaration);
    guard->depth = 0;
    guard->legal = false;
    return XML_Parse(guard->parser, xml, (int)length, 1) == XML_STATUS_OK && guard->legal;
}
