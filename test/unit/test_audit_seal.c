/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_audit_seal.c - seals, signed lines and memos of the audit log: what one
 * key has made for one place is good there and with that key only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "audit_entry.h"
#include "audit_seal.h"

#define A "a MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"
#define B "b QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=\n"
#define NOT_A "a QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=\n"

static apr_pool_t *pool;

static const chat_keyring_t *ring(const char *lines)
{
    chat_keyring_t *r = NULL;
    const char *why;

    assert_int_equal(chat_keyring_parse(&r, lines, &why, pool), APR_SUCCESS);
    return r;
}

static void a_seal_is_good_in_its_place(void **state)
{
    const char *hash = CHAT_AUDIT_GENESIS;
    char object[CHAT_AUDIT_SEAL_ROOM], changed[CHAT_AUDIT_SEAL_ROOM];
    char other[CHAT_SHA256_HEX];

    (void)state;
    assert_true(chat_audit_seal_make(object, ring(A), 8, hash));
    assert_memory_equal(object, "a ", 2);
    assert_int_equal(chat_audit_seal_check(object, ring(B A), 8, hash),
                     CHAT_AUDIT_SEAL_GOOD);
    assert_int_equal(chat_audit_seal_check(object, ring(A), 9, hash),
                     CHAT_AUDIT_SEAL_FORGED);
    strcpy(other, hash);
    other[63] = '1';
    assert_int_equal(chat_audit_seal_check(object, ring(A), 8, other),
                     CHAT_AUDIT_SEAL_FORGED);
    assert_int_equal(chat_audit_seal_check(object, ring(NOT_A), 8, hash),
                     CHAT_AUDIT_SEAL_FORGED);
    assert_int_equal(chat_audit_seal_check(object, ring(B), 8, hash),
                     CHAT_AUDIT_SEAL_UNKNOWN);
    for (size_t i = 2; object[i] != '\0'; i++) {
        strcpy(changed, object);
        changed[i] = changed[i] == '0' ? '1' : '0';
        assert_int_equal(chat_audit_seal_check(changed, ring(A), 8, hash),
                         CHAT_AUDIT_SEAL_FORGED);
    }
    assert_int_equal(chat_audit_seal_check("", ring(A), 8, hash),
                     CHAT_AUDIT_SEAL_FORGED);
    assert_int_equal(chat_audit_seal_check("a ", ring(A), 8, hash),
                     CHAT_AUDIT_SEAL_FORGED);
}

static void a_line_is_good_in_its_place(void **state)
{
    char mac[CHAT_SHA256_HEX];

    (void)state;
    assert_true(chat_audit_line_sign(mac, ring(A), "h.1.2.spool", 70, "x\ty", 3));
    assert_true(
        chat_audit_line_check(mac, ring(B A), "h.1.2.spool", 70, "x\ty", 3));
    assert_false(
        chat_audit_line_check(mac, ring(A), "h.1.2.spool", 71, "x\ty", 3));
    assert_false(
        chat_audit_line_check(mac, ring(A), "h.1.3.spool", 70, "x\ty", 3));
    assert_false(
        chat_audit_line_check(mac, ring(A), "h.1.2.spool", 70, "x\tz", 3));
    assert_false(
        chat_audit_line_check(mac, ring(B), "h.1.2.spool", 70, "x\ty", 3));
}

static void a_memo_is_read_back_or_not_at_all(void **state)
{
    const char *const bad[] = { "", "1", "x y z", "1 00 00",
                                "99999999999999999999 " CHAT_AUDIT_GENESIS
                                " " CHAT_AUDIT_GENESIS,
                                "1 " CHAT_AUDIT_GENESIS " " CHAT_AUDIT_GENESIS };
    char memo[192], hash[CHAT_SHA256_HEX] = "";
    apr_int64_t seq = 0;

    (void)state;
    assert_true(chat_audit_memo_make(memo, ring(A), 41, CHAT_AUDIT_GENESIS));
    assert_true(chat_audit_memo_read(&seq, hash, ring(B A),
                                     apr_pstrcat(pool, memo, "\n", NULL)));
    assert_int_equal(seq, 41);
    assert_string_equal(hash, CHAT_AUDIT_GENESIS);
    assert_false(chat_audit_memo_read(&seq, hash, ring(B), memo));
    memo[1] = '2';
    assert_false(chat_audit_memo_read(&seq, hash, ring(A), memo));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(chat_audit_memo_read(&seq, hash, ring(A), bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seal_is_good_in_its_place),
        cmocka_unit_test(a_line_is_good_in_its_place),
        cmocka_unit_test(a_memo_is_read_back_or_not_at_all),
    };

    apr_initialize();
    apr_pool_create(&pool, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
