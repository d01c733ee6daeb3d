/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reseal.h - chatctl keys reseal: the files of a conversation, sealed with its
 * newest data key, those from before there were keys as well.
 *
 * One file at a time, beside a running chat: who downloads goes on reading the
 * old file. Done again it goes on where it was interrupted. Its texts are
 * sealed_texts.h's.
 */
#ifndef CTL_RESEAL_H
#define CTL_RESEAL_H

#include "ctl.h"
#include "keyring.h"

typedef struct {
    apr_int64_t sealed; /* files sealed with the newest key, their thumbnails
                           not counted */
    apr_int64_t before; /* that were already */
    apr_int64_t left; /* whose thumbnail is still to come, or that are in use */
    apr_int64_t lost; /* that are not there or cannot be opened */
} ctl_reseal_t;

/** @param files  of ChatFiles. @return CTL_OK, else said already */
int ctl_reseal(ctl_reseal_t *done, chat_db_t *db, const chat_keyring_t *ring,
               const char *conversation, const char *files, apr_pool_t *p);

#endif
