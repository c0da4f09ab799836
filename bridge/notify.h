/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a service manager is told (sd_notify(3)); nothing where there is none. */
#pragma once

/* Keeps the manager's watchdog quiet from now on, for as long as the loop turns. */
void notify_start(void);
void notify_end(void);

/* It listens, and has read its configuration. Databases and servers may be away. */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
