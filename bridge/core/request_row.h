/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers to requests that one query has all of. */
#pragma once

#include "bridge/archive/archive.h"

/* For archive_query: answers the struct request that is DATA with the JSON in the only row's first
 * column, or not_found when there is none. */
void request_reply_row(const struct rows *rows, enum error_code error, void *data);

/* For archive_query_binary(): likewise with what the operation's reply names, see view_reply(). */
void request_reply_view(const struct rows *rows, enum error_code error, void *data);
