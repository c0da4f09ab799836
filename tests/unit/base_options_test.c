/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration: good files, every kind of bad one, secrets, and the sample. */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/base/options_print.h"
#include "bridge/base/service.h"
#include "bridge/base/words.h"
#include "tests/unit/unit.h"

#define XMPP "[xmpp]\ndomain = app.example.org\nserver_domain = example.org\nsecret = s3cret\n"
#define DATABASE "[database]\nuri = postgresql://user:passw0rd@/trestle\n"
#define AUTH "[auth]\nkey = 0123456789abcdef0123456789abcdef\n"
#define GOOD XMPP DATABASE AUTH
#define STORE "[media]\nstore = /x\nkey = 0123456789abcdef\n"

static char *folder;

static void make_folder(void)
{
    log_configure("error", "all", NULL);
    folder = g_dir_make_tmp("trestle-options-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
}

static void remove_folder(void)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_remove(path);
    }
    g_dir_close(dir);
    g_rmdir(folder);
    g_clear_pointer(&folder, g_free);
}

static char *write_file(const char *name, const char *content, size_t length, mode_t mode)
{
    char *path = g_build_filename(folder, name, NULL);
    ck_assert(g_file_set_contents(path, content, (gssize)length, NULL));
    ck_assert_int_eq(chmod(path, mode), 0);
    return path;
}

static void put_file(const char *name, const char *content, mode_t mode)
{
    g_free(write_file(name, content, strlen(content), mode));
}

static struct options *parse_good(const char *text)
{
    g_autoptr(GError) error = NULL;
    struct options *options = options_parse("t.ini", text, &error);
    ck_assert_msg(options != NULL, "%s", error ? error->message : "no error set");
    return options;
}

static void assert_clean(const char *message)
{
    static const char *const secrets[] = {"s3cret", "passw0rd", "0123456789abcdef", "sesame"};
    for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++)
        ck_assert_msg(!strstr(message, secrets[i]), "a value leaked: %s", message);
}

static void assert_refused(const char *text, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(trestle_options) options = options_parse("t.ini", text, &error);
    ck_assert_msg(options == NULL, "accepted: %s", text);
    ck_assert_msg(strstr(error->message, expected) != NULL, "\"%s\" is not in \"%s\"", expected,
                  error->message);
    ck_assert(g_str_has_prefix(error->message, "t.ini: "));
    assert_clean(error->message);
}

static void assert_load_refused(const char *path, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(trestle_options) options = options_load(path, &error);
    ck_assert_msg(options == NULL, "accepted %s", path);
    ck_assert_msg(strstr(error->message, expected) != NULL, "\"%s\" is not in \"%s\"", expected,
                  error->message);
    ck_assert_ptr_nonnull(strstr(error->message, path));
    assert_clean(error->message);
}

START_TEST(defaults_and_given_values)
{
    g_autoptr(trestle_options) options = parse_good(
        GOOD "[http]\nport=9000\n  listen =  ::1  \r\norigins=https://a.example "
             "http://localhost:3000\n# comment\n\n[log]\nlevel=debug\nareas = link, ws\n");
    ck_assert_str_eq(options->xmpp_domain, "app.example.org");
    ck_assert_str_eq(options->xmpp_host, "127.0.0.1");
    ck_assert_str_eq(options->xmpp_secret, "s3cret");
    ck_assert_int_eq(options->xmpp_port, 5347);
    ck_assert_int_eq(options->http_port, 9000);
    ck_assert_int_eq(options->http_admin_port, 8081);
    ck_assert_str_eq(options->http_listen, "::1");
    ck_assert_str_eq(options->log_level, "debug");
    ck_assert_str_eq(options->auth_issuer, "");
    ck_assert_ptr_null(options->auth_jwks_file);
    ck_assert(g_str_has_suffix(options->config_path, "/t.ini"));
}
END_TEST

START_TEST(a_byte_order_mark_is_skipped)
{
    g_autoptr(trestle_options) options = parse_good("\xef\xbb\xbf" GOOD);
    ck_assert_str_eq(options->xmpp_domain, "app.example.org");
}
END_TEST

START_TEST(domains_and_localhost_are_brought_to_one_form)
{
    g_autoptr(trestle_options) options =
        parse_good("[xmpp]\ndomain=App.Example.ORG\nserver_domain=Example.org\nsecret=s\n"
                   "host=localhost\n" DATABASE AUTH);
    ck_assert_str_eq(options->xmpp_domain, "app.example.org");
    ck_assert_str_eq(options->xmpp_server_domain, "example.org");
    ck_assert_str_eq(options->xmpp_host, "127.0.0.1");
    g_autoptr(trestle_options) letters =
        parse_good("[xmpp]\ndomain=app.XN--BCHER-KVA.example.\nserver_domain=B\u00dcCHER."
                   "example\nsecret=s\n" DATABASE AUTH);
    ck_assert_str_eq(letters->xmpp_domain, "app.b\u00fccher.example");
    ck_assert_str_eq(letters->xmpp_server_domain, "b\u00fccher.example");
}
END_TEST

START_TEST(rooms_have_a_domain_and_a_secret)
{
    g_autoptr(trestle_options) usual = parse_good(GOOD);
    ck_assert_str_eq(usual->xmpp_rooms_domain, "rooms.app.example.org");
    ck_assert_str_eq(service_secret(usual, SERVICE_ROOMS), "s3cret");
    ck_assert_int_eq(service_of(usual, "a/b@Rooms.App.Example.org"), SERVICE_MAX);
    ck_assert_int_eq(service_of(usual, "a@Rooms.App.Example.org/x@y"), SERVICE_ROOMS);
    ck_assert_int_eq(service_of(usual, "rooms.app.example.org"), SERVICE_ROOMS);
    ck_assert_int_eq(service_of(usual, "a@app.example.org"), SERVICE_USERS);
    ck_assert_int_eq(service_of(usual, "example.org"), SERVICE_MAX);
    ck_assert_int_eq(service_of(usual, ""), SERVICE_MAX);
    g_autoptr(trestle_options) own =
        parse_good(GOOD "[xmpp]\nrooms_domain = Chat.example.org.\nrooms_secret = other\n");
    ck_assert_str_eq(service_domain(own, SERVICE_ROOMS), "chat.example.org");
    ck_assert_str_eq(service_secret(own, SERVICE_ROOMS), "other");
    ck_assert_str_eq(service_secret(own, SERVICE_USERS), "s3cret");
    g_autoptr(trestle_options) none = parse_good(GOOD "[xmpp]\nrooms_domain =\n");
    ck_assert_ptr_null(service_domain(none, SERVICE_ROOMS));
    ck_assert_int_eq(service_of(none, "rooms.app.example.org"), SERVICE_MAX);
}
END_TEST

/* Whole files and what the message must say. */
static const struct {
    const char *text, *expected;
} bad_texts[] = {
    {"", "[xmpp] domain: must be given"},
    {"[xmpp]\ndomain =\n", "[xmpp] domain: must be given"},
    {XMPP AUTH, "[database] uri: must be given"},
    {"domain = x\n" GOOD, "is not an INI file"},
    {GOOD "s3cret\n", "is not an INI file"},
    {GOOD "[http\n", "is not an INI file"},
    {GOOD "\xff\n", "is not UTF-8"},
    {GOOD "[log]\nfile = a\x01"
          "b\n",
     "[log] file: has a control character"},
    {GOOD "[log]\nfile = a\\qb\n", "[log] file: has a control character or a backslash"},
    {GOOD "[htpp]\n", "there is no section [htpp]; did you mean [http]?"},
    {GOOD "[nothing like it]\n", "there is no section [nothing like it]"},
    {GOOD "[http]\nprot = 1\n", "section [http] has no option prot; did you mean port?"},
    {GOOD "[http]\nserver_domain = s3cret\n", "it belongs into [xmpp]"},
    {GOOD "[http]\nzzzzzzzzzzz = s3cret\n", "section [http] has no option zzzzzzzzzzz"},
    {GOOD "[http]\nport[de] = 1\n", "has no option port[de]"},
    {GOOD "[http]\nport = 0\n", "[http] port: must be a whole number from 1 to 65535"},
    {GOOD "[http]\nport = 65536\n", "must be a whole number"},
    {GOOD "[http]\nport = -1\n", "must be a whole number"},
    {GOOD "[http]\nport = +80\n", "must be a whole number"},
    {GOOD "[http]\nport = 80x\n", "must be a whole number"},
    {GOOD "[http]\nport = 0x50\n", "must be a whole number"},
    {GOOD "[http]\nport = 8.0\n", "must be a whole number"},
    {GOOD "[http]\nport = 8080 # ours\n", "a comment needs a line of its own; see line 10"},
    {GOOD "[cluster]\ninstance = one\t# ours\n", "a comment needs a line of its own; see line 10"},
    {GOOD "[http]\n# port = 1 # ours\nport = x\n", "must be a whole number from 1 to 65535"},
    {GOOD "[http]\nport =\n", "must be a whole number"},
    {GOOD "[http]\nport = 99999999999999999999999\n", "must be a whole number"},
    {GOOD "[http]\nbody_max = 1\n", "from 1024 to 16777216 bytes"},
    {GOOD "[http]\nport = 1000\nport = 1001\n", "line 11: [http] port is given twice"},
    {GOOD "[http]\nport = 1000\n[log]\n[http]\nport = 1001\n", "is given twice"},
    {GOOD "[xmpp]\nsecret = s3cret\n", "[xmpp] secret is given twice"},
    {GOOD "[http]\nport=8081\n", "[http] admin_port: must differ from port"},
    {GOOD "[http]\nlisten = example.org\n", "[http] listen: must be a numeric"},
    {GOOD "[http]\nlisten = 1.2.3\n", "[http] listen: must be a numeric"},
    {GOOD "[http]\nadmin_listen = [::1]\n", "[http] admin_listen: must be a numeric"},
    {GOOD "[xmpp]\nhost = \n", "[xmpp] host: must be a numeric"},
    {GOOD "[http]\norigins = app.example.org\n", "[http] origins: must be origins"},
    {GOOD "[http]\norigins = https://a.example/\n", "[http] origins: must be origins"},
    {GOOD "[http]\norigins = ftp://a.example\n", "[http] origins: must be origins"},
    {GOOD "[http]\norigins = https://u@a.example\n", "[http] origins: must be origins"},
    {GOOD "[http]\norigins = *\n", "[http] origins: must be origins"},
    {GOOD "[http]\norigins = https://*.a.example\n", "[http] origins: must be origins"},
    {GOOD "[http]\norigins = null\n", "[http] origins: must be origins"},
    {GOOD STORE "url = https://f.example https://g.example\n", "[media] url: must be one address"},
    {GOOD STORE "url = https://f.example,https://g.example\n", "[media] url: must be one address"},
    {GOOD STORE "url = capacitor://localhost\n", "[media] url: must be one address"},
    {GOOD STORE "url = https://f.example/files\n", "[media] url: must be origins"},
    {GOOD STORE, "[media] url: must be given with store"},
    {GOOD "[media]\nstore = /x\n", "[media] key_file: must be given with store"},
    {GOOD STORE "url = https://f.example\ncdn = https://c.example https://d.example\n",
     "[media] cdn: must be one address"},
    {GOOD STORE "url = https://f.example\ncdn = capacitor://localhost\n",
     "[media] cdn: must be one address"},
    {GOOD "[media]\ncdn = https://c.example\n", "[media] cdn: wants store"},
    {GOOD "[assist]\ncallback = https://a.example https://b.example\n",
     "[assist] callback: must be one address"},
    {GOOD "[log]\nlevel = loud\n", "[log] level: must be"},
    {GOOD "[log]\nareas = link,nonsense\n", "[log] areas: must be"},
    {GOOD "[log]\nareas =\n", "[log] areas: must be"},
    {GOOD "[auth]\nalgorithm = none\n", "[auth] algorithm: must be HS256"},
    {GOOD "[auth]\nalgorithm = hs256\n", "[auth] algorithm: must be HS256"},
    {GOOD "[auth]\nkey_file = /x\n", "[auth] key, key_file: exactly one"},
    {GOOD "[auth]\njwks_file = /x\n", "[auth] jwks_file: is for RS256"},
    {GOOD "[xmpp]\nsecret_file = /x\n", "[xmpp] secret, secret_file: exactly one"},
    {XMPP DATABASE, "[auth] key, key_file: exactly one"},
    {XMPP DATABASE "[auth]\nkey = sesame\n", "[auth] key: must have at least 32 bytes"},
    {XMPP DATABASE "[auth]\nalgorithm = RS256\n", "key_file, jwks_file: at least one"},
    {GOOD "[auth]\nalgorithm = ES256\n", "[auth] key_file: must be a PEM public key"},
    {XMPP DATABASE "[auth]\nalgorithm=RS256\nkey=-----BEGIN PRIVATE KEY-----\n",
     "[auth] key_file: is a private key"},
    {XMPP DATABASE "[auth]\nalgorithm=RS256\njwks_file=/nonexistent\n",
     "[auth] jwks_file: cannot be read"},
    {XMPP AUTH "[database]\nuri = mysql://passw0rd@x\n", "[database] uri: must look like"},
    {XMPP AUTH "[database]\nuri = host=x password=passw0rd\n", "[database] uri: must look like"},
    {XMPP AUTH "[database]\nuri = postgresql://a b\n", "[database] uri: must look like"},
    {GOOD "[xmpp]\nrooms_domain = a@b\n", "[xmpp] rooms_domain: must be a domain name"},
    {GOOD "[xmpp]\nrooms_domain = Example.org\n", "[xmpp] rooms_domain: must be another domain"},
    {GOOD "[bound]\nhosts = b.example\nlogin_tls = none\nlogin_servers = "
          "b.example=127.evil.example:5222\n",
     "[bound] login_tls: none is for servers"},
    {GOOD "[bound]\nhosts = b.example\nlogin_tls = none\nlogin_servers = "
          "b.example=localhost.evil.example:5222\n",
     "[bound] login_tls: none is for servers"},
    {GOOD "[bound]\nhosts = b.example\nlogin_tls = none\nlogin_servers = b.example=127.0.0.1\n",
     "[bound] login_tls: none is for servers"}, /* without a port DNS would say where */
    {GOOD "[bound]\nhosts = b.example\nlogin_tls = none\nlogin_servers = "
          "b.example=127.0.0.1 b.example=192.0.2.1:5222\n",
     "[bound] login_tls: none is for servers"},
    {GOOD "[bound]\nhosts = b.example\nlogin_by = nobody\n", "[bound] login_by: must be client"},
    {GOOD "[bound]\nhosts = b.example\nlogin_by = module\n[cluster]\nredis = "
          "redis://127.0.0.1:6379\n",
     "[bound] login_by: module needs [xmpp] links = each"},
    {GOOD "[bound]\nhosts = b.example\nlogin_claim = sub\nlogin_domain = c.example\n",
     "[bound] login_domain: must be one of"},
    {GOOD "[bound]\nhosts = b.example\nlogin_domain = b.example\n", "[bound] login_domain: is for"},
    {GOOD "[xmpp]\nrooms_secret = s3cret\nrooms_secret_file = x\n", "[xmpp] rooms_secret, rooms"},
    {GOOD "[xmpp]\nlinks = two\n", "[xmpp] links: must be one or each"},
    {GOOD "[privacy]\nmessages = strangers\n",
     "must be everyone, contacts, nobody, friends or following"},
    {GOOD "[limits]\nsearch = 30/\n", "[limits] search: must be count/seconds"},
    {GOOD "[limits]\nsearch =\n", "[limits] search: must be count/seconds"},
    {GOOD "[cluster]\nredis = redis://passw0rd@r.example\n", "[cluster] redis: must look like"},
    {GOOD "[cluster]\ninstance = a.b\n", "[cluster] instance: must have at most 32"},
    {GOOD "[session]\ncookie_secure = no\n", "[session] cookie_secure: must be true or false"},
    {GOOD "[http]\nproxies = 127.0.0.1 a.example\n", "[http] proxies: must be numeric addresses"},
    {GOOD "[calls]\nstun = turn:a.example\n", "[calls] stun: must be addresses such as stun:"},
    {GOOD "[calls]\nstun = a.example:3478\n", "[calls] stun: must be addresses such as stun:"},
    {GOOD "[calls]\nturn = turn:a.example:0\nturn_secret = s3cret\n", "[calls] turn: must be"},
    {GOOD "[calls]\nturn = turn:a.example\n", "[calls] turn_secret_file: must be given"},
    {GOOD "[calls]\nturn_secret = s3cret\nturn_secret_file = /x\n", "at most one of the two"},
    {GOOD "[calls]\nturn_secret_file = /nonexistent\n", "[calls] turn_secret_file: "},
    {GOOD "[calls]\nrelay_only = friends\n", "[calls] relay_only: must be strangers"},
    {GOOD "[calls]\nturn_lifetime = 601\n", "from 60 to 600 seconds"},
    {"[xmpp]\ndomain=a@b\nserver_domain=c\nsecret=s\n" DATABASE AUTH, "[xmpp] domain: must be a"},
    {"[xmpp]\ndomain=a b\nserver_domain=c\nsecret=s\n" DATABASE AUTH, "[xmpp] domain: must be a"},
    {"[xmpp]\ndomain=a\nserver_domain=c/d\nsecret=s\n" DATABASE AUTH, "[xmpp] server_domain: must"},
    {"[xmpp]\ndomain=a\nserver_domain=A\nsecret=s\n" DATABASE AUTH, "not the component's own"},
    {"[xmpp]\ndomain=a\nserver_domain=b\n" DATABASE AUTH, "[xmpp] secret, secret_file: exactly"},
};

START_TEST(bad_files)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad_texts); i++)
        assert_refused(bad_texts[i].text, bad_texts[i].expected);
}
END_TEST

START_TEST(endless_names_make_short_messages)
{
    g_autofree char *name = g_strnfill(100000, 'x');
    g_autofree char *option = g_strdup_printf("%s[http]\n%s = 1\n", GOOD, name);
    g_autofree char *section = g_strdup_printf("%s[%s]\n", GOOD, name);
    const char *texts[] = {option, section};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        ck_assert_ptr_null(options_parse("t.ini", texts[i], &error));
        ck_assert_uint_lt(strlen(error->message), 200);
    }
}
END_TEST

START_TEST(files_that_are_none)
{
    make_folder();
    assert_load_refused(folder, "is not a regular file");
    assert_load_refused("/nonexistent/trestle.ini", "No such file");
    assert_load_refused("/dev/zero", "is not a regular file");
    g_autofree char *fifo = g_build_filename(folder, "fifo", NULL);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    assert_load_refused(fifo, "is not a regular file");
    static const char with_nul[] = GOOD "[log]\nfile=a\0b\n";
    g_autofree char *nul = write_file("nul", with_nul, sizeof with_nul - 1, 0600);
    assert_load_refused(nul, "NUL byte");
    g_autofree char *locked = write_file("locked", GOOD, strlen(GOOD), 0000);
    if (geteuid() != 0)
        assert_load_refused(locked, "Permission denied");
    remove_folder();
}
END_TEST

START_TEST(one_mebibyte_is_the_ceiling)
{
    make_folder();
    g_autofree char *comments = g_strnfill(1024 * 1024 - strlen(GOOD), '#');
    g_autofree char *full = g_strconcat(GOOD, comments, NULL);
    g_autofree char *path = write_file("full", full, strlen(full), 0600);
    g_autoptr(trestle_options) options = options_load(path, NULL);
    ck_assert_ptr_nonnull(options);
    g_autofree char *over = g_strconcat(full, "#", NULL);
    g_autofree char *over_path = write_file("over", over, strlen(over), 0600);
    assert_load_refused(over_path, "is too large");
    remove_folder();
}
END_TEST

START_TEST(secrets_from_files)
{
    make_folder();
    g_autofree char *secret = write_file("secret", "sesame\r\n", 8, 0600);
    g_autofree char *key = write_file("key", "0123456789abcdef0123456789abcdef\n", 33, 0640);
    static const char text[] =
        "[xmpp]\ndomain=a\nserver_domain=b\nsecret_file=secret\n" DATABASE "[auth]\nkey_file=key\n";
    g_autofree char *config = write_file("t.ini", text, strlen(text), 0644);
    g_autoptr(GError) error = NULL;
    g_autoptr(trestle_options) options = options_load(config, &error);
    ck_assert_msg(options != NULL, "%s", error ? error->message : "");
    ck_assert_str_eq(options->xmpp_secret, "sesame");
    ck_assert_str_eq(options->xmpp_secret_file, secret);
    ck_assert_str_eq(options->auth_key, "0123456789abcdef0123456789abcdef");
    g_chmod(key, 0644);
    assert_load_refused(config, "[auth] key_file: every user of this machine can read");
    g_chmod(key, 0600);
    g_chmod(secret, 0602);
    assert_load_refused(config, "[xmpp] secret_file: every user of this machine can read");
    remove_folder();
}
END_TEST

START_TEST(bad_secret_files)
{
    static const struct {
        const char *content, *expected;
    } cases[] = {{"", "is empty"}, {"\n\n", "is empty"}, {"sesame\nmore\n", "one line only"}};
    make_folder();
    static const char text[] =
        "[xmpp]\ndomain=a\nserver_domain=b\nsecret_file=secret\n" DATABASE AUTH;
    g_autofree char *config = write_file("t.ini", text, strlen(text), 0600);
    assert_load_refused(config, "[xmpp] secret_file:");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        put_file("secret", cases[i].content, 0600);
        assert_load_refused(config, cases[i].expected);
    }
    g_autofree char *endless = g_strnfill(70000, 'x');
    put_file("secret", endless, 0600);
    assert_load_refused(config, "is too large");
    remove_folder();
}
END_TEST

START_TEST(public_keys_may_be_public)
{
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    static const char text[] = XMPP DATABASE "[auth]\nalgorithm=ES256\nkey_file=key.pem\n";
    make_folder();
    put_file("key.pem", pem, 0644);
    g_autofree char *config = write_file("t.ini", text, strlen(text), 0600);
    g_autoptr(trestle_options) options = options_load(config, NULL);
    ck_assert_ptr_nonnull(options);
    ck_assert(g_str_has_prefix(options->auth_key, "-----BEGIN PUBLIC KEY-----\nAAAA"));
    remove_folder();
}
END_TEST

static char *printed(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    print(out);
    fclose(out);
    return text;
}

/* SAMPLE with VALUE behind the (perhaps commented out) option NAME of the first section that has
 * it. */
static char *fill_in(char *sample, const char *name, const char *value)
{
    g_autofree char *pattern = g_strdup_printf("^#?%s =.*$", name);
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_MULTILINE, 0, NULL);
    g_autofree char *line = g_strdup_printf("%s = %s", name, value);
    ck_assert(g_regex_match(regex, sample, 0, NULL));
    char *filled = g_regex_replace_literal(regex, sample, -1, 0, line, 0, NULL);
    free(sample);
    return filled;
}

START_TEST(the_sample_loads_once_filled_in)
{
    char *sample = printed(options_print_sample);
    assert_refused(sample, "[xmpp] domain: must be given");
    sample = fill_in(sample, "domain", "app.example.org");
    sample = fill_in(sample, "server_domain", "example.org");
    sample = fill_in(sample, "secret", "s3cret");
    sample = fill_in(sample, "uri", "postgresql:///trestle");
    sample = fill_in(sample, "key", "0123456789abcdef0123456789abcdef");
    options_free(parse_good(sample));
    /* Also with every other integer and default written out. */
    g_autoptr(GRegex) comment = g_regex_new("^#([a-z_]+ = .+)$", G_REGEX_MULTILINE, 0, NULL);
    g_autofree char *all = g_regex_replace(comment, sample, -1, 0, "\\1", 0, NULL);
    ck_assert_ptr_nonnull(strstr(all, "\nport = 8080\n"));
    g_autoptr(trestle_options) options = parse_good(all);
    ck_assert_int_eq(options->http_port, 8080);
    free(sample);
}
END_TEST

START_TEST(help_sample_and_manual_name_every_option)
{
    static const char *const names[] = {
#define TRESTLE_OPTION(section, name, type, fallback, need, text) #name,
#define TRESTLE_OPTION_CHOICE(section, name, fallback, choices, text) #name,
#define TRESTLE_OPTION_INTEGER(section, name, fallback, minimum, maximum, unit, text) #name,
#include "bridge/base/options.def"
    };
    char *help = printed(options_print_help);
    char *sample = printed(options_print_sample);
    char *man = printed(options_print_man);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *in_help = g_strdup_printf("\n  %s  (", names[i]);
        g_autofree char *in_sample = g_strdup_printf("%s =", names[i]);
        g_autofree char *in_man = g_strdup_printf("\n.BR %s \" (", names[i]);
        ck_assert_msg(strstr(help, in_help) != NULL, "%s", names[i]);
        ck_assert_msg(strstr(sample, in_sample) != NULL, "%s", names[i]);
        ck_assert_msg(strstr(man, in_man) != NULL, "%s", names[i]);
    }
    free(help);
    free(sample);
    free(man);
}
END_TEST

START_TEST(defaults_are_within_their_bounds)
{
    g_autoptr(trestle_options) options = options_new();
#define TRESTLE_OPTION(section, name, type, fallback, need, text)
#define TRESTLE_OPTION_CHOICE(section, name, fallback, choices, text)                              \
    ck_assert_msg(strstr("|" choices "|", "|" fallback "|") != NULL, #section "." #name);
#define TRESTLE_OPTION_INTEGER(section, name, fallback, minimum, maximum, unit, text)              \
    ck_assert_msg((minimum) <= (fallback) && (fallback) <= (maximum), #section "." #name);
#include "bridge/base/options.def"
    ck_assert_int_eq(options->xmpp_port, 5347);
    ck_assert_ptr_null(options->xmpp_domain);
}
END_TEST

UNIT_MAIN("options", defaults_and_given_values, rooms_have_a_domain_and_a_secret,
          a_byte_order_mark_is_skipped, domains_and_localhost_are_brought_to_one_form, bad_files,
          endless_names_make_short_messages, files_that_are_none, one_mebibyte_is_the_ceiling,
          secrets_from_files, bad_secret_files, public_keys_may_be_public,
          the_sample_loads_once_filled_in, help_sample_and_manual_name_every_option,
          defaults_are_within_their_bounds)
