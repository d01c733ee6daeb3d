/* SPDX-License-Identifier: Apache-2.0 */
/*
 * membership.h - who belongs to a conversation, for sockets whose user httpd
 * has named.
 *
 * A loop must not wait for the database, so it leaves a question here and goes
 * on. One thread with one connection asks, with mod_chat's own statement, and
 * posts the answer back to the loop. Questions are answered in their order.
 *
 * A server that says nothing costs each question the time that connecting may
 * take. So while the last one got no answer, those that have waited for
 * PUSH_MEMBERSHIP_MS are not asked any more: nobody waits for all before it.
 */
#ifndef PUSH_MEMBERSHIP_H
#define PUSH_MEMBERSHIP_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "loop.h"

#define PUSH_MEMBERSHIP_MOST 20000 /* questions that may wait */
#define PUSH_MEMBERSHIP_MS 3000    /* see above */

typedef struct push_membership_t push_membership_t;

typedef enum {
    PUSH_MEMBERSHIP_NO,
    PUSH_MEMBERSHIP_YES,
    PUSH_MEMBERSHIP_UNKNOWN /* the database could not say */
} push_membership_verdict_t;

/* A question; embed it first in your own struct, which the task that runs with
 * the answer frees. */
typedef struct push_membership_ask_t push_membership_ask_t;
struct push_membership_ask_t {
    push_task_t task;            /* run on `loop` once `verdict` is there */
    push_loop_t *loop;           /* who asks */
    push_membership_ask_t *next; /* in the queue */
    apr_uint64_t since;          /* monotonic ms: put there */
    const char *user; /* ids, chat_id_valid(); live as long as this */
    const char *conversation;
    push_membership_verdict_t verdict;
};

/**
 * Prepare; no connection is opened.
 * @param database  as chat_db_conf_t's target
 * @param log       told when the database is away, and when it is back
 * @param why       a sentence when not APR_SUCCESS
 */
apr_status_t push_membership_create(push_membership_t **members,
                                    const char *database,
                                    void (*log)(int trouble, const char *line),
                                    const char **why, apr_pool_t *p);

apr_status_t push_membership_start(push_membership_t *members);

/** End the thread; what waits is answered UNKNOWN. Loops must still run. */
void push_membership_stop(push_membership_t *members);

/** Any loop. @return 0: too many questions wait, this one was not taken */
int push_membership_ask(push_membership_t *members, push_membership_ask_t *ask);

#endif
