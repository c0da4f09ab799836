/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0227 portable import/export format, version 1.1: one user's data as a document that is
 * written in pieces. A piece is made of whole elements, or is the head or tail of one. */
#pragma once

#include "xep/0054_vcard.h"

struct pie_frame {
    char *head; /* all tags that are opened; freed with g_free(), as the other */
    char *tail; /* all that are closed */
};

/* Around all that there is of the user JID (bare). */
struct pie_frame pie_user(const char *jid);
/* Inside it: around contacts, and around messages. */
struct pie_frame pie_roster(void);
struct pie_frame pie_archive(void);
void pie_frame_clear(struct pie_frame *frame);

/* Borrowed; each but the JID may be NULL. */
struct pie_contact {
    const char *jid;
    const char *name;
    const char *subscription;
    bool ask;
    const char *const *groups; /* NULL-terminated */
};

/* A message of the user's archive. Borrowed. */
struct pie_message {
    const char *id; /* in the archive */
    int64_t stamp_us;
    const char *from, *to; /* bare */
    const char *origin;    /* the id that its sender gave it; may be NULL */
    const char *body;
};

/* Elements at the end of OUT. */
void pie_add_vcard(GString *out, const struct vcard *card);
void pie_add_contact(GString *out, const struct pie_contact *contact);
void pie_add_message(GString *out, const struct pie_message *message);
