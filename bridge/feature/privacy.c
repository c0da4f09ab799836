/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Privacy settings: who may begin to talk to the user, and what others see. Enforced where it
 * happens, see sql/function/privacy.sql and relation.sql. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/base/words.h"
#include "bridge/core/feature.h"

static const char *const tiers[] = WORDS_ARRAY(PRIVACY_TIERS);
#define MESSAGE_WORDS(FIRST, FURTHER)                                                              \
    PRIVACY_MESSAGE_TIERS(FIRST, FURTHER) FURTHER("requests") FURTHER("no_one") /* other names */
static const char *const message_tiers[] = WORDS_ARRAY(MESSAGE_WORDS);
static const char *const profile_tiers[] = WORDS_ARRAY(PRIVACY_PROFILE_TIERS);

static const struct field change_fields[] = {
    {.name = "messages", .type = FIELD_CHOICE, .choices = message_tiers},
    {.name = "presence", .type = FIELD_CHOICE, .choices = tiers},
    {.name = "last_seen", .type = FIELD_CHOICE, .choices = tiers},
    {.name = "profile", .type = FIELD_CHOICE, .choices = profile_tiers},
    {.name = "receipts", .type = FIELD_BOOLEAN},
    {.name = "location", .type = FIELD_CHOICE, .choices = tiers},
    {0},
};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/settings/privacy",
     .read = QUERY_PRIVACY_GET,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:settings",
                                    .name = "Mine: who may reach me and what they see"},
     .reply = "Privacy",
     .summary = "Who may reach the user and what they see"},
    {.method = "PATCH",
     .path = "/api/settings/privacy",
     .fields = change_fields,
     .change = "privacy",
     .member = "privacy",
     .reply = "Privacy",
     .flags = OPERATION_HOSTED,
     .summary = "Changes privacy settings"},
    {0},
};

const struct feature feature_privacy = {.name = "privacy", .operations = operations};
