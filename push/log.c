/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - lines, their escapes and their budget, see log.h.
 *
 * PUSH_LOG_LINE holds the worst case (each byte as six), so no line is cut in
 * the middle of an escape or before its end.
 */
#include "log.h"
#include "utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <apr_strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const levels[] = { "error", "warning", "info", "debug" };
static const char *const styles[] = { "text", "logfmt", "json" };

/* Set before the threads run. */
static push_log_style_t log_style = PUSH_LOG_TEXT;
static push_log_level_t log_level = PUSH_LOG_INFO;
static apr_uint32_t log_most = 20;

/* Of clients' lines: the second in the upper half, lines of it below. */
static apr_uint64_t window;     /* atomic */
static apr_uint64_t suppressed; /* atomic, since the start */
static apr_uint64_t told;       /* atomic: as many of these were told */

/* --- a line as bytes --- */

static char *put(char *at, const char *text)
{
    apr_size_t len = strlen(text);

    memcpy(at, text, len);
    return at + len;
}

/* Bytes of the UTF-8 character at the start; 0 when it is none, or one that
 * shows nothing: C0, DEL, C1 and the line separators. */
static apr_size_t visible(const char *text, apr_size_t len)
{
    const unsigned char *b = (const unsigned char *)text;
    apr_size_t n = b[0] < 0x80 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;

    if (n == 1) {
        return b[0] >= 0x20 && b[0] != 0x7f;
    }
    if (n > len || !chat_utf8_valid(text, n) || (b[0] == 0xc2 && b[1] < 0xa0) ||
        (b[0] == 0xe2 && b[1] == 0x80 && (b[2] == 0xa8 || b[2] == 0xa9))) {
        return 0;
    }
    return n;
}

/* A byte that is not shown: \xNN for people and logfmt; JSON knows no bytes,
 * so there it is the character of that number. */
static char *put_hidden(char *at, unsigned char byte, int json)
{
    return at + apr_snprintf(at, sizeof("\\u0000"),
                             json ? "\\u%04x" : "\\x%02x", byte);
}

/* @param quoted  inside of quotes: they and backslashes are escaped */
static char *put_escaped(char *at, const char *text, apr_size_t most, int json,
                         int quoted)
{
    apr_size_t len = strlen(text);
    int cut = len > most;
    apr_size_t n;

    len = cut ? most : len;
    while (len > 0) {
        n = visible(text, len);
        if (n == 0) {
            at = put_hidden(at, (unsigned char)*text, json);
            n = 1;
        }
        else {
            if (quoted && (*text == '"' || *text == '\\')) {
                *at++ = '\\';
            }
            memcpy(at, text, n);
            at += n;
        }
        text += n;
        len -= n;
    }
    return cut ? put(at, "...") : at;
}

static char *put_quoted(char *at, const char *text, apr_size_t most, int json)
{
    *at++ = '"';
    at = put_escaped(at, text, most, json, 1);
    *at++ = '"';
    return at;
}

/* Whether a logfmt value stands for itself. */
static int is_plain(const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789._:/@+-";

    return *text != '\0' && strlen(text) <= PUSH_LOG_VALUE &&
           text[strspn(text, plain)] == '\0';
}

static char *put_field(char *at, push_log_style_t style,
                       const push_log_field_t *f)
{
    int json = style == PUSH_LOG_JSON;

    at = put(at, json ? ",\"" : " ");
    at = put(at, f->key);
    at = put(at, json ? "\":" : "=");
    if (f->text == NULL) {
        return at + apr_snprintf(at, sizeof("18446744073709551615"),
                                 "%" APR_UINT64_T_FMT, f->number);
    }
    return !json && is_plain(f->text)
               ? put(at, f->text)
               : put_quoted(at, f->text, PUSH_LOG_VALUE, json);
}

/* "2026-11-22T21:33:15.123Z" */
static char *put_time(char *at, apr_time_t time)
{
    apr_time_exp_t t;

    apr_time_exp_gmt(&t, time);
    return at + apr_snprintf(at, sizeof("2026-11-22T21:33:15.123Z"),
                             "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                             t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                             t.tm_hour, t.tm_min, t.tm_sec, t.tm_usec / 1000);
}

static char *put_start(char *at, push_log_style_t style, apr_time_t time,
                       push_log_level_t level, const char *message)
{
    if (style == PUSH_LOG_TEXT) {
        at = put(at, level == PUSH_LOG_WARNING ? "chat-push: warning: "
                                               : "chat-push: ");
        return put_escaped(at, message, PUSH_LOG_MESSAGE, 0, 0);
    }
    at = put(at, style == PUSH_LOG_JSON ? "{\"time\":\"" : "time=");
    at = put_time(at, time);
    at = put(at, style == PUSH_LOG_JSON ? "\",\"level\":\"" : " level=");
    at = put(at, levels[level]);
    at = put(at, style == PUSH_LOG_JSON ? "\",\"msg\":" : " msg=");
    return put_quoted(at, message, PUSH_LOG_MESSAGE, style == PUSH_LOG_JSON);
}

apr_size_t push_log_line(char *out, push_log_style_t style, apr_time_t time,
                         push_log_level_t level, const char *message,
                         const push_log_field_t *fields, int n)
{
    char *at = put_start(out, style, time, level, message);
    int i;

    for (i = 0; i < n && i < PUSH_LOG_FIELDS; i++) {
        at = put_field(at, style, &fields[i]);
    }
    at = put(at, style == PUSH_LOG_JSON ? "}\n" : "\n");
    return (apr_size_t)(at - out);
}

/* --- writing --- */

static int name_of(const char *const *names, apr_size_t n, const char *name)
{
    apr_size_t i;

    for (i = 0; i < n; i++) {
        if (!strcmp(names[i], name)) {
            return (int)i;
        }
    }
    return -1;
}

int push_log_style_of(const char *name)
{
    return name_of(styles, COUNT(styles), name);
}

int push_log_level_of(const char *name)
{
    return name_of(levels, COUNT(levels), name);
}

void push_log_setup(push_log_style_t style, push_log_level_t level,
                    apr_uint32_t most)
{
    log_style = style;
    log_level = level;
    log_most = most;
}

int push_log_on(push_log_level_t level) { return level <= log_level; }

/* A log that cannot be written to is no reason to stop. */
static void line_write(push_log_level_t level, const char *message,
                       const push_log_field_t *fields, int n)
{
    char line[PUSH_LOG_LINE];
    apr_size_t len = push_log_line(line, log_style, apr_time_now(), level,
                                   message, fields, n);
    int err = errno;

    while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR) {
    }
    errno = err;
}

void push_log(push_log_level_t level, const char *format, ...)
{
    char message[PUSH_LOG_MESSAGE + 2]; /* one byte more shows a cut */
    va_list args;

    if (!push_log_on(level)) {
        return;
    }
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    line_write(level, message, NULL, 0);
}

void push_log_report(int trouble, const char *line)
{
    push_log(trouble ? PUSH_LOG_WARNING : PUSH_LOG_INFO, "%s", line);
}

/* Take one line from the budget of this second. */
static int budget_take(void)
{
    apr_uint32_t now = (apr_uint32_t)apr_time_sec(apr_time_now());
    apr_uint64_t seen = __atomic_load_n(&window, __ATOMIC_RELAXED);
    apr_uint64_t next;
    apr_uint32_t lines;

    do {
        lines = (seen >> 32) == now ? (apr_uint32_t)seen : 0;
        if (lines >= log_most) {
            __atomic_fetch_add(&suppressed, 1, __ATOMIC_RELAXED);
            return 0;
        }
        next = ((apr_uint64_t)now << 32) | (lines + 1);
    } while (!__atomic_compare_exchange_n(&window, &seen, next, 0,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return 1;
}

/* Say how many lines are missing before this one. */
static void missing_tell(void)
{
    apr_uint64_t all = __atomic_load_n(&suppressed, __ATOMIC_RELAXED);
    apr_uint64_t before = __atomic_exchange_n(&told, all, __ATOMIC_RELAXED);
    push_log_field_t field = { "suppressed", NULL, all - before };

    if (all > before) {
        line_write(PUSH_LOG_INFO, "more lines than clients may cause", &field,
                   1);
    }
}

void push_log_client(push_log_level_t level, const char *message,
                     const push_log_field_t *fields, int n)
{
    if (push_log_on(level) && budget_take()) {
        missing_tell();
        line_write(level, message, fields, n);
    }
}

apr_uint64_t push_log_suppressed(void)
{
    return __atomic_load_n(&suppressed, __ATOMIC_RELAXED);
}
