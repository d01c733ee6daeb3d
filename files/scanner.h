/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scanner.h - is there something bad in a file? Another program says.
 */
#ifndef FILES_SCANNER_H
#define FILES_SCANNER_H

#include "checkup.h"
#include "settings.h"

typedef enum {
    SCAN_CLEAN,
    SCAN_INFECTED, /* `why` is its name for it */
    SCAN_AWAY,     /* no answer, or none that says anything: worth another try */
    SCAN_REFUSED   /* it will never take this file */
} scan_result_t;

/**
 * Ask the scanner about a file. Waits, ChatScanTimeout at most.
 * @param why  filled unless clean
 */
scan_result_t files_scan(char why[CHAT_CHECKUP_WHY + 1],
                         const files_settings_t *set, const char *path);

#endif
