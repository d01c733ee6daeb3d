/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome.h - what became of WebSockets, counted over all children.
 *
 * The counters lie in memory that the parent shares with its children, and stay
 * where they are over graceful restarts: they count from httpd's start. Any
 * thread counts, with atomic additions.
 */
#ifndef CHAT_OUTCOME_H
#define CHAT_OUTCOME_H

#include <httpd.h>

/* Refused means: answered by us, with the status named. */
typedef enum {
    CHAT_OUTCOME_HANDED,    /* given to chat-push */
    CHAT_OUTCOME_PROXIED,   /* left to mod_proxy, where it holds a worker */
    CHAT_OUTCOME_AWAY,      /* 503: chat-push takes none */
    CHAT_OUTCOME_UNKNOWN,   /* 503: the database cannot say whose it is */
    CHAT_OUTCOME_FULL,      /* 503: no room for one more by TLS */
    CHAT_OUTCOME_LARGE,     /* 431: more headers than chat-push reads */
    CHAT_OUTCOME_EARLY,     /* 400: gone, or too much sent before the answer */
    CHAT_OUTCOME_MALFORMED, /* 426: no upgrade request */
    CHAT_OUTCOME_UNFIT,     /* 501: cannot leave httpd, and no ProxyPass */
    CHAT_OUTCOME_N
} chat_outcome_t;

/** Make the counters, or find those of before the restart; post_config. */
apr_status_t chat_outcome_prepare(server_rec *s);

void chat_outcome_count(chat_outcome_t what);

apr_uint64_t chat_outcome_of(chat_outcome_t what);

#endif
