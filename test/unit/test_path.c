/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_path.c - which paths fit which patterns of the routes table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "path.h"

#define MESSAGES "/chat/conversation/{id}/messages"

static void a_path_without_id_fits_itself_only(void **state)
{
    char id[CHAT_ID_SIZE], item[CHAT_ID_SIZE];

    (void)state;
    assert_true(chat_path_match("/chat/me", "/chat/me", id, item));
    assert_string_equal(id, "");
    assert_false(chat_path_match("/chat/me", "/chat/mex", id, item));
    assert_false(chat_path_match("/chat/me", "/chat/m", id, item));
    assert_false(chat_path_match("/chat/me", "/chat", id, item));
    assert_false(chat_path_match("/chat", "/chat/me", id, item));
    assert_false(chat_path_match("/chat", "/Chat", id, item));
    assert_false(chat_path_match("/chat", "", id, item));
}

static void the_id_is_taken_from_its_place(void **state)
{
    char id[CHAT_ID_SIZE], item[CHAT_ID_SIZE];

    (void)state;
    assert_true(chat_path_match(MESSAGES, "/chat/conversation/7/messages", id, item));
    assert_string_equal(id, "7");
    assert_true(chat_path_match(
        MESSAGES,
        "/chat/conversation/9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d/messages",
        id, item));
    assert_string_equal(id, "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d");
    assert_true(chat_path_match("/c/{id}", "/c/a_B-9", id, item));
    assert_string_equal(id, "a_B-9");
}

static void what_is_no_id_does_not_fit(void **state)
{
    static const char *const wrong[] = { "/c/",         "/c//",    "/c/a b",
                                         "/c/a.b",      "/c/..",   "/c/a/b",
                                         "/c/\xc3\xa9", "/c/{id}", "/c" };
    char id[CHAT_ID_SIZE], item[CHAT_ID_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(chat_path_match("/c/{id}", wrong[i], id, item));
    }
    assert_false(chat_path_match(MESSAGES, "/chat/conversation//messages", id, item));
    assert_false(chat_path_match(MESSAGES, "/chat/conversation/7", id, item));
    assert_false(
        chat_path_match(MESSAGES, "/chat/conversation/7/messagesx", id, item));
}

static void an_id_has_64_bytes_at_most(void **state)
{
    char path[80] = "/c/";
    char id[CHAT_ID_SIZE], item[CHAT_ID_SIZE];

    (void)state;
    memset(path + 3, 'a', 64);
    path[3 + 64] = '\0';
    assert_true(chat_path_match("/c/{id}", path, id, item));
    assert_int_equal(strlen(id), 64);
    path[3 + 64] = 'a';
    path[3 + 65] = '\0';
    assert_false(chat_path_match("/c/{id}", path, id, item));
}

static void one_slash_at_the_end_is_forgiven(void **state)
{
    char id[CHAT_ID_SIZE], item[CHAT_ID_SIZE];

    (void)state;
    assert_true(chat_path_match("/chat", "/chat/", id, item));
    assert_true(chat_path_match("/c/{id}", "/c/7/", id, item));
    assert_string_equal(id, "7");
    assert_false(chat_path_match("/chat", "/chat//", id, item));
}

static void below_means_the_same_or_behind_a_slash(void **state)
{
    (void)state;
    assert_true(chat_path_below("/chat", "/chat"));
    assert_true(chat_path_below("/chat/", "/chat"));
    assert_true(chat_path_below("/chat/x/y", "/chat"));
    /* The files of the pages are httpd's to serve. */
    assert_false(chat_path_below("/chat-assets/js/app.js", "/chat"));
    assert_false(chat_path_below("/chatter", "/chat"));
    assert_false(chat_path_below("/cha", "/chat"));
}

static void a_prefix_is_what_needs_no_quoting_anywhere(void **state)
{
    static const char *const good[] = { "",    "/clinic", "/a/b", "/~me/v1.2",
                                        "/-_", "/...",    "/.a" };
    static const char *const bad[] = {
        "/",   "clinic",  "/clinic/", "//",       "/a//b", "/.",
        "/..", "/a/../b", "/a b",     "/a%20",    "/a;b",  "/\"",
        "/<",  "/a?b",    "/a\n",     "/\xc3\xa4"
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(chat_prefix_valid(good[i]));
    }
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(chat_prefix_valid(bad[i]));
    }
}

static void only_what_lies_below_the_prefix_is_behind_it(void **state)
{
    (void)state;
    assert_string_equal(chat_path_behind("/chat", ""), "/chat");
    assert_string_equal(chat_path_behind("/clinic/chat", "/clinic"), "/chat");
    assert_string_equal(chat_path_behind("/clinic/", "/clinic"), "/");
    assert_null(chat_path_behind("/clinic", "/clinic"));
    assert_null(chat_path_behind("/clinical/chat", "/clinic"));
    assert_null(chat_path_behind("/chat", "/clinic"));
    assert_null(chat_path_behind("*", "")); /* OPTIONS * */
    assert_null(chat_path_behind("", ""));
}

static void a_second_id_is_taken_from_its_place(void **state)
{
    static const char one[] = "/c/{id}/message/{message}";
    static const char behind[] = "/c/{id}/message/{message}/history";
    char id[CHAT_ID_SIZE], item[CHAT_ID_SIZE];

    (void)state;
    assert_true(chat_path_match(one, "/c/7/message/41", id, item));
    assert_string_equal(id, "7");
    assert_string_equal(item, "41");
    assert_true(chat_path_match(behind, "/c/a-b/message/9_/history/", id, item));
    assert_string_equal(id, "a-b");
    assert_string_equal(item, "9_");
    assert_true(chat_path_match("/c/{id}", "/c/7", id, item));
    assert_string_equal(item, "");
    assert_false(chat_path_match(one, "/c/7/message", id, item));
    assert_false(chat_path_match(one, "/c/7/message/", id, item));
    assert_false(chat_path_match(one, "/c/7/message//", id, item));
    assert_false(chat_path_match(one, "/c/7/message/4.1", id, item));
    assert_false(chat_path_match(one, "/c//message/41", id, item));
    assert_false(chat_path_match(one, "/c/7/message/41/history", id, item));
    assert_false(chat_path_match(behind, "/c/7/message/41", id, item));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_without_id_fits_itself_only),
        cmocka_unit_test(the_id_is_taken_from_its_place),
        cmocka_unit_test(what_is_no_id_does_not_fit),
        cmocka_unit_test(an_id_has_64_bytes_at_most),
        cmocka_unit_test(one_slash_at_the_end_is_forgiven),
        cmocka_unit_test(below_means_the_same_or_behind_a_slash),
        cmocka_unit_test(a_prefix_is_what_needs_no_quoting_anywhere),
        cmocka_unit_test(only_what_lies_below_the_prefix_is_behind_it),
        cmocka_unit_test(a_second_id_is_taken_from_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
