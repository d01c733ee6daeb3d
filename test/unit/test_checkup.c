/* SPDX-License-Identifier: Apache-2.0 */
/* test_checkup.c - what mod_chat and chat-files say to each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "checkup.h"

#define ID "0123456789abcdef0123456789abcdef"

static void a_request_is_read_as_it_was_written(void **state)
{
    chat_checkup_request_t r = { .verb = CHAT_CHECKUP_CHECK, .id = ID,
                                 .mime = "image/svg+xml" };
    chat_checkup_request_t back;
    char bytes[CHAT_CHECKUP_REQUEST];
    size_t len = chat_checkup_ask(bytes, &r);

    (void)state;
    assert_int_equal(len, strlen("check " ID " image/svg+xml"));
    assert_int_equal(chat_checkup_asked(&back, bytes, len), 1);
    assert_string_equal(back.mime, r.mime);
    r.verb = CHAT_CHECKUP_THUMB;
    len = chat_checkup_ask(bytes, &r);
    assert_int_equal(chat_checkup_asked(&back, bytes, len), 1);
    assert_int_equal(back.verb, CHAT_CHECKUP_THUMB);
    assert_string_equal(back.id, ID);
}

static void no_path_and_no_blank_gets_through(void **state)
{
    static const char *const wrong[] = {
        "",
        "check ",
        "check " ID,
        "check " ID " ",
        "check " ID " image",
        "check " ID " image/",
        "check " ID " image/x y",
        "check " ID " image/../etc",
        "check " ID " IMAGE/PNG",
        "check ../../../../../../../etc/passwd a/b",
        "check 0123456789ABCDEF0123456789abcdef image/png",
        "thumb " ID " ",
        "Thumb " ID,
    };
    chat_checkup_request_t r = { .verb = CHAT_CHECKUP_CHECK, .mime = "a/b" };
    char path[CHAT_CHECKUP_PATH], bytes[CHAT_CHECKUP_REQUEST];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (chat_checkup_asked(&r, wrong[i], strlen(wrong[i]))) {
            fail_msg("taken: %s", wrong[i]);
        }
    }
    assert_int_equal(chat_checkup_path(path, "/d", "../x", ""), 0);
    assert_int_equal(chat_checkup_path(path, "/d", ID, ".thumb"),
                     strlen("/d/01/" ID ".thumb"));
    assert_string_equal(path, "/d/01/" ID ".thumb");
    memset(&r, 0, sizeof(r));
    strcpy(r.id, ID);
    strcpy(r.mime, "a b/c");
    assert_int_equal(chat_checkup_ask(bytes, &r), 0);
}

static void an_answer_is_read_as_it_was_written(void **state)
{
    chat_checkup_t a = { .state = CHAT_CHECKUP_CLEAN, .width = 3, .height = 4,
                         .thumb = 1, .size = 5 };
    chat_checkup_t back;
    char text[CHAT_CHECKUP_ANSWER];
    size_t len;

    (void)state;
    memset(a.sha256, 'a', CHAT_CHECKUP_SHA256);
    len = chat_checkup_tell(text, &a);
    assert_int_equal(chat_checkup_told(&back, text, len), 1);
    assert_memory_equal(&a, &back, sizeof(a));
}

/* A signature's name comes from another program. */
static void a_reason_cannot_leave_its_quotes(void **state)
{
    chat_checkup_t a = { .state = CHAT_CHECKUP_INFECTED }, back;
    char text[CHAT_CHECKUP_ANSWER];
    size_t len;

    (void)state;
    strcpy(a.why, "x\",\"state\":\"clean\\\n\xff");
    len = chat_checkup_tell(text, &a);
    assert_int_equal(chat_checkup_told(&back, text, len), 1);
    assert_int_equal(back.state, CHAT_CHECKUP_INFECTED);
    assert_string_equal(back.why, "x?,?state?:?clean???");
    memset(a.why, 'w', CHAT_CHECKUP_WHY);
    a.why[CHAT_CHECKUP_WHY] = '\0';
    a.size = APR_INT64_MAX;
    a.width = a.height = 1 << 30;
    len = chat_checkup_tell(text, &a);
    assert_true(len < CHAT_CHECKUP_ANSWER);
    assert_int_equal(chat_checkup_told(&back, text, len), 1);
}

static void an_answer_that_nobody_writes_is_none(void **state)
{
    static const char *const wrong[] = {
        "", "{}", "[]", "null",
        /* clean without a digest, a digest without being clean */
        "{\"state\":\"clean\",\"why\":\"\",\"width\":1,\"height\":1,\"thumb\":1,\"size\":1,\"sha256\":\"\"}",
        "{\"state\":\"failed\",\"why\":\"\",\"width\":1,\"height\":1,\"thumb\":1,\"size\":1,\"sha256\":\"aa\"}",
        "{\"state\":\"odd\",\"why\":\"\",\"width\":1,\"height\":1,\"thumb\":1,\"size\":1,\"sha256\":\"\"}",
        "{\"state\":\"failed\",\"why\":\"\",\"width\":-1,\"height\":1,\"thumb\":1,\"size\":1,\"sha256\":\"\"}",
        "{\"state\":\"failed\",\"why\":\"\",\"width\":1.5,\"height\":1,\"thumb\":1,\"size\":1,\"sha256\":\"\"}",
        "{\"state\":\"failed\",\"why\":\"\\u0000\",\"width\":1,\"height\":1,\"thumb\":1,\"size\":1,\"sha256\":\"\"}",
        "{\"state\":\"failed\",\"why\":\"\",\"width\":1,\"height\":1,\"thumb\":2,\"size\":1,\"sha256\":\"\"}",
        "{\"state\":\"failed\",\"why\":\"\",\"width\":1,\"height\":1,\"thumb\":1,\"size\":1,\"sha256\":\"\",\"x\":1}",
    };
    chat_checkup_t back;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (chat_checkup_told(&back, wrong[i], strlen(wrong[i]))) {
            fail_msg("taken: %s", wrong[i]);
        }
        assert_int_equal(back.state, CHAT_CHECKUP_PENDING);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_as_it_was_written),
        cmocka_unit_test(no_path_and_no_blank_gets_through),
        cmocka_unit_test(an_answer_is_read_as_it_was_written),
        cmocka_unit_test(a_reason_cannot_leave_its_quotes),
        cmocka_unit_test(an_answer_that_nobody_writes_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
