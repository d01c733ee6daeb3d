/* SPDX-License-Identifier: Apache-2.0 */
/* db_binary.c - see db_binary.h. */
#include "db_binary.h"

#include <string.h>

/* src/include/catalog/pg_type.dat: these never change. */
enum {
    T_BOOL = 16,
    T_NAME = 19,
    T_INT8 = 20,
    T_INT2 = 21,
    T_INT4 = 23,
    T_TEXT = 25,
    T_JSON = 114,
    T_BPCHAR = 1042,
    T_VARCHAR = 1043,
    T_TIMESTAMP = 1114,
    T_TIMESTAMPTZ = 1184,
    T_UUID = 2950
};

#define SECOND 1000000LL /* of microseconds, the unit of time stamps */
#define DAY (86400 * SECOND)

chat_db_binary_t chat_db_binary_kind(unsigned type)
{
    switch (type) {
    case T_NAME:
    case T_TEXT:
    case T_JSON:
    case T_BPCHAR:
    case T_VARCHAR:
        return CHAT_DB_BINARY_SAME;
    case T_BOOL:
    case T_INT8:
    case T_INT2:
    case T_INT4:
    case T_TIMESTAMP:
    case T_TIMESTAMPTZ:
    case T_UUID:
        return CHAT_DB_BINARY_MADE;
    default:
        return CHAT_DB_BINARY_NOT;
    }
}

/* Big-endian, two's complement, of 2, 4 or 8 bytes. */
static apr_int64_t number_of(const char *bytes, apr_size_t len)
{
    apr_uint64_t n = (bytes[0] & 0x80) != 0 ? ~(apr_uint64_t)0 : 0;

    while (len-- > 0) {
        n = n << 8 | (unsigned char)*bytes++;
    }
    return (apr_int64_t)n;
}

/* At least `width` digits. @return behind the last one */
static char *digits_put(char *to, apr_uint64_t n, int width)
{
    char reversed[20];
    int len = 0;

    do {
        reversed[len++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    for (; width > len; width--) {
        *to++ = '0';
    }
    while (len > 0) {
        *to++ = reversed[--len];
    }
    return to;
}

static char *number_put(char *to, apr_int64_t n)
{
    apr_uint64_t size = (apr_uint64_t)n;

    if (n < 0) {
        *to++ = '-';
        size = 0 - size;
    }
    return digits_put(to, size, 1);
}

static char *two_put(char *to, char before, unsigned n)
{
    *to++ = before;
    *to++ = (char)('0' + n / 10 % 10);
    *to++ = (char)('0' + n % 10);
    return to;
}

/* A day of the proleptic Gregorian calendar, which repeats every 400 years of
 * 146,097 days; years are counted from March, so that a leap day is their last.
 * @param days  since 2000-03-01. @param bc  set for years before 1 */
static char *date_put(char *to, apr_int64_t days, int *bc)
{
    apr_int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    apr_int64_t day = days - era * 146097; /* 0 to 146096 */
    apr_int64_t of_era = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    apr_int64_t of_year = day - (365 * of_era + of_era / 4 - of_era / 100);
    unsigned march = (unsigned)((5 * of_year + 2) / 153); /* 0: March */
    unsigned month = march < 10 ? march + 3 : march - 9;
    apr_int64_t year = 2000 + of_era + era * 400 + (month <= 2);

    *bc = year <= 0; /* there is no year 0 */
    to = digits_put(to, (apr_uint64_t)(*bc ? 1 - year : year), 4);
    to = two_put(to, '-', month);
    return two_put(to, '-', (unsigned)(of_year - (153 * march + 2) / 5 + 1));
}

static char *fraction_put(char *to, apr_uint64_t micros)
{
    if (micros > 0) {
        *to++ = '.';
        to = digits_put(to, micros, 6);
        while (to[-1] == '0') {
            to--;
        }
    }
    return to;
}

/* @param at  microseconds since 2000-01-01 00:00 */
static char *time_put(char *to, apr_int64_t at, const char *zone)
{
    apr_int64_t days = at / DAY, rest = at % DAY;
    apr_uint64_t seconds;
    int bc;

    if (at == APR_INT64_MAX || at == APR_INT64_MIN) {
        const char *word = at > 0 ? "infinity" : "-infinity";

        memcpy(to, word, strlen(word));
        return to + strlen(word);
    }
    if (rest < 0) {
        rest += DAY;
        days--;
    }
    seconds = (apr_uint64_t)rest / SECOND;
    to = date_put(to, days - 60, &bc); /* January and a February of 29 days */
    to = two_put(to, ' ', (unsigned)(seconds / 3600));
    to = two_put(to, ':', (unsigned)(seconds / 60 % 60));
    to = two_put(to, ':', (unsigned)(seconds % 60));
    to = fraction_put(to, (apr_uint64_t)rest % SECOND);
    memcpy(to, zone, strlen(zone));
    to += strlen(zone);
    if (bc) {
        memcpy(to, " BC", 3);
        to += 3;
    }
    return to;
}

static char *uuid_put(char *to, const char *bytes)
{
    static const char hex[] = "0123456789abcdef";

    for (int i = 0; i < 16; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *to++ = '-';
        }
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    return to;
}

static apr_size_t size_of(unsigned type)
{
    switch (type) {
    case T_BOOL:
        return 1;
    case T_INT2:
        return 2;
    case T_INT4:
        return 4;
    case T_UUID:
        return 16;
    default:
        return 8;
    }
}

int chat_db_binary_text(char to[CHAT_DB_BINARY_TEXT], unsigned type,
                        const char *bytes, apr_size_t len)
{
    char *end;

    if (len != size_of(type)) {
        return 0;
    }
    switch (type) {
    case T_BOOL:
        end = to;
        *end++ = *bytes != 0 ? 't' : 'f';
        break;
    case T_UUID:
        end = uuid_put(to, bytes);
        break;
    case T_TIMESTAMP:
        end = time_put(to, number_of(bytes, len), "");
        break;
    case T_TIMESTAMPTZ:
        end = time_put(to, number_of(bytes, len), "+00");
        break;
    default:
        end = number_put(to, number_of(bytes, len));
        break;
    }
    *end = '\0';
    return 1;
}
