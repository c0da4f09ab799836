/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splitting and checking XMPP addresses. */
#include "config.h"

#include <string.h>

#include "xep/jid.h"
#include "xep/precis.h"
#include "xep/visible.h"

/* No controls, and none of FORBIDDEN; SPACES says whether any space is fine. */
static bool has_only_allowed(const char *text, size_t length, const char *forbidden, bool spaces)
{
    const char *end = text + length;
    for (const char *p = text; p < end; p += g_utf8_skip[(unsigned char)*p]) {
        gunichar c = g_utf8_get_char_validated(p, end - p);
        if (c == (gunichar)-1 || c == (gunichar)-2 || c < 0x20 || g_unichar_iscntrl(c))
            return false;
        if ((c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef))
            return false;
        if (!spaces && g_unichar_isspace(c))
            return false;
        if (c < 0x80 && strchr(forbidden, (int)c))
            return false;
    }
    return true;
}

static bool is_part(const char *text, size_t length, const char *forbidden, bool spaces)
{
    return length > 0 && length <= JID_PART_MAX &&
           has_only_allowed(text, length, forbidden, spaces);
}

static bool is_domain(const char *text, size_t length)
{
    bool literal = length > 2 && text[0] == '[' && text[length - 1] == ']';
    return is_part(text, length, literal ? "\"&'/<>@" : "\"&'/:<>@[]", false) && text[0] != '.';
}

bool jid_split(const char *text, struct jid_parts *ret)
{
    struct jid_parts parts = {0};
    size_t length = strnlen(text, JID_MAX + 1);
    if (length > JID_MAX)
        return false;

    const char *end = text + length;
    const char *slash = memchr(text, '/', length);
    const char *bare_end = slash ? slash : end;
    const char *at = memchr(text, '@', (size_t)(bare_end - text));
    parts.domain = at ? at + 1 : text;
    parts.domain_length = (size_t)(bare_end - parts.domain);
    if (!is_domain(parts.domain, parts.domain_length))
        return false;
    if (at) {
        parts.local = text;
        parts.local_length = (size_t)(at - text);
        if (!is_part(parts.local, parts.local_length, "\"&'/:<>@", false))
            return false;
    }
    if (slash) {
        parts.resource = slash + 1;
        parts.resource_length = (size_t)(end - parts.resource);
        if (!is_part(parts.resource, parts.resource_length, "", true))
            return false;
    }
    *ret = parts;
    return true;
}

bool jid_is_valid(const char *text)
{
    struct jid_parts parts;
    return jid_split(text, &parts);
}

bool jid_is_valid_bare(const char *text)
{
    struct jid_parts parts;
    return jid_split(text, &parts) && !parts.resource;
}

static size_t bare_length(const struct jid_parts *parts)
{
    return parts->domain_length + (parts->local ? parts->local_length + 1 : 0);
}

char *jid_bare(const char *text)
{
    struct jid_parts parts;
    return jid_split(text, &parts) ? g_strndup(text, bare_length(&parts)) : NULL;
}

char *jid_cut(const char *jid)
{
    return g_strndup(jid, strcspn(jid, "/"));
}

char *jid_local(const char *text)
{
    struct jid_parts parts;
    if (!jid_split(text, &parts) || !parts.local)
        return NULL;
    return g_strndup(parts.local, parts.local_length);
}

char *jid_domain(const char *text)
{
    struct jid_parts parts;
    return jid_split(text, &parts) ? g_strndup(parts.domain, parts.domain_length) : NULL;
}

char *jid_resource(const char *text)
{
    struct jid_parts parts;
    if (!jid_split(text, &parts) || !parts.resource)
        return NULL;
    return g_strndup(parts.resource, parts.resource_length);
}

/* RFC 5952 forms are not asked for: servers leave address literals alone. */
static char *prepare_domain(const char *text, size_t length)
{
    g_autofree char *domain = g_ascii_strdown(text, (gssize)length);
    g_autofree char *inner = length > 2 ? g_strndup(domain + 1, length - 2) : NULL;
    bool is_literal = inner && domain[0] == '[' && domain[length - 1] == ']';
    if (is_literal)
        return g_hostname_is_ip_address(inner) && strchr(inner, ':') ? g_steal_pointer(&domain)
                                                                     : NULL;
    if (g_hostname_is_ip_address(domain))
        return strchr(domain, ':') ? NULL : g_steal_pointer(&domain);
    return precis_domain(text, length, JID_PART_MAX);
}

/* Where the parts of TEXT end, as RFC 7622 section 3.1 looks for them: before anything is mapped.
 */
static void find_parts(const char *text, size_t length, struct jid_parts *ret)
{
    const char *end = text + length;
    const char *slash = memchr(text, '/', length);
    const char *bare_end = slash ? slash : end;
    const char *at = memchr(text, '@', (size_t)(bare_end - text));
    *ret = (struct jid_parts){.local = at ? text : NULL,
                              .local_length = at ? (size_t)(at - text) : 0,
                              .domain = at ? at + 1 : text,
                              .resource = slash ? slash + 1 : NULL,
                              .resource_length = slash ? (size_t)(end - slash - 1) : 0};
    ret->domain_length = (size_t)(bare_end - ret->domain);
}

/* ---- As people write them -------------------------------------------------------------------- */

/* Without what cannot be seen at both ends: spaces, marks of direction, what an editor left behind.
 */
static char *without_margins(const char *text)
{
    const char *end = text + strlen(text);
    while (text < end && !text_is_visible(text, (guchar)g_utf8_skip[(guchar)*text]))
        text += g_utf8_skip[(guchar)*text];
    while (text < end) {
        const char *last = end - 1;
        while (last > text && ((guchar)*last & 0xc0) == 0x80)
            last--;
        if (text_is_visible(last, (size_t)(end - last)))
            break;
        end = last;
    }
    return g_strndup(text, (gsize)(end - text));
}

/* "Bob <bob@example.org>": what stands in the brackets. A resource may have brackets of its own. */
static char *in_brackets(char *text)
{
    const char *open = strchr(text, '<');
    size_t length = strlen(text);
    if (!open || text[length - 1] != '>' || strcspn(text, "@/") < (size_t)(open - text))
        return text;
    char *inside = g_strndup(open + 1, (gsize)(text + length - 1 - open - 1));
    g_free(text);
    return inside;
}

/* "xmpp:bob@example.org?message" (RFC 5122) and "mailto:": the address. NULL: it is not one. */
static char *without_scheme(char *text)
{
    static const char *const schemes[] = {"xmpp:", "mailto:"};
    for (unsigned i = 0; i < G_N_ELEMENTS(schemes); i++) {
        size_t length = strlen(schemes[i]);
        if (g_ascii_strncasecmp(text, schemes[i], length) != 0)
            continue;
        const char *path = text + length;
        if (g_str_has_prefix(path, "//")) {
            /* With an authority, the address comes after it; many write the address in its place.
             */
            const char *slash = strchr(path + 2, '/');
            path = slash && strchr(slash, '@') ? slash + 1 : path + 2;
        }
        char *address = g_uri_unescape_segment(path, path + strcspn(path, "?#"), NULL);
        g_free(text);
        return address;
    }
    return text;
}

/* Without an empty resource, or a mark of the list or sentence that an address stood in; a full
 * stop belongs to the domain, and goes with it. */
static void cut_end(char *text)
{
    char *slash = strchr(text, '/');
    if (slash && slash[1] == '\0')
        *slash = '\0';
    else if (slash)
        return;
    size_t length = strlen(text);
    if (length > 0 && strchr(",;", text[length - 1]))
        text[length - 1] = '\0';
}

/* The address in what somebody typed or pasted; NULL: there is none. */
static char *written_address(const char *text)
{
    if (strnlen(text, 2 * JID_MAX + 1) > 2 * JID_MAX || !g_utf8_validate(text, -1, NULL))
        return NULL; /* mappings may make it shorter, but not so much */
    g_autofree char *whole = without_margins(text);
    if (*whole == '\0')
        return NULL;
    g_autofree char *address = without_scheme(in_brackets(g_steal_pointer(&whole)));
    if (!address)
        return NULL;
    char *trimmed = without_margins(address);
    cut_end(trimmed);
    return trimmed;
}

char *jid_prepare(const char *text)
{
    struct jid_parts parts;
    g_autofree char *written = written_address(text);
    if (!written)
        return NULL;
    find_parts(written, strlen(written), &parts);
    g_autofree char *domain = prepare_domain(parts.domain, parts.domain_length);
    g_autofree char *local =
        parts.local ? precis_username(parts.local, parts.local_length, JID_PART_MAX) : NULL;
    g_autofree char *resource =
        parts.resource ? precis_opaque(parts.resource, parts.resource_length, JID_PART_MAX) : NULL;
    if (!domain || !local != !parts.local || !resource != !parts.resource)
        return NULL;
    g_autofree char *whole = g_strconcat(local ? local : "", local ? "@" : "", domain,
                                         resource ? "/" : "", resource ? resource : "", NULL);
    return jid_is_valid(whole) ? g_steal_pointer(&whole) : NULL;
}

char *jid_prepare_bare(const char *text)
{
    char *whole = jid_prepare(text);
    if (whole)
        whole[strcspn(whole, "/")] = '\0';
    return whole;
}

/* Whether a domain can only be in the one form that it has: lower-case ASCII, of which nothing is
 * an A-label. */
static bool is_settled(const char *domain, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (g_ascii_isupper(domain[i]) || (guchar)domain[i] >= 0x80)
            return false;
        if (domain[i] == 'x' && length - i > 4 && memcmp(domain + i, "xn--", 4) == 0)
            return false;
    }
    return length == 0 || domain[length - 1] != '.';
}

char *jid_settle(const char *address)
{
    struct jid_parts parts;
    find_parts(address, strnlen(address, JID_MAX), &parts);
    if (is_settled(parts.domain, parts.domain_length))
        return NULL;
    g_autofree char *domain = prepare_domain(parts.domain, parts.domain_length);
    size_t before = (size_t)(parts.domain - address);
    const char *after = parts.domain + parts.domain_length;
    if (!domain || (strlen(domain) == parts.domain_length &&
                    memcmp(domain, parts.domain, parts.domain_length) == 0))
        return NULL;
    return g_strdup_printf("%.*s%s%s", (int)before, address, domain, after);
}

bool jid_same_bare(const char *a, const char *b)
{
    struct jid_parts left;
    struct jid_parts right;
    if (!jid_split(a, &left) || !jid_split(b, &right))
        return false;
    return bare_length(&left) == bare_length(&right) && memcmp(a, b, bare_length(&left)) == 0;
}

bool jid_is_hosted_local(const char *local)
{
    size_t length = strnlen(local, JID_HOSTED_LOCAL_MAX + 1);
    if (length == 0 || length > JID_HOSTED_LOCAL_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool plain = g_ascii_islower(local[i]) || g_ascii_isdigit(local[i]);
        if (!plain && (i == 0 || !strchr("._-", local[i])))
            return false;
    }
    return true;
}
