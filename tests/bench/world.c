/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users and conversations of the bench; see world.h. */
#include "tests/bench/world.h"

#include <stdio.h>
#include <string.h>

#include "tests/bench/scan.h"

#define SETUP_GRACE 10000000000u
#define FAILURES_SHOWN 3

static void users_init(struct world *world, struct world_user *users, unsigned count, char letter)
{
    for (unsigned i = 0; i < count; i++) {
        struct world_user *user = &users[i];
        user->subject = g_strdup_printf("bench-%c%06u", letter, i);
        user->token = stack_token(world->stack, user->subject);
        user->headers = g_strdup_printf(
            "/messages HTTP/1.1\r\nHost: %s:%u\r\nAuthorization: Bearer %s\r\n"
            "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n",
            world->stack->rest.host, world->stack->rest.port, user->token, WORLD_BODY_LENGTH);
        user->headers_length = strlen(user->headers);
    }
}

static void users_clear(struct world_user *users, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        g_free(users[i].subject);
        g_free(users[i].token);
        g_free(users[i].headers);
    }
    g_free(users);
}

void world_free(struct world *world)
{
    if (world == NULL)
        return;
    users_clear(world->senders, world->senders_count);
    users_clear(world->receivers, world->receivers_count);
    g_free(world->conversations);
    g_free(world);
}

static void refuse(struct world *world, const struct http_reply *reply)
{
    if (world->failures++ < FAILURES_SHOWN)
        fprintf(stderr, "set-up: status %u: %.*s\n", reply->status, (int)MIN(reply->length, 400),
                reply->body != NULL ? reply->body : "");
}

/* The first valid token of a user makes the account. */
static size_t build_user(void *context, uint64_t index, char out[HTTP_REQUEST_MAX])
{
    struct world *world = context;
    const struct world_user *user = index < world->senders_count
                                        ? &world->senders[index]
                                        : &world->receivers[index - world->senders_count];
    return (size_t)g_snprintf(
        out, HTTP_REQUEST_MAX,
        "GET /api/users/me HTTP/1.1\r\nHost: %s:%u\r\nAuthorization: Bearer %s\r\n\r\n",
        world->stack->rest.host, world->stack->rest.port, user->token);
}

static void take_user(void *context, const struct http_client *client,
                      const struct http_reply *reply)
{
    (void)client;
    if (reply->status != 200)
        refuse(context, reply);
}

static size_t build_conversation(void *context, uint64_t index, char out[HTTP_REQUEST_MAX])
{
    struct world *world = context;
    const struct world_conversation *conversation = &world->conversations[index];
    const char *participant = world->receivers[conversation->receiver].subject;
    return (size_t)g_snprintf(
        out, HTTP_REQUEST_MAX,
        "POST /api/conversations HTTP/1.1\r\nHost: %s:%u\r\nAuthorization: Bearer %s\r\n"
        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n{\"participant_id\":\"%s\"}",
        world->stack->rest.host, world->stack->rest.port,
        world->senders[conversation->sender].token, strlen(participant) + 21, participant);
}

static void take_conversation(void *context, const struct http_client *client,
                              const struct http_reply *reply)
{
    struct world *world = context;
    struct scan_field id = {.key = "id", .depth = 1};
    if ((reply->status != 200 && reply->status != 201) ||
        !scan_json(reply->body, reply->length, &id, 1) || id.length != 36) {
        refuse(world, reply);
        return;
    }
    memcpy(world->conversations[client->index].id, id.value, 36);
}

/* The first message of a conversation brings it into the other's list, once, and as long as the
 * other has not answered it is a stranger's; what is measured later are messages of conversations
 * that go on. */
static size_t build_message(const struct world_conversation *conversation, const char *token,
                            char out[HTTP_REQUEST_MAX])
{
    static const char body[] = "{\"content\":\"first\"}";
    return (size_t)g_snprintf(out, HTTP_REQUEST_MAX,
                              "POST /api/conversations/%s/messages HTTP/1.1\r\nHost: bench\r\n"
                              "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                              "Content-Length: %zu\r\n\r\n%s",
                              conversation->id, token, sizeof body - 1, body);
}

static size_t build_first(void *context, uint64_t index, char out[HTTP_REQUEST_MAX])
{
    struct world *world = context;
    const struct world_conversation *conversation = &world->conversations[index];
    return build_message(conversation, world->senders[conversation->sender].token, out);
}

static size_t build_answer(void *context, uint64_t index, char out[HTTP_REQUEST_MAX])
{
    struct world *world = context;
    const struct world_conversation *conversation = &world->conversations[index];
    return build_message(conversation, world->receivers[conversation->receiver].token, out);
}

static void take_first(void *context, const struct http_client *client,
                       const struct http_reply *reply)
{
    (void)client;
    if (reply->status != 201)
        refuse(context, reply);
}

typedef size_t (*build_fn)(void *context, uint64_t index, char out[HTTP_REQUEST_MAX]);
typedef void (*reply_fn)(void *context, const struct http_client *client,
                         const struct http_reply *reply);

static bool run_all(struct world *world, struct drive *drive, uint64_t count, build_fn build,
                    reply_fn reply)
{
    drive_reset(drive);
    drive->closed = true;
    drive->schedule = (struct schedule){.start = now_ns(), .rate = 1, .count = count};
    drive->build = build;
    drive->reply = reply;
    drive->context = world;
    return drive_run(drive, SETUP_GRACE) && world->failures == 0;
}

/* First line: what the ids belong to. */
static char *cache_head(const struct world *world)
{
    return g_strdup_printf("%s %u %u", world->stack->database, world->senders_count,
                           world->conversations_count);
}

static bool cache_load(struct world *world, const char *path)
{
    g_autofree char *text = NULL;
    g_autofree char *head = cache_head(world);
    if (path == NULL || !g_file_get_contents(path, &text, NULL, NULL))
        return false;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    if (g_strv_length(lines) < world->conversations_count + 1 || strcmp(lines[0], head) != 0)
        return false;
    for (unsigned i = 0; i < world->conversations_count; i++)
        g_strlcpy(world->conversations[i].id, lines[i + 1], sizeof world->conversations[i].id);
    return true;
}

static void cache_save(const struct world *world, const char *path)
{
    g_autofree char *head = cache_head(world);
    g_autoptr(GString) text = g_string_new(head);
    for (unsigned i = 0; i < world->conversations_count; i++)
        g_string_append_printf(text, "\n%s", world->conversations[i].id);
    g_string_append_c(text, '\n');
    if (path != NULL && !g_file_set_contents(path, text->str, (gssize)text->len, NULL))
        fprintf(stderr, "cannot write %s\n", path);
}

/* The cached ids are good if the server still gives the first one for its pair. */
static bool cache_good(struct world *world, struct drive *drive)
{
    char cached[37];
    memcpy(cached, world->conversations[0].id, sizeof cached);
    bool answered = run_all(world, drive, 1, build_conversation, take_conversation);
    world->failures = 0;
    return answered && memcmp(cached, world->conversations[0].id, sizeof cached) == 0;
}

struct world *world_new(const struct stack *stack, struct drive *drive, unsigned users,
                        unsigned conversations, const char *cache)
{
    struct world *world = g_new0(struct world, 1);
    world->stack = stack;
    world->senders_count = world->receivers_count = users;
    world->conversations_count = conversations;
    world->senders = g_new0(struct world_user, users);
    world->receivers = g_new0(struct world_user, users);
    world->conversations = g_new0(struct world_conversation, conversations);
    users_init(world, world->senders, users, 's');
    users_init(world, world->receivers, users, 'r');
    for (unsigned j = 0; j < conversations; j++) {
        world->conversations[j].sender = j % users;
        world->conversations[j].receiver = (j + j / users) % users;
    }
    uint64_t start = now_ns();
    if (cache_load(world, cache) && cache_good(world, drive))
        return world;
    if (!run_all(world, drive, 2 * (uint64_t)users, build_user, take_user) ||
        !run_all(world, drive, conversations, build_conversation, take_conversation) ||
        !run_all(world, drive, conversations, build_first, take_first) ||
        !run_all(world, drive, conversations, build_answer, take_first)) {
        fprintf(stderr, "set-up failed\n");
        world_free(world);
        return NULL;
    }
    cache_save(world, cache);
    printf("set-up: %u users, %u conversations in %.1f s\n", 2 * users, conversations,
           (double)(now_ns() - start) / 1e9);
    return world;
}
