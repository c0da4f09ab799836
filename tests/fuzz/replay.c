/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stands in for libFuzzer's main: runs every file of the given directories (by default the target's
 * own corpus) through the target, so that each build replays what fuzzing once found. */
#include "config.h"

#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replay_directory(const char *path)
{
    unsigned count = 0;
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    const char *name;
    while (directory && (name = g_dir_read_name(directory))) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_autofree char *data = NULL;
        gsize size;
        if (!g_file_get_contents(file, &data, &size, NULL))
            continue;
        LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        count++;
    }
    return count;
}

static char *own_corpus(const char *program)
{
    const char *source = g_getenv("srcdir");
    g_autofree char *name = g_path_get_basename(program);
    if (g_str_has_suffix(name, "_fuzz"))
        name[strlen(name) - strlen("_fuzz")] = '\0';
    return g_build_filename(source ? source : ".", "tests", "fuzz", "corpus", name, NULL);
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++)
        count += replay_directory(argv[i]);
    if (argc == 1) {
        g_autofree char *corpus = own_corpus(argv[0]);
        count = replay_directory(corpus);
    }
    printf("%u inputs replayed\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
