/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ws.c - RFC 6455 frames as bytes: what is refused, and how early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "ws.h"

#define LIMIT 1000000

static ws_result_t parse(ws_head_t *h, const char *bytes, apr_size_t len)
{
    return ws_head_parse(h, (const unsigned char *)bytes, len, LIMIT, 0);
}

/* A literal with its length, which may hold NUL. */
#define PARSE(h, literal) parse(h, literal, sizeof(literal) - 1)

static void a_short_frame_is_understood(void **state)
{
    ws_head_t h;

    (void)state;
    assert_int_equal(PARSE(&h, "\x81\x85\x37\xfa\x21\x3d"), WS_DONE);
    assert_int_equal(h.fin, 1);
    assert_int_equal(h.opcode, WS_TEXT);
    assert_int_equal(h.size, 6);
    assert_int_equal(h.len, 5);
    assert_memory_equal(h.mask, "\x37\xfa\x21\x3d", 4);
}

static void longer_lengths_take_two_and_eight_bytes(void **state)
{
    ws_head_t h;

    (void)state;
    assert_int_equal(PARSE(&h, "\x82\xfe\x01\x00"
                               "mask"),
                     WS_DONE);
    assert_int_equal(h.len, 256);
    assert_int_equal(h.size, 8);
    assert_int_equal(PARSE(&h, "\x82\xff\0\0\0\0\0\x01\x00\x00"
                               "mask"),
                     WS_DONE);
    assert_int_equal(h.len, 65536);
    assert_int_equal(h.size, 14);
}

static void a_header_cut_anywhere_waits_for_the_rest(void **state)
{
    static const char whole[] = "\x82\xff\0\0\0\0\0\x01\x00\x00mask";
    ws_head_t h;
    apr_size_t len;

    (void)state;
    for (len = 0; len < 14; len++) {
        assert_int_equal(parse(&h, whole, len), WS_MORE);
        assert_true(h.size > len);
        assert_int_equal(h.size, len < 2 ? 2 : 14);
    }
}

static void reserved_bits_are_refused_with_the_first_byte(void **state)
{
    ws_head_t h;

    (void)state;
    assert_int_equal(PARSE(&h, "\xc1"), WS_PROTOCOL);
    assert_int_equal(PARSE(&h, "\xa1"), WS_PROTOCOL);
    assert_int_equal(PARSE(&h, "\x91"), WS_PROTOCOL);
}

static void reserved_opcodes_are_refused_with_the_first_byte(void **state)
{
    static const unsigned char opcodes[] = {
        3, 4, 5, 6, 7, 0xb, 12, 13, 14, 15
    };
    unsigned char byte;
    ws_head_t h;
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(opcodes); i++) {
        byte = 0x80 | opcodes[i];
        assert_int_equal(ws_head_parse(&h, &byte, 1, LIMIT, 0), WS_PROTOCOL);
    }
}

static void rsv1_marks_only_the_first_frame_of_a_message(void **state)
{
    ws_head_t h;

    (void)state;
    assert_int_equal(
        ws_head_parse(&h, (const unsigned char *)"\xc1\x80mask", 6, LIMIT, 1),
        WS_DONE);
    assert_int_equal(h.rsv1, 1);
    assert_int_equal(
        ws_head_parse(&h, (const unsigned char *)"\xc0", 1, LIMIT, 1),
        WS_PROTOCOL);
    assert_int_equal(
        ws_head_parse(&h, (const unsigned char *)"\xc9", 1, LIMIT, 1),
        WS_PROTOCOL);
}

static void an_unmasked_frame_is_refused(void **state)
{
    ws_head_t h;

    (void)state;
    assert_int_equal(PARSE(&h, "\x81\x05"), WS_PROTOCOL);
}

static void a_control_frame_is_whole_and_short(void **state)
{
    ws_head_t h;

    (void)state;
    assert_int_equal(PARSE(&h, "\x09"), WS_PROTOCOL); /* no FIN */
    assert_int_equal(PARSE(&h, "\x89\xfe"), WS_PROTOCOL);
    assert_int_equal(PARSE(&h, "\x89\xfdmask"), WS_DONE);
    assert_int_equal(h.len, 125);
}

static void a_length_not_written_in_the_shortest_way_is_refused(void **state)
{
    ws_head_t h;

    (void)state;
    assert_int_equal(PARSE(&h, "\x81\xfe\x00\x7d"), WS_PROTOCOL);
    assert_int_equal(PARSE(&h, "\x81\xff\0\0\0\0\0\0\xff\xff"), WS_PROTOCOL);
    assert_int_equal(PARSE(&h, "\x81\xff\x80\0\0\0\0\0\0\0"), WS_PROTOCOL);
}

static void a_length_above_the_limit_is_refused_before_the_payload(void **state)
{
    ws_head_t h;

    (void)state;
    assert_int_equal(PARSE(&h, "\x82\xff\0\0\0\0\0\x0f\x42\x41"), WS_TOO_BIG);
    assert_int_equal(PARSE(&h, "\x82\xff\0\0\0\0\0\x0f\x42\x40"), WS_MORE);
    assert_int_equal(PARSE(&h, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"),
                     WS_TOO_BIG);
}

static void a_control_frame_passes_any_limit(void **state)
{
    ws_head_t h;

    (void)state;
    assert_int_equal(
        ws_head_parse(&h, (const unsigned char *)"\x89\x85mask", 6, 1, 0),
        WS_DONE);
}

static void unmasking_in_pieces_gives_the_same_bytes(void **state)
{
    static const unsigned char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
    unsigned char data[64], reference[64];
    apr_size_t cut, i;

    (void)state;
    for (cut = 0; cut <= sizeof(data); cut++) {
        for (i = 0; i < sizeof(data); i++) {
            data[i] = (unsigned char)(i * 7);
            reference[i] = data[i] ^ mask[i % 4];
        }
        ws_unmask(data, cut, mask, 0);
        ws_unmask(data + cut, sizeof(data) - cut, mask, cut);
        assert_memory_equal(data, reference, sizeof(data));
    }
}

static ws_head_t frame(int opcode, int fin, apr_size_t len)
{
    ws_head_t h;

    memset(&h, 0, sizeof(h));
    h.opcode = opcode;
    h.fin = fin;
    h.len = len;
    return h;
}

static ws_result_t begin(ws_message_t *m, int opcode, int fin, apr_size_t len)
{
    ws_head_t h = frame(opcode, fin, len);

    return ws_message_begin(m, &h, 100);
}

static void a_continuation_needs_a_message(void **state)
{
    ws_message_t m = { 0 };

    (void)state;
    assert_int_equal(begin(&m, WS_CONTINUATION, 1, 1), WS_PROTOCOL);
}

static void a_message_cannot_begin_inside_another(void **state)
{
    ws_message_t m = { 0 };

    (void)state;
    assert_int_equal(begin(&m, WS_TEXT, 0, 1), WS_DONE);
    assert_int_equal(begin(&m, WS_BINARY, 1, 1), WS_PROTOCOL);
}

static void the_limit_holds_for_all_fragments_together(void **state)
{
    ws_message_t m = { 0 };

    (void)state;
    assert_int_equal(begin(&m, WS_BINARY, 0, 60), WS_DONE);
    assert_int_equal(begin(&m, WS_CONTINUATION, 0, 40), WS_DONE);
    assert_int_equal(begin(&m, WS_CONTINUATION, 0, 0), WS_DONE);
    assert_int_equal(begin(&m, WS_CONTINUATION, 1, 1), WS_TOO_BIG);
}

static void text_is_judged_across_fragments(void **state)
{
    ws_message_t m = { 0 };
    ws_head_t last = frame(WS_CONTINUATION, 1, 1);

    (void)state;
    begin(&m, WS_TEXT, 0, 2);
    assert_int_equal(ws_message_feed(&m, "\xce", 1), WS_DONE);
    assert_int_equal(ws_message_feed(&m, "\xba", 1), WS_DONE);
    assert_int_equal(ws_message_end(&m, &last), WS_DONE);
}

static void text_ends_at_the_end_of_a_character(void **state)
{
    ws_message_t m = { 0 };
    ws_head_t open = frame(WS_TEXT, 0, 1), last = frame(WS_CONTINUATION, 1, 0);

    (void)state;
    ws_message_begin(&m, &open, 100);
    ws_message_feed(&m, "\xce", 1);
    assert_int_equal(ws_message_end(&m, &open), WS_DONE);
    assert_int_equal(ws_message_end(&m, &last), WS_NOT_UTF8);
}

static void bad_text_shows_with_its_first_wrong_byte(void **state)
{
    ws_message_t m = { 0 };

    (void)state;
    begin(&m, WS_TEXT, 0, 4);
    assert_int_equal(ws_message_feed(&m, "\xf4", 1), WS_DONE);
    assert_int_equal(ws_message_feed(&m, "\x90", 1), WS_NOT_UTF8);
    assert_int_equal(ws_message_feed(&m, "a", 1), WS_NOT_UTF8);
}

static void binary_may_hold_anything(void **state)
{
    ws_message_t m = { 0 };
    ws_head_t h = frame(WS_BINARY, 1, 2);

    (void)state;
    assert_int_equal(ws_message_begin(&m, &h, 100), WS_DONE);
    assert_int_equal(ws_message_feed(&m, "\xff\xfe", 2), WS_DONE);
    assert_int_equal(ws_message_end(&m, &h), WS_DONE);
}

static ws_result_t close_of(int *code, int sent, const char *reason)
{
    unsigned char payload[130];
    apr_size_t len = strlen(reason);

    payload[0] = (unsigned char)(sent >> 8);
    payload[1] = (unsigned char)sent;
    memcpy(payload + 2, reason, len);
    return ws_close_parse(code, payload, 2 + len);
}

static void only_codes_for_the_wire_are_taken(void **state)
{
    static const int good[] = { 1000, 1001, 1002, 1003, 1007, 1008, 1009,
                                1010, 1011, 1012, 3000, 3999, 4000, 4999 };
    static const int bad[] = { 0,    999,  1004, 1005, 1006, 1015,
                               1016, 1100, 2000, 2999, 5000, 65535 };
    apr_size_t i;
    int code;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(close_of(&code, good[i], "x"), WS_DONE);
        assert_int_equal(code, good[i]);
    }
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(close_of(&code, bad[i], ""), WS_PROTOCOL);
    }
}

static void a_close_frame_has_no_code_or_a_whole_one(void **state)
{
    int code;

    (void)state;
    assert_int_equal(ws_close_parse(&code, (const unsigned char *)"", 0),
                     WS_DONE);
    assert_int_equal(code, WS_CODE_NONE);
    assert_int_equal(ws_close_parse(&code, (const unsigned char *)"\x03", 1),
                     WS_PROTOCOL);
}

static void a_close_reason_is_text(void **state)
{
    int code;

    (void)state;
    assert_int_equal(close_of(&code, 1000, "\xce\xba"), WS_DONE);
    assert_int_equal(close_of(&code, 1000, "\xce"), WS_NOT_UTF8);
}

static void our_headers_are_as_short_as_can_be(void **state)
{
    unsigned char out[WS_HEADER_MAX];

    (void)state;
    assert_int_equal(ws_header(out, 1, 0, WS_TEXT, 125), 2);
    assert_memory_equal(out, "\x81\x7d", 2);
    assert_int_equal(ws_header(out, 1, 0, WS_BINARY, 126), 4);
    assert_memory_equal(out, "\x82\x7e\x00\x7e", 4);
    assert_int_equal(ws_header(out, 0, 1, WS_TEXT, 65535), 4);
    assert_memory_equal(out, "\x41\x7e\xff\xff", 4);
    assert_int_equal(ws_header(out, 1, 0, WS_TEXT, 65536), 10);
    assert_memory_equal(out, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
}

static void the_accept_value_is_the_one_of_the_rfc(void **state)
{
    char out[WS_ACCEPT_LEN + 1];

    (void)state;
    ws_accept(out, "dGhlIHNhbXBsZSBub25jZQ==", 24);
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void a_key_is_sixteen_bytes(void **state)
{
    (void)state;
    assert_true(ws_key_valid("dGhlIHNhbXBsZSBub25jZQ==", 24));
    assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25jZQ=", 23));
    assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25jZQAA", 24));
    assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25j-Q==", 24));
    assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25j\0Q==", 24));
    assert_false(ws_key_valid("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_frame_is_understood),
        cmocka_unit_test(longer_lengths_take_two_and_eight_bytes),
        cmocka_unit_test(a_header_cut_anywhere_waits_for_the_rest),
        cmocka_unit_test(reserved_bits_are_refused_with_the_first_byte),
        cmocka_unit_test(reserved_opcodes_are_refused_with_the_first_byte),
        cmocka_unit_test(rsv1_marks_only_the_first_frame_of_a_message),
        cmocka_unit_test(an_unmasked_frame_is_refused),
        cmocka_unit_test(a_control_frame_is_whole_and_short),
        cmocka_unit_test(a_length_not_written_in_the_shortest_way_is_refused),
        cmocka_unit_test(
            a_length_above_the_limit_is_refused_before_the_payload),
        cmocka_unit_test(a_control_frame_passes_any_limit),
        cmocka_unit_test(unmasking_in_pieces_gives_the_same_bytes),
        cmocka_unit_test(a_continuation_needs_a_message),
        cmocka_unit_test(a_message_cannot_begin_inside_another),
        cmocka_unit_test(the_limit_holds_for_all_fragments_together),
        cmocka_unit_test(text_is_judged_across_fragments),
        cmocka_unit_test(text_ends_at_the_end_of_a_character),
        cmocka_unit_test(bad_text_shows_with_its_first_wrong_byte),
        cmocka_unit_test(binary_may_hold_anything),
        cmocka_unit_test(only_codes_for_the_wire_are_taken),
        cmocka_unit_test(a_close_frame_has_no_code_or_a_whole_one),
        cmocka_unit_test(a_close_reason_is_text),
        cmocka_unit_test(our_headers_are_as_short_as_can_be),
        cmocka_unit_test(the_accept_value_is_the_one_of_the_rfc),
        cmocka_unit_test(a_key_is_sixteen_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
