/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_signature.c - the Pusher documents' own worked examples, and refusals.
 *
 * The examples stand in "Generating authentication strings" and in the "HTTP
 * API reference", all with the same key and secret. The presence page prints
 * the name "Mr. Channels" since Pusher's product was renamed, but its signature
 * is still the one of "Mr. Pusher", which is what is signed here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>

#include "signature.h"

#define KEY "278d425bdf160c739803"
#define SECRET "7ad3773142a6692b25b8"
#define PRIVATE_HEX                                                            \
    "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"

typedef struct {
    apr_pool_t *pool;
    chat_signer_t *signer;
} world_t;

static world_t world;

static int setup(void **state)
{
    (void)state;
    return apr_pool_create(&world.pool, NULL) != APR_SUCCESS ||
           chat_signer_create(&world.signer, SECRET, world.pool) != APR_SUCCESS;
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(world.pool);
    return 0;
}

static void a_private_channel_is_signed_as_documented(void **state)
{
    (void)state;
    assert_string_equal(chat_sign_channel(world.signer, KEY, "1234.1234",
                                          "private-foobar", NULL, world.pool),
                        KEY ":" PRIVATE_HEX);
}

static void a_presence_channel_is_signed_as_documented(void **state)
{
    (void)state;
    assert_string_equal(
        chat_sign_channel(
            world.signer, KEY, "1234.1234", "presence-foobar",
            "{\"user_id\":10,\"user_info\":{\"name\":\"Mr. Pusher\"}}",
            world.pool),
        KEY
        ":afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c");
}

static void a_user_is_signed_as_documented(void **state)
{
    (void)state;
    assert_string_equal(
        chat_sign_user(world.signer, KEY, "1234.1234", "{\"id\":\"12345\"}",
                       world.pool),
        KEY
        ":4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba");
}

static void a_request_is_signed_as_documented(void **state)
{
    static const char body[] = "{\"name\":\"foo\",\"channels\":[\"project-3\"],"
                               "\"data\":\"{\\\"some\\\":\\\"data\\\"}\"}";

    (void)state;
    assert_string_equal(
        chat_sign_request(world.signer, KEY, "POST", "/apps/3/events", body,
                          strlen(body), 1353088179, world.pool),
        "auth_key=" KEY "&auth_timestamp=1353088179&auth_version=1.0"
        "&body_md5=ec365a775a4cd0599faeb73354201b6f"
        "&auth_signature="
        "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c");
}

static void a_request_without_a_body_names_no_md5(void **state)
{
    char *query = chat_sign_request(world.signer, KEY, "GET",
                                    "/apps/3/channels", NULL, 0, 1353088179,
                                    world.pool);

    (void)state;
    assert_null(strstr(query, "body_md5"));
    assert_non_null(strstr(query, "&auth_version=1.0&auth_signature="));
}

/* A signer is used again and again; what it signed before must not matter. */
static void every_signature_starts_afresh(void **state)
{
    chat_piece_t rest[] = { { "leftover", 8 } };
    char hex[CHAT_SIGNATURE_HEX];
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        chat_sign(world.signer, hex, rest, 1);
        a_private_channel_is_signed_as_documented(state);
    }
    chat_sign(world.signer, hex, NULL, 0); /* of the empty message */
    a_private_channel_is_signed_as_documented(state);
}

static void pieces_are_signed_as_one_message(void **state)
{
    chat_piece_t pieces[] = {
        { "1234", 4 }, { "", 0 }, { ".1234:private", 13 }, { "-foobar", 7 }
    };
    char hex[CHAT_SIGNATURE_HEX];

    (void)state;
    chat_sign(world.signer, hex, pieces, 4);
    assert_string_equal(hex, PRIVATE_HEX);
}

static void only_the_whole_signature_in_lower_case_is_accepted(void **state)
{
    chat_piece_t message = { "1234.1234:private-foobar", 24 };
    char hex[] = PRIVATE_HEX;
    int i;

    (void)state;
    assert_true(chat_signed(world.signer, hex, 64, &message, 1));
    assert_false(chat_signed(world.signer, hex, 63, &message, 1));
    assert_false(chat_signed(world.signer, hex, 65, &message, 1));
    assert_false(chat_signed(world.signer, "", 0, &message, 1));
    for (i = 0; i < 64; i++) {
        hex[i] ^= 1;
        assert_false(chat_signed(world.signer, hex, 64, &message, 1));
        hex[i] ^= 1;
    }
    hex[2] = 'D'; /* 58df… */
    assert_false(chat_signed(world.signer, hex, 64, &message, 1));
}

static void a_signature_is_for_one_socket_channel_and_secret(void **state)
{
    chat_piece_t other_socket = { "1234.1235:private-foobar", 24 };
    chat_piece_t other_channel = { "1234.1234:private-foobaz", 24 };
    chat_piece_t message = { "1234.1234:private-foobar", 24 };
    chat_signer_t *other;

    (void)state;
    assert_int_equal(chat_signer_create(&other, "", world.pool), APR_SUCCESS);
    assert_false(chat_signed(world.signer, PRIVATE_HEX, 64, &other_socket, 1));
    assert_false(chat_signed(world.signer, PRIVATE_HEX, 64, &other_channel, 1));
    assert_false(chat_signed(other, PRIVATE_HEX, 64, &message, 1));
}

/* RFC 4231, case 6: keys longer than a block are hashed first. */
static void a_secret_longer_than_a_block_is_no_exception(void **state)
{
    chat_piece_t message = {
        "Test Using Larger Than Block-Size Key - Hash Key First", 54
    };
    char hex[CHAT_SIGNATURE_HEX];
    chat_signer_t *signer;
    char secret[132];

    (void)state;
    memset(secret, 0xaa, sizeof(secret) - 1);
    secret[131] = '\0';
    assert_int_equal(chat_signer_create(&signer, secret, world.pool),
                     APR_SUCCESS);
    chat_sign(signer, hex, &message, 1);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f"
                             "8e0bc6213728c5140546040f0ee37f54");
}

static void a_socket_id_is_two_numbers_and_a_dot(void **state)
{
    /* clang-format off */
    static const struct { const char *s; int valid; } rows[] = {
        { "1234.1234", 1 }, { "0.0", 1 },
        { "18446744073709551615.18446744073709551615", 1 },
        { "184467440737095516150.18446744073709551615", 0 },
        { "", 0 }, { ".", 0 }, { "1.", 0 }, { ".1", 0 }, { "1", 0 },
        { "1.2.3", 0 }, { "1..2", 0 }, { "-1.2", 0 }, { "1.2\n", 0 },
        { "1.2:private-x", 0 }, { "1,2", 0 }, { "a.b", 0 },
    };
    /* clang-format on */
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (chat_socket_id_valid(rows[i].s, strlen(rows[i].s)) !=
            rows[i].valid) {
            fail_msg("wrong about \"%s\"", rows[i].s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_private_channel_is_signed_as_documented),
        cmocka_unit_test(a_presence_channel_is_signed_as_documented),
        cmocka_unit_test(a_user_is_signed_as_documented),
        cmocka_unit_test(a_request_is_signed_as_documented),
        cmocka_unit_test(a_request_without_a_body_names_no_md5),
        cmocka_unit_test(every_signature_starts_afresh),
        cmocka_unit_test(pieces_are_signed_as_one_message),
        cmocka_unit_test(only_the_whole_signature_in_lower_case_is_accepted),
        cmocka_unit_test(a_signature_is_for_one_socket_channel_and_secret),
        cmocka_unit_test(a_secret_longer_than_a_block_is_no_exception),
        cmocka_unit_test(a_socket_id_is_two_numbers_and_a_dot),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, setup, teardown);
}
