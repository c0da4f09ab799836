/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests signed by libcurl (AWS Signature Version 4). A handle for each thread, which keeps its
 * connection. */
#include "config.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bridge/base/options.h"
#include "bridge/media/bucket.h"

#define CONNECT_SECONDS 10
#define SLOW_SECONDS 30 /* with less than SLOW_BYTES a second it is given up */
#define SLOW_BYTES 1024

static struct {
    char *address, *signature;
    GMutex lock; /* of what follows */
    char *credentials;
} bucket;

static void handle_free(gpointer handle)
{
    curl_easy_cleanup(handle);
}

static GPrivate handles = G_PRIVATE_INIT(handle_free);

void bucket_end(void)
{
    g_clear_pointer(&bucket.address, g_free);
    g_clear_pointer(&bucket.signature, g_free);
    g_clear_pointer(&bucket.credentials, g_free);
}

void bucket_begin(const struct options *options)
{
    if (!options->media_s3_url || !*options->media_s3_url)
        return;
    bucket_end();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bucket.address = g_strdup(options->media_s3_url);
    bucket.signature = g_strdup_printf("aws:amz:%s:s3", options->media_s3_region);
    bucket.credentials = g_strdup_printf("%s:%s", options->media_s3_key, options->media_s3_secret);
}

void bucket_renew(const char *key, const char *secret)
{
    if (!bucket.address)
        return;
    g_mutex_lock(&bucket.lock);
    g_free(bucket.credentials);
    bucket.credentials = g_strdup_printf("%s:%s", key, secret);
    g_mutex_unlock(&bucket.lock);
}

bool bucket_is_set(void)
{
    return bucket.address != NULL;
}

/* What comes: into a place of LENGTH bytes, or nowhere. */
struct taking {
    guint8 *bytes;
    size_t length, taken;
};

static size_t take_bytes(char *bytes, size_t size, size_t count, void *data)
{
    struct taking *taking = data;
    size_t length = size * count;
    if (!taking->bytes)
        return length;
    if (length > taking->length - taking->taken)
        return 0;
    memcpy(taking->bytes + taking->taken, bytes, length);
    taking->taken += length;
    return length;
}

static CURL *request_new(const char *name, struct curl_slist *headers, struct taking *taking)
{
    CURL *handle = g_private_get(&handles);
    if (!handle) {
        handle = curl_easy_init();
        g_private_set(&handles, handle);
    }
    g_autofree char *url = g_strdup_printf("%s/%s", bucket.address, name);
    curl_easy_reset(handle);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_AWS_SIGV4, bucket.signature);
    g_mutex_lock(&bucket.lock);
    curl_easy_setopt(handle, CURLOPT_USERPWD, bucket.credentials); /* copies it */
    g_mutex_unlock(&bucket.lock);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, taking);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, (long)SLOW_SECONDS);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
    return handle;
}

/* Bodies are encrypted and checked by us, and go over TLS: their digest is not signed. */
static struct curl_slist *headers_new(void)
{
    return curl_slist_append(NULL, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
}

/* The status, 0: there was no answer. */
static long request_run(CURL *handle)
{
    long status = 0;
    if (curl_easy_perform(handle) != CURLE_OK)
        return 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

bool bucket_read(const char *name, guint64 offset, guint8 *ret_bytes, size_t length)
{
    struct taking taking = {ret_bytes, length, 0};
    struct curl_slist *headers = headers_new();
    g_autofree char *range =
        g_strdup_printf("%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, offset, offset + length - 1);
    CURL *handle = request_new(name, headers, &taking);
    curl_easy_setopt(handle, CURLOPT_RANGE, range);
    long status = request_run(handle);
    curl_slist_free_all(headers);
    return (status == 206 || (status == 200 && offset == 0)) && taking.taken == length;
}

enum error_code bucket_put(const char *name, const char *path)
{
    struct taking nothing = {0};
    struct stat state;
    FILE *file = fopen(path, "rbe");
    if (!file || fstat(fileno(file), &state) != 0) {
        if (file)
            fclose(file);
        return ERROR_GONE;
    }
    struct curl_slist *headers = headers_new();
    headers = curl_slist_append(headers, "Expect:");
    headers = curl_slist_append(headers, "Content-Type: application/octet-stream");
    CURL *handle = request_new(name, headers, &nothing);
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_READDATA, file);
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)state.st_size);
    long status = request_run(handle);
    curl_slist_free_all(headers);
    fclose(file);
    return status == 200 || status == 201 ? ERROR_NONE : ERROR_UNAVAILABLE;
}

bool bucket_remove(const char *name)
{
    struct taking nothing = {0};
    struct curl_slist *headers = headers_new();
    CURL *handle = request_new(name, headers, &nothing);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, "DELETE");
    long status = request_run(handle);
    curl_slist_free_all(headers);
    return status == 204 || status == 200 || status == 404;
}
