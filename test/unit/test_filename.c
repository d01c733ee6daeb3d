/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_filename.c - names of files as strangers send them, and kinds of files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "filename.h"
#include "filetype.h"
#include "utf8.h"

static apr_pool_t *pool;

static int open_pool(void **state)
{
    (void)state;
    apr_initialize();
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int close_pool(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

static void cleans(const char *raw, const char *wanted)
{
    assert_string_equal(chat_filename_clean(raw, pool), wanted);
}

static void a_name_that_people_give_stays(void **state)
{
    (void)state;
    cleans("X-ray 2024.02 (left).png", "X-ray 2024.02 (left).png");
    cleans("\xd8\xb5\xd9\x88\xd8\xb1\xd8\xa9.jpg", "\xd8\xb5\xd9\x88\xd8\xb1\xd8\xa9.jpg");
    cleans("\xd9\x85\xe2\x80\x8c\xd9\x86.png", "\xd9\x85\xe2\x80\x8c\xd9\x86.png"); /* ZWNJ */
    cleans("r\xc3\xa9sum\xc3\xa9.pdf", "r\xc3\xa9sum\xc3\xa9.pdf");
}

static void only_the_last_part_of_a_path_counts(void **state)
{
    (void)state;
    cleans("../../etc/passwd", "passwd");
    cleans("C:\\Users\\me\\a.png", "a.png");
    cleans("/a/b\\c/d.png", "d.png");
    cleans("..", "");
    cleans("a/", "");
    cleans("../.htaccess", "htaccess");
}

static void what_nobody_sees_is_not_in_a_name(void **state)
{
    (void)state;
    /* "gpj.exe" to whoever reads it */
    cleans("photo\xe2\x80\xae" "exe.jpg", "photoexe.jpg");
    cleans("a\xe2\x81\xa6" "b\xe2\x81\xa9\xe2\x80\x8f.png", "ab.png");
    cleans("a\x01\x1f\x7f\xc2\x85.png", "a.png");
    cleans("a\r\nSet-Cookie: x.png", "aSet-Cookie_ x.png");
    cleans("\xef\xbb\xbf" "a.png", "a.png");
    cleans("a\xe2\x80\xa8" "b.png", "ab.png");
    cleans("a\xf3\xa0\x81\x81.png", "a.png");
}

static void a_name_begins_and_ends_with_something(void **state)
{
    (void)state;
    cleans("-rf.png", "rf.png");
    cleans("...a.png", "a.png");
    cleans("  a.png. . ", "a.png");
    cleans("a<b>:\"|?*.png", "a_b______.png");
    cleans("nul.txt", "_nul.txt");
    cleans("COM1", "_COM1");
    cleans("console.txt", "console.txt");
}

static void an_extension_that_runs_is_none_within_a_name(void **state)
{
    (void)state;
    cleans("a.php.jpg", "a_php.jpg");
    cleans("a.PHP.x.html.jpg", "a_PHP.x_html.jpg");
    cleans("a.exe .jpg", "a_exe .jpg");
    cleans("a.tar.jpg", "a.tar.jpg");
    cleans("a.jpg.php", "a.jpg.php"); /* the last one: agrees() refuses it */
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
    (void)state;
    cleans("a\xff\xfe.png", "a\xef\xbf\xbd\xef\xbf\xbd.png");
    cleans("a\xc3", "a\xef\xbf\xbd");
}

static void a_long_name_keeps_its_extension(void **state)
{
    char raw[900], ext[CHAT_FILENAME_EXT + 1];
    const char *name;

    (void)state;
    for (int i = 0; i < 200; i++) {
        memcpy(raw + 2 * i, "\xd9\x85", 2);
    }
    strcpy(raw + 400, ".jpeg");
    name = chat_filename_clean(raw, pool);
    assert_int_equal(chat_utf8_count(name, strlen(name)), CHAT_FILENAME_CHARS);
    assert_true(chat_utf8_valid(name, strlen(name)));
    assert_true(chat_filename_extension(ext, name));
    assert_string_equal(ext, "jpeg");
    strcpy(raw + 400, "");
    name = chat_filename_clean(raw, pool);
    assert_int_equal(chat_utf8_count(name, strlen(name)), CHAT_FILENAME_CHARS);
}

static void a_name_without_an_extension_gets_one(void **state)
{
    (void)state;
    assert_string_equal(chat_filename_with("photo", "png", pool), "photo.png");
    assert_string_equal(chat_filename_with("", "png", pool), "file.png");
    assert_string_equal(chat_filename_with("a.PNG", "png", pool), "a.PNG");
    assert_string_equal(chat_filename_with("v1.2 final", "png", pool), "v1.2 final.png");
}

static void a_disposition_names_the_file_for_old_and_new_clients(void **state)
{
    (void)state;
    assert_string_equal(
        chat_filename_disposition("attachment", "a \"b\";\xd9\x85.png", pool),
        "attachment; filename=\"a _b___.png\"; "
        "filename*=UTF-8''a%20%22b%22%3B%D9%85.png");
}

#define ALL 0xffffu

static void a_type_is_on_the_list_or_it_is_none(void **state)
{
    (void)state;
    assert_string_equal(chat_filetype_of("image/jpeg", ALL)->word, "jpeg");
    assert_string_equal(chat_filetype_of("text/plain; charset=utf-8", ALL)->word, "text");
    assert_null(chat_filetype_of("image/svg+xml", ALL));
    assert_null(chat_filetype_of("text/html", ALL));
    assert_null(chat_filetype_of("text/xml", ALL));
    assert_null(chat_filetype_of("application/zip", ALL));
    assert_null(chat_filetype_of("application/x-dosexec", ALL));
    assert_null(chat_filetype_of("text/x-php", ALL));
    assert_null(chat_filetype_of("", ALL));
    assert_null(chat_filetype_of("image", ALL));
    assert_null(chat_filetype_of("image/png", chat_filetype_bit("jpeg")));
    assert_non_null(chat_filetype_of("image/png", chat_filetype_default()));
    assert_null(chat_filetype_of("image/heic", chat_filetype_default()));
    assert_int_equal(chat_filetype_bit("svg"), 0);
}

static void what_is_said_has_to_agree(void **state)
{
    const chat_filetype_t *jpeg = chat_filetype_of("image/jpeg", ALL);
    const chat_filetype_t *mp4 = chat_filetype_of("video/mp4", ALL);

    (void)state;
    assert_true(chat_filetype_agrees(jpeg, "image/jpeg", "jpg"));
    assert_true(chat_filetype_agrees(jpeg, "", ""));
    assert_true(chat_filetype_agrees(jpeg, "application/octet-stream", "jpeg"));
    assert_false(chat_filetype_agrees(jpeg, "image/png", "jpg"));
    assert_false(chat_filetype_agrees(jpeg, "text/html", "jpg"));
    assert_false(chat_filetype_agrees(jpeg, "image/jpeg", "png"));
    assert_false(chat_filetype_agrees(jpeg, "image/jpeg", "php"));
    assert_false(chat_filetype_agrees(jpeg, "image", "jpg"));
    assert_true(chat_filetype_agrees(mp4, "audio/mp4", "m4a"));
    assert_string_equal(chat_filetype_mime(mp4, "audio/mp4"), "audio/mp4");
    assert_string_equal(chat_filetype_mime(mp4, ""), "video/mp4");
    assert_string_equal(chat_filetype_served("audio/mp4")->word, "mp4");
}

static void a_file_that_is_two_things_is_neither(void **state)
{
    static const char zip[] = "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\3\0abc";
    const chat_filetype_t *gif = chat_filetype_of("image/gif", ALL);
    const chat_filetype_t *pdf = chat_filetype_of("application/pdf", ALL);
    const chat_filetype_t *text = chat_filetype_of("text/plain", ALL);

    (void)state;
#define MASKED(t, head, tail) chat_filetype_masked(t, head, sizeof(head) - 1, tail, sizeof(tail) - 1)
    assert_false(MASKED(gif, "GIF89a\1\0\1\0\0", ""));
    assert_true(MASKED(gif, "GIF89a/*\0*/=1;<ScRiPt>", ""));
    assert_true(MASKED(gif, "GIF89a<?php ", ""));
    assert_true(MASKED(gif, "GIF89a\n%PDF-1.4", ""));
    assert_false(MASKED(pdf, "%PDF-1.4", ""));
    assert_true(MASKED(pdf, "%PDF-1.4", zip));
    assert_true(MASKED(gif, "GIF89a", zip));
    /* Not the end of a ZIP: the comment does not reach to the end. */
    assert_false(chat_filetype_masked(gif, "", 0, zip, sizeof(zip) - 2));
    assert_false(MASKED(text, "see <script> in the manual", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_people_give_stays),
        cmocka_unit_test(only_the_last_part_of_a_path_counts),
        cmocka_unit_test(what_nobody_sees_is_not_in_a_name),
        cmocka_unit_test(a_name_begins_and_ends_with_something),
        cmocka_unit_test(an_extension_that_runs_is_none_within_a_name),
        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
        cmocka_unit_test(a_long_name_keeps_its_extension),
        cmocka_unit_test(a_name_without_an_extension_gets_one),
        cmocka_unit_test(a_disposition_names_the_file_for_old_and_new_clients),
        cmocka_unit_test(a_type_is_on_the_list_or_it_is_none),
        cmocka_unit_test(what_is_said_has_to_agree),
        cmocka_unit_test(a_file_that_is_two_things_is_neither),
    };

    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
