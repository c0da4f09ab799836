/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ghosts: sessions that are in a room, as we have it, and have gone without a word, with their
 * client, their server, or while our link was down. They show by errors: whatever comes back takes
 * its session out of the room. Where nothing is said nothing comes back, so that all are sent an
 * empty message now and then, and whenever the link has come up. A ping would not do: the same
 * error says that a client does not know pings, and that there is no client. */
#include "config.h"

#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "bridge/job/job.h"
#include "bridge/room/groupchat.h"
#include "bridge/room/scene.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0045_user.h"
#include "xep/0334_hints.h"
#include "xep/error.h"

#define PROBE_SECONDS 900

/* Errors after which nothing more will arrive there. */
static const char *const gone[] = {"gone",
                                   "internal-server-error",
                                   "item-not-found",
                                   "jid-malformed",
                                   "recipient-unavailable",
                                   "redirect",
                                   "remote-server-not-found",
                                   "remote-server-timeout",
                                   "service-unavailable",
                                   NULL};

static bool on_error(const struct stanza_context *context)
{
    struct stanza_error error;
    if (!stanza_error_parse(context->stanza, &error) || !g_strv_contains(gone, error.condition))
        return true;
    g_autofree char *room = room_of_context(context);
    json_t *arguments = json_pack("{s:s, s:s, s:[i, i]}", "room", room, "address", context->from,
                                  "codes", MUC_CODE_KICKED, MUC_CODE_TECHNICAL);
    change_submit(context->data, "room_leave", NULL, arguments, NULL, NULL);
    return true;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void on_rooms_up(struct core *core)
{
    change_submit(core, "room_probe", NULL, NULL, NULL, NULL);
}

static void probes_queued(const struct change_result *result, void *data)
{
    job_end(data, result->error == ERROR_NONE ? JOB_DONE : JOB_FAILED, NULL, "unavailable");
}

static void probe_run(struct job *job)
{
    change_submit(job_core(job), "room_probe", NULL, NULL, probes_queued, job);
}

static xmpp_stanza_t *build_probe(const struct outbox_entry *entry)
{
    g_autofree char *id = outbox_entry_id(entry);
    struct groupchat envelope = {.room = entry->from, .to = entry->to, .id = id};
    xmpp_stanza_t *message = groupchat_new(&envelope);
    hints_add(message, HINT_NO_STORE);
    return message;
}

/* ---- The feature ----------------------------------------------------------------------------- */

static const struct part part = {.name = "room_ghost", .rooms_up = on_rooms_up};

static void ghost_start(struct core *core)
{
    part_add(core, &part, NULL);
}

static void ghost_stop(struct core *core)
{
    part_remove(core, &part);
}

static const struct outgoing outgoing[] = {
    {"room_probe", SERVICE_ROOMS, .build = build_probe},
    {0},
};

static const struct job_kind jobs[] = {
    {.name = "room.probe", .interval = PROBE_SECONDS, .run = probe_run},
    {0},
};

static const struct stanza_handler stanzas[] = {
    {"presence", "error", NULL, NULL, TARGET_ROOM | TARGET_OCCUPANT, .fallback = on_error},
    {"message", "error", NULL, NULL, TARGET_ROOM | TARGET_OCCUPANT, .fallback = on_error},
    {0},
};

const struct feature feature_room_ghost = {.name = "room_ghost",
                                           .part = &part,
                                           .stanzas = stanzas,
                                           .jobs = jobs,
                                           .outgoing = outgoing,
                                           .start = ghost_start,
                                           .stop = ghost_stop};
