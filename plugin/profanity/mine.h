/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a service has of a person: requests, messages for later, polls, calls. Each is a command of
 * /trestle: PLACE is the open chat, WORDS its arguments, NULL where there is none. */
#pragma once

#include "plugin/profanity/place.h"

void mine_service(const struct place *place, char *const *words);
void mine_requests(const struct place *place, char *const *words);
void mine_accept(const struct place *place, char *const *words);
void mine_decline(const struct place *place, char *const *words);
void mine_schedule(const struct place *place, char *const *words);
void mine_scheduled(const struct place *place, char *const *words);
void mine_unschedule(const struct place *place, char *const *words);
void mine_poll(const struct place *place, char *const *words);
void mine_calls(const struct place *place, char *const *words);
/* Closes the poll that is the message ID. */
void mine_close(const struct place *place, const char *id);
/* Forgets what was listed. */
void mine_clear(void);
