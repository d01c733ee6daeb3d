/* SPDX-License-Identifier: Apache-2.0 */
/* Values of PostgreSQL in binary. The texts are what PostgreSQL 15 says for the bytes
 * of its own _send functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "db_binary.h"

enum {
    BOOL = 16,
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    TEXT = 25,
    FLOAT8 = 701,
    STAMP = 1114,
    STAMPTZ = 1184,
    UUID = 2950,
    JSONB = 3802
};

/* Bytes of hexadecimal digits. @return how many */
static apr_size_t unhex(char *to, const char *hex)
{
    static const char digits[] = "0123456789abcdef";
    apr_size_t n = 0;

    for (; hex[2 * n] != '\0'; n++) {
        to[n] = (char)((strchr(digits, hex[2 * n]) - digits) << 4 |
                       (strchr(digits, hex[2 * n + 1]) - digits));
    }
    return n;
}

static void texts(void **state)
{
    static const struct {
        unsigned type;
        const char *hex, *text;
    } cases[] = {
        { STAMP, "0000000000000000", "2000-01-01 00:00:00" },
        { STAMP, "000004b6fe7a7fff", "2000-02-29 23:59:59.999999" },
        { STAMP, "000004b6fe7a8000", "2000-03-01 00:00:00" },
        { STAMP, "fffffffffff85ee0", "1999-12-31 23:59:59.5" },
        { STAMP, "0003046b9d5ae2f8", "2026-11-29 16:32:58.123" },
        { STAMP, "fff4ce874dc2f000", "1900-02-28 12:00:00" },
        { STAMP, "fff4ce915caea000", "1900-03-01 00:00:00" },
        { STAMP, "000b3ab46497a001", "2100-02-28 00:00:00.000001" },
        { STAMP, "000b3ac8826f0000", "2100-03-01 00:00:00" },
        { STAMP, "002cdcfd0e4c8000", "2400-02-29 00:00:00" },
        { STAMP, "fffca2fec4c82000", "1970-01-01 00:00:00" },
        { STAMP, "0002cd987ec53dc0", "2024-12-31 23:59:59" },
        { STAMP, "ff1fe2ffc59c6000", "0001-01-01 00:00:00" },
        { STAMP, "ff1fe2eba7c50000", "0001-12-31 00:00:00 BC" },
        { STAMP, "ff1f5811ae2d6000", "0005-02-29 00:00:00 BC" },
        { STAMP, "fd0f9983eb0ae000", "4713-11-24 00:00:00 BC" },
        { STAMP, "0380e70b913d06a0", "10000-01-01 00:00:00.1" },
        { STAMP, "7fffff5bb3b29fff", "294276-12-31 23:59:59.999999" },
        { STAMP, "7fffffffffffffff", "infinity" },
        { STAMP, "8000000000000000", "-infinity" },
        { STAMPTZ, "0003046b9d5ae2f8", "2026-11-29 16:32:58.123+00" },
        { STAMPTZ, "ff1fe2eba7c50000", "0001-12-31 00:00:00+00 BC" },
        { STAMPTZ, "7fffffffffffffff", "infinity" },
        { INT8, "0000000000000000", "0" },
        { INT8, "7fffffffffffffff", "9223372036854775807" },
        { INT8, "8000000000000000", "-9223372036854775808" },
        { INT4, "ffffffff", "-1" },
        { INT4, "7fffffff", "2147483647" },
        { INT4, "80000000", "-2147483648" },
        { INT2, "00ff", "255" },
        { INT2, "8000", "-32768" },
        { BOOL, "01", "t" },
        { BOOL, "00", "f" },
        { UUID, "0123456789abcdeffedcba9876543210",
          "01234567-89ab-cdef-fedc-ba9876543210" },
    };
    char bytes[16], to[CHAT_DB_BINARY_TEXT];

    (void)state;
    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        apr_size_t len = unhex(bytes, cases[i].hex);

        assert_int_equal(chat_db_binary_kind(cases[i].type),
                         CHAT_DB_BINARY_MADE);
        assert_true(chat_db_binary_text(to, cases[i].type, bytes, len));
        assert_string_equal(to, cases[i].text);
    }
}

/* Every day of two eras follows the one before it. */
static void days(void **state)
{
    int year = 1600, month = 1, day = 1;

    (void)state;
    for (long long n = -146097; n < 146097; n++) {
        static const int longest[] = { 31, 28, 31, 30, 31, 30,
                                       31, 31, 30, 31, 30, 31 };
        unsigned long long at = (unsigned long long)(n * 86400 * 1000000LL);
        int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        char bytes[8], to[CHAT_DB_BINARY_TEXT], expected[64];

        for (int i = 0; i < 8; i++) {
            bytes[i] = (char)(at >> (56 - 8 * i));
        }
        assert_true(chat_db_binary_text(to, STAMP, bytes, 8));
        snprintf(expected, sizeof(expected), "%04d-%02d-%02d 00:00:00", year,
                 month, day);
        assert_string_equal(to, expected);
        if (++day > longest[month - 1] + (month == 2 && leap)) {
            day = 1;
            if (++month > 12) {
                month = 1;
                year++;
            }
        }
    }
    assert_int_equal(year, 2400);
}

static void kinds(void **state)
{
    char to[CHAT_DB_BINARY_TEXT] = "as it was";

    (void)state;
    assert_int_equal(chat_db_binary_kind(TEXT), CHAT_DB_BINARY_SAME);
    assert_int_equal(chat_db_binary_kind(FLOAT8), CHAT_DB_BINARY_NOT);
    assert_int_equal(chat_db_binary_kind(JSONB), CHAT_DB_BINARY_NOT);
    assert_false(chat_db_binary_text(to, INT4, "\0\0\0\1\0", 5));
    assert_false(chat_db_binary_text(to, UUID, "\0\0\0\1", 4));
    assert_false(chat_db_binary_text(to, STAMP, "", 0));
    assert_string_equal(to, "as it was");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(days),
        cmocka_unit_test(kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
