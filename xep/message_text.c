/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Payloads in words, by a table: namespace and element, when it is looked at, what it is called.
 * Words are English, as are errors; apps that want others go by the text. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "xep/jid.h"
#include "xep/message_text.h"
#include "xep/visible.h"

#define LINES_MAX 50 /* elements of a message, and lines of one of them, such as contacts */

/* What is read, and the text so far. */
struct telling {
    xmpp_stanza_t *stanza;
    GString *text;
    struct message_text *result;
};

static void add_line(GString *text, const char *line)
{
    if (text->len > 0)
        g_string_append_c(text, '\n');
    g_string_append(text, line);
}

/* A copy of TEXT (may be NULL) without white space around it; NULL: nothing of it can be seen. */
static char *text_trimmed(const char *text)
{
    if (!text || !text_is_visible(text, strlen(text)))
        return NULL;
    return g_strstrip(g_strdup(text));
}

static char *child_trimmed(xmpp_stanza_t *parent, const char *name)
{
    return text_trimmed(stanza_child_text(parent, name, stanza_ns(parent)));
}

/* ---- Links ----------------------------------------------------------------------------------- */

/* Unless the text has it. */
static void add_link(const struct telling *telling, const char *url, const char *description)
{
    g_autofree char *link = text_trimmed(url);
    g_autofree char *words = text_trimmed(description);
    if (!link || strstr(telling->text->str, link))
        return;
    if (words && !strstr(telling->text->str, words) && !strstr(words, link))
        add_line(telling->text, words);
    add_line(telling->text, link);
}

static void tell_oob(const struct telling *telling, xmpp_stanza_t *oob)
{
    add_link(telling, stanza_child_text(oob, "url", NS_OOB),
             stanza_child_text(oob, "desc", NS_OOB));
}

/* The first source, of several that are all the same. */
static const char *source_of(xmpp_stanza_t *parent, const char *ns)
{
    xmpp_stanza_t *sources = stanza_child(parent, "sources", ns);
    xmpp_stanza_t *data =
        sources ? stanza_child_having(sources, "url-data", NS_URL_DATA, "target") : NULL;
    xmpp_stanza_t *reference =
        sources ? stanza_child_having(sources, "reference", NS_REFERENCE, "uri") : NULL;
    if (data)
        return stanza_attr(data, "target");
    return reference ? stanza_attr(reference, "uri") : NULL;
}

static void tell_file(const struct telling *telling, xmpp_stanza_t *sharing)
{
    xmpp_stanza_t *file = stanza_child(sharing, "file", NS_FILE);
    add_link(telling, source_of(sharing, NS_SFS),
             file ? stanza_child_text(file, "desc", NS_FILE) : NULL);
}

static void tell_media(const struct telling *telling, xmpp_stanza_t *reference)
{
    xmpp_stanza_t *media = stanza_child(reference, "media-sharing", NS_SIMS);
    if (media)
        add_link(telling, source_of(media, NS_SIMS), NULL);
    else if (g_strcmp0(stanza_attr(reference, "type"), "data") == 0)
        add_link(telling, stanza_attr(reference, "uri"), NULL);
}

/* At no address that can be opened: offered from one client to another. */
static void tell_offered_file(const struct telling *telling, xmpp_stanza_t *sharing)
{
    xmpp_stanza_t *file = stanza_child(sharing, "file", NS_FILE);
    g_autofree char *name = file ? child_trimmed(file, "name") : NULL;
    g_autofree char *words = g_strdup_printf("A file that cannot be fetched here%s%s",
                                             name ? ": " : ".", name ? name : "");
    add_line(telling->text, words);
}

static void tell_call(const struct telling *telling, xmpp_stanza_t *invite)
{
    xmpp_stanza_t *external = stanza_child_having(invite, "external", NS_CALL_INVITES, "uri");
    if (external)
        add_link(telling, stanza_attr(external, "uri"), "Invitation to a call");
}

/* ---- Invitations ----------------------------------------------------------------------------- */

struct invitation {
    const char *what, *where, *by, *reason, *password;
};

static void add_invitation(const struct telling *telling, const struct invitation *invitation)
{
    if (!invitation->where || !*invitation->where || strstr(telling->text->str, invitation->where))
        return;
    g_autofree char *reason = text_trimmed(invitation->reason);
    g_autofree char *password = text_trimmed(invitation->password);
    g_autoptr(GString) line = g_string_new("Invitation to the ");
    g_string_append_printf(line, "%s %s", invitation->what, invitation->where);
    if (invitation->by && *invitation->by)
        g_string_append_printf(line, " by %s", invitation->by);
    if (password)
        g_string_append_printf(line, " (password: %s)", password);
    if (reason && !strstr(telling->text->str, reason))
        g_string_append_printf(line, ": %s", reason);
    add_line(telling->text, line->str);
}

static void tell_direct_invitation(const struct telling *telling, xmpp_stanza_t *x)
{
    const struct invitation invitation = {"room", stanza_attr(x, "jid"), NULL,
                                          stanza_attr(x, "reason"), stanza_attr(x, "password")};
    add_invitation(telling, &invitation);
}

static char *bare_of(const char *jid)
{
    return jid ? jid_cut(jid) : NULL;
}

static void tell_mediated_invitation(const struct telling *telling, xmpp_stanza_t *x)
{
    xmpp_stanza_t *invite = stanza_child(x, "invite", NS_MUC_USER);
    const char *room = stanza_attr(telling->stanza, "from");
    if (!invite || !room || strchr(room, '/')) /* an occupant does not invite for the room */
        return;
    g_autofree char *by = bare_of(stanza_attr(invite, "from"));
    const struct invitation invitation = {"room", room, by,
                                          stanza_child_text(invite, "reason", NS_MUC_USER),
                                          stanza_child_text(x, "password", NS_MUC_USER)};
    telling->result->from_room = true;
    telling->result->inviter = stanza_attr(invite, "from");
    add_invitation(telling, &invitation);
}

static void tell_channel_invitation(const struct telling *telling, xmpp_stanza_t *element)
{
    const struct invitation invitation = {
        "channel", stanza_child_text(element, "channel", NS_MIX_MISC),
        stanza_child_text(element, "inviter", NS_MIX_MISC), NULL, NULL};
    add_invitation(telling, &invitation);
}

/* ---- What stands for a body ------------------------------------------------------------------ */

/* Without a payload it only moves keys, which is nobody's business. */
static void tell_omemo(const struct telling *telling, xmpp_stanza_t *encrypted)
{
    if (stanza_child(encrypted, "payload", stanza_ns(encrypted)))
        add_line(telling->text, "This message is encrypted (OMEMO) and cannot be read here.");
}

/* Names the method of an element that stands beside it; of one that is known, its own row speaks.
 */
static void tell_encryption(const struct telling *telling, xmpp_stanza_t *eme)
{
    const char *method = stanza_attr(eme, "namespace");
    g_autofree char *name = text_trimmed(stanza_attr(eme, "name"));
    if (!g_strcmp0(method, NS_OMEMO_OLD) || !g_strcmp0(method, NS_OMEMO))
        return;
    g_autofree char *words =
        g_strdup_printf("This message is encrypted%s%s%s and cannot be read here.",
                        name ? " (" : "", name ? name : "", name ? ")" : "");
    add_line(telling->text, words);
}

static bool is_block(const char *name)
{
    static const char *const names[] = {"p",  "br", "div", "li", "blockquote", "h1", "h2",
                                        "h3", "h4", "h5",  "h6", "pre",        NULL};
    return g_strv_contains(names, name);
}

static void begin_line(GString *text, gsize start)
{
    if (text->len > start && text->str[text->len - 1] != '\n')
        g_string_append_c(text, '\n');
}

/* The depth of a stanza is bounded, see xmpp.depth_max. */
static void add_xhtml(GString *text, gsize start, xmpp_stanza_t *element)
{
    for (xmpp_stanza_t *node = xmpp_stanza_get_children(element); node;
         node = xmpp_stanza_get_next(node)) {
        const char *own = xmpp_stanza_is_text(node) ? xmpp_stanza_get_text_ptr(node) : NULL;
        const char *name = stanza_name(node);
        const char *said = strcmp(name, "img") == 0 ? stanza_attr(node, "alt") : own;
        const char *href = strcmp(name, "a") == 0 ? stanza_attr(node, "href") : NULL;
        gsize before = text->len;
        if (is_block(name))
            begin_line(text, start);
        if (said)
            g_string_append(text, said);
        if (*name)
            add_xhtml(text, start, node);
        if (href && !strstr(text->str + before, href))
            g_string_append_printf(text, " %s", href);
        if (is_block(name))
            begin_line(text, start);
    }
}

static void tell_xhtml(const struct telling *telling, xmpp_stanza_t *html)
{
    xmpp_stanza_t *body = stanza_child(html, "body", NS_XHTML);
    g_autoptr(GString) text = g_string_new(NULL);
    if (body)
        add_xhtml(text, 0, body);
    g_autofree char *shown = text_trimmed(text->str);
    if (shown)
        add_line(telling->text, shown);
}

static char *degrees_of(xmpp_stanza_t *geoloc, const char *name, double most)
{
    g_autofree char *text = child_trimmed(geoloc, name);
    char *end = text;
    double value =
        text && strspn(text, "0123456789.-+") == strlen(text) ? g_ascii_strtod(text, &end) : 0;
    return text && end > text && *end == '\0' && value >= -most && value <= most
               ? g_steal_pointer(&text)
               : NULL;
}

static void tell_place(const struct telling *telling, xmpp_stanza_t *geoloc)
{
    g_autofree char *latitude = degrees_of(geoloc, "lat", 90);
    g_autofree char *longitude = degrees_of(geoloc, "lon", 180);
    g_autofree char *words = child_trimmed(geoloc, "text");
    if (words)
        add_line(telling->text, words);
    if (!latitude || !longitude)
        return;
    g_autofree char *uri = g_strdup_printf("geo:%s,%s", latitude, longitude);
    add_line(telling->text, uri);
}

static void tell_contacts(const struct telling *telling, xmpp_stanza_t *x)
{
    unsigned count = 0;
    for (xmpp_stanza_t *item = stanza_first(x); item; item = stanza_next(item)) {
        const char *jid = stanza_is(item, "item", stanza_ns(x)) ? stanza_attr(item, "jid") : NULL;
        if (!jid || !*jid || count++ >= LINES_MAX)
            continue;
        g_autofree char *name = text_trimmed(stanza_attr(item, "name"));
        g_autofree char *line = name ? g_strdup_printf("Contact: %s (%s)", name, jid)
                                     : g_strdup_printf("Contact: %s", jid);
        add_line(telling->text, line);
    }
}

static void tell_form(const struct telling *telling, xmpp_stanza_t *form)
{
    static const char *const parts[] = {"title", "instructions"};
    if (g_strcmp0(stanza_attr(form, "type"), "form") != 0)
        return;
    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *words = child_trimmed(form, parts[i]);
        if (words)
            add_line(telling->text, words);
    }
    add_line(telling->text, "A form that cannot be filled in here.");
}

/* ---- The table ------------------------------------------------------------------------------- */

enum when {
    ALWAYS,  /* adds a line to what the body has not */
    INSTEAD, /* only while there is no text; of several the first row */
    REFUSED, /* at last, when there is no text */
};

/* By XEP within each group; the order of groups and rows is the order in which they are tried. */
static const struct payload {
    const char *ns, *name;
    enum when when;
    void (*tell)(const struct telling *telling, xmpp_stanza_t *element);
    const char *words; /* without TELL: what is said; REFUSED: why */
} payloads[] = {
    {NS_MUC_USER, "x", ALWAYS, tell_mediated_invitation, NULL},
    {NS_INVITATION, "x", ALWAYS, tell_direct_invitation, NULL},
    {NS_MIX_MISC, "invitation", ALWAYS, tell_channel_invitation, NULL},
    {NS_OOB, "x", ALWAYS, tell_oob, NULL},
    {NS_SFS, "file-sharing", ALWAYS, tell_file, NULL},
    {NS_REFERENCE, "reference", ALWAYS, tell_media, NULL},
    {NS_CALL_INVITES, "invite", ALWAYS, tell_call, NULL},

    {NS_OMEMO_OLD, "encrypted", INSTEAD, tell_omemo, NULL},
    {NS_OMEMO, "encrypted", INSTEAD, tell_omemo, NULL},
    {NS_OX, "openpgp", INSTEAD, NULL,
     "This message is encrypted (OpenPGP) and cannot be read here."},
    {NS_PGP, "x", INSTEAD, NULL, "This message is encrypted (OpenPGP) and cannot be read here."},
    {NS_EME, "encryption", INSTEAD, tell_encryption, NULL},
    {NS_XHTML_IM, "html", INSTEAD, tell_xhtml, NULL},
    {NS_GEOLOC, "geoloc", INSTEAD, tell_place, NULL},
    {NS_ROSTER_EXCHANGE, "x", INSTEAD, tell_contacts, NULL},
    {NS_ROSTER_OLD, "x", INSTEAD, tell_contacts, NULL},
    {NS_SFS, "file-sharing", INSTEAD, tell_offered_file, NULL},
    {NS_STICKERS, "sticker", INSTEAD, NULL, "A sticker that cannot be shown here."},
    {NS_BOB, "data", INSTEAD, NULL, "A picture that cannot be shown here."},
    {NS_CAPTCHA, "captcha", INSTEAD, NULL,
     "A challenge that proves who writes, which cannot be answered here."},
    {NS_DATA, "x", INSTEAD, tell_form, NULL},
    {NS_ATTENTION, "attention", INSTEAD, NULL, "Asks for your attention."},

    {NS_CALL_INVITES, "invite", REFUSED, NULL, "Calls are not taken here"},
    {NS_JINGLE, "jingle", REFUSED, NULL, "Calls and direct transfers are not taken here"},
    {NS_SI, "si", REFUSED, NULL, "Direct transfers are not taken here"},
    {NS_IBB, "data", REFUSED, NULL, "Direct transfers are not taken here"},
    {NS_HTTP_AUTH, "confirm", REFUSED, NULL, "Nobody here confirms requests"},
    {NS_SOAP, "Envelope", REFUSED, NULL, "There is no such service here"},
};

/* An element of the message that a row is about. */
struct match {
    const struct payload *payload;
    xmpp_stanza_t *element;
};

static unsigned find_payloads(xmpp_stanza_t *stanza, struct match ret_matches[LINES_MAX])
{
    unsigned count = 0;
    for (xmpp_stanza_t *child = stanza_first(stanza); child; child = stanza_next(child)) {
        const char *ns = stanza_ns(child), *name = stanza_name(child);
        for (unsigned i = 0; i < G_N_ELEMENTS(payloads); i++) {
            if (count < LINES_MAX && strcmp(payloads[i].ns, ns) == 0 &&
                strcmp(payloads[i].name, name) == 0)
                ret_matches[count++] = (struct match){&payloads[i], child};
        }
    }
    return count;
}

static void match_tell(const struct telling *telling, const struct match *match)
{
    const struct payload *payload = match->payload;
    if (payload->when != ALWAYS && (telling->text->len > 0 || telling->result->reason))
        return;
    if (payload->when == REFUSED)
        telling->result->reason = payload->words;
    else if (payload->tell)
        payload->tell(telling, match->element);
    else
        add_line(telling->text, payload->words);
}

static void tell_payloads(const struct telling *telling)
{
    struct match matches[LINES_MAX];
    unsigned count = find_payloads(telling->stanza, matches);
    for (unsigned row = 0; count > 0 && row < G_N_ELEMENTS(payloads); row++) {
        for (unsigned i = 0; i < count; i++) {
            if (matches[i].payload == &payloads[row])
                match_tell(telling, &matches[i]);
        }
    }
}

/* ---- Rooms ----------------------------------------------------------------------------------- */

/* What only rooms add: of XEP-0045 (section 7.5 for private messages) unless it is an invitation,
 * and of XEP-0421. */
static bool is_of_occupant(xmpp_stanza_t *stanza, const struct message_text *text)
{
    return (!text->from_room && stanza_child(stanza, "x", NS_MUC_USER)) ||
           stanza_child(stanza, "occupant-id", NS_OCCUPANT);
}

static bool is_seen(const char *text)
{
    return text && text_is_visible(text, strlen(text));
}

void message_text_read(xmpp_stanza_t *stanza, const struct message_stanza *message,
                       struct message_text *ret)
{
    *ret = (struct message_text){.told = MESSAGE_SILENT};
    g_autoptr(GString) text = g_string_new(NULL);
    struct telling telling = {stanza, text, ret};
    if (is_seen(message->subject))
        add_line(text, message->subject);
    if (is_seen(message->body))
        add_line(text, message->body);
    tell_payloads(&telling);
    bool told = text->len > 0 && text_is_visible(text->str, text->len);
    if (told || ret->reason)
        ret->told = told ? MESSAGE_TOLD : MESSAGE_REFUSED;
    else if (message->body && *message->body)
        ret->told = MESSAGE_BLANK;
    if (told && is_of_occupant(stanza, ret)) {
        ret->told = MESSAGE_REFUSED;
        ret->reason = "Private messages of rooms are not taken here";
    }
    if (ret->told == MESSAGE_TOLD)
        ret->text = g_string_free(g_steal_pointer(&text), FALSE);
}

void message_text_clear(struct message_text *text)
{
    g_clear_pointer(&text->text, g_free);
}
