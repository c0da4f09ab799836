/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes of each kind. */
#pragma once

#include "bridge/archive/archive.h"

/* Each frees the strings of a write and the write. */
void message_write_free(struct message_write *write);
/* The same message as it was handed in, to be handed in once more; WRITE is freed. */
struct message_write *message_write_again(struct message_write *write);
void mark_write_free(struct mark_write *write);
void failure_write_free(struct failure_write *write);
void change_write_free(struct change_write *write);
