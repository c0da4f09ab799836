/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the configuration file against options.def. Values are never quoted in an error: any of
 * them may hold a password. Types of
 * values are in options_type.c, what concerns two options at once in options_check.c.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/error.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/base/options_check.h"
#include "bridge/base/options_table.h"
#include "bridge/base/redis_url.h"
#include "bridge/base/text.h"
#include "bridge/base/words.h"

#define CONFIG_MAX (1024 * 1024)
#define SECRET_MAX (64 * 1024)

const struct option_info option_table[] = {
#define TRESTLE_OPTION(section_, name_, type_, fallback_, need_, text_)                            \
    {.section = #section_,                                                                         \
     .name = #name_,                                                                               \
     .type = OPTION_##type_,                                                                       \
     .need = need_,                                                                                \
     .fallback = fallback_,                                                                        \
     .unit = "",                                                                                   \
     .text = text_,                                                                                \
     .offset = offsetof(struct options, section_##_##name_)},
#define TRESTLE_OPTION_CHOICE(section_, name_, fallback_, choices_, text_)                         \
    {.section = #section_,                                                                         \
     .name = #name_,                                                                               \
     .type = OPTION_CHOICE,                                                                        \
     .need = OPTIONAL,                                                                             \
     .fallback = fallback_,                                                                        \
     .choices = choices_,                                                                          \
     .unit = "",                                                                                   \
     .text = text_,                                                                                \
     .offset = offsetof(struct options, section_##_##name_)},
#define TRESTLE_OPTION_INTEGER(section_, name_, fallback_, minimum_, maximum_, unit_, text_)       \
    {.section = #section_,                                                                         \
     .name = #name_,                                                                               \
     .type = OPTION_INTEGER,                                                                       \
     .need = OPTIONAL,                                                                             \
     .integer_fallback = fallback_,                                                                \
     .minimum = minimum_,                                                                          \
     .maximum = maximum_,                                                                          \
     .unit = unit_,                                                                                \
     .text = text_,                                                                                \
     .offset = offsetof(struct options, section_##_##name_)},
#include "bridge/base/options.def"
};
const size_t option_table_length = G_N_ELEMENTS(option_table);

static char **string_member(struct options *options, const struct option_info *info)
{
    return G_STRUCT_MEMBER_P(options, info->offset);
}

static gint64 *integer_member(struct options *options, const struct option_info *info)
{
    return G_STRUCT_MEMBER_P(options, info->offset);
}

struct options *options_new(void)
{
    struct options *options = g_new0(struct options, 1);
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option_info *info = &option_table[i];
        if (info->type == OPTION_INTEGER)
            *integer_member(options, info) = info->integer_fallback;
        else
            *string_member(options, info) = g_strdup(info->fallback);
    }
    return options;
}

static void wipe_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    g_free(text);
}

void options_free(struct options *options)
{
    if (!options)
        return;
    /* The database URI may hold a password, so every string is treated as a secret. */
    for (size_t i = 0; i < option_table_length; i++) {
        if (option_table[i].type != OPTION_INTEGER)
            wipe_free(*string_member(options, &option_table[i]));
    }
    g_free(options->config_path);
    g_free(options);
}

/* The names of one level: sections when SECTION is NULL, else its options. */
static const char *nearest_name(const char *section, const char *wrong)
{
    const char *best = NULL;
    guint best_distance = MAX(2, (guint)strlen(wrong) / 3) + 1;
    for (size_t i = 0; i < option_table_length; i++) {
        if (section && strcmp(section, option_table[i].section) != 0)
            continue;
        const char *name = section ? option_table[i].name : option_table[i].section;
        guint distance = text_distance(name, wrong);
        if (distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    }
    return best;
}

static bool section_exists(const char *section)
{
    for (size_t i = 0; i < option_table_length; i++) {
        if (strcmp(section, option_table[i].section) == 0)
            return true;
    }
    return false;
}

static const struct option_info *find_option(const char *section, const char *name)
{
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option_info *info = &option_table[i];
        if ((!section || strcmp(section, info->section) == 0) && strcmp(name, info->name) == 0)
            return info;
    }
    return NULL;
}

static bool refuse_section(const char *path, const char *section, GError **error)
{
    g_autofree char *shown = g_utf8_substring(section, 0, MIN(40, g_utf8_strlen(section, -1)));
    const char *nearest = nearest_name(NULL, shown);
    g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE,
                "%s: there is no section [%s]%s%s%s", path, shown,
                nearest ? "; did you mean [" : "", nearest ? nearest : "", nearest ? "]?" : "");
    return false;
}

static bool refuse_option(const char *path, const char *section, const char *name, GError **error)
{
    g_autofree char *shown = g_utf8_substring(name, 0, MIN(40, g_utf8_strlen(name, -1)));
    const char *nearest = nearest_name(section, shown);
    const struct option_info *elsewhere = find_option(NULL, shown);
    g_autofree char *hint = NULL;
    if (elsewhere)
        hint = g_strdup_printf("; it belongs into [%s]", elsewhere->section);
    else if (nearest)
        hint = g_strdup_printf("; did you mean %s?", nearest);
    g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE,
                "%s: section [%s] has no option %s%s", path, section, shown, hint ? hint : "");
    return false;
}

static bool refuse_unknown(const char *path, GKeyFile *file, GError **error)
{
    g_auto(GStrv) sections = g_key_file_get_groups(file, NULL);
    for (guint i = 0; sections[i]; i++) {
        if (!section_exists(sections[i]))
            return refuse_section(path, sections[i], error);
        g_auto(GStrv) names = g_key_file_get_keys(file, sections[i], NULL, NULL);
        for (guint j = 0; names && names[j]; j++) {
            if (!find_option(sections[i], names[j]))
                return refuse_option(path, sections[i], names[j], error);
        }
    }
    return true;
}

/* GKeyFile keeps the last of two values without a word; here the second is an error. */
static bool refuse_duplicates(const char *path, const char *text, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *section = g_strdup("");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    bool unique = true;
    for (guint i = 0; lines[i]; i++) {
        char *line = g_strstrip(lines[i]);
        char *equals = strchr(line, '=');
        if (*line == '[') {
            g_free(section);
            section = g_strdup(line);
        } else if (unique && *line != '#' && equals) {
            g_autofree char *name = g_strndup(line, (gsize)(equals - line));
            g_autofree char *key = g_strconcat(section, " ", g_strchomp(name), NULL);
            if (g_hash_table_contains(seen, key)) {
                g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE,
                            "%s: line %u: %.60s is given twice", path, i + 1, key);
                unique = false;
            }
            g_hash_table_add(seen, g_steal_pointer(&key));
        }
        explicit_bzero(line, strlen(line));
    }
    return unique;
}

/* Takes VALUE. */
static bool set_string(struct options *options, const struct option_info *info, char *value)
{
    char **member = string_member(options, info);
    bool nothing =
        !*value && (info->type == OPTION_FILE || info->need == SECRET) && !info->fallback;
    wipe_free(*member);
    *member = value;
    if (nothing)
        g_clear_pointer(member, g_free);
    return nothing || option_type_settle(info, member);
}

static bool read_option(struct options *options, const struct option_info *info, GKeyFile *file,
                        const char *path, GError **error)
{
    if (!g_key_file_has_key(file, info->section, info->name, NULL))
        return true;
    char *raw = g_key_file_get_value(file, info->section, info->name, NULL);
    g_key_file_set_value(file, info->section, info->name, g_strchomp(raw));
    wipe_free(raw);
    g_autoptr(GError) escape = NULL; /* GKeyFile may yield a value and an error at once */
    char *value = g_key_file_get_string(file, info->section, info->name, &escape);
    if (!value || escape || !text_is_xml_safe(value, strlen(value))) {
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE,
                    "%s: [%s] %s: has a control character or a backslash that is not doubled", path,
                    info->section, info->name);
        wipe_free(value);
        return false;
    }
    bool good;
    if (info->type == OPTION_INTEGER) {
        good = option_type_read_integer(info, value, integer_member(options, info));
        wipe_free(value);
    } else {
        good = set_string(options, info, value);
    }
    if (!good) {
        g_autofree char *expected = option_type_expected(info);
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE, "%s: [%s] %s: %s", path,
                    info->section, info->name, expected);
    }
    return good;
}

static bool read_some(int fd, char *content, size_t maximum, size_t *ret_length)
{
    size_t length = 0;
    while (length < maximum) {
        ssize_t n = read(fd, content + length, maximum - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        length += (size_t)n;
    }
    *ret_length = length;
    return true;
}

char *options_read_file(const char *path, size_t maximum, mode_t *ret_mode, GError **error)
{
    struct stat status;
    /* Without O_NONBLOCK a FIFO would hold the program up until somebody writes. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    const char *trouble = NULL;
    char *content = NULL;
    size_t length = 0;
    if (fd < 0 || fstat(fd, &status) < 0)
        trouble = g_strerror(errno);
    else if (!S_ISREG(status.st_mode))
        trouble = "is not a regular file";
    else if (!read_some(fd, content = g_malloc0(maximum + 2), maximum + 1, &length))
        trouble = g_strerror(errno);
    else if (length > maximum)
        trouble = "is too large";
    else if (strlen(content) != length)
        trouble = "has a NUL byte in it; it must be text in UTF-8 (not UTF-16)";
    if (fd >= 0)
        close(fd);
    if (!trouble) {
        *ret_mode = status.st_mode;
        return content;
    }
    if (content)
        explicit_bzero(content, length);
    g_free(content);
    g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE, "%s: %s", path, trouble);
    return NULL;
}

/* Other paths in the file are relative to the file, not to where trestle was started. */
static void resolve_path(const char *config, char **path)
{
    if (!*path || !**path || g_path_is_absolute(*path))
        return;
    g_autofree char *folder = g_path_get_dirname(config);
    char *resolved = g_build_filename(folder, *path, NULL);
    g_free(*path);
    *path = resolved;
}

/* Reads the file of *_file option LABEL into *MEMBER; SECRET: nobody else may be able to read it.
 */
static bool read_secret(const char *label, const char *path, bool secret, char **member,
                        GError **error)
{
    mode_t mode = 0;
    char *content = options_read_file(path, SECRET_MAX, &mode, error);
    if (!content) {
        g_prefix_error(error, "%s: ", label);
        return false;
    }
    if (secret && (mode & (S_IROTH | S_IWOTH))) {
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE,
                    "%s: every user of this machine can read or write %s; chmod o-rwx it", label,
                    path);
        wipe_free(content);
        return false;
    }
    size_t length = strlen(content);
    while (length > 0 && (content[length - 1] == '\n' || content[length - 1] == '\r'))
        content[--length] = '\0';
    wipe_free(*member);
    *member = content;
    return true;
}

/* The file option of a secret; NULL: it has none. */
static const struct option_info *file_of_secret(const struct option_info *info)
{
    g_autofree char *name = g_strconcat(info->name, "_file", NULL);
    return info->need == SECRET ? find_option(info->section, name) : NULL;
}

static bool read_secret_option(struct options *options, const struct option_info *info,
                               GError **error)
{
    const struct option_info *file = file_of_secret(info);
    const char *path = file ? *string_member(options, file) : NULL;
    if (!path)
        return true;
    bool is_token_key = g_str_equal(info->section, "auth"); /* and public, unless it is shared */
    bool secret = !is_token_key || g_str_has_prefix(options->auth_algorithm, "HS");
    char **member = string_member(options, info);
    g_autofree char *label = g_strdup_printf("[%s] %s", file->section, file->name);
    if (!read_secret(label, path, secret, member, error))
        return false;
    bool empty = info->type == OPTION_LINE && !**member;
    if (!empty && option_type_settle(info, member))
        return true;
    g_autofree char *expected = option_type_expected(info);
    g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE, "%s: %s", label,
                empty ? "is empty" : expected);
    return false;
}

static bool read_secrets(struct options *options, const char *path, GError **error)
{
    for (size_t i = 0; i < option_table_length; i++) {
        if (option_table[i].type == OPTION_FILE)
            resolve_path(path, string_member(options, &option_table[i]));
    }
    for (size_t i = 0; i < option_table_length; i++) {
        if (!read_secret_option(options, &option_table[i], error))
            return false;
    }
    return true;
}

static bool parse_text(struct options *options, const char *path, const char *text, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    if (!g_utf8_validate(text, -1, NULL)) {
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE, "%s: is not UTF-8", path);
        return false;
    }
    if (g_str_has_prefix(text, "\xef\xbb\xbf"))
        text += 3; /* the byte order mark of some editors */
    g_autoptr(GError) syntax = NULL;
    /* Without that flag GKeyFile drops name[xx] lines silently instead of leaving them to be
     * refused. */
    if (!g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_KEEP_TRANSLATIONS,
                                   &syntax)) {
        /* GKeyFile's own message quotes the line, and the line may be a secret. */
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE,
                    "%s: is not an INI file: only [section], name=value and # comments may occur, "
                    "and no value may come before the first section",
                    path);
        return false;
    }
    if (!refuse_unknown(path, file, error) || !refuse_duplicates(path, text, error))
        return false;
    for (size_t i = 0; i < option_table_length; i++) {
        if (!read_option(options, &option_table[i], file, path, error))
            return false;
    }
    return true;
}

/* The first line with what looks like a comment behind its value, and is a part of the value; 0:
 * none. */
static guint line_with_comment(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint found = 0;
    for (guint i = 0; lines[i]; i++) {
        bool is_comment = *g_strchug(lines[i]) == '#';
        const char *value = strchr(lines[i], '=');
        if (found == 0 && !is_comment && value && (strstr(value, " #") || strstr(value, "\t#")))
            found = i + 1;
        explicit_bzero(lines[i], strlen(lines[i]));
    }
    return found;
}

static bool read_all(struct options *options, const char *path, const char *text, GError **error)
{
    g_autoptr(GError) trouble = NULL;
    if (!parse_text(options, path, text, error))
        return false;
    options->config_path = g_canonicalize_filename(path, NULL);
    if (options_check_given(options, &trouble) && read_secrets(options, path, &trouble) &&
        options_check_values(options, &trouble))
        return true;
    g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE, "%s: %s", path, trouble->message);
    return false;
}

struct options *options_parse(const char *path, const char *text, GError **error)
{
    g_autoptr(trestle_options) options = options_new();
    g_autoptr(GError) trouble = NULL;
    if (read_all(options, path, text, &trouble))
        return g_steal_pointer(&options);
    guint line = line_with_comment(text);
    if (line > 0)
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE,
                    "%s (a comment needs a line of its own; see line %u)", trouble->message, line);
    else
        g_propagate_error(error, g_steal_pointer(&trouble));
    return NULL;
}

static bool holds_password(const char *uri)
{
    g_autoptr(GUri) parsed = g_uri_parse(uri, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_NON_DNS, NULL);
    return (parsed && g_uri_get_password(parsed)) || strstr(uri, "password=");
}

struct options *options_load(const char *path, GError **error)
{
    mode_t mode = 0;
    g_autoptr(GError) trouble = NULL;
    char *text = options_read_file(path, CONFIG_MAX, &mode, &trouble);
    if (!text) {
        int access_error = access(path, R_OK) == 0 ? 0 : errno;
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE, "%s%s", trouble->message,
                    access_error == ENOENT ? "; 'trestle --sample-config' prints one to begin with"
                    : access_error == EACCES ? "; run this as root or as the user of the service"
                                             : "");
        return NULL;
    }
    struct options *options = options_parse(path, text, error);
    wipe_free(text);
    bool inline_secret =
        options &&
        ((options->xmpp_secret && !options->xmpp_secret_file) ||
         (options->xmpp_rooms_secret && !options->xmpp_rooms_secret_file) ||
         (options->auth_key && !options->auth_key_file) ||
         (options->calls_turn_secret && !options->calls_turn_secret_file) ||
         (options->log_ids_key && !options->log_ids_key_file) ||
         (options->spam_hook_secret && !options->spam_hook_secret_file) ||
         (options->assist_secret && !options->assist_secret_file) ||
         (options->spam_links_key && !options->spam_links_key_file) ||
         (options->media_key && !options->media_key_file) ||
         (options->media_s3_secret && !options->media_s3_secret_file) ||
         (options->media_classifier_secret && !options->media_classifier_secret_file) ||
         holds_password(options->database_uri) || holds_password(options->database_read_uri) ||
         redis_url_holds_password(options->cluster_redis));
    if (inline_secret && (mode & S_IROTH))
        log_warning(AREA_CONFIG, "secrets-readable",
                    "detail=\"the configuration file holds a secret and every user of this machine "
                    "can read it; chmod o-r it\"");
    return options;
}

bool options_use_log(const struct options *options)
{
    bool hash = strcmp(options->log_ids, "hash") == 0;
    log_hash_ids(hash ? options->log_ids_key : NULL);
    bool good = log_configure(options->log_level, options->log_areas, options->log_file);
    good = log_extra_file(LOG_ACCESS, options->log_access_file) && good;
    return log_extra_file(LOG_ERRORS, options->log_error_file) && good;
}

char *options_login_server(const struct options *options, const char *domain, guint64 *ret_port)
{
    g_auto(GStrv) servers = g_strsplit(options->bound_login_servers, " ", -1);
    size_t length = strlen(domain);
    *ret_port = 0;
    for (guint i = 0; servers[i]; i++) {
        const char *port = strrchr(servers[i], ':');
        if (strncmp(servers[i], domain, length) != 0 || servers[i][length] != '=' || !port)
            continue;
        *ret_port = g_ascii_strtoull(port + 1, NULL, 10);
        const char *address = servers[i] + length + 1;
        gsize size = (gsize)(port - address);
        if (size > 2 && *address == '[' && port[-1] == ']') /* IPv6 */
            return g_strndup(address + 1, size - 2);
        return g_strndup(address, size);
    }
    return g_strdup("");
}
