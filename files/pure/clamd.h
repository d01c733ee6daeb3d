/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clamd.h - what clamd answers to INSTREAM, and who the scanner is.
 *
 * Pure functions: the answer comes from another program, the setting from an
 * operator.
 */
#ifndef FILES_CLAMD_H
#define FILES_CLAMD_H

#include <stddef.h>

#define CLAMD_REPLY 1024 /* bytes of an answer that are looked at */
#define CLAMD_NAME 120   /* bytes of a signature's name, at most */

typedef enum {
    CLAMD_MORE,     /* the answer goes on */
    CLAMD_OK,       /* nothing found */
    CLAMD_FOUND,    /* the name is filled */
    CLAMD_TOO_LARGE, /* longer than its StreamMaxLength */
    CLAMD_ERROR     /* it could not, or this is no clamd */
} clamd_reply_t;

/**
 * Read an answer.
 * @param name   with CLAMD_FOUND what it found, printable ASCII
 * @param whole  the connection has ended: nothing will come any more
 */
clamd_reply_t clamd_reply(char name[CLAMD_NAME + 1], const char *bytes,
                          size_t len, int whole);

typedef enum {
    SCANNER_OFF,
    SCANNER_UNIX,    /* clamd at a socket's path: a */
    SCANNER_TCP,     /* clamd at host a, port b */
    SCANNER_COMMAND, /* the program a */
    SCANNER_WRONG
} scanner_kind_t;

#define SCANNER_ROOM 256

/**
 * Read "off", "clamd:/path", "clamd:host:port" ([v6] in brackets) or
 * "command:/path".
 * @param a, b  room for what belongs to it, terminated
 */
scanner_kind_t scanner_read(char a[SCANNER_ROOM], char b[SCANNER_ROOM],
                            const char *setting);

#endif
