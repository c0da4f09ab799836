/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints the registry: as the markdown of docs/xeps.md, or with --doap as trestle.doap. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "xep/registry.h"

static void print_entities(unsigned entities)
{
    static const char *const names[] = {"domain", "user", "client", "rooms", "room"};
    const char *separator = "";
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!(entities & 1U << i))
            continue;
        printf("%s%s", separator, names[i]);
        separator = ", ";
    }
}

static void print_markdown(void)
{
    puts("# Supported XEPs\n\nMade by `xep/dump_xeps` from `xep/registry.c`; edit that.\n\n"
         "| XEP | Version | Name | Namespace | Announced by | Note |\n|---|---|---|---|---|---|");
    for (size_t i = 0; i < xep_registry_length; i++) {
        const struct xep_codec *codec = &xep_registry[i];
        printf("| [%s](https://xmpp.org/extensions/xep-%s.html) | %s | %s | ", codec->number,
               codec->number, codec->version, codec->name);
        if (codec->ns)
            printf("`%s`", codec->ns);
        fputs(" | ", stdout);
        print_entities(codec->entities);
        printf(" | %s |\n", codec->note);
    }
}

static void print_implements(const struct xep_codec *codec)
{
    printf("    <implements>\n      <xmpp:SupportedXep>\n"
           "        <xmpp:xep rdf:resource='https://xmpp.org/extensions/xep-%s.html'/>\n"
           "        <xmpp:version>%s</xmpp:version>\n",
           codec->number, codec->version);
    if (*codec->note)
        printf("        <xmpp:note xml:lang='en'>%s</xmpp:note>\n", codec->note);
    puts("      </xmpp:SupportedXep>\n    </implements>");
}

static void print_doap(void)
{
    puts("<?xml version='1.0' encoding='UTF-8'?>\n"
         "<!-- Made by xep/dump_xeps from xep/registry.c; edit that. -->\n"
         "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'\n"
         "         xmlns='http://usefulinc.com/ns/doap#'\n"
         "         xmlns:xmpp='https://linkmauve.fr/ns/xmpp-doap#'>\n"
         "  <Project>\n"
         "    <name>Trestle</name>\n"
         "    <shortdesc xml:lang='en'>REST and WebSocket bridge to XMPP</shortdesc>\n"
         "    <programming-language>C</programming-language>\n"
         "    <os>Linux</os>\n"
         "    <license rdf:resource='https://www.gnu.org/licenses/gpl-3.0.html'/>\n"
         "    <implements rdf:resource='https://www.rfc-editor.org/info/rfc6120'/>\n"
         "    <implements rdf:resource='https://www.rfc-editor.org/info/rfc6121'/>\n"
         "    <implements rdf:resource='https://www.rfc-editor.org/info/rfc7622'/>");
    const char *before = "";
    for (size_t i = 0; i < xep_registry_length; i++) {
        if (strcmp(xep_registry[i].number, before) != 0)
            print_implements(&xep_registry[i]);
        before = xep_registry[i].number;
    }
    puts("  </Project>\n</rdf:RDF>");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--doap") == 0)
        print_doap();
    else
        print_markdown();
    return 0;
}
