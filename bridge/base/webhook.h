/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How requests to services of the operator's are signed: Standard Webhooks, v1. */
#pragma once

#include <glib.h>

/* The header webhook-signature of BODY that goes with ID at SECONDS since 1970. SECRET: "whsec_"
 * and base64, or any other text, which is the key as it is. The caller frees it. */
char *webhook_signature(const char *secret, const char *id, gint64 seconds, const char *body);
