/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a conversation says of several facts. */
#pragma once

#include "bridge/view/view.h"

/* What schema.def makes of several facts. VIEW: a struct conversation_view. */
void conversation_put_participants(struct json_writer *json, const void *view);
void conversation_put_participant1(struct json_writer *json, const void *view);
void conversation_put_participant2(struct json_writer *json, const void *view);
void conversation_put_participant1_id(struct json_writer *json, const void *view);
void conversation_put_settings(struct json_writer *json, const void *view);
void conversation_put_participant2_id(struct json_writer *json, const void *view);
