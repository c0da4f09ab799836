/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A signed token is ID.PART.EXPIRY.MAC, another one PATH.PART; PART may be missing. */
#include "config.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include "bridge/base/base64url.h"
#include "bridge/base/clock.h"
#include "bridge/base/file_link.h"

#define KEYS_MAX 64
#define MAC_SIZE 16
#define TOKEN_MAX 128
#define NAME_CHARACTERS 80 /* of a link's end; it is for eyes, and for its ending */

static struct {
    char *url; /* NULL: no links */
    char *cdn; /* the same as url, if there is none */
    guint8 keys[KEYS_MAX][32];
    unsigned key_count;
    gint64 seconds;
} links;

void file_links_set(const struct file_link_settings *settings)
{
    g_clear_pointer(&links.url, g_free);
    g_clear_pointer(&links.cdn, g_free);
    OPENSSL_cleanse(links.keys, sizeof links.keys);
    if (!settings)
        return;
    links.url = g_strdup(settings->url);
    links.cdn = g_strdup(settings->cdn ? settings->cdn : settings->url);
    links.key_count = MIN(settings->key_count, KEYS_MAX);
    memcpy(links.keys, settings->keys, links.key_count * sizeof links.keys[0]);
    links.seconds = settings->seconds;
}

static char *mac_of(const guint8 key[32], const char *text)
{
    guint8 mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    HMAC(EVP_sha256(), key, 32, (const guint8 *)text, strlen(text), mac, &length);
    return base64url_encode(mac, MAC_SIZE);
}

/* NAME as it may stand in a path: what is no letter or digit of ASCII, and would have to be escaped
 * or be told apart, becomes a dash. Clients go by what stands behind the last dot. */
static char *name_plain(const char *name)
{
    GString *plain = g_string_new(NULL);
    for (const char *p = name; *p && plain->len < NAME_CHARACTERS; p += g_utf8_skip[(guchar)*p]) {
        bool fits = g_ascii_isalnum(*p) || *p == '_' || (*p == '.' && plain->len > 0);
        bool again = !fits && plain->len > 0 && plain->str[plain->len - 1] == '-';
        if (!again)
            g_string_append_c(plain, fits ? *p : '-');
    }
    const char *ending = strrchr(name, '.');
    if (plain->len >= NAME_CHARACTERS && ending && strlen(ending) <= 8 &&
        strspn(ending + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
            strlen(ending + 1))
        g_string_append(plain, ending);
    if (plain->len == 0)
        g_string_append(plain, "file");
    return g_string_free(plain, FALSE);
}

/* What a link says of a file behind its origin. */
static char *token_until(const struct uuid *id, const char *part, gint64 expiry)
{
    g_autofree char *base = base64url_encode(id->bytes, sizeof id->bytes);
    g_autofree char *text = g_strdup_printf("%s.%s.%" G_GINT64_MODIFIER "x", base, part, expiry);
    g_autofree char *mac = mac_of(links.keys[0], text);
    return g_strconcat(text, ".", mac, NULL);
}

static char *link_make(const char *origin, const char *token, const char *name)
{
    g_autofree char *plain = name_plain(name);
    return g_strdup_printf("%s/f/%s/%s", origin, token, plain);
}

/* So that what is written again soon is the same, and browsers have it already. */
static gint64 expiry_shared(void)
{
    gint64 half = MAX(links.seconds / 2, 1);
    return (clock_wall() / G_USEC_PER_SEC / half + 3) * half;
}

char *file_link_signed(const struct uuid *id, const char *part, const char *name)
{
    if (!links.url || links.key_count == 0)
        return NULL;
    g_autofree char *token = token_until(id, part, expiry_shared());
    return link_make(links.cdn, token, name);
}

char *file_link_direct(const struct uuid *id, const char *part, const char *name)
{
    if (!links.url || links.key_count == 0)
        return NULL;
    g_autofree char *token = token_until(id, part, expiry_shared());
    return link_make(links.url, token, name);
}

char *file_link_brief(const struct uuid *id, const char *name, gint64 seconds)
{
    if (!links.url || links.key_count == 0)
        return NULL;
    g_autofree char *token = token_until(id, "", clock_wall() / G_USEC_PER_SEC + seconds);
    return link_make(links.url, token, name);
}

char *file_link_public(const char *path, const char *part, const char *name)
{
    if (!links.url || !path)
        return NULL;
    g_autofree char *plain = name_plain(name);
    return g_strdup_printf("%s/f/%s%s%s/%s", links.url, path, *part ? "." : "", part, plain);
}

static bool part_copy(const char *part, size_t length, char ret_part[FILE_PART_MAX + 1])
{
    if (length > FILE_PART_MAX)
        return false;
    memcpy(ret_part, part, length);
    ret_part[length] = '\0';
    return true;
}

static bool is_signed(const char *text, const char *mac)
{
    bool good = false;
    for (unsigned i = 0; i < links.key_count; i++) {
        g_autofree char *right = mac_of(links.keys[i], text);
        good |= strlen(right) == strlen(mac) && CRYPTO_memcmp(right, mac, strlen(right)) == 0;
    }
    return good;
}

/* PART.EXPIRY.MAC, behind the id of TOKEN; PART may have a dot in it. */
static bool read_signed(const char *token, const char *rest, struct file_link *ret)
{
    const char *mac = strrchr(rest, '.');
    g_autofree char *text = g_strndup(token, (size_t)(mac - token));
    const char *expiry = strrchr(text, '.');
    size_t begin = (size_t)(rest - token);
    if ((size_t)(expiry - text) < begin || !is_signed(text, mac + 1))
        return false;
    char *end = NULL;
    ret->until = g_ascii_strtoll(expiry + 1, &end, 16);
    return *end == '\0' && ret->until > clock_wall() / G_USEC_PER_SEC &&
           part_copy(rest, (size_t)(expiry - text) - begin, ret->part);
}

bool file_link_read(const char *token, struct file_link *ret)
{
    size_t length = strlen(token);
    size_t size = 0;
    if (length < FILE_PATH_LENGTH || length > TOKEN_MAX)
        return false;
    g_autofree guchar *bytes = base64url_decode(token, FILE_PATH_LENGTH, &size);
    if (!bytes || size != sizeof ret->id.bytes)
        return false;
    *ret = (struct file_link){0};
    const char *rest = token + FILE_PATH_LENGTH;
    const char *first = *rest == '.' ? rest + 1 : NULL;
    unsigned dots = 0;
    for (const char *p = rest; *p; p++)
        dots += *p == '.';
    if (dots < 3) { /* PATH, PATH.name or PATH.name.ending */
        memcpy(ret->path, token, FILE_PATH_LENGTH);
        return (*rest == '\0') || (first && part_copy(first, strlen(first), ret->part));
    }
    memcpy(ret->id.bytes, bytes, size);
    return first && read_signed(token, first, ret);
}

char *file_path_new(void)
{
    guint8 bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return NULL;
    return base64url_encode(bytes, sizeof bytes);
}
