/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settled.h - how far the event log is settled, as earlier looks have shown.
 *
 * On PostgreSQL an id below the newest may still appear while a transaction
 * older than it runs. Each look at the log draws a fence, a transaction id
 * younger than all that could bring an id up to `upto`; when a later look finds
 * that no transaction older than that fence is running, everything up to `upto`
 * is settled. So a few looks of the last seconds are remembered, and one
 * transaction that stays open holds the mark where it was when it began,
 * instead of at the first id that was ever given up.
 *
 * Pure; the caller locks.
 */
#ifndef CHAT_SETTLED_H
#define CHAT_SETTLED_H

#include <apr.h>

#define CHAT_SETTLED_LOOKS 8

typedef struct {
    apr_int64_t floor; /* settled up to this id */
    struct {
        apr_int64_t upto;
        apr_int64_t fence; /* 0: none */
    } looks[CHAT_SETTLED_LOOKS]; /* oldest first */
} chat_settled_t;

/**
 * Add what a look has found.
 * @param oldest  the oldest transaction running then
 * @param upto    the last id then, with the fence drawn after
 */
void chat_settled_note(chat_settled_t *s, apr_int64_t oldest, apr_int64_t upto,
                       apr_int64_t fence);

/** Another log: all that is known is of the old one. */
void chat_settled_forget(chat_settled_t *s);

#endif
