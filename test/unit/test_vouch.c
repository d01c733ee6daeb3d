/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vouch.c - signed headers between the two programs, and the names of
 * log-ins in them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "vouch.h"

#define NOW 1790000000000
#define KEY "askkey"
#define WS "dGhlIHNhbXBsZSBub25jZQ=="
#define DIGEST                                                                 \
    "0123456789abcdef0123456789abcdef"                                         \
    "fedcba9876543210fedcba9876543210"

static apr_pool_t *pool;
static chat_signer_t *signer, *stranger;

static int setup(void **state)
{
    (void)state;
    apr_initialize();
    apr_pool_create(&pool, NULL);
    return chat_signer_create(&signer, "secret", pool) ||
           chat_signer_create(&stranger, "another", pool);
}

static int teardown(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

static chat_identity_t usual(void)
{
    chat_identity_t id = { .user = "7", .until = 1800000000 };

    assert_true(chat_identity_session(id.session, CHAT_SESSION_COOKIE, DIGEST));
    return id;
}

/* Whether a header is believed for an upgrade. */
static int believed(const char *text, const char *key, const char *ws_key)
{
    chat_piece_t pieces[CHAT_VOUCH_PIECES];
    chat_vouch_t v;
    int n;

    if (!chat_vouch_identity_parse(&v, text, strlen(text))) {
        return 0;
    }
    n = chat_vouch_identity_pieces(pieces, &v, key, strlen(key), ws_key,
                                   strlen(ws_key));
    return chat_signed(signer, v.signature, CHAT_SIGNATURE_HEX - 1, pieces, n);
}

static void what_is_vouched_for_arrives(void **state)
{
    const chat_identity_t id = usual();
    const char *text = chat_vouch_identity(signer, &id, KEY, WS, NOW, pool);
    chat_vouch_t v;

    (void)state;
    assert_true(strlen(text) <= CHAT_VOUCH_MAX);
    assert_true(chat_vouch_identity_parse(&v, text, strlen(text)));
    assert_string_equal(v.identity.user, "7");
    assert_string_equal(v.identity.session,
                        "s0123456789abcdef0123456789abcdef");
    assert_int_equal(v.identity.until, 1800000000);
    assert_int_equal(v.issued, NOW);
    assert_true(believed(text, KEY, WS));
}

static void the_longest_fits(void **state)
{
    chat_identity_t id = { .until = 999999999999999999 };
    const char *text;

    (void)state;
    memset(id.user, 'a', CHAT_IDENTITY_USER);
    assert_true(
        chat_identity_session(id.session, CHAT_SESSION_APACHE, id.user));
    text = chat_vouch_identity(signer, &id, KEY, WS, 999999999999999999, pool);
    assert_true(strlen(text) <= CHAT_VOUCH_MAX);
    assert_true(believed(text, KEY, WS));
}

static void it_holds_for_its_own_upgrade_and_app_only(void **state)
{
    const chat_identity_t id = usual();
    const char *text = chat_vouch_identity(signer, &id, KEY, WS, NOW, pool);

    (void)state;
    assert_false(believed(text, KEY, "AGhlIHNhbXBsZSBub25jZQ=="));
    assert_false(believed(text, "other", WS));
    assert_false(believed(text, "", WS "|" KEY));
    assert_false(believed(
        chat_vouch_identity(stranger, &id, KEY, WS, NOW, pool), KEY, WS));
}

static void every_byte_counts(void **state)
{
    const chat_identity_t id = usual();
    char *text = chat_vouch_identity(signer, &id, KEY, WS, NOW, pool);
    apr_size_t i;

    (void)state;
    for (i = 0; text[i] != '\0'; i++) {
        const char was = text[i];

        text[i] = was == '1' ? '2' : '1';
        assert_false(believed(text, KEY, WS));
        text[i] = was;
        if (i + 1 < strlen(text)) {
            assert_false(believed(apr_pstrmemdup(pool, text, i + 1), KEY, WS));
        }
    }
    assert_false(believed(apr_pstrcat(pool, text, "0", NULL), KEY, WS));
    assert_true(believed(text, KEY, WS));
}

/* Two upgrades in one millisecond by one person: neither is a repetition. */
static void no_two_are_the_same(void **state)
{
    const chat_identity_t id = usual();

    (void)state;
    assert_string_not_equal(
        chat_vouch_identity(signer, &id, KEY, WS, NOW, pool),
        chat_vouch_identity(signer, &id, KEY, WS, NOW, pool));
}

static void it_is_believed_for_half_a_minute(void **state)
{
    chat_vouch_t v = { .issued = NOW };

    (void)state;
    assert_true(chat_vouch_fresh(&v, NOW));
    assert_true(chat_vouch_fresh(&v, NOW + CHAT_VOUCH_MS - 1));
    assert_false(chat_vouch_fresh(&v, NOW + CHAT_VOUCH_MS));
    assert_true(chat_vouch_fresh(&v, NOW - CHAT_VOUCH_MS + 1));
    assert_false(chat_vouch_fresh(&v, NOW - CHAT_VOUCH_MS));
}

static void what_is_no_identity_is_refused(void **state)
{
#define MAC DIGEST
    static const char *const wrong[] = {
        "",
        ".",
        "1",
        "2.1.0123456789abcdef.0.s1.7." MAC,
        "1.01.0123456789abcdef.0.s1.7." MAC,
        "1.-1.0123456789abcdef.0.s1.7." MAC,
        "1.1234567890123456789.0123456789abcdef.0.s1.7." MAC,
        "1.1.0123456789abcde.0.s1.7." MAC,
        "1.1.0123456789ABCDEF.0.s1.7." MAC,
        "1.1.0123456789abcdef..s1.7." MAC,
        "1.1.0123456789abcdef.0.s.7." MAC,
        "1.1.0123456789abcdef.0.x1.7." MAC,
        "1.1.0123456789abcdef.0.s1.." MAC,
        "1.1.0123456789abcdef.0.s1.a b." MAC,
        "1.1.0123456789abcdef.0.s1.7.8." MAC,
        "1.1.0123456789abcdef.0.s1.7",
        "1.1." MAC,
    };
    chat_vouch_t v;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(chat_vouch_identity_parse(&v, wrong[i], strlen(wrong[i])));
    }
    assert_true(chat_vouch_identity_parse(
        &v, "1.1.0123456789abcdef.0.s1.7." MAC,
        sizeof("1.1.0123456789abcdef.0.s1.7." MAC) - 1));
}

static void nobody_is_not_vouched_for(void **state)
{
    chat_identity_t id = usual();

    (void)state;
    id.user[0] = '\0';
    assert_null(chat_vouch_identity(signer, &id, KEY, WS, NOW, pool));
    id = usual();
    id.session[0] = '\0';
    assert_null(chat_vouch_identity(signer, &id, KEY, WS, NOW, pool));
}

static void a_question_holds_for_its_socket_and_channel(void **state)
{
    static const char channel[] = "private.conversation.7";
    chat_piece_t pieces[CHAT_VOUCH_PIECES];
    char text[CHAT_VOUCH_MAX];
    chat_vouch_t v;
    int n;

    (void)state;
    chat_vouch_question(text, signer, "1.2", channel, strlen(channel), NOW);
    assert_true(chat_vouch_question_parse(&v, text, strlen(text)));
    assert_int_equal(v.issued, NOW);
    n = chat_vouch_question_pieces(pieces, &v, "1.2", 3, channel,
                                   strlen(channel));
    assert_true(
        chat_signed(signer, v.signature, CHAT_SIGNATURE_HEX - 1, pieces, n));
    n = chat_vouch_question_pieces(pieces, &v, "1.3", 3, channel,
                                   strlen(channel));
    assert_false(
        chat_signed(signer, v.signature, CHAT_SIGNATURE_HEX - 1, pieces, n));
    n = chat_vouch_question_pieces(pieces, &v, "1.2", 3, channel,
                                   strlen(channel) - 1);
    assert_false(
        chat_signed(signer, v.signature, CHAT_SIGNATURE_HEX - 1, pieces, n));
    /* Nor is it an identity. */
    n = chat_vouch_identity_pieces(pieces, &v, channel, strlen(channel), "1.2",
                                   3);
    assert_false(
        chat_signed(signer, v.signature, CHAT_SIGNATURE_HEX - 1, pieces, n));
    assert_false(chat_vouch_identity_parse(&v, text, strlen(text)));
}

static void log_ins_have_names_that_open_nothing(void **state)
{
    char out[CHAT_IDENTITY_SESSION + 1];

    (void)state;
    assert_true(chat_identity_session(out, CHAT_SESSION_TOKEN, DIGEST));
    assert_string_equal(out, "t0123456789abcdef0123456789abcdef");
    assert_true(chat_identity_session_valid(out, strlen(out)));
    assert_true(chat_identity_session(out, CHAT_SESSION_APACHE, "ab-7"));
    assert_string_equal(out, "uab-7");
    assert_false(chat_identity_session(out, CHAT_SESSION_COOKIE, "0123"));
    assert_string_equal(out, "");
    assert_false(chat_identity_session(out, CHAT_SESSION_APACHE, "a b"));
    assert_false(chat_identity_session_valid("s", 1));
    assert_false(chat_identity_session_valid("s\0a", 3));
    assert_false(chat_identity_session_valid("q1", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_vouched_for_arrives),
        cmocka_unit_test(the_longest_fits),
        cmocka_unit_test(it_holds_for_its_own_upgrade_and_app_only),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(no_two_are_the_same),
        cmocka_unit_test(it_is_believed_for_half_a_minute),
        cmocka_unit_test(what_is_no_identity_is_refused),
        cmocka_unit_test(nobody_is_not_vouched_for),
        cmocka_unit_test(a_question_holds_for_its_socket_and_channel),
        cmocka_unit_test(log_ins_have_names_that_open_nothing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
