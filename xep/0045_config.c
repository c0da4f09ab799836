/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forms of XEP-0045. */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "xep/0045_config.h"

enum field_kind { FIELD_TEXT, FIELD_FLAG, FIELD_CHOICE, FIELD_COUNT };

/* A field of muc#roomconfig and the member that holds it: const char *, bool, an enum whose values
 * are the places in CHOICES, or uint32_t. */
struct config_field {
    const char *var;
    const char *type;
    const char *label;
    enum field_kind kind;
    size_t offset;
    const char *const *choices;
};

static const char *const whois_choices[] = {"moderators", "anyone", NULL};
static const char *const pm_choices[] = {"anyone", "participants", "moderators", "none", NULL};

#define TEXT(var, type, label, member)                                                             \
    {                                                                                              \
        "muc#roomconfig_" var, type, label, FIELD_TEXT, offsetof(struct muc_config, member), NULL  \
    }
#define FLAG(var, label, member)                                                                   \
    {                                                                                              \
        "muc#roomconfig_" var, "boolean", label, FIELD_FLAG, offsetof(struct muc_config, member),  \
            NULL                                                                                   \
    }
#define CHOICE(var, label, member, choices)                                                        \
    {                                                                                              \
        "muc#roomconfig_" var, "list-single", label, FIELD_CHOICE,                                 \
            offsetof(struct muc_config, member), choices                                           \
    }

static const struct config_field config_fields[] = {
    TEXT("roomname", "text-single", "Name", name),
    TEXT("roomdesc", "text-single", "Description", description),
    TEXT("lang", "text-single", "Language", lang),
    FLAG("persistentroom", "Stays when everybody has left", is_persistent),
    FLAG("publicroom", "Is listed", is_public),
    FLAG("membersonly", "Only members may enter", members_only),
    FLAG("moderatedroom", "Only who was given voice may write", is_moderated),
    FLAG("allowinvites", "Members may invite", members_invite),
    FLAG("changesubject", "Everybody may change the subject", all_change_subject),
    FLAG("enablelogging", "Messages are kept", is_logged),
    FLAG("passwordprotectedroom", "A password is needed", needs_password),
    TEXT("roomsecret", "text-private", "Password", password),
    CHOICE("whois", "Who sees addresses", whois, whois_choices),
    CHOICE("allowpm", "Who may write to one alone", private_messages, pm_choices),
    {"muc#roomconfig_maxusers", "text-single", "Most occupants (0: no limit)", FIELD_COUNT,
     offsetof(struct muc_config, max_users), NULL},
};

static const void *member_of(const struct muc_config *config, const struct config_field *field)
{
    return (const char *)config + field->offset;
}

static void put_field(struct data_form *form, const struct muc_config *config,
                      const struct config_field *field)
{
    const void *member = member_of(config, field);
    const char *text = field->kind == FIELD_TEXT ? *(const char *const *)member : NULL;
    unsigned choice = 0;
    if (field->kind == FIELD_COUNT) {
        data_form_put_number(form, field->var, field->type, *(const uint32_t *)member);
        return;
    }
    if (field->kind == FIELD_FLAG)
        text = *(const bool *)member ? "1" : "0";
    if (field->kind == FIELD_CHOICE) {
        memcpy(&choice, member, sizeof choice);
        text = field->choices[choice];
    }
    data_form_put(form, field->var, field->type, text ? text : "");
}

struct data_form *muc_config_form(const struct muc_config *config)
{
    struct data_form *form = data_form_new("form");
    form->title = "Configuration";
    data_form_put(form, "FORM_TYPE", "hidden", FORM_MUC_CONFIG);
    for (size_t i = 0; i < G_N_ELEMENTS(config_fields); i++) {
        put_field(form, config, &config_fields[i]);
        struct data_field *field = data_form_find(form, config_fields[i].var);
        field->label = config_fields[i].label;
        field->options = config_fields[i].choices;
    }
    return form;
}

struct data_form *muc_config_submission(const struct muc_config *config)
{
    struct data_form *form = data_form_new("submit");
    data_form_put(form, "FORM_TYPE", "hidden", FORM_MUC_CONFIG);
    for (size_t i = 0; i < G_N_ELEMENTS(config_fields); i++) {
        const struct config_field *field = &config_fields[i];
        if (field->kind != FIELD_TEXT || *(const char *const *)member_of(config, field))
            put_field(form, config, field);
    }
    return form;
}

static bool read_choice(const char *value, const char *const *choices, unsigned *ret)
{
    for (unsigned i = 0; choices[i]; i++) {
        if (strcmp(choices[i], value) != 0)
            continue;
        *ret = i;
        return true;
    }
    return false;
}

/* "none" is how the XEP spells that there is no limit. */
static bool read_count(const char *value, uint32_t *ret)
{
    guint64 count = MUC_USERS_UNLIMITED;
    if (*value && strcmp(value, "none") != 0 &&
        !g_ascii_string_to_unsigned(value, 10, 0, MUC_USERS_MAX, &count, NULL))
        return false;
    *ret = (uint32_t)count;
    return true;
}

static bool read_value(const char *value, const struct config_field *field,
                       struct muc_config *config)
{
    void *member = (char *)config + field->offset;
    unsigned choice;
    switch (field->kind) {
    case FIELD_TEXT:
        *(const char **)member = value;
        return true;
    case FIELD_FLAG:
        return data_form_flag_parse(value, member);
    case FIELD_CHOICE:
        if (!read_choice(value, field->choices, &choice))
            return false;
        memcpy(member, &choice, sizeof choice);
        return true;
    case FIELD_COUNT:
        return read_count(value, member);
    }
    return false;
}

const char *muc_config_read(const struct data_form *form, struct muc_config *config)
{
    struct muc_config read = *config;
    const char *form_type = data_form_value(form, "FORM_TYPE");
    if (form_type && strcmp(form_type, FORM_MUC_CONFIG) != 0)
        return "FORM_TYPE";
    for (size_t i = 0; i < G_N_ELEMENTS(config_fields); i++) {
        const char *value = data_form_value(form, config_fields[i].var);
        if (value && !read_value(value, &config_fields[i], &read))
            return config_fields[i].var;
    }
    *config = read;
    return NULL;
}

static void put_text(struct data_form *form, const char *var, const char *text)
{
    if (text)
        data_form_put(form, var, "text-single", text);
}

static void put_count(struct data_form *form, const char *var, int64_t count)
{
    if (count >= 0)
        data_form_put_number(form, var, "text-single", (uint64_t)count);
}

struct data_form *muc_info_form(const struct muc_info *info)
{
    struct data_form *form = data_form_new("result");
    data_form_put(form, "FORM_TYPE", "hidden", FORM_MUC_INFO);
    put_text(form, "muc#roomconfig_roomname", info->name);
    put_text(form, "muc#roominfo_description", info->description);
    put_text(form, "muc#roominfo_subject", info->subject);
    put_text(form, "muc#roominfo_lang", info->lang);
    put_text(form, "muc#roominfo_avatarhash", info->avatar_hash);
    put_count(form, "muc#roominfo_occupants", info->occupants);
    put_count(form, "muc#maxhistoryfetch", info->max_history);
    return form;
}

static int64_t count_of(const struct data_form *form, const char *var)
{
    const char *value = data_form_value(form, var);
    guint64 count;
    if (!value || !g_ascii_string_to_unsigned(value, 10, 0, INT64_MAX, &count, NULL))
        return -1;
    return (int64_t)count;
}

bool muc_info_read(const struct data_form *form, struct muc_info *ret)
{
    if (g_strcmp0(data_form_form_type(form), FORM_MUC_INFO) != 0)
        return false;
    *ret = (struct muc_info){
        .name = data_form_value(form, "muc#roomconfig_roomname"),
        .description = data_form_value(form, "muc#roominfo_description"),
        .subject = data_form_value(form, "muc#roominfo_subject"),
        .lang = data_form_value(form, "muc#roominfo_lang"),
        .avatar_hash = data_form_value(form, "muc#roominfo_avatarhash"),
        .occupants = count_of(form, "muc#roominfo_occupants"),
        .max_history = count_of(form, "muc#maxhistoryfetch"),
    };
    return true;
}
