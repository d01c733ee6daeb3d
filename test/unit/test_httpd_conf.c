/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_httpd_conf.c - httpd's configuration as chatctl doctor reads it: lines
 * and words, then files with includes, variables and conditions; and the table
 * of advisories.
 */
#include "advisories.h"
#include "httpd_conf.h"
#include "httpd_line.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static apr_pool_t *pool;
static char dir[] = "/tmp/test_httpd_conf.XXXXXX";

/* --- lines and words --- */

static void a_continued_line_has_the_number_of_its_first(void **state)
{
    static const char text[] = "\n# no \\\ndirective\nListen \\\r\n  80\nX";
    httpd_lines_t lines = { text, text + sizeof(text) - 1, 1 };
    char line[32];
    int number = 0;

    (void)state;
    assert_int_equal(httpd_line_next(&lines, line, 32, &number), HTTPD_LINE);
    assert_string_equal(line, "Listen   80");
    assert_int_equal(number, 4);
    assert_int_equal(httpd_line_next(&lines, line, 32, &number), HTTPD_LINE);
    assert_string_equal(line, "X");
    assert_int_equal(number, 6);
    assert_int_equal(httpd_line_next(&lines, line, 32, &number),
                     HTTPD_LINES_END);
}

static void words_are_cut_as_httpd_cuts_them(void **state)
{
    char line[] = "a \"b c\" 'd\"e' \"f\\\"g\" h\\\\i \"open";
    static const char *const wanted[] = { "a",    "b c",  "d\"e",
                                          "f\"g", "h\\i", "open" };
    char *rest = line;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        assert_string_equal(httpd_word_next(&rest), wanted[i]);
    }
    assert_null(httpd_word_next(&rest));
}

/* --- files --- */

static const char *written(const char *name, const char *text)
{
    const char *path = apr_pstrcat(pool, dir, "/", name, NULL);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static httpd_conf_t *conf_of(const char *text)
{
    httpd_given_t given = { dir, "2.4.71", NULL, NULL };
    const char *why = NULL;
    httpd_conf_t *conf;

    assert_int_equal(
        httpd_conf_read(&conf, written("main.conf", text), &given, &why, pool),
        APR_SUCCESS);
    return conf;
}

static const char *value(const httpd_conf_t *conf, int host, const char *name)
{
    return httpd_directive_word(httpd_conf_last(conf, host, name), 0);
}

static void an_included_line_is_known_by_its_own_file(void **state)
{
    const httpd_directive_t *d;
    httpd_conf_t *conf;

    (void)state;
    written("b.inc", "\nProxyTimeout 30\n");
    written("a.inc", "Timeout 60\n");
    conf = conf_of("Include *.inc\nIncludeOptional none/*.conf\n");
    assert_null(conf->trouble);
    d = httpd_conf_last(conf, HTTPD_SERVER, "proxytimeout");
    assert_non_null(d);
    assert_int_equal(d->line, 2);
    assert_string_equal(d->file, apr_pstrcat(pool, dir, "/b.inc", NULL));
    conf = conf_of("Listen 1\nInclude missing.inc\n");
    assert_non_null(conf->trouble);
    assert_int_equal(conf->trouble_line, 2);
}

static void what_includes_itself_ends(void **state)
{
    (void)state;
    written("x.inc", "Include x.inc\nInclude x.inc\nListen 1\n");
    assert_non_null(conf_of("Include x.inc\n")->trouble);
}

static void conditions_hold_as_in_httpd(void **state)
{
    httpd_conf_t *conf = conf_of(
        "LoadModule mpm_event_module x.so\n"
        "Define HOST example.org\n"
        "<IfModule event.c>\nA 1\n</IfModule>\n"
        "<IfModule !mpm_event_module>\nB 1\n<IfDefine HOST>\nB 2\n</IfDefine>\n"
        "</IfModule>\n"
        "<IfDefine HOST>\nC ${HOST}:${PORT}\n</IfDefine>\n"
        "<IfVersion >= 2.4.70>\nD 1\n</IfVersion>\n"
        "<IfVersion < 2.4>\nD 2\n</IfVersion>\n"
        "<IfFile main.conf>\nE 1\n</IfFile>\n");

    (void)state;
    assert_string_equal(value(conf, HTTPD_SERVER, "A"), "1");
    assert_null(httpd_conf_last(conf, HTTPD_SERVER, "B"));
    assert_string_equal(value(conf, HTTPD_SERVER, "C"), "example.org:${PORT}");
    assert_string_equal(value(conf, HTTPD_SERVER, "D"), "1");
    assert_string_equal(value(conf, HTTPD_SERVER, "E"), "1");
}

static void a_host_says_it_or_the_server_does(void **state)
{
    httpd_conf_t *conf = conf_of("Timeout 10\nSSLEngine off\n"
                                 "<VirtualHost *:443>\nSSLEngine on\n"
                                 "<Location /x>\nTimeout 1\n</Location>\n"
                                 "</VirtualHost>\n<VirtualHost *:80>\n"
                                 "</VirtualHost>\nTimeout 20\n");

    (void)state;
    assert_int_equal(conf->hosts->nelts, 2);
    assert_string_equal(value(conf, 0, "SSLEngine"), "on");
    assert_string_equal(value(conf, 1, "SSLEngine"), "off");
    assert_string_equal(value(conf, 0, "Timeout"), "20");
}

static void a_path_has_the_last_location_around_it(void **state)
{
    httpd_conf_t *conf = conf_of("ChatHandoff On\n"
                                 "<Location /app/>\nChatHandoff Off\n"
                                 "</Location>\n"
                                 "<LocationMatch ^/(x|y)>\nChatHandoff Plain\n"
                                 "</LocationMatch>\n"
                                 "<Location /app>\nOther 1\n</Location>\n");
    const char *name = "ChatHandoff";

    (void)state;
#define FOR(path)                                                              \
    httpd_directive_word(httpd_conf_for(conf, HTTPD_SERVER, name, path, pool), \
                         0)
    assert_string_equal(FOR("/app/key"), "Off");
    assert_string_equal(FOR("/apps/1"), "On");
    assert_string_equal(FOR("/y"), "Plain");
    name = "Other";
    assert_string_equal(FOR("/app"), "1");
    assert_string_equal(FOR("/apple"), "");
#undef FOR
}

/* --- advisories --- */

static void a_flaw_has_a_beginning_and_an_end(void **state)
{
    const advisory_t *a;
    int at = 0, found = 0, patch;

    (void)state;
    while ((a = advisory_next(49, &at)) != NULL) {
        found |= !strcmp(a->id, "CVE-2021-42013");
        assert_true(a->since <= 49 && a->fixed > 49);
    }
    assert_true(found);
    for (patch = 51, at = 0; (a = advisory_next(patch, &at)) != NULL;) {
        assert_string_not_equal(a->id, "CVE-2021-42013");
    }
    at = 0;
    assert_null(advisory_next(advisory_best(), &at));
}

static int group_start(void **state)
{
    (void)state;
    apr_initialize();
    apr_pool_create(&pool, NULL);
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int group_end(void **state)
{
    static const char *const names[] = { "main.conf", "a.inc", "b.inc",
                                         "x.inc" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unlink(apr_pstrcat(pool, dir, "/", names[i], NULL));
    }
    rmdir(dir);
    apr_terminate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_continued_line_has_the_number_of_its_first),
        cmocka_unit_test(words_are_cut_as_httpd_cuts_them),
        cmocka_unit_test(an_included_line_is_known_by_its_own_file),
        cmocka_unit_test(what_includes_itself_ends),
        cmocka_unit_test(conditions_hold_as_in_httpd),
        cmocka_unit_test(a_host_says_it_or_the_server_does),
        cmocka_unit_test(a_path_has_the_last_location_around_it),
        cmocka_unit_test(a_flaw_has_a_beginning_and_an_end),
    };

    return cmocka_run_group_tests(tests, group_start, group_end);
}
