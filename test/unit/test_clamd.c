/* SPDX-License-Identifier: Apache-2.0 */
/* test_clamd.c - clamd's answers, and who the scanner is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "clamd.h"

#define SAYS(bytes, whole) clamd_reply(name, bytes, sizeof(bytes) - 1, whole)

static void answers_of_clamd(void **state)
{
    char name[CLAMD_NAME + 1];

    (void)state;
    assert_int_equal(SAYS("stream: OK\0", 0), CLAMD_OK);
    assert_int_equal(SAYS("stream: OK\n", 1), CLAMD_OK);
    assert_int_equal(SAYS("stream: Eicar-Test FOUND\0", 0), CLAMD_FOUND);
    assert_string_equal(name, "Eicar-Test");
    assert_int_equal(SAYS("INSTREAM size limit exceeded. ERROR\0", 0),
                     CLAMD_TOO_LARGE);
    assert_int_equal(SAYS("stream: Can't allocate memory ERROR\0", 0),
                     CLAMD_ERROR);
}

/* Nothing but clamd's own words makes a file clean. */
static void what_says_nothing_is_no_ok(void **state)
{
    char name[CLAMD_NAME + 1];

    (void)state;
    assert_int_equal(SAYS("", 1), CLAMD_ERROR);
    assert_int_equal(SAYS("stream: O", 0), CLAMD_MORE);
    assert_int_equal(SAYS("stream: O", 1), CLAMD_ERROR);
    assert_int_equal(SAYS("stream: OK and more\0", 0), CLAMD_ERROR);
    assert_int_equal(SAYS("xstream: OK\0", 0), CLAMD_ERROR);
    assert_int_equal(SAYS("stream:  FOUND\0", 0), CLAMD_ERROR);
    assert_int_equal(SAYS("OK\0", 0), CLAMD_ERROR);
}

static void a_name_is_short_and_printable(void **state)
{
    char name[CLAMD_NAME + 1], reply[512];

    (void)state;
    assert_int_equal(SAYS("stream: a\033[1m\xff FOUND\0", 0), CLAMD_FOUND);
    assert_string_equal(name, "a?[1m?");
    memset(reply, 'n', sizeof(reply));
    memcpy(reply, "stream: ", 8);
    memcpy(reply + sizeof(reply) - 7, " FOUND", 7);
    assert_int_equal(clamd_reply(name, reply, sizeof(reply), 0), CLAMD_FOUND);
    assert_int_equal(strlen(name), CLAMD_NAME);
}

static void scanners(void **state)
{
    char a[SCANNER_ROOM], b[SCANNER_ROOM];

    (void)state;
    assert_int_equal(scanner_read(a, b, "off"), SCANNER_OFF);
    assert_int_equal(scanner_read(a, b, "clamd:/run/c.ctl"), SCANNER_UNIX);
    assert_string_equal(a, "/run/c.ctl");
    assert_int_equal(scanner_read(a, b, "clamd:scan.lan:3310"), SCANNER_TCP);
    assert_string_equal(a, "scan.lan");
    assert_string_equal(b, "3310");
    assert_int_equal(scanner_read(a, b, "clamd:[::1]:3310"), SCANNER_TCP);
    assert_string_equal(a, "::1");
    assert_int_equal(scanner_read(a, b, "command:/bin/x"), SCANNER_COMMAND);
    assert_int_equal(scanner_read(a, b, "command:x"), SCANNER_WRONG);
    assert_int_equal(scanner_read(a, b, "clamd:host"), SCANNER_WRONG);
    assert_int_equal(scanner_read(a, b, "clamd:host:"), SCANNER_WRONG);
    assert_int_equal(scanner_read(a, b, "clamd:host:http"), SCANNER_WRONG);
    assert_int_equal(scanner_read(a, b, ""), SCANNER_WRONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_clamd),
        cmocka_unit_test(what_says_nothing_is_no_ok),
        cmocka_unit_test(a_name_is_short_and_printable),
        cmocka_unit_test(scanners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
