/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which features are on, and for whom. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/base/id.h"
#include "bridge/base/options.h"
#include "bridge/base/rollout.h"
#include "bridge/core/core.h"
#include "bridge/core/toggle.h"

static const char *const names[TOGGLE_MAX] = {
#define TRESTLE_TOGGLE(symbol, name) [TOGGLE_##symbol] = #name,
#include "bridge/core/toggle.def"
};

const char *toggle_name(enum toggle toggle)
{
    return names[toggle];
}

bool toggles_read(struct toggles *toggles, const struct options *options)
{
    struct toggles fresh = {{0}};
    const char *const texts[TOGGLE_MAX] = {
#define TRESTLE_TOGGLE(symbol, name) [TOGGLE_##symbol] = options->features_##name,
#include "bridge/core/toggle.def"
    };
    for (enum toggle toggle = TOGGLE_NONE + 1; toggle < TOGGLE_MAX; toggle++) {
        unsigned percent;
        if (rollout_parse(texts[toggle], &percent))
            fresh.withheld[toggle] = ROLLOUT_ALL - percent;
    }
    bool changed = memcmp(toggles, &fresh, sizeof fresh) != 0;
    *toggles = fresh;
    return changed;
}

/* In which hundredth of all users USER is, for this switch. */
static unsigned hundredth_of(enum toggle toggle, const struct uuid *user)
{
    guint8 digest[32];
    gsize length = sizeof digest;
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, (const guchar *)names[toggle], -1);
    g_checksum_update(sum, user->bytes, sizeof user->bytes);
    g_checksum_get_digest(sum, digest, &length);
    guint32 number =
        (guint32)digest[0] << 24 | (guint32)digest[1] << 16 | (guint32)digest[2] << 8 | digest[3];
    return number % ROLLOUT_ALL;
}

bool toggle_is_on(const struct core *core, enum toggle toggle, const struct uuid *user)
{
    unsigned withheld = core->toggles.withheld[toggle];
    if (withheld == 0 || withheld == ROLLOUT_ALL || !user)
        return withheld < ROLLOUT_ALL;
    return hundredth_of(toggle, user) < ROLLOUT_ALL - withheld;
}

unsigned toggles_off(const struct core *core, const struct uuid *user)
{
    unsigned off = 0;
    for (enum toggle toggle = TOGGLE_NONE + 1; toggle < TOGGLE_MAX; toggle++) {
        if (!toggle_is_on(core, toggle, user))
            off |= TOGGLE_BIT(toggle);
    }
    return off;
}
