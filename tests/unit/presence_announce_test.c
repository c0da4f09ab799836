/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a contact on XMPP was told last is what it may know: an answer of the database that a block
 * has overtaken is not sent behind the block's own `unavailable`. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/part.h"
#include "bridge/core/relation.h"
#include "bridge/loop/loop.h"
#include "bridge/presence/announce.h"
#include "bridge/presence/user_presence.h"
#include "bridge/presence/client.h"
#include "bridge/presence/hosted.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"
#include "xep/presence.h"

#define ALICE "alice@app.example.org"
#define ALICE_ID "00000000-0000-7000-8000-00000000000a"
#define ROMEO "romeo@example.org"

extern const struct feature feature_subscription;

static struct core core;
static struct options *options;
static struct account *alice;
static GString *sent; /* types of what Romeo was sent, each behind a blank */

/* ---- What the rest of the program does here -------------------------------------------------- */

static enum sink_result send_stanza(void *link, xmpp_stanza_t *stanza)
{
    (void)link;
    const char *type = xmpp_stanza_get_type(stanza);
    ck_assert_str_eq(xmpp_stanza_get_to(stanza), ROMEO);
    g_string_append_printf(sent, " %s", type ? type : "available");
    return SINK_SENT;
}

const struct caps *client_caps(const struct core *self, const struct account *account)
{
    (void)self;
    (void)account;
    static const struct caps none;
    return &none;
}

void user_presence_dress(const struct core *its_core, const struct account *account,
                         struct presence_stanza *presence)
{
    (void)its_core, (void)account, (void)presence;
}

void user_presence_changed(struct core *its_core, struct account *account)
{
    (void)its_core, (void)account;
}

static bool ready(void *link)
{
    (void)link;
    return true;
}

/* ---- The world ------------------------------------------------------------------------------- */

static void wait_question(enum query query)
{
    while (fake_asked() == QUERY_MAX)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_int_eq(fake_asked(), query);
}

static void start(void)
{
    memset(&core, 0, sizeof core);
    core.options = options = options_new();
    core.archive = (void *)&core; /* the fake one does not look at it */
    core.sinks[SERVICE_USERS] = (struct stanza_sink){.ready = ready, .send = send_stanza};
    sent = g_string_new(NULL);
    loop_start();
    core.accounts = accounts_new();
    relations_init(&core);
    feature_subscription.start(&core);
    struct account_row row = {.jid = ALICE, .facts = "{}", .number = 1, .hosted = true};
    uuid_parse(ALICE_ID, &row.id);
    alice = account_ref(account_learn(core.accounts, &row));
    wait_question(QUERY_CONTACT_SHOWN_ONLINE);
    fake_answer(0, 0, NULL);
}

static void stop(void)
{
    core.archive = NULL;
    fake_clear();
    feature_subscription.stop(&core);
    relations_clear(&core);
    account_unref(alice);
    accounts_free(core.accounts);
    loop_stop();
    options_free(options);
    g_string_free(sent, TRUE);
}

/* What block.c does when the change is done. */
static void block(void)
{
    relation_forget(&core, &alice->id);
    announce_unavailable_to(&core, alice, ROMEO);
}

START_TEST(an_announcement_does_not_overtake_a_block)
{
    start();
    PARTS_TELL(&core, online_changed, &core, alice, true);
    wait_question(QUERY_CONTACT_ANNOUNCE);
    block();
    const char *cells[] = {ROMEO};
    fake_answer(1, 1, cells); /* as it was before */
    wait_question(QUERY_CONTACT_ANNOUNCE);
    fake_answer(0, 1, NULL);
    ck_assert_str_eq(sent->str, " unavailable");
    stop();
}
END_TEST

START_TEST(the_answer_to_a_probe_does_not_overtake_a_block)
{
    start();
    struct presence_stanza probe = {.from = ROMEO, .to = ALICE, .type = PRESENCE_PROBE};
    xmpp_stanza_t *stanza = presence_build(&probe);
    struct stanza_context context = {.stanza = stanza,
                                     .from = ROMEO,
                                     .from_bare = ROMEO,
                                     .to = ALICE,
                                     .to_bare = ALICE,
                                     .target = TARGET_USER,
                                     .data = &core};
    feature_subscription.stanzas[0].fallback(&context);
    wait_question(QUERY_CONTACT_PROBE);
    block();
    const char *before[] = {"presence", NULL};
    fake_answer(1, 2, before);
    wait_question(QUERY_CONTACT_PROBE);
    const char *now[] = {"unsubscribed", NULL};
    fake_answer(1, 2, now);
    ck_assert_str_eq(sent->str, " unavailable unsubscribed");
    xmpp_stanza_release(stanza);
    stop();
}
END_TEST

UNIT_MAIN("announce", an_announcement_does_not_overtake_a_block,
          the_answer_to_a_probe_does_not_overtake_a_block)
