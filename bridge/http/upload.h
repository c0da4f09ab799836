/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies that a handler reads as they come. */
#pragma once

#include "bridge/http/exchange.h"

/* The head of a request with raw_stream is in. */
enum MHD_Result upload_begin(struct exchange *exchange);
/* What exchange_handle() gets from then on. */
enum MHD_Result upload_handle(struct exchange *exchange, const char *bytes, size_t *size);
/* The handler wants the body, or more of it. */
void upload_read(struct exchange *exchange, const struct body_reader *reader);
void upload_resume(struct exchange *exchange);
/* An answer is there: whether the connection, which waits for it, is to be resumed. */
bool upload_wakes(struct exchange *exchange);
/* The connection has gone. */
void upload_cut(struct exchange *exchange, bool late);
