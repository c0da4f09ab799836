/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The route table is a tree of path segments. */
#include "config.h"

#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "bridge/core/request.h"
#include "bridge/http/route.h"

#define SEGMENTS_MAX 8

struct route {
    const struct operation *operation;
    char **names; /* of its parameters, in order */
};

struct node {
    char *literal;
    GPtrArray *children; /* struct node *, literal segments */
    struct node *parameter;
    GPtrArray *routes; /* struct route *, by method */
    GString *allow;
};

struct routes {
    struct node *root;
};

struct segment {
    const char *text;
    size_t length;
};

static void route_free(gpointer data)
{
    struct route *route = data;
    g_strfreev(route->names);
    g_free(route);
}

static void node_free(gpointer data)
{
    struct node *node = data;
    if (!node)
        return;
    g_free(node->literal);
    g_ptr_array_unref(node->children);
    g_ptr_array_unref(node->routes);
    g_string_free(node->allow, TRUE);
    node_free(node->parameter);
    g_free(node);
}

static struct node *node_new(const char *literal, size_t length)
{
    struct node *node = g_new0(struct node, 1);
    node->literal = g_strndup(literal, length);
    node->children = g_ptr_array_new_with_free_func(node_free);
    node->routes = g_ptr_array_new_with_free_func(route_free);
    node->allow = g_string_new(NULL);
    return node;
}

/* Splits "/a/b" into its segments; SIZE_MAX if it has too many or does not begin with a slash. */
static size_t path_split(const char *path, struct segment ret_segments[SEGMENTS_MAX])
{
    size_t count = 0;
    if (path[0] != '/')
        return SIZE_MAX;
    while (*path == '/') {
        size_t length = strcspn(++path, "/");
        if (count == SEGMENTS_MAX)
            return SIZE_MAX;
        ret_segments[count++] = (struct segment){path, length};
        path += length;
    }
    return count;
}

static struct node *child_literal(const struct node *node, const struct segment *segment)
{
    for (guint i = 0; i < node->children->len; i++) {
        struct node *child = g_ptr_array_index(node->children, i);
        if (strncmp(child->literal, segment->text, segment->length) == 0 &&
            child->literal[segment->length] == '\0')
            return child;
    }
    return NULL;
}

static struct node *node_descend(struct node *node, const struct segment *segment, GPtrArray *names)
{
    if (segment->text[0] == ':') {
        g_ptr_array_add(names, g_strndup(segment->text + 1, segment->length - 1));
        if (!node->parameter)
            node->parameter = node_new(":", 1);
        return node->parameter;
    }
    struct node *child = child_literal(node, segment);
    if (!child) {
        child = node_new(segment->text, segment->length);
        g_ptr_array_add(node->children, child);
    }
    return child;
}

static const struct route *find_method(const struct node *node, const char *method)
{
    for (guint i = 0; i < node->routes->len; i++) {
        const struct route *route = g_ptr_array_index(node->routes, i);
        if (strcmp(route->operation->method, method) == 0)
            return route;
    }
    return NULL;
}

static void allow_method(struct node *node, const char *method)
{
    if (node->allow->len > 0)
        g_string_append(node->allow, ", ");
    g_string_append(node->allow, method);
    if (strcmp(method, "GET") == 0)
        g_string_append(node->allow, ", HEAD");
}

static void add_operation(struct node *node, const struct operation *operation)
{
    struct segment segments[SEGMENTS_MAX];
    size_t count = path_split(operation->path, segments);
    if (count == SIZE_MAX)
        g_error("route %s %s: malformed path", operation->method, operation->path);
    GPtrArray *names = g_ptr_array_new();
    for (size_t i = 0; i < count; i++)
        node = node_descend(node, &segments[i], names);
    if (names->len > ROUTE_PARAMETERS_MAX || find_method(node, operation->method))
        g_error("route %s %s: too many parameters, or twice", operation->method, operation->path);
    g_ptr_array_add(names, NULL);
    struct route *route = g_new0(struct route, 1);
    route->operation = operation;
    route->names = (char **)g_ptr_array_free(names, FALSE);
    g_ptr_array_add(node->routes, route);
    allow_method(node, operation->method);
}

struct routes *routes_new(const struct operation *const *operations)
{
    struct routes *routes = g_new0(struct routes, 1);
    routes->root = node_new("", 0);
    struct operation_walk walk = {operations, NULL};
    const struct operation *row;
    while ((row = operation_next(&walk))) {
        if (row->method)
            add_operation(routes->root, row);
    }
    return routes;
}

void routes_free(struct routes *routes)
{
    if (!routes)
        return;
    node_free(routes->root);
    g_free(routes);
}

/* Depth first, literals before parameters. The values of parameters that were passed on the way are
 * left in MATCH. */
static const struct node *find_node(const struct node *node, const struct segment *segments,
                                    size_t count, struct route_match *match)
{
    if (count == 0)
        return node->routes->len > 0 ? node : NULL;
    const struct node *child = child_literal(node, &segments[0]);
    const struct node *found = child ? find_node(child, segments + 1, count - 1, match) : NULL;
    if (found || !node->parameter || segments[0].length == 0)
        return found;
    if (match->parameter_count == ROUTE_PARAMETERS_MAX)
        return NULL;
    size_t index = match->parameter_count++;
    match->parameters[index].text = segments[0].text;
    match->parameters[index].length = segments[0].length;
    found = find_node(node->parameter, segments + 1, count - 1, match);
    if (!found)
        match->parameter_count = index;
    return found;
}

bool routes_find(const struct routes *routes, const char *method, const char *path,
                 struct route_match *ret_match)
{
    struct segment segments[SEGMENTS_MAX];
    size_t count = path_split(path, segments);
    ret_match->parameter_count = 0;
    const struct node *node =
        count == SIZE_MAX ? NULL : find_node(routes->root, segments, count, ret_match);
    if (!node)
        return false;
    const struct route *route = find_method(node, strcmp(method, "HEAD") == 0 ? "GET" : method);
    ret_match->operation = route ? route->operation : NULL;
    ret_match->allow = node->allow->str;
    for (size_t i = 0; route && i < ret_match->parameter_count; i++)
        ret_match->parameters[i].name = route->names[i];
    return true;
}
