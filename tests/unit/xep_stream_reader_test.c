/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stream reader: what is read, what is refused, what is skipped, and that neither the cutting
 * of the bytes nor a hostile stanza changes any of it. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "xep/stanza_text.h"
#include "xep/stream_reader.h"

#define ROOT                                                                                       \
    "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' "         \
    "xmlns='jabber:component:accept' from='app.example.org' id='s1'>"

/* Everything that was called back, one line each. */
struct record {
    GString *log;
    struct stream_reader *reader;
    bool stop_at_stanza;
};

static void on_opened(const char *id, const char *from, void *userdata)
{
    struct record *record = userdata;
    g_string_append_printf(record->log, "opened %s %s\n", id ? id : "-", from ? from : "-");
}

static void on_stanza(xmpp_stanza_t *stanza, void *userdata)
{
    struct record *record = userdata;
    g_autofree char *text = stanza_to_text(stanza, NULL);
    if (strlen(text) > 2000)
        g_string_append_printf(record->log, "stanza of %zu\n", strlen(text));
    else
        g_string_append_printf(record->log, "%s\n", text);
    if (record->stop_at_stanza)
        stream_reader_stop(record->reader);
}

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static void on_over_limit(const struct stream_header *header, enum stream_limit limit,
                          void *userdata)
{
    struct record *record = userdata;
    g_string_append_printf(record->log, "over %d %s %s %s %s %s\n", (int)limit,
                           or_dash(header->name), or_dash(header->from), or_dash(header->to),
                           or_dash(header->id), or_dash(header->type));
}

static void on_closed(void *userdata)
{
    struct record *record = userdata;
    g_string_append(record->log, "closed\n");
}

static void on_failed(enum stream_failure failure, const char *text, void *userdata)
{
    struct record *record = userdata;
    ck_assert_ptr_nonnull(text);
    g_string_append_printf(record->log, "failed %d\n", (int)failure);
}

static const struct stream_callbacks callbacks = {on_opened, on_stanza, on_over_limit, on_closed,
                                                  on_failed};

static char *read_in_steps(const char *data, size_t length, size_t step,
                           const struct stream_limits *limits)
{
    struct record record = {.log = g_string_new(NULL)};
    record.reader = stream_reader_new(limits, &callbacks, &record);
    for (size_t i = 0; i < length; i += step)
        if (!stream_reader_feed(record.reader, data + i, MIN(step, length - i)))
            break;
    stream_reader_free(record.reader);
    return g_string_free(record.log, FALSE);
}

/* Feeds DATA whole, byte by byte and in odd steps; all must give EXPECTED. */
static void expect_bytes(const char *data, size_t length, const struct stream_limits *limits,
                         const char *expected)
{
    static const size_t steps[] = {SIZE_MAX / 2, 1, 7, 4093};
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autofree char *got = read_in_steps(data, length, steps[i], limits);
        ck_assert_msg(strcmp(got, expected) == 0, "step %zu: got\n%s\nexpected\n%s", steps[i], got,
                      expected);
    }
}

static void expect(const char *data, const char *expected)
{
    expect_bytes(data, strlen(data), &STREAM_LIMITS_DEFAULT, expected);
}

static char *repeat(const char *text, size_t times)
{
    GString *out = g_string_new(NULL);
    for (size_t i = 0; i < times; i++)
        g_string_append(out, text);
    return g_string_free(out, FALSE);
}

#define OPENED "opened s1 app.example.org\n"
#define GOOD "<iq id='good'/>"
#define READ_GOOD "<iq xmlns='jabber:client' id='good'/>\n"
#define HEADER "<message from='a@b/c' to='d@e' id='m' type='chat'>"

START_TEST(stanzas_are_read_in_order)
{
    expect(ROOT "<handshake/>" GOOD "\n300 <message><body>a &amp; b&#x21;</body></message>"
                "</stream:stream>",
           OPENED "<handshake xmlns='jabber:client'/>\n" READ_GOOD
                  "<message xmlns='jabber:client'><body>a &amp; b!</body></message>\nclosed\n");
}
END_TEST

START_TEST(prefixes_do_not_matter)
{
    expect("<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns:c='jabber:component:accept' "
           "id='s1' from='app.example.org'><c:message xmlns:x='urn:xmpp:sid:0' id='1'>"
           "<x:origin-id id='2'/><c:body xml:lang='de' x:y='z'>hi</c:body></c:message>"
           "<s:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></s:error></s:stream>",
           OPENED "<message xmlns='jabber:client' id='1'><origin-id xmlns='urn:xmpp:sid:0' id='2'/>"
                  "<body xml:lang='de'>hi</body></message>\n"
                  "<error xmlns='http://etherx.jabber.org/streams'><conflict "
                  "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>\nclosed\n");
}
END_TEST

START_TEST(cdata_is_text)
{
    expect(
        ROOT "<message><body>a<![CDATA[<b>&]]]]><![CDATA[>]]></body></message>" GOOD, OPENED
        "<message xmlns='jabber:client'><body>a&lt;b&gt;&amp;]]&gt;</body></message>\n" READ_GOOD);
}
END_TEST

START_TEST(attributes_may_hold_tag_ends)
{
    expect(ROOT "<iq id='>/>'  to=\"'>\"/>" GOOD,
           OPENED "<iq xmlns='jabber:client' id='&gt;/&gt;' to='&apos;&gt;'/>\n" READ_GOOD);
}
END_TEST

START_TEST(forbidden_xml_ends_the_stream)
{
    expect(ROOT GOOD "<!-- x -->" GOOD, OPENED READ_GOOD "failed 1\n");
    expect(ROOT GOOD "<message><!-- x --></message>", OPENED READ_GOOD "failed 1\n");
    expect(ROOT "<message><?x y?></message>", OPENED "failed 1\n");
    expect("<?x y?>" ROOT, "failed 1\n");
    expect("<!DOCTYPE x [<!ENTITY a 'b'><!ENTITY c '&a;&a;&a;'>]>" ROOT "<a>&c;</a>", "failed 1\n");
    expect(ROOT "<!DOCTYPE x>", OPENED "failed 1\n");
}
END_TEST

START_TEST(broken_xml_ends_the_stream)
{
    expect(ROOT "<a></b>", OPENED "failed 0\n");
    expect(ROOT "<a>&nbsp;</a>", OPENED "failed 0\n");
    expect(ROOT "<a>&"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
           OPENED "failed 0\n");
    expect(ROOT "<a b='1' b='2'/>", OPENED "failed 0\n");
    expect(ROOT "<x:a/>", OPENED "failed 0\n");
    expect(ROOT "<a>\xc3\x28</a>", OPENED "failed 0\n");
    expect(ROOT "<a>\xed\xa0\x80</a>", OPENED "failed 0\n");
    expect(ROOT "<a>&#0;</a>", OPENED "failed 0\n");
    expect(ROOT "<a>\x01</a>", OPENED "failed 0\n");
    expect_bytes(ROOT "<a>\0</a>", sizeof ROOT - 1 + 8, &STREAM_LIMITS_DEFAULT,
                 OPENED "failed 0\n");
    expect_bytes("\xff\xfe<\0s\0", 6, &STREAM_LIMITS_DEFAULT, "failed 0\n");
    expect_bytes("<\0s\0", 4, &STREAM_LIMITS_DEFAULT, "failed 0\n");
    expect("x" ROOT, "failed 0\n");
}
END_TEST

START_TEST(foreign_encodings_are_refused)
{
    expect("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "failed 2\n");
    expect("<?xml version='1.0' encoding='x-unknown'?><a/>", "failed 2\n");
    expect("\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?><a/>", "failed 3\n");
}
END_TEST

START_TEST(root_must_be_a_small_stream)
{
    expect("<stream/>", "failed 3\n");
    g_autofree char *long_value = repeat("x", 5000);
    g_autofree char *data = g_strconcat("<stream a='", long_value, "'>", NULL);
    expect(data, "failed 3\n");
    expect("<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>",
           "opened - -\nclosed\n");
}
END_TEST

static void expect_skip(const char *inside, enum stream_limit limit)
{
    g_autofree char *data =
        g_strconcat(ROOT GOOD HEADER, inside, "</message>" GOOD "</stream:stream>", NULL);
    g_autofree char *expected = g_strdup_printf(
        OPENED READ_GOOD "over %d message a@b/c d@e m chat\n" READ_GOOD "closed\n", (int)limit);
    expect(data, expected);
}

START_TEST(floods_are_skipped)
{
    g_autofree char *children = repeat("<a/>", 50000);
    expect_skip(children, STREAM_LIMIT_CHILDREN);

    g_autofree char *opens = repeat("<a>", 6000);
    g_autofree char *closes = repeat("</a>", 6000);
    g_autofree char *nested = g_strconcat(opens, closes, NULL);
    expect_skip(nested, STREAM_LIMIT_DEPTH);

    g_autofree char *wide = repeat("<a><b/><b/><b/><b/><b/><b/></a>", 900);
    expect_skip(wide, STREAM_LIMIT_ELEMENTS);

    g_autofree char *mixed = repeat("x<a/>", 501);
    expect_skip(mixed, STREAM_LIMIT_CHILDREN);

    g_autofree char *lines = repeat("\n", 262144);
    g_autofree char *body = g_strconcat("<body>", lines, "</body>", NULL);
    expect_skip(body, STREAM_LIMIT_BYTES);

    g_autofree char *tag = g_strconcat("<a b='", lines, "'/>", NULL);
    expect_skip(tag, STREAM_LIMIT_BYTES);

    g_autofree char *cdata = g_strconcat("<body><![CDATA[</x>", lines, "]]></body>", NULL);
    expect_skip(cdata, STREAM_LIMIT_BYTES);
}
END_TEST

START_TEST(attribute_floods_are_skipped)
{
    GString *tag = g_string_new("<x");
    GString *declarations = g_string_new("<x");
    for (int i = 0; i < 65; i++) {
        g_string_append_printf(tag, " a%d=''", i);
        g_string_append_printf(declarations, " xmlns:a%d='u:%d'", i, i);
    }
    g_string_append(tag, "/>");
    g_string_append(declarations, "><y/></x>");
    expect_skip(tag->str, STREAM_LIMIT_ATTRIBUTES);
    expect_skip(declarations->str, STREAM_LIMIT_ATTRIBUTES);
    g_string_free(tag, TRUE);
    g_string_free(declarations, TRUE);
}
END_TEST

START_TEST(oversized_first_tag_is_skipped_without_header)
{
    g_autofree char *value = repeat("x", 300000);
    g_autofree char *data =
        g_strconcat(ROOT "<iq id='", value, "'><a/></iq><iq id='", value, "'/>", GOOD, NULL);
    expect(data, OPENED "over 0 - - - - -\nover 0 - - - - -\n" READ_GOOD);
}
END_TEST

START_TEST(first_tag_with_too_many_attributes_keeps_its_header)
{
    struct stream_limits limits = STREAM_LIMITS_DEFAULT;
    limits.attributes = 3;
    const char *data = ROOT HEADER "<a/></message>" GOOD;
    expect_bytes(data, strlen(data), &limits, OPENED "over 4 message a@b/c d@e m chat\n" READ_GOOD);
}
END_TEST

START_TEST(limits_are_exact)
{
    const char *stanza = "<m a='1'><b>x&amp;y</b><c><d/></c></m>";
    const char *read = "<m xmlns='jabber:client' a='1'><b>x&amp;y</b><c><d/></c></m>\n";
    g_autofree char *data = g_strconcat(ROOT, stanza, GOOD, NULL);
    struct stream_limits exact = {
        .stanza_bytes = strlen(stanza), .elements = 4, .depth = 3, .children = 2, .attributes = 1};
    g_autofree char *fits = g_strconcat(OPENED, read, READ_GOOD, NULL);
    expect_bytes(data, strlen(data), &exact, fits);

    for (int i = 0; i < 5; i++) {
        struct stream_limits less = exact;
        less.stanza_bytes -= i == STREAM_LIMIT_BYTES;
        less.elements -= i == STREAM_LIMIT_ELEMENTS;
        less.depth -= i == STREAM_LIMIT_DEPTH;
        less.children -= i == STREAM_LIMIT_CHILDREN;
        less.attributes -= i == STREAM_LIMIT_ATTRIBUTES;
        const char *next = i == STREAM_LIMIT_ATTRIBUTES ? "over 4 iq - - good -\n" : READ_GOOD;
        g_autofree char *skipped = g_strdup_printf(OPENED "over %d m - - - -\n%s", i, next);
        expect_bytes(data, strlen(data), &less, skipped);
    }
}
END_TEST

START_TEST(newlines_arrive_whole)
{
    g_autofree char *lines = repeat("\n", 260000);
    g_autofree char *data =
        g_strconcat(ROOT "<message><body>", lines, "</body></message>" GOOD, NULL);
    expect(data, OPENED "stanza of 260054\n" READ_GOOD);
}
END_TEST

START_TEST(a_callback_can_stop)
{
    struct record record = {.log = g_string_new(NULL), .stop_at_stanza = true};
    record.reader = stream_reader_new(&STREAM_LIMITS_DEFAULT, &callbacks, &record);
    const char *data = ROOT GOOD GOOD "<broken";
    ck_assert(!stream_reader_feed(record.reader, data, strlen(data)));
    ck_assert(!stream_reader_feed(record.reader, data, strlen(data)));
    ck_assert_str_eq(record.log->str, OPENED READ_GOOD);
    stream_reader_free(record.reader);
    g_string_free(record.log, TRUE);
}
END_TEST

START_TEST(a_long_stream_goes_on_in_new_parsers)
{
    GString *data = g_string_new(ROOT);
    GString *expected = g_string_new(OPENED);
    for (int i = 0; i < 40000; i++) {
        g_string_append_printf(data, "<p%d:iq xmlns:p%d='jabber:component:accept' a%d='%d'/> ", i,
                               i, i, i);
        g_string_append_printf(expected, "<iq xmlns='jabber:client' a%d='%d'/>\n", i, i);
    }
    g_string_append(data, "<stream:error/></stream:stream>");
    g_string_append(expected, "<error xmlns='http://etherx.jabber.org/streams'/>\nclosed\n");
    expect_bytes(data->str, data->len, &STREAM_LIMITS_DEFAULT, expected->str);
    g_string_free(data, TRUE);
    g_string_free(expected, TRUE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xep_stream_reader");
    TCase *reading = tcase_create("reading");
    tcase_set_timeout(reading, 60);
    tcase_add_test(reading, stanzas_are_read_in_order);
    tcase_add_test(reading, prefixes_do_not_matter);
    tcase_add_test(reading, cdata_is_text);
    tcase_add_test(reading, attributes_may_hold_tag_ends);
    tcase_add_test(reading, forbidden_xml_ends_the_stream);
    tcase_add_test(reading, broken_xml_ends_the_stream);
    tcase_add_test(reading, foreign_encodings_are_refused);
    tcase_add_test(reading, root_must_be_a_small_stream);
    tcase_add_test(reading, newlines_arrive_whole);
    tcase_add_test(reading, a_callback_can_stop);
    tcase_add_test(reading, a_long_stream_goes_on_in_new_parsers);
    suite_add_tcase(suite, reading);

    TCase *limits = tcase_create("limits");
    tcase_set_timeout(limits, 60);
    tcase_add_test(limits, floods_are_skipped);
    tcase_add_test(limits, attribute_floods_are_skipped);
    tcase_add_test(limits, oversized_first_tag_is_skipped_without_header);
    tcase_add_test(limits, first_tag_with_too_many_attributes_keeps_its_header);
    tcase_add_test(limits, limits_are_exact);
    suite_add_tcase(suite, limits);

    return unit_run(suite);
}
