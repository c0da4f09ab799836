/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The system under test; see stack.h. */
#include "tests/bench/stack.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *const cpu_role_names[CPU_ROLE_MAX] = {"bridge", "postgres", "xmpp", "generator"};

#define TOKEN_LIFE (24 * 3600)

/* SCHEME://HOST:PORT[PATH] with a numeric host. */
static bool parse_url(const char *url, struct endpoint *ret_endpoint, char *ret_path, size_t room)
{
    g_autoptr(GUri) uri = url != NULL ? g_uri_parse(url, G_URI_FLAGS_NONE, NULL) : NULL;
    if (uri == NULL || g_uri_get_host(uri) == NULL || g_uri_get_port(uri) <= 0)
        return false;
    g_strlcpy(ret_endpoint->host, g_uri_get_host(uri), sizeof ret_endpoint->host);
    ret_endpoint->port = (uint16_t)g_uri_get_port(uri);
    if (ret_path != NULL)
        g_strlcpy(ret_path, g_uri_get_path(uri), room);
    return true;
}

static void add_pids(GArray *pids, const json_t *value)
{
    if (json_is_integer(value)) {
        int pid = (int)json_integer_value(value);
        g_array_append_val(pids, pid);
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        add_pids(pids, json_array_get(value, i));
}

static struct stack *stack_parse(const json_t *root)
{
    struct stack *stack = g_new0(struct stack, 1);
    const json_t *jwt = json_object_get(root, "jwt");
    const json_t *pids = json_object_get(root, "pids");
    for (int role = 0; role < CPU_ROLE_MAX; role++) {
        stack->pids[role] = g_array_new(FALSE, FALSE, sizeof(int));
        if (role != CPU_GENERATOR)
            add_pids(stack->pids[role], json_object_get(pids, cpu_role_names[role]));
    }
    int own = getpid();
    g_array_append_val(stack->pids[CPU_GENERATOR], own);
    stack->database = g_strdup(json_string_value(json_object_get(root, "database")));
    stack->secret = g_strdup(json_string_value(json_object_get(jwt, "secret")));
    stack->issuer = g_strdup(json_string_value(json_object_get(jwt, "issuer")));
    stack->audience = g_strdup(json_string_value(json_object_get(jwt, "audience")));
    const char *rest = json_string_value(json_object_get(root, "rest"));
    const char *ws = json_string_value(json_object_get(root, "ws"));
    const char *admin = json_string_value(json_object_get(root, "admin"));
    if (admin != NULL)
        parse_url(admin, &stack->admin, NULL, 0);
    if (stack->secret == NULL || !parse_url(rest, &stack->rest, NULL, 0) ||
        !parse_url(ws, &stack->ws.endpoint, stack->ws.path, sizeof stack->ws.path)) {
        fprintf(stderr, "the description of the stack needs rest, ws and jwt.secret\n");
        stack_free(stack);
        return NULL;
    }
    return stack;
}

struct stack *stack_read(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL) {
        fprintf(stderr, "%s: %s\n", path, error.text);
        return NULL;
    }
    struct stack *stack = stack_parse(root);
    json_decref(root);
    return stack;
}

void stack_free(struct stack *stack)
{
    if (stack == NULL)
        return;
    for (int role = 0; role < CPU_ROLE_MAX; role++)
        if (stack->pids[role] != NULL)
            g_array_unref(stack->pids[role]);
    g_free(stack->database);
    g_free(stack->secret);
    g_free(stack->issuer);
    g_free(stack->audience);
    g_free(stack);
}

/* base64url without padding. */
static char *encode(const void *bytes, size_t length)
{
    char *text = g_base64_encode(bytes, length);
    char *to = text;
    for (const char *from = text; *from != '\0' && *from != '='; from++)
        *to++ = (char)(*from == '+' ? '-' : *from == '/' ? '_' : *from);
    *to = '\0';
    return text;
}

char *stack_token(const struct stack *stack, const char *subject)
{
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    json_t *claims = json_pack("{s:s,s:I,s:I}", "sub", subject, "iat", (json_int_t)now, "exp",
                               (json_int_t)(now + TOKEN_LIFE));
    if (stack->issuer != NULL)
        json_object_set_new(claims, "iss", json_string(stack->issuer));
    if (stack->audience != NULL)
        json_object_set_new(claims, "aud", json_string(stack->audience));
    char *payload = json_dumps(claims, JSON_COMPACT);
    json_decref(claims);
    g_autofree char *head = encode(header, sizeof header - 1);
    g_autofree char *body = encode(payload, strlen(payload));
    free(payload);
    g_autofree char *signed_part = g_strdup_printf("%s.%s", head, body);
    guint8 digest[32];
    gsize size = sizeof digest;
    g_autoptr(GHmac) hmac =
        g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)stack->secret, strlen(stack->secret));
    g_hmac_update(hmac, (const guchar *)signed_part, -1);
    g_hmac_get_digest(hmac, digest, &size);
    g_autofree char *signature = encode(digest, size);
    return g_strdup_printf("%s.%s", signed_part, signature);
}
