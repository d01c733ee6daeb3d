/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_deflate.c - permessage-deflate: which offers are taken, and messages
 * packed and unpacked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "deflate.h"

#define LIMIT 100000

/* --- agreeing ------------------------------------------------------------ */

static void an_offer_is_taken_when_it_can_be_kept(void **state)
{
    /* Offered, the window agreed (0: none), whether it was asked for. */
    static const struct {
        const char *offer;
        int window, asked;
    } cases[] = {
        { "permessage-deflate", 15, 0 },
        { "permessage-deflate; client_max_window_bits", 15, 0 },
        { "permessage-deflate; client_max_window_bits=9", 15, 0 },
        { "permessage-deflate;server_no_context_takeover"
          ";client_no_context_takeover",
          15, 0 },
        { "permessage-deflate; server_max_window_bits=15", 15, 1 },
        { "permessage-deflate; server_max_window_bits=8", 8, 1 },
        { "permessage-deflate; server_max_window_bits=\"10\"", 10, 1 },
        { "permessage-deflate; server_max_window_bits=\"1\\2\"", 12, 1 },
        { " permessage-deflate\t; server_max_window_bits = 11 ", 11, 1 },
        { "x, permessage-deflate", 15, 0 },
        { "x;a=b;c=\"d\";e, ,permessage-deflate,", 15, 0 },
        /* The first one that can be kept, not the best. */
        { "permessage-deflate; server_max_window_bits=9, permessage-deflate", 9,
          1 },
        { "permessage-deflate; mux, permessage-deflate", 15, 0 },
        /* What cannot be kept. */
        { "permessage-bogus", 0, 0 },
        { "x-webkit-deflate-frame", 0, 0 },
        { "Permessage-Deflate", 0, 0 },
        { "permessage-deflate; server_max_window_bits", 0, 0 },
        { "permessage-deflate; server_max_window_bits=7", 0, 0 },
        { "permessage-deflate; server_max_window_bits=16", 0, 0 },
        { "permessage-deflate; server_max_window_bits=010", 0, 0 },
        { "permessage-deflate; server_max_window_bits=0", 0, 0 },
        { "permessage-deflate; server_max_window_bits=1000000000009", 0, 0 },
        { "permessage-deflate; server_max_window_bits=+9", 0, 0 },
        { "permessage-deflate; server_max_window_bits=9x", 0, 0 },
        { "permessage-deflate; client_max_window_bits=7", 0, 0 },
        { "permessage-deflate; client_max_window_bits=99", 0, 0 },
        { "permessage-deflate; server_no_context_takeover=1", 0, 0 },
        { "permessage-deflate; client_no_context_takeover=\"true\"", 0, 0 },
        { "permessage-deflate; server_max_window_bits=9"
          "; server_max_window_bits=9",
          0, 0 },
        { "permessage-deflate; client_max_window_bits; client_max_window_bits",
          0, 0 },
        { "permessage-deflate; unknown", 0, 0 },
        { "permessage-deflate; unknown=1", 0, 0 },
    };
    ws_deflate_t got;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&got, 0, sizeof(got));
        if (!ws_deflate_offered(&got, cases[i].offer, strlen(cases[i].offer)) ||
            got.window != cases[i].window || got.asked != cases[i].asked) {
            fail_msg("\"%s\": window %d, asked %d", cases[i].offer, got.window,
                     got.asked);
        }
    }
}

static void a_header_that_breaks_the_grammar_is_told_apart(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        ",",
        ";",
        "=",
        "permessage-deflate;",
        "permessage-deflate; ",
        "permessage-deflate;;a",
        "permessage-deflate; =8",
        "permessage-deflate; a=",
        "permessage-deflate; a=b=c",
        "permessage-deflate; a=\"",
        "permessage-deflate; a=\"b",
        "permessage-deflate; a=\"\"",
        "permessage-deflate; a=\"b c\"",
        "permessage-deflate; a=\"b\\",
        "permessage-deflate; a=\"b\\\"",
        "permessage-deflate; a=\"b\"c",
        "permessage-deflate; a=b c",
        "permessage-deflate permessage-deflate",
        "permessage/deflate",
        "permessage-deflate, a b",
        "permessage-deflate; \x80",
    };
    ws_deflate_t got;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(&got, 0, sizeof(got));
        if (ws_deflate_offered(&got, bad[i], strlen(bad[i]))) {
            fail_msg("\"%s\" was understood", bad[i]);
        }
    }
    memset(&got, 0, sizeof(got));
    assert_false(ws_deflate_offered(&got, "permessage-deflate\0x", 20));
}

static void an_offer_in_an_earlier_header_wins(void **state)
{
    ws_deflate_t got = { 0, 0 };

    (void)state;
    assert_true(ws_deflate_offered(&got, "a", 1));
    assert_true(ws_deflate_offered(
        &got, "permessage-deflate; server_max_window_bits=10", 45));
    assert_true(ws_deflate_offered(&got, "permessage-deflate", 18));
    assert_int_equal(got.window, 10);
}

static void the_answer_names_a_window_only_when_asked(void **state)
{
    char out[WS_DEFLATE_ANSWER];
    ws_deflate_t agreed = { 0, 0 };
    apr_size_t n;
    static const char
        both[] = "Sec-WebSocket-Extensions: permessage-deflate; "
                 "server_no_context_takeover; client_no_context_takeover";

    (void)state;
    assert_int_equal(ws_deflate_answer(out, &agreed), 0);
    agreed.window = 15;
    n = ws_deflate_answer(out, &agreed);
    assert_int_equal(n, sizeof(both) - 1 + 2);
    assert_memory_equal(out, both, sizeof(both) - 1);
    assert_memory_equal(out + n - 2, "\r\n", 2);
    agreed.asked = 1;
    n = ws_deflate_answer(out, &agreed);
    assert_memory_equal(out + n - 29, "; server_max_window_bits=15\r\n", 29);
    agreed.window = 8;
    n = ws_deflate_answer(out, &agreed);
    assert_memory_equal(out + n - 28, "; server_max_window_bits=8\r\n", 28);
    assert_true(n <= sizeof(out));
}

/* --- unpacking ----------------------------------------------------------- */

/* Unpack from a copy of the exact size, so that ASan sees a read past it. */
static ws_result_t unpack(push_deflate_t *d, int opcode, char **out,
                          apr_size_t *len, const void *data, apr_size_t size,
                          apr_size_t limit)
{
    char *copy = malloc(size ? size : 1);
    ws_result_t r;

    memcpy(copy, data, size);
    r = push_deflate_unpack(d, opcode, out, len, copy, size, limit);
    free(copy);
    return r;
}

/* The examples of RFC 7692, section 7.2.3, and what clients are known to send.
 */
static void a_message_may_end_in_several_ways(void **state)
{
    static const struct {
        const char *what, *packed;
        apr_size_t size;
        const char *text;
    } cases[] = {
        { "one block", "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello" },
        { "not compressed", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11,
          "Hello" },
        { "final block", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello" },
        { "final block and no more", "\xf3\x48\xcd\xc9\xc9\x07\x00", 7,
          "Hello" },
        { "two blocks", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
          13, "Hello" },
        { "two streams",
          "\xf3\x48\xcd\xc9\xc9\x07\x00"
          "\xf2\x48\xcd\xc9\xc9\x07\x00",
          14, "HelloHello" },
        { "empty", "\x00", 1, "" },
        { "empty, with a block before", "\x02\x00", 2, "" },
        { "empty, with nothing", "", 0, "" },
    };
    push_deflate_t d;
    apr_size_t len;
    char *out;
    size_t i;

    (void)state;
    memset(&d, 0, sizeof(d));
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (unpack(&d, WS_TEXT, &out, &len, cases[i].packed, cases[i].size,
                   LIMIT) != WS_DONE ||
            len != strlen(cases[i].text) ||
            memcmp(out, cases[i].text, len) != 0) {
            fail_msg("%s", cases[i].what);
        }
    }
    push_deflate_clear(&d);
}

static void data_that_is_wrong_is_found(void **state)
{
    static const struct {
        const char *what, *packed;
        apr_size_t size;
    } cases[] = {
        { "block type 3", "\x06", 1 },
        { "stored lengths that differ", "\x00\x05\x00\x00\x00Hello", 10 },
        { "stored block cut",
          "\x00\xff\x00\x00\xff"
          "Hello",
          10 },
        { "cut in a block", "\xf2\x48\xcd", 3 },
        { "looks back before its start", "\x02\x06\x00", 3 },
        { "the end was not taken off", "\x00\x00\x00\xff\xff", 5 },
        { "random", "\xff\xff\xff\xff\xff\xff", 6 },
        { "after a final block", "\xf3\x48\xcd\xc9\xc9\x07\x00\x06", 8 },
    };
    push_deflate_t d;
    apr_size_t len;
    char *out;
    size_t i;

    (void)state;
    memset(&d, 0, sizeof(d));
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (unpack(&d, WS_BINARY, &out, &len, cases[i].packed, cases[i].size,
                   LIMIT) != WS_CORRUPT) {
            fail_msg("%s", cases[i].what);
        }
        /* The next message is none the worse for it. */
        assert_int_equal(unpack(&d, WS_TEXT, &out, &len,
                                "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, LIMIT),
                         WS_DONE);
        assert_int_equal(len, 5);
    }
    push_deflate_clear(&d);
}

/* A megabyte of one character, packed: about a kilobyte. */
static unsigned char *bomb(push_deflate_t *d, apr_size_t len, apr_size_t *size)
{
    unsigned char *data = malloc(len), *packed, *copy;

    memset(data, 'x', len);
    *size = push_deflate_pack(d, PUSH_DEFLATE_WIDE, &packed, data, len);
    assert_true(*size > 0);
    copy = malloc(*size);
    memcpy(copy, packed, *size);
    free(data);
    return copy;
}

static void a_message_above_the_limit_takes_no_memory_above_it(void **state)
{
    const apr_size_t sizes[] = { 4094, 4095, 4096, 4097, 8191, 10000, 65536 };
    push_deflate_t d;
    apr_size_t size, len;
    unsigned char *packed;
    char *out;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(&d, 0, sizeof(d));
        packed = bomb(&d, sizes[i], &size);
        assert_int_equal(
            unpack(&d, WS_TEXT, &out, &len, packed, size, sizes[i]), WS_DONE);
        assert_int_equal(len, sizes[i]);
        out[len] = '\0'; /* ours */
        assert_int_equal(
            unpack(&d, WS_TEXT, &out, &len, packed, size, sizes[i] - 1),
            WS_TOO_BIG);
        free(packed);
        push_deflate_clear(&d);
    }
    memset(&d, 0, sizeof(d));
    packed = bomb(&d, 10000000, &size);
    push_deflate_trim(&d.packed);
    assert_int_equal(unpack(&d, WS_TEXT, &out, &len, packed, size, 10000),
                     WS_TOO_BIG);
    assert_true(d.unpacked.room <= 10002);
    free(packed);
    push_deflate_clear(&d);
}

static void text_is_checked_as_it_is_unpacked(void **state)
{
    static char data[60000];
    push_deflate_t d;
    apr_size_t size, len;
    unsigned char *packed;
    char *out;

    (void)state;
    memset(&d, 0, sizeof(d));
    memset(data, 'x', sizeof(data));
    data[100] = (char)0xff;
    size = push_deflate_pack(&d, PUSH_DEFLATE_WIDE, &packed, data,
                             sizeof(data));
    assert_int_equal(unpack(&d, WS_TEXT, &out, &len, packed, size, LIMIT),
                     WS_NOT_UTF8);
    assert_true(d.unpacked.room < sizeof(data)); /* and no further */
    assert_int_equal(unpack(&d, WS_BINARY, &out, &len, packed, size, LIMIT),
                     WS_DONE);
    /* A character cut by a piece is whole; one cut by the end is not. */
    memset(data, 'x', sizeof(data));
    memcpy(data + 4094, "\xe2\x82\xac", 3);
    size = push_deflate_pack(&d, PUSH_DEFLATE_WIDE, &packed, data,
                             sizeof(data));
    assert_int_equal(unpack(&d, WS_TEXT, &out, &len, packed, size, LIMIT),
                     WS_DONE);
    size = push_deflate_pack(&d, PUSH_DEFLATE_WIDE, &packed, data, 4096);
    assert_int_equal(unpack(&d, WS_TEXT, &out, &len, packed, size, LIMIT),
                     WS_NOT_UTF8);
    push_deflate_clear(&d);
}

/* --- packing ------------------------------------------------------------- */

/* Words of a small vocabulary: repeats near and far. */
static void fill(char *data, apr_size_t len, unsigned int seed)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (i % 5 == 0) {
            seed = seed * 1103515245u + 12345u;
        }
        data[i] = (char)('a' + (seed >> 16) % 20 + i % 5);
    }
}

/* How a client with a window of these bits unpacks. */
static int client_reads(const unsigned char *packed, apr_size_t size, int bits,
                        const char *data, apr_size_t len)
{
    static unsigned char out[200000];
    z_stream z;
    int same;

    memset(&z, 0, sizeof(z));
    assert_int_equal(inflateInit2(&z, -bits), Z_OK);
    z.next_in = (Bytef *)packed;
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = sizeof(out);
    inflate(&z, Z_SYNC_FLUSH);
    same = z.total_out == len && memcmp(out, data, len) == 0;
    inflateEnd(&z);
    return same;
}

static void a_client_of_any_window_can_read_what_is_packed(void **state)
{
    static char data[150000];
    const apr_size_t sizes[] = { 128, 255,  256,  257,   300,   511,   512,
                                 513, 1025, 4096, 10240, 40000, 150000 };
    push_deflate_t d;
    unsigned char *packed;
    apr_size_t size, len;
    unsigned int seed;
    char *out;
    int bits;
    size_t i;

    (void)state;
    memset(&d, 0, sizeof(d));
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (bits = WS_WINDOW_MIN; bits <= WS_WINDOW_MAX; bits++) {
            for (seed = 0; seed < 8; seed++) {
                fill(data, sizes[i], seed);
                size = push_deflate_pack(&d, push_deflate_width(bits, sizes[i]),
                                         &packed, data, sizes[i]);
                if (size == 0) {
                    continue;
                }
                assert_true(size < sizes[i]);
                if (!client_reads(packed, size, bits, data, sizes[i])) {
                    fail_msg("%d bytes, %d bits", (int)sizes[i], bits);
                }
                assert_int_equal(
                    unpack(&d, WS_TEXT, &out, &len, packed, size, sizes[i]),
                    WS_DONE);
                assert_int_equal(len, sizes[i]);
                assert_memory_equal(out, data, len);
            }
        }
    }
    push_deflate_clear(&d);
}

/* Nobody looks back further than 32 kB, however long the message is. */
static void the_full_window_is_wide_for_every_length(void **state)
{
    (void)state;
    assert_int_equal(push_deflate_width(15, 32768), PUSH_DEFLATE_WIDE);
    assert_int_equal(push_deflate_width(15, 32769), PUSH_DEFLATE_WIDE);
    assert_int_equal(push_deflate_width(15, 1 << 20), PUSH_DEFLATE_WIDE);
    assert_int_equal(push_deflate_width(14, 16384), PUSH_DEFLATE_WIDE);
    assert_int_equal(push_deflate_width(14, 16385), PUSH_DEFLATE_NARROW);
}

static void what_packing_does_not_shorten_stays_as_it_is(void **state)
{
    push_deflate_t d;
    unsigned char *packed;
    char data[1000];
    unsigned int seed = 1;
    size_t i;

    (void)state;
    memset(&d, 0, sizeof(d));
    for (i = 0; i < sizeof(data); i++) {
        seed = seed * 1103515245u + 12345u;
        data[i] = (char)(seed >> 16);
    }
    assert_int_equal(
        push_deflate_pack(&d, PUSH_DEFLATE_WIDE, &packed, data, sizeof(data)),
        0);
    memset(data, 'x', sizeof(data));
    assert_int_equal(push_deflate_pack(&d, PUSH_DEFLATE_WIDE, &packed, data,
                                       PUSH_DEFLATE_LEAST - 1),
                     0);
    assert_true(push_deflate_pack(&d, PUSH_DEFLATE_WIDE, &packed, data,
                                  PUSH_DEFLATE_LEAST) > 0);
    push_deflate_clear(&d);
}

static void nothing_of_one_message_is_in_the_next(void **state)
{
    char data[1000], again[1000];
    push_deflate_t d;
    unsigned char *packed;
    apr_size_t size;

    (void)state;
    memset(&d, 0, sizeof(d));
    fill(data, sizeof(data), 1);
    size = push_deflate_pack(&d, PUSH_DEFLATE_WIDE, &packed, data,
                             sizeof(data));
    memcpy(again, packed, size);
    assert_int_equal(
        push_deflate_pack(&d, PUSH_DEFLATE_WIDE, &packed, data, sizeof(data)),
        size);
    assert_memory_equal(packed, again, size);
    push_deflate_clear(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offer_is_taken_when_it_can_be_kept),
        cmocka_unit_test(a_header_that_breaks_the_grammar_is_told_apart),
        cmocka_unit_test(an_offer_in_an_earlier_header_wins),
        cmocka_unit_test(the_answer_names_a_window_only_when_asked),
        cmocka_unit_test(a_message_may_end_in_several_ways),
        cmocka_unit_test(data_that_is_wrong_is_found),
        cmocka_unit_test(a_message_above_the_limit_takes_no_memory_above_it),
        cmocka_unit_test(text_is_checked_as_it_is_unpacked),
        cmocka_unit_test(a_client_of_any_window_can_read_what_is_packed),
        cmocka_unit_test(the_full_window_is_wide_for_every_length),
        cmocka_unit_test(what_packing_does_not_shorten_stays_as_it_is),
        cmocka_unit_test(nothing_of_one_message_is_in_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
