/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plugin for Profanity 0.13: /trestle, for what apps have and a terminal client lacks. It speaks
 * XEPs only (reactions 0444, replies 0461, corrections 0308, retractions 0424, ephemeral messages
 * 0466, threads 0201), so the other side may be anybody. Messages are named by numbers, 1 being the
 * newest. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "plugin/profanity/mine.h"
#include "plugin/profanity/place.h"
#include "plugin/profanity/recent.h"
#include "plugin/profanity/service.h"
#include "xep/0201_thread.h"
#include "xep/0280_carbons.h"
#include "xep/0308_correction.h"
#include "xep/0359_ids.h"
#include "xep/0424_retraction.h"
#include "xep/0428_fallback.h"
#include "xep/0444_reactions.h"
#include "xep/0461_reply.h"
#include "xep/0466_ephemeral.h"
#include "xep/stanza_read.h"
#include "xep/stanza_text.h"

/* Profanity fills pointers that libprofanity has by these names; ours must not hide them. */
#pragma GCC visibility push(default)
#include <profapi.h>

void prof_init(const char *version, const char *status, const char *account, const char *jid);
void prof_on_connect(const char *account, const char *jid);
void prof_on_unload(void);
char *prof_on_message_stanza_send(const char *stanza);
int prof_on_message_stanza_receive(const char *stanza);
int prof_on_iq_stanza_receive(const char *stanza);
void prof_on_disconnect(const char *account, const char *jid);
#pragma GCC visibility pop

#define ARGUMENTS_MAX 3 /* the last is the rest of the line */
#define LISTED_DEFAULT 10
#define SHORT_CHARS 40 /* of a message that is spoken of */
#define KEYCAP "\xef\xb8\x8f\xe2\x83\xa3"
#define RETRACTED "/me retracted a previous message, but your client does not support that."
#define SECONDS_MAX (365u * 24 * 3600)

static char *own_bare;           /* NULL: not connected */
static GHashTable *disappearing; /* bare address → seconds, for chats that have them */

/* ---- What is shown */

void place_show(const struct place *place, const char *line)
{
    if (!place->address)
        prof_cons_show(line);
    else if (place->room)
        prof_room_show(place->address, line);
    else
        prof_chat_show(place->address, line);
}

bool place_send(const char *stanza)
{
    g_autofree char *copy = g_strdup(stanza);
    return prof_send_stanza(copy);
}

char *place_setting(const char *name)
{
    static char group[] = "trestle";
    g_autofree char *key = g_strdup(name);
    g_autofree char *text = prof_settings_string_get(group, key, NULL);
    return text && *text ? g_steal_pointer(&text) : NULL;
}

void place_keep(const char *name, const char *text)
{
    static char group[] = "trestle";
    g_autofree char *key = g_strdup(name);
    g_autofree char *copy = g_strdup(text);
    prof_settings_string_set(group, key, copy);
}

static char *shortened(const char *text)
{
    g_autofree char *line = g_strdelimit(g_strdup(text), "\r\n", ' ');
    if (g_utf8_strlen(line, -1) <= SHORT_CHARS)
        return g_steal_pointer(&line);
    g_autofree char *start = g_utf8_substring(line, 0, SHORT_CHARS);
    return g_strconcat(start, "\xe2\x80\xa6", NULL);
}

/* "WHO WHAT: SAID", where SAID is what is known of the message ID. */
static void show_about(const struct place *place, const char *who, const char *what, const char *id)
{
    const struct said *said = recent_find(place->address, id);
    g_autofree char *text = shortened(said ? said->text : "an earlier message");
    g_autofree char *line = g_strdup_printf("* %s %s: %s", who, what, text);
    place_show(place, line);
}

/* ---- What comes */

static char *bare_of(const char *jid)
{
    return jid ? g_strndup(jid, strcspn(jid, "/")) : NULL;
}

static const char *resource_of(const char *jid)
{
    const char *slash = jid ? strchr(jid, '/') : NULL;
    return slash ? slash + 1 : "";
}

/* How a person calls who wrote MESSAGE; newly allocated. */
static char *name_of(xmpp_stanza_t *message, const struct place *place, bool own)
{
    if (own)
        return g_strdup("me");
    if (place->room)
        return g_strdup(resource_of(stanza_attr(message, "from")));
    char *name = prof_get_name_from_roster(place->address);
    return g_strdup(name && *name ? name : place->address);
}

/* By which id others speak of MESSAGE; NULL: nobody can. */
static const char *id_of(xmpp_stanza_t *message, const struct place *place)
{
    if (place->room)
        return stanza_id_parse(message, place->address);
    const char *origin = origin_id_parse(message);
    return origin ? origin : stanza_attr(message, "id");
}

static void remember(xmpp_stanza_t *message, const struct place *place, bool own)
{
    const char *body = stanza_child_text(message, "body", NS_CLIENT);
    const char *id = id_of(message, place), *corrected = correction_parse(message);
    if (!body || !*body || !id)
        return;
    g_autofree char *text = reply_strip(message, body), *who = name_of(message, place, own);
    struct thread thread;
    if (corrected)
        recent_change(place->address, corrected, text);
    else
        recent_add(place->address,
                   &(struct said){.id = id,
                                  .who = who,
                                  .text = text,
                                  .thread = thread_parse(message, &thread) ? thread.id : NULL,
                                  .own = own});
}

/* Whether the body, if there is one, only says what was told already. */
static bool tell_reactions(xmpp_stanza_t *message, const struct place *place, const char *who)
{
    g_auto(reactions) set = {0};
    struct fallback fallback;
    if (!reactions_parse(message, &set))
        return false;
    g_autofree char *emoji = g_strjoinv(" ", set.emoji);
    g_autofree char *what = g_strdup_printf("reacts %s to", emoji);
    show_about(place, who, *emoji ? what : "takes the reaction back from", set.id);
    return fallback_parse(message, NS_REACTIONS, &fallback) && fallback.whole;
}

static bool tell_retraction(xmpp_stanza_t *message, const struct place *place, const char *who)
{
    struct retraction retraction;
    if (!retraction_parse(message, &retraction))
        return false;
    show_about(place, who, "takes back", retraction.id);
    recent_change(place->address, retraction.id, NULL);
    return true;
}

static bool is_own(xmpp_stanza_t *message, const struct place *place)
{
    const char *from = stanza_attr(message, "from");
    if (place->room) {
        char *nick = prof_get_room_nick(place->address);
        return nick && strcmp(nick, resource_of(from)) == 0;
    }
    g_autofree char *bare = bare_of(from);
    return own_bare && g_strcmp0(bare, own_bare) == 0;
}

/* MESSAGE is of a chat or room, ours or not. Whether it is all told. */
static bool take(xmpp_stanza_t *message)
{
    const char *type = stanza_attr(message, "type");
    struct place place = {.room = g_strcmp0(type, "groupchat") == 0};
    g_autofree char *from = bare_of(stanza_attr(message, "from"));
    g_autofree char *to = bare_of(stanza_attr(message, "to"));
    bool sent = !place.room && own_bare && g_strcmp0(from, own_bare) == 0;
    place.address = sent ? to : from;
    if (!place.address || g_strcmp0(type, "error") == 0)
        return false;
    bool own = is_own(message, &place);
    g_autofree char *who = name_of(message, &place, own);
    bool told = tell_reactions(message, &place, who) || tell_retraction(message, &place, who);
    if (!told)
        remember(message, &place, own);
    return told;
}

int prof_on_message_stanza_receive(const char *stanza)
{
    g_autoptr(xmpp_stanza_t) message = stanza_from_text(stanza, strlen(stanza));
    if (!message)
        return 1;
    g_autofree char *from = bare_of(stanza_attr(message, "from"));
    if (carbon_parse(message) == CARBON_NONE)
        return !take(message);
    if (own_bare && g_strcmp0(from, own_bare) == 0 && carbon_inner(message))
        return !take(carbon_inner(message));
    return 1;
}

/* ---- What goes. Profanity's own messages pass here, too. */

static void add_timer(xmpp_stanza_t *message, const char *address)
{
    void *seconds = address ? g_hash_table_lookup(disappearing, address) : NULL;
    if (seconds)
        ephemeral_add(message, GPOINTER_TO_UINT(seconds));
}

char *prof_on_message_stanza_send(const char *stanza)
{
    g_autoptr(xmpp_stanza_t) message = stanza_from_text(stanza, strlen(stanza));
    if (!message || g_strcmp0(stanza_attr(message, "type"), "chat") != 0 ||
        !stanza_child(message, "body", NS_CLIENT))
        return NULL;
    g_autofree char *to = bare_of(stanza_attr(message, "to"));
    if (!to)
        return NULL;
    remember(message, &(struct place){.address = to}, true);
    if (!g_hash_table_contains(disappearing, to))
        return NULL;
    add_timer(message, to);
    g_autofree char *text = stanza_to_text(message, NULL);
    return strdup(text); /* Profanity frees it as it has allocated its own */
}

static xmpp_stanza_t *message_new(const struct place *place)
{
    g_autofree char *id = g_uuid_string_random();
    xmpp_stanza_t *message = stanza_new("message", NULL);
    stanza_set(message, "type", place->room ? "groupchat" : "chat");
    stanza_set(message, "to", place->address);
    stanza_set(message, "id", id);
    origin_id_add(message, id);
    return message;
}

/* Sends MESSAGE and, in a chat, shows LINE and keeps the message: a room sends it back. */
static void message_send(xmpp_stanza_t *message, const struct place *place, const char *line)
{
    struct retraction retraction;
    bool says = stanza_child(message, "body", NS_CLIENT) && !retraction_parse(message, &retraction);
    if (!place->room && says)
        add_timer(message, place->address);
    g_autofree char *text = stanza_to_text(message, NULL);
    if (!prof_send_stanza(text)) {
        prof_cons_show("Not sent: there is no connection.");
        return;
    }
    if (place->room)
        return;
    if (says)
        remember(message, place, true);
    place_show(place, line);
}

/* ---- Commands. Each has its arguments as strings, NULL where there is none. */

static const struct said *named(const struct place *place, const char *number)
{
    guint64 value;
    const struct said *said = NULL;
    if (number && g_ascii_string_to_unsigned(number, 10, 1, RECENT_MAX, &value, NULL))
        said = recent_nth(place->address, (unsigned)value);
    if (!said)
        place_show(place, "* No such message here; /trestle messages lists them.");
    return said;
}

static void run_messages(const struct place *place, char *const *words)
{
    guint64 count = LISTED_DEFAULT;
    if (words[0] && !g_ascii_string_to_unsigned(words[0], 10, 1, RECENT_MAX, &count, NULL))
        count = LISTED_DEFAULT;
    for (unsigned number = (unsigned)count; number > 0; number--) {
        const struct said *said = recent_nth(place->address, number);
        if (!said)
            continue;
        g_autofree char *text = shortened(said->text);
        g_autofree char *line = g_strdup_printf("* %u  %s: %s", number, said->who, text);
        place_show(place, line);
    }
}

static void react(const struct place *place, const struct said *said, char **emoji)
{
    g_autoptr(xmpp_stanza_t) message = message_new(place);
    reactions_add(message, said->id, (const char *const *)emoji);
    g_autofree char *joined = g_strjoinv(" ", emoji), *text = shortened(said->text);
    g_autofree char *line =
        g_strdup_printf("* me: %s to: %s", *joined ? joined : "no reaction", text);
    message_send(message, place, line);
}

static void run_react(const struct place *place, char *const *words)
{
    const struct said *said = named(place, words[0]);
    g_auto(GStrv) given = g_strsplit_set(words[1] ? words[1] : "", " ", -1);
    g_autoptr(GPtrArray) emoji = g_ptr_array_new_with_free_func(g_free);
    for (char **each = given; *each; each++) {
        char *clean = **each ? reaction_clean(*each) : NULL;
        if (**each && !clean) {
            place_show(place, "* A reaction is one emoji, or several with spaces between them.");
            return;
        }
        if (clean)
            g_ptr_array_add(emoji, clean);
    }
    g_ptr_array_add(emoji, NULL);
    if (said)
        react(place, said, (char **)emoji->pdata);
}

/* A poll takes the keycap of an option's number as a vote. */
static void run_vote(const struct place *place, char *const *words)
{
    const struct said *said = named(place, words[0]);
    if (!said)
        return;
    if (!words[1] || strlen(words[1]) != 1 || !strchr("123456789", words[1][0])) {
        place_show(place, "* Options are voted for by their numbers, 1 to 9.");
        return;
    }
    g_autofree char *keycap = g_strconcat(words[1], KEYCAP, NULL);
    react(place, said, (char *[]){keycap, NULL});
}

/* With THREAD the answer also belongs to a thread. */
static void answer(const struct place *place, char *const *words, bool threaded)
{
    const struct said *said = named(place, words[0]);
    if (!said || !words[1])
        return;
    g_autoptr(xmpp_stanza_t) message = message_new(place);
    g_autofree char *quote = reply_quote(said->who, said->text);
    reply_add_body(message, quote, words[1]);
    reply_add(message, &(struct reply){.id = said->id});
    if (threaded)
        thread_add(message, &(struct thread){.id = said->thread ? said->thread : said->id});
    g_autofree char *text = shortened(said->text);
    g_autofree char *line = g_strdup_printf("me: %s  (to %s: %s)", words[1], said->who, text);
    message_send(message, place, line);
}

static void run_reply(const struct place *place, char *const *words)
{
    answer(place, words, false);
}

static void run_thread(const struct place *place, char *const *words)
{
    answer(place, words, true);
}

static const struct said *own_named(const struct place *place, const char *number)
{
    const struct said *said = named(place, number);
    if (!said || said->own)
        return said;
    place_show(place, "* That message is not yours.");
    return NULL;
}

static void run_edit(const struct place *place, char *const *words)
{
    const struct said *said = own_named(place, words[0]);
    if (!said || !words[1])
        return;
    g_autoptr(xmpp_stanza_t) message = message_new(place);
    stanza_add_text(message, "body", NULL, words[1]);
    correction_add(message, said->id);
    g_autofree char *line = g_strdup_printf("me: %s  (edited)", words[1]);
    message_send(message, place, line);
}

static void run_retract(const struct place *place, char *const *words)
{
    const struct said *said = own_named(place, words[0]);
    if (!said)
        return;
    g_autoptr(xmpp_stanza_t) message = message_new(place);
    retraction_add(message, &(struct retraction){.id = said->id});
    stanza_add_text(message, "body", NULL, RETRACTED);
    fallback_add(message, NS_RETRACT, NULL);
    g_autofree char *text = shortened(said->text), *id = g_strdup(said->id);
    g_autofree char *line = g_strdup_printf("* me: takes back: %s", text);
    message_send(message, place, line);
    recent_change(place->address, id, NULL);
}

static void run_close(const struct place *place, char *const *words)
{
    const struct said *said = named(place, words[0]);
    if (said)
        mine_close(place, said->id);
}

static void run_disappear(const struct place *place, char *const *words)
{
    guint64 seconds = 0;
    if (place->room) {
        place_show(place, "* Rooms have no disappearing messages of one person.");
        return;
    }
    if (g_strcmp0(words[0], "off") != 0 &&
        !g_ascii_string_to_unsigned(words[0], 10, 1, SECONDS_MAX, &seconds, NULL)) {
        place_show(place, "* /trestle disappear SECONDS, or off");
        return;
    }
    if (seconds == 0)
        g_hash_table_remove(disappearing, place->address);
    else
        g_hash_table_insert(disappearing, g_strdup(place->address), GUINT_TO_POINTER(seconds));
    place_show(place, seconds ? "* Your messages here disappear after they were read."
                              : "* Your messages here stay.");
}

/* Profanity drives ad-hoc commands by itself; this saves typing where they are. */
static void run_admin(const struct place *place, char *const *words)
{
    (void)place;
    if (!words[0]) {
        prof_cons_show("/trestle admin DOMAIN [COMMAND]");
        return;
    }
    g_autofree char *line = words[1] ? g_strdup_printf("/cmd exec %s %s", words[1], words[0])
                                     : g_strdup_printf("/cmd list %s", words[0]);
    prof_send_line(line);
}

static const struct command {
    const char *name;
    bool anywhere; /* also outside of chats */
    void (*run)(const struct place *place, char *const *words);
    const char *usage, *help;
} commands[] = {
    {"messages", false, run_messages, "/trestle messages [<count>]",
     "List the newest messages of this chat with the numbers that the other commands want."},
    {"react", false, run_react, "/trestle react <number> [<emoji>...]",
     "React to a message; without emoji, take the reaction back."},
    {"reply", false, run_reply, "/trestle reply <number> <text>", "Answer a message."},
    {"thread", false, run_thread, "/trestle thread <number> <text>",
     "Answer a message in its thread, or begin one with it."},
    {"edit", false, run_edit, "/trestle edit <number> <text>",
     "Say one of your own messages in another way."},
    {"retract", false, run_retract, "/trestle retract <number>",
     "Take one of your own messages back."},
    {"vote", false, run_vote, "/trestle vote <number> <option>",
     "Vote for an option of a poll, by its number."},
    {"poll", false, mine_poll, "/trestle poll <question> | <option> | <option>...",
     "Ask the open chat something that others vote on."},
    {"close", false, run_close, "/trestle close <number>", "Close a poll of yours."},
    {"schedule", false, mine_schedule, "/trestle schedule <time> <text>",
     "Say something later: at 18:30, in +90m, +2h, +1d, or at 2030-01-31T18:30."},
    {"scheduled", false, mine_scheduled, "/trestle scheduled",
     "List what you are going to say in this chat."},
    {"unschedule", false, mine_unschedule, "/trestle unschedule <number>",
     "Do not say it, by its number in that list."},
    {"requests", true, mine_requests, "/trestle requests", "List who wants to talk to you."},
    {"accept", true, mine_accept, "/trestle accept <number>", "Let one of them."},
    {"decline", true, mine_decline, "/trestle decline <number>", "Do not let one of them."},
    {"calls", true, mine_calls, "/trestle calls", "List your calls."},
    {"service", true, mine_service, "/trestle service [<domain>]",
     "Whose these are: the domain of the app's users. It is kept."},
    {"disappear", false, run_disappear, "/trestle disappear <seconds>|off",
     "Let what you write in this chat disappear so long after it was read."},
    {"admin", true, run_admin, "/trestle admin <domain> [<command>]",
     "List the commands of a service, or run one."},
};

static bool current_place(struct place *ret)
{
    const char *room = prof_get_current_muc(), *chat = prof_get_current_recipient();
    *ret = (struct place){.address = room ? room : chat, .room = room != NULL};
    return ret->address != NULL;
}

static void command_run(char **args)
{
    struct place place;
    bool here = current_place(&place);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(args[0], commands[i].name) != 0)
            continue;
        if (here || commands[i].anywhere)
            commands[i].run(&place, args + 1);
        else
            prof_cons_show("This command wants an open chat or room.");
        return;
    }
    prof_cons_bad_cmd_usage("/trestle");
}

/* TEXT as Profanity's functions want it, who copy it; it goes with POOL. */
static char *lent(GPtrArray *pool, const char *text)
{
    char *copy = g_strdup(text);
    g_ptr_array_add(pool, copy);
    return copy;
}

static void commands_register(void)
{
    g_autoptr(GPtrArray) pool = g_ptr_array_new_with_free_func(g_free);
    char *synopsis[G_N_ELEMENTS(commands) + 1] = {NULL};
    char *names[G_N_ELEMENTS(commands) + 1] = {NULL};
    char *arguments[G_N_ELEMENTS(commands) + 1][2] = {{NULL, NULL}};
    char *examples[] = {lent(pool, "/trestle react 1 \xf0\x9f\x91\x8d"),
                        lent(pool, "/trestle reply 2 Fine with me"),
                        lent(pool, "/trestle admin app.example.org"), NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        synopsis[i] = lent(pool, commands[i].usage);
        names[i] = lent(pool, commands[i].name);
        arguments[i][0] = lent(pool, commands[i].usage + strlen("/trestle "));
        arguments[i][1] = lent(pool, commands[i].help);
    }
    prof_register_command("/trestle", 1, ARGUMENTS_MAX, synopsis,
                          "What apps have and a terminal client lacks. Messages of the open chat "
                          "are named by numbers, 1 being the newest.",
                          arguments, examples, command_run);
    prof_completer_add("/trestle", names);
    const char *const features[] = {NS_REACTIONS, NS_REPLY, NS_RETRACT};
    for (size_t i = 0; i < G_N_ELEMENTS(features); i++)
        prof_disco_add_feature(lent(pool, features[i]));
}

/* ---- Life */

void prof_on_connect(const char *account, const char *jid)
{
    (void)account;
    g_free(own_bare);
    own_bare = bare_of(jid);
}

int prof_on_iq_stanza_receive(const char *stanza)
{
    return !service_take(stanza);
}

void prof_on_disconnect(const char *account, const char *jid)
{
    (void)account;
    (void)jid;
    service_clear();
    mine_clear(); /* the next account has other lists */
}

void prof_init(const char *version, const char *status, const char *account, const char *jid)
{
    (void)version;
    (void)status;
    disappearing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    prof_on_connect(account, jid);
    commands_register();
}

void prof_on_unload(void)
{
    service_clear();
    mine_clear();
    recent_clear();
    g_clear_pointer(&disappearing, g_hash_table_unref);
    g_clear_pointer(&own_bare, g_free);
}
