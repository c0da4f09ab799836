/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The route table: method and path to operation, compiled once from the features' tables. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct operation;
struct routes;

#define ROUTE_PARAMETERS_MAX 4

struct route_match {
    const struct operation *operation; /* NULL: the path is known, the method is not */
    const char *allow; /* the methods of this path, as the header Allow wants them */
    size_t parameter_count;
    struct {
        const char *name; /* without the colon */
        const char *text; /* part of the path, percent-encoded, not NUL-terminated */
        size_t length;
    } parameters[ROUTE_PARAMETERS_MAX];
};

/* OPERATIONS (see struct core) must outlive the routes. Two operations with one method and path, or
 * too many parameters, are a mistake of the program: it ends. */
struct routes *routes_new(const struct operation *const *operations);
void routes_free(struct routes *routes);

/* Finds what PATH (percent-encoded, no query) names. A literal segment wins over a parameter; HEAD
 * finds what GET does. False if there is no such path. */
bool routes_find(const struct routes *routes, const char *method, const char *path,
                 struct route_match *ret_match);
