/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests for voice in a moderated room, XEP-0045. */
#include "config.h"

#include <string.h>

#include "xep/0004_data_forms.h"
#include "xep/0045_voice.h"

static bool read_form(const struct data_form *form, struct voice *ret)
{
    const char *allow = data_form_value(form, "muc#request_allow");
    struct voice voice = {.jid = data_form_value(form, "muc#jid"),
                          .nick = data_form_value(form, "muc#roomnick")};
    bool is_submission = g_strcmp0(form->type, "submit") == 0;
    if (!muc_role_find(data_form_value(form, "muc#role"), &voice.role) ||
        voice.role == ROLE_UNSAID || (allow && !data_form_flag_parse(allow, &voice.is_allowed)) ||
        (!is_submission && g_strcmp0(form->type, "form") != 0))
        return false;
    if (!is_submission)
        voice.kind = VOICE_FORM;
    else if (allow)
        voice.kind = VOICE_ANSWER;
    *ret = voice;
    return true;
}

bool voice_parse(xmpp_stanza_t *message, struct voice *ret)
{
    xmpp_stanza_t *x = stanza_child(message, "x", NS_DATA);
    g_autoptr(data_form) form = x ? data_form_parse(x) : NULL;
    const char *form_type = form ? data_form_value(form, "FORM_TYPE") : NULL;
    return form_type && strcmp(form_type, FORM_MUC_REQUEST) == 0 && read_form(form, ret);
}

void voice_add(xmpp_stanza_t *message, const struct voice *voice)
{
    bool asks = voice->kind == VOICE_FORM;
    g_autoptr(data_form) form = data_form_new(asks ? "form" : "submit");
    if (asks)
        form->title = "Request for voice";
    data_form_put(form, "FORM_TYPE", "hidden", FORM_MUC_REQUEST);
    data_form_put(form, "muc#role", "list-single", muc_role_name(voice->role));
    if (voice->jid)
        data_form_put(form, "muc#jid", "jid-single", voice->jid);
    if (voice->nick)
        data_form_put(form, "muc#roomnick", "text-single", voice->nick);
    if (voice->kind != VOICE_REQUEST)
        data_form_put(form, "muc#request_allow", "boolean", voice->is_allowed ? "true" : "false");
    if (asks)
        data_form_find(form, "muc#request_allow")->label = "May write";
    data_form_add(message, form);
}
