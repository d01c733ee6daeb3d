/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_handoff.c - the messages between mod_chat and chat-push, both ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "handoff.h"

#define HEAD "GET /app/key HTTP/1.1\r\nHost: h\r\n\r\n"
#define USER "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"
#define SESSION "s0123456789abcdef0123456789abcdef"
#define EARLY "\x81\x80\0\0\0\0"

static const chat_handoff_t usual = {
    .secure = 1,
    .address = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7 },
    .port = 51234,
    .identity = { .user = USER, .session = SESSION, .until = 0x123456789a },
    .head = HEAD,
    .head_len = sizeof(HEAD) - 1,
    .early = EARLY,
    .early_len = sizeof(EARLY) - 1,
};

/* A whole GIVE as it goes over the socket; malloc'ed, so that the sanitizers
 * see a read past its end. @return its length */
static apr_size_t whole(unsigned char **out, const chat_handoff_t *m)
{
    unsigned char front[CHAT_HANDOFF_FRONT];
    apr_size_t n = chat_handoff_front(front, m);

    assert_true(n > 0);
    *out = malloc(n + m->head_len + m->early_len);
    memcpy(*out, front, n);
    memcpy(*out + n, m->head, m->head_len);
    memcpy(*out + n + m->head_len, m->early, m->early_len);
    return n + m->head_len + m->early_len;
}

static chat_handoff_result_t parse(const unsigned char *buf, apr_size_t len)
{
    chat_handoff_kind_t kind;
    chat_handoff_t m;

    return chat_handoff_parse(&kind, &m, buf, len);
}

static void what_is_given_arrives(void **state)
{
    chat_handoff_kind_t kind = 0;
    unsigned char *buf;
    chat_handoff_t m;
    apr_size_t len = whole(&buf, &usual);

    (void)state;
    assert_int_equal(chat_handoff_parse(&kind, &m, buf, len), CHAT_HANDOFF_OK);
    assert_int_equal(kind, CHAT_HANDOFF_GIVE);
    assert_true(m.secure);
    assert_memory_equal(m.address, usual.address, 16);
    assert_int_equal(m.port, 51234);
    assert_string_equal(m.identity.user, USER);
    assert_string_equal(m.identity.session, SESSION);
    assert_int_equal(m.identity.until, 0x123456789a);
    assert_int_equal(m.head_len, sizeof(HEAD) - 1);
    assert_memory_equal(m.head, HEAD, sizeof(HEAD) - 1);
    assert_int_equal(m.early_len, sizeof(EARLY) - 1);
    assert_memory_equal(m.early, EARLY, sizeof(EARLY) - 1);
    assert_ptr_equal(m.early, m.head + m.head_len);
    free(buf);
}

static void nobody_and_nothing_early_is_fine_too(void **state)
{
    chat_handoff_t m = { .head = "x", .head_len = 1, .early = "" };
    chat_handoff_kind_t kind;
    unsigned char *buf;
    apr_size_t len = whole(&buf, &m);

    (void)state;
    assert_int_equal(chat_handoff_parse(&kind, &m, buf, len), CHAT_HANDOFF_OK);
    assert_string_equal(m.identity.user, "");
    assert_string_equal(m.identity.session, "");
    assert_int_equal(m.early_len, 0);
    assert_false(m.secure);
    free(buf);
}

static void the_largest_fits_and_no_larger(void **state)
{
    static char bytes[CHAT_HANDOFF_EARLY + 1];
    unsigned char front[CHAT_HANDOFF_FRONT];
    chat_handoff_t m = { .head = bytes,
                         .head_len = CHAT_HANDOFF_HEAD,
                         .early = bytes,
                         .early_len = CHAT_HANDOFF_EARLY };
    unsigned char *buf;

    (void)state;
    memset(bytes, 'a', sizeof(bytes));
    memset(m.identity.user, 'a', CHAT_IDENTITY_USER);
    memset(m.identity.session, 'u', CHAT_IDENTITY_SESSION);
    m.identity.until = APR_INT64_MAX;
    assert_int_equal(whole(&buf, &m), CHAT_HANDOFF_MAX);
    assert_int_equal(parse(buf, CHAT_HANDOFF_MAX), CHAT_HANDOFF_OK);
    free(buf);
    m.early_len++;
    assert_int_equal(chat_handoff_front(front, &m), 0);
    m.early_len = 0;
    m.head_len++;
    assert_int_equal(chat_handoff_front(front, &m), 0);
    m.head_len = 1;
    m.head_len = 0;
    assert_int_equal(chat_handoff_front(front, &m), 0);
}

/* It is written into the names of channels and into log lines. */
static void an_id_with_other_characters_is_no_id(void **state)
{
    static const char *const wrong[] = { "a b", "7\n", "a.b", "\xc3\xa9" };
    unsigned char front[CHAT_HANDOFF_FRONT];
    chat_handoff_t m = usual;
    unsigned char *buf;
    apr_size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        strcpy(m.identity.user, wrong[i]);
        assert_int_equal(chat_handoff_front(front, &m), 0);
    }
    len = whole(&buf, &usual);
    for (int c = 0; c < 256; c++) {
        int good = strchr("-_", c) != NULL
                       ? c != 0
                       : (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                             (c >= 'a' && c <= 'z');

        buf[44] = (unsigned char)c;
        assert_int_equal(parse(buf, len),
                         good ? CHAT_HANDOFF_OK : CHAT_HANDOFF_BAD);
    }
    free(buf);
}

/* Nobody has no log-in, and a log-in has a name of ours. */
static void a_log_in_without_a_user_is_refused(void **state)
{
    unsigned char front[CHAT_HANDOFF_FRONT];
    chat_handoff_t m = usual;

    (void)state;
    m.identity.user[0] = '\0';
    assert_int_equal(chat_handoff_front(front, &m), 0);
    m.identity.session[0] = '\0';
    assert_int_equal(chat_handoff_front(front, &m), 0);
    m.identity.until = 0;
    assert_true(chat_handoff_front(front, &m) > 0);
    m = usual;
    m.identity.session[0] = 'x';
    assert_int_equal(chat_handoff_front(front, &m), 0);
    m = usual;
    m.identity.until = -1;
    assert_int_equal(chat_handoff_front(front, &m), 0);
}

static void a_message_cut_anywhere_is_refused(void **state)
{
    unsigned char *buf, *cut;
    apr_size_t len = whole(&buf, &usual);

    (void)state;
    for (apr_size_t n = 0; n < len; n++) {
        cut = malloc(n > 0 ? n : 1);
        memcpy(cut, buf, n);
        assert_int_equal(parse(cut, n), CHAT_HANDOFF_BAD);
        free(cut);
    }
    free(buf);
}

static void lengths_that_lie_are_refused(void **state)
{
    static const struct {
        int at;
        unsigned char bytes[4];
    } lies[] = {
        { 8, { 0xff, 0xff, 0xff, 0xff } },
        { 12, { 0xff, 0xff, 0xff, 0xff } },
        { 8, { 0, 0, 0, 0 } },
        { 8, { 0, 0, 0x40, 1 } },
        { 12, { 0, 1, 0, 1 } },
        { 12, { 0x80, 0, 0, 0 } },
        { 8, { 0, 0, 0, sizeof(HEAD) } },
        { 12, { 0, 0, 0, 0 } },
        { 5, { 35, 0xc8, 0x22, 0 } },
        { 5, { 255, 0xc8, 0x22, 0 } },
        { 4, { 3, 36, 0xc8, 0x22 } },
        { 32, { 0x80, 0, 0, 0 } },
        { 40, { 32, 0, 0, 0 } },
        { 40, { 34, 0, 0, 0 } },
        { 40, { 0, 0, 0, 0 } },
        { 40, { 33, 0, 0, 1 } },
        { 40, { 33, 1, 0, 0 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        unsigned char *buf;
        apr_size_t len = whole(&buf, &usual);

        memcpy(buf + lies[i].at, lies[i].bytes, 4);
        assert_int_equal(parse(buf, len), CHAT_HANDOFF_BAD);
        free(buf);
    }
}

static void asking_and_answering_are_understood(void **state)
{
    unsigned char buf[CHAT_HANDOFF_SHORT];
    chat_handoff_verdict_t verdict;
    chat_handoff_kind_t kind = 0;
    chat_handoff_t m;
    int v;

    (void)state;
    assert_int_equal(chat_handoff_ask(buf), sizeof(buf));
    assert_int_equal(chat_handoff_parse(&kind, &m, buf, sizeof(buf)),
                     CHAT_HANDOFF_OK);
    assert_int_equal(kind, CHAT_HANDOFF_ASK);
    for (v = 0; v < CHAT_HANDOFF_VERDICTS; v++) {
        assert_int_equal(chat_handoff_answer(buf, v), sizeof(buf));
        assert_int_equal(chat_handoff_parse_answer(&verdict, buf, sizeof(buf)),
                         CHAT_HANDOFF_OK);
        assert_int_equal(verdict, v);
        /* Neither is the other's. */
        assert_int_equal(parse(buf, sizeof(buf)), CHAT_HANDOFF_BAD);
    }
    buf[4] = CHAT_HANDOFF_VERDICTS;
    assert_int_equal(chat_handoff_parse_answer(&verdict, buf, sizeof(buf)),
                     CHAT_HANDOFF_BAD);
    chat_handoff_ask(buf);
    assert_int_equal(chat_handoff_parse_answer(&verdict, buf, sizeof(buf)),
                     CHAT_HANDOFF_BAD);
    buf[7] = 1;
    assert_int_equal(parse(buf, sizeof(buf)), CHAT_HANDOFF_BAD);
}

/* Of two programs of different age each must say so, and not guess. */
static void another_version_is_known_by_its_first_bytes(void **state)
{
    unsigned char buf[CHAT_HANDOFF_SHORT];
    chat_handoff_verdict_t verdict;

    (void)state;
    chat_handoff_ask(buf);
    buf[2] = CHAT_HANDOFF_VERSION + 1;
    buf[6] = 9;
    assert_int_equal(parse(buf, sizeof(buf)), CHAT_HANDOFF_OTHER);
    assert_int_equal(parse(buf, 4), CHAT_HANDOFF_OTHER);
    chat_handoff_answer(buf, CHAT_HANDOFF_YES);
    buf[2] = CHAT_HANDOFF_VERSION + 1;
    assert_int_equal(chat_handoff_parse_answer(&verdict, buf, sizeof(buf)),
                     CHAT_HANDOFF_OTHER);
    buf[0] = 'c';
    assert_int_equal(chat_handoff_parse_answer(&verdict, buf, sizeof(buf)),
                     CHAT_HANDOFF_BAD);
    assert_int_equal(parse(buf, sizeof(buf)), CHAT_HANDOFF_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_given_arrives),
        cmocka_unit_test(nobody_and_nothing_early_is_fine_too),
        cmocka_unit_test(the_largest_fits_and_no_larger),
        cmocka_unit_test(an_id_with_other_characters_is_no_id),
        cmocka_unit_test(a_log_in_without_a_user_is_refused),
        cmocka_unit_test(a_message_cut_anywhere_is_refused),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(asking_and_answering_are_understood),
        cmocka_unit_test(another_version_is_known_by_its_first_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
