/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passwords of files: what is kept of one, and whether a text is it. Both take a while on purpose,
 * and are done by a thread. */
#pragma once

#include <stdbool.h>

/* LOCK: what is to be kept of PASSWORD (copied); NULL: the system has no randomness. */
void lock_make(const char *password, void (*done)(const char *lock, void *data), void *data);
/* Whether PASSWORD opens LOCK (both copied). */
void lock_try(const char *lock, const char *password, void (*done)(bool opens, void *data),
              void *data);
