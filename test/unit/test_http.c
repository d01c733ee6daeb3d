/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_http.c - request heads, chunked bodies and queries as bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "http.h"

static http_head_t head;
static apr_size_t used;

static http_result_t parse(const char *text)
{
    return http_head_parse(&head, &used, text, strlen(text), HTTP_HEAD_MAX);
}

static void assert_span(http_span_t span, const char *text)
{
    assert_int_equal(span.len, strlen(text));
    assert_memory_equal(span.at, text, span.len);
}

static void a_request_is_understood(void **state)
{
    static const char text[] = "POST /apps/1/events?auth_key=k&x HTTP/1.1\r\n"
                               "Host: push.example\r\n"
                               "Content-Length:  12 \r\n"
                               "X-Empty:\r\n\r\nbody";

    (void)state;
    assert_int_equal(parse(text), HTTP_DONE);
    assert_int_equal(used, sizeof(text) - 1 - 4);
    assert_span(head.method, "POST");
    assert_span(head.path, "/apps/1/events");
    assert_span(head.query, "auth_key=k&x");
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.length, 12);
    assert_int_equal(head.keep_alive, 1);
    assert_int_equal(head.chunked, 0);
    assert_span(*http_header(&head, "content-LENGTH"), "12");
    assert_span(*http_header(&head, "x-empty"), "");
    assert_null(http_header(&head, "x"));
}

static void a_head_cut_anywhere_waits_for_the_rest(void **state)
{
    static const char
        text[] = "\r\nGET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n";
    apr_size_t len;

    (void)state;
    for (len = 0; len < sizeof(text) - 1; len++) {
        assert_int_equal(
            http_head_parse(&head, &used, text, len, HTTP_HEAD_MAX), HTTP_MORE);
    }
    assert_int_equal(parse(text), HTTP_DONE);
}

static void a_mistake_shows_with_the_end_of_its_line(void **state)
{
    (void)state;
    assert_int_equal(parse("GET / HTTP/1.1 and more"), HTTP_MORE);
    assert_int_equal(parse("GET / HTTP/1.1 and more\r\n"), HTTP_BAD);
    assert_int_equal(parse("GET / HTTP/1.1\n"), HTTP_BAD);
    assert_int_equal(parse("GET / HTTP/1.1\r\nno field\r\n"), HTTP_BAD);
}

static void the_target_may_be_a_whole_url(void **state)
{
    (void)state;
    assert_int_equal(parse("GET http://h:1/p?q HTTP/1.1\r\nHost: h\r\n\r\n"),
                     HTTP_DONE);
    assert_span(head.path, "/p");
    assert_span(head.query, "q");
    assert_int_equal(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), HTTP_DONE);
    assert_span(head.path, "*");
}

/* A request line with a Host header. */
static http_result_t line(const char *text)
{
    char buf[256];

    snprintf(buf, sizeof(buf), "%s\r\nHost: h\r\n\r\n", text);
    return parse(buf);
}

static void a_request_line_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "G@T / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET x HTTP/1.1",
        "GET /\x80 HTTP/1.1",
        "GET /#f HTTP/1.1",
        "GET / HTTP/1",
        "GET / http/1.1",
        "GET / HTTP/1.1x",
        "GET http:///x HTTP/1.1",
        "CONNECT h:1 HTTP/1.1",
        "\x16\x03\x01",
    };
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(line(bad[i]), HTTP_BAD);
    }
}

static void other_versions_are_named(void **state)
{
    (void)state;
    assert_int_equal(line("GET / HTTP/2.0"), HTTP_VERSION);
    assert_int_equal(line("GET / HTTP/1.2"), HTTP_VERSION);
    assert_int_equal(line("GET / HTTP/0.9"), HTTP_VERSION);
}

/* Header lines after a request line. */
static http_result_t with(const char *headers)
{
    char buf[512];

    snprintf(buf, sizeof(buf), "POST / HTTP/1.1\r\n%s\r\n", headers);
    return parse(buf);
}

static void what_a_proxy_could_read_differently_is_refused(void **state)
{
    static const char *const bad[] = {
        "Host: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
        "Host: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Host: h\r\nTransfer-Encoding: chunked\r\n"
        "Transfer-Encoding: chunked\r\n",
        "Host: h\r\nContent-Length: 1, 1\r\n",
        "Host: h\r\nContent-Length: +1\r\n",
        "Host: h\r\nContent-Length: -1\r\n",
        "Host: h\r\nContent-Length: 0x1\r\n",
        "Host: h\r\nContent-Length:\r\n",
        "Host: h\r\nContent-Length: 9999999999999999999\r\n",
        "Host: h\r\n folded\r\n",
        "Host: h\r\nName : v\r\n",
        "Host: h\r\n: v\r\n",
        "Host: h\r\nName\r\n",
        "Host: h\r\nName: a\rb\r\n",
        "Host: h\nName: b\r\n",
        "Host: h\r\nName: \x01\r\n",
        "Host: h\r\nHost: h\r\n",
        "",
    };
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(with(bad[i]), HTTP_BAD);
    }
}

static void a_nul_in_a_head_is_refused(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: h\0x\r\n\r\n";

    (void)state;
    assert_int_equal(
        http_head_parse(&head, &used, text, sizeof(text) - 1, HTTP_HEAD_MAX),
        HTTP_BAD);
}

static void only_chunked_is_a_known_coding(void **state)
{
    (void)state;
    assert_int_equal(with("Host: h\r\nTransfer-Encoding: Chunked\r\n"),
                     HTTP_DONE);
    assert_int_equal(head.chunked, 1);
    assert_int_equal(with("Host: h\r\nTransfer-Encoding: gzip, chunked\r\n"),
                     HTTP_CODING);
    assert_int_equal(with("Host: h\r\nTransfer-Encoding: identity\r\n"),
                     HTTP_CODING);
}

static void who_may_stay_follows_version_and_connection(void **state)
{
    (void)state;
    with("Host: h\r\nConnection: close\r\n");
    assert_int_equal(head.keep_alive, 0);
    with("Host: h\r\nConnection: foo, Close\r\n");
    assert_int_equal(head.keep_alive, 0);
    parse("GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(head.keep_alive, 0);
    parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_int_equal(head.keep_alive, 1);
}

static void a_head_too_large_is_refused_whether_whole_or_not(void **state)
{
    static char text[HTTP_HEAD_MAX + 100];
    apr_size_t len;

    (void)state;
    len = (apr_size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX: ");
    memset(text + len, 'a', sizeof(text) - len);
    assert_int_equal(
        http_head_parse(&head, &used, text, HTTP_HEAD_MAX - 1, HTTP_HEAD_MAX),
        HTTP_MORE);
    assert_int_equal(
        http_head_parse(&head, &used, text, HTTP_HEAD_MAX, HTTP_HEAD_MAX),
        HTTP_TOO_LARGE);
    memcpy(text + sizeof(text) - 4, "\r\n\r\n", 4);
    assert_int_equal(
        http_head_parse(&head, &used, text, sizeof(text), HTTP_HEAD_MAX),
        HTTP_TOO_LARGE);
}

static void too_many_fields_are_too_large(void **state)
{
    char text[2000];
    apr_size_t len = 0;
    int i;

    (void)state;
    len += (apr_size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (i = 0; i < HTTP_HEADERS_MAX; i++) {
        len += (apr_size_t)snprintf(text + len, sizeof(text) - len, "A: b\r\n");
    }
    snprintf(text + len, sizeof(text) - len, "\r\n");
    assert_int_equal(parse(text), HTTP_TOO_LARGE);
}

static void tokens_are_found_in_lists(void **state)
{
    http_span_t v = { "keep-alive, Upgrade ,,x", 23 };

    (void)state;
    assert_true(http_has_token(&v, "upgrade"));
    assert_true(http_has_token(&v, "x"));
    assert_false(http_has_token(&v, "alive"));
    assert_false(http_has_token(&v, "up"));
}

/* Decode a body that comes in pieces of `step` bytes. */
static http_result_t dechunk(char *out, apr_size_t *len, const char *raw,
                             apr_size_t step, apr_size_t limit)
{
    http_result_t r = HTTP_MORE;
    http_chunked_t st;
    apr_size_t total = strlen(raw), at, n, took, body;
    char piece[256];

    memset(&st, 0, sizeof(st));
    *len = 0;
    for (at = 0; at < total && r == HTTP_MORE; at += took) {
        n = step < total - at ? step : total - at;
        memcpy(piece, raw + at, n);
        r = http_chunked(&st, piece, n, &took, &body, limit);
        memcpy(out + *len, piece, body);
        *len += body;
    }
    used = at;
    return r;
}

static void a_chunked_body_is_decoded_however_it_comes(void **state)
{
    static const char raw[] = "5\r\nhello\r\n1;ext=\"a b\"\r\n \r\n"
                              "00A \t\r\n0123456789\r\n0\r\n"
                              "Trailer: x\r\nOther: y\r\n\r\nnext";
    apr_size_t step, len;
    char out[256];

    (void)state;
    for (step = 1; step < sizeof(raw); step++) {
        assert_int_equal(dechunk(out, &len, raw, step, 100), HTTP_DONE);
        assert_int_equal(len, 16);
        assert_memory_equal(out, "hello 0123456789", 16);
        assert_int_equal(used, sizeof(raw) - 1 - 4);
    }
}

static void a_chunked_body_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {
        "\r\n",     "g\r\n",      "-1\r\n",   "0x1\r\n",
        "1\n",      "1\r1",       "1\r\nab",  "1\r\na\rb",
        "1\r\na\n", "1;x\ny\r\n", "3 5\r\n",  "3 x\r\n",
        "3\t\n",    "0\r\nA\nB",  "0\r\n\rx", "1111111111111111\r\n",
    };
    apr_size_t i, len;
    char out[256];

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(dechunk(out, &len, bad[i], 1, 100), HTTP_BAD);
    }
}

static void the_limit_holds_for_all_chunks_together(void **state)
{
    apr_size_t len;
    char out[256];

    (void)state;
    assert_int_equal(dechunk(out, &len, "3\r\nabc\r\n2\r\n", 100, 5),
                     HTTP_MORE);
    assert_int_equal(dechunk(out, &len, "3\r\nabc\r\n3\r\n", 100, 5),
                     HTTP_TOO_LARGE);
    assert_int_equal(dechunk(out, &len, "fffffffffffffff\r\n", 100, 5),
                     HTTP_TOO_LARGE);
}

static void a_query_is_walked_and_searched(void **state)
{
    http_span_t q = { "a=1&&b&c=%20x=y&a=2", 19 }, rest = q, name, value;

    (void)state;
    assert_true(http_query_next(&name, &value, &rest));
    assert_span(name, "a");
    assert_span(value, "1");
    assert_true(http_query_next(&name, &value, &rest));
    assert_span(name, "b");
    assert_int_equal(value.len, 0);
    assert_true(http_query_get(&value, q, "c"));
    assert_span(value, "%20x=y");
    assert_true(http_query_get(&value, q, "a"));
    assert_span(value, "1");
    assert_false(http_query_get(&value, q, "d"));
    q.at = NULL;
    q.len = 0;
    assert_false(http_query_get(&value, q, ""));
}

static apr_ssize_t decode(char *out, const char *in, int form)
{
    http_span_t span = { in, strlen(in) };

    return http_decode(out, span, form);
}

static void escapes_are_decoded_and_bad_ones_refused(void **state)
{
    char out[32];

    (void)state;
    assert_int_equal(decode(out, "a%2Fb+c%c3%A9", 0), 7);
    assert_memory_equal(out, "a/b+c\xc3\xa9", 7);
    assert_int_equal(decode(out, "a+b", 1), 3);
    assert_memory_equal(out, "a b", 3);
    assert_int_equal(decode(out, "%", 0), -1);
    assert_int_equal(decode(out, "%4", 0), -1);
    assert_int_equal(decode(out, "%zz", 0), -1);
    assert_int_equal(decode(out, "a%00", 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_understood),
        cmocka_unit_test(a_head_cut_anywhere_waits_for_the_rest),
        cmocka_unit_test(a_mistake_shows_with_the_end_of_its_line),
        cmocka_unit_test(the_target_may_be_a_whole_url),
        cmocka_unit_test(a_request_line_that_is_none_is_refused),
        cmocka_unit_test(other_versions_are_named),
        cmocka_unit_test(what_a_proxy_could_read_differently_is_refused),
        cmocka_unit_test(a_nul_in_a_head_is_refused),
        cmocka_unit_test(only_chunked_is_a_known_coding),
        cmocka_unit_test(who_may_stay_follows_version_and_connection),
        cmocka_unit_test(a_head_too_large_is_refused_whether_whole_or_not),
        cmocka_unit_test(too_many_fields_are_too_large),
        cmocka_unit_test(tokens_are_found_in_lists),
        cmocka_unit_test(a_chunked_body_is_decoded_however_it_comes),
        cmocka_unit_test(a_chunked_body_that_is_none_is_refused),
        cmocka_unit_test(the_limit_holds_for_all_chunks_together),
        cmocka_unit_test(a_query_is_walked_and_searched),
        cmocka_unit_test(escapes_are_decoded_and_bad_ones_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
