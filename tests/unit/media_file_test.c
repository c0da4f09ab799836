/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files in the store: encryption, keys, media types, links, how a sound is drawn; and that what was
 * taken and settled is there, wherever it stops. */
#include "config.h"

#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/file_link.h"
#include "bridge/loop/disk.h"
#include "bridge/media/adopt.h"
#include "bridge/media/inspect.h"
#include "bridge/media/intake.h"
#include "bridge/media/plain.h"
#include "bridge/media/shelf.h"
#include "bridge/media/type.h"
#include "bridge/media/vault.h"
#include "bridge/media/wave.h"
#include "tests/unit/unit.h"

#define OLD "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define NEW "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

static const guint8 key[FILE_KEY_SIZE] = "0123456789abcdef0123456789abcde";

START_TEST(a_segment_opens_at_its_place_alone)
{
    struct segment_place place = {key, "", 7};
    guint8 sealed[5 + SEGMENT_EXTRA], plain[5];
    ck_assert(segment_seal(&place, (const guint8 *)"hello", 5, sealed));
    ck_assert(segment_open(&place, sealed, sizeof sealed, plain));
    ck_assert_mem_eq(plain, "hello", 5);
    struct segment_place next = {key, "", 8};
    struct segment_place part = {key, "300.jpeg", 7};
    ck_assert(!segment_open(&next, sealed, sizeof sealed, plain));
    ck_assert(!segment_open(&part, sealed, sizeof sealed, plain));
    ck_assert(!segment_open(&place, sealed, SEGMENT_EXTRA - 1, plain));
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        ck_assert(!segment_open(&place, sealed, sizeof sealed, plain));
        sealed[i] ^= 1;
    }
    ck_assert_uint_eq(segments_size(0), 0);
    ck_assert_uint_eq(segments_size(1), 1 + SEGMENT_EXTRA);
    ck_assert_uint_eq(segments_size(SEGMENT_SIZE), SEGMENT_SLOT);
    ck_assert_uint_eq(segments_size(SEGMENT_SIZE + 1), SEGMENT_SLOT + 1 + SEGMENT_EXTRA);
}
END_TEST

START_TEST(the_last_key_wraps_and_all_unwrap)
{
    struct uuid file, other;
    guint8 wrapped[FILE_KEY_WRAPPED_SIZE], opened[FILE_KEY_SIZE];
    uuid_generate(&file);
    uuid_generate(&other);
    struct vault *old = vault_new(OLD "\n", NULL);
    struct vault *both = vault_new("# rotated\n" OLD "\n\n" NEW "\n", NULL);
    struct vault *new = vault_new(NEW, NULL);
    ck_assert(old && both && new);
    ck_assert_str_eq(vault_newest(both), vault_newest(new));
    ck_assert_str_ne(vault_newest(both), vault_newest(old));
    ck_assert(vault_wrap(old, &file, key, wrapped));
    ck_assert(vault_unwrap(both, vault_newest(old), &file, wrapped, opened));
    ck_assert_mem_eq(opened, key, sizeof key);
    ck_assert(!vault_unwrap(both, vault_newest(old), &other, wrapped, opened));
    ck_assert(!vault_unwrap(both, vault_newest(new), &file, wrapped, opened));
    ck_assert(!vault_unwrap(new, vault_newest(old), &file, wrapped, opened));
    vault_free(old);
    vault_free(both);
    vault_free(new);
    ck_assert(!vault_new("", NULL) && !vault_new("abc", NULL) && !vault_new(OLD "x", NULL));
}
END_TEST

START_TEST(types_are_what_bytes_say)
{
    char *plain = media_type_plain("Audio/OGG; codecs=opus");
    ck_assert_str_eq(plain, "audio/ogg");
    g_free(plain);
    static const char *const bad[] = {"", "text", "/", "text/", "/plain", "a/b/c", "text/pl ain"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        ck_assert_msg(!media_type_plain(bad[i]), "%s", bad[i]);
    ck_assert(media_type_allowed("image/png video/*", "video/mp4"));
    ck_assert(!media_type_allowed("image/png video/*", "image/svg+xml"));
    ck_assert(!media_type_allowed("", "text/plain"));
    const guint8 *png = (const guint8 *)"\x89PNG\r\n\x1a\n....", *html = (const guint8 *)"<html>";
    ck_assert(media_type_fits("image/png", png, 12));
    ck_assert(!media_type_fits("image/png", html, 6));
    ck_assert(!media_type_fits("image/jpeg", png, 12));
    ck_assert(!media_type_fits("image/png", png, 4));
    ck_assert(media_type_fits("text/html", html, 6));
    ck_assert(media_type_is_shown("image/png") && !media_type_is_shown("text/html"));
    ck_assert(!media_type_is_shown("image/svg+xml") && !media_type_is_shown("application/pdf"));
}
END_TEST

START_TEST(links_are_ours_and_end)
{
    const guint8 keys[1][32] = {"secret"};
    const guint8 others[1][32] = {"guessed"};
    struct file_link_settings settings = {"https://files.example.org", NULL, keys, 1, 3600};
    struct uuid id;
    struct file_link link;
    uuid_generate(&id);
    file_links_set(&settings);
    g_autofree char *url = file_link_signed(&id, "300.webp", "caf\xc3\xa9 \"1\"/../x.png");
    ck_assert(g_str_has_prefix(url, "https://files.example.org/f/"));
    g_auto(GStrv) parts = g_strsplit(url, "/", -1);
    ck_assert_uint_eq(g_strv_length(parts), 6);
    ck_assert_str_eq(parts[5], "caf-1-..-x.png");
    ck_assert(file_link_read(parts[4], &link) && uuid_equal(&link.id, &id));
    ck_assert_str_eq(link.part, "300.webp");
    for (size_t i = 0; parts[4][i];
         i++) { /* whatever is changed, it is no link any more, or another's */
        char was = parts[4][i];
        parts[4][i] = was == 'A' ? 'B' : 'A';
        ck_assert(!file_link_read(parts[4], &link) || link.path[0]);
        parts[4][i] = was;
    }
    ck_assert(file_link_read(parts[4], &link));
    ck_assert_int_gt(link.until, clock_wall() / G_USEC_PER_SEC + 3599);
    settings.cdn = "https://cdn.example.org";
    file_links_set(&settings);
    g_autofree char *kept = file_link_signed(&id, "300.webp", "x.png");
    g_autofree char *direct = file_link_direct(&id, "300.webp", "x.png");
    g_autofree char *brief = file_link_brief(&id, "x.ogg", 60);
    ck_assert(g_str_has_prefix(kept, "https://cdn.example.org/f/"));
    ck_assert(g_str_has_prefix(direct, "https://files.example.org/f/"));
    ck_assert_str_eq(strchr(kept + 8, '/'), strchr(direct + 8, '/'));
    ck_assert(g_str_has_prefix(brief, "https://files.example.org/f/"));
    settings.keys = others;
    file_links_set(&settings);
    ck_assert(!file_link_read(parts[4], &link));
    g_autofree char *path = file_path_new();
    g_autofree char *public = file_link_public(path, "", "a.png");
    ck_assert(file_link_read(path, &link) && strcmp(link.path, path) == 0 && !link.part[0]);
    ck_assert(g_str_has_suffix(public, "/a.png") && strstr(public, path));
    static const char *const bad[] = {"",
                                      "x",
                                      "../../../../../../../etc/passwd",
                                      "AAAAAAAAAAAAAAAAAAAAAA.",
                                      "AAAAAAAAAAAAAAAAAAAAAAx",
                                      "AAAAAAAAAAAAAAAAAAAAAA....",
                                      "AAAAAAAAAAAAAAAAAAAAAA.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        ck_assert_msg(!file_link_read(bad[i], &link) || !link.part[0], "%s", bad[i]);
    file_links_set(NULL);
}
END_TEST

START_TEST(a_sound_is_drawn_in_few_bytes)
{
    gint16 samples[1000] = {0};
    gsize length = 0;
    samples[505] = -32768;
    samples[15] = 16384;
    g_autofree char *drawn = wave_draw(samples, G_N_ELEMENTS(samples));
    g_autofree guchar *points = g_base64_decode(drawn, &length);
    ck_assert_uint_eq(length, WAVE_POINTS);
    ck_assert_uint_eq(points[50], 255);
    ck_assert_uint_eq(points[1], 127);
    ck_assert_uint_eq(points[99], 0);
    ck_assert_ptr_null(wave_draw(samples, 0));
    g_autofree char *short_one = wave_draw(samples, 3);
    g_autofree guchar *few = g_base64_decode(short_one, &length);
    ck_assert_uint_eq(length, 3);
    ck_assert_uint_eq(few[0], 0);
}
END_TEST

/* ---- Intake ---------------------------------------------------------------------------------- */

struct taking {
    struct intake *intake;
    const guint8 *bytes;
    size_t at, end;
    GMainLoop *loop;
    enum error_code error;
    guint64 settled;
};

static void taking_go_on(void *data)
{
    struct taking *taking = data;
    taking->at += intake_take(taking->intake, taking->bytes + taking->at, taking->end - taking->at);
    if (taking->at == taking->end)
        intake_settle(taking->intake);
}

static void taking_opened(enum error_code error, void *data)
{
    struct taking *taking = data;
    taking->error = error;
    if (error == ERROR_NONE)
        taking_go_on(taking);
    else
        g_main_loop_quit(taking->loop);
}

static void taking_settled(enum error_code error, guint64 offset, void *data)
{
    struct taking *taking = data;
    taking->error = error;
    taking->settled = offset;
    g_main_loop_quit(taking->loop);
}

static enum error_code bytes_take(const char *folder, const struct uuid *file, GBytes *all,
                                  size_t from, size_t to)
{
    size_t size = 0;
    struct taking taking = {.bytes = g_bytes_get_data(all, &size), .at = from, .end = to};
    taking.loop = g_main_loop_new(NULL, FALSE);
    struct intake_plan plan = {folder,       *file,          key,    from, size, taking_opened,
                               taking_go_on, taking_settled, &taking};
    taking.intake = intake_open(&plan);
    g_main_loop_run(taking.loop);
    g_main_loop_unref(taking.loop);
    intake_free(taking.intake);
    if (taking.error == ERROR_NONE)
        ck_assert_uint_eq(taking.settled, to);
    return taking.error;
}

static void idle_opened(enum error_code error, void *data)
{
    *(enum error_code *)data = error;
    g_main_context_wakeup(NULL);
}

START_TEST(one_writes_a_file_at_a_time)
{
    g_autofree char *folder = g_dir_make_tmp("trestle-media-XXXXXX", NULL);
    g_autoptr(GBytes) all = g_bytes_new_static("hello", 5);
    enum error_code opened = ERROR_MAX;
    struct intake_plan plan = {
        .folder = folder, .key = key, .size = 5, .opened = idle_opened, .data = &opened};
    uuid_generate(&plan.file);
    disk_start();
    struct intake *first = intake_open(&plan);
    while (opened == ERROR_MAX)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_int_eq(opened, ERROR_NONE);
    ck_assert_int_eq(bytes_take(folder, &plan.file, all, 0, 5), ERROR_CONFLICT);
    intake_free(first);
    ck_assert_int_eq(bytes_take(folder, &plan.file, all, 0, 5), ERROR_NONE);
    disk_stop();
}
END_TEST

static void inspected(const struct inspection *found, void *data)
{
    *(struct inspection *)data = *found;
    g_main_context_wakeup(NULL);
}

START_TEST(a_file_goes_on_wherever_it_stopped)
{
    g_autofree char *folder = g_dir_make_tmp("trestle-media-XXXXXX", NULL);
    size_t size = 3 * SEGMENT_SIZE + 1234;
    guint8 *bytes = g_malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (guint8)(i * 7 + i / 251);
    g_autoptr(GBytes) all = g_bytes_new_take(bytes, size);
    struct uuid file;
    uuid_generate(&file);
    disk_start();
    const size_t stops[] = {
        0, 1, SEGMENT_SIZE - 1, SEGMENT_SIZE, SEGMENT_SIZE + 1, 2 * SEGMENT_SIZE + 5, size};
    for (size_t i = 0; i + 1 < G_N_ELEMENTS(stops); i++)
        ck_assert_int_eq(bytes_take(folder, &file, all, stops[i], stops[i + 1]), ERROR_NONE);
    /* From what was answered before, when what came behind it is not known to be there. */
    ck_assert_int_eq(bytes_take(folder, &file, all, 2 * SEGMENT_SIZE + 5, size), ERROR_NONE);
    ck_assert_int_eq(bytes_take(folder, &file, all, SEGMENT_SIZE + 77, size), ERROR_NONE);
    struct inspection found = {.error = ERROR_MAX};
    struct inspection_plan plan = {folder, file, key, size, inspected, &found};
    file_inspect(&plan);
    while (found.error == ERROR_MAX)
        g_main_context_iteration(NULL, TRUE);
    g_autofree char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, all);
    ck_assert_int_eq(found.error, ERROR_NONE);
    ck_assert_str_eq(found.sha256, sum);
    struct plain_place place = {folder, file, "", key};
    g_autoptr(GBytes) read = plain_read(&place, size);
    ck_assert(read && g_bytes_equal(read, all));
    g_autofree char *path = shelf_path(folder, &file, "");
    GStatBuf state;
    ck_assert_int_eq(g_stat(path, &state), 0);
    ck_assert_int_eq(state.st_size, (gint64)segments_size(size));
    ck_assert_int_eq(state.st_mode & 077, 0);
    struct uuid nowhere;
    uuid_generate(&nowhere);
    ck_assert_int_eq(bytes_take(folder, &nowhere, all, 5, size), ERROR_GONE);
    disk_stop();
}
END_TEST

/* LENGTH bytes at TEXT as XEP-0454 has them, in a descriptor without a name. SECRET: the nonce, and
 * the key. */
static int seal_as_0454(const guint8 *secret, int nonce, const char *text, int length)
{
    guint8 out[256];
    int made = 0, rest = 0, fd = memfd_create("sealed", MFD_CLOEXEC);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, NULL, NULL);
    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_IVLEN, nonce, NULL);
    EVP_EncryptInit_ex(cipher, NULL, NULL, secret + nonce, secret);
    EVP_EncryptUpdate(cipher, out, &made, (const guint8 *)text, length);
    EVP_EncryptFinal_ex(cipher, out + made, &rest);
    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, 16, out + length);
    EVP_CIPHER_CTX_free(cipher);
    ck_assert_int_eq(write(fd, out, (size_t)length + 16), length + 16);
    return fd;
}

static char *hex_of(const guint8 *bytes, size_t length)
{
    GString *hex = g_string_new(NULL);
    for (size_t i = 0; i < length; i++)
        g_string_append_printf(hex, "%02x", bytes[i]);
    return g_string_free(hex, FALSE);
}

static void adopted_note(const struct adopted *adopted, void *data)
{
    *(struct adopted *)data = *adopted;
}

static struct adopted adopt(const char *folder, const struct uuid *id, int fd, const char *hex)
{
    struct adopted ret = {.error = ERROR_INTERNAL};
    struct adopt_plan plan = {.folder = folder,
                              .file = *id,
                              .key = key,
                              .fd = fd,
                              .type = "image/png",
                              .aesgcm = hex,
                              .done = adopted_note,
                              .data = &ret};
    disk_start();
    file_adopt(&plan);
    disk_stop(); /* and it has been told */
    return ret;
}

START_TEST(what_came_encrypted_is_stored_as_it_is)
{
    static const char text[] = "\x89PNG\r\n\x1a\nfor your eyes";
    g_autofree char *folder = g_dir_make_tmp("files-XXXXXX", NULL);
    guint8 secret[48];
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (guint8)(i * 7 + 1);
    for (int nonce = 12; nonce <= 16; nonce += 4) { /* old clients have 16 */
        struct uuid id;
        uuid_generate(&id);
        g_autofree char *hex = hex_of(secret, (size_t)nonce + 32);
        g_autofree char *other = hex_of(secret + 1, (size_t)nonce + 31);
        int fd = seal_as_0454(secret, nonce, text, sizeof text);
        const char *wrong[] = {"", "00ff", other, "zz"};
        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
            ck_assert_int_eq(adopt(folder, &id, fd, wrong[i]).error, ERROR_UNPROCESSABLE);
        struct adopted adopted = adopt(folder, &id, fd, hex);
        ck_assert_int_eq(adopted.error, ERROR_NONE);
        ck_assert_uint_eq(adopted.size, sizeof text);
        struct plain_place place = {folder, id, "", key};
        g_autoptr(GBytes) stored = plain_read(&place, sizeof text);
        ck_assert_mem_eq(g_bytes_get_data(stored, NULL), text, sizeof text);
        for (off_t at = 0; at < (off_t)sizeof text + 16;
             at += 5) { /* and what was tampered with is not */
            guint8 byte = 0;
            ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
            guint8 flipped = byte ^ 1;
            ck_assert_int_eq(pwrite(fd, &flipped, 1, at), 1);
            ck_assert_int_eq(adopt(folder, &id, fd, hex).error, ERROR_UNPROCESSABLE);
            ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
        }
        ck_assert_int_eq(ftruncate(fd, 16), 0);
        ck_assert_int_eq(adopt(folder, &id, fd, hex).error, ERROR_UNPROCESSABLE);
        close(fd);
    }
}
END_TEST

UNIT_MAIN("media_file", what_came_encrypted_is_stored_as_it_is, a_segment_opens_at_its_place_alone,
          the_last_key_wraps_and_all_unwrap, types_are_what_bytes_say, links_are_ours_and_end,
          a_sound_is_drawn_in_few_bytes, one_writes_a_file_at_a_time,
          a_file_goes_on_wherever_it_stopped)
