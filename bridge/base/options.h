/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configuration: one INI file (GKeyFile syntax), checked against options.def. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* One member per option: options->xmpp_domain, options->http_port … Strings are NULL only for
 * options without a default that were not given. Hosts are numeric addresses (localhost has become
 * 127.0.0.1), domains are lower case. Secrets from *_file options are already read into
 * xmpp_secret and auth_key. */
struct options {
#define TRESTLE_OPTION(section, name, type, fallback, need, text) char *section##_##name;
#define TRESTLE_OPTION_CHOICE(section, name, fallback, choices, text) char *section##_##name;
#define TRESTLE_OPTION_INTEGER(section, name, fallback, minimum, maximum, unit, text)              \
    gint64 section##_##name;
#include "bridge/base/options.def"
    char *config_path; /* the file these came from, for reading it again; NULL: defaults */
};
/* For g_autoptr; not called `options`, so that variables may be. */
typedef struct options trestle_options;

/* Reads PATH, at most 1 MiB. File names in it are relative to its folder. NULL and *error (message
 * names file, section, option and what is expected) when the file cannot be read, has an unknown
 * section or option, a value out of bounds, or lacks a required option. Messages never hold a
 * value. */
struct options *options_load(const char *path, GError **error);
/* The same for TEXT that was already read; PATH serves messages and relative file names. */
struct options *options_parse(const char *path, const char *text, GError **error);
/* The defaults alone, for tests. */
struct options *options_new(void);
void options_free(struct options *options); /* clears secrets; NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(trestle_options, options_free)

/* A regular file of at most MAXIMUM bytes without NUL, NUL-terminated; caller frees with g_free. */
char *options_read_file(const char *path, size_t maximum, mode_t *ret_mode, GError **error);

/* The log as OPTIONS want it; files are opened anew. False (with a line on stderr): some of it
 * stays as it was. */
bool options_use_log(const struct options *options);

/* The address at which [bound] login_servers has DOMAIN, and its port; "" and 0: DNS says. What has
 * no port does not count. Caller frees. */
char *options_login_server(const struct options *options, const char *domain, guint64 *ret_port);
