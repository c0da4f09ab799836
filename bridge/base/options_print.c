/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help, sample file and manual, all from the option table. */
#include "config.h"

#include <string.h>

#include "bridge/base/options.h"
#include "bridge/base/options_print.h"
#include "bridge/base/options_table.h"
#include "bridge/base/text.h"

/* What stands behind "default": "required", "262144 bytes (10000 to 4194304)"; caller frees. */
static char *describe_default(const struct option_info *info)
{
    g_autofree char *type = option_type_describe(info);
    if (info->type == OPTION_INTEGER)
        return g_strdup_printf("default %" G_GINT64_FORMAT "%s%s, %s", info->integer_fallback,
                               *info->unit ? " " : "", info->unit, type);
    if (info->need == REQUIRED)
        return g_strdup("required");
    if (!info->fallback)
        return g_strdup("no default");
    return g_strdup_printf("%s%sdefault %s", type ? type : "", type ? "; " : "",
                           *info->fallback ? info->fallback : "empty");
}

static bool starts_section(size_t i)
{
    return i == 0 || strcmp(option_table[i].section, option_table[i - 1].section) != 0;
}

void options_print_help(FILE *out)
{
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option_info *info = &option_table[i];
        g_autofree char *standard = describe_default(info);
        if (starts_section(i))
            fprintf(out, "%s[%s]\n", i == 0 ? "" : "\n", info->section);
        fprintf(out, "  %s  (%s)\n", info->name, standard);
        text_print_wrapped(out, "      ", info->text, 96);
    }
}

static void print_sample_value(FILE *out, const struct option_info *info)
{
    if (info->type == OPTION_INTEGER)
        fprintf(out, "#%s = %" G_GINT64_FORMAT "\n", info->name, info->integer_fallback);
    else if (info->need == REQUIRED)
        fprintf(out, "%s =\n", info->name);
    else
        fprintf(out, "#%s =%s%s\n", info->name, info->fallback && *info->fallback ? " " : "",
                info->fallback ? info->fallback : "");
}

void options_print_sample(FILE *out)
{
    fputs(
        "# Configuration of trestle. Lines that start with # are comments; an option that is\n"
        "# commented out shows its default. `trestle check-config` reads this file and says what\n"
        "# is wrong with it, `trestle doctor` tries it. File names are relative to this file. A\n"
        "# backslash in a value is written twice.\n"
        "#\n"
        "# Besides the options that have no # here, one of secret and secret_file and one of key,\n"
        "# key_file and jwks_file must be given.\n",
        out);
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option_info *info = &option_table[i];
        g_autofree char *standard = describe_default(info);
        g_autofree char *text = g_strdup_printf("%s (%s)", info->text, standard);
        if (starts_section(i))
            fprintf(out, "\n[%s]\n", info->section);
        else
            fputc('\n', out);
        text_print_wrapped(out, "# ", text, 96);
        print_sample_value(out, info);
    }
}

static void print_roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (const char *p = text; *p; p++) {
        if (*p == '\\')
            fputs("\\e", out);
        else if (*p == '-')
            fputs("\\-", out);
        else
            fputc(*p, out);
    }
}

void options_print_man(FILE *out)
{
    fputs(".SH CONFIGURATION\n"
          "The configuration is one INI file: sections in brackets,\n"
          ".IR name = value\n"
          "lines, and comments that start with #. An unknown section or option, an option given\n"
          "twice and a value out of bounds are errors. File names are relative to the file. A\n"
          "backslash in a value is written twice.\n",
          out);
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option_info *info = &option_table[i];
        g_autofree char *standard = describe_default(info);
        if (starts_section(i))
            fprintf(out, ".SS [%s]\n", info->section);
        fprintf(out, ".TP\n.BR %s \" (", info->name);
        print_roff(out, standard);
        fputs(")\"\n", out);
        print_roff(out, info->text);
        fputc('\n', out);
    }
}
