/* SPDX-License-Identifier: Apache-2.0 */
/*
 * companion.h - chat-push as the one who takes sockets from us.
 *
 * Each child has links to chat-push's handoff socket. A link serves one thread
 * at a time, because an answer belongs to whoever asked; in between it lies in
 * a stack of a few, so a quiet child has one.
 *
 * Handing over takes two steps: chat_companion_ask() waits until chat-push says
 * that it takes a socket, some tens of microseconds; chat_companion_give()
 * sends it and never waits. A chat-push that is stopped or stuck answers
 * nothing: the first who ask find out in half a second, when many wait already
 * sooner, and until the answer comes that they were waiting for, everybody else
 * is told at once. So it is too while chat-push restarts and somebody keeps its
 * socket open: the next one finds the question in the socket's queue.
 *
 * Links of a chat-push that has ended are dropped when they are found to be,
 * and a new one is tried: the first request after its return gets through.
 */
#ifndef CHAT_COMPANION_H
#define CHAT_COMPANION_H

#include <apr_pools.h>

#include "handoff.h"

typedef struct chat_companion_t chat_companion_t;

typedef enum {
    CHAT_COMPANION_READY,
    CHAT_COMPANION_ABSENT,   /* nobody listens there, or not to us */
    CHAT_COMPANION_SILENT,   /* somebody does and gives no answer */
    CHAT_COMPANION_FULL,     /* it has no descriptor left */
    CHAT_COMPANION_STRANGER, /* it speaks another version */
    CHAT_COMPANION_TOO_LARGE /* the message does not fit */
} chat_companion_result_t;

/**
 * @param path  of chat-push's socket; it need not exist yet
 * @return NULL when the path does not fit a socket address
 */
chat_companion_t *chat_companion_create(const char *path, apr_pool_t *p);

/** The path, for log lines. */
const char *chat_companion_path(const chat_companion_t *companion);

/**
 * Whether chat-push takes a socket now. Any thread.
 * @param link  on READY: to be given back with _give() or _keep()
 */
chat_companion_result_t chat_companion_ask(int *link,
                                           chat_companion_t *companion);

/**
 * Give it the socket. The caller still has its copy, and closes that only.
 * @return READY when it is on its way; the link is given back in any case
 */
chat_companion_result_t chat_companion_give(chat_companion_t *companion,
                                            int link, int socket,
                                            const chat_handoff_t *m);

/**
 * Tell chat-push whose socket it is, so that it is found when the log-in or a
 * membership ends. Waits for the answer as _ask() does.
 */
chat_companion_result_t chat_companion_note(chat_companion_t *companion,
                                            const chat_handoff_note_t *note);

/** There is nothing to give after all. */
void chat_companion_keep(chat_companion_t *companion, int link);

/** What is wrong, as a part of a sentence. */
const char *chat_companion_why(chat_companion_result_t result);

#endif
