/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_multipart.c - bodies with files: what comes out, however they are cut,
 * and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multipart.h"

/* All that was received as one text: name(filename|type)=bytes; for each part. */
typedef struct {
    char text[4096];
    size_t len;
    int parts;
} heard_t;

static void add(heard_t *h, const char *s, size_t len)
{
    assert_true(h->len + len < sizeof(h->text));
    memcpy(h->text + h->len, s, len);
    h->len += len;
    h->text[h->len] = '\0';
}

static int begin(void *to, const chat_part_t *part)
{
    heard_t *h = to;

    h->parts++;
    add(h, part->name, strlen(part->name));
    if (part->has_file) {
        add(h, "(", 1);
        add(h, part->filename, strlen(part->filename));
        add(h, "|", 1);
        add(h, part->type, strlen(part->type));
        add(h, ")", 1);
    }
    add(h, "=", 1);
    return 1;
}

static int bytes_of(void *to, const char *bytes, size_t len)
{
    add(to, bytes, len);
    return 1;
}

static int end(void *to)
{
    add(to, ";", 1);
    return 1;
}

static int nobody(void *to, const chat_part_t *part)
{
    (void)to;
    (void)part;
    return 0;
}

static chat_multipart_result_t feed(heard_t *h, const char *boundary,
                                    const char *body, size_t len, size_t piece)
{
    static chat_multipart_t m;
    chat_multipart_sink_t sink = { begin, bytes_of, end, h };

    memset(h, 0, sizeof(*h));
    chat_multipart_init(&m, boundary, &sink);
    for (size_t at = 0; at < len; at += piece) {
        chat_multipart_feed(&m, body + at, len - at < piece ? len - at : piece);
    }
    return chat_multipart_end(&m);
}

/* The same in pieces of every length. */
static void hears(const char *body, const char *wanted)
{
    size_t len = strlen(body);
    heard_t h;

    for (size_t piece = 1; piece <= len; piece++) {
        assert_int_equal(feed(&h, "B", body, len, piece), CHAT_MULTIPART_OK);
        assert_string_equal(h.text, wanted);
    }
}

static void refuses(const char *body, chat_multipart_result_t why)
{
    heard_t h;

    assert_int_equal(feed(&h, "B", body, strlen(body), 7), why);
    assert_int_equal(feed(&h, "B", body, strlen(body), strlen(body)), why);
}

#define PART(headers, bytes) "--B\r\n" headers "\r\n\r\n" bytes "\r\n"
#define NAMED "Content-Disposition: form-data; name=\"a\""

static void fields_and_files_come_in_their_order(void **state)
{
    (void)state;
    hears(PART(NAMED, "hello") PART(
              "content-disposition: form-data; name=\"files[]\"; filename=\"x y.png\"\r\n"
              "Content-Type: Image/PNG; q=1",
              "\x89PNG\r\n\x1a") "--B--\r\n",
          "a=hello;files[](x y.png|image/png)=\x89PNG\r\n\x1a;");
}

static void what_stands_outside_the_parts_is_nothing(void **state)
{
    (void)state;
    hears("for old mail readers\r\n" PART(NAMED, "x") "--B--\r\nthe rest\r\n--B\r\n",
          "a=x;");
    hears("\r\n" PART(NAMED, "x") "--B--", "a=x;");
    hears("--B--", "");
}

static void the_beginning_of_a_delimiter_is_data(void **state)
{
    (void)state;
    hears(PART(NAMED, "1\r\n2\r\n-\r\n--\r\n--C\r\n--BX\r\n--B-y\r\n--B\rz\r\r") "--B--",
          "a=1\r\n2\r\n-\r\n--\r\n--C\r\n--BX\r\n--B-y\r\n--B\rz\r\r;");
    hears(PART(NAMED, "\r\n\r\n--B\r--B") "--B--", "a=\r\n\r\n--B\r--B;");
}

static void spaces_behind_a_delimiter_are_forgiven_other_things_are_not(void **state)
{
    (void)state;
    hears("--B \t \r\n" NAMED "\r\n\r\nx\r\n--B--", "a=x;");
    refuses("--B x\r\n" NAMED "\r\n\r\nx\r\n--B--", CHAT_MULTIPART_BROKEN);
    refuses("--B \rx" NAMED "\r\n\r\nx\r\n--B--", CHAT_MULTIPART_BROKEN);
}

/* A proxy in front that takes LF for a line's end would see other parts. */
static void lines_end_with_crlf_only(void **state)
{
    (void)state;
    refuses("--B\n" NAMED "\n\nx\n--B--\n", CHAT_MULTIPART_BROKEN);
    hears(PART(NAMED, "x\n--B\n" NAMED "\n\ny") "--B--",
          "a=x\n--B\n" NAMED "\n\ny;");
    refuses("--B\r\n" NAMED "\nX: y\r\n\r\nx\r\n--B--", CHAT_MULTIPART_BROKEN);
}

static void a_body_without_its_last_delimiter_was_cut_off(void **state)
{
    static const char body[] = PART(NAMED, "x") "--B--";
    heard_t h;

    (void)state;
    for (size_t len = 0; len < sizeof(body) - 1; len++) {
        assert_int_equal(feed(&h, "B", body, len, 100), CHAT_MULTIPART_BROKEN);
    }
}

static void headers_of_two_meanings_are_refused(void **state)
{
    (void)state;
    refuses(PART(NAMED "\r\n" NAMED, "x") "--B--", CHAT_MULTIPART_BROKEN);
    refuses(PART(NAMED "; name=b", "x") "--B--", CHAT_MULTIPART_BROKEN);
    refuses(PART(NAMED "; filename=b; filename=c", "x") "--B--", CHAT_MULTIPART_BROKEN);
    refuses(PART("Content-Disposition: form-data;\r\n name=a", "x") "--B--",
            CHAT_MULTIPART_BROKEN);
    refuses(PART("Content-Disposition: attachment; name=a", "x") "--B--",
            CHAT_MULTIPART_BROKEN);
    refuses(PART("Content-Disposition: form-data", "x") "--B--", CHAT_MULTIPART_BROKEN);
    refuses(PART("Content-Disposition: form-data; name=\"\"", "x") "--B--",
            CHAT_MULTIPART_BROKEN);
    refuses(PART("Content-Disposition: form-data; name=\"a", "x") "--B--",
            CHAT_MULTIPART_BROKEN);
    refuses("--B\r\n\r\nx\r\n--B--", CHAT_MULTIPART_BROKEN);
    refuses(PART("Content-Type: text/plain", "x") "--B--", CHAT_MULTIPART_BROKEN);
    refuses(PART(NAMED "\r\nContent-Transfer-Encoding: base64", "eA==") "--B--",
            CHAT_MULTIPART_BROKEN);
    refuses(PART(NAMED "\r\nContent-Type: a/b\r\nContent-Type: c/d", "x") "--B--",
            CHAT_MULTIPART_BROKEN);
    refuses(PART(NAMED "\r\nno colon", "x") "--B--", CHAT_MULTIPART_BROKEN);
}

static void a_nul_in_a_header_is_refused(void **state)
{
    static const char body[] = "--B\r\nContent-Disposition: form-data; "
                               "name=\"a\"; filename=\"b.php\0.png\"\r\n\r\nx\r\n--B--";
    heard_t h;

    (void)state;
    assert_int_equal(feed(&h, "B", body, sizeof(body) - 1, 9),
                     CHAT_MULTIPART_BROKEN);
    assert_string_equal(h.text, "");
}

static void names_are_read_as_browsers_and_rfc_8187_write_them(void **state)
{
    (void)state;
#define FILE_PART(p) PART("Content-Disposition: form-data; name=f; " p, "x") "--B--"
    hears(FILE_PART("filename=\"a%22b.png\""), "f(a\"b.png|)=x;");
    hears(FILE_PART("filename=\"a\\\"b.png\""), "f(a\"b.png|)=x;");
    hears(FILE_PART("filename=\"C:\\dir\\a.png\""), "f(C:\\dir\\a.png|)=x;");
    hears(FILE_PART("filename=\"a; name=b\""), "f(a; name=b|)=x;");
    hears(FILE_PART("filename=\"\""), "f(|)=x;");
    hears(FILE_PART("filename=x; filename*=UTF-8''%D9%85%20a.png"),
          "f(\xd9\x85 a.png|)=x;");
    hears(FILE_PART("filename*=utf-8'ar'%D9%85.png; filename=x"),
          "f(\xd9\x85.png|)=x;");
    hears(FILE_PART("filename*=ISO-8859-1'en'%E9.png"), "f(\xc3\xa9.png|)=x;");
    refuses(FILE_PART("filename*=UTF-8''a%00.png"), CHAT_MULTIPART_BROKEN);
    refuses(FILE_PART("filename*=UTF-8''a%4"), CHAT_MULTIPART_BROKEN);
    refuses(FILE_PART("filename*=UTF-16''a"), CHAT_MULTIPART_BROKEN);
    refuses(FILE_PART("filename*=a"), CHAT_MULTIPART_BROKEN);
}

static char *many(const char *piece, int n, const char *before, const char *after)
{
    char *s = malloc(strlen(before) + strlen(piece) * (size_t)n + strlen(after) + 1);
    char *to = s;

    assert_non_null(s);
    to += sprintf(to, "%s", before);
    for (int i = 0; i < n; i++) {
        to += sprintf(to, "%s", piece);
    }
    sprintf(to, "%s", after);
    return s;
}

static void everything_is_bounded(void **state)
{
    char *body;

    (void)state;
    body = many(PART(NAMED, ""), CHAT_MULTIPART_PARTS + 1, "", "--B--");
    refuses(body, CHAT_MULTIPART_MANY);
    free(body);
    body = many(PART(NAMED, ""), CHAT_MULTIPART_PARTS, "", "--B--");
    {
        heard_t h;

        assert_int_equal(feed(&h, "B", body, strlen(body), 5), CHAT_MULTIPART_OK);
        assert_int_equal(h.parts, CHAT_MULTIPART_PARTS);
    }
    free(body);
    body = many("y", CHAT_MULTIPART_HEADERS, "--B\r\n" NAMED "\r\nX: ", "\r\n\r\nx\r\n--B--");
    refuses(body, CHAT_MULTIPART_LONG);
    free(body);
    body = many("X: y\r\n", CHAT_MULTIPART_LINES, "--B\r\n" NAMED "\r\n", "\r\nx\r\n--B--");
    refuses(body, CHAT_MULTIPART_BROKEN);
    free(body);
    body = many("p", CHAT_MULTIPART_OUTSIDE + 1, "", "\r\n--B--");
    refuses(body, CHAT_MULTIPART_LONG);
    free(body);
    body = many("\r\n", CHAT_MULTIPART_OUTSIDE, "", "--B--");
    refuses(body, CHAT_MULTIPART_LONG);
    free(body);
    body = many("e", CHAT_MULTIPART_OUTSIDE + 1, "--B--", "");
    refuses(body, CHAT_MULTIPART_LONG);
    free(body);
    body = many("n", CHAT_MULTIPART_NAME + 1, "--B\r\nContent-Disposition: form-data; name=",
                "\r\n\r\nx\r\n--B--");
    refuses(body, CHAT_MULTIPART_BROKEN);
    free(body);
    body = many("n", CHAT_MULTIPART_FILENAME + 1,
                "--B\r\nContent-Disposition: form-data; name=a; filename=",
                "\r\n\r\nx\r\n--B--");
    refuses(body, CHAT_MULTIPART_BROKEN);
    free(body);
}

static void a_receiver_that_stops_hears_nothing_more(void **state)
{
    static const char body[] = PART(NAMED, "x") PART(NAMED, "y") "--B--";
    static chat_multipart_t m;
    chat_multipart_sink_t sink = { nobody, NULL, NULL, NULL };

    (void)state;
    chat_multipart_init(&m, "B", &sink);
    assert_int_equal(chat_multipart_feed(&m, body, sizeof(body) - 1),
                     CHAT_MULTIPART_STOPPED);
    assert_int_equal(chat_multipart_end(&m), CHAT_MULTIPART_STOPPED);
}

static void the_boundary_is_one_quoted_or_not(void **state)
{
    char out[CHAT_MULTIPART_BOUNDARY + 1];
    char long_one[200];

    (void)state;
#define BOUNDARY(s) chat_multipart_boundary(out, s)
    assert_true(BOUNDARY("multipart/form-data; boundary=----WebKitFormBoundaryX"));
    assert_string_equal(out, "----WebKitFormBoundaryX");
    assert_true(BOUNDARY(" Multipart/Form-Data ; charset=utf-8 ;\tBoundary=\"a b'()+_,-./:=?c\""));
    assert_string_equal(out, "a b'()+_,-./:=?c");
    snprintf(long_one, sizeof(long_one), "multipart/form-data; boundary=%070d", 7);
    assert_true(BOUNDARY(long_one));
    assert_int_equal(strlen(out), 70);
    snprintf(long_one, sizeof(long_one), "multipart/form-data; boundary=%071d", 7);
    assert_false(BOUNDARY(long_one));
    assert_false(BOUNDARY(NULL));
    assert_false(BOUNDARY(""));
    assert_false(BOUNDARY("multipart/form-data"));
    assert_false(BOUNDARY("multipart/form-data; boundary="));
    assert_false(BOUNDARY("multipart/form-data; boundary=\"\""));
    assert_false(BOUNDARY("multipart/form-data; boundary=\"a\r\n\""));
    assert_false(BOUNDARY("multipart/form-data; boundary=\"a \""));
    assert_false(BOUNDARY("multipart/form-data; boundary=a; boundary=b"));
    assert_false(BOUNDARY("multipart/form-data; boundary=a, b"));
    assert_false(BOUNDARY("multipart/form-datax; boundary=a"));
    assert_false(BOUNDARY("multipart/mixed; boundary=a"));
}

/* A longer boundary of which ours is the beginning is another one. */
static void seventy_characters_are_a_boundary_like_any_other(void **state)
{
    char boundary[71], body[400];
    heard_t h;

    (void)state;
    memset(boundary, 'b', 70);
    boundary[70] = '\0';
    snprintf(body, sizeof(body), "--%s\r\n" NAMED "\r\n\r\nx\r\n--%sb\r\n\r\n--%s--",
             boundary, boundary, boundary);
    for (size_t piece = 1; piece < 100; piece++) {
        assert_int_equal(feed(&h, boundary, body, strlen(body), piece), CHAT_MULTIPART_OK);
        assert_memory_equal(h.text, "a=x\r\n--b", 8);
    }
}

static void a_disposition_of_a_raw_body_has_a_name(void **state)
{
    char out[CHAT_MULTIPART_FILENAME + 1];

    (void)state;
    assert_true(chat_disposition_filename(out, "attachment; filename=\"a b.pdf\""));
    assert_string_equal(out, "a b.pdf");
    assert_true(chat_disposition_filename(
        out, "attachment; filename=e.pdf; filename*=UTF-8''%e2%82%ac.pdf"));
    assert_string_equal(out, "\xe2\x82\xac.pdf");
    assert_false(chat_disposition_filename(out, "attachment"));
    assert_false(chat_disposition_filename(out, "attachment; filename=\"a"));
    assert_false(chat_disposition_filename(out, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_files_come_in_their_order),
        cmocka_unit_test(what_stands_outside_the_parts_is_nothing),
        cmocka_unit_test(the_beginning_of_a_delimiter_is_data),
        cmocka_unit_test(spaces_behind_a_delimiter_are_forgiven_other_things_are_not),
        cmocka_unit_test(lines_end_with_crlf_only),
        cmocka_unit_test(a_body_without_its_last_delimiter_was_cut_off),
        cmocka_unit_test(headers_of_two_meanings_are_refused),
        cmocka_unit_test(a_nul_in_a_header_is_refused),
        cmocka_unit_test(names_are_read_as_browsers_and_rfc_8187_write_them),
        cmocka_unit_test(everything_is_bounded),
        cmocka_unit_test(a_receiver_that_stops_hears_nothing_more),
        cmocka_unit_test(the_boundary_is_one_quoted_or_not),
        cmocka_unit_test(seventy_characters_are_a_boundary_like_any_other),
        cmocka_unit_test(a_disposition_of_a_raw_body_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
