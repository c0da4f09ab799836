/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0030 service discovery, with the forms of XEP-0128. */
#pragma once

#include "xep/0004_data_forms.h"

#define DISCO_IDENTITIES_MAX 32
#define DISCO_FEATURES_MAX 200
#define DISCO_FORMS_MAX 8
#define DISCO_ITEMS_MAX 1000

/* Borrowed; LANG and NAME may be NULL. */
struct disco_identity {
    const char *category;
    const char *type;
    const char *lang;
    const char *name;
};

/* Strings are borrowed from the stanza that was read or from whoever filled it. */
typedef struct disco_info disco_info;
struct disco_info {
    const char *node;    /* may be NULL */
    GArray *identities;  /* struct disco_identity */
    GPtrArray *features; /* const char * */
    GPtrArray *forms;    /* struct data_form *, owned */
};

struct disco_info *disco_info_new(const char *node);
void disco_info_free(struct disco_info *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(disco_info, disco_info_free)

void disco_info_put_identity(struct disco_info *info, const struct disco_identity *identity);
void disco_info_put_feature(struct disco_info *info, const char *feature);
/* INFO owns FORM afterwards. */
void disco_info_take_form(struct disco_info *info, struct data_form *form);

/* Whether IQ asks for information; *ret_node is the node or NULL. */
bool disco_info_is_request(xmpp_stanza_t *iq, const char **ret_node);
/* A request; NODE may be NULL. IQ comes from stanza_new_iq("get", …). */
void disco_info_add_request(xmpp_stanza_t *iq, const char *node);

/* Reads a result, NULL when IQ holds none. What is beyond the limits above is left out. */
struct disco_info *disco_info_parse(xmpp_stanza_t *iq);
/* Answers IQ; NULL when IQ must not be answered. */
xmpp_stanza_t *disco_info_build_result(xmpp_stanza_t *iq, const struct disco_info *info);

/* Borrowed; NODE and NAME may be NULL. */
struct disco_item {
    const char *jid;
    const char *node;
    const char *name;
};

/* Answers IQ with COUNT items; NULL when IQ must not be answered. */
xmpp_stanza_t *disco_items_build_result(xmpp_stanza_t *iq, const char *node,
                                        const struct disco_item *items, size_t count);
/* Reads a result into an array of struct disco_item; NULL when IQ holds none. */
GArray *disco_items_parse(xmpp_stanza_t *iq);
