/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_log.c - lines that nobody can forge, and no more of them than allowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/* 2026-11-22 21:33:15.123 */
#define WHEN APR_TIME_C(1795383195123456)

static char line[PUSH_LOG_LINE + 1];

static const char *made(push_log_style_t style, const char *message,
                        const push_log_field_t *fields, int n)
{
    apr_size_t len = push_log_line(line, style, WHEN, PUSH_LOG_WARNING, message,
                                   fields, n);

    assert_true(len <= PUSH_LOG_LINE);
    line[len] = '\0';
    return line;
}

static void a_line_in_each_style(void **state)
{
    const push_log_field_t f[] = { { "conn", NULL, 7 },
                                   { "app", "my app", 0 },
                                   { "address", "::1", 0 } };

    (void)state;
    assert_string_equal(
        made(PUSH_LOG_TEXT, "it \"is\"", f, 3),
        "chat-push: warning: it \"is\" conn=7 app=\"my app\" address=::1\n");
    assert_string_equal(made(PUSH_LOG_LOGFMT, "it \"is\"", f, 3),
                        "time=2026-11-22T21:33:15.123Z level=warning "
                        "msg=\"it \\\"is\\\"\" conn=7 app=\"my app\" "
                        "address=::1\n");
    assert_string_equal(made(PUSH_LOG_JSON, "it \"is\"", f, 3),
                        "{\"time\":\"2026-11-22T21:33:15.123Z\",\"level\":"
                        "\"warning\",\"msg\":\"it \\\"is\\\"\",\"conn\":7,"
                        "\"app\":\"my app\",\"address\":\"::1\"}\n");
}

static void nobody_can_forge_a_line_or_a_field(void **state)
{
    const push_log_field_t f[] = {
        { "v", "a\nchat-push: closed\r\033[2J\x7f\"\\", 0 },
        { "w", "\xc2\x9b\xe2\x80\xa8\xff\xc3\xa9", 0 },
        { "x", "a level=error", 0 },
        { "y", "", 0 },
    };

    (void)state;
    assert_string_equal(
        made(PUSH_LOG_TEXT, "a\nb", f, 4),
        "chat-push: warning: a\\x0ab "
        "v=\"a\\x0achat-push: closed\\x0d\\x1b[2J\\x7f\\\"\\\\\" "
        "w=\"\\xc2\\x9b\\xe2\\x80\\xa8\\xff\xc3\xa9\" x=\"a level=error\" "
        "y=\"\"\n");
    made(PUSH_LOG_JSON, "m", f, 2);
    assert_non_null(strstr(line, "\"v\":\"a\\u000achat-push: closed\\u000d"
                                 "\\u001b[2J\\u007f\\\"\\\\\""));
    assert_non_null(strstr(line, "\"w\":\"\\u00c2\\u009b\\u00e2\\u0080\\u00a8"
                                 "\\u00ff\xc3\xa9\""));
}

static void the_longest_line_fits_and_says_that_it_was_cut(void **state)
{
    push_log_field_t f[PUSH_LOG_FIELDS + 3];
    char *message = malloc(PUSH_LOG_MESSAGE + 2);
    char value[PUSH_LOG_VALUE + 2];
    int i;

    (void)state;
    memset(message, 1, PUSH_LOG_MESSAGE + 1);
    message[PUSH_LOG_MESSAGE + 1] = '\0';
    memset(value, 2, sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (i = 0; i < PUSH_LOG_FIELDS + 3; i++) {
        f[i] = (push_log_field_t){ "a_key_of_a_field", value, 0 };
    }
    made(PUSH_LOG_JSON, message, f, PUSH_LOG_FIELDS + 3);
    assert_non_null(strstr(line, "\\u0001...\",\"a_key"));
    assert_non_null(strstr(line, "\\u0002...\"}\n"));
    free(message);
}

/* What `fn` writes to standard error, terminated. */
static const char *caught(void (*fn)(void))
{
    static char text[100000];
    int saved = dup(STDERR_FILENO);
    FILE *file = tmpfile();
    size_t n;

    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    fn();
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    n = fread(text, 1, sizeof(text) - 1, file);
    text[n] = '\0';
    fclose(file);
    return text;
}

static int lines_of(const char *text)
{
    int n = 0;

    for (; *text != '\0'; text++) {
        n += *text == '\n';
    }
    return n;
}

static void flood(void)
{
    int i;

    for (i = 0; i < 1000; i++) {
        push_log_client(PUSH_LOG_INFO, "refused", NULL, 0);
        push_log_client(PUSH_LOG_DEBUG, "never", NULL, 0);
    }
    push_log(PUSH_LOG_INFO, "of the %s", "process");
}

static void after_a_second(void)
{
    push_log_client(PUSH_LOG_INFO, "again", NULL, 0);
}

static void clients_cannot_fill_the_disk_and_what_is_missing_is_told(
    void **state)
{
    const char *text;
    int n;

    (void)state;
    push_log_setup(PUSH_LOG_TEXT, PUSH_LOG_INFO, 5);
    text = caught(flood);
    n = lines_of(text); /* a second may end in the middle of it */
    assert_true(n >= 6 && n < 60);
    assert_null(strstr(text, "never"));
    assert_non_null(strstr(text, "chat-push: of the process\n"));
    assert_true(push_log_suppressed() > 900);
    sleep(1);
    text = caught(after_a_second);
    assert_non_null(strstr(text, "chat-push: again\n"));
    assert_non_null(strstr(text, "suppressed="));
    push_log_setup(PUSH_LOG_TEXT, PUSH_LOG_INFO, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_in_each_style),
        cmocka_unit_test(nobody_can_forge_a_line_or_a_field),
        cmocka_unit_test(the_longest_line_fits_and_says_that_it_was_cut),
        cmocka_unit_test(
            clients_cannot_fill_the_disk_and_what_is_missing_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
