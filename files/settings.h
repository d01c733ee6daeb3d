/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - how a chat-files runs; read from its arguments once, by main.
 */
#ifndef FILES_SETTINGS_H
#define FILES_SETTINGS_H

#include "clamd.h"

typedef struct {
    const char *dir; /* of ChatFiles */
    int listener;    /* the socket that httpd listens on for us */
    scanner_kind_t scanner;
    char scan_a[SCANNER_ROOM]; /* path, host or program */
    char scan_b[SCANNER_ROOM]; /* port */
    int scan_timeout;          /* ms */
    int scan_retries; /* further tries when it is away */
    unsigned long long max_pixels;
} files_settings_t;

#endif
