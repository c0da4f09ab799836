/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Process accounting; see cpu.h. */
#include "tests/bench/cpu.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/schedule.h"

/* The fields of /proc/PID/stat behind the command name, which may hold anything but a last ')'. */
static const char *stat_fields(char *text)
{
    char *close = strrchr(text, ')');
    return close != NULL ? close + 2 : NULL;
}

static int parent_of(int pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    int parent = 0;
    const char *fields = g_file_get_contents(path, &text, NULL, NULL) ? stat_fields(text) : NULL;
    if (fields == NULL || sscanf(fields, "%*c %d", &parent) != 1)
        return 0;
    return parent;
}

/* PID and all its descendants, by walking every process of the machine. */
static GArray *family_of(const GArray *roots)
{
    GArray *family = g_array_new(FALSE, FALSE, sizeof(int));
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *name = NULL;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        if (!g_ascii_isdigit(*name))
            continue;
        int pid = (int)g_ascii_strtoll(name, NULL, 10);
        for (int at = pid; at > 1; at = parent_of(at)) {
            bool is_root = false;
            for (guint i = 0; i < roots->len; i++)
                is_root |= g_array_index(roots, int, i) == at;
            if (!is_root)
                continue;
            g_array_append_val(family, pid);
            break;
        }
    }
    return family;
}

struct cpu *cpu_new(const struct stack *stack)
{
    struct cpu *cpu = g_new0(struct cpu, 1);
    cpu->tick_ns = 1e9 / (double)sysconf(_SC_CLK_TCK);
    for (int role = 0; role < CPU_ROLE_MAX; role++) {
        g_autoptr(GArray) family = family_of(stack->pids[role]);
        cpu->files[role] = g_array_new(FALSE, FALSE, sizeof(int));
        for (guint i = 0; i < family->len; i++) {
            g_autofree char *path = g_strdup_printf("/proc/%d/stat", g_array_index(family, int, i));
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            if (fd >= 0)
                g_array_append_val(cpu->files[role], fd);
        }
    }
    return cpu;
}

void cpu_free(struct cpu *cpu)
{
    if (cpu == NULL)
        return;
    for (int role = 0; role < CPU_ROLE_MAX; role++) {
        for (guint i = 0; i < cpu->files[role]->len; i++)
            close(g_array_index(cpu->files[role], int, i));
        g_array_unref(cpu->files[role]);
    }
    g_free(cpu);
}

/* Own time and that of collected children, in ticks. */
static uint64_t ticks_of(int fd)
{
    char text[1024];
    uint64_t user = 0;
    uint64_t kernel = 0;
    uint64_t child_user = 0;
    uint64_t child_kernel = 0;
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    if (got <= 0)
        return 0; /* gone: counted by its parent from now on */
    text[got] = '\0';
    const char *fields = stat_fields(text);
    if (fields == NULL || sscanf(fields,
                                 "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                                 " %" SCNu64 " %" SCNu64,
                                 &user, &kernel, &child_user, &child_kernel) != 4)
        return 0;
    return user + kernel + child_user + child_kernel;
}

struct cpu_sample cpu_take(const struct cpu *cpu)
{
    struct cpu_sample sample = {.at = now_ns()};
    for (int role = 0; role < CPU_ROLE_MAX; role++) {
        uint64_t ticks = 0;
        for (guint i = 0; i < cpu->files[role]->len; i++)
            ticks += ticks_of(g_array_index(cpu->files[role], int, i));
        sample.ns[role] = (uint64_t)((double)ticks * cpu->tick_ns);
    }
    return sample;
}

/* The number of kB after LABEL in the file PATH, as bytes; 0 when there is none. */
static uint64_t labelled_bytes(const char *path, const char *label)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    const char *at = strstr(text, label);
    return at != NULL ? g_ascii_strtoull(at + strlen(label), NULL, 10) * 1024 : 0;
}

struct memory memory_take(const struct stack *stack, enum cpu_role role)
{
    struct memory memory = {0};
    g_autoptr(GArray) family = family_of(stack->pids[role]);
    for (guint i = 0; i < family->len; i++) {
        g_autofree char *path =
            g_strdup_printf("/proc/%d/smaps_rollup", g_array_index(family, int, i));
        memory.resident += labelled_bytes(path, "\nRss:");
        memory.private +=
            labelled_bytes(path, "\nPrivate_Clean:") + labelled_bytes(path, "\nPrivate_Dirty:");
    }
    return memory;
}

uint64_t memory_slab(void)
{
    return labelled_bytes("/proc/meminfo", "\nSlab:");
}
