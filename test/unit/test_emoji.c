/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_emoji.c - what is one emoji, and what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "emoji.h"

static void one_picture_is_one_however_it_is_put_together(void **state)
{
    static const char *const one[] = { "👍", "❤️", "❤", "🦷", "👍🏽", "👩‍⚕️",
                                       "👨‍👩‍👧‍👦", "🇯🇴", "1️⃣",
                                       "#⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "☺️", "©",
                                       "🏳️‍🌈", "🫶🏿" };

    (void)state;
    for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
        if (!chat_emoji_valid(one[i])) {
            fail_msg("%s is one", one[i]);
        }
    }
}

static void anything_else_is_none(void **state)
{
    static const char *const none[] = {
        "",
        "a",
        "1",
        "#",
        "👍👍",
        "👍 ",
        " 👍",
        "👍a",
        "👩‍",         /* a joiner that joins nothing */
        "‍👩",         /* or begins */
        "️",           /* the sign for colour alone */
        "🇯",           /* half a flag */
        "🇯🇴🇯",
        "م",
        "中",
        "\xe2\x80\xae",       /* right-to-left override */
        "<b>",
        "\xf0\x9f\x91",       /* cut short */
        "\xf0\x9f",
        "🏴\xf3\xa0\x81\xa7", /* tags without an end */
    };
    char many[200] = "";

    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        if (chat_emoji_valid(none[i])) {
            fail_msg("%s is none (%d)", none[i], (int)i);
        }
    }
    while (strlen(many) + sizeof("👩‍") < CHAT_EMOJI_SIZE) {
        strcat(many, "👩‍");
    }
    strcat(many, "👩");
    assert_true(chat_emoji_valid(many));
    strcat(many, "‍👩");
    assert_false(chat_emoji_valid(many));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_picture_is_one_however_it_is_put_together),
        cmocka_unit_test(anything_else_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
