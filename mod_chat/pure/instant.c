/* SPDX-License-Identifier: Apache-2.0 */
/* instant.c - RFC 3339, see instant.h. */
#include "instant.h"

#include <string.h>

/* `n` digits. @return 0 when there are fewer */
static int digits(int *to, const char **at, int n)
{
    *to = 0;
    for (; n > 0; n--, (*at)++) {
        if (**at < '0' || **at > '9') {
            return 0;
        }
        *to = *to * 10 + (**at - '0');
    }
    return 1;
}

static int one(const char **at, const char *of)
{
    if (**at == '\0' || strchr(of, **at) == NULL) {
        return 0;
    }
    (*at)++;
    return 1;
}

static int days_in(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30,
                                31, 31, 30, 31, 30, 31 };
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

static int date(apr_time_exp_t *t, const char **at)
{
    int year, month, day;

    if (!digits(&year, at, 4) || !one(at, "-") || !digits(&month, at, 2) ||
        !one(at, "-") || !digits(&day, at, 2) || year < 1970 || month < 1 ||
        month > 12 || day < 1 || day > days_in(year, month)) {
        return 0;
    }
    t->tm_year = year - 1900;
    t->tm_mon = month - 1;
    t->tm_mday = day;
    return 1;
}

static int clock_time(apr_time_exp_t *t, const char **at)
{
    return digits(&t->tm_hour, at, 2) && one(at, ":") &&
           digits(&t->tm_min, at, 2) && one(at, ":") &&
           digits(&t->tm_sec, at, 2) && t->tm_hour < 24 && t->tm_min < 60 &&
           t->tm_sec < 60;
}

/* @param seconds  east of Greenwich */
static int zone(int *seconds, const char **at)
{
    int sign = **at == '-' ? -1 : 1, hours, minutes;

    *seconds = 0;
    if (one(at, "Zz")) {
        return 1;
    }
    if (!one(at, "+-") || !digits(&hours, at, 2) || !one(at, ":") ||
        !digits(&minutes, at, 2) || hours > 23 || minutes > 59) {
        return 0;
    }
    *seconds = sign * (hours * 3600 + minutes * 60);
    return 1;
}

int chat_instant_parse(apr_time_t *out, const char *text)
{
    apr_time_exp_t t;
    apr_time_t when;
    int offset;

    memset(&t, 0, sizeof(t));
    if (!date(&t, &text) || !one(&text, "Tt ") || !clock_time(&t, &text)) {
        return 0;
    }
    if (one(&text, ".")) {
        size_t n = strspn(text, "0123456789");

        if (n == 0 || n > 9) {
            return 0;
        }
        text += n;
    }
    if (!zone(&offset, &text) || *text != '\0' ||
        apr_time_exp_get(&when, &t) != APR_SUCCESS) {
        return 0;
    }
    *out = when - apr_time_from_sec(offset);
    return 1;
}
