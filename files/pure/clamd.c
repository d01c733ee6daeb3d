/* SPDX-License-Identifier: Apache-2.0 */
/* clamd.c - clamd's answers and the scanner's setting; see clamd.h. */
#include "clamd.h"

#include <string.h>

static const char STREAM[] = "stream: ";
static const char OK[] = "stream: OK";
static const char FOUND[] = " FOUND";
static const char LIMIT[] = "INSTREAM size limit exceeded";

static int begins(const char *bytes, size_t len, const char *with)
{
    size_t n = strlen(with);

    return len >= n && memcmp(bytes, with, n) == 0;
}

/* What stands between "stream: " and " FOUND". */
static clamd_reply_t found(char name[CLAMD_NAME + 1], const char *bytes,
                           size_t len)
{
    size_t from = sizeof(STREAM) - 1, tail = sizeof(FOUND) - 1, i, n;

    if (len <= from + tail || memcmp(bytes + len - tail, FOUND, tail) != 0) {
        return CLAMD_ERROR;
    }
    n = len - tail - from;
    if (n > CLAMD_NAME) {
        n = CLAMD_NAME;
    }
    for (i = 0; i < n; i++) {
        char c = bytes[from + i];

        name[i] = c;
        if (c < ' ' || c > '~') {
            name[i] = '?';
        }
    }
    name[n] = '\0';
    return CLAMD_FOUND;
}

clamd_reply_t clamd_reply(char name[CLAMD_NAME + 1], const char *bytes,
                          size_t len, int whole)
{
    const char *end = len > 0 ? memchr(bytes, '\0', len) : NULL;

    name[0] = '\0';
    if (end == NULL && !whole && len < CLAMD_REPLY) {
        return CLAMD_MORE;
    }
    len = end != NULL ? (size_t)(end - bytes) : len;
    while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r')) {
        len--;
    }
    if (len == sizeof(OK) - 1 && memcmp(bytes, OK, len) == 0) {
        return CLAMD_OK;
    }
    if (begins(bytes, len, LIMIT)) {
        return CLAMD_TOO_LARGE;
    }
    return begins(bytes, len, STREAM) ? found(name, bytes, len) : CLAMD_ERROR;
}

/* Copy what fits and is not empty. */
static int put(char to[SCANNER_ROOM], const char *from, size_t len)
{
    if (len == 0 || len >= SCANNER_ROOM) {
        return 0;
    }
    memcpy(to, from, len);
    to[len] = '\0';
    return 1;
}

static int port_valid(const char *s)
{
    size_t n = strspn(s, "0123456789");

    return n >= 1 && n <= 5 && s[n] == '\0';
}

static scanner_kind_t tcp(char a[SCANNER_ROOM], char b[SCANNER_ROOM],
                          const char *s)
{
    const char *colon = strrchr(s, ':');
    size_t len;

    if (colon == NULL || !port_valid(colon + 1)) {
        return SCANNER_WRONG;
    }
    len = (size_t)(colon - s);
    if (len > 2 && s[0] == '[' && s[len - 1] == ']') {
        s++;
        len -= 2;
    }
    return put(a, s, len) && put(b, colon + 1, strlen(colon + 1))
               ? SCANNER_TCP
               : SCANNER_WRONG;
}

scanner_kind_t scanner_read(char a[SCANNER_ROOM], char b[SCANNER_ROOM],
                            const char *setting)
{
    static const char clamd[] = "clamd:", command[] = "command:";
    const char *rest;

    a[0] = b[0] = '\0';
    if (strcmp(setting, "off") == 0) {
        return SCANNER_OFF;
    }
    if (strncmp(setting, command, sizeof(command) - 1) == 0) {
        rest = setting + sizeof(command) - 1;
        return rest[0] == '/' && put(a, rest, strlen(rest)) ? SCANNER_COMMAND
                                                            : SCANNER_WRONG;
    }
    if (strncmp(setting, clamd, sizeof(clamd) - 1) != 0) {
        return SCANNER_WRONG;
    }
    rest = setting + sizeof(clamd) - 1;
    if (rest[0] == '/') {
        return strlen(rest) < 108 && put(a, rest, strlen(rest))
                   ? SCANNER_UNIX
                   : SCANNER_WRONG;
    }
    return tcp(a, b, rest);
}
