/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims.h - which files are being looked at, and which wait for another try.
 *
 * A claim says that a file is somebody's: who asks meanwhile is told that it is
 * pending. While the scanner is away its claim waits here, for 1 s, 2 s, 4 s …,
 * until its tries are used up. The table is bounded; what finds no place in it
 * is pending without being tried again, until mod_chat asks the next time.
 */
#ifndef FILES_CLAIMS_H
#define FILES_CLAIMS_H

#include "checkup.h"

/** @return a claim's number, or -1: it is somebody's, or the table is full */
int files_claim(const chat_checkup_request_t *request);

/** It is done. */
void files_release(int claim);

/** Try again later. @return 0: `most` tries were made, the claim is as it was */
int files_later(int claim, int most);

/** Wait for a claim whose time has come. @param request  what it is about */
int files_due(chat_checkup_request_t *request);

#endif
