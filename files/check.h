/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - one file looked at, from scan to verdict.
 *
 * Each step may be done twice: a process that dies in the middle leaves the
 * file as it was or without its metadata, and whoever asks again begins anew.
 */
#ifndef FILES_CHECK_H
#define FILES_CHECK_H

#include "checkup.h"
#include "settings.h"

/**
 * Scan, remove metadata, measure.
 * @param c  the answer; state PENDING: the scanner is away, `why` says how
 */
void files_check(chat_checkup_t *c, const files_settings_t *set, const char *id,
                 const char *mime);

/** Keep an answer beside the file until it is taken. */
void files_keep(const files_settings_t *set, const char *id,
                const chat_checkup_t *c);

/** An answer that was kept. @return 1 when there is one */
int files_kept(chat_checkup_t *c, const files_settings_t *set, const char *id);

#endif
