/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our users' places in rooms elsewhere (XEP-0045 section 7). What is to be done about a place, and
 * when, is a row of guest_seats: rows that are due are taken at a pace, so that after a restart not
 * all rooms are entered at once. Once in, a ping to oneself (XEP-0410) tells every few minutes
 * whether one is there still. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/room/guest_enter.h"
#include "bridge/room/guest_history.h"
#include "bridge/room/guest_say.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0030_disco.h"
#include "xep/0045_config.h"
#include "xep/0045_user.h"
#include "xep/0199_ping.h"
#include "xep/0410_self_ping.h"
#include "xep/0421_occupant_id.h"
#include "xep/error.h"
#include "xep/jid.h"

#define TAKEN_MAX 20 /* places in a turn */
#define TURN_SECONDS 1
#define ANSWER_SECONDS 20
#define SETTLED (5 * G_USEC_PER_SEC) /* after which a room without a subject has told all */
#define HISTORY_MAX 50               /* messages of a room without an archive */
#define TEXT_MAX 1000                /* bytes of what a room says of itself */

static const struct part part;

/* ---- Changes --------------------------------------------------------------------------------- */

static json_t *seat_arguments(const struct guest_seat *seat)
{
    return json_pack("{s:s, s:s}", "room", seat->room->jid, "to", seat->user);
}

static void seat_submit(const struct guest_seat *seat, const char *change, json_t *more)
{
    json_t *arguments = seat_arguments(seat);
    json_object_update(arguments, more);
    json_decref(more);
    change_submit(guests_of()->core, change, NULL, arguments, NULL, NULL);
}

/* ---- The ear --------------------------------------------------------------------------------- */

static void seat_enter(struct guest_seat *seat);
static void ear_begin(struct guest_seat *seat);

/* Somebody who is in the room, else anybody. */
static void ear_choose(struct guest_room *room)
{
    GHashTableIter iter;
    gpointer value;
    if (room->ear)
        return;
    g_hash_table_iter_init(&iter, room->seats);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct guest_seat *seat = value;
        if (seat->state == GUEST_IN) {
            ear_begin(seat);
            return;
        }
    }
}

/* The place is not there any more, as far as this process is concerned. */
static void seat_lose(struct guest_seat *seat)
{
    g_autofree char *jid = g_strdup(seat->room->jid);
    guest_seat_drop(seat);
    struct guest_room *room = guest_room_find(jid);
    if (room)
        ear_choose(room);
}

static void seat_refused(struct guest_seat *seat, const char *condition)
{
    seat_submit(seat, "guest_refused", json_pack("{s:s}", "condition", condition));
    seat_lose(seat);
}

/* ---- What a room is -------------------------------------------------------------------------- */

/* A question about one place, by names: it may be gone when the answer comes. */
typedef struct guest_question {
    char *user, *room;
    guint64 round;
    bool enters; /* then */
} guest_question;

static guest_question *asking_new(const struct guest_seat *seat, bool enters)
{
    guest_question *asking = g_new0(guest_question, 1);
    asking->user = g_strdup(seat->user);
    asking->room = g_strdup(seat->room->jid);
    asking->round = guests_of()->round;
    asking->enters = enters;
    return asking;
}

static void asking_free(guest_question *asking)
{
    g_free(asking->user);
    g_free(asking->room);
    g_free(asking);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(guest_question, asking_free)

static struct guest_seat *asking_seat(const guest_question *asking)
{
    const struct guests *guests = guests_of();
    if (!guests || !guests->up || guests->round != asking->round)
        return NULL;
    return guest_seat_find(asking->user, asking->room);
}

static bool info_has(const struct disco_info *info, const char *feature)
{
    for (guint i = 0; i < info->features->len; i++) {
        if (strcmp(g_ptr_array_index(info->features, i), feature) == 0)
            return true;
    }
    return false;
}

static const char *short_text(const char *text)
{
    return text && *text && strlen(text) <= TEXT_MAX ? text : NULL;
}

static json_t *info_facts(const struct disco_info *info)
{
    const char *name = NULL, *description = NULL;
    struct muc_info more;
    for (guint i = 0; i < info->identities->len && !name; i++)
        name = short_text(g_array_index(info->identities, struct disco_identity, i).name);
    for (guint i = 0; i < info->forms->len; i++) {
        if (muc_info_read(g_ptr_array_index(info->forms, i), &more))
            description = short_text(more.description);
    }
    return json_pack("{s:b, s:b, s:s*, s:s*}", "archived", info_has(info, NS_MAM), "anonymous",
                     !info_has(info, "muc_nonanonymous"), "name", name, "description", description);
}

static void room_described(struct guest_seat *seat, xmpp_stanza_t *result, bool enters)
{
    g_autoptr(disco_info) info = result ? disco_info_parse(result) : NULL;
    json_t *facts = info ? info_facts(info) : json_object();
    if (info) {
        seat->room->archived = info_has(info, NS_MAM);
        seat->room->named = seat->room->archived || info_has(info, NS_SID);
    }
    json_object_set_new(facts, "enters", json_boolean(enters));
    seat_submit(seat, "guest_described", facts);
}

/* What keeps everybody out; of all else entering will tell. */
static const char *refusal_of(xmpp_stanza_t *result)
{
    static const char *const out[] = {"item-not-found",        "gone",
                                      "remote-server-timeout", "remote-server-not-found",
                                      "jid-malformed",         NULL};
    struct stanza_error error;
    if (!result)
        return "remote-server-timeout";
    if (!stanza_error_parse(result, &error))
        return NULL;
    for (unsigned i = 0; out[i]; i++) {
        if (strcmp(out[i], error.condition) == 0)
            return out[i];
    }
    return NULL;
}

static void seat_described(xmpp_stanza_t *result, void *data)
{
    g_autoptr(guest_question) asking = data;
    struct guest_seat *seat = asking_seat(asking);
    const char *refusal = refusal_of(result);
    if (!seat)
        return;
    if (refusal && asking->enters) {
        seat_refused(seat, refusal);
        return;
    }
    room_described(seat, result, asking->enters);
    if (asking->enters)
        seat_enter(seat);
}

static void seat_describe(struct guest_seat *seat, bool enters)
{
    g_autofree char *from = account_address(seat->user);
    g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("get", NULL, from, seat->room->jid);
    guest_question *asking = asking_new(seat, enters);
    disco_info_add_request(iq, NULL);
    if (!stanza_ask(guests_of()->core, iq, ANSWER_SECONDS, seat_described, asking))
        asking_free(asking);
}

void guest_room_describe(struct guest_room *room)
{
    if (room->ear)
        seat_describe(room->ear, false);
}

/* SEAT listens: it is told who is there, and what was said. */
static void ear_begin(struct guest_seat *seat)
{
    struct guest_room *room = seat->room;
    room->ear = seat;
    room->live = false;
    room->since = 0;
    guest_history_end(room);
    seat->state = GUEST_ENTERING;
    seat_describe(seat, true);
}

/* ---- Entering, pinging, leaving -------------------------------------------------------------- */

static xmpp_stanza_t *presence_new(const struct guest_seat *seat, const char *type)
{
    g_autofree char *from = account_address(seat->user);
    g_autofree char *place = g_strconcat(seat->room->jid, "/", seat->nick, NULL);
    xmpp_stanza_t *presence = stanza_new("presence", NULL);
    stanza_set(presence, "type", type);
    xmpp_stanza_set_from(presence, from);
    xmpp_stanza_set_to(presence, place);
    return presence;
}

static void seat_enter(struct guest_seat *seat)
{
    const struct guest_room *room = seat->room;
    bool tells = room->ear == seat && !room->archived;
    struct muc_join join = {.password = seat->password,
                            .history = {.max_chars = -1,
                                        .max_stanzas = tells ? HISTORY_MAX : 0,
                                        .seconds = -1,
                                        .since_us = tells ? room->heard_at : 0}};
    g_autoptr(xmpp_stanza_t) presence = presence_new(seat, NULL);
    muc_join_add(presence, &join);
    seat->state = GUEST_ENTERING;
    stanza_out(guests_of()->core, presence);
}

static void seat_pinged(xmpp_stanza_t *result, void *data)
{
    g_autoptr(guest_question) asking = data;
    struct guest_seat *seat = asking_seat(asking);
    if (!seat || !result || self_ping_parse(result) != SELF_PING_OUT)
        return;
    seat_submit(seat, "guest_gone", json_pack("{s:[]}", "codes"));
    seat_lose(seat);
}

static void seat_ping(struct guest_seat *seat)
{
    g_autofree char *from = account_address(seat->user);
    g_autofree char *place = g_strconcat(seat->room->jid, "/", seat->nick, NULL);
    g_autoptr(xmpp_stanza_t) iq = ping_build(NULL, from, place);
    guest_question *asking = asking_new(seat, false);
    if (!stanza_ask(guests_of()->core, iq, ANSWER_SECONDS, seat_pinged, asking))
        asking_free(asking);
}

static void seat_leave(struct guest_seat *seat)
{
    g_autoptr(xmpp_stanza_t) presence = presence_new(seat, "unavailable");
    if (stanza_out(guests_of()->core, presence))
        seat_submit(seat, "guest_gone", json_pack("{s:[]}", "codes"));
    seat_lose(seat);
}

/* Whether another one than SEAT, which is not in the room, listens or could. */
static bool ear_elsewhere(struct guest_seat *seat)
{
    struct guest_room *room = seat->room;
    seat->state = GUEST_OUT;
    if (room->ear == seat)
        room->ear = NULL;
    ear_choose(room);
    return room->ear != NULL;
}

/* ---- What is due ----------------------------------------------------------------------------- */

static void seat_act(struct guest_seat *seat, const char *state)
{
    if (strcmp(state, "leaving") == 0)
        seat_leave(seat);
    else if (strcmp(state, "in") == 0)
        seat_ping(seat);
    else if (!ear_elsewhere(seat))
        ear_begin(seat);
    else
        seat_enter(seat);
}

/* Whether there is a way for USER's stanzas: an account of another server has one with its session.
 */
static bool user_is_here(const char *user)
{
    const struct core *core = guests_of()->core;
    return service_of(core->options, user) != SERVICE_MAX ||
           (core->bound_is_here && core->bound_is_here(core, user));
}

static void row_act(const struct rows *rows, int row)
{
    if (!user_is_here(rows_text(rows, row, GUEST_TAKE_JID)))
        return;
    struct guest_seat *seat =
        guest_seat_put(rows_text(rows, row, GUEST_TAKE_JID), rows_text(rows, row, GUEST_TAKE_ROOM));
    const char *nick = rows_text(rows, row, GUEST_TAKE_NICK);
    g_free(seat->nick);
    g_free(seat->password);
    seat->nick = g_strdup(nick ? nick : "?");
    seat->password = g_strdup(rows_text(rows, row, GUEST_TAKE_PASSWORD));
    seat->room->heard_at = rows_integer(rows, row, GUEST_TAKE_HEARD_AT);
    seat_act(seat, rows_text(rows, row, GUEST_TAKE_STATE));
}

static void places_taken(const struct rows *rows, enum error_code error, void *data)
{
    struct guests *guests = guests_of();
    (void)data;
    if (!guests)
        return;
    guests->taking = false;
    for (int row = 0; error == ERROR_NONE && guests->up && row < rows_count(rows); row++)
        row_act(rows, row);
}

static void places_take(struct guests *guests)
{
    const char *values[] = {G_STRINGIFY(TAKEN_MAX)};
    if (guests->taking || !guests->core->archive)
        return;
    guests->taking = true;
    archive_query(guests->core->archive, QUERY_GUEST_TAKE, values, places_taken, NULL);
}

static void reset_done(const struct rows *rows, enum error_code error, void *data)
{
    struct guests *guests = guests_of();
    (void)rows;
    (void)data;
    if (!guests)
        return;
    guests->taking = false;
    if (error != ERROR_NONE)
        guests->up = false; /* tried again */
    else if (guests->up)
        places_take(guests);
}

static void guests_begin(struct guests *guests)
{
    if (guests->taking || !guests->core->archive || !archive_is_up(guests->core->archive))
        return;
    guests->up = true;
    guests->round++;
    guests->taking = true;
    archive_query(guests->core->archive, QUERY_GUEST_RESET, NULL, reset_done, NULL);
}

static void guests_end(struct guests *guests)
{
    guests->up = false;
    guests_clear(guests);
}

/* ---- Accounts of other servers --------------------------------------------------------------- */

static void seats_set(const struct rows *rows, enum error_code error, void *data)
{
    struct guests *guests = guests_of();
    (void)rows;
    (void)data;
    if (guests && guests->up && error == ERROR_NONE)
        places_take(guests);
}

static void user_seats(const char *user, bool here)
{
    struct guests *guests = guests_of();
    const char *values[] = {user, here ? "true" : "false"};
    if (guests && guests->core->archive)
        archive_query(guests->core->archive, QUERY_BOUND_SEATS, values, seats_set, NULL);
}

void guest_user_here(const char *user)
{
    user_seats(user, true);
}

static void rooms_lose(const struct guests *guests, const char *user)
{
    g_autoptr(GList) rooms = g_hash_table_get_keys(guests->rooms);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const GList *link = rooms; link; link = link->next)
        g_ptr_array_add(names, g_strdup(link->data));
    for (guint i = 0; i < names->len; i++) {
        struct guest_seat *seat = guest_seat_find(user, g_ptr_array_index(names, i));
        if (seat)
            seat_lose(seat);
    }
}

void guest_user_gone(const char *user)
{
    const struct guests *guests = guests_of();
    if (!guests || !guests->up)
        return;
    rooms_lose(guests, user);
    user_seats(user, false);
}

static void rooms_settle(struct guests *guests)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, guests->rooms);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct guest_room *room = value;
        if (!room->archived && room->since > 0 && clock_monotonic() - room->since > SETTLED)
            guest_room_settled(room);
    }
}

/* Other instances, too, store what is to be said. */
static void guests_look(struct guests *guests)
{
    places_take(guests);
    if (guests->core->router)
        guest_say_all(guests);
}

static gboolean on_turn(gpointer data)
{
    struct guests *guests = data;
    bool mine = stanza_is_mine(guests->core);
    if (!mine && guests->up)
        guests_end(guests);
    else if (mine && !guests->up)
        guests_begin(guests);
    else if (mine)
        guests_look(guests);
    rooms_settle(guests);
    return G_SOURCE_CONTINUE;
}

/* ---- Presence from rooms --------------------------------------------------------------------- */

void guest_room_settled(struct guest_room *room)
{
    if (room->since > 0 && !room->live)
        guest_room_live(room, NULL, room->heard_at == 0);
}

static void live_done(const struct change_result *result, void *data)
{
    (void)result;
    (void)data;
    if (guests_of())
        guest_say_all(guests_of());
}

void guest_room_live(struct guest_room *room, const char *newest, bool first)
{
    room->live = true;
    change_submit(
        guests_of()->core, "guest_live", NULL,
        json_pack("{s:s, s:s*, s:b}", "room", room->jid, "newest", newest, "first", first),
        live_done, NULL);
}

static json_t *codes_of(const struct muc_user *user)
{
    json_t *codes = json_array();
    for (size_t i = 0; i < user->code_count; i++)
        json_array_append_new(codes, json_integer(user->codes[i]));
    return codes;
}

static json_t *item_arguments(const struct stanza_context *context, const struct muc_user *user)
{
    const char *affiliation = muc_affiliation_name(user->item.affiliation);
    const char *role = muc_role_name(user->item.role);
    return json_pack("{s:s, s:s, s:o, s:s*, s:s*}", "affiliation",
                     affiliation ? affiliation : "none", "role", role ? role : "participant",
                     "codes", codes_of(user), "occupant", occupant_id_parse(context->stanza),
                     "nick", user->item.nick);
}

static void seat_entered(const struct change_result *result, void *data)
{
    g_autoptr(guest_question) asking = data;
    struct guest_seat *seat = asking_seat(asking);
    (void)result;
    if (!seat)
        return;
    if (seat->room->ear != seat) {
        guest_say_all(guests_of());
        return;
    }
    seat->room->since = clock_monotonic();
    if (seat->room->archived)
        guest_history_begin(seat->room);
}

static void on_self(struct guest_seat *seat, const struct stanza_context *context,
                    const struct muc_user *user)
{
    bool all = seat->state == GUEST_ENTERING && seat->room->ear == seat;
    bool fresh = seat->state == GUEST_ENTERING;
    if (muc_user_has_code(user, MUC_CODE_CREATED)) { /* there was no such room */
        g_autoptr(xmpp_stanza_t) away = presence_new(seat, "unavailable");
        stanza_out(guests_of()->core, away);
        seat_refused(seat, "item-not-found");
        return;
    }
    g_free(seat->nick);
    seat->nick = g_strdup(strchr(context->from, '/') + 1);
    seat->state = GUEST_IN;
    json_t *arguments = seat_arguments(seat), *item = item_arguments(context, user);
    json_object_update(arguments, item);
    json_decref(item);
    json_object_set_new(arguments, "nick", json_string(seat->nick));
    json_object_set_new(arguments, "all", json_boolean(all));
    change_submit(guests_of()->core, "guest_entered", NULL, arguments, fresh ? seat_entered : NULL,
                  fresh ? asking_new(seat, false) : NULL);
}

static void on_self_gone(struct guest_seat *seat, const struct muc_user *user)
{
    bool renamed = muc_user_has_code(user, MUC_CODE_NICK_CHANGED) && user->item.nick;
    if (renamed) {
        g_free(seat->nick);
        seat->nick = g_strdup(user->item.nick);
    }
    seat_submit(seat, "guest_gone",
                json_pack("{s:o, s:b, s:s*}", "codes", codes_of(user), "destroyed",
                          user->is_destroyed, "nick", renamed ? user->item.nick : NULL));
    if (!renamed)
        seat_lose(seat);
}

/* Somebody else; the room is believed about addresses by SQL, where it shows them to all. */
static void on_other(const struct guest_seat *seat, const struct stanza_context *context,
                     const struct muc_user *user)
{
    g_autofree char *jid = user->item.jid ? jid_prepare_bare(user->item.jid) : NULL;
    json_t *arguments = item_arguments(context, user);
    json_object_set_new(arguments, "type", json_string(context->type));
    json_object_set_new(arguments, "who",
                        json_pack("{s:s, s:s*, s:s*}", "nick", strchr(context->from, '/') + 1,
                                  "occupant", occupant_id_parse(context->stanza), "jid", jid));
    seat_submit(seat, "guest_presence", arguments);
}

/* What others than the ear are told of others: the same, and it would use up what a room may send.
 */
static bool on_copy(const struct stanza_context *context)
{
    struct muc_user user;
    const char *slash = strchr(context->from, '/');
    const struct guest_seat *seat = guest_seat_find(context->to_bare, context->from_bare);
    return seat && slash && seat->room->ear != seat && strcmp(slash + 1, seat->nick) != 0 &&
           muc_user_parse(context->stanza, &user) && !muc_user_has_code(&user, MUC_CODE_SELF);
}

static bool on_presence(const struct stanza_context *context)
{
    struct muc_user user;
    const char *slash = strchr(context->from, '/');
    struct guest_seat *seat = guest_seat_find(context->to_bare, context->from_bare);
    if (!slash || !seat || !muc_user_parse(context->stanza, &user))
        return true; /* of a room in which nobody of ours is */
    bool gone = strcmp(context->type, "unavailable") == 0;
    bool self = muc_user_has_code(&user, MUC_CODE_SELF) || strcmp(slash + 1, seat->nick) == 0;
    if (self && gone)
        on_self_gone(seat, &user);
    else if (self)
        on_self(seat, context, &user);
    else if (seat->room->ear == seat && (user.has_item || gone))
        on_other(seat, context, &user);
    return true;
}

static bool on_refused(const struct stanza_context *context)
{
    struct stanza_error error;
    struct guest_seat *seat = guest_seat_find(context->to_bare, context->from_bare);
    if (!seat || seat->state != GUEST_ENTERING || !stanza_error_parse(context->stanza, &error))
        return false;
    seat_refused(seat, error.condition);
    return true;
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void on_link(struct core *core)
{
    struct guests *guests = part_state(core, &part);
    if (guests->up && !stanza_is_mine(core))
        guests_end(guests);
    on_turn(guests);
}

static void on_link_down(struct core *core)
{
    guests_end(part_state(core, &part));
}

static void on_due(struct core *core)
{
    struct guests *guests = part_state(core, &part);
    if (!guests->up)
        return;
    places_take(guests);
    guest_say_all(guests);
}

static const struct part part = {
    .name = "guest", .link_up = on_link, .link_down = on_link_down, .guests_due = on_due};

static void guest_start(struct core *core)
{
    struct guests *guests = guests_new(core);
    guests->timer = g_timeout_add_seconds(TURN_SECONDS, on_turn, guests);
    part_add(core, &part, guests);
}

static void guest_stop(struct core *core)
{
    struct guests *guests = part_remove(core, &part);
    g_source_remove(guests->timer);
    guests_free(guests);
}

static const struct stanza_handler stanzas[] = {
    {"presence", "available|unavailable", NULL, NULL, TARGET_RESOURCE, .admit = on_copy},
    {"presence", "available|unavailable", "x", NS_MUC_USER, TARGET_RESOURCE, .claim = on_presence},
    {"presence", "error", "error", NS_CLIENT, TARGET_RESOURCE, .claim = on_refused},
    {0},
};

const struct feature feature_guest = {
    .name = "guest", .part = &part, .stanzas = stanzas, .start = guest_start, .stop = guest_stop};
