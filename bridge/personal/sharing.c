/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What users let be done with their data: figures (analytics), services of assistance (translation)
 * and what is made for them alone (personalisation). Asked where it happens, see
 * sql/function/sharing.sql. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/core/feature.h"

static const struct field change_fields[] = {
    {.name = "analytics", .type = FIELD_BOOLEAN, .label = "My part in figures of the service"},
    {.name = "assist", .type = FIELD_BOOLEAN, .label = "My messages for services of assistance"},
    {.name = "personalisation",
     .type = FIELD_BOOLEAN,
     .label = "My contacts and groups for suggestions to me"},
    {0},
};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/settings/data-sharing",
     .read = QUERY_SHARING_GET,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:data-sharing",
                                    .name = "Mine: what may be done with my data"},
     .reply = "DataSharing",
     .summary = "What the user lets be done with their data"},
    {.method = "PATCH",
     .path = "/api/settings/data-sharing",
     .fields = change_fields,
     .change = "sharing",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:share",
                                    .name = "Mine: change what may be done with my data"},
     .reply = "DataSharing",
     .summary = "Changes what the user lets be done with their data"},
    {0},
};

const struct feature feature_sharing = {.name = "sharing", .operations = operations};
